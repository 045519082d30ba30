//! Drawing samples on behalf of requests: threads that share the loaded generators and one line of requests.
//!
//! The asynchronous side never computes: it tells a [`Handle`] what is wanted and awaits the answer. Requests
//! for one checkpoint share passes through its generator. All that is drawn has its room: however many ask, what is in
//! memory stays within it.

mod line;
mod loaded;
mod lru;
mod request;
mod room;
mod service;

pub use loaded::Model;
pub use lru::Lru;
pub use request::{DrawError, Drawn, Generator, Latents};
pub use room::Room;
pub use service::Handle;
