//! `gand parzen`: scores anyone's samples under a protocol.

use super::datasets::Folders;
use super::exit::{Fails as _, Fault};
use super::progress;
use crate::config::cores;
use crate::data::npy::Array;
use crate::data::{Dataset, npy, npz};
use crate::eval::{ParzenResult, Protocol, parzen};
use anyhow::{Context as _, bail};
use serde::Serialize;
use std::io::Write as _;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// The most that a compressed archive of samples may unpack to.
const MAX_BYTES: usize = 8 << 30;

/// Settings of `gand parzen`.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// The samples: a .npy, or a .npz with an array x; N rows of the data's shape, float32 in [0, 1] or uint8
    #[arg(long, value_name = "FILE")]
    samples: PathBuf,
    /// The dataset to score them on
    #[arg(long, value_name = "NAME")]
    dataset: String,
    /// goodfellow2014 (ten bandwidths from 0.1 to 1) or fine (forty from 0.08 to 0.5)
    #[arg(long, default_value = "goodfellow2014", value_name = "NAME")]
    protocol: String,
    /// Threads [default: all cores]
    #[arg(long, env = "GAND_THREADS", value_name = "N")]
    threads: Option<NonZeroUsize>,
    #[command(flatten)]
    folders: Folders,
}

/// An evaluation of samples that belong to no job.
#[derive(Serialize)]
struct Evaluation {
    step: Option<u64>,
    #[serde(flatten)]
    result: ParzenResult,
}

/// Scores the samples and prints one JSON object with the fields of an evaluation.
///
/// # Errors
///
/// If the dataset, the protocol or the samples cannot be used.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let protocol = Protocol::by_name(&args.protocol)
        .with_context(|| format!("no protocol is called {:?}; there are goodfellow2014 and fine", args.protocol))
        .or_fault(Fault::Given)?;
    let data = args.folders.library().get(&args.dataset)?;
    let samples = read_samples(&args.samples, &data).with_context(|| args.samples.display().to_string());
    let samples = samples.or_fault(Fault::Given)?;
    warn_of_other_scales(&samples, &data)?;

    let threads = args.threads.map_or_else(cores, NonZeroUsize::get);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build()?;
    let start = Instant::now();
    let bar = progress::points();
    let result = pool.install(|| {
        let told = |done, of| {
            bar.set_length(of as u64);
            bar.set_position(done as u64);
        };
        parzen::evaluate_and_tell(&protocol, &samples, &data.validation, &data.test, threads, &told)
    });
    bar.finish_and_clear();
    let mut result = result.or_fault(Fault::Given)?;
    result.seconds = start.elapsed().as_secs_f64();
    writeln!(std::io::stdout(), "{}", serde_json::to_string_pretty(&Evaluation { step: None, result })?)?;
    Ok(())
}

fn read_samples(path: &Path, data: &Dataset) -> anyhow::Result<Vec<f32>> {
    let bytes = std::fs::read(path)?;
    let array = if bytes.starts_with(b"PK") { array_of_archive(&bytes)? } else { npy::parse(&bytes)? };
    let (rows, size) = array.rows();
    if array.shape.len() < 2 || size != data.shape.len() || rows == 0 {
        let (shape, wanted) = (&array.shape, data.shape);
        bail!(
            "an array of {shape:?} holds no points of {}: N x {} or N x {} x {}{} is needed",
            data.name,
            wanted.len(),
            wanted.height,
            wanted.width,
            if wanted.channels == 1 { String::new() } else { format!(" x {}", wanted.channels) }
        );
    }
    Ok(array.to_f32())
}

/// The array `x`, or the only one.
fn array_of_archive(bytes: &[u8]) -> anyhow::Result<Array> {
    let mut arrays = npz::parse(bytes, MAX_BYTES)?;
    let names: Vec<&str> = arrays.iter().map(|(name, _)| name.as_str()).collect();
    match names.iter().position(|name| *name == "x").or((names.len() == 1).then_some(0)) {
        Some(place) => Ok(arrays.swap_remove(place).1),
        None => bail!("the archive holds {names:?}; the samples must be called x"),
    }
}

/// Samples in [0, 255] or [−1, 1] score terribly without being terrible: the usual mistake, said aloud.
fn warn_of_other_scales(samples: &[f32], data: &Dataset) -> anyhow::Result<()> {
    let (low, high) = samples
        .iter()
        .fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), value| (low.min(*value), high.max(*value)));
    if data.shape.is_image() && (low < -0.05 || high > 1.05) {
        writeln!(std::io::stderr(), "warning: samples go from {low} to {high}; {} is in [0, 1]", data.name)?;
    }
    Ok(())
}
