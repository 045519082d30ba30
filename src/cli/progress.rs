//! What a person sees of long work: bars on standard error, and nothing where that is no terminal.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::time::Duration;

/// How often a bar is drawn.
const HERTZ: u8 = 4;

/// A bar whose length is told later.
fn bar(template: &str) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(HERTZ));
    bar.set_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}

/// Steps of a run.
#[must_use]
pub(super) fn steps(all: u64, first: u64) -> ProgressBar {
    let bar = bar("{bar:30} {pos}/{len} steps  {per_sec}  {eta} left  {msg}");
    bar.set_length(all);
    bar.set_position(first);
    bar.reset_eta();
    bar
}

/// Bytes of a file.
#[must_use]
pub(super) fn bytes(name: &'static str, all: Option<u64>, have: u64) -> ProgressBar {
    let bar = bar("{msg:26} {bar:30} {bytes}/{total_bytes}  {bytes_per_sec}");
    if let Some(all) = all {
        bar.set_length(all);
    }
    bar.set_message(name);
    bar.set_position(have);
    bar
}

/// Points that are scored.
#[must_use]
pub(super) fn points() -> ProgressBar {
    bar("{bar:30} {pos}/{len} points  {eta} left")
}

/// Work whose end nobody knows.
#[must_use]
pub(super) fn endless(what: String) -> ProgressBar {
    let bar = bar("{spinner} {msg}  {elapsed}");
    bar.set_message(what);
    bar.enable_steady_tick(Duration::from_millis(1000 / u64::from(HERTZ)));
    bar
}
