//! Which job and checkpoint a request is about, known for a moment: a thousand requests a second for pictures of one
//! checkpoint ask the database once.

use super::checkpoints::Which;
use super::error::ApiError;
use super::state::Api;
use crate::job::{CheckpointInfo, Job, JobId};
use crate::sampler::Lru;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long it is known. Deleted here, it is forgotten at once; deleted or pruned by another process, its pictures are seen
/// so much longer.
const FOR: Duration = Duration::from_secs(1);

/// How many are known.
const MOST: u64 = 1000;

/// A job and one of its checkpoints. What is asked of the job here never changes: its spec.
pub type Subject = Arc<(Job, CheckpointInfo)>;

/// Those that were asked for lately.
#[derive(Debug)]
pub struct Subjects(Mutex<Lru<(JobId, u64), (Instant, Subject)>>);

impl Default for Subjects {
    fn default() -> Self {
        Self(Mutex::new(Lru::new(MOST)))
    }
}

impl Subjects {
    fn find(&self, job: JobId, step: u64) -> Option<Subject> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, subject) = known.get(&(job, step))?;
        (since.elapsed() < FOR).then(|| subject.clone())
    }

    fn remember(&self, subject: &Subject) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.put((subject.0.id, subject.1.step), (Instant::now(), subject.clone()), 1);
    }

    /// Forgets everything: a job was deleted.
    pub fn forget(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Lru::new(MOST);
    }
}

impl Api {
    /// The job and the checkpoint that a request is about. A step's checkpoint is always the same; the words mean others
    /// as the job goes on, and are looked up.
    pub async fn subject(&self, id: JobId, which: Which) -> Result<Subject, ApiError> {
        if let Which::Step(step) = which
            && let Some(known) = self.subjects.find(id, step)
        {
            return Ok(known);
        }
        let job = self.job(id).await?;
        let checkpoint = self.resolve(&job, which).await?;
        let subject = Arc::new((job, checkpoint));
        self.subjects.remember(&subject);
        Ok(subject)
    }
}
