//! `gand train`: one run in the foreground, without a server, into a folder.

use super::datasets::Folders;
use super::exit::{Fails as _, Fault};
use super::run_folder::RunFolder;
use super::{checkpoint, progress, runtime};
use crate::config;
use crate::eval::ParzenResult;
use crate::gan::ops::simd::{self, Level};
use crate::gan::spec::Spec;
use crate::gan::{self, Checkpoint, Trainer, read_spec, recipe};
use crate::job::{Diagnosis, Finding, JobErrorKind, Severity};
use crate::library::Library;
use crate::worker::{Assignment, Control, Outcome, Outlet, RunEvent, Start, TrainingThread, WorkerConfig};
use anyhow::{Context as _, anyhow, bail};
use indicatif::ProgressBar;
use serde_json::{Value, json};
use std::io::Write as _;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Settings of `gand train`.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// A spec in a JSON file, or a recipe's name (then --dataset says on what)
    #[arg(required_unless_present = "resume", value_name = "SPEC")]
    spec: Option<String>,
    /// Dataset to train on, over the spec's
    #[arg(long, value_name = "NAME")]
    dataset: Option<String>,
    /// Steps to train, over the spec's
    #[arg(long, value_name = "N")]
    steps: Option<u64>,
    /// Seed of all randomness, over the spec's
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Folder for the run's files [default: runs/RECIPE-DATASET-SEED]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Go on with the run in this folder, from its newest checkpoint
    #[arg(long, value_name = "DIR", conflicts_with_all = ["spec", "dataset", "seed", "out"])]
    resume: Option<PathBuf>,
    /// Start from the weights of this checkpoint's file (a fork), as `from` lets a job of the server's
    #[arg(long, value_name = "FILE", conflicts_with = "resume")]
    from: Option<PathBuf>,
    /// Threads to compute with [default: all cores]
    #[arg(long, env = "GAND_THREADS", value_name = "N")]
    threads: Option<NonZeroUsize>,
    /// Compute as a processor without the better kernels does, to the same bits [default: the best there are]
    #[arg(long, env = "GAND_KERNELS", value_name = "KERNELS")]
    kernels: Option<Kernels>,
    #[command(flatten)]
    folders: Folders,
    /// Print what came of it as one JSON object
    #[arg(long)]
    json: bool,
}

/// Sets of kernels, by the processors that have no better ones.
#[derive(clap::ValueEnum, Clone, Copy, Debug)]
enum Kernels {
    Avx512,
    Avx2,
    /// Those of any processor
    Portable,
}

impl Kernels {
    /// Has the process compute with these.
    fn choose(self) -> anyhow::Result<()> {
        let level = match self {
            Self::Avx512 => Level::V4,
            Self::Avx2 => Level::V3,
            Self::Portable => Level::Portable,
        };
        match simd::limit(level) {
            found if found == level => Ok(()),
            best => bail!("this processor has no {} kernels; its best are {}", level.name(), best.name()),
        }
    }
}

/// What came of a run.
#[derive(serde::Serialize)]
struct Report {
    /// Where its files are.
    folder: PathBuf,
    /// `succeeded`, or `stopped` by a signal.
    status: &'static str,
    /// The step it is at.
    step: u64,
    /// Steps trained now.
    trained: u64,
    seconds: f64,
    /// The last evaluation.
    parzen: Option<ParzenResult>,
    /// What is wrong with the result, if anything.
    verdict: Option<Verdict>,
}

/// The gravest finding that holds at the end.
#[derive(serde::Serialize)]
struct Verdict {
    kind: String,
    severity: Severity,
}

/// Trains to the last step, or until a signal: then a checkpoint is written from which `--resume` goes on.
///
/// # Errors
///
/// If the spec is at fault, the run fails, or the folder cannot be written.
pub fn run(args: &Args) -> anyhow::Result<()> {
    args.kernels.map_or(Ok(()), Kernels::choose).or_fault(Fault::Given)?;
    let library = args.folders.library_as_found();
    let (spec, mut folder, start) = match &args.resume {
        Some(path) => resumed(path, args.steps).or_fault(Fault::Given)?,
        None => begun(args, &library)?,
    };
    let data = library.get(&spec.dataset)?;
    let worker = WorkerConfig::new("", 1, args.threads.map_or_else(config::cores, NonZeroUsize::get), Duration::MAX);
    let assignment = Assignment {
        spec: spec.clone(),
        data,
        past: folder.past(&spec)?,
        cache: library.cache().clone(),
        forked: folder.is_fork(),
        start,
        threads: worker.threads,
        stall: worker.stall,
        long_stall: worker.long_stall,
    };
    runtime::block_on(train(assignment, &spec, &mut folder, args.json))
}

