//! Lists the dashboard's files, so that they are built into the binary.

use flate2::Compression;
use flate2::write::GzEncoder;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=static");
    // sqlx embeds these at compile time and cannot see by itself that one was added.
    println!("cargo::rerun-if-changed=migrations");
    let root = env::var("CARGO_MANIFEST_DIR").map_err(io::Error::other)?;
    let out = PathBuf::from(env::var("OUT_DIR").map_err(io::Error::other)?);
    let directory = Path::new(&root).join("static");
    let mut files: Vec<_> = match fs::read_dir(&directory) {
        Ok(entries) => entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(error),
    };
    files.retain(|file| file.is_file());
    files.sort();
    let mut table = String::from("static ASSETS: &[Asset] = &[\n");
    for file in files {
        let name = file.file_name().and_then(|name| name.to_str()).ok_or_else(|| io::Error::other("odd file name"))?;
        let content_type = match file.extension().and_then(|extension| extension.to_str()) {
            Some("html") => "text/html; charset=utf-8",
            Some("css") => "text/css; charset=utf-8",
            Some("js") => "text/javascript; charset=utf-8",
            Some("svg") => "image/svg+xml",
            Some("png") => "image/png",
            Some("woff2") => "font/woff2",
            Some("json" | "webmanifest") => "application/json",
            _ => "application/octet-stream",
        };
        let mut packed = GzEncoder::new(Vec::new(), Compression::best());
        packed.write_all(&fs::read(&file)?)?;
        let packed_file = out.join(format!("{name}.gz"));
        fs::write(&packed_file, packed.finish()?)?;
        writeln!(
            table,
            "    Asset {{ name: {name:?}, content_type: {content_type:?}, bytes: include_bytes!({:?}), \
             gzip: include_bytes!({:?}) }},",
            file.display().to_string(),
            packed_file.display().to_string()
        )
        .map_err(io::Error::other)?;
    }
    table.push_str("];\n");
    fs::write(out.join("assets.rs"), table)
}
