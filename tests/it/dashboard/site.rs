//! The server whose dashboard is looked at.

use crate::support::process::Process;
use std::ffi::OsString;
use tempfile::TempDir;

/// A `gand serve` of its own, with its data in a folder of its own.
pub struct Site {
    process: Option<Process>,
    url: String,
    folder: TempDir,
    options: Vec<String>,
}

impl Site {
    /// Starts it on a free port.
    pub fn start(options: &[&str]) -> Self {
        let options = options.iter().map(|option| (*option).to_owned()).collect();
        let mut site = Self { process: None, url: String::new(), folder: TempDir::new().unwrap(), options };
        site.serve("127.0.0.1:0");
        site
    }

    fn serve(&mut self, listen: &str) {
        let data = [OsString::from("--data-dir"), self.folder.path().join("data").into()];
        let (process, url) = Process::serve_at(listen, data.into_iter().chain(self.options.iter().map(OsString::from)));
        self.process = Some(process);
        self.url = url;
    }

    /// Where its pages and its API begin.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Kills it as a power cut would.
    pub fn kill(&mut self) {
        let process = self.process.take().unwrap();
        process.kill();
    }

    /// Starts it anew where it was, with what it had.
    pub fn start_again(&mut self) {
        let listen = self.url.trim_start_matches("http://").to_owned();
        self.serve(&listen);
    }
}
