//! The command line: one file a subcommand.

use std::process::ExitCode;

/// Parses the command line, runs the subcommand and says how it ended.
pub fn main() -> ExitCode {
    ExitCode::SUCCESS
}
