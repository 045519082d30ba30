//! Memory under requests of every kind, which nobody watches: a server of its own process, whose resident set is read
//! from /proc, and whose `/metrics` is never read. `make flat-memory` sends 100,000 requests and 1,000 uploads, `make test`
//! a fiftieth of that.

use crate::support::machine;
use crate::support::process::Process;
use futures::StreamExt as _;
use gand::data::npy;
use reqwest::header::{ACCEPT, RANGE};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Instant;

/// Requests in `make test`; one in a hundred is an upload. `GAND_FLAT_REQUESTS` asks for another number.
const REQUESTS: u64 = 2_000;

/// Until then caches fill, threads start, and the allocator takes pages for each: what the memory is does not count yet.
const WARM_UP: u64 = 1_000;

/// Readings of the memory in each tenth of the rest. It goes up and down with what is under way, so that only the least of
/// many says what stays.
const READINGS: u64 = 10;

/// What the least memory of the second half may be above that of the first.
const GROWTH_MIB: f64 = 24.0;

/// Requests under way at once.
const AT_ONCE: usize = 4;

/// Who asks.
struct Asker {
    base: String,
    http: reqwest::Client,
    job: String,
}

impl Asker {
    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base))
    }

    async fn status(&self, request: RequestBuilder) -> StatusCode {
        let answer = request.send().await.unwrap();
        let status = answer.status();
        answer.bytes().await.unwrap();
        assert!(status.as_u16() < 500, "{status}");
        status
    }

    async fn json(&self, request: RequestBuilder) -> Value {
        request.send().await.unwrap().json().await.unwrap()
    }

    /// Waits until a job has trained.
    async fn trained(&self, job: &str) {
        let begun = Instant::now();
        while self.json(self.request(Method::GET, &format!("/jobs/{job}"))).await["status"] != "succeeded" {
            assert!(begun.elapsed() < crate::support::server::DEADLINE, "the job trains");
            tokio::task::yield_now().await;
        }
    }

    /// The n-th request: of every kind in turn, right and wrong, and none like the one before.
    async fn ask(&self, n: u64) {
        let job = &self.job;
        if n.is_multiple_of(100) {
            return self.upload(n / 100).await;
        }
        if n.is_multiple_of(50) {
            return self.submit(n).await;
        }
        let get = |path: &str| self.request(Method::GET, path);
        let of_job = |path: &str| self.request(Method::GET, &format!("/jobs/{job}/{path}"));
        let (request, expected) = match n % 23 {
            0 => (get("/healthz"), 200),
            1 => (get("/jobs?limit=5"), 200),
            2 => (get(&format!("/jobs/{job}")), 200),
            3 => (of_job("events").header(ACCEPT, "application/json"), 200),
            4 => (of_job("metrics?max_points=100"), 200),
            5 => (of_job("metrics?format=csv"), 200),
            6 => (of_job(&format!("samples?seed={n}")), 200),
            7 => (of_job(&format!("samples?seed={n}&count=9&format=json")), 200),
            8 => (of_job(&format!("samples?seed={n}&format=npz")), 200),
            9 => (of_job("samples?seed=1"), 200),
            10 => (of_job(&format!("interpolations?seed={n}&pairs=2&frames=4")), 200),
            11 => (of_job(&format!("neighbours?seed={n}&count=2&format=json")), 200),
            12 => (of_job("plots/losses?format=svg"), 200),
            13 => (of_job("checkpoints/20").header(RANGE, "bytes=0-4095"), 206),
            14 => (get(&format!("/datasets/digits/preview?count={}", 1 + n % 60)), 200),
            15 => (get(&format!("/nowhere/{n}")), 404),
            16 => (get(&format!("/jobs?tag={n}&status=failed")), 200),
            17 => (self.request(Method::PUT, &format!("/jobs/{n}")), 405),
            18 => {
                (self.request(Method::POST, "/jobs").json(&json!({"dataset": "digits", format!("field-{n}"): n})), 422)
            }
            19 => (get("/openapi.json"), 200),
            20 => (self.request(Method::PATCH, &format!("/jobs/{job}")).json(&json!({"name": n.to_string()})), 200),
            21 => return self.watch(n).await,
            _ => (get(&format!("/jobs/{n}/samples?count=3")), 404),
        };
        assert_eq!(self.status(request).await.as_u16(), expected, "request {n}");
    }

    /// A dataset that comes, is looked at and goes; every fifth is none.
    async fn upload(&self, n: u64) {
        let path = format!("/datasets/passing-{n}");
        let mut file = npy::encode(&[60, 6, 6], &(0..2160).map(|x| ((x + n) % 97) as f32 / 97.0).collect::<Vec<_>>());
        if n % 5 == 4 {
            file.truncate(1000);
            let refused = self.status(self.request(Method::PUT, &path).body(file)).await;
            assert!(refused.is_client_error(), "{refused}");
            return;
        }
        assert_eq!(self.status(self.request(Method::PUT, &path).body(file)).await, StatusCode::CREATED);
        assert_eq!(self.status(self.request(Method::GET, &format!("{path}/preview"))).await, StatusCode::OK);
        assert_eq!(self.status(self.request(Method::DELETE, &path)).await, StatusCode::NO_CONTENT);
    }

    /// A job that comes, trains and goes with all that is its own.
    async fn submit(&self, n: u64) {
        let body = spec(5, &format!("passing-{n}"));
        let job = self.json(self.request(Method::POST, "/jobs").header("Idempotency-Key", n).json(&body)).await;
        let job = job["id"].as_str().unwrap_or_else(|| panic!("{job}")).to_owned();
        self.trained(&job).await;
        let deleted = self.status(self.request(Method::DELETE, &format!("/jobs/{job}"))).await;
        assert_eq!(deleted, StatusCode::NO_CONTENT);
    }

    /// A stream that is left after its first event.
    async fn watch(&self, n: u64) {
        let last = (n % 3).to_string();
        let stream = self.request(Method::GET, &format!("/jobs/{}/events", self.job)).header("Last-Event-ID", last);
        let mut stream = stream.send().await.unwrap().error_for_status().unwrap().bytes_stream();
        assert!(stream.next().await.is_some_and(|bytes| bytes.is_ok()));
    }
}

