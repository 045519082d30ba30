//! The integration tests, one binary: the real router, real databases, real processes.

// A test says that something cannot be by panicking, in its helpers too.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod api;
mod cli;
mod dashboard;
mod data;
mod eval;
mod fuzz;
mod gan;
mod layers;
mod library;
mod readme;
mod render;
mod schedule;
mod spec;
mod store;
mod support;
mod torture;
mod worker;
