//! Evaluations asked for over HTTP: computed on a thread of their own, also while every slot trains.

use super::config::WorkerConfig;
use super::measure::{self, Measure};
use super::patience::{Backoff, until_answered};
use super::thread::in_pool;
use super::{figures, material};
use crate::eval::ParzenResult;
use crate::gan::{Checkpoint, Judge, Sampler};
use crate::job::{EvaluationRequest, OwnerId};
use crate::library::Library;
use crate::store::{Store, StoreError};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// Takes one evaluation after another.
pub(super) struct Evaluator {
    pub(super) store: Arc<dyn Store>,
    pub(super) library: Arc<Library>,
    pub(super) config: WorkerConfig,
    pub(super) owner: OwnerId,
    pub(super) shutdown: CancellationToken,
}

impl Evaluator {
    /// Works until the pool is stopped; what it is at then is left for another to take up.
    pub(super) async fn work(self) {
        let shutdown = self.shutdown.clone();
        tokio::select! {
            () = self.work_for_ever() => {}
            () = shutdown.cancelled() => {}
        }
    }

    async fn work_for_ever(&self) {
        let mut backoff = Backoff::new();
        loop {
            match self.next().await {
                Ok(true) => backoff = Backoff::new(),
                Ok(false) => {
                    backoff = Backoff::new();
                    self.store.changed(self.config.poll).await;
                }
                Err(error) => {
                    tracing::warn!(%error, "could not take up an evaluation");
                    backoff.wait().await;
                }
            }
        }
    }

    /// Computes the next evaluation, if there is one.
    async fn next(&self) -> Result<bool, StoreError> {
        let Some(request) = self.store.claim_evaluation(self.owner, self.config.evaluation_lease).await? else {
            return Ok(false);
        };
        let outcome = match self.evaluate(&request).await {
            Err(Fault::Store(error)) if error.is_transient() => return Err(error),
            Err(Fault::Store(error)) => Err(error.to_string()),
            Err(Fault::Other(detail)) => Err(detail),
            Ok(result) => Ok(result),
        };
        if let Err(reason) = &outcome {
            tracing::warn!(job = %request.job, step = request.step, reason, "an evaluation failed");
        }
        // What was computed is not thrown away because the database is away just now.
        let finish = || self.store.finish_evaluation(self.owner, &request, outcome.clone());
        until_answered("finish an evaluation", finish).await?;
        Ok(true)
    }

    async fn evaluate(&self, request: &EvaluationRequest) -> Result<ParzenResult, Fault> {
        let bytes = self.store.checkpoint_bytes(request.job, request.step).await?;
        let bytes = bytes.ok_or_else(|| Fault::Other("the checkpoint is no longer there".to_owned()))?;
        let checkpoint = Checkpoint::from_bytes(&bytes).map_err(|error| Fault::Other(error.to_string()))?;
        let data = material::load(&self.library, &checkpoint.spec.dataset).await;
        let data = data.map_err(|error| Fault::Other(error.detail))?;
        if data.digest != checkpoint.dataset_digest {
            let detail = format!("{} is no longer the data that the job was trained on", data.name);
            return Err(Fault::Other(detail));
        }
        let plan = &checkpoint.spec.evaluation.parzen;
        let protocol = measure::protocol_named(&request.protocol, plan, data.validation.len)
            .ok_or_else(|| Fault::Other(format!("there is no protocol {:?}", request.protocol)))?;
        let threads = self.config.threads;
        let cache = self.library.cache().clone();
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let work = move || {
            let result = in_pool(threads, "evaluate", || {
                let mut sampler = Sampler::new(&checkpoint, None, threads).map_err(|error| error.to_string())?;
                let yardstick = checkpoint.spec.evaluation.quality.then(|| measure::yardstick(&data, &cache, threads));
                let yardstick = yardstick.transpose().map_err(|error| error.to_string())?;
                let measure = Measure { data: &data, protocol, yardstick: yardstick.as_ref(), threads };
                let judge = || Judge::new(&checkpoint, threads);
                measure.take(checkpoint.spec.seed, &mut sampler, judge).map_err(|error| error.to_string())
            });
            // Nobody waits any more if the pool was stopped meanwhile.
            let _ = sender.send(result.and_then(|result| result));
        };
        let spawned = std::thread::Builder::new().name("evaluate".to_owned()).spawn(work);
        spawned.map_err(|error| Fault::Other(format!("no thread to evaluate in: {error}")))?;
        let result: Result<ParzenResult, String> =
            receiver.await.map_err(|_| Fault::Other("the evaluation's thread vanished".to_owned()))?;
        let result = result.map_err(Fault::Other)?;
        figures::evaluation_took(result.seconds);
        Ok(result)
    }
}

enum Fault {
    Store(StoreError),
    Other(String),
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}
