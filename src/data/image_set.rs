//! A dataset from images with paths: class folders give labels, folders called `train`, `validation` or `test` give
//! splits. From a zip here; whoever may open files can give other sources.

use super::dataset::malformed;
use super::random::Stream;
use super::{Dataset, DatasetError, Description, Pixels, Shape, Split};
use image::imageops::FilterType;
use image::{DynamicImage, ImageReader, Limits};
use std::collections::BTreeMap;
use std::io::{Cursor, Read, Seek};
use zip::ZipArchive;

/// Images in one set.
const MAX_IMAGES: usize = 200_000;
/// Values in all of them.
pub const MAX_VALUES: usize = 1 << 30;
/// Pixels in all of them before they are brought to one size: what decoding may cost.
const MAX_PIXELS: u64 = 1 << 32;
/// What the files of one archive may unpack to.
const MAX_UNPACKED_BYTES: u64 = 8 << 30;
/// Bytes in the name of a class.
const MAX_NAME_BYTES: usize = 200;
/// Bytes of one file.
const MAX_FILE_BYTES: u64 = 64 << 20;
/// Pixels a side, before and after resizing.
const MAX_SIDE: u32 = 4096;
/// What a decoder may allocate.
const MAX_DECODER_BYTES: u64 = 256 << 20;
/// A label is a byte.
const MAX_CLASSES: usize = 256;
/// Of images without a split, one in so many is for validation and one for testing.
const SHARE: usize = 10;
/// The order in which they are dealt out never changes.
const SPLIT_SEED: u64 = 10;
const ENDINGS: [&str; 6] = [".png", ".jpg", ".jpeg", ".pgm", ".ppm", ".pnm"];

/// Files by path.
pub trait Images {
    /// All paths, with `/` between folders.
    fn paths(&self) -> Vec<String>;

    /// The bytes of one of them, by its place in [`Self::paths`].
    ///
    /// # Errors
    ///
    /// If it cannot be read or is too large.
    fn read(&mut self, place: usize) -> Result<Vec<u8>, DatasetError>;
}

/// The files of a zip.
pub struct ZippedImages<R> {
    archive: ZipArchive<R>,
    /// What may still be unpacked: entries may share their packed bytes, so the archive's length bounds nothing.
    left: u64,
}

impl<R: Read + Seek> ZippedImages<R> {
    /// Reads the archive's directory.
    ///
    /// # Errors
    ///
    /// If it is no zip or holds too many files.
    pub fn new(reader: R) -> Result<Self, DatasetError> {
        let archive = ZipArchive::new(reader).map_err(|error| malformed(format!("not a zip archive: {error}")))?;
        if archive.len() > 2 * MAX_IMAGES {
            return Err(DatasetError::TooLarge(format!("an archive of {} files", archive.len())));
        }
        Ok(Self { archive, left: MAX_UNPACKED_BYTES })
    }
}

impl<R: Read + Seek> Images for ZippedImages<R> {
    fn paths(&self) -> Vec<String> {
        let name = |place| self.archive.name_for_index(place).and_then(Result::ok);
        (0..self.archive.len()).map(|place| name(place).map_or_else(String::new, |name| name.to_string())).collect()
    }

    fn read(&mut self, place: usize) -> Result<Vec<u8>, DatasetError> {
        let damaged = |error: &dyn std::fmt::Display| malformed(format!("the archive is damaged: {error}"));
        let file = self.archive.by_index(place).map_err(|error| damaged(&error))?;
        let mut bytes = Vec::new();
        file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes).map_err(|error| damaged(&error))?;
        if bytes.len() as u64 > MAX_FILE_BYTES {
            return Err(DatasetError::TooLarge(format!("a file unpacks to more than {MAX_FILE_BYTES} bytes")));
        }
        self.left = self.left.checked_sub(bytes.len() as u64).ok_or_else(|| {
            DatasetError::TooLarge(format!("the archive unpacks to more than {MAX_UNPACKED_BYTES} bytes"))
        })?;
        Ok(bytes)
    }
}

/// What to make of the images.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct ImageOptions {
    /// Height and width; as the images are, if that is the same for all, where this is `None`.
    pub size: Option<(usize, usize)>,
    /// 1 for grey, 3 for RGB; as the first image is where this is `None`.
    pub channels: Option<usize>,
}

/// Which image goes where, by the paths alone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Plan {
    /// For train, validation and test: places in the list of paths, and a label for each.
    splits: [Vec<(usize, u8)>; 3],
    /// The names of the class folders; empty where there are not at least two.
    pub label_names: Vec<String>,
}

