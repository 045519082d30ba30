//! The service's settings: what can be given on the command line or in the environment, by topic.
//!
//! They are read here, once, and passed down; nothing else in gand looks at the environment. Each field's first line
//! is its help text.

use clap::builder::BoolishValueParser;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// Settings of `gand serve`.
#[derive(clap::Args, Clone, Debug)]
pub struct Serve {
    /// Where HTTP is served.
    #[command(flatten)]
    pub http: Http,
    /// Where everything is kept.
    #[command(flatten)]
    pub storage: Storage,
    /// The worker slots in this process.
    #[command(flatten)]
    pub workers: Workers,
    /// Who may do what.
    #[command(flatten)]
    pub access: Access,
    /// What one request may cost.
    #[command(flatten)]
    pub limits: Limits,
    /// What is logged.
    #[command(flatten)]
    pub log: Log,
    /// Submit a small job on the built-in digits, once, and print the dashboard's address
    #[arg(long, env = "GAND_DEMO", value_parser = BoolishValueParser::new())]
    pub demo: bool,
}

/// Settings of `gand worker`.
#[derive(clap::Args, Clone, Debug)]
pub struct Worker {
    /// Where everything is kept.
    #[command(flatten)]
    pub storage: Storage,
    /// The worker slots in this process.
    #[command(flatten)]
    pub workers: Workers,
    /// What is logged.
    #[command(flatten)]
    pub log: Log,
}

/// Where HTTP is served.
#[derive(clap::Args, Clone, Debug)]
pub struct Http {
    /// Address and port to listen on; port 0 takes a free one
    #[arg(long, env = "GAND_LISTEN", default_value = "127.0.0.1:8080", value_name = "ADDR:PORT")]
    pub listen: SocketAddr,
    /// How long a client may take to send a request's head, to send more of a body, or to take any of an answer
    #[arg(long, env = "GAND_CLIENT_TIMEOUT", default_value = "20s", value_parser = duration, value_name = "TIME")]
    pub client_timeout: Duration,
    /// How long open requests, streams and training slots may take to end after a signal
    #[arg(long, env = "GAND_GRACE", default_value = "20s", value_parser = duration, value_name = "TIME")]
    pub grace: Duration,
}

/// Where everything is kept.
#[derive(clap::Args, Clone, Debug)]
pub struct Storage {
    /// Directory of the embedded database, its checkpoints, and uploaded datasets
    #[arg(long, env = "GAND_DATA_DIR", default_value = "./gand-data", value_name = "DIR")]
    pub data_dir: PathBuf,
    /// Database to use instead of the embedded one: postgres://... or sqlite://PATH
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, value_name = "URL")]
    pub database_url: Option<String>,
    /// Directory with further datasets (mnist, cifar10, faces), read where they lie
    #[arg(long, env = "GAND_DATA", value_name = "DIR")]
    pub datasets: Option<PathBuf>,
}

impl Storage {
    /// The database's URL: the one given, or SQLite under the data directory.
    #[must_use]
    pub fn database_url(&self) -> String {
        match &self.database_url {
            Some(url) if !url.is_empty() => url.clone(),
            _ => format!("sqlite://{}", self.data_dir.join("gand.db").display()),
        }
    }
}

/// The worker slots in one process.
#[derive(clap::Args, Clone, Debug)]
pub struct Workers {
    /// Jobs trained at the same time by this process; 0 for none
    #[arg(long, env = "GAND_SLOTS", default_value_t = 1, value_name = "N")]
    pub slots: usize,
    /// Threads for each slot [default: cores / slots]
    #[arg(long, env = "GAND_THREADS", value_name = "N")]
    pub threads: Option<NonZeroUsize>,
    /// How long a silent worker keeps its job before another may take it
    #[arg(long, env = "GAND_LEASE", default_value = "30s", value_parser = duration, value_name = "TIME")]
    pub lease: Duration,
    /// Name of this worker on its jobs [default: host and process id]
    #[arg(long, env = "GAND_WORKER_NAME", value_name = "NAME")]
    pub worker_name: Option<String>,
}

