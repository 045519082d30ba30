//! How far samples are from one another, against how far the data's points are: near 0 where G makes one thing only.

/// The root mean square of the distances between all pairs of points (row by row): √(2·Σ variance).
#[must_use]
pub fn spread(points: &[f32], dim: usize) -> f64 {
    let count = points.len().checked_div(dim).unwrap_or(0);
    if count == 0 {
        return 0.0;
    }
    let (mut sums, mut squares) = (vec![0.0_f64; dim], vec![0.0_f64; dim]);
    // Around the first point, so that equal points give exactly 0.
    let (origin, _) = points.split_at(dim);
    for point in points.chunks_exact(dim) {
        for ((sum, square), (value, origin)) in sums.iter_mut().zip(&mut squares).zip(point.iter().zip(origin)) {
            let value = f64::from(*value) - f64::from(*origin);
            *sum += value;
            *square += value * value;
        }
    }
    let count = count as f64;
    let variances = sums.iter().zip(&squares).map(|(sum, square)| (square / count - (sum / count).powi(2)).max(0.0));
    (2.0 * variances.sum::<f64>()).sqrt()
}
