//! What a change does to a job, decided on plain values under the row's lock: both databases read a [`State`], change
//! it here, and write it back with the events that it logged.

use super::rows::plain;
use super::{Hold, MAX_ATTEMPTS};
use crate::eval::ParzenResult;
use crate::gan::Losses;
use crate::job::{
    Command, Desired, Ending, EvaluationId, EvaluationState, EventKind, Finding, JobError, JobErrorKind, JobId,
    OwnerId, Refused, Status,
};
use serde_json::{Map, Value, json};

/// The changing part of a job.
#[derive(Clone, Debug)]
pub(super) struct State {
    pub(super) id: JobId,
    pub(super) status: Status,
    pub(super) desired: Desired,
    pub(super) attempt: u32,
    pub(super) fence: i64,
    pub(super) owner: Option<OwnerId>,
    /// Whether the lease's time is over, by the database's clock.
    pub(super) lapsed: bool,
    pub(super) worker: Option<String>,
    pub(super) last_step: u64,
    pub(super) latest: Option<Losses>,
    pub(super) health: Vec<Finding>,
    pub(super) error: Option<JobError>,
    pub(super) last_event: i64,
    /// Whether it goes to the end of the queue.
    pub(super) requeued: bool,
    /// Events to be written with it.
    pub(super) entries: Vec<Entry>,
}

/// An event about to be written.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) id: i64,
    pub(super) kind: EventKind,
    pub(super) step: Option<u64>,
    pub(super) data: Value,
}

/// What a lapsed lease led to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Lapse {
    /// Back in the queue.
    Requeued,
    /// Paused or cancelled, as had been asked.
    Settled,
    /// Too many workers died.
    Failed,
}

impl State {
    /// Whether `hold` proves that the job is still its worker's. A lapsed lease is, until someone takes it.
    pub(super) fn is_held_by(&self, hold: Hold) -> bool {
        self.status.is_leased() && self.owner == Some(hold.owner) && self.fence == hold.fence
    }

    /// Appends an event.
    pub(super) fn log(&mut self, kind: EventKind, step: Option<u64>, data: Value) {
        self.last_event += 1;
        self.entries.push(Entry { id: self.last_event, kind, step, data });
    }

    /// Appends a `status` event in words.
    pub(super) fn say(&mut self, message: String) {
        self.say_at(self.last_step, message);
    }

    /// Appends a `status` event that belongs to a step.
    pub(super) fn say_at(&mut self, step: u64, message: String) {
        let mut data = Map::new();
        data.insert("status".to_owned(), json!(self.status));
        data.insert("message".to_owned(), json!(plain(&message)));
        if let Some(worker) = &self.worker {
            data.insert("worker".to_owned(), json!(worker));
        }
        if self.attempt > 0 {
            data.insert("attempt".to_owned(), json!(self.attempt));
        }
        if let Some(error) = &self.error {
            data.insert("error".to_owned(), json!(error));
        }
        self.log(EventKind::Status, Some(step), Value::Object(data));
    }

    /// Carries out a command; `false` if it changes nothing. A worker that has let its lease lapse is not waited for.
    pub(super) fn apply(&mut self, command: Command) -> Result<bool, Refused> {
        let (mut status, desired) = self.status.apply(command)?;
        if self.lapsed && command != Command::Resume {
            status = status.after_lapse();
        }
        if (status, desired) == (self.status, self.desired) {
            return Ok(false);
        }
        if command == Command::Extend {
            // A new stretch of training: what befell the workers of the one before no longer counts.
            self.attempt = 0;
            self.error = None;
        }
        self.requeued = status == Status::Queued && self.status != Status::Queued;
        (self.status, self.desired) = (status, desired);
        self.say(match (command, status) {
            (Command::Cancel, Status::Cancelled) => "cancelled".to_owned(),
            (Command::Cancel, _) => "cancellation asked for".to_owned(),
            (Command::Pause, Status::Paused) => "paused".to_owned(),
            (Command::Pause, _) => "pause asked for".to_owned(),
            (Command::Resume, Status::Running) => "pause withdrawn".to_owned(),
            (Command::Resume, _) => format!("resumed; queued to go on from step {}", self.last_step),
            (Command::Extend, _) => format!("extended; queued to go on from step {}", self.last_step),
        });
        Ok(true)
    }

    /// A claim has taken it; `lost` is the worker that it was taken from, if that one's lease had lapsed.
    pub(super) fn taken(&mut self, lost: Option<&str>) {
        if let Some(lost) = lost {
            self.log(
                EventKind::Status,
                Some(self.last_step),
                json!({
                    "status": Status::Queued,
                    "message": format!("lease of worker {lost} lapsed at step {}; queued again", self.last_step),
                    "worker": lost,
                    "attempt": self.attempt.saturating_sub(1),
                }),
            );
        }
    }

    /// The worker that took it starts, at the newest checkpoint.
    pub(super) fn start(&mut self) {
        let worker = self.worker.as_deref().unwrap_or("unknown");
        self.say(match self.last_step {
            0 => format!("started by worker {worker}"),
            step => format!("continued from step {step} by worker {worker}"),
        });
    }

