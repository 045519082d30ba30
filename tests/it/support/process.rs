//! Real `gand` processes: started, signalled and waited for by their own id.

use rustix::process::{Pid, Signal, kill_process};
use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// How long a process may take to start or to end.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A running `gand`. Ends with the test, whatever happens.
pub struct Process {
    child: Child,
    stderr: Option<std::thread::JoinHandle<String>>,
}

impl Process {
    /// Starts `gand` with these arguments and nothing of this environment's settings.
    pub fn start<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gand"));
        for (name, _) in std::env::vars_os() {
            if name.to_str().is_some_and(|name| name.starts_with("GAND_") || name == "DATABASE_URL") {
                command.env_remove(name);
            }
        }
        // mimalloc keeps what is freed for a second; given back at once, resident memory is what the process holds.
        command.env("MIMALLOC_PURGE_DELAY", "0");
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // Read all the time, or a full pipe would stop the process.
        let mut pipe = child.stderr.take().unwrap();
        let stderr = std::thread::spawn(move || {
            let mut text = Vec::new();
            drop(pipe.read_to_end(&mut text));
            String::from_utf8_lossy(&text).into_owned()
        });
        Self { child, stderr: Some(stderr) }
    }

    /// Starts a server on a free port and waits until it listens. Returns it with its address.
    pub fn serve<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> (Self, String) {
        Self::serve_at("127.0.0.1:0", arguments)
    }

    /// The same at an address of which the port may be given: that of a server that was there before.
    pub fn serve_at<S: AsRef<OsStr>>(listen: &str, arguments: impl IntoIterator<Item = S>) -> (Self, String) {
        Self::try_serve_at(listen, arguments).unwrap_or_else(|why| panic!("gand serve did not start: {why}"))
    }

    /// The same, or what it said where it did not start.
    pub fn try_serve_at<S: AsRef<OsStr>>(
        listen: &str,
        arguments: impl IntoIterator<Item = S>,
    ) -> Result<(Self, String), String> {
        let fixed = ["serve", "--listen", listen].map(|word| OsStr::new(word).to_owned());
        let given = arguments.into_iter().map(|argument| argument.as_ref().to_owned());
        let mut process = Self::start(fixed.into_iter().chain(given));
        let mut line = String::new();
        BufReader::new(process.child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        match line.split_whitespace().find(|word| word.starts_with("http://")) {
            Some(url) => Ok((process, url.trim_end_matches('/').to_owned())),
            None => Err(format!("{line:?} {}", process.end_and_tell())),
        }
    }

    /// Sends a signal to this process.
    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// Its memory, as far as it lies in the machine's, in MiB.
    pub fn resident_mib(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.split_whitespace().next().unwrap().parse::<f64>().unwrap() / 1024.0
    }

    /// Waits for the end.
    pub fn wait(self) -> (ExitStatus, String) {
        self.wait_for(PATIENCE)
    }

    /// Waits for the end of what may take longer than a test.
    pub fn wait_for(mut self, patience: Duration) -> (ExitStatus, String) {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return (status, self.stderr.take().map(|reader| reader.join().unwrap()).unwrap_or_default());
            }
            if begun.elapsed() > patience {
                panic!("the process did not end: {}", self.end_and_tell());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Kills it (SIGKILL) and waits until it is gone.
    pub fn kill(self) {
        self.signal(Signal::KILL);
        self.wait();
    }

    fn end_and_tell(&mut self) -> String {
        drop(self.child.kill());
        drop(self.child.wait());
        self.stderr.take().map(|reader| reader.join().unwrap()).unwrap_or_default()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
