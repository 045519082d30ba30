//! What users of a whole server wait for: requests while a job trains on every core, the first step of a new job, what
//! checkpoints cost, two jobs beside each other, and memory.
//!
//! Each server is a process of its own, asked over one kept connection. MNIST is used where GAND_DATA has it. After `--`
//! may stand which of requests, first-step, publish, checkpoints, pages and fairness to measure; all of them otherwise.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod http;
#[allow(dead_code)]
#[path = "peers/networks.rs"]
mod networks;

use http::{Connection, Server};
use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

const REQUESTS: usize = 3000;
/// How often two jobs beside each other and one alone are measured.
const ROUNDS: usize = 3;

/// What this bench asks of a connection.
trait Measured {
    fn measure(&mut self, what: &str, path: &str);
    fn speed(&mut self, jobs: &[&str], seconds: u64) -> Vec<f64>;
}

impl Measured for Connection {
    fn measure(&mut self, what: &str, path: &str) {
        let mut times: Vec<Duration> = (0..REQUESTS)
            .map(|_| {
                let start = Instant::now();
                assert_eq!(self.ask("GET", path, "").0, 200);
                start.elapsed()
            })
            .collect();
        times.sort();
        let at = |share: usize| times[(times.len() - 1) * share / 1000];
        println!(
            "{what:8} GET {path:9} p50 {:8.1?}  p99 {:8.1?}  p99.9 {:8.1?}  max {:8.1?}",
            at(500),
            at(990),
            at(999),
            at(1000)
        );
    }

    /// Steps a second, over at least this long: from one arrival of metrics to another, since they come in chunks.
    fn speed(&mut self, jobs: &[&str], seconds: u64) -> Vec<f64> {
        const PAUSE: Duration = Duration::from_millis(20);
        let arrivals = |connection: &mut Self| -> Vec<(Instant, f64)> {
            let mut arrival = |job: &&str| {
                let before = connection.wait_for_every(PAUSE, job, "step", |_| true);
                let step = connection.wait_for_every(PAUSE, job, "step", |step| step > before);
                (Instant::now(), step)
            };
            jobs.iter().map(&mut arrival).collect()
        };
        let before = arrivals(self);
        std::thread::sleep(Duration::from_secs(seconds));
        let speed = |((start, before), (end, after)): (&(Instant, f64), (Instant, f64))| {
            (after - before) / (end - *start).as_secs_f64()
        };
        before.iter().zip(arrivals(self)).map(speed).collect()
    }
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// The paper's wide networks keep every core busy for as long as is wanted.
fn wide(dataset: &str, checkpoint_every: u64) -> String {
    format!(
        r#"{{"dataset": "{dataset}", "recipe": "paper-mnist", "training": {{"steps": 1000000}},
            "checkpoint": {{"every": {checkpoint_every}, "keep_best": false}}, "evaluation": {{"every": 0}}}}"#
    )
}

fn requests() {
    let server = Server::start(&["--slots", "1"]);
    let mut connection = Connection::open(&server.address);
    connection.measure("idle", "/healthz");
    connection.measure("idle", "/jobs");
    let job = connection.submit(&wide("digits", 1_000_000));
    connection.wait_for(&job, "d_loss", |_| true);
    connection.measure("training", "/healthz");
    connection.measure("training", "/jobs");
}

fn first_step(dataset: &str, body: &str) {
    let server = Server::start(&["--slots", "1"]);
    let mut connection = Connection::open(&server.address);
    // The first job brings the data into the cache.
    let mut last = Duration::ZERO;
    for _ in 0..2 {
        let start = Instant::now();
        let job = connection.submit(body);
        connection.wait_for(&job, "d_loss", |_| true);
        last = start.elapsed();
        connection.command(&job, "cancel", "cancelled");
    }
    println!("{dataset}: from POST /jobs to the first step's metrics {last:.0?}");
}

/// The processor time of this process's threads, that of the system for them included.
fn processor_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap())
}

