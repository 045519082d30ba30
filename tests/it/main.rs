//! The integration tests: one binary, a module by area.

mod layers;
mod support;
