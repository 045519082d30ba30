//! Exit codes, as `gand --help` lists them, and what scripts read.

use super::{failure, gand, stdout};
use serde_json::{Value, json};

/// A folder with a spec of a small run in it.
fn folder_with(spec: &Value) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("spec.json"), spec.to_string()).unwrap();
    folder
}

fn train(folder: &tempfile::TempDir, more: &[&str]) -> std::process::Output {
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (spec, run) = (path("spec.json"), path("run"));
    gand(&[&["train", &spec, "--out", &run, "--threads", "1"], more].concat())
}

fn small() -> Value {
    json!({
        "dataset": "digits", "training": {"steps": 20},
        "evaluation": {"every": 20, "parzen": {"samples": 100, "validation_points": 50}},
    })
}

#[test]
fn help_tells_the_exit_codes() {
    let help = stdout(&gand(&["--help"]));
    for code in 0..=7 {
        assert!(help.contains(&format!("\n  {code}  ")), "{help}");
    }
}

#[test]
fn what_is_not_understood_is_2_and_what_is_no_good_is_3() {
    assert!(failure(2, &gand(&["serve", "--colour", "blue"])).contains("--colour"));
    assert!(failure(2, &gand(&["teach"])).contains("teach"));
    let folder = folder_with(&json!({"dataset": "digits", "training": {"steps": 0}}));
    assert!(failure(3, &train(&folder, &[])).contains("/training/steps"));
    assert!(failure(3, &train(&folder, &["--dataset", "nothing"])).contains("no dataset is called"));
    let spec = folder.path().join("spec.json").display().to_string();
    assert!(failure(3, &gand(&["sample", &spec])).contains("no checkpoint"));
}

#[test]
fn a_database_that_can_never_be_had_is_3() {
    for url in ["mysql://somebody:secret@localhost/x", "postgres://localhost:port/x"] {
        for command in ["migrate", "serve", "worker"] {
            let said = failure(3, &gand(&[command, "--database-url", url]));
            assert!(said.contains("cannot open the database") && !said.contains("secret"), "{said}");
        }
    }
}

#[test]
fn what_is_not_there_is_4() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().display().to_string();
    assert!(failure(4, &gand(&["serve", "--listen", &address, "--data-dir", &data])).contains("cannot listen"));
    // A port that nobody else can have, and where nobody listens.
    let silent = tokio::net::TcpSocket::new_v4().unwrap();
    silent.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let url = format!("postgres://nobody@{}/nothing", silent.local_addr().unwrap());
    assert!(failure(4, &gand(&["migrate", "--database-url", &url])).contains("cannot open the database"));
}

#[test]
fn a_training_that_fails_is_5() {
    let spec = json!({
        "dataset": "gaussian-1d",
        "training": {"steps": 100_000, "optimizer": {"type": "sgd", "learning_rate": 10.0, "momentum": 0.99}},
        "evaluation": {"every": 0},
    });
    assert!(failure(5, &train(&folder_with(&spec), &[])).contains("loss"));
}

#[test]
fn scripts_are_told_in_json() {
    let folder = folder_with(&small());
    let report: Value = serde_json::from_str(&stdout(&train(&folder, &["--json"]))).unwrap();
    assert_eq!((&report["status"], &report["step"], &report["trained"]), (&"succeeded".into(), &20.into(), &20.into()));
    assert!(report["parzen"]["log_likelihood"].is_number() && report["seconds"].is_number(), "{report}");
    assert_eq!(report["folder"], folder.path().join("run").display().to_string());
    let data = folder.path().display().to_string();
    let migrated = stdout(&gand(&["migrate", "--data-dir", &data, "--json"]));
    assert_eq!(serde_json::from_str::<Value>(&migrated).unwrap()["up_to_date"], true);
}

#[test]
fn every_shell_has_its_completions() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = stdout(&gand(&["completions", shell]));
        assert!(script.contains("serve") && script.contains("max-streams"), "{shell}");
    }
}
