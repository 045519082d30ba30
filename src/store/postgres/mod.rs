//! PostgreSQL: the engine that any number of gand processes on any number of machines share.
//!
//! A change of a job locks its row first (`SELECT ... FOR UPDATE`), so that changes of one job come one after the
//! other; a claim passes over rows that others have locked. Where a transaction locks more, it locks jobs before
//! evaluations before chunks, and chunks in the order of their hashes.

mod checkpoints;
mod claim;
mod evaluations;
mod events;
mod jobs;
mod listen;
mod metrics;
mod open;
mod queue;
mod records;
mod rows;
mod sql;
mod sweeps;
mod verbs;

pub use open::PostgresStore;
