//! The OpenAPI document against the server that gave it: Schemathesis makes requests from the one and holds the other's
//! answers to it. `make schemathesis` runs the same for at least 20,000 requests on each database.

use super::drive::{claim, digits, submit, trained};
use crate::support::machine;
use crate::support::server::{Engine, Server};
use serde_json::json;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Requests for each operation in the short run; Schemathesis adds those of its other phases.
const EXAMPLES: u64 = 3;

/// Requests that a long run makes at least.
const LONG: u64 = 20_000;

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_as_the_document_says_on_sqlite() {
    hold_to_the_document(Engine::Sqlite, "answers_are_as_the_document_says_on_sqlite").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_as_the_document_says_on_postgres() {
    hold_to_the_document(Engine::Postgres, "answers_are_as_the_document_says_on_postgres").await;
}

async fn hold_to_the_document(engine: Engine, test: &str) {
    let Some(python) = machine::python(test) else { return };
    let python = python.get_program().to_owned();
    let has_it = Command::new(&python).args(["-c", "import schemathesis"]).stderr(Stdio::null()).status().unwrap();
    assert!(
        has_it.success(),
        "schemathesis is not in the Python of GAND_TEST_PYTHON; tests/setup.sh installs it from PyPI"
    );
    let server = Server::with(engine, &["--slots", "0", "--max-job-memory", "256MiB"]).await;
    furnish(&server).await;

    // The long run repeats the same with other seeds until there are enough requests.
    let long = std::env::var("GAND_SCHEMATHESIS").is_ok();
    let (mut made, mut round, begun) = (0, 0, Instant::now());
    while made == 0 || (long && made < LONG) {
        let examples = if long { 40 } else { EXAMPLES };
        let (count, report) = run(&python, &server.client.base, examples, 1 + round).await;
        assert!(count > 0, "no request was made:\n{report}");
        made += count;
        round += 1;
        furnish(&server).await;
        let seconds = begun.elapsed().as_secs_f64();
        machine::say(&format!("schemathesis: {engine:?}: {made} requests in {seconds:.0} s, no failure"));
    }
    // The server is still there and well.
    server.client.get("/readyz").await.expect(200);
}

/// Jobs in every state that requests can meet: trained ones with checkpoints, a paused, a queued, a running one.
async fn furnish(server: &Server) {
    // Those that requests have submitted stand before ours in the queue.
    while server.store.claim(gand::job::OwnerId::new(), "nobody", Duration::from_secs(3600)).await.unwrap().is_some() {}
    let job = trained(server).await;
    let mut toy = digits();
    toy["dataset"] = json!("gaussian-1d");
    toy["recipe"] = json!("toy-1d");
    toy["training"] = json!({"steps": 20});
    toy["model"] = json!({});
    submit(server, &toy).await;
    let running = claim(server).await;
    super::drive::train(server, running, &[10, 20]).await;
    let paused = submit(server, &digits()).await;
    server.client.post(&format!("/jobs/{paused}/pause"), &json!({})).await.expect(200);
    submit(server, &digits()).await;
    server.client.post(&format!("/jobs/{job}/parzen"), &json!({})).await.expect(202);
    let sweep = json!({"dataset": "digits", "training": {"steps": [10, 20]}});
    server.client.post("/sweeps", &sweep).await.expect(201);
}

/// One run: how many requests were made, and what Schemathesis said. Panics with its report if anything failed.
async fn run(python: &std::ffi::OsStr, base: &str, examples: u64, seed: u64) -> (u64, String) {
    let folder = tempfile::tempdir().unwrap();
    let outside = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/outside");
    let mut command = Command::new(python);
    command
        .args(["-m", "schemathesis.cli", "--config-file", &format!("{outside}/schemathesis.toml"), "run"])
        .arg(format!("{base}/openapi.json"))
        .args(["--url", base, "--checks", "all", "--continue-on-failure", "--workers", "1", "--request-timeout", "90"])
        .args(["--phases", "examples,coverage,fuzzing,stateful", "--suppress-health-check", "all"])
        .args(["--max-examples", &examples.to_string(), "--seed", &seed.to_string()])
        .env("SCHEMATHESIS_HOOKS", "hooks")
        .env("PYTHONPATH", outside)
        .env("NO_COLOR", "1")
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .current_dir(folder.path())
        .stdin(Stdio::null());
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    let report = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "Schemathesis found departures from the document:\n{report}");
    let count = report.lines().find_map(|line| line.trim().split_once(" generated")?.0.replace(',', "").parse().ok());
    (count.unwrap_or(0), report)
}