fn spec(steps: u64, name: &str) -> Value {
    json!({
        "name": name, "dataset": "digits", "recipe": "digits", "training": {"steps": steps},
        "checkpoint": {"every": 10}, "evaluation": {"every": 0},
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_stays_flat_under_requests_and_uploads_that_nobody_counts() {
    let requests = std::env::var("GAND_FLAT_REQUESTS").map_or(REQUESTS, |text| text.parse().unwrap());
    assert!(requests >= 2 * WARM_UP, "GAND_FLAT_REQUESTS is at least {}", 2 * WARM_UP);
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().display().to_string();
    let options = ["--data-dir", &data, "--slots", "1", "--threads", "1", "--sample-cache", "2MiB", "--log", "error"];
    let (process, base) = Process::serve(options);
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let mut asker = Asker { base, http, job: String::new() };
    let job = asker.json(asker.request(Method::POST, "/jobs").json(&spec(20, "watched"))).await;
    asker.job = job["id"].as_str().unwrap().to_owned();
    asker.trained(&asker.job).await;

    let (asker, begun, mut seen) = (Arc::new(asker), Instant::now(), Vec::new());
    let ask = async |from: u64, to: u64| {
        let asked = futures::stream::iter(from..to).map(|n| {
            let asker = Arc::clone(&asker);
            async move { tokio::spawn(async move { asker.ask(n).await }).await.unwrap() }
        });
        asked.buffer_unordered(AT_ONCE).count().await;
        process.resident_mib()
    };
    ask(0, WARM_UP).await;
    let place = |reading: u64| WARM_UP + (requests - WARM_UP) * reading / (10 * READINGS);
    for tenth in 1..=10 {
        let (mut least, mut most) = (f64::INFINITY, 0.0_f64);
        for reading in (tenth - 1) * READINGS..tenth * READINGS {
            let resident = ask(place(reading), place(reading + 1)).await;
            (least, most) = (least.min(resident), most.max(resident));
        }
        let (done, seconds) = (place(tenth * READINGS), begun.elapsed().as_secs_f64());
        machine::say(&format!("{done} requests, {seconds:.0} s: {least:.1} to {most:.1} MiB"));
        seen.push(least);
    }
    let least = |of: &[f64]| of.iter().copied().fold(f64::INFINITY, f64::min);
    assert!(least(&seen[5..]) - least(&seen[..5]) < GROWTH_MIB, "{seen:?}");
    drop(asker);
    process.signal(rustix::process::Signal::TERM);
    assert!(process.wait().0.success());
}
