//! How far a finished job is trained on.

/// The most steps that a job may have; no spec may ask for more at once (`gan::read`).
pub const MOST_STEPS: u64 = 100_000_000;

/// What a user asks for when a job is extended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Extension {
    /// So many steps more.
    By(u64),
    /// To this step.
    To(u64),
}

/// Why a job cannot be trained on to where it was asked to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NoEnd {
    /// The end is no further than the job is already.
    #[error("must lie beyond step {reached}, which the job has reached")]
    NotBeyond {
        /// The step of the job's last checkpoint.
        reached: u64,
    },
    /// A job would become longer than any spec may ask for.
    #[error("is too far: from step {reached} on there are {} steps to the most that a job may have, {MOST_STEPS}", MOST_STEPS.saturating_sub(*reached))]
    TooFar {
        /// The step of the job's last checkpoint.
        reached: u64,
    },
}

impl Extension {
    /// The last step of a job that has reached a step. It is counted from what the job has done and not from what it
    /// was once meant to do: one that was cancelled or stopped early has not done all of that.
    ///
    /// # Errors
    ///
    /// [`NoEnd`] where there is nothing to train, or too much.
    pub fn end(self, reached: u64) -> Result<u64, NoEnd> {
        let end = match self {
            Self::By(steps) => reached.saturating_add(steps),
            Self::To(step) => step,
        };
        if end <= reached {
            Err(NoEnd::NotBeyond { reached })
        } else if end > MOST_STEPS {
            Err(NoEnd::TooFar { reached })
        } else {
            Ok(end)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_counted_from_the_step_that_is_reached() {
        assert_eq!(Extension::By(500).end(6756), Ok(7256));
        assert_eq!(Extension::To(7000).end(6756), Ok(7000));
    }

    #[test]
    fn an_end_lies_beyond_what_is_reached_and_within_what_a_job_may_have() {
        for nothing in [Extension::By(0), Extension::To(6756), Extension::To(0)] {
            assert_eq!(nothing.end(6756), Err(NoEnd::NotBeyond { reached: 6756 }), "{nothing:?}");
        }
        assert_eq!(Extension::By(MOST_STEPS - 10).end(10), Ok(MOST_STEPS));
        for far in [Extension::By(MOST_STEPS - 9), Extension::To(MOST_STEPS + 1), Extension::By(u64::MAX)] {
            assert_eq!(far.end(10), Err(NoEnd::TooFar { reached: 10 }), "{far:?}");
        }
    }
}
