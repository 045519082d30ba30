//! The integration tests, one binary: the real router, real databases, real processes.

mod spec;
