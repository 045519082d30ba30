//! The one way out of a training thread.

use super::control::Control;
use crate::eval::ParzenResult;
use crate::gan::{Checkpoint, Losses};
use crate::job::Finding;
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
    /// Something the user should know.
    Finding(Finding),
    /// The whole state. Comes after everything that belongs to its step.
    Checkpoint(Box<Checkpoint>, Ticket),
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

    /// Sends a checkpoint, waiting until the one before has been dealt with: copies of the state do not pile up.
    ///
    /// # Errors
    ///
    /// [`Closed`] if the other side is gone.
    pub fn send_checkpoint(&self, checkpoint: Checkpoint) -> Result<(), Closed> {
        let ticket = self.control.waiting(self.stall, || Gate::enter(&self.gate));
        self.send(RunEvent::Checkpoint(Box::new(checkpoint), ticket))
    }
}

/// Lets one checkpoint through at a time.
#[derive(Default, Debug)]
struct Gate {
    taken: Mutex<bool>,
    free: Condvar,
}

impl Gate {
    fn enter(gate: &Arc<Self>) -> Ticket {
        let mut taken = gate.taken.lock().unwrap_or_else(PoisonError::into_inner);
        while *taken {
            taken = gate.free.wait(taken).unwrap_or_else(PoisonError::into_inner);
        }
        *taken = true;
        Ticket(Arc::clone(gate))
    }
}

/// Held by a checkpoint that is on its way; when it is dropped the next may come.
#[derive(Debug)]
pub struct Ticket(Arc<Gate>);

impl Drop for Ticket {
    fn drop(&mut self) {
        *self.0.taken.lock().unwrap_or_else(PoisonError::into_inner) = false;
        self.0.free.notify_one();
    }
}
