//! gand is a GAN daemon: a server that trains generative adversarial networks (Goodfellow et al., 2014) as jobs
//! over HTTP, keeps every job and checkpoint in a database, and serves what was learned.
//!
//! The modules, in the order in which they are best read:
//!
//! - [`gan`]: the core. A spec, its networks, Algorithm 1, checkpoints, sampling.
//! - [`data`]: datasets as values: built in, synthetic, or parsed from bytes.
//! - [`eval`]: how good the samples are: pure functions of samples and data.
//! - [`render`]: pictures and array files from numbers.
//! - [`job`]: the words of the service: a job, its status and transitions, its events.
//! - [`store`]: jobs, checkpoints and events in SQLite or PostgreSQL.
//! - [`library`]: the datasets that this process can see.
//! - [`sampler`]: the thread that draws samples on behalf of requests.
//! - [`worker`]: slots that claim jobs and train them.
//! - [`api`]: the HTTP face: JSON, samples, the dashboard.
//! - [`app`]: puts store, workers and API together; [`config`] says how; [`cli`] is the command line.
//!
//! `ARCHITECTURE.md` is the map, with the invariants that hold between these.

pub mod api;
pub mod app;
pub mod cli;
pub mod config;
pub mod data;
pub mod eval;
pub mod gan;
pub mod job;
pub mod library;
pub mod priority;
pub mod render;
pub mod sampler;
pub mod store;
pub mod worker;
