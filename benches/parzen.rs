//! Parzen windows at the sizes of the paper's protocol: beside the matrix product that bounds them, against float64, and
//! with a million samples.
//!
//! `cargo bench --bench parzen`. PyTorch's speed is beside gand's in `make bench-peers`.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

#[path = "peers/points.rs"]
mod points;

use gand::eval::parzen::log_likelihoods;
use points::{DIM, POINTS, rows, work};
use std::time::Instant;

const ROUNDS: usize = 7;

fn main() {
    // First, for what is freed later stays with the process.
    a_million_samples();
    for threads in [1, 2] {
        beside_the_product(threads);
    }
    against_float64();
}

/// In turn, so that both see the same machine.
fn beside_the_product(threads: usize) {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    let mut works = ["product", "one-bandwidth", "goodfellow2014"].map(|what| work(what, threads));
    let mut seconds = works.each_ref().map(|_| Vec::new());
    for round in 0..=ROUNDS {
        for (work, seconds) in works.iter_mut().zip(&mut seconds) {
            let start = Instant::now();
            pool.install(&mut *work);
            if round > 0 {
                seconds.push(start.elapsed().as_secs_f64());
            }
        }
    }
    let ratio = median(seconds[1].iter().zip(&seconds[0]).map(|(all, product)| all / product).collect());
    let [product, one, protocol] = seconds.map(median);
    println!(
        "{POINTS} points × {POINTS} samples × {DIM}, threads {threads}: the product alone {product:.3} s, one bandwidth \
         {one:.3} s ({ratio:.2} times that); the protocol goodfellow2014 {protocol:.3} s"
    );
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// The farthest that a point's log-likelihood is from differences, squares and sums in float64.
fn against_float64() {
    const CHECKED: usize = 200;
    let bandwidths = [0.1, 0.2, 0.5];
    let (samples, points) = (rows(1, POINTS), rows(2, CHECKED));
    let found = log_likelihoods(&samples, &points, DIM, &bandwidths, 2);
    for (bandwidth, found) in bandwidths.into_iter().zip(found) {
        let expected = points.chunks(DIM).map(|point| {
            let exponents: Vec<f64> = samples
                .chunks(DIM)
                .map(|sample| {
                    let squares = point.iter().zip(sample).map(|(x, y)| (f64::from(*x) - f64::from(*y)).powi(2));
                    -squares.sum::<f64>() / (2.0 * bandwidth * bandwidth)
                })
                .collect();
            let largest = exponents.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let sum: f64 = exponents.iter().map(|exponent| (exponent - largest).exp()).sum();
            let constant = (POINTS as f64).ln() + DIM as f64 * (bandwidth * std::f64::consts::TAU.sqrt()).ln();
            largest + sum.ln() - constant
        });
        let worst = found.iter().zip(expected).map(|(found, expected)| (found - expected).abs()).fold(0.0, f64::max);
        println!("bandwidth {bandwidth}: at most {worst:.4} nats a point off float64, of {CHECKED} points");
        assert!(worst < 0.05);
    }
}

/// Memory beyond the samples themselves.
fn a_million_samples() {
    const SAMPLES: usize = 1_000_000;
    let (samples, points) = (rows(1, SAMPLES), rows(2, 100));
    // The peak so far counts no more.
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
    let before = memory("VmRSS");
    let start = Instant::now();
    let values = log_likelihoods(&samples, &points, DIM, &[0.2], 2);
    let seconds = start.elapsed().as_secs_f64();
    assert!(values[0].iter().all(|value| value.is_finite()));
    println!(
        "100 points × {SAMPLES} samples: {seconds:.1} s, {} MiB beyond the samples' {}",
        memory("VmHWM") - before,
        (4 * samples.len()) >> 20
    );
}

/// The memory that this process holds (`VmRSS`), or the most that it has held (`VmHWM`), in MiB.
fn memory(field: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with(field)).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kilobytes| kilobytes.parse::<u64>().ok()).unwrap_or(0) / 1024
}
