//! Pictures of 64 MNIST samples under load: gand beside the same endpoint written with FastAPI, PyTorch and Pillow
//! (`peers/fastapi_peer.py`), both serving one trained checkpoint over loopback, asked in turns by the same threads.
//!
//! `make bench-load` sets the peer's Python up and gives it by GAND_PEERS_PYTHON; without it gand is measured alone. MNIST
//! is looked for in GAND_DATA or ../shared/data; without it nothing is measured. Settings after `--`: `--seconds N` of a
//! turn, `--rounds N`, `--connections N`, `--only idle|training`.
//!
//! Asked again as soon as they have answered, all are as busy as they can be and each is asked as often as it answers. So
//! the times of answers are also measured at one rate for all, half and nine tenths of what the better peer can do, each
//! counted from when the request was due: one that waits for a connection waits.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod http;

use http::{Connection, Server};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Steps that the generator is trained before it is asked: pictures then are neither noise nor one and the same.
const STEPS: u64 = 100;

/// The widths of G's layers, for what the products alone would allow.
const WIDTHS: [usize; 4] = [100, 1200, 1200, 784];

/// How long a peer may take to start.
const PATIENCE: Duration = Duration::from_secs(120);

/// Images in a picture.
const COUNT: usize = 64;

struct Settings {
    seconds: u64,
    rounds: usize,
    connections: usize,
    only: Option<String>,
}

impl Settings {
    fn read() -> Self {
        let given: Vec<String> = std::env::args().collect();
        let after = |name: &str| given.iter().position(|word| word == name).map(|place| given[place + 1].clone());
        let number = |name: &str, default: u64| after(name).map_or(default, |text| text.parse().unwrap());
        Self {
            seconds: number("--seconds", 6),
            rounds: number("--rounds", 5) as usize,
            connections: number("--connections", 16) as usize,
            only: after("--only"),
        }
    }
}

/// The peer's process. Ends with the bench, its own workers as well.
struct Peer {
    process: Child,
    address: String,
}

impl Peer {
    fn start(python: &str, checkpoint: &Path, workers: usize, threads: usize) -> Self {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/peers/fastapi_peer.py");
        let mut process = Command::new(python)
            .arg(script)
            .arg(checkpoint)
            .args([workers.to_string(), threads.to_string()])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let peer = Self { process, address: format!("127.0.0.1:{}", line.trim()) };
        // The port is known before anybody listens, and the first answers of every worker come late.
        let begun = Instant::now();
        while Connection::try_open(&peer.address).is_err() {
            assert!(begun.elapsed() < PATIENCE, "the peer does not listen");
            std::thread::sleep(Duration::from_millis(50));
        }
        for _ in 0..8 * workers {
            let (status, _) = Connection::open(&peer.address).get("/samples?seed=0");
            assert_eq!(status, 200);
        }
        peer
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        if let Some(pid) = i32::try_from(self.process.id()).ok().and_then(rustix::process::Pid::from_raw) {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        let _ = self.process.wait();
    }
}

/// What is asked, and by whom answered.
struct Target {
    name: String,
    address: String,
    path: String,
}

/// One turn of a target: answers a second, and the time of each answer.
struct Turn {
    rate: f64,
    times: Vec<Duration>,
}

/// Which pictures are asked for.
#[derive(Clone, Copy)]
enum Seeds<'a> {
    /// Never the same twice.
    Distinct(&'a AtomicU64),
    Same,
}

impl Seeds<'_> {
    fn next(self) -> u64 {
        match self {
            Self::Distinct(counter) => counter.fetch_add(1, Ordering::Relaxed),
            Self::Same => 7,
        }
    }
}

/// When a connection asks.
#[derive(Clone, Copy)]
enum Pace {
    /// As soon as it has its answer.
    Eager,
    /// When the next of so many requests a second is due.
    PerSecond(f64),
}

fn load(target: &Target, seeds: Seeds<'_>, pace: Pace, settings: &Settings) -> Turn {
    let (begun, length) = (Instant::now(), Duration::from_secs(settings.seconds));
    let (mut times, sent) = (Vec::new(), AtomicU64::new(0));
    std::thread::scope(|scope| {
        let askers = (0..settings.connections).map(|_| {
            scope.spawn(|| {
                let mut connection = Connection::open(&target.address);
                let mut times = Vec::new();
                loop {
                    let due = match pace {
                        Pace::Eager => begun.elapsed(),
                        Pace::PerSecond(rate) => {
                            Duration::from_secs_f64(sent.fetch_add(1, Ordering::Relaxed) as f64 / rate)
                        }
                    };
                    if due >= length {
                        break times;
                    }
                    std::thread::sleep(due.saturating_sub(begun.elapsed()));
                    let (status, body) = connection.get(&format!("{}seed={}", target.path, seeds.next()));
                    times.push(begun.elapsed() - due);
                    assert!(status == 200 && body.starts_with(b"\x89PNG"), "{}: status {status}", target.name);
                }
            })
        });
        for asker in askers.collect::<Vec<_>>() {
            times.extend(asker.join().unwrap());
        }
    });
    Turn { rate: times.len() as f64 / begun.elapsed().as_secs_f64(), times }
}

