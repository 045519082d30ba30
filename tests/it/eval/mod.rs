//! Evaluations against references computed elsewhere.

mod parzen;
