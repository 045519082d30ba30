//! The command line: one file a subcommand.

mod checkpoint;
pub mod command;
pub mod datasets;
pub mod demo;
pub mod exit;
mod fetch;
pub mod logging;
pub mod migrate;
pub mod openapi;
#[cfg(feature = "otel")]
pub mod otel;
pub mod parzen;
mod progress;
pub mod run_folder;
pub mod runtime;
pub mod sample;
pub mod serve;
pub mod theory;
pub mod train;
pub mod worker;

pub use command::main;
