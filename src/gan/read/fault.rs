//! Faults, and the list they are collected in.

use serde::{Deserialize, Serialize};
use std::cell::RefCell;

/// One fault of a request's body.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Fault {
    /// Where, as a JSON pointer (RFC 6901).
    pub pointer: String,
    /// What is wrong, and what would be right.
    pub detail: String,
}

/// The faults found so far, shared by the readers of nested objects.
#[derive(Default, Debug)]
pub(super) struct Faults(RefCell<Vec<Fault>>);

impl Faults {
    /// Notes a fault.
    pub(super) fn note(&self, pointer: impl Into<String>, detail: impl Into<String>) {
        self.0.borrow_mut().push(Fault { pointer: pointer.into(), detail: detail.into() });
    }

    /// Whether anything at `pointer` or below it is at fault.
    pub(super) fn touch(&self, pointer: &str) -> bool {
        self.0.borrow().iter().any(|fault| {
            fault.pointer.strip_prefix(pointer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
    }

    /// `value` if there is no fault.
    pub(super) fn unless_any<T>(self, value: T) -> Result<T, Vec<Fault>> {
        let faults = self.0.into_inner();
        if faults.is_empty() { Ok(value) } else { Err(faults) }
    }
}

/// `pointer` with one more reference token, escaped.
pub(super) fn join(pointer: &str, token: &str) -> String {
    format!("{pointer}/{}", token.replace('~', "~0").replace('/', "~1"))
}
