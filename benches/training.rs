//! Steps of training on the paper's networks, on data of the same size.

#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "peers/networks.rs"]
mod networks;

use divan::Bencher;
use gand::gan::{Checkpoint, Sampler, Trainer};

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

/// Ten thousand samples in one call.
#[divan::bench(name = "sampling/paper-mnist/10000", args = [1, 2], max_time = 6)]
fn sampling(bencher: Bencher<'_, '_>, threads: usize) {
    let checkpoint = networks::trainer("simultaneous", "sgd", threads).checkpoint().unwrap();
    let mut sampler = Sampler::new(&checkpoint, None, threads).unwrap();
    let latents = sampler.latents(0, 0..10_000);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    bencher.bench_local(|| pool.install(|| sampler.generate(&latents).unwrap()));
}

/// What a checkpoint costs the training thread: looking for numbers that are none, and writing the file into memory that
/// was used before.
#[divan::bench(name = "checkpoint/write/paper-mnist", args = [1, 2], max_time = 3)]
fn checkpoint_write(bencher: Bencher<'_, '_>, threads: usize) {
    let trainer = networks::trainer("simultaneous", "sgd", threads);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    let mut bytes = Vec::new();
    bencher.bench_local(|| {
        pool.install(|| {
            trainer.check().unwrap();
            trainer.write_checkpoint(&mut bytes).unwrap();
        });
    });
}

/// A run taken up from a checkpoint's file.
#[divan::bench(name = "checkpoint/read/paper-mnist", args = [1, 2], max_time = 3)]
fn checkpoint_read(bencher: Bencher<'_, '_>, threads: usize) {
    let bytes = networks::trainer("simultaneous", "sgd", threads).checkpoint().unwrap().to_bytes().unwrap();
    bencher.bench_local(|| Checkpoint::from_bytes(&bytes).unwrap());
}
