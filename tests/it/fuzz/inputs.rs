//! What the targets begin with, and how they are fed.

use axum::http::{HeaderMap, HeaderValue, header};
use gand::api::conditional::{ETag, wanted};
use gand::api::submission;
use gand::data::Description;
use gand::data::image_set::ImageOptions;
use gand::data::{Dataset, Shape};
use gand::gan::read::DataFacts;
use gand::library::Library;
use std::io::{Cursor, Write as _};
use std::sync::Arc;
use zip::write::SimpleFileOptions;

/// An answer in words.
pub(super) fn described<T: std::fmt::Debug, E: std::fmt::Display>(answer: Result<T, E>) -> String {
    match answer {
        Ok(value) => format!("read: {value:?}"),
        Err(error) => error.to_string(),
    }
}

/// Reads an upload.
pub(super) fn upload(bytes: &[u8], limit: usize) -> String {
    let description =
        Description { name: "x".to_owned(), label_names: Vec::new(), licence: String::new(), origin: String::new() };
    let read = gand::data::upload::read(Cursor::new(bytes), limit as u64, ImageOptions::default(), description);
    described(read.map(|data| (data.shape.channels, data.label_names.len())))
}

fn digits() -> Arc<Dataset> {
    Library::new(Vec::new()).get("digits").unwrap()
}

fn zip_of(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        // A name that an archive cannot hold is left out.
        if archive.start_file(name.as_str(), SimpleFileOptions::default()).is_ok() {
            archive.write_all(bytes).unwrap();
        }
    }
    archive.finish().unwrap().into_inner()
}

fn picture(side: usize, channels: usize) -> gand::render::Picture {
    let pixels = (0..side * side * channels).map(|place| (place * 37 % 256) as u8).collect();
    gand::render::Picture { width: side, height: side, channels, pixels }
}

fn image_file(format: image::ImageFormat, channels: usize) -> Vec<u8> {
    let picture = picture(8, channels);
    let mut file = Cursor::new(Vec::new());
    let colour = if channels == 1 { image::ExtendedColorType::L8 } else { image::ExtendedColorType::Rgb8 };
    image::write_buffer_with_format(&mut file, &picture.pixels, 8, 8, colour, format).unwrap();
    file.into_inner()
}

/// An archive with this image and enough good ones beside it.
pub(super) fn zip_of_image(extension: &str, bytes: &[u8]) -> Vec<u8> {
    let good = image_file(image::ImageFormat::Png, 1);
    let mut files: Vec<(String, Vec<u8>)> = (0..12).map(|i| (format!("{}/{i}.png", i % 2), good.clone())).collect();
    files.insert(0, (format!("0/a.{extension}"), bytes.to_vec()));
    zip_of(&files)
}

/// An archive whose names and files are the lines of these bytes.
pub(super) fn zip_of_entries(bytes: &[u8]) -> Vec<u8> {
    let good = image_file(image::ImageFormat::Png, 1);
    let entry = |(place, line): (usize, &[u8])| {
        let name = String::from_utf8_lossy(line).into_owned();
        (name, if place % 5 == 4 { line.to_vec() } else { good.clone() })
    };
    zip_of(&bytes.split(|byte| *byte == b'\n').take(200).enumerate().map(entry).collect::<Vec<_>>())
}

pub(super) fn idx() -> Vec<Vec<u8>> {
    let file = gand::data::idx::encode(&[6, 4, 4], &[7; 96]).unwrap();
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(&file).unwrap();
    vec![file, packed.finish().unwrap(), gand::data::idx::encode(&[3], &[1, 2, 3]).unwrap()]
}

pub(super) fn npy() -> Vec<Vec<u8>> {
    vec![gand::data::npy::encode(&[6, 2, 2], &[0.5; 24]), gand::data::npy::encode_u8(&[6, 2, 2, 1], &[9; 24])]
}

pub(super) fn npz() -> Vec<Vec<u8>> {
    vec![
        gand::data::npz::encode(&[("x", &[6, 2, 2], &[0.5; 24])]).unwrap(),
        gand::data::npz::encode(&[("x_train", &[6, 4], &[0.5; 24]), ("x_test", &[3, 4], &[0.25; 12])]).unwrap(),
    ]
}

/// A MATLAB file of level 5 with one array of bytes, plain and packed.
pub(super) fn mat() -> Vec<Vec<u8>> {
    let element = |kind: u32, body: &[u8]| {
        let mut bytes = [kind.to_le_bytes(), (body.len() as u32).to_le_bytes()].concat();
        bytes.extend(body);
        bytes.resize(bytes.len().next_multiple_of(8), 0);
        bytes
    };
    let sizes: Vec<u8> = [2_i32, 2, 3].iter().flat_map(|size| size.to_le_bytes()).collect();
    let array =
        [element(6, &[9, 0, 0, 0, 0, 0, 0, 0]), element(5, &sizes), element(1, b"images"), element(2, &[5; 12])]
            .concat();
    let matrix = element(14, &array);
    let mut packed = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(&matrix).unwrap();
    let mut head = b"MATLAB 5.0 MAT-file".to_vec();
    head.resize(124, b' ');
    head.extend([0, 1, b'I', b'M']);
    let packed = packed.finish().unwrap();
    let mut whole = [15_u32.to_le_bytes(), (packed.len() as u32).to_le_bytes()].concat();
    whole.extend(packed);
    vec![[head.clone(), matrix].concat(), [head, whole].concat()]
}

