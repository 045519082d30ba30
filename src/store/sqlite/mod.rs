//! SQLite: the embedded engine of one gand process.
//!
//! Every write goes through one connection in a `BEGIN IMMEDIATE` transaction, so that no transaction can fail half
//! way because another one wrote in between; reads have connections of their own and never wait (write-ahead log).

mod checkpoints;
mod claim;
mod evaluations;
mod events;
mod files;
mod jobs;
mod metrics;
mod move_out;
mod open;
mod queue;
mod records;
mod rows;
mod sql;
mod sweeps;
mod verbs;

pub use open::SqliteStore;
