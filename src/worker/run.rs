//! The asynchronous side of one run: prepares it, writes down what its training thread sends, and leaves the job.

use super::beginning::{self, NoBeginning};
use super::config::WorkerConfig;
use super::control::{Control, Order, StopReason};
use super::outlet::{Outlet, RunEvent};
use super::patience::{GivenUp, until_answered, until_written};
use super::thread::TrainingThread;
use super::training::{Assignment, Outcome, Past, STOPPED_EARLY, Start};
use super::{figures, material, measure};
use crate::data::Dataset;
use crate::job::{Ending, EvaluationState, Job, JobError, JobErrorKind, MetricChunk, Status};
use crate::library::Library;
use crate::store::{Claim, Hold, NewCheckpoint, Record, Store};
use bytes::Bytes;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// Between two looks for a dataset's files.
const LOOK_FOR_FILES: Duration = Duration::from_millis(500);

/// One claimed job on its way.
pub(super) struct Run {
    pub(super) store: Arc<dyn Store>,
    pub(super) library: Arc<Library>,
    pub(super) config: WorkerConfig,
    pub(super) control: Arc<Control>,
    pub(super) job: Job,
    pub(super) hold: Hold,
}

/// Why a run did not come to an outcome of its own.
enum Failure {
    GivenUp(GivenUp),
    Stopped(StopReason),
    Job(JobError),
}

impl From<GivenUp> for Failure {
    fn from(given_up: GivenUp) -> Self {
        Self::GivenUp(given_up)
    }
}

impl From<NoBeginning> for Failure {
    fn from(why: NoBeginning) -> Self {
        match why {
            NoBeginning::GivenUp(given_up) => Self::GivenUp(given_up),
            NoBeginning::Failed(error) => Self::Job(error),
        }
    }
}

impl From<JobError> for Failure {
    fn from(error: JobError) -> Self {
        Self::Job(error)
    }
}

impl Run {
    /// A run of a claimed job.
    pub(super) fn new(
        store: Arc<dyn Store>,
        library: Arc<Library>,
        config: WorkerConfig,
        control: Arc<Control>,
        claim: Claim,
    ) -> Self {
        Self { store, library, config, control, job: claim.job, hold: claim.hold }
    }

    /// Trains the job as far as it goes and leaves it. `None`: the lease was lost, the job is another's.
    pub(super) async fn see_through(self) -> Option<Status> {
        let ending = match self.train().await {
            Ok(Outcome::Completed) => Ending::Succeeded,
            Ok(Outcome::Stopped(reason)) | Err(Failure::Stopped(reason)) => match reason {
                StopReason::Pause => Ending::Paused,
                StopReason::Cancel => Ending::Cancelled,
                StopReason::Shutdown => Ending::Released,
            },
            Ok(Outcome::Abandoned) | Err(Failure::GivenUp(GivenUp::LeaseLost)) => return None,
            Err(Failure::Job(error)) => Ending::Failed(error),
            Err(Failure::GivenUp(GivenUp::Refused(error))) => {
                tracing::error!(job = %self.job.id, %error, "the database refused what the job left");
                let step = Some(self.control.step());
                Ending::Failed(JobError { kind: JobErrorKind::Internal, step, detail: error.to_string() })
            }
        };
        match until_written("leave the job", || self.store.finish(self.hold, ending.clone())).await {
            Ok(status) => Some(status),
            Err(GivenUp::LeaseLost) => None,
            Err(GivenUp::Refused(error)) => {
                tracing::error!(job = %self.job.id, %error, "could not leave the job; its lease will lapse");
                None
            }
        }
    }

    async fn train(&self) -> Result<Outcome, Failure> {
        let assignment = self.prepare().await?;
        let best = assignment.past.standings.iter().copied().reduce(f64::max);
        let (outlet, events) = Outlet::new(Arc::clone(&self.control), self.config.stall);
        let thread = TrainingThread::start(assignment, Arc::clone(&self.control), outlet).map_err(|error| {
            let detail = format!("no thread to train in: {error}");
            JobError { kind: JobErrorKind::Internal, step: None, detail }
        })?;
        let written = self.write_down(events, best).await;
        if written.is_err() {
            // Whatever the reason, nothing more can be kept of what it computes.
            self.control.abandon();
        }
        let outcome = thread.outcome().await;
        written?;
        Ok(outcome?)
    }

    /// Loads the data and finds where to begin.
    async fn prepare(&self) -> Result<Assignment, Failure> {
        let data = self.data().await?;
        let start = beginning::find(&*self.store, &self.job, self.hold).await?;
        if let Start::Resume(checkpoint) = &start {
            if checkpoint.dataset_digest != data.digest {
                let detail = format!("{} is no longer the data that the job was trained on so far", data.name);
                return Err(JobError { kind: JobErrorKind::Dataset, step: Some(checkpoint.step), detail }.into());
            }
            let (step, message) = (checkpoint.step, format!("resumed from step {}", checkpoint.step));
            self.record(&[Record::Message { step, message }]).await?;
        }
        Ok(Assignment {
            spec: self.job.spec.clone(),
            past: self.past(&start, &data).await?,
            data,
            cache: self.library.cache().clone(),
            start,
            threads: self.config.threads,
            stall: self.config.stall,
            long_stall: self.config.long_stall,
        })
    }

