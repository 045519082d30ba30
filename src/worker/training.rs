//! The synchronous loop: one run from where it begins to its last step, or to where it is told to stop.
//!
//! It does nothing but compute: *when* to do something besides stepping is [`Cadence`]'s, *where to* is the
//! [`Outlet`]'s. Evaluations and pictures draw from streams of their own, so what is looked at, and when, never changes
//! what is trained.

use super::control::{Control, Order, StopReason};
use super::health::Watch;
use super::measure::{self, Measure, MeasureError};
use super::outlet::{Closed, Outlet, RunEvent};
use super::picture;
use crate::data::Dataset;
use crate::eval::ParzenError;
use crate::eval::quality::Yardstick;
use crate::gan::checkpoint::Head;
use crate::gan::spec::OnDivergence;
use crate::gan::{Cadence, Checkpoint, Due, GanError, Judge, Losses, Sampler, Spec, Trainer};
use crate::job::{Finding, JobError, JobErrorKind, Severity};
use crate::library::Cache;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Metrics are sent at least this often.
const FLUSH_EVERY: Duration = Duration::from_millis(500);
/// And at the latest when so many steps have gathered.
const FLUSH_ROWS: usize = 1000;

/// The kind of the finding that says that `stop_when` ended a run.
pub(super) const STOPPED_EARLY: &str = "stopped_early";

/// So often may a run go back from a loss that is not finite.
const MOST_ROLLBACKS: u32 = 3;

/// What a training thread is to do.
#[derive(Debug)]
pub struct Assignment {
    /// The run.
    pub spec: Spec,
    /// What it trains on.
    pub data: Arc<Dataset>,
    /// Where it begins.
    pub start: Start,
    /// What was found until there.
    pub past: Past,
    /// Where the dataset's classifier is kept.
    pub cache: Cache,
    /// How many threads it computes with.
    pub threads: usize,
    /// A step that takes longer than this means that the run is hung.
    pub stall: Duration,
    /// The same for an evaluation.
    pub long_stall: Duration,
}

/// What was found of a run before it is gone on with.
#[derive(Clone, Default, Debug)]
pub struct Past {
    /// The kinds of its findings.
    pub findings: Vec<String>,
    /// How its evaluations stood by the metric of the spec, by step.
    pub standings: Vec<f64>,
}

/// Where a run begins.
#[derive(Debug)]
pub enum Start {
    /// At step 0, from random weights.
    Fresh,
    /// At step 0, from another run's weights.
    Fork(Box<Checkpoint>),
    /// At a checkpoint of its own.
    Resume(Box<Checkpoint>),
}

/// How training ended, if not in an error.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// Every step is done.
    Completed,
    /// Stopped at a checkpoint, as told.
    Stopped(StopReason),
    /// Given up: the job is no longer ours.
    Abandoned,
}

/// Why the loop ends early.
enum Interruption {
    Closed,
    Failed(JobError),
}

impl From<Closed> for Interruption {
    fn from(_: Closed) -> Self {
        Self::Closed
    }
}

impl From<JobError> for Interruption {
    fn from(error: JobError) -> Self {
        Self::Failed(error)
    }
}

/// Trains.
///
/// # Errors
///
/// What the job is to be failed with.
pub fn train(assignment: &Assignment, control: &Control, outlet: &Outlet) -> Result<Outcome, JobError> {
    match Run::begin(assignment, control, outlet).and_then(Run::finish) {
        Ok(outcome) => Ok(outcome),
        Err(Interruption::Closed) => Ok(Outcome::Abandoned),
        Err(Interruption::Failed(error)) => Err(error),
    }
}

/// The newest checkpoint, and how many evaluations there were by then.
struct Fallback {
    checkpoint: Box<Checkpoint>,
    evaluations: usize,
}