/// Pictures a second if there were nothing but the generator's matrix products, one thread on each of two cores.
fn products_alone() -> f64 {
    const ROWS: usize = 128;
    let (begun, length) = (Instant::now(), Duration::from_secs(2));
    let rows: usize = std::thread::scope(|scope| {
        let workers = [(); 2].map(|()| {
            scope.spawn(|| {
                let weights = [0, 1, 2].map(|layer| vec![0.01_f32; WIDTHS[layer] * WIDTHS[layer + 1]]);
                let mut outputs = WIDTHS.map(|width| vec![0.5_f32; ROWS * width]);
                let mut rows = 0;
                while begun.elapsed() < length {
                    for (layer, weights) in weights.iter().enumerate() {
                        let (inner, columns) = (WIDTHS[layer], WIDTHS[layer + 1]);
                        let [x, y] = outputs.get_disjoint_mut([layer, layer + 1]).unwrap();
                        // SAFETY: x is ROWS × inner, the weights inner × columns, y ROWS × columns, each row by row.
                        unsafe {
                            let (inner_stride, columns_stride) = (inner as isize, columns as isize);
                            gemm::gemm(
                                ROWS,
                                columns,
                                inner,
                                y.as_mut_ptr(),
                                1,
                                columns_stride,
                                false,
                                x.as_ptr(),
                                1,
                                inner_stride,
                                weights.as_ptr(),
                                1,
                                columns_stride,
                                0.0,
                                1.0,
                                false,
                                false,
                                false,
                                gemm::Parallelism::None,
                            );
                        }
                    }
                    rows += ROWS;
                }
                assert!(outputs[3].iter().all(|value| value.is_finite()));
                rows
            })
        });
        workers.into_iter().map(|worker| worker.join().unwrap()).sum()
    });
    rows as f64 / COUNT as f64 / begun.elapsed().as_secs_f64()
}

/// All turns of a target under one kind of load.
#[derive(Default)]
struct Sum {
    rates: Vec<f64>,
    times: Vec<Duration>,
}

impl Sum {
    fn of_each(targets: &[Target]) -> Vec<Self> {
        targets.iter().map(|_| Self::default()).collect()
    }

    fn add(&mut self, turn: Turn) {
        self.rates.push(turn.rate);
        self.times.extend(turn.times);
    }

    fn rate(&self) -> f64 {
        median(&self.rates)
    }

    fn at(&self, share: f64) -> Duration {
        let mut times = self.times.clone();
        times.sort();
        times[((times.len() - 1) as f64 * share) as usize]
    }

    fn p99(&self) -> f64 {
        self.at(0.99).as_secs_f64()
    }
}

fn median(numbers: &[f64]) -> f64 {
    let mut sorted = numbers.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

/// The folder that has MNIST, if there is one.
fn mnist() -> Option<PathBuf> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data");
    let folder = std::env::var_os("GAND_DATA").map_or_else(|| PathBuf::from(beside), PathBuf::from);
    folder.join("mnist").is_dir().then_some(folder)
}

/// A spec of the paper's networks on MNIST. What it scores is nothing to this bench.
fn spec(steps: u64) -> String {
    format!(
        r#"{{"dataset": "mnist", "recipe": "paper-mnist", "training": {{"steps": {steps}}},
            "checkpoint": {{"every": 100000, "keep_best": false}},
            "evaluation": {{"every": 0, "quality": false, "parzen": {{"samples": 100, "validation_points": 50}}}}}}"#
    )
}

/// Both must draw the same kind of picture of the same generator: as large, and about as bright.
fn check_alike(targets: &[Target]) {
    let mut seen: Option<(usize, usize, f64)> = None;
    for target in targets {
        let (status, body) = Connection::open(&target.address).get(&format!("{}seed=3", target.path));
        assert_eq!(status, 200);
        let picture = gand::render::png::decode(&body).unwrap();
        let mean = picture.pixels.iter().map(|pixel| f64::from(*pixel)).sum::<f64>() / picture.pixels.len() as f64;
        println!(
            "{}: {} × {} pixels, mean {mean:.1}, {} bytes",
            target.name,
            picture.width,
            picture.height,
            body.len()
        );
        let (width, height, first) = *seen.get_or_insert((picture.width, picture.height, mean));
        assert!((picture.width, picture.height) == (width, height), "{} draws another size", target.name);
        assert!((mean - first).abs() < 8.0, "{} draws something else", target.name);
    }
}