    /// A worker leaves.
    pub(super) fn end(&mut self, ending: &Ending) {
        let status = self.status.after_ending(ending);
        let orderly = matches!(ending, Ending::Paused | Ending::Cancelled | Ending::Released);
        self.status = status;
        let step = self.last_step;
        let message = match ending {
            Ending::Succeeded => "every step is done".to_owned(),
            Ending::Failed(error) => {
                self.error = Some(JobError { detail: plain(&error.detail), ..error.clone() });
                error.detail.clone()
            }
            _ => match status {
                Status::Paused => format!("paused at step {step}"),
                Status::Cancelled => format!("cancelled at step {step}"),
                _ if *ending == Ending::Released => {
                    format!("its worker shut down in good order at step {step}; queued again")
                }
                _ => format!("stopped at step {step}, but is wanted to run; queued again"),
            },
        };
        self.say(message);
        if orderly && !status.is_terminal() {
            // Only starts that ended in the loss of the worker count towards the last attempt.
            self.attempt = self.attempt.saturating_sub(1);
        }
        self.settle_wish();
    }

    /// The lease has lapsed and nobody has renewed it.
    pub(super) fn lapse(&mut self) -> Lapse {
        let worker = self.worker.clone().unwrap_or_else(|| "unknown".to_owned());
        let step = self.last_step;
        if matches!(self.status, Status::Running | Status::Queued) && self.attempt >= MAX_ATTEMPTS {
            self.status = Status::Failed;
            let detail = format!(
                "{} workers died on this job, the last ({worker}) at step {step}; the machine's memory and logs may \
                 say why",
                self.attempt
            );
            self.error = Some(JobError { kind: JobErrorKind::WorkerLost, step: Some(step), detail: detail.clone() });
            self.say(detail);
            self.settle_wish();
            return Lapse::Failed;
        }
        self.status = self.status.after_lapse();
        let outcome = match self.status {
            Status::Paused => "paused, as asked",
            Status::Cancelled => "cancelled, as asked",
            _ => "queued again",
        };
        self.say(format!("lease of worker {worker} lapsed at step {step}; {outcome}"));
        self.settle_wish();
        if self.status == Status::Queued { Lapse::Requeued } else { Lapse::Settled }
    }

    /// `desired` says what a worker should do; without a worker it follows the status.
    fn settle_wish(&mut self) {
        self.desired = match self.status {
            Status::Paused => Desired::Pause,
            Status::Cancelled => Desired::Cancel,
            _ => Desired::Run,
        };
    }

    /// The rows of `steps` that are not stored yet. They become the newest, and an event tells of it.
    pub(super) fn advance<'s>(&mut self, steps: &'s [Losses]) -> &'s [Losses] {
        let known = steps.partition_point(|losses| losses.step <= self.last_step);
        let fresh = &steps[known..];
        if let Some(newest) = fresh.last() {
            self.last_step = newest.step;
            self.latest = Some(*newest);
            self.log(EventKind::Metrics, Some(newest.step), losses_json(newest));
        }
        fresh
    }

    /// Adds a finding; the newest of each kind is kept.
    pub(super) fn find(&mut self, finding: &Finding) {
        let finding = Finding { detail: plain(&finding.detail), ..finding.clone() };
        self.health.retain(|known| known.kind != finding.kind);
        self.health.push(finding.clone());
        self.log(EventKind::Health, Some(finding.step), json!(finding));
    }
}

/// A result as it can be kept: JSON has no word for a number that is not finite.
pub(super) fn storable(result: &ParzenResult) -> Result<&ParzenResult, &'static str> {
    let numbers = [result.bandwidth, result.log_likelihood, result.standard_error, result.seconds];
    let all = numbers.iter().chain(&result.bandwidth_grid).chain(&result.validation_curve);
    if all.into_iter().all(|number| number.is_finite()) {
        Ok(result)
    } else {
        Err("a number of the result is not finite: the generator's samples are beyond any bandwidth of the grid")
    }
}

/// What an `evaluation` event tells.
pub(super) fn evaluation_json(
    id: EvaluationId,
    step: u64,
    protocol: &str,
    outcome: Result<&ParzenResult, &str>,
) -> Value {
    let state = if outcome.is_ok() { EvaluationState::Succeeded } else { EvaluationState::Failed };
    let mut data = json!({ "id": id, "step": step, "protocol": plain(protocol), "state": state });
    if let Value::Object(fields) = &mut data {
        match outcome {
            Ok(result) => {
                fields.insert("bandwidth".to_owned(), json!(result.bandwidth));
                fields.insert("log_likelihood".to_owned(), json!(result.log_likelihood));
                fields.insert("standard_error".to_owned(), json!(result.standard_error));
            }
            Err(reason) => {
                fields.insert("error".to_owned(), json!(plain(reason)));
            }
        }
    }
    data
}

/// With the digits that a 32-bit float has, not those of its neighbour among the 64-bit ones.
fn losses_json(losses: &Losses) -> Value {
    let short = |x: f32| x.to_string().parse::<f64>().ok();
    json!({
        "step": losses.step,
        "d_loss": short(losses.d_loss),
        "g_loss": short(losses.g_loss),
        "value": short(losses.value),
        "d_real": short(losses.d_real),
        "d_fake": short(losses.d_fake),
    })
}
