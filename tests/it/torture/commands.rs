//! How soon a running job does as it is told, and how a server ends.

use super::{report, size};
use crate::support::client::Client;
use crate::support::process::Process;
use crate::support::server::{DEADLINE, Engine, Server};
use crate::worker::fixture::endless;
use gand::job::{Event, EventKind, JobId, Status};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pause_and_cancel_are_in_force_within_a_step_on_sqlite() {
    commands_are_in_force(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pause_and_cancel_are_in_force_within_a_step_on_postgresql() {
    commands_are_in_force(Engine::Postgres).await;
}

/// Measured, not asserted beyond what any machine keeps: how long depends on what else it does.
async fn commands_are_in_force(engine: Engine) {
    let times = size("GAND_TORTURE_COMMANDS", 5);
    let server = Server::with(engine, &["--slots", "1", "--threads", "1"]).await;
    let (mut pauses, mut cancels, mut step) = (Vec::new(), Vec::new(), Duration::ZERO);
    for _ in 0..times {
        let id = submit(&server.client).await;
        let path = format!("/jobs/{id}");
        let id: JobId = id.parse().unwrap();
        for (command, status) in [("pause", Status::Paused), ("cancel", Status::Cancelled)] {
            let before = server.store.job(id).await.unwrap().unwrap().last_step;
            let begun = until(&server, id, |job| job.status == Status::Running && job.last_step > before + 50).await;
            let speed = server.store.metrics(id, before, u64::MAX >> 1).await.unwrap().len() as f64;
            step = step.max(begun.div_f64(speed.max(1.0)));
            server.client.post(&format!("{path}/{command}"), &json!({})).await.expect(200);
            until(&server, id, |job| job.status == status).await;
            // By the database's clock, from the command's event to that of the worker that left.
            let events = server.store.newest_events(id, &[EventKind::Status], 10).await.unwrap();
            let at = |words: &str| events.iter().rev().find(|event| says(event, words)).unwrap().at;
            if command == "pause" {
                pauses.push((at("paused at step") - at("pause asked for")).unsigned_abs());
                server.client.post(&format!("{path}/resume"), &json!({})).await.expect(200);
            } else {
                cancels.push((at("cancelled at step") - at("cancellation asked for")).unsigned_abs());
            }
        }
    }
    for (what, mut times) in [("pause", pauses), ("cancel", cancels)] {
        times.sort_unstable();
        let rank = |percent: usize| times[(times.len() * percent).div_ceil(100) - 1].as_secs_f64() * 1e3;
        assert!(rank(100) < 10_000.0, "{what} took {times:?}");
        report(
            &format!("{what}, {engine:?}"),
            &format!(
                "{} times: in force, its checkpoint written, after {:.0} ms (median), {:.0} ms (99th percentile), {:.0} \
                 ms (longest); a step takes less than {:.1} ms",
                times.len(),
                rank(50),
                rank(99),
                rank(100),
                step.as_secs_f64() * 1e3,
            ),
        );
    }
}

fn says(event: &Event, words: &str) -> bool {
    event.data["message"].as_str().is_some_and(|message| message.contains(words))
}

async fn submit(client: &Client) -> String {
    client.post("/jobs", &endless()).await.expect(201).json()["id"].as_str().unwrap().to_owned()
}

/// Waits until the job is as wanted; how long that took.
async fn until(server: &Server, id: JobId, wanted: impl Fn(&gand::job::Job) -> bool) -> Duration {
    let begun = Instant::now();
    loop {
        let job = server.store.job(id).await.unwrap().unwrap();
        if wanted(&job) {
            return begun.elapsed();
        }
        assert!(begun.elapsed() < DEADLINE, "{job:?}");
        server.store.changed(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_terminated_server_leaves_every_job_resumable_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("gand.db").display());
    a_terminated_server_leaves_every_job_resumable(&url, "SQLite").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_terminated_server_leaves_every_job_resumable_on_postgresql() {
    let url = crate::support::postgres::database().await;
    a_terminated_server_leaves_every_job_resumable(&url, "PostgreSQL").await;
}

async fn a_terminated_server_leaves_every_job_resumable(url: &str, engine: &str) {
    const GRACE: Duration = Duration::from_secs(20);
    let times = size("GAND_TORTURE_TERMINATIONS", 1);
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().display().to_string();
    let serve = |slots: &str| {
        let options = ["--data-dir", &folder, "--database-url", url, "--slots", slots, "--threads", "1"];
        let (process, address) = Process::serve(options.into_iter().chain(["--grace", "20s", "--log", "error"]));
        (process, Client::new(address.trim_start_matches("http://").parse().unwrap()))
    };
    let (mut longest, mut jobs) = (Duration::ZERO, Vec::new());
    for _ in 0..times {
        let (process, client) = serve("2");
        if jobs.is_empty() {
            jobs = vec![submit(&client).await, submit(&client).await];
        }
        let mut streams = Vec::new();
        for index in 0..20 {
            let path = format!("/jobs/{}/events", jobs[index % 2]);
            let stream = client.request(Method::GET, &path).send().await.unwrap();
            assert!(stream.status().is_success());
            streams.push(tokio::spawn(async move { stream.bytes().await }));
        }
        let begun = Instant::now();
        while !all(&client, &jobs, |job| job["status"] == "running" && job["latest"].is_object()).await {
            assert!(begun.elapsed() < DEADLINE);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        process.signal(rustix::process::Signal::TERM);
        let asked = Instant::now();
        let (status, log) = tokio::task::spawn_blocking(move || process.wait()).await.unwrap();
        longest = longest.max(asked.elapsed());
        assert_eq!(status.code(), Some(0), "{log}");
        assert!(asked.elapsed() < GRACE, "{:?}", asked.elapsed());
        for stream in streams {
            // It ended in good order: every byte of a whole body came.
            tokio::time::timeout(DEADLINE, stream).await.unwrap().unwrap().unwrap();
        }
        let (process, client) = serve("0");
        assert!(all(&client, &jobs, |job| job["status"] == "queued" && job["attempt"] == 0).await);
        for id in &jobs {
            let step = client.json(&format!("/jobs/{id}")).await["progress"]["step"].clone();
            client.get(&format!("/jobs/{id}/checkpoints/{step}")).await.expect(200);
        }
        process.kill();
    }
    report(
        &format!("SIGTERM, {engine}"),
        &format!(
            "{times} times with 20 open streams and 2 running jobs: exit 0 after {:.2} s at the longest (grace {} s), all \
             jobs resumable at the step they were at, no attempt counted",
            longest.as_secs_f64(),
            GRACE.as_secs()
        ),
    );
}

async fn all(client: &Client, jobs: &[String], wanted: impl Fn(&Value) -> bool) -> bool {
    for id in jobs {
        if !wanted(&client.json(&format!("/jobs/{id}")).await) {
            return false;
        }
    }
    true
}
