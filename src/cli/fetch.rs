//! Downloading a public dataset: goes on where it was cut off, and believes no mirror.

use super::progress;
use anyhow::{Context as _, bail};
use flate2::read::MultiGzDecoder;
use futures::StreamExt as _;
use reqwest::{StatusCode, header};
use sha2::{Digest as _, Sha256};
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::time::Duration;

/// Mirrors by plain HTTP: what they send is believed by its SHA-256 alone, so encryption would add nothing.
pub(super) const MIRRORS: [&str; 2] =
    ["http://ossci-datasets.s3.amazonaws.com/mnist", "http://storage.googleapis.com/cvdf-datasets/mnist"];

/// A file of MNIST, gzipped on every mirror (not by the same program everywhere), and what it holds unpacked.
struct Wanted {
    name: &'static str,
    sha256: &'static str,
    bytes: u64,
}

const MNIST: [Wanted; 4] = [
    Wanted {
        name: "train-images-idx3-ubyte",
        sha256: "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        bytes: 47_040_016,
    },
    Wanted {
        name: "train-labels-idx1-ubyte",
        sha256: "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        bytes: 60_008,
    },
    Wanted {
        name: "t10k-images-idx3-ubyte",
        sha256: "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        bytes: 7_840_016,
    },
    Wanted {
        name: "t10k-labels-idx1-ubyte",
        sha256: "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        bytes: 10_008,
    },
];

/// Tries of one mirror; each goes on where the one before was cut off.
const TRIES: u32 = 3;
const PATIENCE: Duration = Duration::from_secs(30);

/// Downloads MNIST's four files into a folder, from the first mirror that has them whole.
///
/// # Errors
///
/// If no mirror has a file, or the folder cannot be written.
pub(super) async fn mnist(mirrors: &[String], folder: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let client = reqwest::Client::builder().connect_timeout(PATIENCE).read_timeout(PATIENCE).no_gzip().build()?;
    for wanted in &MNIST {
        let whole = folder.join(format!("{}.gz", wanted.name));
        // What an earlier call left is believed no more than a mirror is.
        if !whole.exists() || check(&whole, wanted).is_err() {
            from_any(&client, mirrors, wanted, &whole).await?;
        }
    }
    Ok(())
}

async fn from_any(client: &reqwest::Client, mirrors: &[String], wanted: &Wanted, whole: &Path) -> anyhow::Result<()> {
    let mut reasons = Vec::new();
    for mirror in mirrors {
        match from_mirror(client, mirror, wanted, whole).await {
            Ok(()) => return Ok(()),
            Err(reason) => reasons.push(format!("{mirror}: {reason:#}")),
        }
    }
    bail!("{} cannot be had; {}", wanted.name, reasons.join("; "))
}

async fn from_mirror(client: &reqwest::Client, mirror: &str, wanted: &Wanted, whole: &Path) -> anyhow::Result<()> {
    let part = whole.with_extension("gz.part");
    let url = format!("{}/{}.gz", mirror.trim_end_matches('/'), wanted.name);
    let mut tries = 1;
    while let Err(error) = go_on(client, &url, wanted, &part).await {
        if tries == TRIES {
            return Err(error);
        }
        tries += 1;
    }
    if let Err(reason) = check(&part, wanted) {
        // Not to be gone on with, here or from another mirror.
        std::fs::remove_file(&part).with_context(|| format!("cannot remove {}", part.display()))?;
        return Err(reason);
    }
    std::fs::rename(&part, whole).with_context(|| format!("cannot write {}", whole.display()))
}

/// Takes what is missing of a file.
async fn go_on(client: &reqwest::Client, url: &str, wanted: &Wanted, part: &Path) -> anyhow::Result<()> {
    let mut have = part.metadata().map_or(0, |metadata| metadata.len());
    let mut request = client.get(url);
    if have > 0 {
        request = request.header(header::RANGE, format!("bytes={have}-"));
    }
    let response = request.send().await?;
    let mut file = std::fs::File::options();
    match response.status() {
        StatusCode::PARTIAL_CONTENT => file.append(true),
        StatusCode::OK => {
            have = 0;
            file.write(true).truncate(true)
        }
        // Nothing is missing; whether it is right, its digest tells.
        StatusCode::RANGE_NOT_SATISFIABLE if have > 0 => return Ok(()),
        status => bail!("{status}"),
    };
    let mut file = file.create(true).open(part).with_context(|| format!("cannot write {}", part.display()))?;
    let bar = progress::bytes(wanted.name, response.content_length().map(|rest| have + rest), have);
    let mut stream = response.bytes_stream();
    while let Some(chunk) = stream.next().await {
        let chunk = chunk?;
        have += chunk.len() as u64;
        // A packed file is no larger than what is in it.
        if have > wanted.bytes {
            bail!("it sends more than {} bytes", wanted.bytes);
        }
        file.write_all(&chunk).with_context(|| format!("cannot write {}", part.display()))?;
        bar.set_position(have);
    }
    bar.finish_and_clear();
    Ok(file.sync_all()?)
}

/// Whether a packed file holds what it should.
fn check(path: &Path, wanted: &Wanted) -> anyhow::Result<()> {
    let file = std::fs::File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut reader = MultiGzDecoder::new(std::io::BufReader::new(file)).take(wanted.bytes + 1);
    let mut hash = Sha256::new();
    let mut block = vec![0; 1 << 16];
    loop {
        match reader.read(&mut block).context("what it sent is damaged")? {
            0 => break,
            read => hash.update(&block[..read]),
        }
    }
    let found = hex::encode(hash.finalize());
    if found != wanted.sha256 {
        bail!("{} has the SHA-256 {found} instead of {}", wanted.name, wanted.sha256);
    }
    Ok(())
}
