//! The OS thread of a run.

use super::control::Control;
use super::outlet::Outlet;
use super::training::{Assignment, Outcome, train};
use crate::job::{JobError, JobErrorKind};
use crate::priority::Work;
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use tokio::sync::oneshot;

/// A running training thread.
#[derive(Debug)]
pub struct TrainingThread {
    outcome: oneshot::Receiver<Result<Outcome, JobError>>,
}

impl TrainingThread {
    /// Starts a thread with a pool of its own for the kernels.
    ///
    /// # Errors
    ///
    /// If the system gives no thread.
    pub fn start(assignment: Assignment, control: Arc<Control>, outlet: Outlet) -> std::io::Result<Self> {
        let (sender, outcome) = oneshot::channel();
        let threads = assignment.threads;
        let body = move || {
            let result = in_pool(threads, "train", || train(&assignment, &control, &outlet)).unwrap_or_else(|detail| {
                let step = Some(control.step());
                Err(JobError { kind: JobErrorKind::Internal, step, detail })
            });
            // Nobody waits for the outcome of a run that was abandoned.
            let _ = sender.send(result);
        };
        std::thread::Builder::new().name("train".to_owned()).spawn(body)?;
        Ok(Self { outcome })
    }

    /// How it ended.
    pub async fn outcome(self) -> Result<Outcome, JobError> {
        self.outcome.await.unwrap_or_else(|_| {
            let detail = "the training thread vanished".to_owned();
            Err(JobError { kind: JobErrorKind::Internal, step: None, detail })
        })
    }
}

/// Runs `work` in a pool of `threads` threads that give way to the rest of the process.
///
/// # Errors
///
/// What went wrong, in words, if the pool cannot be had or `work` panics.
pub(super) fn in_pool<T: Send>(threads: usize, name: &str, work: impl FnOnce() -> T + Send) -> Result<T, String> {
    let name = name.to_owned();
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .thread_name(move |index| format!("{name}-{index}"))
        .start_handler(|_| Work::Training.give_way())
        .build()
        .map_err(|error| format!("no threads to compute with: {error}"))?;
    catch_unwind(AssertUnwindSafe(|| pool.install(work))).map_err(|payload| describe_panic(&*payload))
}

/// What a panic said.
#[must_use]
pub fn describe_panic(payload: &(dyn Any + Send)) -> String {
    let said = payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned());
    format!("a fault in gand: {}", said.unwrap_or_else(|| "a panic without a message".to_owned()))
}