struct Run<'a> {
    assignment: &'a Assignment,
    control: &'a Control,
    outlet: &'a Outlet,
    cadence: Cadence,
    trainer: Trainer,
    /// Draws what is looked at.
    sampler: Sampler,
    watch: Watch,
    standings: Vec<f64>,
    /// What samples are held against, once they are.
    yardstick: Option<Yardstick>,
    /// Whether evaluations say that there is no more to gain.
    enough: bool,
    /// The step of the newest checkpoint.
    kept: Option<u64>,
    /// Where a loss that is not finite leads back to.
    fallback: Option<Fallback>,
    unsent: Vec<Losses>,
    /// When metrics were last sent; never, before the first step: whoever waits for it is told at once.
    sent_at: Option<Instant>,
}

impl<'a> Run<'a> {
    fn begin(assignment: &'a Assignment, control: &'a Control, outlet: &'a Outlet) -> Result<Self, Interruption> {
        control.busy(assignment.long_stall);
        let Assignment { spec, data, start, threads, .. } = assignment;
        let trainer = match start {
            Start::Fresh => Trainer::new(spec, Arc::clone(data), *threads),
            Start::Fork(origin) => Trainer::fork(origin, spec, Arc::clone(data), *threads),
            Start::Resume(checkpoint) => Trainer::resume(checkpoint, spec, Arc::clone(data), *threads),
        }
        .map_err(|error| failure(&error, None))?;
        let mut run = Self {
            assignment,
            control,
            outlet,
            cadence: Cadence::of(spec),
            sampler: Sampler::of(&trainer).map_err(|error| failure(&error, None))?,
            trainer,
            watch: Watch::new(&spec.training, assignment.past.findings.clone()),
            standings: assignment.past.standings.clone(),
            yardstick: None,
            enough: false,
            kept: None,
            fallback: None,
            unsent: Vec::new(),
            sent_at: None,
        };
        if let Start::Resume(checkpoint) = start {
            run.kept = Some(checkpoint.step);
            if run.rolls_back() {
                run.fall_back_to(checkpoint.clone());
            }
            for finding in differences(&checkpoint.head(), &run.trainer.head()) {
                outlet.send(RunEvent::Finding(finding))?;
            }
        } else {
            run.observe(run.cadence.due(0))?;
        }
        Ok(run)
    }

    fn finish(mut self) -> Result<Outcome, Interruption> {
        loop {
            match self.advance() {
                Ok(None) => {}
                Ok(Some(outcome)) => return Ok(outcome),
                Err(Interruption::Failed(error)) if error.kind == JobErrorKind::Diverged => self.roll_back(error)?,
                Err(interruption) => return Err(interruption),
            }
        }
    }

    /// Takes a step, or comes to the end.
    fn advance(&mut self) -> Result<Option<Outcome>, Interruption> {
        let step = self.trainer.steps_done();
        match self.control.next(step, self.assignment.stall) {
            Order::Abandon => Ok(Some(Outcome::Abandoned)),
            _ if self.enough || step >= self.assignment.spec.training.steps => {
                self.keep().map(|()| Some(Outcome::Completed))
            }
            Order::Train => self.step().map(|()| None),
            Order::Stop(reason) => self.keep().map(|()| Some(Outcome::Stopped(reason))),
        }
    }

    /// Goes back to the newest checkpoint, if the spec wants that and it has not been tried too often.
    fn roll_back(&mut self, error: JobError) -> Result<(), Interruption> {
        let Some(Fallback { mut checkpoint, evaluations }) = self.fallback.take() else { return Err(error.into()) };
        if self.trainer.rollbacks() >= MOST_ROLLBACKS {
            let detail = format!("{}; {MOST_ROLLBACKS} rollbacks did not help", error.detail);
            return Err(JobError { detail, ..error }.into());
        }
        checkpoint.rollbacks = self.trainer.rollbacks() + 1;
        let Assignment { spec, data, threads, .. } = self.assignment;
        let resumed = Trainer::resume(&checkpoint, spec, Arc::clone(data), *threads);
        self.trainer = resumed.map_err(|error| failure(&error, Some(checkpoint.step)))?;
        self.unsent.clear();
        self.standings.truncate(evaluations);
        self.enough = false;
        let finding = Finding {
            kind: "rolled_back".to_owned(),
            severity: Severity::Warning,
            step: checkpoint.step,
            detail: format!(
                "{}; went back to the checkpoint of step {} with other random numbers and the learning rate \
                 halved (rollback {} of {MOST_ROLLBACKS})",
                error.detail, checkpoint.step, checkpoint.rollbacks,
            ),
        };
        self.fallback = Some(Fallback { checkpoint, evaluations });
        Ok(self.outlet.send(RunEvent::RolledBack(finding))?)
    }

