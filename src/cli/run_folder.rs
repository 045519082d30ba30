//! The folder of a run without a server: `spec.json`, `metrics.csv`, `checkpoints/`, `samples.png`, `evaluations.json`,
//! `findings.json`, and `origin.safetensors` where it starts from another's weights.

use super::checkpoint;
use crate::eval::ParzenResult;
use crate::gan::spec::Metric;
use crate::gan::{Checkpoint, Losses, Spec};
use crate::job::{Finding, health};
use crate::worker::{Past, RunEvent, standing};
use anyhow::{Context as _, bail};
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

const HEADER: &str = "step,d_loss,g_loss,value,d_real,d_fake\n";

/// The checkpoint that a fork starts from: without it, a fork that ends before its first checkpoint could not be gone on with.
const ORIGIN: &str = "origin.safetensors";

/// An evaluation and its step.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
struct Scored {
    step: u64,
    #[serde(flatten)]
    result: ParzenResult,
}

/// A run's files.
#[derive(Debug)]
pub struct RunFolder {
    path: PathBuf,
    keep: usize,
    keep_best: bool,
    best_by: Metric,
    metrics: File,
    evaluations: Vec<Scored>,
    findings: Vec<Finding>,
}

impl RunFolder {
    /// A folder for a new run, with the file of the checkpoint that it starts from.
    ///
    /// # Errors
    ///
    /// If it holds a run already, or cannot be written.
    pub fn create(path: PathBuf, spec: &Spec, origin: Option<&[u8]>) -> anyhow::Result<Self> {
        if path.join("spec.json").exists() {
            bail!("{0} holds a run already; --resume {0} goes on with it", path.display());
        }
        let checkpoints = path.join("checkpoints");
        fs::create_dir_all(&checkpoints).with_context(|| format!("cannot make {}", checkpoints.display()))?;
        replace(&path.join("metrics.csv"), HEADER.as_bytes())?;
        if let Some(origin) = origin {
            replace(&path.join(ORIGIN), origin)?;
        }
        let folder = Self::with(path, spec, Vec::new(), Vec::new())?;
        folder.write_spec(spec)?;
        Ok(folder)
    }

    /// The folder of a run that was begun.
    ///
    /// # Errors
    ///
    /// If it holds none, or cannot be read.
    pub fn open(path: PathBuf) -> anyhow::Result<(Spec, Self)> {
        let spec: Spec = read_json(&path.join("spec.json"))?;
        let evaluations = path.join("evaluations.json");
        let evaluations = if evaluations.exists() { read_json(&evaluations)? } else { Vec::new() };
        let findings = path.join("findings.json");
        let findings = if findings.exists() { read_json(&findings)? } else { Vec::new() };
        let folder = Self::with(path, &spec, evaluations, findings)?;
        Ok((spec, folder))
    }

    fn with(path: PathBuf, spec: &Spec, evaluations: Vec<Scored>, findings: Vec<Finding>) -> anyhow::Result<Self> {
        let metrics = path.join("metrics.csv");
        let metrics = File::options().append(true).open(&metrics);
        let metrics = metrics.with_context(|| format!("cannot write metrics.csv in {}", path.display()))?;
        let keep = usize::try_from(spec.checkpoint.keep).unwrap_or(usize::MAX);
        Ok(Self {
            path,
            keep,
            keep_best: spec.checkpoint.keep_best,
            best_by: spec.checkpoint.best_by,
            metrics,
            evaluations,
            findings,
        })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The last evaluation.
    #[must_use]
    pub fn latest_evaluation(&self) -> Option<&ParzenResult> {
        self.evaluations.last().map(|scored| &scored.result)
    }

    /// Writes the spec.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn write_spec(&self, spec: &Spec) -> anyhow::Result<()> {
        write_json(&self.path.join("spec.json"), spec)
    }

