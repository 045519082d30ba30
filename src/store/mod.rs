//! Jobs, checkpoints, events and evaluations in a database: SQLite for one process, PostgreSQL for many machines.
//!
//! The store never computes and never waits for a job: it is verbs over rows. Both databases pass one conformance
//! suite (`tests/it/store`). Time is the database's, never a caller's.

mod blob;
mod columns;
pub mod error;
pub mod postgres;
mod retention;
mod rows;
pub mod sqlite;
mod state;
mod values;

pub use error::StoreError;
pub use postgres::PostgresStore;
pub use sqlite::SqliteStore;

pub use crate::job::Hold;
pub use crate::job::schedule::{AGING, MAX_ATTEMPTS};

use crate::eval::ParzenResult;
use crate::gan::Losses;
use crate::job::{
    CheckpointInfo, Command, Desired, Ending, Evaluation, EvaluationId, EvaluationRequest, Event, EventKind, Extension,
    Finding, Job, JobFilter, JobId, JobPatch, MetricChunk, NewJob, NewSweep, NoEnd, OwnerId, Page, Refused, Score,
    Sweep, SweepId,
};
use async_trait::async_trait;
use bytes::Bytes;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// The lease is lost: another worker may have the job. Stop training and write nothing more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LeaseLost;

/// The answer to a guarded write: done, or refused because the lease is lost.
pub type Guarded<T> = Result<Result<T, LeaseLost>, StoreError>;

/// The outcome of submitting a job, or a sweep.
#[derive(Clone, PartialEq, Debug)]
pub enum Created<T = Job> {
    /// A new one.
    New(T),
    /// The one that the same key and body made before.
    Replayed(T),
    /// The key was used with another body.
    KeyReused,
}

/// A key that makes a repeated submission harmless.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct IdempotencyKey {
    /// The client's key.
    pub key: String,
    /// A digest of the request's body.
    pub body_sha256: String,
}

/// The outcome of a change to a job.
#[derive(Clone, PartialEq, Debug)]
pub enum Changed {
    /// The job after the change.
    Done(Job),
    /// Its status does not allow it.
    Refused(Refused),
    /// It is not to be trained on to where the caller wanted.
    NoEnd(NoEnd),
    /// It is not at the version that the caller wanted to change.
    VersionMismatch(Job),
    /// There is no such job.
    NotFound,
}

/// The outcome of deleting a job.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Deleted {
    /// The job and all it stored is gone.
    Done,
    /// It is not finished yet.
    Active(crate::job::Status),
    /// This unfinished job starts from one of its checkpoints and has none of its own yet.
    NeededBy(JobId),
    /// There is no such job.
    NotFound,
}

/// What a worker learns as it renews its lease.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Renewal {
    /// What the user wants of the job.
    pub desired: Desired,
}

/// How far a running job is.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct ProgressReport {
    /// Steps a second, lately.
    pub steps_per_second: Option<f64>,
}

/// Something a worker found or made, to be kept under its hold. Several go into one transaction.
#[derive(Clone, PartialEq, Debug)]
pub enum Record {
    /// Metrics of consecutive steps. Also moves the job's `last_step` and `latest`, and logs a `metrics` event.
    /// Steps up to `last_step` are there already and are skipped, so that trying again after a lost answer is harmless.
    Metrics(MetricChunk),
    /// A picture of the fixed latents at a step, as a PNG. Logs a `snapshot` event. Replaces one of the same step.
    Snapshot {
        /// The step.
        step: u64,
        /// The picture.
        png: Vec<u8>,
    },
    /// An evaluation made in training. Also sets the job's `parzen`, and logs an `evaluation` event.
    Evaluation {
        /// The step.
        step: u64,
        /// The protocol.
        protocol: String,
        /// The numbers.
        result: ParzenResult,
        /// Whether this is the best so far: the checkpoint of this step, now or once published, is kept as the best.
        /// Until it is published the best one before it is kept.
        best: bool,
    },
    /// A finding on the job's health, or its end. Logs a `health` event; the job keeps the newest of each kind.
    Finding(Finding),
    /// A `status` event in words ("resumed from step 12,000 after a lost worker").
    Message {
        /// The step.
        step: u64,
        /// The words.
        message: String,
    },
}

