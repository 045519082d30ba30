//! The core's operations as candle in-place operations on tensors that are allocated once.
//!
//! candle's autograd allocates every result and every gradient anew, which on networks of this size costs more than
//! the matrix products (see `docs/performance.md`). These operations write into tensors that live as long as the
//! trainer. The tests hold them against candle's own autograd.

pub mod affine;
pub mod conv_maxout;
pub mod convolve;
pub mod descend;
pub mod dropout;
pub mod elementwise;
pub mod indirect;
pub mod lanes;
pub mod limit;
pub mod maxout;
pub mod motion;
pub mod noise;
pub mod norm;
pub mod pool;
pub mod product;
pub mod scratch;
pub mod simd;
pub mod slices;
pub mod split;
pub mod weighted;
pub mod window;
