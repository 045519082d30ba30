//! The command line: one file a subcommand.

pub mod command;
pub mod logging;
pub mod migrate;
pub mod openapi;
pub mod runtime;
pub mod serve;

pub use command::main;
