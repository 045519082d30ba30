//! `gand worker`: the slots alone, on a database that others share.

use super::{logging, runtime};
use crate::{app, config};

/// Settings of `gand worker`.
pub type Args = config::Worker;

/// Works until a signal.
///
/// # Errors
///
/// If the database cannot be opened.
pub fn run(args: Args) -> anyhow::Result<()> {
    let _logging = logging::start(&args.log)?;
    runtime::block_on(async { app::work_until_stopped(args, runtime::stop_signal()).await })
}
