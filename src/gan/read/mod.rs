//! From what a user wrote to a complete spec, or to the list of all its faults.
//!
//! [`spec`] is the entry; [`merge`] lays what was written over the recipe's settings; [`fields`] takes one known field
//! after another and notes what is wrong with each, where serde would stop at the first.

mod facts;
mod fault;
mod fields;
mod merge;
mod model;
mod plans;
mod spec;
mod training;

pub use facts::DataFacts;
pub use fault::Fault;
pub use spec::read_spec;
