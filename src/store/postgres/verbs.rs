//! The verbs of [`Store`], each in the file of its topic.

use super::PostgresStore;
use crate::eval::ParzenResult;
use crate::gan::Losses;
use crate::job::{
    CheckpointInfo, Command, Ending, Evaluation, EvaluationId, EvaluationRequest, Event, EventKind, Extension, Finding,
    Job, JobFilter, JobId, JobPatch, NewJob, NewSweep, OwnerId, Page, Score, Status, Sweep, SweepId,
};
use crate::store::{
    Changed, Claim, Created, Deleted, Guarded, Hold, IdempotencyKey, NewCheckpoint, ProgressReport, QueuePlace, Record,
    Renewal, Store, StoreError, Swept,
};
use async_trait::async_trait;
use std::time::Duration;

#[async_trait]
impl Store for PostgresStore {
    async fn ping(&self) -> Result<(), StoreError> {
        self.soon(self.answer()).await
    }

    fn engine(&self) -> &'static str {
        "postgres"
    }

    async fn changed(&self, at_most: Duration) {
        self.wait_for_change(at_most).await;
    }

    async fn create_job(&self, job: NewJob, key: Option<IdempotencyKey>) -> Result<Created, StoreError> {
        self.soon(self.insert_job(job, key)).await
    }

    async fn job_of_key(&self, key: &IdempotencyKey) -> Result<Option<Created>, StoreError> {
        self.soon(self.select_job_of_key(key)).await
    }

    async fn job(&self, id: JobId) -> Result<Option<Job>, StoreError> {
        self.soon(self.select_job(id)).await
    }

    async fn jobs(&self, filter: &JobFilter, before: Option<JobId>, limit: u32) -> Result<Page<Job>, StoreError> {
        self.soon(self.list_jobs(filter, before, limit)).await
    }

    async fn queue_place(&self, id: JobId) -> Result<Option<QueuePlace>, StoreError> {
        self.soon(self.place(id)).await
    }

    async fn queue_places(&self, oldest: JobId, newest: JobId) -> Result<Vec<(JobId, QueuePlace)>, StoreError> {
        self.soon(self.places(oldest, newest)).await
    }

    async fn patch_job(&self, id: JobId, patch: JobPatch, version: Option<i64>) -> Result<Changed, StoreError> {
        self.soon(self.patch(id, patch, version)).await
    }

    async fn command(&self, id: JobId, command: Command) -> Result<Changed, StoreError> {
        self.soon(self.apply(id, command)).await
    }

    async fn extend(&self, id: JobId, extension: Extension) -> Result<Changed, StoreError> {
        self.soon(self.apply_extension(id, extension)).await
    }

    async fn delete_job(&self, id: JobId) -> Result<Deleted, StoreError> {
        self.eventually(self.delete(id)).await
    }

    async fn dataset_in_use(&self, dataset: &str) -> Result<bool, StoreError> {
        self.soon(self.is_dataset_in_use(dataset)).await
    }

    async fn create_sweep(&self, sweep: NewSweep, key: Option<IdempotencyKey>) -> Result<Created<Sweep>, StoreError> {
        self.soon(self.insert_sweep(sweep, key)).await
    }

    async fn sweep_of_key(&self, key: &IdempotencyKey) -> Result<Option<Created<Sweep>>, StoreError> {
        self.soon(self.select_sweep_of_key(key)).await
    }

    async fn sweep_of_jobs(&self, id: SweepId) -> Result<Option<Sweep>, StoreError> {
        self.soon(self.select_sweep(id)).await
    }

    async fn sweeps(&self, before: Option<SweepId>, limit: u32) -> Result<Page<Sweep>, StoreError> {
        self.soon(self.list_sweeps(before, limit)).await
    }

    async fn sweep_jobs(&self, id: SweepId) -> Result<Vec<Job>, StoreError> {
        self.soon(self.select_sweep_jobs(id)).await
    }

    async fn sweep_scores(&self, id: SweepId) -> Result<Vec<Score>, StoreError> {
        self.soon(self.select_sweep_scores(id)).await
    }

    async fn metrics(&self, id: JobId, from_step: u64, to_step: u64) -> Result<Vec<Losses>, StoreError> {
        self.eventually(self.select_metrics(id, from_step, to_step)).await
    }

    async fn events(&self, id: JobId, after: i64, limit: u32) -> Result<Vec<Event>, StoreError> {
        self.soon(self.select_events(id, after, limit)).await
    }

    async fn newest_events(&self, id: JobId, kinds: &[EventKind], limit: u32) -> Result<Vec<Event>, StoreError> {
        self.soon(self.select_newest_events(id, kinds, limit)).await
    }

    async fn checkpoints(&self, id: JobId) -> Result<Vec<CheckpointInfo>, StoreError> {
        self.soon(self.select_checkpoints(id)).await
    }

    async fn checkpoint_bytes(&self, id: JobId, step: u64) -> Result<Option<Vec<u8>>, StoreError> {
        self.eventually(self.read_checkpoint(id, step)).await
    }

    async fn snapshot_steps(&self, id: JobId) -> Result<Vec<u64>, StoreError> {
        self.soon(self.select_snapshot_steps(id)).await
    }

    async fn snapshot(&self, id: JobId, step: u64) -> Result<Option<Vec<u8>>, StoreError> {
        self.soon(self.select_snapshot(id, step)).await
    }

    async fn evaluations(&self, id: JobId) -> Result<Vec<Evaluation>, StoreError> {
        self.soon(self.select_evaluations(id)).await
    }

    async fn evaluation(&self, id: JobId, evaluation: EvaluationId) -> Result<Option<Evaluation>, StoreError> {
        self.soon(self.select_evaluation(id, evaluation)).await
    }

    async fn request_evaluation(&self, id: JobId, step: u64, protocol: &str) -> Result<Option<Evaluation>, StoreError> {
        self.soon(self.ask_evaluation(id, step, protocol)).await
    }

    async fn claim(&self, owner: OwnerId, worker: &str, lease: Duration) -> Result<Option<Claim>, StoreError> {
        self.soon(self.take_job(owner, worker, lease)).await
    }

    async fn claim_plan(&self) -> Result<String, StoreError> {
        self.explain_claim().await
    }

    async fn renew(&self, hold: Hold, lease: Duration, progress: ProgressReport) -> Guarded<Renewal> {
        self.soon(self.renew_lease(hold, lease, progress)).await
    }

    async fn record(&self, hold: Hold, records: &[Record]) -> Guarded<()> {
        self.soon(self.keep(hold, records)).await
    }

    async fn publish_checkpoint(&self, hold: Hold, checkpoint: NewCheckpoint, records: &[Record]) -> Guarded<()> {
        self.eventually(self.publish(hold, checkpoint, records)).await
    }

    async fn discard_checkpoint(&self, hold: Hold, step: u64, reason: &str) -> Guarded<Option<u64>> {
        self.soon(self.discard(hold, step, reason)).await
    }

    async fn roll_back(&self, hold: Hold, finding: &Finding) -> Guarded<u64> {
        self.soon(self.go_back(hold, finding)).await
    }

    async fn start_over(&self, hold: Hold, checkpoint: NewCheckpoint, finding: &Finding) -> Guarded<()> {
        self.begin_again(hold, checkpoint, finding).await
    }

    async fn finish(&self, hold: Hold, ending: Ending) -> Guarded<Status> {
        self.soon(self.leave(hold, &ending)).await
    }

    async fn sweep(&self) -> Result<Swept, StoreError> {
        self.soon(self.settle_lapsed()).await
    }

    async fn claim_evaluation(&self, owner: OwnerId, lease: Duration) -> Result<Option<EvaluationRequest>, StoreError> {
        self.soon(self.take_evaluation(owner, lease)).await
    }

    async fn finish_evaluation(
        &self,
        owner: OwnerId,
        request: &EvaluationRequest,
        outcome: Result<ParzenResult, String>,
    ) -> Result<(), StoreError> {
        self.soon(self.store_evaluation(owner, request, outcome)).await
    }

    async fn longest_wait(&self) -> Result<Option<f64>, StoreError> {
        self.soon(self.oldest_wait()).await
    }

    fn connections(&self) -> (usize, usize) {
        (self.pool.size() as usize, self.pool.num_idle())
    }

    async fn count_by_status(&self) -> Result<Vec<(Status, u64)>, StoreError> {
        self.soon(self.counts()).await
    }
}
