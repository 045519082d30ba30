//! What several areas' tests share.
#![allow(dead_code, unreachable_pub, clippy::print_stderr)]

pub mod machine;
