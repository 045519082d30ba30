//! Points of MNIST's shape for Parzen windows, with nothing to learn in them.

use gand::data::random::Stream;
use gand::data::{Pixels, Split};
use gand::eval::Protocol;
use gand::eval::parzen::{evaluate, log_likelihoods};

/// Samples, and test points.
pub(crate) const POINTS: usize = 10_000;
/// Numbers of a point.
pub(crate) const DIM: usize = 784;

/// Numbers in [0, 1), `count` rows of them.
pub(crate) fn rows(seed: u64, count: usize) -> Vec<f32> {
    let stream = Stream::new(seed, 0);
    (0..count as u64 * DIM as u64 / 2).flat_map(|index| stream.uniform_pair(index)).map(|value| value as f32).collect()
}

/// What is computed again and again by `threads` threads: the whole protocol, all test points under one bandwidth, or
/// the matrix product that bounds that.
pub(crate) fn work(what: &str, threads: usize) -> Box<dyn FnMut() + Send> {
    let (samples, points) = (rows(1, POINTS), rows(2, POINTS));
    match what {
        "goodfellow2014" => {
            let split = |rows: Vec<f32>| Split {
                len: rows.len() / DIM,
                pixels: Pixels::F32(rows.into()),
                labels: None,
                dim: DIM,
            };
            let (validation, test) = (split(rows(3, 1000)), split(points));
            Box::new(move || {
                let result = evaluate(&Protocol::goodfellow2014(), &samples, &validation, &test, threads).unwrap();
                assert!(result.log_likelihood.is_finite());
            })
        }
        "one-bandwidth" => Box::new(move || {
            let values = log_likelihoods(&samples, &points, DIM, &[0.2], threads);
            assert!(values[0].len() == POINTS && values[0].iter().all(|value| value.is_finite()));
        }),
        "product" => {
            let mut out = vec![0.0_f32; POINTS * POINTS];
            Box::new(move || {
                product(&mut out, &points, &samples, threads);
                assert!(out[0] < 0.0);
            })
        }
        other => panic!("no work {other}"),
    }
}

/// −2 times the products of all points with all samples, in one call to the library that gand uses.
fn product(out: &mut [f32], points: &[f32], samples: &[f32], threads: usize) {
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
}
