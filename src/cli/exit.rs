//! How a command ended, as a script hears it.

use crate::gan::GanError;
use crate::library::LibraryError;
use crate::store::StoreError;
use std::io::ErrorKind;

/// Told at the end of `gand --help`.
pub const HELP: &str = "\
Exit codes:
  0  done; a server or worker: stopped by a signal, everything left in order
  1  failed for a reason that is none of these
  2  the command line is not understood
  3  what was given is no good: a spec, a dataset, a checkpoint, a file of samples, a database's URL
  4  something else is not there, and may be later: the database, the address to listen on, a mirror
  5  the training failed: a number is no longer finite
  6  stopped by a signal before the end; --resume goes on
  7  trained, but the result is unsound: it collapsed, D has won or is too weak, or samples are copies";

/// Why a command did not do what it was asked to, as far as a script can act on it. The number is the exit code.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// What was given is no good.
    Given = 3,
    /// Something else is not there.
    Away = 4,
    /// The training failed.
    Training = 5,
    /// Stopped before the end.
    Stopped = 6,
    /// Trained, but what came of it is no good.
    Unsound = 7,
}

/// An error that says what kind of fault it is.
#[derive(Debug, thiserror::Error)]
#[error("{error:#}")]
struct Failed {
    fault: Fault,
    error: anyhow::Error,
}

/// Says what kind of fault an error is.
pub trait Fails<T> {
    /// The same result, whose error has this exit code.
    ///
    /// # Errors
    ///
    /// If there was one.
    fn or_fault(self, fault: Fault) -> anyhow::Result<T>;
}

impl<T, E: Into<anyhow::Error>> Fails<T> for Result<T, E> {
    fn or_fault(self, fault: Fault) -> anyhow::Result<T> {
        self.map_err(|error| Failed { fault, error: error.into() }.into())
    }
}

/// The exit code that an error stands for.
#[must_use]
pub fn code(error: &anyhow::Error) -> u8 {
    if let Some(failed) = error.downcast_ref::<Failed>() {
        return failed.fault as u8;
    }
    let is_given = |cause: &(dyn std::error::Error + 'static)| {
        let of_the_url = cause.downcast_ref::<StoreError>().is_some_and(StoreError::is_of_the_url);
        cause.is::<LibraryError>() || cause.is::<GanError>() || of_the_url
    };
    let is_away = |cause: &(dyn std::error::Error + 'static)| {
        let taken = |error: &std::io::Error| matches!(error.kind(), ErrorKind::AddrInUse | ErrorKind::AddrNotAvailable);
        cause.is::<StoreError>() || cause.downcast_ref().is_some_and(taken)
    };
    if error.chain().any(is_given) {
        Fault::Given as u8
    } else if error.chain().any(is_away) {
        Fault::Away as u8
    } else {
        1
    }
}