impl Workers {
    /// The name that jobs show: as told, or the host's with the process's id.
    #[must_use]
    pub fn name(&self) -> String {
        match &self.worker_name {
            Some(name) => name.clone(),
            None => {
                let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
                let host = if host.trim().is_empty() { "gand" } else { host.trim() };
                format!("{host}-{}", std::process::id())
            }
        }
    }

    /// Threads for each slot: as told, or the cores shared among the slots, at least one.
    #[must_use]
    pub fn threads(&self) -> usize {
        match self.threads {
            Some(threads) => threads.get(),
            None => (cores() / self.slots.max(1)).max(1),
        }
    }
}

/// How many threads the machine runs at once.
#[must_use]
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, NonZeroUsize::get)
}

/// Who may do what.
#[derive(clap::Args, Clone, Debug)]
pub struct Access {
    /// Bearer tokens, separated by commas: read:TOKEN or write:TOKEN (without a scope: write)
    #[arg(long, env = "GAND_TOKENS", hide_env_values = true, value_name = "TOKENS")]
    pub tokens: Option<String>,
    /// File with such tokens, one a line
    #[arg(long, env = "GAND_TOKENS_FILE", value_name = "FILE")]
    pub tokens_file: Option<PathBuf>,
    /// Serve without tokens even beyond loopback
    #[arg(long, env = "GAND_NO_AUTH", value_parser = BoolishValueParser::new())]
    pub no_auth: bool,
    /// Host names that requests may be addressed to, besides localhost and plain addresses
    #[arg(long, env = "GAND_ALLOWED_HOSTS", value_delimiter = ',', value_name = "HOST,...")]
    pub allowed_hosts: Vec<String>,
}

/// What one request may cost, and how many are served at once.
#[derive(clap::Args, Clone, Debug)]
pub struct Limits {
    /// Memory that a job's training may be estimated to need
    #[arg(long, env = "GAND_MAX_JOB_MEMORY", default_value = "4GiB", value_parser = size, value_name = "SIZE")]
    pub max_job_memory: u64,
    /// Bytes of a request's body, uploads excepted
    #[arg(long, env = "GAND_MAX_BODY", default_value = "1MiB", value_parser = size, value_name = "SIZE")]
    pub max_body: u64,
    /// Bytes of an uploaded dataset
    #[arg(long, env = "GAND_MAX_UPLOAD", default_value = "512MiB", value_parser = size, value_name = "SIZE")]
    pub max_upload: u64,
    /// Requests served at once; more are answered 503
    #[arg(long, env = "GAND_MAX_REQUESTS", default_value_t = 256, value_name = "N")]
    pub max_requests: usize,
    /// Connections open at once; more are answered 503 and closed
    #[arg(long, env = "GAND_MAX_CONNECTIONS", default_value_t = 2048, value_name = "N")]
    pub max_connections: usize,
    /// Event streams open at once; more are answered 503
    #[arg(long, env = "GAND_MAX_STREAMS", default_value_t = 256, value_name = "N")]
    pub max_streams: usize,
    /// How long a request may take
    #[arg(long, env = "GAND_REQUEST_TIMEOUT", default_value = "60s", value_parser = duration, value_name = "TIME")]
    pub request_timeout: Duration,
    /// Memory for loaded generators and for finished pictures, each
    #[arg(long, env = "GAND_SAMPLE_CACHE", default_value = "256MiB", value_parser = size, value_name = "SIZE")]
    pub sample_cache: u64,
}