/// What a checkpoint of the paper's MNIST networks costs where nothing else runs in the process: first on the training
/// thread, then in the store.
fn publish() {
    const ROUNDS: u32 = 40;
    let (spec, data) = networks::mnist("simultaneous", "sgd");
    let job = gand::job::NewJob { name: None, tags: vec![], priority: 0, spec: spec.clone(), from: None };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("bench.sqlite").display());
    let store = runtime.block_on(gand::store::open(&url)).unwrap();
    runtime.block_on(store.create_job(job, None)).unwrap();
    let claim = store.claim(gand::job::OwnerId::new(), "bench", Duration::from_secs(3600));
    let hold = runtime.block_on(claim).unwrap().unwrap().hold;
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
    let mut trainer = gand::gan::Trainer::new(&spec, data, 2).unwrap();
    let mut spent = [(Duration::ZERO, Duration::ZERO); 2];
    for round in 0..=ROUNDS {
        pool.install(|| trainer.step().unwrap());
        let mut bytes = Vec::with_capacity(32 << 20);
        let mut measure = |part: usize, work: &mut dyn FnMut()| {
            let (start, processor) = (Instant::now(), processor_time());
            work();
            // The first round finds memory that was never used.
            if round > 0 {
                spent[part].0 += start.elapsed() / ROUNDS;
                spent[part].1 += (processor_time() - processor) / ROUNDS;
            }
        };
        pool.install(|| trainer.write_checkpoint(&mut bytes).unwrap());
        measure(0, &mut || {
            pool.install(|| {
                trainer.check().unwrap();
                trainer.write_checkpoint(&mut bytes).unwrap();
            });
        });
        let bytes = bytes::Bytes::from(bytes);
        measure(1, &mut || {
            let checkpoint = gand::store::NewCheckpoint { step: u64::from(round) + 1, bytes: bytes.clone(), keep: 3 };
            runtime.block_on(store.publish_checkpoint(hold, checkpoint, &[])).unwrap().unwrap();
        });
    }
    for (what, (wall, processor)) in ["on the training thread", "in the store (SQLite)"].into_iter().zip(spent) {
        println!("a checkpoint of paper-mnist, {what}: {wall:.1?}, of processors {processor:.1?}");
    }
}

fn checkpoints(dataset: &str) {
    let mut speeds = Vec::new();
    for every in [1_000_000, 100].repeat(ROUNDS) {
        let server = Server::start(&["--slots", "1", "--threads", "2"]);
        let mut connection = Connection::open(&server.address);
        let job = connection.submit(&wide(dataset, every));
        connection.wait_for(&job, "step", |step| step > 50.0);
        // Less than the time after which the server ends an idle connection.
        speeds.push(connection.speed(&[&job], 15)[0]);
        if every == 100 {
            println!("{dataset}: peak memory {} MiB", server.memory("VmHWM").round());
        }
    }
    let (mut without, mut with): (Vec<f64>, Vec<f64>) = speeds.chunks(2).map(|pair| (pair[0], pair[1])).unzip();
    let losses: Vec<String> =
        without.iter().zip(&with).map(|(without, with)| format!("{:.1}", 100.0 * (1.0 - with / without))).collect();
    let (without, with) = (median(&mut without), median(&mut with));
    println!(
        "{dataset}: {without:.1} steps/s without checkpoints, {with:.1} with one every 100 steps: {:.1} % less (by turns {})",
        100.0 * (1.0 - with / without),
        losses.join(", ")
    );
}

/// Asks what an open page of a job asks for (static/job.js), as often: its events, what they say is new, and every five
/// seconds the job and what its curves have not yet; meanwhile the events tell the newest step. Counts its requests.
fn page(address: &str, job: &str, closed: &AtomicBool, requests: &AtomicU64) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    write!(stream, "GET /jobs/{job}/events?tail=1 HTTP/1.1\r\nhost: {address}\r\n\r\n").unwrap();
    let (mut events, mut line) = (BufReader::new(stream), String::new());
    let mut connection = Connection::open(address);
    let mut get = |path: &str| {
        requests.fetch_add(1, Ordering::Relaxed);
        let (status, body) = connection.get(&format!("/jobs/{job}{path}"));
        assert_eq!(status, 200, "{path}: {}", String::from_utf8_lossy(&body));
        body
    };
    let read = |body: Vec<u8>| -> serde_json::Value { serde_json::from_slice(&body).unwrap() };
    let (mut step, mut drawn, mut asked, mut looked) = (0, 0, Instant::now(), None::<Instant>);
    let mut news: BTreeSet<String> = ["metrics", "checkpoint", "evaluation"].map(str::to_owned).into();
    while !closed.load(Ordering::Relaxed) {
        // A line that is not whole yet stays in `line`.
        if events.read_line(&mut line).is_ok() {
            news.extend(line.trim().strip_prefix("event: ").map(str::to_owned));
            line.clear();
        }
        if news.is_empty() || asked.elapsed() < Duration::from_secs(1) {
            continue;
        }
        asked = Instant::now();
        if looked.is_none_or(|looked| looked.elapsed() >= Duration::from_secs(5)) {
            looked = Some(asked);
            get("");
            let metrics = read(get(&format!("/metrics?from_step={}&max_points=800", step + 1)));
            let last = metrics["step"].as_array().and_then(|steps| steps.last()?.as_u64());
            step = last.unwrap_or(step);
        }
        if news.remove("checkpoint") {
            get("");
            get("/checkpoints?limit=200");
            let listed = read(get("/checkpoints?limit=200"));
            get("/events?format=json&tail=200&kind=status,checkpoint,evaluation,health");
            let steps = listed["items"].as_array().into_iter().flatten().filter_map(|one| one["step"].as_u64());
            let newest = steps.max().unwrap_or(0);
            if newest > drawn {
                drawn = newest;
                get(&format!("/samples?format=png&seed=0&checkpoint={newest}&count=64&columns=8"));
            }
        }
        if news.remove("evaluation") {
            get("/parzen");
        }
        news.clear();
    }
}