/// A checkpoint on its way into the store.
#[derive(Clone, PartialEq, Debug)]
pub struct NewCheckpoint {
    /// The steps trained.
    pub step: u64,
    /// The safetensors file.
    pub bytes: Bytes,
    /// How many to keep besides the best and those that an evaluation or a fork names.
    pub keep: u32,
}

/// What a worker takes on: the job as it stands, and its hold on it.
#[derive(Clone, PartialEq, Debug)]
pub struct Claim {
    /// The job, already `running`, with `attempt` and `fence` counted up.
    pub job: Job,
    /// The proof to be carried by every write.
    pub hold: Hold,
}

/// What a sweep over lapsed leases did.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Swept {
    /// Jobs put back into the queue.
    pub requeued: u64,
    /// Jobs paused or cancelled, as had been asked.
    pub settled: u64,
    /// Jobs failed because too many of their workers died.
    pub failed: u64,
}

/// A queued job's place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct QueuePlace {
    /// 1 for the next to be claimed.
    pub position: u64,
    /// How many leases are running at present.
    pub running: u64,
}

/// Jobs and all that belongs to them. Implemented by [`sqlite::SqliteStore`] and [`postgres::PostgresStore`].
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// Asks the database for an answer; an error means that it is away.
    async fn ping(&self) -> Result<(), StoreError>;

    /// The name of the engine, for logs and readiness: `sqlite` or `postgres`.
    fn engine(&self) -> &'static str;

    /// Waits until something may have changed (a submission, a command, an event) or `at_most` has passed.
    /// Only a hint: callers poll in any case.
    async fn changed(&self, at_most: Duration);

    // -- jobs, as their users see them --

    /// Submits a job.
    async fn create_job(&self, job: NewJob, key: Option<IdempotencyKey>) -> Result<Created, StoreError>;

    /// What a key was used for ([`Created::Replayed`] or [`Created::KeyReused`]); `None` while it is new. Only a look:
    /// of two that find it new, [`Self::create_job`] decides which was the first.
    async fn job_of_key(&self, key: &IdempotencyKey) -> Result<Option<Created>, StoreError>;

    /// One job.
    async fn job(&self, id: JobId) -> Result<Option<Job>, StoreError>;

    /// Jobs, newest first, before (older than) `before`.
    async fn jobs(&self, filter: &JobFilter, before: Option<JobId>, limit: u32) -> Result<Page<Job>, StoreError>;

    /// Where a queued job stands; `None` if it is not queued.
    async fn queue_place(&self, id: JobId) -> Result<Option<QueuePlace>, StoreError>;

    /// Where the queued jobs stand that are as new as `oldest` or newer, but not newer than `newest`.
    async fn queue_places(&self, oldest: JobId, newest: JobId) -> Result<Vec<(JobId, QueuePlace)>, StoreError>;

    /// Changes name, tags or priority, if the job is at `version` (when given).
    async fn patch_job(&self, id: JobId, patch: JobPatch, version: Option<i64>) -> Result<Changed, StoreError>;

    /// Cancel, pause or resume: moves the status by [`crate::job::Status::apply`] and logs a `status` event.
    /// A command that changes nothing changes no row.
    async fn command(&self, id: JobId, command: Command) -> Result<Changed, StoreError>;

    /// Queues a succeeded or cancelled job with a new end, counted from its newest checkpoint.
    async fn extend(&self, id: JobId, extension: Extension) -> Result<Changed, StoreError>;

    /// Deletes a finished job and all it stored.
    async fn delete_job(&self, id: JobId) -> Result<Deleted, StoreError>;

    /// Whether any job that is not finished trains on this dataset.
    async fn dataset_in_use(&self, dataset: &str) -> Result<bool, StoreError>;

    // -- grids of jobs --

    /// Submits a sweep: all of its jobs, or none.
    async fn create_sweep(&self, sweep: NewSweep, key: Option<IdempotencyKey>) -> Result<Created<Sweep>, StoreError>;

    /// As [`Self::job_of_key`], of a sweep's key.
    async fn sweep_of_key(&self, key: &IdempotencyKey) -> Result<Option<Created<Sweep>>, StoreError>;

    /// One sweep. It is gone once the last of its jobs is deleted.
    async fn sweep_of_jobs(&self, id: SweepId) -> Result<Option<Sweep>, StoreError>;

    /// Sweeps, newest first, before (older than) `before`.
    async fn sweeps(&self, before: Option<SweepId>, limit: u32) -> Result<Page<Sweep>, StoreError>;

    /// A sweep's jobs, by their position in the grid.
    async fn sweep_jobs(&self, id: SweepId) -> Result<Vec<Job>, StoreError>;

    /// What the evaluations in training of a sweep's jobs came to, by job, ascending by step.
    async fn sweep_scores(&self, id: SweepId) -> Result<Vec<Score>, StoreError>;

    // -- what a job has left --

    /// Metrics rows from `from_step` to `to_step`, both included, ascending.
    async fn metrics(&self, id: JobId, from_step: u64, to_step: u64) -> Result<Vec<Losses>, StoreError>;

    /// Events after the one with id `after`, ascending.
    async fn events(&self, id: JobId, after: i64, limit: u32) -> Result<Vec<Event>, StoreError>;

    /// The newest `limit` events of these kinds (of all kinds, if none is named), ascending.
    async fn newest_events(&self, id: JobId, kinds: &[EventKind], limit: u32) -> Result<Vec<Event>, StoreError>;

    /// Checkpoints, ascending by step.
    async fn checkpoints(&self, id: JobId) -> Result<Vec<CheckpointInfo>, StoreError>;

    /// A checkpoint's file, whole, its checksum verified: [`StoreError::Corrupt`] where it does not match.
    async fn checkpoint_bytes(&self, id: JobId, step: u64) -> Result<Option<Vec<u8>>, StoreError>;

    /// The steps that have a snapshot, ascending.
    async fn snapshot_steps(&self, id: JobId) -> Result<Vec<u64>, StoreError>;

    /// One snapshot's PNG.
    async fn snapshot(&self, id: JobId, step: u64) -> Result<Option<Vec<u8>>, StoreError>;

    /// Evaluations, ascending by step, then by time.
    async fn evaluations(&self, id: JobId) -> Result<Vec<Evaluation>, StoreError>;

    /// One evaluation.
    async fn evaluation(&self, id: JobId, evaluation: EvaluationId) -> Result<Option<Evaluation>, StoreError>;

    /// Asks for an evaluation of a checkpoint; `None` if there is no such checkpoint.
    async fn request_evaluation(&self, id: JobId, step: u64, protocol: &str) -> Result<Option<Evaluation>, StoreError>;

    // -- the queue, as workers see it --

    /// Takes the next job, queued or with a lapsed lease: the first by [`crate::job::schedule::turn`].
    /// Counts `attempt` and `fence` up and logs a `status` event. In the same transaction, metrics, snapshots and
    /// in-training evaluations beyond the newest checkpoint are removed (they will be made again, the same), and
    /// `last_step` is set back to it.
    async fn claim(&self, owner: OwnerId, worker: &str, lease: Duration) -> Result<Option<Claim>, StoreError>;

    /// The database's plan for finding the next job: whether a claim reads an index or the whole queue.
    async fn claim_plan(&self) -> Result<String, StoreError>;

    /// Renews the lease by `lease` from the database's now.
    async fn renew(&self, hold: Hold, lease: Duration, progress: ProgressReport) -> Guarded<Renewal>;

    /// Keeps what the worker found, in one transaction.
    async fn record(&self, hold: Hold, records: &[Record]) -> Guarded<()>;

    /// Publishes a checkpoint together with what was found up to it, in one transaction, then prunes older ones.
    /// Bytes go into chunks with a checksum and are readable only whole.
    async fn publish_checkpoint(&self, hold: Hold, checkpoint: NewCheckpoint, records: &[Record]) -> Guarded<()>;

    /// Removes a checkpoint that cannot be read, with all that lies beyond the newest one left, and reports it as a
    /// finding on the job's health. Returns the step of the newest one left, from which to go on.
    async fn discard_checkpoint(&self, hold: Hold, step: u64, reason: &str) -> Guarded<Option<u64>>;

    /// Takes the job back to its newest checkpoint, since training did: metrics, snapshots and evaluations in training
    /// beyond it are removed, and so are findings that training made there. Reports the finding. Returns the checkpoint's
    /// step.
    async fn roll_back(&self, hold: Hold, finding: &Finding) -> Guarded<u64>;

    /// Begins the job again, since training did: the checkpoint, of step 0, takes the place of all there were, and
    /// metrics, snapshots, evaluations in training and what training found beyond it are removed. Reports the finding.
    async fn start_over(&self, hold: Hold, checkpoint: NewCheckpoint, finding: &Finding) -> Guarded<()>;

    /// Leaves the job. `Paused` and `Cancelled` apply only if they are still wanted: a job whose pause was withdrawn
    /// meanwhile is queued again. Logs a `status` event and returns the status the job is left in.
    async fn finish(&self, hold: Hold, ending: Ending) -> Guarded<crate::job::Status>;

    /// Settles jobs whose lease has lapsed by [`crate::job::Status::after_lapse`], and fails those that have used
    /// up [`MAX_ATTEMPTS`].
    async fn sweep(&self) -> Result<Swept, StoreError>;

    /// Takes the oldest evaluation that waits, or whose worker has not finished it within `lease`.
    async fn claim_evaluation(&self, owner: OwnerId, lease: Duration) -> Result<Option<EvaluationRequest>, StoreError>;

    /// Stores the outcome of an evaluation claimed by `owner`, and logs an `evaluation` event. If another worker has
    /// taken the evaluation over, or it is gone, nothing changes.
    async fn finish_evaluation(
        &self,
        owner: OwnerId,
        request: &EvaluationRequest,
        outcome: Result<ParzenResult, String>,
    ) -> Result<(), StoreError>;

    /// How long the job has waited that has waited longest, in seconds.
    async fn longest_wait(&self) -> Result<Option<f64>, StoreError>;

    /// Connections to the database: how many are open, and how many of those nobody uses at the moment.
    fn connections(&self) -> (usize, usize);

    /// How many jobs are in each status, for the metrics page and readiness.
    async fn count_by_status(&self) -> Result<Vec<(crate::job::Status, u64)>, StoreError>;
}

/// Opens the store that a `DATABASE_URL` names (`postgres://`, `postgresql://` or `sqlite://PATH`) and applies its migrations.
///
/// # Errors
///
/// [`StoreError`] if the scheme is unknown, the database is away, or it was migrated by a newer gand.
pub async fn open(database_url: &str) -> Result<Arc<dyn Store>, StoreError> {
    if database_url.starts_with("postgres://") || database_url.starts_with("postgresql://") {
        return Ok(Arc::new(PostgresStore::open(database_url).await?));
    }
    let path = database_url.strip_prefix("sqlite://").or_else(|| database_url.strip_prefix("sqlite:"));
    match path {
        Some(path) if !path.is_empty() && !path.starts_with(':') => {
            Ok(Arc::new(SqliteStore::open(Path::new(path)).await?))
        }
        _ => Err(StoreError::UnknownScheme),
    }
}
