//! gand's side of `benches/peers/compare.py`: reads "run N" lines and answers with the seconds that N steps took.
//!
//! Also the yardstick: the same step written by hand over the `gemm` crate, without tensors, layers or a spec.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

#[path = "peers/handwritten.rs"]
mod handwritten;
#[path = "peers/networks.rs"]
mod networks;
#[path = "peers/points.rs"]
mod points;

use std::io::{BufRead, Write};
use std::time::Instant;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let [who, recipe, update, optimizer, threads] = &arguments[..] else {
        println!(
            "usage: gand|handwritten RECIPE|parzen alternating|simultaneous sgd|adam THREADS (see peers/compare.py)"
        );
        return;
    };
    let threads: usize = threads.parse().unwrap();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    if recipe == "parzen" {
        let mut work = points::work(update, threads);
        return answer(&mut || pool.install(&mut *work));
    }
    pool.install(|| {
        let mut step: Box<dyn FnMut()> = match who.as_str() {
            "gand" => {
                let mut trainer = match recipe.as_str() {
                    "paper-cifar10-conv" => networks::convolutional(threads),
                    _ => networks::trainer(update, optimizer, threads),
                };
                Box::new(move || assert!(trainer.step().unwrap().d_loss.is_finite()))
            }
            "handwritten" => {
                let mut run = handwritten::Run::new(update == "alternating", threads);
                Box::new(move || assert!(run.step().is_finite()))
            }
            other => panic!("no peer {other}"),
        };
        (0..10).for_each(|_| step());
        answer(&mut *step);
    });
}

fn answer(step: &mut dyn FnMut()) {
    let mut out = std::io::stdout();
    writeln!(out, "ready").unwrap();
    out.flush().unwrap();
    for line in std::io::stdin().lock().lines() {
        let count: usize = line.unwrap().split_whitespace().nth(1).unwrap().parse().unwrap();
        let start = Instant::now();
        (0..count).for_each(|_| step());
        writeln!(out, "{}", start.elapsed().as_secs_f64()).unwrap();
        out.flush().unwrap();
    }
}