/// What is logged.
#[derive(clap::Args, Clone, Debug)]
pub struct Log {
    /// Shape of the log lines
    #[arg(long, env = "GAND_LOG_FORMAT", value_enum, default_value_t = LogFormat::Human)]
    pub log_format: LogFormat,
    /// What to log, as tracing filter directives
    #[arg(long, env = "GAND_LOG", default_value = "info", value_name = "FILTER")]
    pub log: String,
    /// OpenTelemetry collector to send spans to, by OTLP over HTTP; the other standard OTEL_* variables are heard, too
    #[cfg(feature = "otel")]
    #[arg(long, env = "OTEL_EXPORTER_OTLP_ENDPOINT", value_name = "URL")]
    pub otlp_endpoint: Option<String>,
    /// The same where spans have an address of their own
    #[cfg(feature = "otel")]
    #[arg(long, env = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", value_name = "URL")]
    pub otlp_traces_endpoint: Option<String>,
}

/// The shape of log lines.
#[derive(clap::ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum LogFormat {
    /// For people.
    Human,
    /// One JSON object a line.
    Json,
}

/// Text that is no duration or no size.
#[derive(Debug, thiserror::Error)]
#[error("{text:?} is not {expected}")]
pub struct NotUnderstood {
    text: String,
    expected: &'static str,
}

/// Reads `500ms`, `30s`, `5m`, `2h`; a plain number is seconds.
///
/// # Errors
///
/// If the text is none of these.
pub fn duration(text: &str) -> Result<Duration, NotUnderstood> {
    let (number, unit) = number_and_unit(text);
    let seconds_per_unit = match unit {
        "ms" => 0.001,
        "" | "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        _ => f64::NAN,
    };
    f64::from_str(number)
        .ok()
        .and_then(|number| Duration::try_from_secs_f64(number * seconds_per_unit).ok())
        .filter(|duration| !duration.is_zero())
        .ok_or_else(|| NotUnderstood { text: text.to_owned(), expected: "a time such as 500ms, 30s or 5m" })
}

/// Reads `1048576`, `64MiB`, `4GiB`, `10MB`.
///
/// # Errors
///
/// If the text is none of these.
pub fn size(text: &str) -> Result<u64, NotUnderstood> {
    let (number, unit) = number_and_unit(text);
    let bytes_per_unit: Option<u64> = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => Some(1),
        "k" | "kib" => Some(1 << 10),
        "kb" => Some(1_000),
        "m" | "mib" => Some(1 << 20),
        "mb" => Some(1_000_000),
        "g" | "gib" => Some(1 << 30),
        "gb" => Some(1_000_000_000),
        _ => None,
    };
    u64::from_str(number)
        .ok()
        .zip(bytes_per_unit)
        .and_then(|(number, bytes)| number.checked_mul(bytes))
        .ok_or_else(|| NotUnderstood { text: text.to_owned(), expected: "a size such as 1048576, 64MiB or 4GiB" })
}

fn number_and_unit(text: &str) -> (&str, &str) {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    (&text[..end], text[end..].trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_with_their_units() {
        assert_eq!(duration("500ms").unwrap(), Duration::from_millis(500));
        assert_eq!(duration("30s").unwrap(), Duration::from_secs(30));
        assert_eq!(duration("1.5m").unwrap(), Duration::from_secs(90));
        for wrong in ["", "s", "0s", "-1s", "5 fortnights", "1e400s"] {
            assert!(duration(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn sizes_are_read_with_their_units() {
        assert_eq!(size("1048576").unwrap(), 1 << 20);
        assert_eq!(size("64MiB").unwrap(), 64 << 20);
        assert_eq!(size("10 MB").unwrap(), 10_000_000);
        for wrong in ["", "MiB", "1.5GiB", "99999999999GiB", "5 stone"] {
            assert!(size(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn cores_are_shared_among_slots() {
        let workers = |slots, threads| Workers {
            slots,
            threads: NonZeroUsize::new(threads),
            lease: Duration::from_secs(30),
            worker_name: None,
        };
        assert_eq!(workers(1, 3).threads(), 3);
        assert_eq!(workers(1, 0).threads(), cores());
        assert_eq!(workers(10_000, 0).threads(), 1);
        assert_eq!(workers(0, 0).threads(), cores());
    }
}
