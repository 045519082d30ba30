//! A server of its own process and a connection to one, for the benches that ask servers: as little between the clock and
//! the socket as possible.

// Each bench uses a part.
#![allow(dead_code)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

/// A running `gand serve` on a free port. Ends with the bench.
pub(crate) struct Server {
    process: Child,
    pub(crate) address: String,
    pub(crate) folder: tempfile::TempDir,
}

impl Server {
    pub(crate) fn start(options: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut process = Command::new(env!("CARGO_BIN_EXE_gand"))
            .args(["serve", "--listen", "127.0.0.1:0", "--log", "warn", "--data-dir"])
            .arg(folder.path())
            .args(options)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.split("http://").nth(1).expect("the server prints its address");
        let address = address.split(['/', '\n']).next().unwrap().to_owned();
        Self { address, process, folder }
    }

    /// A figure of the process's memory, in MiB: `VmRSS` now, `VmHWM` at most.
    pub(crate) fn memory(&self, figure: &str) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap_or_default();
        let line = status.lines().find(|line| line.starts_with(figure)).unwrap_or_default();
        line.split_whitespace().nth(1).and_then(|kibibytes| kibibytes.parse::<f64>().ok()).unwrap_or(0.0) / 1024.0
    }

    /// The processor time that the process has spent in threads that are not called so, in seconds.
    pub(crate) fn processor_beside(&self, threads: &str) -> f64 {
        let folder = format!("/proc/{}", self.process.id());
        // Of what stands in `stat` after the name: the 12th and 13th, in hundredths of a second.
        let spent = |stat: &str| -> f64 {
            let after = stat.rsplit(") ").next().unwrap_or_default();
            after.split(' ').skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
        };
        let stat = |path: std::path::PathBuf| std::fs::read_to_string(path.join("stat")).unwrap_or_default();
        let named = |stat: &String| stat.split('(').nth(1).is_some_and(|name| name.starts_with(threads));
        let tasks = std::fs::read_dir(format!("{folder}/task")).unwrap().flatten();
        let beside: f64 = tasks.map(|task| stat(task.path())).filter(named).map(|stat| spent(&stat)).sum();
        spent(&stat(folder.into())) - beside
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A kept HTTP/1.1 connection.
pub(crate) struct Connection {
    stream: BufReader<TcpStream>,
    host: String,
}

impl Connection {
    pub(crate) fn open(address: &str) -> Self {
        Self::try_open(address).unwrap()
    }

    pub(crate) fn try_open(address: &str) -> std::io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        Ok(Self { stream: BufReader::new(stream), host: address.to_owned() })
    }

    /// Sends a request and takes its answer, whose length the server must name.
    pub(crate) fn send(&mut self, method: &str, path: &str, content_type: &str, body: &[u8]) -> (u16, Vec<u8>) {
        let (host, length) = (&self.host, body.len());
        let mut request = format!(
            "{method} {path} HTTP/1.1\r\nhost: {host}\r\ncontent-type: {content_type}\r\ncontent-length: {length}\r\n\r\n"
        )
        .into_bytes();
        request.extend_from_slice(body);
        self.stream.get_mut().write_all(&request).unwrap();
        let mut line = String::new();
        self.stream.read_line(&mut line).unwrap();
        let status = line.split(' ').nth(1).unwrap_or_else(|| panic!("no status in {line:?}")).parse().unwrap();
        let mut length = 0;
        loop {
            line.clear();
            self.stream.read_line(&mut line).unwrap();
            if line.trim().is_empty() {
                break;
            }
            if let Some((name, value)) = line.split_once(':') {
                assert!(
                    !name.eq_ignore_ascii_case("transfer-encoding"),
                    "answers of no known length are not read here"
                );
                if name.eq_ignore_ascii_case("content-length") {
                    length = value.trim().parse().unwrap();
                }
            }
        }
        let mut answer = vec![0; length];
        self.stream.read_exact(&mut answer).unwrap();
        (status, answer)
    }

    pub(crate) fn get(&mut self, path: &str) -> (u16, Vec<u8>) {
        self.send("GET", path, "application/json", &[])
    }

    /// The same for JSON both ways.
    pub(crate) fn ask(&mut self, method: &str, path: &str, body: &str) -> (u16, String) {
        let (status, answer) = self.send(method, path, "application/json", body.as_bytes());
        (status, String::from_utf8(answer).unwrap())
    }

    pub(crate) fn submit(&mut self, body: &str) -> String {
        let (status, answer) = self.ask("POST", "/jobs", body);
        assert_eq!(status, 201, "{answer}");
        answer.split('"').nth(3).unwrap().to_owned()
    }

    /// A number of a job's representation, once it is there and fits.
    pub(crate) fn wait_for(&mut self, job: &str, field: &str, fits: impl Fn(f64) -> bool) -> f64 {
        self.wait_for_every(std::time::Duration::from_millis(1), job, field, fits)
    }

    /// The same for a number that is looked at so often: looking costs the server time.
    pub(crate) fn wait_for_every(
        &mut self,
        pause: std::time::Duration,
        job: &str,
        field: &str,
        fits: impl Fn(f64) -> bool,
    ) -> f64 {
        let (start, needle) = (std::time::Instant::now(), format!("\"{field}\":"));
        loop {
            let answer = self.ask("GET", &format!("/jobs/{job}"), "").1;
            let rest = answer.rsplit(&needle).next().unwrap();
            let number = rest.split([',', '}']).next().and_then(|number| number.parse().ok());
            if let Some(number) = number.filter(|number| fits(*number)) {
                return number;
            }
            assert!(start.elapsed().as_secs() < 120, "job {job} does not get there: {answer}");
            std::thread::sleep(pause);
        }
    }

    /// Waits until a job has a status.
    pub(crate) fn wait_until(&mut self, job: &str, status: &str) {
        let start = std::time::Instant::now();
        loop {
            let answer = self.ask("GET", &format!("/jobs/{job}"), "").1;
            if answer.contains(&format!(r#""status":"{status}""#)) {
                return;
            }
            assert!(start.elapsed().as_secs() < 300, "job {job} is never {status}: {answer}");
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    }

    /// Sends a job a command and waits until it has the status that it leads to.
    pub(crate) fn command(&mut self, job: &str, command: &str, status: &str) {
        let (code, answer) = self.ask("POST", &format!("/jobs/{job}/{command}"), "");
        assert!(code < 300, "{answer}");
        self.wait_until(job, status);
    }
}
