//! The command line: one file a subcommand.

pub mod command;
pub mod datasets;
pub mod logging;
pub mod migrate;
pub mod openapi;
pub mod parzen;
pub mod runtime;
pub mod serve;

pub use command::main;
