//! Plots of a run: its losses, its scores, and Figure 1 of the paper.

pub use super::chart::Chart;
use super::chart::{Curve, Level, Stroke, range};
use super::colour::{ALERT, DATA, DISCRIMINATOR, GENERATED, INK};
use std::f64::consts::LN_2;

/// Losses over steps, as columns of one length.
#[derive(Clone, Copy, Debug)]
pub struct Losses<'a> {
    /// Steps.
    pub step: &'a [u64],
    /// D's loss, the mean of its two cross-entropies.
    pub discriminator: &'a [f32],
    /// G's loss.
    pub generator: &'a [f32],
}

/// A score with its error.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Score {
    /// The step of the checkpoint.
    pub step: u64,
    /// The mean log-likelihood, in nats.
    pub log_likelihood: f64,
    /// Its standard error.
    pub standard_error: f64,
}

/// A score to hold scores against.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Reference<'a> {
    /// What was scored.
    pub name: &'a str,
    /// The mean log-likelihood, in nats.
    pub log_likelihood: f64,
}

/// The densities of Figure 1 along x.
#[derive(Clone, Copy, Debug)]
pub struct Figure1<'a> {
    /// Places, rising.
    pub x: &'a [f64],
    /// p_data there.
    pub data: &'a [f64],
    /// p_g there.
    pub generated: &'a [f64],
    /// D there, where it is known.
    pub discriminator: Option<&'a [f64]>,
    /// Some latents (rising, in units of their deviation) and where G takes them: the figure's arrows.
    pub mapping: &'a [(f64, f64)],
}

/// The losses of both players, with the line at ln 2 that both reach where D can tell nothing apart.
#[must_use]
pub fn losses(title: &str, losses: Losses<'_>) -> Chart {
    let curve = |name: &str, colour, values: &[f32]| Curve {
        name: name.to_owned(),
        colour,
        stroke: Stroke::Solid,
        points: losses.step.iter().zip(values).map(|(step, value)| (*step as f64, f64::from(*value))).collect(),
        errors: Vec::new(),
    };
    let values = losses.discriminator.iter().chain(losses.generator).map(|value| f64::from(*value));
    Chart {
        title: title.to_owned(),
        x_name: "step".to_owned(),
        y_name: "loss, nats",
        curves: vec![
            curve("discriminator's loss", DISCRIMINATOR, losses.discriminator),
            curve("generator's loss", GENERATED, losses.generator),
        ],
        levels: vec![Level { name: "ln 2: nothing told apart".to_owned(), colour: INK, height: LN_2 }],
        links: Vec::new(),
        x: steps(losses.step.iter().copied()),
        y: range(values.chain([0.0, LN_2])),
        empty: "no steps yet",
    }
}

