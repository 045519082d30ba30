//! Parses the command line and hands over to the subcommand.

use super::{datasets, exit, migrate, openapi, parzen, sample, serve, theory, train, worker};
use clap::{CommandFactory as _, Parser, Subcommand};
use std::io::Write as _;
use std::process::ExitCode;

/// A GAN daemon: trains generative adversarial networks as jobs over HTTP and serves what they learned.
#[derive(Parser)]
#[command(name = "gand", version, arg_required_else_help = true, max_term_width = 100, after_help = exit::HELP)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the API and the dashboard, and train jobs in this process's slots
    Serve(Box<serve::Args>),
    /// Score samples from a file by their Parzen-window log-likelihood
    Parzen(parzen::Args),
    /// List, show, import and remove datasets
    Datasets(datasets::Args),
    /// Train jobs in this process's slots, without serving HTTP
    Worker(Box<worker::Args>),
    /// Train one spec in the foreground, without a server, into a folder
    Train(Box<train::Args>),
    /// Draw samples of a checkpoint's generator into a file
    Sample(sample::Args),
    /// Let p_g descend C(G) on a grid (Proposition 2), and print the curve
    Theory(theory::Args),
    /// Apply the database's migrations and end
    Migrate(migrate::Args),
    /// Print the OpenAPI document
    Openapi(openapi::Args),
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// Parses the command line, runs the subcommand and says how it ended: see [`exit::HELP`].
pub fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Serve(args) => serve::run(*args),
        Command::Parzen(args) => parzen::run(&args),
        Command::Datasets(args) => datasets::run(&args),
        Command::Worker(args) => worker::run(*args),
        Command::Train(args) => train::run(&args),
        Command::Sample(args) => sample::run(&args),
        Command::Theory(args) => theory::run(&args),
        Command::Migrate(args) => migrate::run(&args),
        Command::Openapi(args) => openapi::run(&args),
        Command::Completions { shell } => completions(shell),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // A closed standard error leaves nobody to tell.
            let _ = writeln!(std::io::stderr(), "error: {error:#}");
            ExitCode::from(exit::code(&error))
        }
    }
}

fn completions(shell: clap_complete::Shell) -> anyhow::Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "gand", &mut script);
    std::io::stdout().write_all(&script)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
