//! The core's operations as candle in-place operations on tensors that are allocated once.
//!
//! candle's autograd allocates every result and every gradient anew, which on networks of this size costs more than
//! the matrix products (see `docs/performance.md`). These operations write into tensors that live as long as the
//! trainer. The tests hold them against candle's own autograd.

pub mod affine;
pub mod descend;
pub mod dropout;
pub mod elementwise;
pub mod maxout;
pub mod product;
pub mod simd;
pub mod slices;
pub mod split;
