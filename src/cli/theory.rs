//! `gand theory`: Proposition 2 of the paper as a numerical experiment.

use super::exit::{Fails as _, Fault};
use crate::data::synthetic::Synthetic;
use crate::eval::theory::{Cells, descend};
use crate::render::plot;
use anyhow::Context as _;
use std::io::Write as _;
use std::path::PathBuf;

/// Settings of `gand theory`.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// Density that p_g is to reach: gaussian-1d, mixture-1d, ring-2d or grid-2d
    #[arg(long, default_value = "mixture-1d", value_name = "NAME")]
    density: String,
    /// Steps of p_g
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u32).range(1..=100_000), value_name = "N")]
    steps: u32,
    /// How far p_g moves in a step
    #[arg(long, default_value_t = 0.2, value_name = "RATE")]
    rate: f64,
    /// Draw the curve as SVG into this file
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

/// Lets p_g itself, not a network, descend its criterion on a grid, against the best D of every moment, and prints
/// C(G) step by step as CSV: it falls to −log 4 and never rises.
///
/// # Errors
///
/// If there is no such density, or the file or standard output cannot be written.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let synthetic = Synthetic::by_name(&args.density).with_context(|| {
        let names = Synthetic::ALL.map(Synthetic::name).join(", ");
        format!("no known density is called {:?}; there are {names}", args.density)
    });
    let synthetic = synthetic.or_fault(Fault::Given)?;
    if !(args.rate > 0.0 && args.rate <= 1.0) {
        return Err(anyhow::anyhow!("--rate must be above 0 and at most 1")).or_fault(Fault::Given);
    }
    let cells = Cells::new(synthetic.density());
    let uniform = vec![1.0 / cells.len() as f64; cells.len()];
    let (curve, _) = descend(cells.data(), &uniform, args.rate, usize::try_from(args.steps)?);
    let mut out = std::io::stdout().lock();
    writeln!(out, "step,criterion,divergence")?;
    for (step, criterion) in curve.iter().enumerate() {
        writeln!(out, "{step},{criterion:.9},{:.9}", 0.5 * (criterion + 4.0_f64.ln()))?;
    }
    if let Some(path) = &args.svg {
        let title = format!("Proposition 2: p_g descends C(G) towards {}", synthetic.name());
        let svg = plot::criterion(&title, &curve).svg()?;
        std::fs::write(path, svg).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}