    fn rolls_back(&self) -> bool {
        self.assignment.spec.on_divergence == OnDivergence::Rollback
    }

    fn fall_back_to(&mut self, checkpoint: Box<Checkpoint>) {
        self.fallback = Some(Fallback { checkpoint, evaluations: self.standings.len() });
    }

    fn step(&mut self) -> Result<(), Interruption> {
        let losses = match self.trainer.step() {
            Ok(losses) => losses,
            Err(error) => {
                self.flush()?;
                return Err(failure(&error, Some(self.trainer.steps_done() + 1)).into());
            }
        };
        self.unsent.push(losses);
        if let Some(finding) = self.watch.step(&losses) {
            self.flush()?;
            self.outlet.send(RunEvent::Finding(finding))?;
        }
        let due = self.cadence.due(losses.step);
        if due.any() {
            self.observe(due)
        } else if self.unsent.len() >= FLUSH_ROWS || self.sent_at.is_none_or(|sent| sent.elapsed() >= FLUSH_EVERY) {
            self.flush()
        } else {
            Ok(())
        }
    }

    /// Does what is due at the present step. The checkpoint goes last: whoever finds it finds the rest, too.
    fn observe(&mut self, due: Due) -> Result<(), Interruption> {
        self.flush()?;
        let Assignment { data, stall, long_stall, .. } = self.assignment;
        let step = self.trainer.steps_done();
        self.trainer.check().map_err(|error| failure(&error, None))?;
        if due.snapshot || due.evaluation {
            self.sampler.follow(&self.trainer).map_err(|error| failure(&error, Some(step)))?;
        }
        if due.snapshot {
            let png = picture::snapshot(&mut self.sampler, data).map_err(|error| internal(step, error.to_string()))?;
            self.outlet.send(RunEvent::Snapshot { step, png })?;
        }
        if due.evaluation {
            self.control.busy(*long_stall);
            self.evaluate()?;
        }
        if due.checkpoint {
            self.send_checkpoint()?;
        }
        self.control.busy(*stall);
        Ok(())
    }

    /// Scores the generator, and says what that means for the run.
    fn evaluate(&mut self) -> Result<(), Interruption> {
        let Assignment { spec, data, cache, threads, .. } = self.assignment;
        let (step, threads) = (self.trainer.steps_done(), *threads);
        // An untrained G is like nothing: measuring how it is would only keep the first step waiting.
        if spec.evaluation.quality && step > 0 && self.yardstick.is_none() {
            let yardstick = measure::yardstick(data, cache, threads).map_err(MeasureError::from);
            self.yardstick = Some(yardstick.map_err(|error| unmeasured(step, &error))?);
        }
        let yardstick = self.yardstick.as_ref();
        let protocol = measure::protocol_of(&spec.evaluation.parzen, data.validation.len);
        let measure = Measure { data, protocol, yardstick, threads };
        let judge = || Judge::new(&self.trainer.checkpoint()?, threads);
        let result = measure.take(spec.seed, &mut self.sampler, judge).map_err(|error| unmeasured(step, &error))?;
        let finding = self.watch.evaluation(step, &result);
        let standing = measure::standing(spec.checkpoint.best_by, &result);
        self.outlet.send(RunEvent::Evaluation { step, protocol: measure.protocol.name, result })?;
        if let Some(finding) = finding {
            self.outlet.send(RunEvent::Finding(finding))?;
        }
        self.standings.extend(standing);
        if let Some(stop) = spec.evaluation.stop_when
            && step < spec.training.steps
            && measure::is_enough(&stop, &self.standings)
        {
            self.enough = true;
            let detail = format!(
                "stopped before step {}: {} evaluations in a row did not beat the best before them by {}; \
                 POST /jobs/ID/extend trains on",
                spec.training.steps, stop.evaluations, stop.min_gain
            );
            let kind = STOPPED_EARLY.to_owned();
            self.outlet.send(RunEvent::Finding(Finding { kind, severity: Severity::Info, step, detail }))?;
        }
        Ok(())
    }

