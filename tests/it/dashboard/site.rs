//! The server whose dashboard is looked at.

use crate::support::process::{PATIENCE, Process};
use serde_json::Value;
use std::ffi::OsString;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A client that asks the server itself, whatever proxy this machine has for others.
pub fn http() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

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
        site.serve("127.0.0.1:0").unwrap();
        site
    }

    fn serve(&mut self, listen: &str) -> Result<(), String> {
        let data = [OsString::from("--data-dir"), self.folder.path().join("data").into()];
        let options = data.into_iter().chain(self.options.iter().map(OsString::from));
        let (process, url) = Process::try_serve_at(listen, options)?;
        self.process = Some(process);
        self.url = url;
        Ok(())
    }

    /// Where its pages and its API begin.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What its API says.
    pub async fn get(&self, path: &str) -> Value {
        let answer = http().get(format!("{}{path}", self.url)).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        answer.json().await.unwrap()
    }

    /// Sends it something to make, and returns what it made.
    pub async fn post(&self, path: &str, body: &Value) -> Value {
        let answer = http().post(format!("{}{path}", self.url)).json(body).send().await.unwrap();
        assert_eq!(answer.status(), 201, "{}", answer.text().await.unwrap_or_default());
        answer.json().await.unwrap()
    }

    /// Submits a job and returns its id.
    pub async fn submit(&self, body: &Value) -> String {
        self.post("/jobs", body).await["id"].as_str().unwrap().to_owned()
    }

    /// Waits until a job has succeeded.
    pub async fn until_succeeded(&self, job: &str, patience: Duration) {
        let started = Instant::now();
        loop {
            let status = self.get(&format!("/jobs/{job}")).await["status"].as_str().unwrap().to_owned();
            assert!(["queued", "running", "succeeded"].contains(&status.as_str()), "{status}");
            if status == "succeeded" {
                return;
            }
            assert!(started.elapsed() < patience, "{job} is still {status}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Kills it as a power cut would.
    pub fn kill(&mut self) {
        let process = self.process.take().unwrap();
        process.kill();
    }

    /// Starts it anew where it was, with what it had.
    pub fn start_again(&mut self) {
        let listen = self.url.trim_start_matches("http://").to_owned();
        let begun = Instant::now();
        // Its port was a free one, and somebody else's connection may have it for a while.
        while let Err(why) = self.serve(&listen) {
            assert!(why.contains("cannot listen") && begun.elapsed() < PATIENCE, "{why}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}