    /// Keeps what training sent.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn keep(&mut self, event: RunEvent) -> anyhow::Result<()> {
        match event {
            RunEvent::Metrics(rows) => {
                let lines: String = rows.iter().map(line).collect();
                self.metrics.write_all(lines.as_bytes()).context("cannot write metrics.csv")
            }
            RunEvent::Snapshot { png, .. } => replace(&self.path.join("samples.png"), &png),
            RunEvent::Evaluation { step, result, .. } => {
                self.evaluations.push(Scored { step, result });
                write_json(&self.path.join("evaluations.json"), &self.evaluations)
            }
            RunEvent::Finding(finding) => self.find(finding),
            RunEvent::RolledBack(finding) => {
                self.forget_beyond(Some(finding.step))?;
                health::forget_beyond(&mut self.findings, finding.step);
                self.find(finding)
            }
            RunEvent::Restarted { finding, bytes } => self.start_over(finding, &bytes),
            RunEvent::Checkpoint { step, bytes } => {
                replace(&self.checkpoint_path(step), &bytes)?;
                self.prune()
            }
        }
    }

    fn find(&mut self, finding: Finding) -> anyhow::Result<()> {
        health::note(&mut self.findings, finding);
        write_json(&self.path.join("findings.json"), &self.findings)
    }

    /// Begins the run again. The new checkpoint goes first: a run that is cut off in here goes on with the old ones, and
    /// comes to the same end.
    fn start_over(&mut self, finding: Finding, bytes: &[u8]) -> anyhow::Result<()> {
        replace(&self.checkpoint_path(0), bytes)?;
        for step in self.steps()?.into_iter().filter(|step| *step > 0) {
            let path = self.checkpoint_path(step);
            fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
        }
        self.forget_beyond(None)?;
        health::forget_beyond(&mut self.findings, 0);
        self.find(finding)
    }

    /// What is wrong with the run as it stands.
    #[must_use]
    pub fn verdict(&self) -> Option<&Finding> {
        health::verdict(&self.findings)
    }

    /// The newest checkpoint that reads. Those that do not, and metrics and evaluations beyond it, are removed: they
    /// will be made again, the same.
    ///
    /// # Errors
    ///
    /// If the folder cannot be read or written.
    pub fn newest_checkpoint(&mut self) -> anyhow::Result<Option<Checkpoint>> {
        let mut newest = None;
        for step in self.steps()?.into_iter().rev() {
            let path = self.checkpoint_path(step);
            let bytes = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
            match Checkpoint::from_bytes(&bytes) {
                Ok(checkpoint) => {
                    newest = Some(checkpoint);
                    break;
                }
                Err(error) => {
                    tracing::warn!(%error, path = %path.display(), "removing a damaged checkpoint");
                    fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
                }
            }
        }
        self.forget_beyond(newest.as_ref().map(|checkpoint| checkpoint.step))?;
        Ok(newest)
    }

    /// The checkpoint that the run starts from, if it is another's.
    ///
    /// # Errors
    ///
    /// If it cannot be read.
    pub fn origin(&self) -> anyhow::Result<Option<Checkpoint>> {
        Ok(if self.is_fork() { Some(checkpoint::read(&self.path.join(ORIGIN))?.1) } else { None })
    }

    /// Whether the run starts from another's weights.
    #[must_use]
    pub fn is_fork(&self) -> bool {
        self.path.join(ORIGIN).exists()
    }

    /// What was found until the newest checkpoint, once what lies beyond it is removed.
    ///
    /// # Errors
    ///
    /// If the metrics cannot be read.
    pub fn past(&self, spec: &Spec) -> anyhow::Result<Past> {
        let path = self.path.join("metrics.csv");
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let all: Vec<Losses> = text.lines().filter_map(losses).collect();
        let from = Past::losses_from(&spec.training, all.last().map_or(0, |last| last.step));
        Ok(Past {
            findings: self.findings.clone(),
            evaluations: self.evaluations.iter().map(|scored| (scored.step, scored.result.clone())).collect(),
            losses: all.into_iter().filter(|losses| losses.step >= from).collect(),
        })
    }

    /// Removes metrics and evaluations of steps beyond `last`; with `None`, all.
    fn forget_beyond(&mut self, last: Option<u64>) -> anyhow::Result<()> {
        self.evaluations.retain(|scored| last.is_some_and(|last| scored.step <= last));
        write_json(&self.path.join("evaluations.json"), &self.evaluations)?;
        let path = self.path.join("metrics.csv");
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let step = |line: &str| line.split(',').next().and_then(|step| step.parse::<u64>().ok());
        // A line without its end was cut off by a crash.
        let whole = text.split_inclusive('\n').filter(|line| line.ends_with('\n')).skip(1);
        let kept = whole.filter(|line| step(line).is_some_and(|step| last.is_some_and(|last| step <= last)));
        let text: String = std::iter::once(HEADER).chain(kept).collect();
        replace(&path, text.as_bytes())?;
        self.metrics = File::options().append(true).open(&path).context("cannot write metrics.csv")?;
        Ok(())
    }

    /// Removes checkpoints but for the newest and the best.
    fn prune(&self) -> anyhow::Result<()> {
        let standings =
            self.evaluations.iter().filter_map(|scored| Some((scored.step, standing(self.best_by, &scored.result)?)));
        let best = standings.reduce(|best, one| if one.1 > best.1 { one } else { best });
        let best = best.filter(|_| self.keep_best).map(|(step, _)| step);
        let steps = self.steps()?;
        for step in &steps[..steps.len().saturating_sub(self.keep)] {
            if Some(*step) != best {
                let path = self.checkpoint_path(*step);
                fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
            }
        }
        Ok(())
    }

    fn checkpoint_path(&self, step: u64) -> PathBuf {
        self.path.join(format!("checkpoints/step-{step:09}.safetensors"))
    }

    /// The steps that have a checkpoint, ascending.
    fn steps(&self) -> anyhow::Result<Vec<u64>> {
        let path = self.path.join("checkpoints");
        let entries = fs::read_dir(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let mut steps = Vec::new();
        for entry in entries {
            let name = entry.with_context(|| format!("cannot read {}", path.display()))?.file_name();
            let step = name.to_str().and_then(|name| name.strip_prefix("step-")?.strip_suffix(".safetensors"));
            steps.extend(step.and_then(|step| step.parse::<u64>().ok()));
        }
        steps.sort_unstable();
        Ok(steps)
    }
}

/// The losses in a line of `metrics.csv`; none in its header.
fn losses(line: &str) -> Option<Losses> {
    let (step, numbers) = line.split_once(',')?;
    let numbers: Vec<f32> = numbers.split(',').map(str::parse).collect::<Result<_, _>>().ok()?;
    let [d_loss, g_loss, value, d_real, d_fake] = numbers[..] else { return None };
    Some(Losses { step: step.parse().ok()?, d_loss, g_loss, value, d_real, d_fake })
}

fn line(losses: &Losses) -> String {
    let Losses { step, d_loss, g_loss, value, d_real, d_fake } = losses;
    format!("{step},{d_loss},{g_loss},{value},{d_real},{d_fake}\n")
}

/// Puts a file in place whole: whoever looks sees the old one or the new one, also after a crash.
fn replace(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let part = path.with_extension("part");
    let write = || -> std::io::Result<()> {
        let mut file = File::create(&part)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&part, path)
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}

fn write_json(path: &Path, value: &impl Serialize) -> anyhow::Result<()> {
    let mut text = serde_json::to_vec_pretty(value)?;
    text.push(b'\n');
    replace(path, &text)
}

fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> anyhow::Result<T> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} is not what gand wrote there", path.display()))
}
