//! The operational contract of a worker process, in durations.

use std::time::{Duration, Instant};

/// How a pool of slots works.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WorkerConfig {
    /// The readable name that its jobs show.
    pub name: String,
    /// Jobs trained at the same time; with 0, the pool only settles lapsed leases.
    pub slots: usize,
    /// Threads that each job computes with.
    pub threads: usize,
    /// A job whose lease was not renewed for this long may be taken by another worker. Renewed at a third of it.
    pub lease: Duration,
    /// How often to look for work, hints or none.
    pub poll: Duration,
    /// Training that has not finished a step for this long is hung: its lease is no longer renewed.
    pub stall: Duration,
    /// The same for one evaluation, or for loading a dataset.
    pub long_stall: Duration,
    /// An evaluation asked for over HTTP that is not finished after this long is taken up by another worker.
    pub evaluation_lease: Duration,
    /// Until then a dataset whose files are not there is waited for: where a machine has just started, the disk that has
    /// them may not be mounted yet.
    pub files_until: Instant,
}

impl WorkerConfig {
    /// A configuration with everything else at its default.
    #[must_use]
    pub fn new(name: impl Into<String>, slots: usize, threads: usize, lease: Duration) -> Self {
        Self {
            name: name.into(),
            slots,
            threads: threads.max(1),
            lease,
            poll: Duration::from_secs(1),
            stall: Duration::from_secs(120),
            long_stall: Duration::from_secs(1800),
            evaluation_lease: Duration::from_secs(300),
            files_until: Instant::now(),
        }
    }
}
