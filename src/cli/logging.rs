//! Sets `tracing` up: to standard error, for people or as JSON.

use crate::config::{Log, LogFormat};
use anyhow::Context as _;
use std::io::IsTerminal as _;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _};

/// Kept for as long as something is logged.
#[derive(Debug)]
#[must_use = "dropped, it ends what is sent elsewhere"]
pub struct Logging {
    #[cfg(feature = "otel")]
    _export: Option<super::otel::Export>,
}

/// Starts logging. To be called once, outside the asynchronous runtime.
///
/// # Errors
///
/// If the filter is malformed or logging has been started before.
pub fn start(log: &Log) -> anyhow::Result<Logging> {
    let filter = EnvFilter::try_new(&log.log).with_context(|| format!("{:?} is no log filter", log.log))?;
    let lines =
        tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(std::io::stderr().is_terminal());
    let lines = match log.log_format {
        LogFormat::Human => lines.with_target(false).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    let registry = tracing_subscriber::registry().with(lines.with_filter(filter));
    #[cfg(feature = "otel")]
    let (registry, logging) = {
        let (layer, export) = super::otel::layer(log)?.unzip();
        (registry.with(layer), Logging { _export: export })
    };
    #[cfg(not(feature = "otel"))]
    let logging = Logging {};
    registry.try_init().map_err(|error| anyhow::anyhow!("cannot start logging: {error}"))?;
    Ok(logging)
}
