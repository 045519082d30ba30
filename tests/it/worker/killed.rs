//! Processes that are killed in the middle of training.

use super::fixture::short;
use crate::support::process::Process;
use rustix::process::Signal;
use serde_json::{Value, json};
use std::path::Path;
use std::time::{Duration, Instant};

/// A run long enough to be killed in the middle.
fn spec() -> Value {
    let mut spec = short(20_000);
    spec["checkpoint"]["every"] = json!(500);
    spec["evaluation"]["every"] = json!(5000);
    spec
}

fn serve(folder: &Path) -> (Process, Client) {
    let folder = folder.display().to_string();
    // With the lease that it has by itself: whoever opens the database next knows that its worker is dead.
    let (process, url) = Process::serve(["--data-dir", &folder, "--slots", "1", "--threads", "1"]);
    (process, Client { url, http: reqwest::Client::builder().no_proxy().build().unwrap() })
}

struct Client {
    url: String,
    http: reqwest::Client,
}

impl Client {
    async fn submit(&self, spec: &Value) -> String {
        let answer = self.http.post(format!("{}/jobs", self.url)).json(spec).send().await.unwrap();
        assert_eq!(answer.status(), 201);
        answer.json::<Value>().await.unwrap()["id"].as_str().unwrap().to_owned()
    }

    async fn get(&self, path: &str) -> Value {
        self.http.get(format!("{}{path}", self.url)).send().await.unwrap().json().await.unwrap()
    }

    async fn bytes(&self, path: &str) -> Vec<u8> {
        let answer = self.http.get(format!("{}{path}", self.url)).send().await.unwrap();
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
        answer.bytes().await.unwrap().to_vec()
    }

    async fn until(&self, job: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let begun = Instant::now();
        loop {
            let view = self.get(&format!("/jobs/{job}")).await;
            if wanted(&view) {
                return view;
            }
            assert!(begun.elapsed() < Duration::from_secs(120), "{view}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    async fn until_succeeded(&self, job: &str) -> Value {
        let view = self.until(job, |view| view["finished_at"].is_string()).await;
        assert_eq!(view["status"], "succeeded", "{view}");
        view
    }

    /// What a job has left, byte for byte.
    async fn traces(&self, job: &str) -> [Vec<u8>; 3] {
        [
            self.bytes(&format!("/jobs/{job}/checkpoints/20000")).await,
            self.bytes(&format!("/jobs/{job}/metrics?format=csv")).await,
            self.bytes(&format!("/jobs/{job}/samples?count=16&format=npy&checkpoint=final")).await,
        ]
    }
}

fn is_in_the_middle(view: &Value) -> bool {
    let step = view["progress"]["step"].as_u64().unwrap();
    assert_ne!(view["status"], "succeeded", "too quick to be killed in the middle");
    step > 1200
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_killed_twice_and_terminated_once_ends_in_the_same_bits() {
    let folder = tempfile::tempdir().unwrap();
    let (process, client) = serve(folder.path());
    let straight = client.submit(&spec()).await;
    client.until_succeeded(&straight).await;
    let expected = client.traces(&straight).await;

    // SIGKILL, at two different steps.
    let killed = client.submit(&spec()).await;
    client.until(&killed, is_in_the_middle).await;
    process.kill();
    let (process, client) = serve(folder.path());
    client.until(&killed, |view| view["status"] == "running" && view["attempt"] == 2).await;
    process.kill();

    // SIGTERM: leaves in good order.
    let (process, client) = serve(folder.path());
    client.until(&killed, |view| view["status"] == "running" && view["attempt"] == 3).await;
    process.signal(Signal::TERM);
    let (status, log) = process.wait();
    assert_eq!(status.code(), Some(0), "{log}");

    let (process, client) = serve(folder.path());
    let view = client.until_succeeded(&killed).await;
    assert_eq!(view["attempt"], 3, "a shutdown in good order burns no attempt: {view}");
    let actual = client.traces(&killed).await;
    for (what, (expected, actual)) in ["checkpoint", "metrics", "samples"].iter().zip(expected.iter().zip(&actual)) {
        assert!(expected == actual, "{what} differ");
    }
    // What the first job left has survived all of this.
    assert!(client.traces(&straight).await == expected);
    process.signal(Signal::TERM);
    assert_eq!(process.wait().0.code(), Some(0));
}
