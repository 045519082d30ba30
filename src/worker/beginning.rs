//! Where a claimed job begins: at its newest checkpoint that reads, at another job's, or from nothing.

use super::patience::{GivenUp, until_answered, until_written};
use super::training::Start;
use crate::gan::Checkpoint;
use crate::job::{Job, JobError, JobErrorKind, JobId};
use crate::store::{Hold, Store, StoreError};

/// Why a job cannot begin.
#[derive(Debug)]
pub(super) enum NoBeginning {
    GivenUp(GivenUp),
    Failed(JobError),
}

impl<E: Into<GivenUp>> From<E> for NoBeginning {
    fn from(error: E) -> Self {
        Self::GivenUp(error.into())
    }
}

/// A stored checkpoint, read; or why not.
enum Read {
    Whole(Box<Checkpoint>),
    Damaged(String),
    Gone,
}

/// Finds where `job` begins. A damaged checkpoint is discarded, with what lies beyond the one before it.
pub(super) async fn find(store: &dyn Store, job: &Job, hold: Hold) -> Result<Start, NoBeginning> {
    loop {
        let steps = until_answered("list checkpoints", || store.checkpoints(job.id)).await?;
        let Some(newest) = steps.last().map(|info| info.step) else { break };
        match read(store, job.id, newest).await? {
            Read::Whole(checkpoint) => return Ok(Start::Resume(checkpoint)),
            // Pruned between the list and the look: look again.
            Read::Gone => {}
            Read::Damaged(reason) => {
                tracing::error!(job = %job.id, step = newest, reason, "discarding a damaged checkpoint");
                until_written("discard a checkpoint", || store.discard_checkpoint(hold, newest, &reason)).await?;
            }
        }
    }
    let Some(origin) = job.from else { return Ok(Start::Fresh) };
    let wrong = match read(store, origin.job, origin.step).await? {
        Read::Whole(checkpoint) => return Ok(Start::Fork(checkpoint)),
        Read::Damaged(reason) => reason,
        Read::Gone => "it is no longer there".to_owned(),
    };
    let detail = format!("cannot start from the checkpoint of job {} at step {}: {wrong}", origin.job, origin.step);
    Err(NoBeginning::Failed(JobError { kind: JobErrorKind::Checkpoint, step: None, detail }))
}

async fn read(store: &dyn Store, job: JobId, step: u64) -> Result<Read, GivenUp> {
    let bytes = match until_answered("read a checkpoint", || store.checkpoint_bytes(job, step)).await {
        Ok(Some(bytes)) => bytes,
        Ok(None) => return Ok(Read::Gone),
        Err(StoreError::Corrupt(reason)) => return Ok(Read::Damaged(reason)),
        Err(error) => return Err(error.into()),
    };
    let parsed = tokio::task::spawn_blocking(move || Checkpoint::from_bytes(&bytes)).await;
    Ok(match parsed {
        Ok(Ok(checkpoint)) => Read::Whole(Box::new(checkpoint)),
        Ok(Err(error)) => Read::Damaged(error.to_string()),
        Err(panic) => Read::Damaged(panic.to_string()),
    })
}
