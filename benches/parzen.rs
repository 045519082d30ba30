//! Parzen windows at the sizes of the paper's protocol, beside the matrix product that bounds them.
//!
//! `cargo bench --bench parzen`, with `RAYON_NUM_THREADS` for the number of threads.

#![allow(clippy::unwrap_used)]

use gand::data::random::Stream;
use gand::data::{Pixels, Split};
use gand::eval::Protocol;
use gand::eval::parzen::{evaluate, log_likelihoods};

const POINTS: usize = 10_000;
const DIM: usize = 784;

fn main() {
    divan::main();
}

/// Numbers in [0, 1), `count` rows of them.
fn rows(seed: u64, count: usize) -> Vec<f32> {
    let stream = Stream::new(seed, 0);
    (0..count as u64 * DIM as u64 / 2).flat_map(|index| stream.uniform_pair(index)).map(|value| value as f32).collect()
}

/// One bandwidth, all test points against all samples.
#[divan::bench(sample_count = 5, sample_size = 1, name = "log_likelihood/10000x10000")]
fn log_likelihood(bencher: divan::Bencher<'_, '_>) {
    let (samples, points) = (rows(1, POINTS), rows(2, POINTS));
    bencher.bench_local(|| {
        let values = log_likelihoods(&samples, &points, DIM, &[0.2], rayon::current_num_threads());
        assert!(values[0].len() == POINTS && values[0].iter().all(|value| value.is_finite()));
        values
    });
}

/// The product alone, in one call to the same library with the same threads: the bound.
#[divan::bench(sample_count = 5, sample_size = 1, name = "product_alone/10000x10000")]
fn product_alone(bencher: divan::Bencher<'_, '_>) {
    let (samples, points) = (rows(1, POINTS), rows(2, POINTS));
    let mut out = vec![0.0_f32; POINTS * POINTS];
    bencher.bench_local(|| {
        let threads = rayon::current_num_threads();
        let parallelism = if threads > 1 { gemm::Parallelism::Rayon(threads) } else { gemm::Parallelism::None };
        let (width, dim) = (POINTS as isize, DIM as isize);
        // SAFETY: the buffers hold POINTS × DIM, POINTS × DIM and POINTS × POINTS numbers, as the strides say.
        unsafe {
            gemm::gemm(
                POINTS,
                POINTS,
                DIM,
                out.as_mut_ptr(),
                1,
                width,
                false,
                points.as_ptr(),
                1,
                dim,
                samples.as_ptr(),
                dim,
                1,
                0.0,
                -2.0,
                false,
                false,
                false,
                parallelism,
            );
        }
        assert!(out[0] < 0.0);
    });
}

/// The whole protocol: ten bandwidths on 1,000 validation points, then the test split under the best.
#[divan::bench(sample_count = 5, sample_size = 1, name = "goodfellow2014")]
fn goodfellow2014(bencher: divan::Bencher<'_, '_>) {
    let split = |seed, len| Split { pixels: Pixels::F32(rows(seed, len).into()), labels: None, len, dim: DIM };
    let (samples, validation, test) = (rows(1, POINTS), split(2, 1000), split(3, POINTS));
    bencher.bench_local(|| {
        evaluate(&Protocol::goodfellow2014(), &samples, &validation, &test, rayon::current_num_threads()).unwrap()
    });
}