    /// The data. Where the process has just started, files that are not there are waited for.
    async fn data(&self) -> Result<Arc<Dataset>, Failure> {
        let mut told = false;
        loop {
            let error = match material::load(&self.library, &self.job.spec.dataset).await {
                Ok(data) => return Ok(data),
                Err(error) => error,
            };
            match self.control.order() {
                Order::Train if Instant::now() < self.config.files_until => {
                    if !told {
                        tracing::warn!(job = %self.job.id, reason = error.detail, "waiting for the dataset's files");
                    }
                    told = true;
                    tokio::time::sleep(LOOK_FOR_FILES).await;
                }
                Order::Train => return Err(error.into()),
                Order::Stop(reason) => return Err(Failure::Stopped(reason)),
                Order::Abandon => return Err(GivenUp::LeaseLost.into()),
            }
        }
    }

    /// Writes events into the store until the training thread is done. Several go into one transaction; a checkpoint
    /// takes those before it along.
    async fn write_down(&self, mut events: mpsc::Receiver<RunEvent>, past_best: Option<f64>) -> Result<(), GivenUp> {
        let mut pending = Vec::new();
        // The best of each step that beat all before it.
        let mut bests: Vec<(u64, f64)> = Vec::from_iter(past_best.map(|best| (0, best)));
        let mut stretch = Instant::now();
        while let Some(event) = events.recv().await {
            match event {
                RunEvent::Metrics(rows) => {
                    figures::steps(rows.len());
                    figures::stretch(rows.len(), stretch.elapsed());
                    stretch = Instant::now();
                    pending.push(Record::Metrics(MetricChunk { rows }));
                }
                RunEvent::Snapshot { step, png } => pending.push(Record::Snapshot { step, png }),
                RunEvent::Finding(finding) => pending.push(Record::Finding(finding)),
                RunEvent::RolledBack(finding) => {
                    // What came before is written first: some of it belongs to the checkpoint or before it.
                    if !pending.is_empty() {
                        self.record(&std::mem::take(&mut pending)).await?;
                    }
                    until_written("roll back", || self.store.roll_back(self.hold, &finding)).await?;
                    bests.retain(|(step, _)| *step <= finding.step);
                }
                RunEvent::Evaluation { step, protocol, result } => {
                    figures::evaluation_took(result.seconds);
                    let standing = measure::standing(self.job.spec.checkpoint.best_by, &result);
                    let better = standing.filter(|standing| bests.last().is_none_or(|(_, best)| standing > best));
                    bests.extend(better.map(|standing| (step, standing)));
                    let best = better.is_some() && self.job.spec.checkpoint.keep_best;
                    pending.push(Record::Evaluation { step, protocol, result, best });
                }
                RunEvent::Checkpoint { step, bytes } => {
                    self.publish(step, bytes, &std::mem::take(&mut pending)).await?;
                }
            }
            if events.is_empty() && !pending.is_empty() {
                self.record(&std::mem::take(&mut pending)).await?;
            }
        }
        if pending.is_empty() { Ok(()) } else { self.record(&pending).await }
    }

    async fn record(&self, records: &[Record]) -> Result<(), GivenUp> {
        until_written("record", || self.store.record(self.hold, records)).await
    }

    async fn publish(&self, step: u64, bytes: Bytes, records: &[Record]) -> Result<(), GivenUp> {
        let begun = Instant::now();
        let keep = self.job.spec.checkpoint.keep;
        until_written("publish a checkpoint", || {
            let checkpoint = NewCheckpoint { step, bytes: bytes.clone(), keep };
            self.store.publish_checkpoint(self.hold, checkpoint, records)
        })
        .await?;
        figures::checkpoint_took(begun.elapsed());
        figures::checkpoint_has(bytes.len());
        Ok(())
    }

    /// What was found until where the run begins.
    async fn past(&self, start: &Start, data: &Dataset) -> Result<Past, GivenUp> {
        let Start::Resume(checkpoint) = start else { return Ok(Past::default()) };
        let spec = &self.job.spec;
        let protocol = measure::protocol_of(&spec.evaluation.parzen, data.validation.len).name;
        let evaluations = until_answered("read evaluations", || self.store.evaluations(self.job.id)).await?;
        // What once ended the run early was overruled by whoever extended it: evaluations are counted anew from there.
        let overruled =
            self.job.health.iter().rfind(|finding| finding.kind == STOPPED_EARLY).map(|finding| finding.step);
        // Training's own alone: what somebody else asks for changes nothing.
        let standings = evaluations
            .into_iter()
            .filter(|evaluation| !evaluation.requested && evaluation.protocol == protocol)
            .filter(|evaluation| evaluation.state == EvaluationState::Succeeded)
            .filter(|evaluation| evaluation.step <= checkpoint.step)
            .filter(|evaluation| overruled.is_none_or(|step| evaluation.step > step))
            .filter_map(|evaluation| measure::standing(spec.checkpoint.best_by, &evaluation.result?))
            .collect();
        Ok(Past { findings: self.job.health.iter().map(|finding| finding.kind.clone()).collect(), standings })
    }
}