pub(super) fn png() -> Vec<Vec<u8>> {
    vec![image_file(image::ImageFormat::Png, 1), image_file(image::ImageFormat::Png, 3)]
}

pub(super) fn jpeg() -> Vec<Vec<u8>> {
    vec![image_file(image::ImageFormat::Jpeg, 1), image_file(image::ImageFormat::Jpeg, 3)]
}

pub(super) fn pgm() -> Vec<Vec<u8>> {
    vec![
        [b"P5\n# a comment\n4 4\n255\n".to_vec(), vec![8; 16]].concat(),
        b"P2 2 2 15\n1 2 3 4\n".to_vec(),
        [b"P5 2 2 65535\n".to_vec(), vec![8; 8]].concat(),
    ]
}

pub(super) fn packed() -> Vec<Vec<u8>> {
    let mut small = Dataset::clone(&digits());
    small.label_names.truncate(10);
    vec![gand::data::packed::encode(&small).unwrap()]
}

pub(super) fn zip_entries() -> Vec<Vec<u8>> {
    let names = |prefix: &str| {
        (0..14).map(|i| format!("{prefix}{}/{i}.png", i % 3)).collect::<Vec<_>>().join("\n").into_bytes()
    };
    vec![
        names(""),
        names("train/"),
        [names("train/"), b"\n".to_vec(), names("test/")].concat(),
        b"../a.png\n/b.png\nC:\\c.png\na/../../d.png".to_vec(),
    ]
}

pub(super) fn upload_file() -> Vec<Vec<u8>> {
    let mut files = [idx(), npy(), npz(), mat()].concat();
    files.push(zip_of_image("png", &image_file(image::ImageFormat::Png, 1)));
    files
}

pub(super) fn safetensors() -> Vec<Vec<u8>> {
    let written = serde_json::json!({
        "dataset": "digits", "recipe": "digits",
        "model": {
            "latent": {"dim": 2},
            "generator": {"layers": [{"type": "linear", "units": 2, "activation": "relu"}]},
            "discriminator": {"layers": [{"type": "maxout", "units": 2, "pieces": 2}]},
        },
    });
    let data = digits();
    let spec = gand::gan::read_spec(&written, &|_| Some(DataFacts::from(&*data))).unwrap();
    let trainer = gand::gan::Trainer::new(&spec, data, 1).unwrap();
    vec![trainer.checkpoint().unwrap().to_bytes().unwrap()]
}

pub(super) fn cursor() -> Vec<Vec<u8>> {
    let words: [&[u8]; 5] =
        [b"00000000-0000-7000-8000-000000000000", b"50", b"latest", b"status,health", b"image/png;q=0.5, */*;q=0.1"];
    words.iter().map(|word| word.to_vec()).collect()
}

/// What queries and paths name: a job, a place in a list, a checkpoint, kinds of events.
pub(super) fn read_cursor(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let id = text.parse::<gand::job::JobId>().is_ok();
    let place = text.parse::<u64>().is_ok();
    let which = gand::api::checkpoints::Which::parse(&text);
    let kinds = text.split(',').filter(|word| word.parse::<gand::job::EventKind>().is_ok()).count();
    let name = gand::library::is_dataset_name(&text);
    format!("{id} {place} {} {kinds} {name}", which.is_some())
}

pub(super) fn range() -> Vec<Vec<u8>> {
    let headers: [&[u8]; 5] = [b"bytes=0-9", b"bytes=90-", b"bytes=-10", b"bytes=0-1,5-6", b"W/\"abc\", \"x\""];
    headers.iter().map(|header| header.to_vec()).collect()
}

/// The headers Range, If-Range and If-None-Match.
pub(super) fn read_range(bytes: &[u8]) -> String {
    let Ok(value) = HeaderValue::from_bytes(bytes) else { return "no header".to_owned() };
    let etag = ETag::new("abc");
    let headers = |name| HeaderMap::from_iter([(name, value.clone())]);
    let asked = wanted(&headers(header::RANGE), &etag, 100);
    if let gand::api::conditional::Wanted::Part(part) = &asked {
        assert!(part.start < part.end && part.end <= 100, "{part:?}");
    }
    format!("{asked:?} {}", etag.is_fresh(&headers(header::IF_NONE_MATCH)))
}

pub(super) fn spec() -> Vec<Vec<u8>> {
    let mut all: Vec<Vec<u8>> = gand::gan::recipe::all()
        .iter()
        .map(|recipe| {
            let mut settings = recipe.settings();
            settings["dataset"] = "digits".into();
            settings.to_string().into_bytes()
        })
        .collect();
    all.push(br#"{"dataset":"digits","name":"x","tags":["a"],"priority":3,"from":{"job":"00000000-0000-7000-8000-000000000000","step":5}}"#.to_vec());
    all
}

/// The body of `POST /jobs`.
pub(super) fn read_spec(bytes: &[u8]) -> String {
    let facts = DataFacts {
        shape: Shape { height: 8, width: 8, channels: 1 },
        train: 1000,
        validation: 100,
        unit_interval: true,
    };
    match serde_json::from_slice(bytes) {
        Ok(serde_json::Value::Object(body)) => match submission::read_job(body, &|_| Some(facts), 1 << 30) {
            Ok(_) => "a job".to_owned(),
            Err(faults) => faults.iter().take(3).map(|fault| fault.detail.as_str()).collect::<Vec<_>>().join("; "),
        },
        Ok(_) => "no object".to_owned(),
        Err(error) => format!("no JSON: {:?}", error.classify()),
    }
}