/// What ten open pages of one training job cost it: in steps a second, and in what the server's other threads spend, which
/// is less at the mercy of a shared machine.
fn pages(dataset: &str) {
    const PAGES: u64 = 10;
    const SECONDS: u64 = 15;
    let server = Server::start(&["--slots", "1", "--threads", "2"]);
    let mut connection = Connection::open(&server.address);
    let job = connection.submit(&wide(dataset, 500));
    connection.wait_for(&job, "step", |step| step > 50.0);
    // The first page of a dataset makes the server compute what its scores are held against, once and for all.
    connection.command(&job, "pause", "paused");
    while !connection.ask("GET", &format!("/jobs/{job}/parzen"), "").1.contains(r#""source":"computed""#) {
        std::thread::sleep(Duration::from_millis(100));
    }
    connection.command(&job, "resume", "running");
    connection.wait_for(&job, "step", |step| step > 100.0);
    let (mut speeds, mut spent) = ([vec![], vec![]], [0.0; 2]);
    let requests = AtomicU64::new(0);
    for round in 0..2 * ROUNDS {
        let (open, closed) = (round % 2, AtomicBool::new(false));
        std::thread::scope(|scope| {
            for _ in 0..PAGES * open as u64 {
                scope.spawn(|| page(&server.address, &job, &closed, &requests));
            }
            // Until the pages have what they open with.
            std::thread::sleep(Duration::from_secs(3));
            let (start, before) = (Instant::now(), server.processor_beside("train"));
            speeds[open].push(connection.speed(&[&job], SECONDS)[0]);
            spent[open] += (server.processor_beside("train") - before) / start.elapsed().as_secs_f64() / ROUNDS as f64;
            closed.store(true, Ordering::Relaxed);
        });
    }
    let losses =
        speeds[0].iter().zip(&speeds[1]).map(|(without, with)| format!("{:.1}", 100.0 * (1.0 - with / without)));
    let losses = losses.collect::<Vec<_>>().join(", ");
    let [without, with] = speeds.each_mut().map(|speeds| median(speeds));
    println!(
        "{dataset}: {without:.1} steps/s, {with:.1} with {PAGES} open pages: {:.1} % less (by turns {losses}); the server's other threads \
         take {:.2} % of a core without them and {:.2} % with them, for {:.1} requests a second",
        100.0 * (1.0 - with / without),
        100.0 * spent[0],
        100.0 * spent[1],
        requests.into_inner() as f64 / (ROUNDS as f64 * SECONDS as f64)
    );
}

fn fairness(dataset: &str) {
    let server = Server::start(&["--slots", "2", "--threads", "1"]);
    let mut connection = Connection::open(&server.address);
    let first = connection.submit(&wide(dataset, 1_000_000));
    connection.wait_for(&first, "step", |step| step > 20.0);
    let second = connection.submit(&wide(dataset, 1_000_000));
    let (mut alone, mut both) = (0.0, [0.0; 2]);
    // In turn, so that both see the same machine.
    for _ in 0..ROUNDS {
        let before = connection.wait_for(&second, "step", |_| true);
        connection.wait_for(&second, "step", |step| step > before + 20.0);
        for (sum, speed) in both.iter_mut().zip(connection.speed(&[&first, &second], 8)) {
            *sum += speed / ROUNDS as f64;
        }
        connection.command(&second, "pause", "paused");
        alone += connection.speed(&[&first], 8)[0] / ROUNDS as f64;
        connection.command(&second, "resume", "running");
    }
    println!(
        "{dataset}: one thread alone {alone:.1} steps/s; two jobs beside each other {:.1} and {:.1}: {:.0} % of twice that",
        both[0],
        both[1],
        100.0 * (both[0] + both[1]) / (2.0 * alone)
    );
}

fn main() {
    let chosen: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let due = |name: &str| chosen.is_empty() || chosen.iter().any(|chosen| chosen == name);
    let mnist = std::env::var_os("GAND_DATA").is_some_and(|data| std::path::Path::new(&data).join("mnist").exists());
    let dataset = if mnist { "mnist" } else { "digits" };
    if due("requests") {
        requests();
    }
    if due("first-step") {
        first_step("digits", r#"{"dataset": "digits"}"#);
        first_step(dataset, &wide(dataset, 1_000_000));
    }
    if due("publish") {
        publish();
    }
    if due("checkpoints") {
        checkpoints(dataset);
    }
    if due("pages") {
        pages(dataset);
    }
    if due("fairness") {
        fairness(dataset);
    }
}