/// Scores over steps with error bars, and the reference rows as lines.
#[must_use]
pub fn parzen(title: &str, scores: &[Score], references: &[Reference<'_>]) -> Chart {
    let curve = Curve {
        name: "log-likelihood of the test points, in nats, ± standard error".to_owned(),
        colour: GENERATED,
        stroke: Stroke::Solid,
        points: scores.iter().map(|score| (score.step as f64, score.log_likelihood)).collect(),
        errors: scores.iter().map(|score| score.standard_error).collect(),
    };
    let levels: Vec<Level> = references
        .iter()
        .map(|reference| Level {
            name: format!("{} {:.0}", reference.name, reference.log_likelihood),
            colour: if reference.name.starts_with("training") { ALERT } else { INK },
            height: reference.log_likelihood,
        })
        .collect();
    // A first score may lie thousands of nats below: it must not press all others into one line.
    let best = scores.iter().map(|score| score.log_likelihood).chain(levels.iter().map(|level| level.height));
    let best = best.filter(|value| value.is_finite()).fold(f64::NEG_INFINITY, f64::max);
    let lowest_shown = best - 600.0_f64.max(0.5 * best.abs());
    let ends = scores
        .iter()
        .flat_map(|score| [score.log_likelihood - score.standard_error, score.log_likelihood + score.standard_error]);
    let heights = ends.chain(levels.iter().map(|level| level.height)).map(|value| value.max(lowest_shown));
    Chart {
        title: title.to_owned(),
        x_name: "step".to_owned(),
        y_name: "log-likelihood, nats",
        x: steps(scores.iter().map(|score| score.step)),
        y: range(heights),
        curves: vec![curve],
        levels,
        links: Vec::new(),
        empty: "no evaluations yet",
    }
}

/// C(G) step by step, with the line at its least value.
#[must_use]
pub fn criterion(title: &str, values: &[f64]) -> Chart {
    let least = -2.0 * LN_2;
    Chart {
        title: title.to_owned(),
        x_name: "step".to_owned(),
        y_name: "C(G), nats",
        curves: vec![Curve {
            name: "C(G) in nats".to_owned(),
            colour: GENERATED,
            stroke: Stroke::Solid,
            points: values.iter().enumerate().map(|(step, value)| (step as f64, *value)).collect(),
            errors: Vec::new(),
        }],
        levels: vec![Level { name: "-log 4: p_g is p_data".to_owned(), colour: INK, height: least }],
        links: Vec::new(),
        x: steps([0, values.len().saturating_sub(1) as u64].into_iter()),
        y: range(values.iter().copied().chain([least])),
        empty: "no steps yet",
    }
}

/// Figure 1 of the paper: D (blue, dashed), p_data (black, dotted), p_g (green), and below them how G spreads latents.
#[must_use]
pub fn figure_1(title: &str, figure: Figure1<'_>) -> Chart {
    let curve = |name: &str, colour, stroke, values: &[f64]| Curve {
        name: name.to_owned(),
        colour,
        stroke,
        points: figure.x.iter().copied().zip(values.iter().copied()).collect(),
        errors: Vec::new(),
    };
    let mut curves = vec![
        curve("p_data", DATA, Stroke::Dotted, figure.data),
        curve("p_g", GENERATED, Stroke::Solid, figure.generated),
    ];
    if let Some(values) = figure.discriminator {
        curves.insert(0, curve("D", DISCRIMINATOR, Stroke::Dashed, values));
    }
    let tallest = figure.data.iter().copied().filter(|value| value.is_finite()).fold(1.0, f64::max);
    let x = match figure.x {
        [first, .., last] => (*first, *last),
        _ => (0.0, 1.0),
    };
    // Below the densities: the line of latents at the bottom, the line of x above it, as in the paper.
    let (x_line, z_line) = (-0.06 * tallest, -0.36 * tallest);
    let place_of_latent = |z: f64| x.0 + (x.1 - x.0) * (z + 3.0) / 6.0;
    let mut links: Vec<_> =
        figure.mapping.iter().map(|(z, to)| ((place_of_latent(*z), z_line), (to.clamp(x.0, x.1), x_line))).collect();
    if !links.is_empty() {
        links.extend([x_line, z_line].map(|height| ((x.0, height), (x.1, height))));
    }
    let bottom = if figure.mapping.is_empty() { 0.0 } else { z_line - 0.03 * tallest };
    Chart {
        title: title.to_owned(),
        x_name: if figure.mapping.is_empty() {
            "x".to_owned()
        } else {
            "x; below: latents, and where G takes them".to_owned()
        },
        y_name: "density; D(x)",
        curves,
        levels: Vec::new(),
        links,
        x,
        y: (bottom, 1.5 * tallest),
        empty: "no samples yet",
    }
}

/// From the first step to the last.
fn steps(steps: impl Iterator<Item = u64> + Clone) -> (f64, f64) {
    match (steps.clone().min(), steps.max()) {
        (Some(first), Some(last)) if first < last => (first as f64, last as f64),
        (Some(first), _) => (first as f64 - 1.0, first as f64 + 1.0),
        _ => (0.0, 1.0),
    }
}
