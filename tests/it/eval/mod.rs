//! Evaluations against references computed elsewhere.

mod coverage;
mod neighbours;
mod parzen;
mod quality;
mod reference;
mod theory;

use gand::data::random::Stream;

/// Points between 0 and 1 that lie near one another in threes, as images do.
fn cloud(seed: u64, count: usize, dim: usize) -> Vec<f32> {
    let (centres, offsets) = (Stream::new(seed, 0), Stream::new(seed, 1));
    (0..count * dim)
        .map(|place| {
            let (row, column) = (place / dim, place % dim);
            let [centre, _] = centres.uniform_pair((row / 3 * dim + column) as u64);
            (centre + 0.05 * offsets.normal_pair(place as u64)[0]) as f32
        })
        .collect()
}
