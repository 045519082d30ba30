//! k-means centroids: averages of images, which Parzen windows like better than images.

use super::distances::{Points, visit_tiles};
use crate::data::Split;
use crate::data::random::Stream;

/// The purpose of the draw of the first centroids.
const FIRST_CENTROIDS: u32 = 7;

/// `count` centroids of a split after some passes of Lloyd's algorithm, row by row, from points drawn with a seed. A
/// centroid that no point is nearest to stays where it is.
///
/// Uses up to `threads` threads of the rayon pool that the caller is in; the same for any number of them.
#[must_use]
pub fn centroids(split: &Split, count: usize, passes: usize, seed: u64, threads: usize) -> Vec<f32> {
    let dim = split.dim;
    let first = Stream::new(seed, FIRST_CENTROIDS).permutation(split.len).into_iter().take(count);
    let mut centroids = vec![0.0; count.min(split.len) * dim];
    split.gather(first, &mut centroids);
    let points = Points::of(split);
    for _ in 0..passes {
        let mut nearest = vec![(f32::INFINITY, 0_usize); split.len];
        visit_tiles(Points::Numbers(&centroids), points, dim, threads, &mut nearest, |nearest, row| {
            if row.least < nearest.0
                && let Some(offset) = row.distances.iter().position(|distance| *distance == row.least)
            {
                *nearest = (row.least, row.first + offset);
            }
        });
        let mut sums = vec![0.0_f64; centroids.len()];
        let mut members = vec![0_usize; centroids.len() / dim];
        for (index, (_, chosen)) in nearest.iter().enumerate() {
            members[*chosen] += 1;
            for (sum, value) in sums[chosen * dim..(chosen + 1) * dim].iter_mut().zip(points.row(index, dim)) {
                *sum += f64::from(value);
            }
        }
        for ((centroid, sum), members) in centroids.chunks_mut(dim).zip(sums.chunks(dim)).zip(&members) {
            if *members > 0 {
                for (value, sum) in centroid.iter_mut().zip(sum) {
                    *value = (sum / *members as f64) as f32;
                }
            }
        }
    }
    centroids
}
