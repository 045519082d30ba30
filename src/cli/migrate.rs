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
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Opens the store, which migrates it.
///
/// # Errors
///
/// If it cannot be opened or migrated.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let store = runtime::block_on(open_store(&args.storage))?;
    match args.json {
        true => writeln!(std::io::stdout(), "{}", serde_json::json!({"engine": store.engine(), "up_to_date": true}))?,
        false => writeln!(std::io::stdout(), "the {} database is up to date", store.engine())?,
    }
    Ok(())
}
