//! `gand serve`: the API, the dashboard and the worker slots in one process.

use super::{logging, runtime};
use crate::app::App;
use crate::config;
use std::io::Write as _;

/// Settings of `gand serve`.
pub type Args = config::Serve;

/// Serves until a signal.
///
/// # Errors
///
/// If the server cannot start or fails.
pub fn run(args: Args) -> anyhow::Result<()> {
    logging::start(&args.log)?;
    runtime::block_on(async {
        let app = App::build(args).await?;
        // The one line that people and scripts wait for; the log goes to standard error.
        writeln!(std::io::stdout(), "gand is ready: http://{}/", app.local_addr())?;
        app.run_until_stopped(runtime::stop_signal()).await
    })
}
