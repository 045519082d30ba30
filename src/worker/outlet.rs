//! The one way out of a training thread.

use super::control::Control;
use crate::eval::ParzenResult;
use crate::gan::Losses;
use crate::job::Finding;
use bytes::Bytes;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc;

/// Events on their way before training waits for the asynchronous side.
const CAPACITY: usize = 16;

/// What a training thread has to tell.
#[derive(Debug)]
pub enum RunEvent {
    /// Consecutive steps' losses.
    Metrics(Vec<Losses>),
    /// A picture of the fixed latents, as a PNG.
    Snapshot {
        /// The step.
        step: u64,
        /// The picture.
        png: Vec<u8>,
    },
    /// An evaluation.
    Evaluation {
        /// The step.
        step: u64,
        /// The protocol's name.
        protocol: String,
        /// The numbers.
        result: ParzenResult,
    },
    /// Something the user should know, or the end of it.
    Finding(Finding),
    /// Training goes on from the checkpoint that was sent last: what was sent after it no longer holds.
    RolledBack(Finding),
    /// Training begins again from step 0: nothing that was sent before still holds.
    Restarted {
        /// Why.
        finding: Finding,
        /// The file of the checkpoint of step 0.
        bytes: Bytes,
    },
    /// The whole state, as its file. Comes after everything that belongs to its step.
    Checkpoint {
        /// The step.
        step: u64,
        /// The file. Its memory goes back to the training thread with the last of its clones.
        bytes: Bytes,
    },
}

/// The training thread's end of the channel.
#[derive(Debug)]
pub struct Outlet {
    events: mpsc::Sender<RunEvent>,
    control: Arc<Control>,
    stall: Duration,
    gate: Arc<Gate>,
}

/// Nobody listens any more: the run is abandoned.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Closed;

impl Outlet {
    /// An outlet and where its events come out.
    #[must_use]
    pub fn new(control: Arc<Control>, stall: Duration) -> (Self, mpsc::Receiver<RunEvent>) {
        let (events, receiver) = mpsc::channel(CAPACITY);
        (Self { events, control, stall, gate: Arc::default() }, receiver)
    }

    /// Sends an event, waiting while the channel is full.
    ///
    /// # Errors
    ///
    /// [`Closed`] if the other side is gone.
    pub fn send(&self, event: RunEvent) -> Result<(), Closed> {
        match self.events.try_send(event) {
            Ok(()) => Ok(()),
            Err(mpsc::error::TrySendError::Closed(_)) => Err(Closed),
            Err(mpsc::error::TrySendError::Full(event)) => {
                let sent = self.control.waiting(self.stall, || self.events.blocking_send(event).is_ok());
                if sent { Ok(()) } else { Err(Closed) }
            }
        }
    }

    /// Sends the checkpoint that `write` writes, waiting until the one before has been dealt with: copies of the state
    /// do not pile up, and each is written where the one before was.
    ///
    /// # Errors
    ///
    /// [`Closed`] if the other side is gone; within, what `write` fails with.
    pub fn send_checkpoint<E>(
        &self,
        step: u64,
        write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
    ) -> Result<Result<(), E>, Closed> {
        self.send_written(write, |bytes| RunEvent::Checkpoint { step, bytes })
    }

    /// The same, of the checkpoint that training begins again with.
    ///
    /// # Errors
    ///
    /// As [`Self::send_checkpoint`].
    pub fn send_restart<E>(
        &self,
        finding: Finding,
        write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
    ) -> Result<Result<(), E>, Closed> {
        self.send_written(write, |bytes| RunEvent::Restarted { finding, bytes })
    }

    fn send_written<E>(
        &self,
        write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
        event: impl FnOnce(Bytes) -> RunEvent,
    ) -> Result<Result<(), E>, Closed> {
        let mut page = self.control.waiting(self.stall, || Gate::enter(&self.gate));
        match write(&mut page.bytes) {
            Ok(()) => self.send(event(Bytes::from_owner(page))).map(Ok),
            Err(error) => Ok(Err(error)),
        }
    }
}

/// Keeps the memory for a checkpoint; lets one through at a time.
#[derive(Debug)]
struct Gate {
    /// None while a checkpoint is on its way.
    bytes: Mutex<Option<Vec<u8>>>,
    back: Condvar,
}

impl Default for Gate {
    fn default() -> Self {
        Self { bytes: Mutex::new(Some(Vec::new())), back: Condvar::new() }
    }
}

impl Gate {
    fn enter(gate: &Arc<Self>) -> Page {
        let mut bytes = gate.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            match bytes.take() {
                Some(bytes) => return Page { bytes, gate: Arc::clone(gate) },
                None => bytes = gate.back.wait(bytes).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }
}

/// The memory of a checkpoint that is on its way; when it is dropped the next may come.
#[derive(Debug)]
struct Page {
    bytes: Vec<u8>,
    gate: Arc<Gate>,
}

impl AsRef<[u8]> for Page {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        let bytes = std::mem::take(&mut self.bytes);
        *self.gate.bytes.lock().unwrap_or_else(PoisonError::into_inner) = Some(bytes);
        self.gate.back.notify_one();
    }
}
