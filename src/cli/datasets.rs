//! `gand datasets`: which datasets there are, and new ones.

use super::exit::{Fails as _, Fault};
use super::{fetch, progress, runtime};
use crate::data::image_set::ImageOptions;
use crate::library::{DatasetInfo, ImportOptions, Library};
use std::io::Write as _;
use std::path::PathBuf;

/// The largest dataset that is imported: a user may have more memory than a server lends to an upload.
const MAX_IMPORT_BYTES: u64 = 4 << 30;

/// Settings of `gand datasets`.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand, Clone, Debug)]
enum Command {
    /// List the datasets
    List {
        #[command(flatten)]
        folders: Folders,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Load one dataset and print all that is known of it, as JSON
    Show {
        /// Its name
        name: String,
        #[command(flatten)]
        folders: Folders,
    },
    /// Keep a dataset under a name: from .npy, .npz, IDX files, a zip or folder of images, CIFAR-10's batches, or TFD's file
    Import {
        /// The file or folder
        path: PathBuf,
        /// The name it gets
        #[arg(long)]
        name: String,
        /// Bring images to this size
        #[arg(long, value_name = "HEIGHTxWIDTH", value_parser = size)]
        size: Option<(usize, usize)>,
        /// Bring images to 1 (grey) or 3 (RGB) channels
        #[arg(long, value_name = "N")]
        channels: Option<usize>,
        /// Under which terms it may be used
        #[arg(long)]
        licence: Option<String>,
        /// Where it comes from
        #[arg(long)]
        origin: Option<String>,
        #[command(flatten)]
        folders: Folders,
    },
    /// Download a dataset from its public mirrors, going on where it was cut off, and keep it
    Fetch {
        /// mnist
        #[arg(value_parser = ["mnist"])]
        name: String,
        /// Address of a folder with its files, in place of the mirrors
        #[arg(long, value_name = "URL")]
        mirror: Option<String>,
        #[command(flatten)]
        folders: Folders,
    },
    /// Remove a dataset that was imported
    Remove {
        /// Its name
        name: String,
        #[command(flatten)]
        folders: Folders,
    },
}

/// Where datasets are looked for.
#[derive(clap::Args, Clone, Debug)]
pub struct Folders {
    /// Directory of the embedded database and of uploaded datasets
    #[arg(long, env = "GAND_DATA_DIR", default_value = "./gand-data", value_name = "DIR")]
    data_dir: PathBuf,
    /// Directory with further datasets (mnist, cifar10, faces), read where they lie
    #[arg(long, env = "GAND_DATA", value_name = "DIR")]
    datasets: Option<PathBuf>,
}

impl Folders {
    /// The library of these folders.
    #[must_use]
    pub fn library(&self) -> Library {
        Library::in_folders(&self.data_dir, self.datasets.as_deref())
    }

    /// The same for a command that needs no data directory and makes none: where there is one, its datasets are seen, and
    /// what is computed of datasets is kept there.
    #[must_use]
    pub fn library_as_found(&self) -> Library {
        if self.data_dir.is_dir() { self.library() } else { Library::new(self.datasets.iter().cloned().collect()) }
    }
}

/// Lists, shows, imports or removes datasets.
///
/// # Errors
///
/// If a dataset cannot be read or kept, or standard output is closed.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    match &args.command {
        Command::List { folders, json: true } => {
            writeln!(out, "{}", serde_json::to_string_pretty(&folders.library().list())?)?;
        }
        Command::List { folders, json: false } => {
            writeln!(out, "{:<16} {:>10} {:>22}  origin", "name", "shape", "train/validation/test")?;
            for info in folders.library().list() {
                writeln!(out, "{}", row(&info))?;
            }
        }
        Command::Show { name, folders } => {
            let library = folders.library();
            library.get(name)?;
            writeln!(out, "{}", serde_json::to_string_pretty(&library.info(name)?)?)?;
        }
        Command::Import { name, path, size, channels, licence, origin, folders } => {
            let options = ImportOptions {
                images: ImageOptions { size: *size, channels: *channels },
                max_bytes: MAX_IMPORT_BYTES,
                licence: licence.clone(),
                origin: origin.clone(),
            };
            let bar = progress::endless(format!("reading {}", path.display()));
            let info = folders.library().import(name, path, &options);
            bar.finish_and_clear();
            let info = info?;
            writeln!(out, "{}", serde_json::to_string_pretty(&info)?)?;
        }
        Command::Fetch { name, mirror, folders } => {
            let library = folders.library();
            if let Ok(info) = library.info(name)
                && info.available
            {
                writeln!(std::io::stderr(), "{name} is there already")?;
                writeln!(out, "{}", serde_json::to_string_pretty(&info)?)?;
                return Ok(());
            }
            let mirrors =
                mirror.as_ref().map_or_else(|| fetch::MIRRORS.map(str::to_owned).to_vec(), |one| vec![one.clone()]);
            let downloads = folders.data_dir.join("downloads").join(name);
            runtime::block_on(fetch::mnist(&mirrors, &downloads)).or_fault(Fault::Away)?;
            let info = library.import(name, &downloads, &ImportOptions::default())?;
            std::fs::remove_dir_all(&downloads)?;
            writeln!(out, "{}", serde_json::to_string_pretty(&info)?)?;
        }
        Command::Remove { name, folders } => {
            folders.library().remove(name)?;
            writeln!(std::io::stderr(), "{name} is removed")?;
        }
    }
    Ok(())
}

/// Reads a size as it is written: 28x28.
fn size(written: &str) -> Result<(usize, usize), String> {
    let sides = written.split_once('x').and_then(|(height, width)| Some((height.parse().ok()?, width.parse().ok()?)));
    sides.ok_or_else(|| format!("{written:?} is no size such as 28x28"))
}

fn row(info: &DatasetInfo) -> String {
    let shape = info.shape.map_or_else(
        || "-".to_owned(),
        |shape| match (shape.is_image(), shape.channels) {
            (false, _) => shape.len().to_string(),
            (true, 1) => format!("{}x{}", shape.height, shape.width),
            (true, channels) => format!("{}x{}x{channels}", shape.height, shape.width),
        },
    );
    let counts = info
        .counts
        .map_or_else(|| "-".to_owned(), |counts| format!("{}/{}/{}", counts.train, counts.validation, counts.test));
    let origin = info.reason.as_deref().unwrap_or(&info.origin);
    format!("{:<16} {shape:>10} {counts:>22}  {origin}", info.name)
}
