//! The dashboard in a real browser, on a real server that trains a real job.

#![allow(unreachable_pub)]

mod between;
mod browser;
mod charts;
mod compare;
mod evaluated;
mod findings;
mod form;
mod job;
mod long;
mod pages;
mod picture;
mod quality;
mod session;
mod site;
mod untruths;
mod upload;

/// One browser at a time: two on a small machine only slow each other down.
static TURN: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
