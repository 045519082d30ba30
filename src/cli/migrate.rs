//! `gand migrate`: applies the database's migrations and ends.

use super::runtime;
use crate::app::open_store;
use crate::config;
use std::io::Write as _;

/// Settings of `gand migrate`.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    #[command(flatten)]
    storage: config::Storage,
}

/// Opens the store, which migrates it.
///
/// # Errors
///
/// If it cannot be opened or migrated.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let store = runtime::block_on(open_store(&args.storage))?;
    writeln!(std::io::stdout(), "the {} database is up to date", store.engine())?;
    Ok(())
}
