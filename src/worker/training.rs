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
use crate::eval::quality::Yardstick;
use crate::eval::{ParzenError, ParzenResult};
use crate::gan::checkpoint::Head;
use crate::gan::spec::{Metric, OnCollapse, OnDivergence, Training};
use crate::gan::{Cadence, Checkpoint, Due, GanError, Judge, Losses, Sampler, Spec, Trainer};
use crate::job::{Diagnosis, Finding, JobError, JobErrorKind, Severity, health};
use crate::library::Cache;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Metrics are sent at least this often.
const FLUSH_EVERY: Duration = Duration::from_millis(500);
/// And at the latest when so many steps have gathered.
const FLUSH_ROWS: usize = 1000;

/// So often may a run go back from a loss that is not finite.
const MOST_ROLLBACKS: u32 = 3;
/// So often may a run begin again because it went wrong.
const MOST_RESTARTS: u32 = 3;

/// What a training thread is to do.
#[derive(Debug)]
pub struct Assignment {
    /// The run.
    pub spec: Spec,
    /// What it trains on.
    pub data: Arc<Dataset>,
    /// Where it begins.
    pub start: Start,
    /// Whether it began with another run's weights, wherever it begins now.
    pub forked: bool,
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
    /// The newest finding of each kind.
    pub findings: Vec<Finding>,
    /// Training's own evaluations, by step.
    pub evaluations: Vec<(u64, ParzenResult)>,
    /// The losses of the last steps.
    pub losses: Vec<Losses>,
}

impl Past {
    /// How its evaluations stood by a metric, by step.
    pub fn standings(&self, metric: Metric) -> impl Iterator<Item = f64> {
        self.evaluations.iter().filter_map(move |(_, result)| measure::standing(metric, result))
    }

    /// The standings that an early stop counts: one that was overruled by an extension is not repeated.
    fn standings_since_extension(&self, metric: Metric) -> impl Iterator<Item = f64> {
        let overruled = self.findings.iter().rfind(|finding| finding.kind == health::STOPPED_EARLY);
        let from = overruled.map_or(0, |finding| finding.step + 1);
        let since = self.evaluations.iter().filter(move |(step, _)| *step >= from);
        since.filter_map(move |(_, result)| measure::standing(metric, result))
    }