async fn train(assignment: Assignment, spec: &Spec, folder: &mut RunFolder, json: bool) -> anyhow::Result<()> {
    let control = Arc::new(Control::new(None));
    let (outlet, mut events) = Outlet::new(Arc::clone(&control), assignment.stall);
    let first = match &assignment.start {
        Start::Resume(checkpoint) => checkpoint.step,
        Start::Fresh | Start::Fork(_) => 0,
    };
    let bar = progress::steps(spec.training.steps, first);
    let begun = Instant::now();
    let thread = TrainingThread::start(assignment, Arc::clone(&control), outlet).context("no thread to train in")?;
    let mut stopping = false;
    let mut signal = std::pin::pin!(runtime::stop_signal());
    loop {
        tokio::select! {
            event = events.recv() => match event {
                Some(event) => { show(&bar, &event); folder.keep(event)? }
                None => break,
            },
            () = &mut signal => {
                if stopping {
                    return Err(anyhow!("stopped at once; --resume goes on from the last checkpoint")).or_fault(Fault::Stopped);
                }
                stopping = true;
                signal.set(runtime::stop_signal());
                bar.set_message("stopping at a checkpoint");
                control.shut_down();
            }
        }
    }
    let outcome = thread.outcome().await;
    bar.finish_and_clear();
    let outcome = outcome.or_else(|error| {
        let fault = match error.kind {
            JobErrorKind::Spec | JobErrorKind::Dataset | JobErrorKind::Checkpoint => Fault::Given,
            JobErrorKind::Unsound => Fault::Unsound,
            JobErrorKind::Diverged | JobErrorKind::WorkerLost | JobErrorKind::Internal => Fault::Training,
        };
        let told = match error.step {
            Some(step) => anyhow!("step {step}: {}", error.detail),
            None => anyhow!(error.detail),
        };
        Err(told).or_fault(fault)
    })?;
    let status = match outcome {
        Outcome::Completed => "succeeded",
        Outcome::Stopped(_) => "stopped",
        Outcome::Abandoned => bail!("the run was given up"),
    };
    let step = control.step().max(first);
    let report = Report {
        folder: folder.path().to_owned(),
        status,
        step,
        trained: step - first,
        seconds: begun.elapsed().as_secs_f64(),
        parzen: folder.latest_evaluation().cloned(),
        verdict: folder.verdict().map(|finding| Verdict { kind: finding.kind.clone(), severity: finding.severity }),
    };
    match json {
        true => writeln!(std::io::stdout(), "{}", serde_json::to_string_pretty(&report)?)?,
        false => tell(&report)?,
    }
    match outcome {
        Outcome::Stopped(_) => Err(anyhow!("stopped by a signal before the last step")).or_fault(Fault::Stopped),
        _ => judged(folder.verdict()),
    }
}

/// A run that went wrong is no success, although it came to its end.
fn judged(verdict: Option<&Finding>) -> anyhow::Result<()> {
    match verdict.and_then(|finding| Some((finding, Diagnosis::of(&finding.kind)?))) {
        Some((finding, diagnosis)) => {
            Err(anyhow!("succeeded, but {}: {}", diagnosis.in_words(), finding.detail)).or_fault(Fault::Unsound)
        }
        None => Ok(()),
    }
}

/// What came of a run, for people.
fn tell(report: &Report) -> std::io::Result<()> {
    let Report { folder, status, step, trained, seconds, parzen, .. } = report;
    let (mut out, path, speed) = (std::io::stdout(), folder.display(), *trained as f64 / seconds.max(1e-9));
    writeln!(out, "trained {trained} steps in {seconds:.1} s ({speed:.1} a second) into {path}")?;
    if let Some(score) = parzen {
        writeln!(out, "log-likelihood {:.1} ± {:.1} nats", score.log_likelihood, score.standard_error)?;
    }
    if *status == "stopped" {
        writeln!(out, "stopped at step {step}; gand train --resume {path} goes on")?;
    }
    Ok(())
}

fn show(bar: &ProgressBar, event: &RunEvent) {
    match event {
        RunEvent::Metrics(rows) => {
            if let Some(last) = rows.last() {
                bar.set_position(last.step);
                bar.set_message(format!("D {:.3}  G {:.3}", last.d_loss, last.g_loss));
            }
        }
        RunEvent::Evaluation { step, result, .. } => {
            let score = format!("{:.1} ± {:.1}", result.log_likelihood, result.standard_error);
            report(bar, &format!("step {step}: log-likelihood {score} nats"));
        }
        RunEvent::Finding(Finding { kind, until_step: Some(until), .. }) => {
            report(bar, &format!("{kind}: no longer, from step {until} on"));
        }
        RunEvent::Finding(finding) | RunEvent::RolledBack(finding) | RunEvent::Restarted { finding, .. } => {
            report(bar, &format!("{}: {}", finding.kind, finding.detail));
        }
        RunEvent::Snapshot { .. } | RunEvent::Checkpoint { .. } => {}
    }
}

