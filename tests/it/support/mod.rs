//! What several areas' tests share.
#![allow(dead_code, unreachable_pub, clippy::print_stderr)]

pub mod client;
pub mod machine;
pub mod memory;
pub mod outage;
pub mod postgres;
pub mod process;
pub mod server;
