//! How long `GET /healthz` and `GET /jobs` take, idle and while a job trains on every core.
//!
//! A whole process of the server is asked over one kept connection, one request after another.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const REQUESTS: usize = 3000;

struct Server {
    process: Child,
    address: String,
}

impl Server {
    fn start(folder: &std::path::Path) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_gand"))
            .args(["serve", "--listen", "127.0.0.1:0", "--slots", "1", "--data-dir"])
            .arg(folder)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.split("http://").nth(1).expect("the server prints its address").trim().trim_end_matches('/');
        Self { address: address.to_owned(), process }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

struct Connection {
    stream: BufReader<TcpStream>,
    host: String,
}

impl Connection {
    fn open(address: &str) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream: BufReader::new(stream), host: address.to_owned() }
    }

    fn ask(&mut self, method: &str, path: &str, body: &str) -> (u16, String) {
        let (host, length) = (&self.host, body.len());
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        self.stream.get_mut().write_all(request.as_bytes()).unwrap();
        let mut line = String::new();
        self.stream.read_line(&mut line).unwrap();
        let status = line.split(' ').nth(1).unwrap().parse().unwrap();
        let mut length = 0;
        loop {
            line.clear();
            self.stream.read_line(&mut line).unwrap();
            if line.trim().is_empty() {
                break;
            }
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().unwrap();
            }
        }
        let mut answer = vec![0; length];
        self.stream.read_exact(&mut answer).unwrap();
        (status, String::from_utf8(answer).unwrap())
    }

    fn measure(&mut self, what: &str, path: &str) {
        let mut times: Vec<Duration> = (0..REQUESTS)
            .map(|_| {
                let start = Instant::now();
                assert_eq!(self.ask("GET", path, "").0, 200);
                start.elapsed()
            })
            .collect();
        times.sort();
        let at = |share: usize| times[(times.len() - 1) * share / 1000];
        println!(
            "{what:8} GET {path:9} p50 {:8.1?}  p99 {:8.1?}  p99.9 {:8.1?}  max {:8.1?}",
            at(500),
            at(990),
            at(999),
            at(1000)
        );
    }
}

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    let mut connection = Connection::open(&server.address);
    connection.measure("idle", "/healthz");
    connection.measure("idle", "/jobs");
    // The paper's wide networks on the built-in digits keep every core busy for as long as this takes.
    let body = r#"{"dataset": "digits", "recipe": "paper-mnist", "training": {"steps": 1000000}}"#;
    let (status, answer) = connection.ask("POST", "/jobs", body);
    assert_eq!(status, 201, "{answer}");
    let start = Instant::now();
    while !connection.ask("GET", "/jobs", "").1.contains(r#""d_loss""#) {
        assert!(start.elapsed() < Duration::from_secs(60), "the job does not get going");
    }
    connection.measure("training", "/healthz");
    connection.measure("training", "/jobs");
}