    /// Sends a checkpoint of the present step, unless it has been sent.
    fn keep(&mut self) -> Result<(), Interruption> {
        self.flush()?;
        if self.kept != Some(self.trainer.steps_done()) {
            self.trainer.check().map_err(|error| failure(&error, None))?;
            self.send_checkpoint()?;
        }
        Ok(())
    }

    fn send_checkpoint(&mut self) -> Result<(), Interruption> {
        let step = self.trainer.steps_done();
        let written = self.outlet.send_checkpoint(step, |bytes| self.trainer.write_checkpoint(bytes))?;
        written.map_err(|error| failure(&error, Some(step)))?;
        self.kept = Some(step);
        if self.rolls_back() {
            let checkpoint = self.trainer.checkpoint().map_err(|error| failure(&error, Some(step)))?;
            self.fall_back_to(Box::new(checkpoint));
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Interruption> {
        if self.unsent.is_empty() {
            return Ok(());
        }
        self.sent_at = Some(Instant::now());
        Ok(self.outlet.send(RunEvent::Metrics(std::mem::take(&mut self.unsent)))?)
    }
}

/// A fault of the core as the job's error.
fn failure(error: &GanError, step: Option<u64>) -> JobError {
    let (kind, step) = match error {
        GanError::Spec(_) | GanError::NoAverage => (JobErrorKind::Spec, step),
        GanError::Checkpoint(_) => (JobErrorKind::Checkpoint, step),
        GanError::Diverged { step, .. } => (JobErrorKind::Diverged, Some(*step)),
        GanError::Tensor(_) => (JobErrorKind::Internal, step),
    };
    JobError { kind, step, detail: format!("{error}{}", advice(kind)) }
}

fn advice(kind: JobErrorKind) -> &'static str {
    match kind {
        JobErrorKind::Diverged => "; a lower learning rate or smaller initial weights may help",
        _ => "",
    }
}

fn internal(step: u64, detail: String) -> JobError {
    JobError { kind: JobErrorKind::Internal, step: Some(step), detail }
}

/// The job's error where an evaluation fails. Samples that are no numbers mean that the weights are none.
fn unmeasured(step: u64, error: &MeasureError) -> JobError {
    let kind = match error {
        MeasureError::Scoring(ParzenError::NotFinite { .. }) => JobErrorKind::Diverged,
        MeasureError::Scoring(_) => JobErrorKind::Spec,
        MeasureError::Sampling(_) | MeasureError::Classifying(_) => JobErrorKind::Internal,
    };
    JobError { kind, step: Some(step), detail: error.to_string() }
}

/// Conditions under which going on from `then` gives other bits than an uninterrupted run would.
fn differences(then: &Head<'_>, now: &Head<'_>) -> Vec<Finding> {
    let changes = [
        ("thread_count_changed", "threads", then.threads.to_string(), now.threads.to_string()),
        ("version_changed", "gand's version", then.version.to_owned(), now.version.to_owned()),
        ("processor_changed", "processor features", then.processor.clone(), now.processor.clone()),
    ];
    let changed = changes.into_iter().filter(|(_, _, then, now)| then != now);
    changed
        .map(|(kind, what, old, new)| Finding {
            kind: kind.to_owned(),
            severity: Severity::Warning,
            step: then.step,
            detail: format!(
                "the checkpoint was computed with {what} {old}, this worker has {new}: \
                 the result may differ in its last bits from an uninterrupted run's"
            ),
        })
        .collect()
}
