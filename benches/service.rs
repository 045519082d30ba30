//! What users of a whole server wait for: requests while a job trains on every core, the first step of a new job, what
//! checkpoints cost, two jobs beside each other, and memory.
//!
//! Each server is a process of its own, asked over one kept connection. MNIST is used where GAND_DATA has it. After `--`
//! may stand which of requests, first-step, checkpoints and fairness to measure; all of them otherwise.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const REQUESTS: usize = 3000;
/// How often two jobs beside each other and one alone are measured.
const ROUNDS: usize = 3;

struct Server {
    process: Child,
    address: String,
    _folder: tempfile::TempDir,
}

impl Server {
    fn start(options: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut process = Command::new(env!("CARGO_BIN_EXE_gand"))
            .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
            .arg(folder.path())
            .args(options)
            .env("RUST_LOG", "warn")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.split("http://").nth(1).expect("the server prints its address");
        let address = address.split(['/', '\n']).next().unwrap().to_owned();
        Self { address, process, _folder: folder }
    }

    /// The most memory that the process has held, in MiB.
    fn peak_memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap_or_default();
        let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or_default();
        line.split_whitespace().nth(1).and_then(|kilobytes| kilobytes.parse::<u64>().ok()).unwrap_or(0) / 1024
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

struct Connection {
    stream: BufReader<TcpStream>,
    host: String,
}

impl Connection {
    fn open(address: &str) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream: BufReader::new(stream), host: address.to_owned() }
    }

    fn ask(&mut self, method: &str, path: &str, body: &str) -> (u16, String) {
        let (host, length) = (&self.host, body.len());
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        self.stream.get_mut().write_all(request.as_bytes()).unwrap();
        let mut line = String::new();
        self.stream.read_line(&mut line).unwrap();
        let status = line.split(' ').nth(1).unwrap().parse().unwrap();
        let mut length = 0;
        loop {
            line.clear();
            self.stream.read_line(&mut line).unwrap();
            if line.trim().is_empty() {
                break;
            }
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().unwrap();
            }
        }
        let mut answer = vec![0; length];
        self.stream.read_exact(&mut answer).unwrap();
        (status, String::from_utf8(answer).unwrap())
    }

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
}

impl Connection {
    fn submit(&mut self, body: &str) -> String {
        let (status, answer) = self.ask("POST", "/jobs", body);
        assert_eq!(status, 201, "{answer}");
        answer.split('"').nth(3).unwrap().to_owned()
    }

    /// A number of a job's representation, once it is there and fits.
    fn wait_for(&mut self, job: &str, field: &str, fits: impl Fn(f64) -> bool) -> f64 {
        let (start, needle) = (Instant::now(), format!("\"{field}\":"));
        loop {
            let answer = self.ask("GET", &format!("/jobs/{job}"), "").1;
            let rest = answer.rsplit(&needle).next().unwrap();
            let number = rest.split([',', '}']).next().and_then(|number| number.parse().ok());
            if let Some(number) = number.filter(|number| fits(*number)) {
                return number;
            }
            assert!(start.elapsed() < Duration::from_secs(120), "job {job} does not get there: {answer}");
        }
    }

    /// Sends a job a command and waits until it has the status that it leads to.
    fn command(&mut self, job: &str, command: &str, status: &str) {
        let (code, answer) = self.ask("POST", &format!("/jobs/{job}/{command}"), "");
        assert!(code < 300, "{answer}");
        while !self.ask("GET", &format!("/jobs/{job}"), "").1.contains(&format!(r#""status":"{status}""#)) {}
    }

    /// Steps a second, over at least this long, told from the metrics that have arrived.
    fn speed(&mut self, jobs: &[&str], seconds: u64) -> Vec<f64> {
        let now = |connection: &mut Self| -> Vec<f64> {
            jobs.iter().map(|job| connection.wait_for(job, "step", |_| true)).collect()
        };
        let (start, before) = (Instant::now(), now(self));
        std::thread::sleep(Duration::from_secs(seconds));
        let (after, elapsed) = (now(self), start.elapsed().as_secs_f64());
        before.iter().zip(after).map(|(before, after)| (after - before) / elapsed).collect()
    }
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

fn checkpoints(dataset: &str) {
    let mut speeds = Vec::new();
    for every in [1_000_000, 100, 1_000_000, 100] {
        let server = Server::start(&["--slots", "1", "--threads", "2"]);
        let mut connection = Connection::open(&server.address);
        let job = connection.submit(&wide(dataset, every));
        connection.wait_for(&job, "step", |step| step > 50.0);
        speeds.push(connection.speed(&[&job], 20)[0]);
        if every == 100 {
            println!("{dataset}: peak memory {} MiB", server.peak_memory());
        }
    }
    let (without, with) = (speeds[0] + speeds[2], speeds[1] + speeds[3]);
    println!(
        "{dataset}: {:.1} steps/s without checkpoints, {:.1} with one every 100 steps: {:.1} % less",
        without / 2.0,
        with / 2.0,
        100.0 * (1.0 - with / without)
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
    if due("checkpoints") {
        checkpoints(dataset);
    }
    if due("fairness") {
        fairness(dataset);
    }
}
