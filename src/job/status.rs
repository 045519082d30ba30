//! The life of a job as a table: which command is allowed in which status, and where it leads.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Where a job stands. The word is the same in JSON, in SQL and on the dashboard.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Waiting for a slot.
    Queued,
    /// A worker holds its lease and trains it.
    Running,
    /// A pause was asked for; the worker has yet to write its checkpoint.
    Pausing,
    /// Stopped at a checkpoint until it is resumed.
    Paused,
    /// A cancellation was asked for; the worker has yet to stop.
    Cancelling,
    /// Stopped for good by its user; may be extended from its last checkpoint.
    Cancelled,
    /// Trained to its last step.
    Succeeded,
    /// Ended by a fault, named in its error.
    Failed,
}

impl Status {
    /// Every status, in the order of a job's life.
    pub const ALL: [Self; 8] = [
        Self::Queued,
        Self::Running,
        Self::Pausing,
        Self::Paused,
        Self::Cancelling,
        Self::Cancelled,
        Self::Succeeded,
        Self::Failed,
    ];

    /// The word used in JSON and SQL.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Pausing => "pausing",
            Self::Paused => "paused",
            Self::Cancelling => "cancelling",
            Self::Cancelled => "cancelled",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
        }
    }

    /// Whether a worker holds, or may hold, the job's lease.
    #[must_use]
    pub fn is_leased(self) -> bool {
        matches!(self, Self::Running | Self::Pausing | Self::Cancelling)
    }

    /// Whether the job is over (it may still be extended).
    #[must_use]
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Cancelled | Self::Succeeded | Self::Failed)
    }

    /// Where a lapsed lease leaves the job: the worker is gone, the wish stays.
    #[must_use]
    pub fn after_lapse(self) -> Self {
        match self {
            Self::Running => Self::Queued,
            Self::Pausing => Self::Paused,
            Self::Cancelling => Self::Cancelled,
            other => other,
        }
    }

    /// Where a worker that leaves by `ending` leaves the job. A worker that stopped because it was told to, or because
    /// it shuts down, leaves what its user wants by now: a pause that was withdrawn meanwhile is a job to train on.
    #[must_use]
    pub fn after_ending(self, ending: &Ending) -> Self {
        match ending {
            Ending::Succeeded => Self::Succeeded,
            Ending::Failed(_) => Self::Failed,
            Ending::Paused | Ending::Cancelled | Ending::Released => self.after_lapse(),
        }
    }

    /// The status that `command` leads to, and what the worker should do about it.
    ///
    /// # Errors
    ///
    /// [`Refused`] where the command makes no sense in this status.
    pub fn apply(self, command: Command) -> Result<(Self, Desired), Refused> {
        use Command::{Cancel, Extend, Pause, Resume};
        use Status::{Cancelled, Cancelling, Failed, Paused, Pausing, Queued, Running, Succeeded};
        let next = match (command, self) {
            (Cancel, Queued | Paused | Cancelled) => (Cancelled, Desired::Cancel),
            (Cancel, Running | Pausing | Cancelling) => (Cancelling, Desired::Cancel),
            (Pause, Queued | Paused) => (Paused, Desired::Pause),
            (Pause, Running | Pausing) => (Pausing, Desired::Pause),
            // A pause that its worker has not yet carried out is withdrawn.
            (Resume, Pausing | Running) => (Running, Desired::Run),
            (Resume, Paused | Queued) => (Queued, Desired::Run),
            (Extend, Succeeded | Cancelled) => (Queued, Desired::Run),
            (Cancel, Succeeded | Failed)
            | (Pause | Resume, Cancelling | Cancelled | Succeeded | Failed)
            | (Extend, Queued | Running | Pausing | Paused | Cancelling | Failed) => {
                return Err(Refused { command, status: self });
            }
        };
        Ok(next)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A word that is no status.
#[derive(Debug, thiserror::Error)]
#[error(
    "{0:?} is no status; expected one of queued, running, pausing, paused, cancelling, cancelled, succeeded, failed"
)]
pub struct UnknownStatus(pub String);

impl FromStr for Status {
    type Err = UnknownStatus;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|status| status.as_str() == text).ok_or_else(|| UnknownStatus(text.to_owned()))
    }
}

/// What the job's user wants of its worker; the answer to every heartbeat.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Desired {
    /// Train on.
    Run,
    /// Write a checkpoint and stop; the job will be resumed.
    Pause,
    /// Write a checkpoint and stop for good.
    Cancel,
}

impl Desired {
    /// The word used in SQL.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Pause => "pause",
            Self::Cancel => "cancel",
        }
    }
}

impl FromStr for Desired {
    type Err = UnknownDesired;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [Self::Run, Self::Pause, Self::Cancel]
            .into_iter()
            .find(|desired| desired.as_str() == text)
            .ok_or_else(|| UnknownDesired(text.to_owned()))
    }
}

/// A word that is no wish.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is no wish; expected one of run, pause, cancel")]
pub struct UnknownDesired(pub String);