impl Plan {
    /// Deals images out by their paths. What is no image by its name is left out, as are hidden files.
    ///
    /// # Errors
    ///
    /// If there are no images, too many images or classes, or a split stays empty.
    pub fn new(paths: &[String]) -> Result<Self, DatasetError> {
        let mut found: Vec<(usize, Place<'_>)> =
            paths.iter().enumerate().filter_map(|(place, path)| Some((place, Place::of(path)?))).collect();
        if found.is_empty() {
            return Err(malformed(format!("there are no images ({}) among {} files", ENDINGS.join(", "), paths.len())));
        }
        if found.len() > MAX_IMAGES {
            return Err(DatasetError::TooLarge(format!("{} images; {MAX_IMAGES} at most", found.len())));
        }
        found.sort_by_cached_key(|(place, _)| natural(&paths[*place]));
        let mut classes: BTreeMap<Vec<Part>, (&str, usize)> = BTreeMap::new();
        for (_, place) in &found {
            classes.entry(natural(place.class)).or_insert((place.class, 0));
        }
        if classes.len() > MAX_CLASSES {
            return Err(DatasetError::TooLarge(format!("{} class folders; {MAX_CLASSES} at most", classes.len())));
        }
        if classes.values().any(|(name, _)| name.len() > MAX_NAME_BYTES) {
            return Err(DatasetError::TooLarge(format!("a class folder's name has more than {MAX_NAME_BYTES} bytes")));
        }
        for (label, (_, place)) in classes.values_mut().enumerate() {
            *place = label;
        }
        let label_of = |class: &str| classes.get(&natural(class)).map_or(0, |(_, label)| *label);

        let mut splits: [Vec<(usize, u8)>; 3] = Default::default();
        // By class, so that every split has its share of each; the count runs on from class to class.
        let mut undecided: Vec<Vec<(usize, u8)>> = vec![Vec::new(); classes.len()];
        for (index, place) in &found {
            let label = label_of(place.class);
            // At most 256 classes, so a label is a byte.
            let member = (*index, u8::try_from(label).unwrap_or(u8::MAX));
            match place.split {
                Some(split) => splits[split].push(member),
                None => undecided[label].push(member),
            }
        }
        let named = [0, 1, 2].map(|split| !splits[split].is_empty());
        if named == [true, false, true] || named == [true, true, false] {
            // What the folders leave out is taken from the training images.
            for member in std::mem::take(&mut splits[0]) {
                undecided[usize::from(member.1)].push(member);
            }
        }
        let (mut dealt, takes) = (0, [!named[1], !named[2]]);
        for (label, members) in undecided.iter().enumerate() {
            let order = Stream::new(SPLIT_SEED, u32::try_from(label).unwrap_or(0)).permutation(members.len());
            let mut kept = Vec::new();
            for chosen in order {
                match dealt % SHARE {
                    1 if takes[0] => splits[1].push(members[chosen]),
                    2 if takes[1] => splits[2].push(members[chosen]),
                    _ => kept.push(chosen),
                }
                dealt += 1;
            }
            kept.sort_unstable();
            splits[0].extend(kept.into_iter().map(|chosen| members[chosen]));
        }
        if splits.iter().any(Vec::is_empty) {
            let [train, validation, test] = splits.map(|split| split.len());
            return Err(malformed(format!(
                "too few images: {train} to train on, {validation} to choose by, {test} to test on"
            )));
        }
        let label_names = if classes.len() > 1 {
            classes.values().map(|(name, _)| if name.is_empty() { "other" } else { name }.to_owned()).collect()
        } else {
            Vec::new()
        };
        Ok(Self { splits, label_names })
    }

    /// Images in train, validation and test.
    #[must_use]
    pub fn counts(&self) -> [usize; 3] {
        [0, 1, 2].map(|split| self.splits[split].len())
    }

    /// The shape that the dataset will have, from the options and the first image.
    ///
    /// # Errors
    ///
    /// If the first image cannot be read or the options cannot be met.
    pub fn shape(&self, images: &mut dyn Images, options: ImageOptions) -> Result<Shape, DatasetError> {
        if let (Some((height, width)), Some(channels)) = (options.size, options.channels) {
            return check_shape(Shape { height, width, channels });
        }
        let first = decode(&images.read(self.splits[0][0].0)?)?;
        let own = (first.height() as usize, first.width() as usize);
        let (height, width) = options.size.unwrap_or(own);
        let channels = options.channels.unwrap_or(if first.color().has_color() { 3 } else { 1 });
        check_shape(Shape { height, width, channels })
    }
}

/// The dataset, of `max_values` values at most.
///
/// # Errors
///
/// If the paths make no dataset ([`Plan::new`]), or an image cannot be decoded or has another size than the first while
/// none is asked for.
pub fn dataset(
    images: &mut dyn Images,
    options: ImageOptions,
    max_values: usize,
    description: Description,
) -> Result<Dataset, DatasetError> {
    let paths = images.paths();
    let plan = Plan::new(&paths)?;
    let shape = plan.shape(images, options)?;
    let total = plan.counts().iter().sum::<usize>();
    if total.checked_mul(shape.len()).is_none_or(|values| values > max_values.min(MAX_VALUES)) {
        return Err(DatasetError::TooLarge(format!(
            "{total} images of {} values each; {max_values} values at most",
            shape.len()
        )));
    }
    let labelled = !plan.label_names.is_empty();
    let mut decoded = 0;
    let mut split = |members: &[(usize, u8)]| -> Result<Split, DatasetError> {
        let mut pixels = Vec::with_capacity(members.len() * shape.len());
        for (place, _) in members {
            let named = |error: DatasetError| match error {
                DatasetError::Malformed(detail) => malformed(format!("{}: {detail}", paths[*place])),
                DatasetError::TooLarge(detail) => DatasetError::TooLarge(format!("{}: {detail}", paths[*place])),
            };
            let image = decode(&images.read(*place).map_err(named)?).map_err(named)?;
            decoded += u64::from(image.width()) * u64::from(image.height());
            if decoded > MAX_PIXELS {
                return Err(DatasetError::TooLarge(format!("the images have more than {MAX_PIXELS} pixels")));
            }
            append(&image, shape, options.size.is_some(), &mut pixels).map_err(named)?;
        }
        let labels = labelled.then(|| members.iter().map(|(_, label)| *label).collect());
        Ok(Split { pixels: Pixels::U8(pixels.into()), labels, len: members.len(), dim: shape.len() })
    };
    let (train, validation, test) = (split(&plan.splits[0])?, split(&plan.splits[1])?, split(&plan.splits[2])?);
    let label_names = if description.label_names.len() == plan.label_names.len() {
        description.label_names
    } else {
        plan.label_names
    };
    Ok(Description { label_names, ..description }.of([train, validation, test], shape))
}

/// What a path says.
struct Place<'a> {
    /// 0, 1, 2 for train, validation, test.
    split: Option<usize>,
    /// The innermost folder that is no split's; empty where there is none.
    class: &'a str,
}

