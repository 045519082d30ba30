//! Drawing samples on behalf of requests: one OS thread that owns the loaded generators, behind commands with a reply.
//!
//! The asynchronous side never computes: it sends a [`service::Handle`] what is wanted and awaits the answer. Requests
//! for one checkpoint share passes through its generator.

pub mod lru;
pub mod service;

pub use lru::Lru;
pub use service::{DrawError, Drawn, Generator, Handle, Latents};