/// What a user may ask of a job.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Command {
    /// Stop for good.
    Cancel,
    /// Stop at a checkpoint.
    Pause,
    /// Go on after a pause.
    Resume,
    /// Train a finished job on.
    Extend,
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cancel => "cancel",
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Extend => "extend",
        })
    }
}

/// A command that the job's status does not allow.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("cannot {command} a job that is {status}")]
pub struct Refused {
    /// What was asked.
    pub command: Command,
    /// Where the job stood.
    pub status: Status,
}

/// How a worker leaves a job.
#[derive(Clone, PartialEq, Debug)]
pub enum Ending {
    /// Every step done.
    Succeeded,
    /// It cannot go on.
    Failed(super::JobError),
    /// Paused at a checkpoint, as asked.
    Paused,
    /// Cancelled, as asked.
    Cancelled,
    /// The worker shuts down in good order: back into the queue, and the attempt is not counted.
    Released,
}

#[cfg(test)]
mod tests {
    use super::*;
    use Status::{Cancelled, Cancelling, Failed, Paused, Pausing, Queued, Running, Succeeded};

    /// Every status by every command, as the design's picture has it; a dash is a refusal.
    const TABLE: &str = "
                    cancel      pause    resume   extend
        queued      cancelled   paused   queued   -
        running     cancelling  pausing  running  -
        pausing     cancelling  pausing  running  -
        paused      cancelled   paused   queued   -
        cancelling  cancelling  -        -        -
        cancelled   cancelled   -        -        queued
        succeeded   -           -        -        queued
        failed      -           -        -        -
    ";

    #[test]
    fn commands_lead_where_the_table_says() {
        let mut lines = TABLE.lines().map(str::trim).filter(|line| !line.is_empty());
        let header: Vec<_> = lines.next().unwrap().split_whitespace().collect();
        let commands = [Command::Cancel, Command::Pause, Command::Resume, Command::Extend];
        assert_eq!(header, commands.map(|command| command.to_string()));
        let mut seen = Vec::new();
        for line in lines {
            let words: Vec<_> = line.split_whitespace().collect();
            let status: Status = words[0].parse().unwrap();
            seen.push(status);
            for (command, word) in commands.into_iter().zip(&words[1..]) {
                let next = status.apply(command);
                match word.parse::<Status>() {
                    Ok(expected) => assert_eq!(next.unwrap().0, expected, "{command} while {status}"),
                    Err(_) => assert_eq!(next, Err(Refused { command, status }), "{command} while {status}"),
                }
            }
        }
        assert_eq!(seen, Status::ALL);
    }

    #[test]
    fn every_command_says_what_the_worker_should_do() {
        for status in Status::ALL {
            for (command, wish) in [
                (Command::Cancel, Desired::Cancel),
                (Command::Pause, Desired::Pause),
                (Command::Resume, Desired::Run),
                (Command::Extend, Desired::Run),
            ] {
                assert!(status.apply(command).is_err() || status.apply(command).unwrap().1 == wish);
            }
        }
    }

    #[test]
    fn a_command_given_twice_is_given_once() {
        for status in Status::ALL {
            for command in [Command::Cancel, Command::Pause, Command::Resume] {
                if let Ok((next, _)) = status.apply(command) {
                    assert_eq!(next.apply(command).unwrap().0, next, "{command} while {status}");
                }
            }
        }
    }

    #[test]
    fn a_lapsed_lease_leaves_what_was_wanted_and_a_job_without_one_alone() {
        let settled = Status::ALL.map(Status::after_lapse);
        assert_eq!(settled, [Queued, Queued, Paused, Paused, Cancelled, Cancelled, Succeeded, Failed]);
        assert!(settled.iter().all(|status| !status.is_leased()));
    }

    #[test]
    fn a_worker_that_leaves_cannot_undo_a_wish() {
        let error =
            crate::job::JobError { kind: crate::job::JobErrorKind::Internal, step: None, detail: String::new() };
        for (status, settled) in [(Running, Queued), (Pausing, Paused), (Cancelling, Cancelled)] {
            for ending in [Ending::Paused, Ending::Cancelled, Ending::Released] {
                assert_eq!(status.after_ending(&ending), settled, "{ending:?} while {status}");
            }
            assert_eq!(status.after_ending(&Ending::Succeeded), Succeeded);
            assert_eq!(status.after_ending(&Ending::Failed(error.clone())), Failed);
        }
    }

    #[test]
    fn words_are_read_as_they_are_written() {
        for status in Status::ALL {
            assert_eq!(status.as_str().parse::<Status>().unwrap(), status);
            assert_eq!(serde_json::to_value(status).unwrap(), status.as_str());
        }
        for wish in [Desired::Run, Desired::Pause, Desired::Cancel] {
            assert_eq!(wish.as_str().parse::<Desired>().unwrap(), wish);
        }
        assert!("Running".parse::<Status>().is_err() && "stop".parse::<Desired>().is_err());
    }
}
