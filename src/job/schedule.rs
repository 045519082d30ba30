//! The rules of scheduling: who may have a job, and what each move does to that. Pure functions of plain values.
//!
//! The store reads a [`Standing`] under the row's lock, moves it here, and writes it back; its claim and its renewal
//! say the same in SQL. `tests/it/schedule` drives these rules through millions of random histories, and
//! `tests/it/store/contract/simulation.rs` holds both databases to them.

use super::{Command, Desired, Ending, JobId, OwnerId, Refused, Status};
use std::time::Duration;

/// Waiting this long is worth a level of priority, so that nothing starves.
pub const AGING: Duration = Duration::from_secs(300);

/// A job is failed once this many of its workers have died.
pub const MAX_ATTEMPTS: u32 = 5;

/// What every write of a worker must prove: that it still holds the job.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Hold {
    /// The job.
    pub job: JobId,
    /// The process that claimed it.
    pub owner: OwnerId,
    /// The fence of that claim.
    pub fence: i64,
}

/// What scheduling knows of a job.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Standing {
    /// Where it stands.
    pub status: Status,
    /// What its user wants of its worker.
    pub desired: Desired,
    /// Starts so far that a clean shutdown did not end.
    pub attempt: u32,
    /// Grows by one with every claim.
    pub fence: i64,
    /// The process that has it.
    pub owner: Option<OwnerId>,
    /// Whether the lease's time is over, by the database's clock.
    pub lapsed: bool,
}

/// What a command changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Applied {
    /// Nothing: the job stood there already.
    Nothing,
    /// The standing; the job keeps its place in the queue, if it is in it.
    Moved,
    /// The standing, and the job went to the end of the queue.
    Requeued,
}

/// What a lapsed lease led to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lapse {
    /// Back in the queue.
    Requeued,
    /// Paused or cancelled, as had been asked.
    Settled,
    /// Too many workers died.
    Failed,
}

impl Standing {
    /// A job that was just submitted.
    pub const SUBMITTED: Self =
        Self { status: Status::Queued, desired: Desired::Run, attempt: 0, fence: 0, owner: None, lapsed: false };

    /// Whether `hold` proves that the job is still its worker's. A lapsed lease is, until someone takes it. The owner
    /// alone proves nothing: one process may claim a job twice, and what it began first must not write any more.
    #[must_use]
    pub fn is_held_by(&self, hold: Hold) -> bool {
        self.status.is_leased() && self.owner == Some(hold.owner) && self.fence == hold.fence
    }

    /// Whether a worker may take it: it waits, or its worker is gone, and not too many have died.
    #[must_use]
    pub fn is_claimable(&self) -> bool {
        let free = self.status == Status::Queued || (self.status == Status::Running && self.lapsed);
        free && self.attempt < MAX_ATTEMPTS
    }

    /// A worker takes it, with a new lease.
    pub fn claim(&mut self, owner: OwnerId) {
        *self = Self {
            status: Status::Running,
            desired: Desired::Run,
            attempt: self.attempt + 1,
            fence: self.fence + 1,
            owner: Some(owner),
            lapsed: false,
        };
    }

    /// Carries out a command. A worker that has let its lease lapse is not waited for.
    ///
    /// # Errors
    ///
    /// [`Refused`] where the command makes no sense in this status.
    pub fn apply(&mut self, command: Command) -> Result<Applied, Refused> {
        let (mut status, desired) = self.status.apply(command)?;
        if self.lapsed && command != Command::Resume {
            status = status.after_lapse();
        }
        if (status, desired) == (self.status, self.desired) {
            return Ok(Applied::Nothing);
        }
        if command == Command::Extend {
            // A new stretch of training: what befell the workers of the one before no longer counts.
            self.attempt = 0;
        }
        let requeued = status == Status::Queued && self.status != Status::Queued;
        self.desired = desired;
        self.become_(status);
        Ok(if requeued { Applied::Requeued } else { Applied::Moved })
    }

    /// A worker leaves.
    pub fn end(&mut self, ending: &Ending) {
        let status = self.status.after_ending(ending);
        let orderly = matches!(ending, Ending::Paused | Ending::Cancelled | Ending::Released);
        if orderly && !status.is_terminal() {
            // Only starts that ended in the loss of the worker count towards the last attempt.
            self.attempt = self.attempt.saturating_sub(1);
        }
        self.become_(status);
        self.settle_wish();
    }

    /// Whether a sweep has to see to it: its lease lapsed, or it waits for a worker that will never come.
    #[must_use]
    pub fn is_adrift(&self) -> bool {
        (self.status.is_leased() && self.lapsed) || (self.status == Status::Queued && self.attempt >= MAX_ATTEMPTS)
    }

    /// The lease has lapsed and nobody has renewed it.
    pub fn lapse(&mut self) -> Lapse {
        let spent = matches!(self.status, Status::Running | Status::Queued) && self.attempt >= MAX_ATTEMPTS;
        self.become_(if spent { Status::Failed } else { self.status.after_lapse() });
        self.settle_wish();
        match self.status {
            Status::Failed => Lapse::Failed,
            Status::Queued => Lapse::Requeued,
            _ => Lapse::Settled,
        }
    }

    fn become_(&mut self, status: Status) {
        self.status = status;
        if !status.is_leased() {
            (self.owner, self.lapsed) = (None, false);
        }
    }

    /// `desired` says what a worker should do; without a worker it follows the status.
    fn settle_wish(&mut self) {
        self.desired = match self.status {
            Status::Paused => Desired::Pause,
            Status::Cancelled => Desired::Cancel,
            _ => Desired::Run,
        };
    }
}

/// A job's turn, in milliseconds; whoever's is lowest goes first. It is when the job was queued, as if each level of
/// priority were [`AGING`] of waiting. Waiting moves all alike: the order of two jobs never changes, so an index can
/// have it.
#[must_use]
pub fn turn(priority: i32, queued_at: i64) -> i64 {
    let aging = i64::try_from(AGING.as_millis()).unwrap_or(i64::MAX);
    queued_at.saturating_sub(aging.saturating_mul(i64::from(priority)))
}
