//! The datasets of files that gand knows by name: what their files cannot say.

use crate::data::Description;
use crate::data::cifar;
use crate::data::image_set::ImageOptions;
use std::path::{Path, PathBuf};

/// A dataset that gand knows by name.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) name: &'static str,
    /// What to look for in its folder.
    pub(super) files: &'static str,
    licence: &'static str,
    origin: &'static str,
    label_names: &'static [&'static str],
    /// What to make of it where it is images.
    images: ImageOptions,
}

/// All of them.
pub(super) const KNOWN: &[Known] = &[
    Known {
        name: "cifar10",
        files: "data_batch_1.bin, or a zip of class folders",
        licence: "no licence given; free for research, cite the report",
        origin: "A. Krizhevsky: Learning Multiple Layers of Features from Tiny Images, 2009",
        label_names: &cifar::LABEL_NAMES,
        images: ImageOptions { size: Some((32, 32)), channels: Some(3) },
    },
    Known {
        name: "faces",
        files: "a zip or folders of PGM files",
        licence: "free for research, credit AT&T Laboratories Cambridge",
        origin: "AT&T Laboratories Cambridge: The Database of Faces (40 people, 10 pictures each), at half its size",
        label_names: &[],
        // 112 × 92 at half the size: with the networks of this kind, pixels beyond that only cost time.
        images: ImageOptions { size: Some((56, 46)), channels: Some(1) },
    },
    Known {
        name: "mnist",
        files: "train-images-idx3-ubyte",
        licence: "CC BY-SA 3.0",
        origin: "Y. LeCun, C. Cortes, C. J. C. Burges: The MNIST database of handwritten digits",
        label_names: &["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"],
        images: ImageOptions { size: None, channels: None },
    },
    Known {
        name: "tfd",
        files: crate::data::tfd::FILE,
        licence: "by agreement with the University of Toronto",
        origin: "J. Susskind, A. Anderson, G. Hinton: The Toronto Face Database, 2010",
        label_names: &[],
        images: ImageOptions { size: None, channels: None },
    },
];

pub(super) fn known(name: &str) -> Option<&'static Known> {
    KNOWN.iter().find(|known| known.name == name)
}

/// What a dataset's files cannot say.
pub(super) fn description(name: &str) -> Description {
    let name_owned = name.to_owned();
    match known(name) {
        Some(known) => Description {
            name: name_owned,
            label_names: known.label_names.iter().map(ToString::to_string).collect(),
            licence: known.licence.to_owned(),
            origin: known.origin.to_owned(),
        },
        None => Description {
            name: name_owned,
            label_names: Vec::new(),
            licence: "unknown".to_owned(),
            origin: "files of this machine".to_owned(),
        },
    }
}

/// What to make of a dataset's images.
pub(super) fn image_options(name: &str) -> ImageOptions {
    known(name).map_or_else(ImageOptions::default, |known| known.images)
}

/// Where a known dataset's files would be under a folder.
pub(super) fn where_looked(root: &Path, known: &Known) -> PathBuf {
    root.join(known.name).join(known.files)
}
