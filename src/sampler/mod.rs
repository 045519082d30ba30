//! Drawing samples on behalf of requests: threads that share the loaded generators and one line of requests.
//!
//! The asynchronous side never computes: it tells a [`service::Handle`] what is wanted and awaits the answer. Requests
//! for one checkpoint share passes through its generator.

mod line;
mod loaded;
pub mod lru;
pub mod service;

pub use lru::Lru;
pub use service::{DrawError, Drawn, Generator, Handle, Latents};
