//! What a change does to a job, decided on plain values under the row's lock: both databases read a [`State`], change
//! it here by the rules of [`crate::job::schedule`], and write it back with the events that it logged.

use super::values::plain;
use crate::eval::ParzenResult;
use crate::gan::Losses;
use crate::job::health;
use crate::job::schedule::Applied;
use crate::job::{
    Command, Ending, EvaluationId, EvaluationState, EventKind, Finding, JobError, JobErrorKind, JobId, Lapse, Refused,
    Standing, Status,
};
use serde_json::{Map, Value, json};

/// The changing part of a job.
#[derive(Clone, Debug)]
pub(super) struct State {
    pub(super) id: JobId,
    pub(super) standing: Standing,
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

impl State {
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
        data.insert("status".to_owned(), json!(self.standing.status));
        data.insert("message".to_owned(), json!(plain(&message)));
        if let Some(worker) = &self.worker {
            data.insert("worker".to_owned(), json!(worker));
        }
        if self.standing.attempt > 0 {
            data.insert("attempt".to_owned(), json!(self.standing.attempt));
        }
        if let Some(error) = &self.error {
            data.insert("error".to_owned(), json!(error));
        }
        self.log(EventKind::Status, Some(step), Value::Object(data));
    }

    /// Carries out a command; `false` if it changes nothing.
    pub(super) fn apply(&mut self, command: Command) -> Result<bool, Refused> {
        if self.stand(command)? == Applied::Nothing {
            return Ok(false);
        }
        let status = self.standing.status;
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

    /// Opens a finished job again, if its status allows that. What it is to come to, [`Self::extended`] says.
    pub(super) fn reopen(&mut self) -> Result<(), Refused> {
        self.stand(Command::Extend).map(|_| ())
    }

    /// It is to be trained on to the step `end`.
    pub(super) fn extended(&mut self, end: u64) {
        self.say(format!("extended to step {end}; queued to go on from step {}", self.last_step));
    }

    fn stand(&mut self, command: Command) -> Result<Applied, Refused> {
        let applied = self.standing.apply(command)?;
        if command == Command::Extend {
            self.error = None;
        }
        self.requeued = applied == Applied::Requeued;
        Ok(applied)
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
                    "attempt": self.standing.attempt.saturating_sub(1),
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
        let attempt = self.standing.attempt;
        self.standing.end(ending);
        let status = self.standing.status;
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
        // Told of the start that ends here, whether or not it counts.
        let after = std::mem::replace(&mut self.standing.attempt, attempt);
        self.say(message);
        self.standing.attempt = after;
    }

    /// The lease has lapsed and nobody has renewed it.
    pub(super) fn lapse(&mut self) -> Lapse {
        let worker = self.worker.clone().unwrap_or_else(|| "unknown".to_owned());
        let step = self.last_step;
        let lapse = self.standing.lapse();
        if lapse == Lapse::Failed {
            let detail = format!(
                "{} workers died on this job, the last ({worker}) at step {step}; the machine's memory and logs may \
                 say why",
                self.standing.attempt
            );
            self.error = Some(JobError { kind: JobErrorKind::WorkerLost, step: Some(step), detail: detail.clone() });
            self.say(detail);
            return lapse;
        }
        let outcome = match self.standing.status {
            Status::Paused => "paused, as asked",
            Status::Cancelled => "cancelled, as asked",
            _ => "queued again",
        };
        self.say(format!("lease of worker {worker} lapsed at step {step}; {outcome}"));
        lapse
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

    /// Adds a finding, or its end; the newest of each kind is kept.
    pub(super) fn find(&mut self, finding: &Finding) {
        let finding = Finding { detail: plain(&finding.detail), ..finding.clone() };
        health::note(&mut self.health, finding.clone());
        self.log(EventKind::Health, Some(finding.until_step.unwrap_or(finding.step)), json!(finding));
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