    /// The first of the last steps whose losses are needed to go on after `step` as if nothing had happened.
    #[must_use]
    pub fn losses_from(training: &Training, step: u64) -> u64 {
        step.saturating_sub(super::health::lookback(training)) + 1
    }
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

/// The newest checkpoint, and what was known by then.
struct Fallback {
    checkpoint: Box<Checkpoint>,
    /// How many evaluations there were.
    evaluations: usize,
    watch: Watch,
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
            watch: Watch::new(&spec.training, &assignment.past),
            standings: assignment.past.standings_since_extension(spec.checkpoint.best_by).collect(),
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
                Err(Interruption::Failed(error)) if error.kind == JobErrorKind::Unsound => self.start_over(error)?,
                Err(interruption) => return Err(interruption),
            }
        }
    }

    /// Takes a step, or comes to the end.
    fn advance(&mut self) -> Result<Option<Outcome>, Interruption> {
        let step = self.trainer.steps_done();
        match self.control.next(step, self.assignment.stall) {
            Order::Abandon => Ok(Some(Outcome::Abandoned)),
            _ if self.gives_up() => {
                self.keep()?;
                Err(self.unsound(step).into())
            }
            _ if self.enough || step >= self.assignment.spec.training.steps => {
                self.keep().map(|()| Some(Outcome::Completed))
            }
            Order::Train => self.step().map(|()| None),
            Order::Stop(reason) => self.keep().map(|()| Some(Outcome::Stopped(reason))),
        }
    }

    /// Whether the run went wrong in a way that its spec does not put up with.
    fn gives_up(&self) -> bool {
        self.assignment.spec.on_collapse != OnCollapse::Continue
            && self.watch.critical(self.trainer.steps_done()).is_some()
    }

    fn unsound(&self, step: u64) -> JobError {
        let detail = self.watch.critical(step).map(in_words).unwrap_or_default();
        JobError { kind: JobErrorKind::Unsound, step: Some(step), detail }
    }

    /// Begins again from step 0 with other random numbers, if the spec wants that and it has not been tried too often.
    fn start_over(&mut self, error: JobError) -> Result<(), Interruption> {
        let Assignment { spec, data, threads, forked, .. } = self.assignment;
        let refused = match spec.on_collapse {
            OnCollapse::Restart if *forked => {
                Some("a run that began with another's weights is not restarted".to_owned())
            }
            OnCollapse::Restart if self.trainer.restarts() >= MOST_RESTARTS => {
                Some(format!("{MOST_RESTARTS} restarts did not help"))
            }
            OnCollapse::Restart => None,
            OnCollapse::Stop | OnCollapse::Continue => return Err(error.into()),
        };
        if let Some(why) = refused {
            return Err(JobError { detail: format!("{}; {why}", error.detail), ..error }.into());
        }
        let restarts = self.trainer.restarts() + 1;
        let restarted = Trainer::restart(spec, Arc::clone(data), *threads, restarts);
        self.trainer = restarted.map_err(|error| failure(&error, Some(0)))?;
        self.watch = Watch::new(&spec.training, &Past::default());
        self.standings.clear();
        self.unsent.clear();
        self.enough = false;
        self.kept = None;
        self.fallback = None;
        let finding = Finding {
            kind: health::RESTARTED.to_owned(),
            severity: Severity::Warning,
            step: 0,
            until_step: Some(0),
            detail: format!(
                "restarted with other random numbers after {} steps (restart {restarts} of {MOST_RESTARTS}): {}",
                error.step.unwrap_or(0),
                error.detail
            ),
        };
        let written = self.outlet.send_restart(finding, |bytes| self.trainer.write_checkpoint(bytes))?;
        written.map_err(|error| failure(&error, Some(0)))?;
        self.observe(self.cadence.due(0))
    }

    /// Goes back to the newest checkpoint, if the spec wants that and it has not been tried too often.
    fn roll_back(&mut self, error: JobError) -> Result<(), Interruption> {
        let Some(Fallback { mut checkpoint, evaluations, watch }) = self.fallback.take() else {
            return Err(error.into());
        };
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
        self.watch = watch.clone();
        self.watch.forget_beyond(checkpoint.step);
        self.enough = false;
        let finding = Finding {
            kind: health::ROLLED_BACK.to_owned(),
            severity: Severity::Warning,
            step: checkpoint.step,
            until_step: Some(checkpoint.step),
            detail: format!(
                "{}; went back to the checkpoint of step {} with other random numbers and the learning rate \
                 halved (rollback {} of {MOST_ROLLBACKS})",
                error.detail, checkpoint.step, checkpoint.rollbacks,
            ),
        };
        self.fallback = Some(Fallback { checkpoint, evaluations, watch });
        Ok(self.outlet.send(RunEvent::RolledBack(finding))?)
    }

    fn rolls_back(&self) -> bool {
        self.assignment.spec.on_divergence == OnDivergence::Rollback
    }

    fn fall_back_to(&mut self, checkpoint: Box<Checkpoint>) {
        self.fallback = Some(Fallback { checkpoint, evaluations: self.standings.len(), watch: self.watch.clone() });
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
        let due = self.cadence.due(losses.step);
        // With an evaluation both are judged together, so that nothing is said that it would take back.
        if self.watch.step(&losses) && !due.evaluation {
            self.tell(losses.step)?;
        }
        if due.any() {
            self.observe(due)
        } else if self.unsent.len() >= FLUSH_ROWS || self.sent_at.is_none_or(|sent| sent.elapsed() >= FLUSH_EVERY) {
            self.flush()
        } else {
            Ok(())
        }
    }

    /// Tells what the watch has found.
    fn tell(&mut self, step: u64) -> Result<(), Interruption> {
        for finding in self.watch.findings(step) {
            self.flush()?;
            self.outlet.send(RunEvent::Finding(finding))?;
        }
        Ok(())
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
        self.watch.evaluation(step, &result);
        let standing = measure::standing(spec.checkpoint.best_by, &result);
        self.outlet.send(RunEvent::Evaluation { step, protocol: measure.protocol.name, result })?;
        self.tell(step)?;
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
            let (kind, severity) = (health::STOPPED_EARLY.to_owned(), Severity::Info);
            self.outlet.send(RunEvent::Finding(Finding { kind, severity, step, until_step: None, detail }))?;
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

/// A finding as the reason of an end.
fn in_words(finding: &Finding) -> String {
    let name = Diagnosis::of(&finding.kind).map(Diagnosis::in_words).unwrap_or(&finding.kind);
    format!("{name}: {}", finding.detail)
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
            severity: Severity::Info,
            step: then.step,
            until_step: None,
            detail: format!(
                "the checkpoint was computed with {what} {old}, this worker has {new}: \
                 the result may differ in its last bits from an uninterrupted run's"
            ),
        })
        .collect()
}
