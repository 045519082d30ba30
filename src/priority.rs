//! Which of the process's threads go first where there is more work than there are cores.

/// Work that gives way to answering requests.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Work {
    /// Drawing samples that somebody waits for; what is drawn is shown before more is drawn.
    Drawing,
    /// Training and evaluating.
    Training,
    /// What nobody waits for.
    Background,
}

impl Work {
    /// The steps of nice(2) by which it gives way.
    fn steps(self) -> i32 {
        match self {
            Self::Drawing => 5,
            Self::Training => 10,
            Self::Background => 15,
        }
    }

    /// Lowers the calling thread's priority to this work's. On Linux a priority is a thread's own; elsewhere it stays.
    pub fn give_way(self) {
        #[cfg(target_os = "linux")]
        if let Err(error) = rustix::process::nice(self.steps()) {
            tracing::debug!(%error, work = ?self, "could not lower a thread's priority");
        }
    }
}
