//! `gand train`: a run without a server.

use super::fixture::short;
use crate::support::process::Process;
use rustix::process::Signal;
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

const STEPS: u64 = 20_000;

/// Longer than so many steps take, on a machine that has other things to do.
const PATIENCE: Duration = Duration::from_secs(600);

pub(super) fn train(folder: &Path, arguments: &[&str]) -> Process {
    let path = |name: &str| folder.join(name).display().to_string();
    let arguments = arguments.iter().map(|argument| match argument.strip_prefix('@') {
        Some(name) => path(name),
        None => (*argument).to_owned(),
    });
    Process::start(["train".to_owned()].into_iter().chain(arguments).chain(["--threads".to_owned(), "1".to_owned()]))
}

#[test]
fn a_run_that_was_interrupted_and_killed_goes_on_to_the_same_files() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let mut spec = short(STEPS);
    spec["checkpoint"]["every"] = 500.into();
    spec["evaluation"]["every"] = 5000.into();
    fs::write(folder.join("spec.json"), spec.to_string()).unwrap();

    let (status, log) = train(folder, &["@spec.json", "--out", "@straight"]).wait_for(PATIENCE);
    assert!(status.success(), "{log}");

    // Ctrl-C: stops at a checkpoint of the step it is at.
    let process = train(folder, &["@spec.json", "--out", "@broken"]);
    until_checkpoint(folder, 500);
    process.signal(Signal::INT);
    let (status, log) = process.wait();
    assert_eq!(status.code(), Some(6), "{log}");
    let stopped_at = newest_checkpoint(folder).unwrap();
    assert!(stopped_at < STEPS, "too quick to be interrupted");

    // kill -9: goes on from the last checkpoint.
    let process = train(folder, &["--resume", "@broken"]);
    until_checkpoint(folder, stopped_at + 500);
    process.kill();
    let (status, log) = train(folder, &["--resume", "@broken"]).wait_for(PATIENCE);
    assert!(status.success(), "{log}");

    for name in ["spec.json", "metrics.csv", "samples.png", "checkpoints/step-000020000.safetensors"] {
        let read = |run: &str| fs::read(folder.join(run).join(name)).unwrap();
        assert!(read("straight") == read("broken"), "{name} differs");
    }
    let scores = |run: &str| -> Vec<(Value, Value)> {
        let text = fs::read_to_string(folder.join(run).join("evaluations.json")).unwrap();
        let items: Vec<Value> = serde_json::from_str(&text).unwrap();
        items.iter().map(|item| (item["step"].clone(), item["log_likelihood"].clone())).collect()
    };
    assert_eq!(scores("straight"), scores("broken"));
    assert_eq!(scores("straight").len(), 5);
}

#[test]
fn a_second_run_does_not_go_over_the_first() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::write(folder.join("spec.json"), short(20).to_string()).unwrap();
    assert!(train(folder, &["@spec.json", "--out", "@run"]).wait().0.success());
    let (status, log) = train(folder, &["@spec.json", "--out", "@run"]).wait();
    assert_eq!(status.code(), Some(1));
    assert!(log.contains("--resume"), "{log}");
}

#[test]
fn every_fault_of_the_spec_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::write(folder.join("spec.json"), r#"{"dataset": "digits", "seed": -1, "training": {"steps": 0}}"#).unwrap();
    let (status, log) = train(folder, &["@spec.json", "--out", "@run"]).wait();
    assert_eq!(status.code(), Some(3));
    assert!(log.contains("/seed") && log.contains("/training/steps"), "{log}");
    assert!(!folder.join("run").exists());
}

#[test]
fn a_fork_starts_from_a_file_also_when_it_was_killed_before_its_first_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let succeeds = |arguments: &[&str]| {
        let (status, log) = train(folder, arguments).wait();
        assert!(status.success(), "{log}");
    };
    let last = |run: &str| fs::read(folder.join(run).join("checkpoints/step-000000020.safetensors")).unwrap();
    fs::write(folder.join("spec.json"), short(20).to_string()).unwrap();
    succeeds(&["@spec.json", "--out", "@first"]);
    let from = "@first/checkpoints/step-000000020.safetensors";
    succeeds(&["@spec.json", "--from", from, "--out", "@fork"]);
    assert!(last("fork") != last("first"), "the fork began where the first one did");

    // As a kill before the first checkpoint leaves it, and with the origin's own folder gone.
    let fork = last("fork");
    for gone in ["fork/checkpoints", "first"] {
        fs::remove_dir_all(folder.join(gone)).unwrap();
    }
    fs::create_dir(folder.join("fork/checkpoints")).unwrap();
    succeeds(&["--resume", "@fork"]);
    assert!(last("fork") == fork, "it went on from elsewhere");
}

#[test]
fn a_fork_that_does_not_fit_is_refused_before_there_is_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let mut spec = short(20);
    fs::write(folder.join("spec.json"), spec.to_string()).unwrap();
    assert!(train(folder, &["@spec.json", "--out", "@first"]).wait().0.success());
    spec["model"]["latent"]["dim"] = 7.into();
    fs::write(folder.join("spec.json"), spec.to_string()).unwrap();
    let refused = ["first/checkpoints/step-000000020.safetensors", "spec.json", "nowhere"];
    for (file, why) in refused.into_iter().zip(["does not fit", "no checkpoint", "cannot read"]) {
        let (status, log) = train(folder, &["@spec.json", "--from", &format!("@{file}"), "--out", "@fork"]).wait();
        assert_eq!(status.code(), Some(3), "{log}");
        assert!(log.contains(why), "{log}");
        assert!(!folder.join("fork").exists());
    }
}

fn newest_checkpoint(folder: &Path) -> Option<u64> {
    let entries = fs::read_dir(folder.join("broken/checkpoints")).ok()?;
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    names.filter_map(|name| name.strip_prefix("step-")?.strip_suffix(".safetensors")?.parse().ok()).max()
}

fn until_checkpoint(folder: &Path, step: u64) {
    let begun = Instant::now();
    while newest_checkpoint(folder).is_none_or(|newest| newest < step) {
        assert!(begun.elapsed() < PATIENCE);
        std::thread::sleep(Duration::from_millis(2));
    }
}
