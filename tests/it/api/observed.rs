//! What an operator sees: the figures for Prometheus, and the log.

use super::drive::digits;
use crate::support::client::{Client, Sent as _};
use crate::support::postgres;
use crate::support::process::Process;
use crate::support::server::{DEADLINE, Engine};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Instant;

async fn until_succeeded(ask: impl AsyncFn() -> Value) {
    let begun = Instant::now();
    while ask().await["status"] != "succeeded" {
        assert!(begun.elapsed() < DEADLINE, "the job ends");
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn prometheus_is_told_what_operators_ask_for() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        // A process of its own: the servers in this one share their figures.
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().display().to_string();
        let database = match engine {
            Engine::Sqlite => format!("sqlite://{data}/gand.db"),
            Engine::Postgres => postgres::database().await,
        };
        let options = ["--data-dir", &data, "--database-url", &database, "--slots", "1", "--threads", "1"];
        let (_process, base) = Process::serve(options);
        let client = Client::new(base.trim_start_matches("http://").parse().unwrap());
        let job = client.post("/jobs", &digits()).await.expect(201).json();
        let id = job["id"].as_str().unwrap();
        until_succeeded(async || client.json(&format!("/jobs/{id}")).await).await;
        client.get("/jobs/00000000-0000-7000-8000-000000000000").await.expect(404);
        let stream = client.request(Method::GET, &format!("/jobs/{id}/events")).send().await.unwrap();
        let text = client.get("/metrics").await.expect(200).text();
        for figure in [
            // Requests by the matched route, never by the path.
            r#"http_requests_total{method="GET",route="/jobs/{id}",status="404"} "#,
            r#"http_request_duration_seconds_bucket{method="GET",route="/jobs/{id}",le="0.005"} "#,
            r#"gand_jobs{status="succeeded"} 1"#,
            r#"gand_jobs{status="queued"} 0"#,
            "gand_queue_oldest_seconds 0",
            "gand_leases_lost_total ",
            r#"gand_leases_swept_total{outcome="requeued"} "#,
            "gand_jobs_rescued_total ",
            "gand_jobs_claimed_total ",
            "gand_steps_total ",
            "gand_step_seconds_count ",
            "gand_checkpoint_seconds_count ",
            "gand_checkpoint_bytes_sum ",
            "gand_evaluation_seconds_count ",
            "gand_event_streams 1",
            "gand_slots 1",
            "gand_slots_busy ",
            r#"gand_database_connections{state="idle"} "#,
            "gand_database_up 1",
        ] {
            assert!(text.lines().any(|line| line.starts_with(figure)), "{engine:?}: {figure}\n{text}");
        }
        assert!(!text.contains(id), "a job's id is no label: there is no end of them");
        for line in text.lines().filter(|line| line.starts_with("# TYPE gand_")) {
            let name = line.split(' ').nth(2).unwrap();
            assert!(text.contains(&format!("# HELP {name} ")), "{name} is not explained");
        }
        drop(stream);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_names_requests_and_jobs() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().display().to_string();
    let options = ["--data-dir", &data, "--slots", "1", "--log-format", "json", "--log", "gand=debug"];
    let (process, base) = Process::serve(options);
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let submitted = http.post(format!("{base}/jobs")).header("x-request-id", "mine-1").json(&digits()).answer().await;
    let id = submitted.expect(201).json()["id"].as_str().unwrap().to_owned();
    until_succeeded(async || http.get(format!("{base}/jobs/{id}")).answer().await.json()).await;
    process.signal(rustix::process::Signal::TERM);
    let (status, log) = process.wait();
    assert!(status.success());
    let lines: Vec<Value> =
        log.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}"))).collect();
    let is_answer = |line: &&Value| line["span"]["id"] == "mine-1" && line["message"] == "answered";
    let answered = lines.iter().find(is_answer).unwrap_or_else(|| panic!("{log}"));
    assert_eq!((&answered["span"]["method"], &answered["span"]["path"]), (&json!("POST"), &json!("/jobs")));
    assert_eq!((&answered["status"], &answered["route"]), (&json!(201), &json!("/jobs")), "{answered}");
    for message in ["job claimed", "job left"] {
        let said = lines.iter().find(|line| line["message"] == message).unwrap_or_else(|| panic!("{log}"));
        assert_eq!(said["job"], id.as_str());
    }
}
