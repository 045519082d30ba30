//! The Fréchet distance of two Gaussians fitted to features: |m₁ − m₂|² + tr(C₁ + C₂ − 2·(C₁·C₂)^½).

/// The mean and the covariance of some rows of numbers.
#[derive(Clone, PartialEq, Debug)]
pub struct Moments {
    /// The mean.
    pub mean: Vec<f64>,
    /// The covariance (over n − 1), row by row.
    pub covariance: Vec<f64>,
}

impl Moments {
    /// The moments of `features`, rows of `dim` numbers; of one row the covariance is 0.
    #[must_use]
    pub fn of(features: &[f32], dim: usize) -> Self {
        let count = features.len().checked_div(dim).unwrap_or(0);
        let mut mean = vec![0.0; dim];
        for row in features.chunks_exact(dim.max(1)) {
            for (sum, value) in mean.iter_mut().zip(row) {
                *sum += f64::from(*value);
            }
        }
        mean.iter_mut().for_each(|sum| *sum /= count.max(1) as f64);
        let mut covariance = vec![0.0; dim * dim];
        let mut centred = vec![0.0; dim];
        for row in features.chunks_exact(dim.max(1)) {
            for ((centred, value), mean) in centred.iter_mut().zip(row).zip(&mean) {
                *centred = f64::from(*value) - mean;
            }
            for (a, sums) in centred.iter().zip(covariance.chunks_exact_mut(dim)) {
                for (sum, b) in sums.iter_mut().zip(&centred) {
                    *sum += a * b;
                }
            }
        }
        covariance.iter_mut().for_each(|sum| *sum /= count.saturating_sub(1).max(1) as f64);
        Self { mean, covariance }
    }

    /// The Fréchet distance to others of the same dimension, 0 for equal ones.
    #[must_use]
    pub fn distance(&self, other: &Self) -> f64 {
        let dim = self.mean.len();
        let between: f64 = self.mean.iter().zip(&other.mean).map(|(a, b)| (a - b).powi(2)).sum();
        let trace = |matrix: &[f64]| (0..dim).map(|place| matrix[place * dim + place]).sum::<f64>();
        // (C₁·C₂)^½ has the trace of (C₁^½·C₂·C₁^½)^½, whose argument is symmetric.
        let root = square_root(&self.covariance, dim);
        let inner = product(&product(&root, &other.covariance, dim), &root, dim);
        let (values, _) = eigen(inner, dim);
        let cross: f64 = values.iter().map(|value| if *value < 0.0 { 0.0 } else { value.sqrt() }).sum();
        let distance = between + trace(&self.covariance) + trace(&other.covariance) - 2.0 * cross;
        // Rounding may take it below 0; not by `max`, which would make 0 of what is no number.
        if distance < 0.0 { 0.0 } else { distance }
    }
}

fn square_root(matrix: &[f64], dim: usize) -> Vec<f64> {
    let (values, vectors) = eigen(matrix.to_vec(), dim);
    let roots: Vec<f64> = values.iter().map(|value| value.max(0.0).sqrt()).collect();
    let mut root = vec![0.0; dim * dim];
    for row in 0..dim {
        for column in 0..dim {
            let terms =
                roots.iter().enumerate().map(|(k, root)| vectors[row * dim + k] * root * vectors[column * dim + k]);
            root[row * dim + column] = terms.sum();
        }
    }
    root
}

fn product(a: &[f64], b: &[f64], dim: usize) -> Vec<f64> {
    let mut product = vec![0.0; dim * dim];
    for row in 0..dim {
        for k in 0..dim {
            let factor = a[row * dim + k];
            for column in 0..dim {
                product[row * dim + column] += factor * b[k * dim + column];
            }
        }
    }
    product
}

/// The eigenvalues and (in columns) eigenvectors of a symmetric matrix, by Jacobi's rotations.
fn eigen(mut matrix: Vec<f64>, dim: usize) -> (Vec<f64>, Vec<f64>) {
    const SWEEPS: usize = 60;
    const SMALL: f64 = 1e-24;
    let mut vectors = vec![0.0; dim * dim];
    for place in 0..dim {
        vectors[place * dim + place] = 1.0;
    }
    let size: f64 = matrix.iter().map(|value| value * value).sum();
    for _ in 0..SWEEPS {
        let off = |matrix: &[f64]| -> f64 {
            let places = (0..dim).flat_map(|row| (0..row).map(move |column| (row, column)));
            places.map(|(row, column)| matrix[row * dim + column].powi(2)).sum()
        };
        if off(&matrix) <= SMALL * size {
            break;
        }
        for p in 0..dim {
            for q in p + 1..dim {
                rotate(&mut matrix, &mut vectors, dim, p, q);
            }
        }
    }
    ((0..dim).map(|place| matrix[place * dim + place]).collect(), vectors)
}

/// One rotation, which brings the element (p, q) to 0.
fn rotate(matrix: &mut [f64], vectors: &mut [f64], dim: usize, p: usize, q: usize) {
    let element = matrix[p * dim + q];
    if element == 0.0 {
        return;
    }
    let ratio = (matrix[q * dim + q] - matrix[p * dim + p]) / (2.0 * element);
    let tangent = ratio.signum() / (ratio.abs() + ratio.hypot(1.0));
    let cosine = 1.0 / tangent.hypot(1.0);
    let sine = tangent * cosine;
    for k in 0..dim {
        let (a, b) = (matrix[k * dim + p], matrix[k * dim + q]);
        (matrix[k * dim + p], matrix[k * dim + q]) = (cosine * a - sine * b, sine * a + cosine * b);
    }
    for k in 0..dim {
        let (a, b) = (matrix[p * dim + k], matrix[q * dim + k]);
        (matrix[p * dim + k], matrix[q * dim + k]) = (cosine * a - sine * b, sine * a + cosine * b);
    }
    for k in 0..dim {
        let (a, b) = (vectors[k * dim + p], vectors[k * dim + q]);
        (vectors[k * dim + p], vectors[k * dim + q]) = (cosine * a - sine * b, sine * a + cosine * b);
    }
}