fn main() {
    let settings = Settings::read();
    let Some(datasets) = mnist() else {
        println!("load: not measured; it needs the dataset mnist in GAND_DATA or ../shared/data");
        return;
    };
    let server = Server::start(&["--slots", "1", "--datasets", datasets.to_str().unwrap()]);
    let mut connection = Connection::open(&server.address);
    let job = connection.submit(&spec(STEPS));
    connection.wait_until(&job, "succeeded");
    let (status, checkpoint) = connection.get(&format!("/jobs/{job}/checkpoints/{STEPS}"));
    assert_eq!(status, 200);
    let file = server.folder.path().join("peer.safetensors");
    std::fs::write(&file, checkpoint).unwrap();

    let path = format!("/jobs/{job}/samples?checkpoint={STEPS}&count={COUNT}&scale=1&format=png&");
    let mut targets = vec![Target { name: "gand".to_owned(), address: server.address.clone(), path }];
    let peers: Vec<Peer> = match std::env::var("GAND_PEERS_PYTHON") {
        // One process with two threads, and two with one: whichever serves better is the one to compare with.
        Ok(python) => [(1, 2), (2, 1)].map(|(workers, threads)| Peer::start(&python, &file, workers, threads)).into(),
        Err(_) => Vec::new(),
    };
    for (peer, workers) in peers.iter().zip(1..) {
        let name = format!("FastAPI, {workers} worker{}", if workers > 1 { "s" } else { "" });
        targets.push(Target { name, address: peer.address.clone(), path: "/samples?".to_owned() });
    }
    check_alike(&targets);

    let counter = AtomicU64::new(1000);
    let mut limit = 0.0;
    for training in [false, true] {
        let state = if training { "training" } else { "idle" };
        if settings.only.as_ref().is_some_and(|only| only != state) {
            continue;
        }
        if training {
            // The first connection has been silent for longer than a server waits.
            connection = Connection::open(&server.address);
            let job = connection.submit(&spec(10_000_000));
            connection.wait_for(&job, "step", |step| step > 20.0);
        }
        for (what, seeds) in [("distinct seeds", Seeds::Distinct(&counter)), ("the same query", Seeds::Same)] {
            let (mut sums, mut limits) = (Sum::of_each(&targets), Vec::new());
            for _ in 0..settings.rounds {
                for (target, sum) in targets.iter().zip(&mut sums) {
                    sum.add(load(target, seeds, Pace::Eager, &settings));
                }
                if !training {
                    limits.push(products_alone());
                }
            }
            if let Some(alone) = (!limits.is_empty()).then(|| median(&limits)) {
                limit = alone;
            }
            report(state, what, &targets, &sums, limit);
            let best = sums[1..].iter().map(Sum::rate).max_by(f64::total_cmp);
            if let (Seeds::Distinct(_), Some(best)) = (seeds, best) {
                at_one_rate(state, &targets, seeds, best, &settings);
            }
        }
    }
    println!("gand's memory: {:.0} MiB now, {:.0} MiB at most", server.memory("VmRSS"), server.memory("VmHWM"));
}

/// The times of answers where all are asked as often.
fn at_one_rate(state: &str, targets: &[Target], seeds: Seeds<'_>, best: f64, settings: &Settings) {
    for share in [0.5, 0.9] {
        let mut sums = Sum::of_each(targets);
        for _ in 0..settings.rounds {
            for (target, sum) in targets.iter().zip(&mut sums) {
                sum.add(load(target, seeds, Pace::PerSecond(share * best), settings));
            }
        }
        println!(
            "\n{state}, distinct seeds, {:.0} requests/s ({:.0} % of the better peer):",
            share * best,
            share * 100.0
        );
        print_times(targets, &sums);
        let quickest = sums[1..].iter().map(Sum::p99).min_by(f64::total_cmp);
        if let Some(quickest) = quickest {
            println!("  gand: p99 {:.2} of the quicker peer's", sums[0].p99() / quickest);
        }
    }
}

fn report(state: &str, what: &str, targets: &[Target], sums: &[Sum], limit: f64) {
    println!("\n{state}, {what}:");
    print_times(targets, sums);
    if state == "idle" && what == "distinct seeds" {
        let share = 100.0 * sums[0].rate() / limit;
        println!("  the matrix products alone would allow {limit:.0} on two cores; gand gives {share:.0} % of that");
    }
    let Some(best) = sums[1..].iter().max_by(|a, b| a.rate().total_cmp(&b.rate())) else { return };
    let (times, p99) = (sums[0].rate() / best.rate(), sums[0].p99() / best.p99());
    println!("  gand: {times:.2} times the better peer's requests/s; p99 {p99:.2} of its");
}

fn print_times(targets: &[Target], sums: &[Sum]) {
    for (target, sum) in targets.iter().zip(sums) {
        let (low, high) = sum.rates.iter().fold((f64::MAX, 0.0_f64), |(low, high), r| (low.min(*r), high.max(*r)));
        println!(
            "  {:20} {:8.1} requests/s ({low:.0} to {high:.0})   p50 {:8.2?}   p99 {:8.2?}   {} answers",
            target.name,
            sum.rate(),
            sum.at(0.5),
            sum.at(0.99),
            sum.times.len()
        );
    }
}