/// A line above the bar, or on its own where there is no terminal. A closed standard error leaves nobody to tell.
fn report(bar: &ProgressBar, line: &str) {
    if bar.is_hidden() {
        let _ = writeln!(std::io::stderr(), "{line}");
    } else {
        bar.println(line);
    }
}

/// What the command line says the spec is.
fn written(args: &Args) -> anyhow::Result<Value> {
    let name = args.spec.as_deref().unwrap_or_default();
    let mut spec = if recipe::find(name).is_some() && !Path::new(name).exists() {
        json!({ "recipe": name })
    } else {
        let text = std::fs::read_to_string(name).with_context(|| {
            let names: Vec<_> = recipe::all().iter().map(|recipe| recipe.name).collect();
            format!("{name} is neither a file nor a recipe ({})", names.join(", "))
        })?;
        serde_json::from_str(&text).with_context(|| format!("{name} is no JSON"))?
    };
    let Some(object) = spec.as_object_mut() else { bail!("{name} is no JSON object") };
    // The fields of a job, not of a run: a spec written for the server trains here, too.
    for field in ["name", "tags", "priority"] {
        object.remove(field);
    }
    if let Some(dataset) = &args.dataset {
        object.insert("dataset".to_owned(), json!(dataset));
    }
    if let Some(seed) = args.seed {
        object.insert("seed".to_owned(), json!(seed));
    }
    if let Some(steps) = args.steps {
        let training = object.entry("training").or_insert_with(|| json!({}));
        if let Some(training) = training.as_object_mut() {
            training.insert("steps".to_owned(), json!(steps));
        }
    }
    Ok(spec)
}

fn complete(written: &Value, library: &Library) -> anyhow::Result<Spec> {
    let facts_of = |name: &str| library.get(name).ok().map(|data| (&*data).into());
    if let Some(name) = written.get("dataset").and_then(Value::as_str) {
        // Says more than that there is no such dataset.
        library.get(name)?;
    }
    read_spec(written, &facts_of).map_err(|faults| {
        let lines = faults.iter().map(|gan::Fault { pointer, detail }| format!("\n  {pointer}: {detail}"));
        anyhow::anyhow!("the spec has faults:{}", lines.collect::<String>())
    })
}

fn begun(args: &Args, library: &Library) -> anyhow::Result<(Spec, RunFolder, Start)> {
    let spec = complete(&written(args).or_fault(Fault::Given)?, library).or_fault(Fault::Given)?;
    let origin = args.from.as_deref().map(|path| origin(path, &spec, library)).transpose().or_fault(Fault::Given)?;
    let name = format!("runs/{}-{}-{}", spec.recipe, spec.dataset, spec.seed);
    let path = args.out.clone().unwrap_or_else(|| name.into());
    let (bytes, start) = match origin {
        Some((bytes, checkpoint)) => (Some(bytes), Start::Fork(Box::new(checkpoint))),
        None => (None, Start::Fresh),
    };
    let folder = RunFolder::create(path, &spec, bytes.as_deref())?;
    Ok((spec, folder, start))
}

/// The checkpoint to start from. One that does not fit is refused before there is a folder.
fn origin(path: &Path, spec: &Spec, library: &Library) -> anyhow::Result<(Vec<u8>, Checkpoint)> {
    let (bytes, checkpoint) = checkpoint::read(path)?;
    let fork = Trainer::fork(&checkpoint, spec, library.get(&spec.dataset)?, 1);
    fork.with_context(|| format!("{} does not fit the spec", path.display()))?;
    Ok((bytes, checkpoint))
}

fn resumed(path: &Path, steps: Option<u64>) -> anyhow::Result<(Spec, RunFolder, Start)> {
    let (mut spec, mut folder) = RunFolder::open(path.to_owned())?;
    if let Some(steps) = steps {
        spec.training.steps = steps;
        folder.write_spec(&spec)?;
    }
    let start = match (folder.newest_checkpoint()?, folder.origin()?) {
        (Some(checkpoint), _) => Start::Resume(Box::new(checkpoint)),
        (None, Some(origin)) => Start::Fork(Box::new(origin)),
        (None, None) => Start::Fresh,
    };
    Ok((spec, folder, start))
}
