//! What every request may use.

use super::auth::Auth;
use super::followers::Followers;
use super::pictures::Pictures;
use super::references::References;
use super::subjects::Subjects;
use crate::config::Limits;
use crate::library::Library;
use crate::sampler;
use crate::store::Store;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// What every request may use; cheap to clone.
#[derive(Clone)]
pub struct Api(Arc<Shared>);

/// The parts of [`Api`].
pub struct Shared {
    /// Jobs and all that belongs to them.
    pub store: Arc<dyn Store>,
    /// The datasets that this process can see.
    pub library: Arc<Library>,
    /// The thread that draws samples.
    pub samplers: sampler::Handle,
    /// Scores to hold scores against.
    pub references: Arc<References>,
    /// The jobs and checkpoints that were asked for lately.
    pub subjects: Subjects,
    /// Held while a generator is loaded: its file is large, and whoever waits for it needs no other.
    pub loading: tokio::sync::Mutex<()>,
    /// The readers of the logs that are watched.
    pub followers: Followers,
    /// What was rendered lately.
    pub pictures: Pictures,
    /// Who may do what.
    pub auth: Auth,
    /// What one request may cost.
    pub limits: Limits,
    /// How long a client may send nothing of a body.
    pub client_timeout: Duration,
    /// Worker slots in this process.
    pub slots: usize,
    /// One permit for each request that may be served at once.
    pub requests: Arc<Semaphore>,
    /// One permit for each event stream that may be open at once.
    pub streams: Arc<Semaphore>,
    /// One permit for each dataset that may be uploaded at once.
    pub uploads: Arc<Semaphore>,
    /// The one permit to unpack an uploaded dataset.
    pub importing: Arc<Semaphore>,
    /// Cancelled when the server begins to stop: streams end, readiness fails.
    pub stopping: CancellationToken,
}

impl Api {
    /// The state of a server.
    pub fn new(shared: Shared) -> Self {
        Self(Arc::new(shared))
    }
}

impl std::ops::Deref for Api {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}
