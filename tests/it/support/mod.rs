//! What several areas' tests share.
#![allow(dead_code)]

pub mod machine;
