//! `gand openapi`: prints the OpenAPI document.

use std::io::Write as _;

/// `gand openapi` takes no settings.
#[derive(clap::Args, Clone, Copy, Debug)]
pub struct Args {}

/// Prints the document as JSON.
///
/// # Errors
///
/// If standard output is closed.
pub fn run(_args: &Args) -> anyhow::Result<()> {
    writeln!(std::io::stdout(), "{}", serde_json::to_string_pretty(&crate::api::document())?)?;
    Ok(())
}
