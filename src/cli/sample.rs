//! `gand sample`: samples of a checkpoint's generator, without a server.

use super::checkpoint;
use super::exit::{Fails as _, Fault};
use crate::config;
use crate::data::synthetic::Synthetic;
use crate::data::{Shape, npy, npz};
use crate::gan::{Sampler, Weights};
use crate::render::{png, samples_picture};
use anyhow::{Context as _, bail};
use std::io::{IsTerminal as _, Write as _};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

/// Settings of `gand sample`.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// A checkpoint: a safetensors file from a run folder or from GET /jobs/{id}/checkpoints/{step}
    #[arg(value_name = "CHECKPOINT")]
    checkpoint: PathBuf,
    /// How many samples
    #[arg(long, default_value_t = 64, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    count: u64,
    /// Sample i of a seed is the same whatever the count
    #[arg(long, default_value_t = 0, value_name = "N")]
    seed: u64,
    /// Which weights [default: their moving average, where the run kept one]
    #[arg(long, value_enum, value_name = "WHICH")]
    weights: Option<Which>,
    /// How they are written [default: by the file's name, else png]
    #[arg(long, value_enum, value_name = "FORMAT")]
    format: Option<Format>,
    /// File to write [default: standard output]
    #[arg(long, short, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Images in a row of the PNG [default: about as many as rows]
    #[arg(long, default_value_t = 0, hide_default_value = true, value_name = "N")]
    columns: usize,
    /// Pixels of the PNG for each of an image's [default: what suits the images]
    #[arg(long, default_value_t = 0, hide_default_value = true, value_name = "N")]
    scale: usize,
    /// Threads to compute with [default: all cores]
    #[arg(long, env = "GAND_THREADS", value_name = "N")]
    threads: Option<NonZeroUsize>,
}

/// Weights to sample with.
#[derive(clap::ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
enum Which {
    /// As the last step left them.
    Raw,
    /// Their moving average.
    Ema,
}

/// How samples are written.
#[derive(clap::ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
enum Format {
    /// A picture.
    Png,
    /// The samples as an array.
    Npy,
    /// Latents `z` and samples `x`.
    Npz,
}

/// Draws and writes the samples.
///
/// # Errors
///
/// If the checkpoint cannot be read, or the file not be written.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let format = args.format.or_else(|| by_name(args.out.as_deref()?)).unwrap_or(Format::Png);
    if args.out.is_none() && std::io::stdout().is_terminal() {
        bail!("this would write a file to the terminal; name one with --out, or redirect the output");
    }
    let (_, checkpoint) = checkpoint::read(&args.checkpoint).or_fault(Fault::Given)?;
    let weights = args.weights.map(|which| match which {
        Which::Raw => Weights::Raw,
        Which::Ema => Weights::Ema,
    });
    let threads = args.threads.map_or_else(config::cores, NonZeroUsize::get);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().context("cannot start threads")?;
    let file = pool.install(|| -> anyhow::Result<Vec<u8>> {
        let mut sampler = Sampler::new(&checkpoint, weights, threads)?;
        let latents = sampler.latents(args.seed, 0..args.count);
        let samples = sampler.generate(&latents)?;
        let Shape { height, width, channels } = sampler.shape();
        let count = samples.len() / sampler.shape().len().max(1);
        let shape = [count, height, width, channels];
        Ok(match format {
            Format::Npy => npy::encode(&shape, &samples),
            Format::Npz => npz::encode(&[("z", &[count, sampler.latent_dim()], &latents), ("x", &shape, &samples)])?,
            Format::Png => {
                let density = Synthetic::by_name(&checkpoint.spec.dataset).map(Synthetic::density);
                let picture = samples_picture(&samples, sampler.shape(), density.as_ref(), args.columns, args.scale);
                png::encode(&picture)?
            }
        })
    })?;
    match &args.out {
        Some(out) => std::fs::write(out, file).with_context(|| format!("cannot write {}", out.display())),
        None => std::io::stdout().write_all(&file).context("cannot write to standard output"),
    }
}

fn by_name(path: &Path) -> Option<Format> {
    match path.extension()?.to_str()? {
        "png" => Some(Format::Png),
        "npy" => Some(Format::Npy),
        "npz" => Some(Format::Npz),
        _ => None,
    }
}
