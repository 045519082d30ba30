//! The database is away for a while in the middle of training.

use super::report;
use crate::support::client::Client;
use crate::support::outage::Proxy;
use crate::support::postgres;
use crate::support::process::Process;
use crate::support::server::DEADLINE;
use crate::worker::fixture::short;
use gand::job::{Event, EventKind};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const EVERY: u64 = 1000;

fn spec() -> Value {
    let mut spec = short(20_000);
    spec["checkpoint"]["every"] = json!(EVERY);
    spec["evaluation"]["every"] = json!(10_000);
    spec
}

/// How the database goes away.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Outage {
    /// The proxy resets every connection and takes no new one.
    Reset,
    /// The proxy keeps quiet.
    HalfOpen,
    /// PostgreSQL is stopped.
    Stopped,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outage_fails_no_job_and_costs_at_most_a_checkpoints_steps() {
    let lengths = std::env::var("GAND_TORTURE_OUTAGES").unwrap_or_else(|_| "1".to_owned());
    let mut postgres = postgres::Server::own();
    let url = postgres.fresh("outages").await;
    let proxy = Proxy::before(&url).await;
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().display().to_string();
    let options =
        ["--data-dir", &folder, "--database-url", proxy.url(), "--slots", "1", "--threads", "1", "--log", "error"];
    let (process, address) = Process::serve(options);
    let client = Client::new(address.trim_start_matches("http://").parse().unwrap());
    let straight = submit(&client).await;
    until(&client, &straight, |job| job["finished_at"].is_string()).await;
    let expected = traces(&client, &straight).await;

    for seconds in lengths.split(',').map(|text| text.parse::<u64>().unwrap()) {
        for outage in [Outage::Reset, Outage::HalfOpen, Outage::Stopped] {
            let id = submit(&client).await;
            until(&client, &id, |job| job["progress"]["step"].as_u64() > Some(2 * EVERY)).await;
            match outage {
                Outage::Reset => proxy.cut(),
                Outage::HalfOpen => proxy.silence(),
                Outage::Stopped => postgres.stop().await,
            }
            // From when it is away, however long it took to go; and until somebody has met with it.
            let begun = Instant::now();
            let mut unavailable = 0;
            while begun.elapsed() < Duration::from_secs(seconds) || (unavailable == 0 && outage != Outage::HalfOpen) {
                // Silence is answered when it is over, or when patience is.
                let path = format!("/jobs/{id}");
                let ask = client.get(&path);
                let left = if unavailable == 0 && outage != Outage::HalfOpen {
                    DEADLINE
                } else {
                    Duration::from_secs(seconds).saturating_sub(begun.elapsed())
                };
                let Ok(answer) = tokio::time::timeout(left, ask).await else { break };
                if answer.status != 200 || outage != Outage::HalfOpen {
                    let problem = answer.problem(503, "database-unavailable");
                    assert!(problem["detail"].as_str().unwrap().contains("try again"));
                    assert!(!answer.header("retry-after").is_empty());
                    unavailable += 1;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            assert!(unavailable > 0 || outage == Outage::HalfOpen, "{outage:?}");
            let live = client.get("/healthz").await;
            assert_eq!(live.status, 200, "the process itself lives");
            match outage {
                Outage::Stopped => postgres.start_again(),
                _ => proxy.restore(),
            }
            let restored = Instant::now();
            while client.get(&format!("/jobs/{id}")).await.status != 200 {
                assert!(restored.elapsed() < Duration::from_secs(90), "the API does not recover");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            let recovered = restored.elapsed();
            let job = until(&client, &id, |job| job["finished_at"].is_string()).await;
            assert_eq!(job["status"], "succeeded", "{job}");
            assert!(traces(&client, &id).await == expected, "the outage shows in the result");
            let lost = steps_trained_again(&client, &id).await;
            assert!(lost <= EVERY, "{lost} steps were lost");
            report(
                "database outage",
                &format!(
                    "{seconds} s, {outage:?}: 0 failed, {lost} steps trained again (at most {EVERY} between checkpoints), \
                     attempts {}, {unavailable} answers 503 meanwhile, API back {:.2} s after the database, weights equal",
                    job["attempt"],
                    recovered.as_secs_f64()
                ),
            );
        }
    }
    process.signal(rustix::process::Signal::TERM);
    assert_eq!(process.wait().0.code(), Some(0));
}

async fn submit(client: &Client) -> String {
    client.post("/jobs", &spec()).await.expect(201).json()["id"].as_str().unwrap().to_owned()
}

async fn until(client: &Client, id: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let begun = Instant::now();
    loop {
        let answer = client.get(&format!("/jobs/{id}")).await;
        if answer.status == 200 && wanted(&answer.json()) {
            return answer.json();
        }
        assert!(begun.elapsed() < Duration::from_secs(300), "{}", answer.text());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn traces(client: &Client, id: &str) -> (Value, Vec<u8>) {
    let checkpoints = client.json(&format!("/jobs/{id}/checkpoints?limit=200")).await;
    let last = checkpoints["items"].as_array().unwrap().iter().max_by_key(|item| item["step"].as_u64()).unwrap();
    (last["digest"].clone(), client.get(&format!("/jobs/{id}/metrics?format=csv")).await.expect(200).body)
}

/// How far each start but the first goes back behind what had been stored.
async fn steps_trained_again(client: &Client, id: &str) -> u64 {
    let (mut after, mut newest, mut again) = (0, 0, 0);
    loop {
        let page = client.json(&format!("/jobs/{id}/events?format=json&limit=200&after={after}")).await;
        for item in page["items"].as_array().unwrap() {
            let event: Event = serde_json::from_value(item.clone()).unwrap();
            after = event.id;
            let message = event.data["message"].as_str().unwrap_or("");
            if event.kind == EventKind::Metrics {
                newest = event.step.unwrap();
            } else if message.contains("continued from step") {
                again += newest - event.step.unwrap();
            }
        }
        if page["next_cursor"].is_null() {
            return again;
        }
    }
}