impl<'a> Place<'a> {
    fn of(path: &'a str) -> Option<Self> {
        let lower = path.to_ascii_lowercase();
        let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        let (_, folders) = parts.split_last()?;
        let hidden = parts.iter().any(|part| part.starts_with('.') || *part == "__MACOSX");
        if hidden || !ENDINGS.iter().any(|ending| lower.ends_with(ending)) {
            return None;
        }
        let split = folders.iter().find_map(|folder| split_of(folder));
        let class = folders.last().filter(|folder| split_of(folder).is_none()).copied().unwrap_or("");
        Some(Self { split, class })
    }
}

fn split_of(folder: &str) -> Option<usize> {
    match folder.to_ascii_lowercase().as_str() {
        "train" | "training" => Some(0),
        "validation" | "valid" | "val" | "dev" => Some(1),
        "test" | "testing" => Some(2),
        _ => None,
    }
}

/// A piece of a name: numbers sort as numbers, so that s2 comes before s10.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Part {
    Number(u64, String),
    Word(String),
}

fn natural(name: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut rest = name;
    while let Some(first) = rest.chars().next() {
        let digits = first.is_ascii_digit();
        let length = rest.find(|c: char| c.is_ascii_digit() != digits).unwrap_or(rest.len());
        let (part, after) = rest.split_at(length);
        parts.push(match part.parse() {
            Ok(number) if digits => Part::Number(number, part.to_owned()),
            _ => Part::Word(part.to_owned()),
        });
        rest = after;
    }
    parts
}

fn check_shape(shape: Shape) -> Result<Shape, DatasetError> {
    let side = 1..=MAX_SIDE as usize;
    if !side.contains(&shape.height) || !side.contains(&shape.width) {
        return Err(DatasetError::TooLarge(format!(
            "images of {} x {}; 1 to {MAX_SIDE} pixels a side",
            shape.height, shape.width
        )));
    }
    if shape.channels != 1 && shape.channels != 3 {
        return Err(malformed(format!("{} channels; 1 (grey) or 3 (RGB)", shape.channels)));
    }
    Ok(shape)
}

fn decode(bytes: &[u8]) -> Result<DynamicImage, DatasetError> {
    let failed = |error: &dyn std::fmt::Display| malformed(format!("not an image that can be read: {error}"));
    let mut reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format().map_err(|error| failed(&error))?;
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    limits.max_alloc = Some(MAX_DECODER_BYTES);
    reader.limits(limits);
    reader.decode().map_err(|error| failed(&error))
}

fn append(image: &DynamicImage, shape: Shape, resize: bool, pixels: &mut Vec<u8>) -> Result<(), DatasetError> {
    let own = (image.height() as usize, image.width() as usize);
    let resized;
    let image = if own == (shape.height, shape.width) {
        image
    } else if resize {
        // The shape was checked: its sides are small numbers.
        let side = |length| u32::try_from(length).unwrap_or(MAX_SIDE);
        resized = image.resize_exact(side(shape.width), side(shape.height), FilterType::Triangle);
        &resized
    } else {
        return Err(malformed(format!(
            "{} x {} pixels, but the first image has {} x {}: say which size all shall have",
            own.0, own.1, shape.height, shape.width
        )));
    };
    if shape.channels == 1 {
        pixels.extend_from_slice(image.to_luma8().as_raw());
    } else {
        pixels.extend_from_slice(image.to_rgb8().as_raw());
    }
    Ok(())
}
