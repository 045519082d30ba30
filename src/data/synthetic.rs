//! Datasets drawn from a known density, for section 4 of the paper: here the divergence from the data, and the best
//! discriminator, can be computed. Points are vectors: 1 × dim × 1.

use super::digest::digest;
use super::random::Stream;
use super::{Dataset, Density, Pixels, Shape, Split};

/// Points in train, validation and test.
pub const COUNTS: [usize; 3] = [20_000, 2_000, 5_000];
/// Under which terms they may be used.
pub const LICENCE: &str = "CC0";
/// The one seed of all draws: the same data in every process.
const SEED: u64 = 2014;

/// A distribution with a name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Synthetic {
    /// N(1, 0.5²).
    Gaussian1d,
    /// N(−1, 0.4²) and N(1, 0.4²) in equal parts.
    Mixture1d,
    /// Eight modes on the unit circle, deviation 0.1.
    Ring2d,
    /// A 5 × 5 grid of modes on [−1, 1]², deviation 0.05.
    Grid2d,
}

impl Synthetic {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Gaussian1d, Self::Mixture1d, Self::Ring2d, Self::Grid2d];

    /// Its name in specs and paths.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Gaussian1d => "gaussian-1d",
            Self::Mixture1d => "mixture-1d",
            Self::Ring2d => "ring-2d",
            Self::Grid2d => "grid-2d",
        }
    }

    /// The distribution of that name.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.name() == name)
    }

    /// The shape of a point.
    #[must_use]
    pub fn shape(self) -> Shape {
        let width = match self {
            Self::Gaussian1d | Self::Mixture1d => 1,
            Self::Ring2d | Self::Grid2d => 2,
        };
        Shape { height: 1, width, channels: 1 }
    }

    /// What its points are drawn from.
    #[must_use]
    pub fn density(self) -> Density {
        let (modes, deviation) = match self {
            Self::Gaussian1d => (vec![[1.0, 0.0]], 0.5),
            Self::Mixture1d => (vec![[-1.0, 0.0], [1.0, 0.0]], 0.4),
            Self::Ring2d => {
                let angles = (0..8).map(|k| f64::from(k) * std::f64::consts::TAU / 8.0);
                (angles.map(|angle| [angle.cos(), angle.sin()]).collect(), 0.1)
            }
            Self::Grid2d => {
                let places = [-1.0, -0.5, 0.0, 0.5, 1.0];
                (places.iter().flat_map(|y| places.map(|x| [x, *y])).collect(), 0.05)
            }
        };
        Density { dim: self.shape().width, modes, deviation }
    }

    /// One label name a mode; none where there is only one.
    #[must_use]
    pub fn label_names(self) -> Vec<String> {
        let modes = self.density().modes.len();
        if modes == 1 { Vec::new() } else { (0..modes).map(|mode| format!("mode {mode}")).collect() }
    }

    /// Where it comes from.
    #[must_use]
    pub fn origin(self) -> String {
        let density = self.density();
        let (modes, deviation) = (density.modes.len(), density.deviation);
        let what = match self {
            Self::Gaussian1d => "a Gaussian around 1".to_owned(),
            Self::Mixture1d => "two Gaussians around -1 and 1".to_owned(),
            Self::Ring2d => format!("{modes} Gaussians on the unit circle"),
            Self::Grid2d => format!("{modes} Gaussians on a 5 x 5 grid over [-1, 1] x [-1, 1]"),
        };
        format!("drawn by gand from {what}, standard deviation {deviation}")
    }

    /// The dataset.
    #[must_use]
    pub fn dataset(self) -> Dataset {
        let (shape, density, label_names) = (self.shape(), self.density(), self.label_names());
        // Every dataset and every split has streams of its own.
        let first_purpose = 100 * self as u32;
        let draw = |split: u32, count: usize| {
            let purpose = first_purpose + 2 * split;
            let (points, labels) = density.draw(&Stream::new(SEED, purpose), &Stream::new(SEED, purpose + 1), count);
            let labels = (!label_names.is_empty()).then(|| labels.into());
            Split { pixels: Pixels::F32(points.into()), labels, len: count, dim: shape.len() }
        };
        let [train, validation, test] = [draw(0, COUNTS[0]), draw(1, COUNTS[1]), draw(2, COUNTS[2])];
        Dataset {
            name: self.name().to_owned(),
            shape,
            digest: digest(shape, [&train, &validation, &test]),
            train,
            validation,
            test,
            label_names,
            licence: LICENCE.to_owned(),
            origin: self.origin(),
        }
    }
}
