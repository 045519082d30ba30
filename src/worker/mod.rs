//! Slots that claim jobs and train them.
//!
//! A slot is an asynchronous task: it claims a job, starts one OS thread for it ([`training`]: the synchronous loop,
//! which knows no database), and writes down what that thread sends over a bounded channel ([`run`]). Beside it a
//! [`heartbeat`] renews the lease while training advances and passes the user's wishes on. [`pool`] holds the slots, the
//! [`evaluator`] for evaluations asked for over HTTP, the [`sweeper`] for leases whose worker died, and the [`roster`] of
//! its runs, whose lapsed leases are renewed before anybody looks for jobs with lapsed ones.

mod beginning;
pub mod config;
pub mod control;
mod evaluator;
mod figures;
mod health;
mod heartbeat;
mod material;
mod measure;
mod outlet;
mod patience;
mod picture;
pub mod pool;
mod roster;
mod run;
mod slot;
mod sweeper;
mod thread;
pub mod training;

pub use config::WorkerConfig;
pub use control::{Control, Order, StopReason};
pub use measure::standing;
pub use outlet::{Outlet, RunEvent};
pub use pool::Pool;
pub use thread::{TrainingThread, describe_panic};
pub use training::{Assignment, Outcome, Past, Start};
