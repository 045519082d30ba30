//! Steps of training on the paper's networks, on data of the same size.

#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "peers/networks.rs"]
mod networks;

use divan::Bencher;
use gand::gan::Trainer;

fn main() {
    divan::main();
}

fn steps(bencher: Bencher<'_, '_>, update: &str, optimizer: &str, threads: usize) {
    run(bencher, networks::trainer(update, optimizer, threads), threads);
}

fn run(bencher: Bencher<'_, '_>, mut trainer: Trainer, threads: usize) {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    pool.install(|| {
        for _ in 0..3 {
            trainer.step().unwrap();
        }
    });
    bencher.bench_local(|| {
        pool.install(|| {
            let losses = trainer.step().unwrap();
            assert!(losses.d_loss.is_finite());
            losses
        })
    });
}

#[divan::bench(name = "training/step/paper-mnist/alternating/sgd", args = [1, 2], max_time = 6)]
fn alternating_sgd(bencher: Bencher<'_, '_>, threads: usize) {
    steps(bencher, "alternating", "sgd", threads);
}

#[divan::bench(name = "training/step/paper-mnist/alternating/adam", args = [1, 2], max_time = 6)]
fn alternating_adam(bencher: Bencher<'_, '_>, threads: usize) {
    steps(bencher, "alternating", "adam", threads);
}

#[divan::bench(name = "training/step/paper-mnist/simultaneous/sgd", args = [1, 2], max_time = 6)]
fn simultaneous_sgd(bencher: Bencher<'_, '_>, threads: usize) {
    steps(bencher, "simultaneous", "sgd", threads);
}

#[divan::bench(name = "training/step/paper-mnist/simultaneous/adam", args = [1, 2], max_time = 6)]
fn simultaneous_adam(bencher: Bencher<'_, '_>, threads: usize) {
    steps(bencher, "simultaneous", "adam", threads);
}

#[divan::bench(name = "training/step/paper-cifar10-conv/simultaneous/sgd", args = [1, 2], max_time = 10)]
fn convolutional(bencher: Bencher<'_, '_>, threads: usize) {
    run(bencher, networks::convolutional(threads), threads);
}
