//! Drawing samples on behalf of requests: threads that share the loaded generators and one line of requests.
//!
//! The asynchronous side never computes: it tells a [`Handle`] what is wanted and awaits the answer. Requests
//! for one checkpoint share passes through its generator.

mod line;
mod loaded;
mod lru;
mod request;
mod service;

pub use lru::Lru;
pub use request::{DrawError, Drawn, Generator, Latents};
pub use service::Handle;
