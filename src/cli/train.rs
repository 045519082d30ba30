//! `gand train`: one run in the foreground, without a server, into a folder.

use super::run_folder::RunFolder;
use super::runtime;
use crate::config;
use crate::gan::spec::Spec;
use crate::gan::{Fault, read_spec, recipe};
use crate::library::Library;
use crate::worker::{Assignment, Control, Outcome, Outlet, RunEvent, Start, TrainingThread, WorkerConfig};
use anyhow::{Context as _, bail};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
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
    /// Threads to compute with [default: all cores]
    #[arg(long, env = "GAND_THREADS", value_name = "N")]
    threads: Option<NonZeroUsize>,
    /// Directory with datasets (mnist, cifar10, faces)
    #[arg(long, env = "GAND_DATA", value_name = "DIR")]
    datasets: Option<PathBuf>,
}

/// Trains to the last step, or until a signal: then a checkpoint is written from which `--resume` goes on.
///
/// # Errors
///
/// If the spec is at fault, the run fails, or the folder cannot be written.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let library = Library::new(args.datasets.iter().cloned().collect());
    let (spec, mut folder, start) = match &args.resume {
        Some(path) => resumed(path, args.steps)?,
        None => {
            let spec = complete(&written(args)?, &library)?;
            let name = format!("runs/{}-{}-{}", spec.recipe, spec.dataset, spec.seed);
            let folder = RunFolder::create(args.out.clone().unwrap_or_else(|| name.into()), &spec)?;
            (spec, folder, Start::Fresh)
        }
    };
    let data = library.get(&spec.dataset)?;
    let worker = WorkerConfig::new("", 1, args.threads.map_or_else(config::cores, NonZeroUsize::get), Duration::MAX);
    let assignment = Assignment {
        spec: spec.clone(),
        data,
        past: folder.past(),
        cache: library.cache().clone(),
        start,
        threads: worker.threads,
        stall: worker.stall,
        long_stall: worker.long_stall,
    };
    runtime::block_on(train(assignment, &spec, &mut folder))
}

async fn train(assignment: Assignment, spec: &Spec, folder: &mut RunFolder) -> anyhow::Result<()> {
    let control = Arc::new(Control::new(None));
    let (outlet, mut events) = Outlet::new(Arc::clone(&control), assignment.stall);
    let first = match &assignment.start {
        Start::Resume(checkpoint) => checkpoint.step,
        Start::Fresh | Start::Fork(_) => 0,
    };
    let bar = progress_bar(spec.training.steps, first);
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
                    bail!("stopped at once; --resume goes on from the last checkpoint");
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
    let path = folder.path().display();
    let outcome = outcome.map_err(|error| match error.step {
        Some(step) => anyhow::anyhow!("step {step}: {}", error.detail),
        None => anyhow::anyhow!(error.detail),
    })?;
    let (steps, seconds) = (control.step().max(first) - first, begun.elapsed().as_secs_f64());
    let speed = steps as f64 / seconds.max(1e-9);
    let mut out = std::io::stdout();
    match outcome {
        Outcome::Completed => {
            writeln!(out, "trained {steps} steps in {seconds:.1} s ({speed:.1} a second) into {path}")?;
            if let Some(score) = folder.latest_evaluation() {
                writeln!(out, "log-likelihood {:.1} ± {:.1} nats", score.log_likelihood, score.standard_error)?;
            }
        }
        Outcome::Stopped(_) => writeln!(out, "stopped at step {}; gand train --resume {path} goes on", control.step())?,
        Outcome::Abandoned => bail!("the run was given up"),
    }
    Ok(())
}

fn progress_bar(steps: u64, first: u64) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(steps), ProgressDrawTarget::stderr_with_hz(4));
    let template = "{bar:30} {pos}/{len} steps  {per_sec}  {eta} left  {msg}";
    bar.set_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.set_position(first);
    bar.reset_eta();
    bar
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
        RunEvent::Finding(finding) | RunEvent::RolledBack(finding) => {
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
        let lines = faults.iter().map(|Fault { pointer, detail }| format!("\n  {pointer}: {detail}"));
        anyhow::anyhow!("the spec has faults:{}", lines.collect::<String>())
    })
}

fn resumed(path: &Path, steps: Option<u64>) -> anyhow::Result<(Spec, RunFolder, Start)> {
    let (mut spec, mut folder) = RunFolder::open(path.to_owned())?;
    if let Some(steps) = steps {
        spec.training.steps = steps;
        folder.write_spec(&spec)?;
    }
    let start = match folder.newest_checkpoint()? {
        Some(checkpoint) => Start::Resume(Box::new(checkpoint)),
        None => Start::Fresh,
    };
    Ok((spec, folder, start))
}
