//! The command line: one file a subcommand.

pub mod command;
pub mod datasets;
pub mod demo;
mod fetch;
pub mod logging;
pub mod migrate;
pub mod openapi;
pub mod parzen;
pub mod run_folder;
pub mod runtime;
pub mod sample;
pub mod serve;
pub mod theory;
pub mod train;
pub mod worker;

pub use command::main;
