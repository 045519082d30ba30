//! Findings on a job: what is wrong with its run, from when, and until when.

use super::{Finding, Severity};

/// What can be wrong with a run: one of these at a time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Diagnosis {
    /// D tells every sample from every example, so G learns next to nothing.
    DiscriminatorWins,
    /// G makes only a part of what there is: the paper's "Helvetica scenario".
    Collapse,
    /// D tells nothing apart although the samples are bad, so G is led nowhere.
    DiscriminatorWeak,
    /// Samples are copies of training examples.
    Memorizing,
}

impl Diagnosis {
    /// Every diagnosis.
    pub const ALL: [Self; 4] = [Self::DiscriminatorWins, Self::Collapse, Self::DiscriminatorWeak, Self::Memorizing];

    /// Its kind as a finding.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DiscriminatorWins => "discriminator_wins",
            Self::Collapse => "collapse",
            Self::DiscriminatorWeak => "discriminator_weak",
            Self::Memorizing => "memorizing",
        }
    }

    /// The diagnosis of this kind of finding.
    #[must_use]
    pub fn of(kind: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|diagnosis| diagnosis.as_str() == kind)
    }

    /// How grave it is.
    #[must_use]
    pub fn severity(self) -> Severity {
        match self {
            Self::DiscriminatorWins | Self::Collapse => Severity::Critical,
            Self::DiscriminatorWeak | Self::Memorizing => Severity::Warning,
        }
    }

    /// What became of a run that ended so.
    #[must_use]
    pub fn in_words(self) -> &'static str {
        match self {
            Self::DiscriminatorWins => "D has won",
            Self::Collapse => "collapsed",
            Self::DiscriminatorWeak => "D is too weak",
            Self::Memorizing => "copies training examples",
        }
    }
}

/// The best bandwidth lies at an end of the grid.
pub const BANDWIDTH_EDGE: &str = "bandwidth_edge";
/// The score comes from few samples or few test points.
pub const FEW_SAMPLES: &str = "few_samples";
/// Training ended before its last step because there was no more to gain.
pub const STOPPED_EARLY: &str = "stopped_early";
/// Training went back to a checkpoint.
pub const ROLLED_BACK: &str = "rolled_back";
/// Training began again from step 0.
pub const RESTARTED: &str = "restarted";

impl Finding {
    /// Whether it holds after `step` steps.
    #[must_use]
    pub fn holds_at(&self, step: u64) -> bool {
        self.step <= step && self.until_step.is_none_or(|until| until > step)
    }

    /// Whether training finds it again when it goes over the same steps again.
    fn comes_of_training(&self) -> bool {
        Diagnosis::of(&self.kind).is_some() || [BANDWIDTH_EDGE, FEW_SAMPLES, STOPPED_EARLY].contains(&&*self.kind)
    }
}

/// Puts a finding into a list that has the newest of each kind.
pub fn note(findings: &mut Vec<Finding>, finding: Finding) {
    findings.retain(|known| known.kind != finding.kind);
    findings.push(finding);
}

/// Takes out of a list what training found after `step`, since those steps no longer count.
pub fn forget_beyond(findings: &mut Vec<Finding>, step: u64) {
    findings.retain(|finding| finding.step <= step || !finding.comes_of_training());
    for finding in findings.iter_mut().filter(|finding| finding.comes_of_training()) {
        finding.until_step = finding.until_step.filter(|until| *until <= step);
    }
}

/// The gravest diagnosis that still holds; of equally grave ones the newest. What happened on the way (a rollback, another
/// number of threads) is none: earlier versions kept that without an end.
#[must_use]
pub fn verdict(findings: &[Finding]) -> Option<&Finding> {
    let diagnoses = findings.iter().filter(|finding| Diagnosis::of(&finding.kind).is_some());
    let holding = diagnoses.filter(|finding| finding.until_step.is_none() && finding.severity > Severity::Info);
    holding.max_by_key(|finding| (finding.severity, finding.step))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(kind: &str, severity: Severity, step: u64, until_step: Option<u64>) -> Finding {
        Finding { kind: kind.to_owned(), severity, step, until_step, detail: String::new() }
    }

    #[test]
    fn the_verdict_is_the_gravest_finding_that_holds() {
        assert_eq!(verdict(&[]), None);
        let mut findings = vec![
            finding(FEW_SAMPLES, Severity::Info, 500, None),
            finding(ROLLED_BACK, Severity::Warning, 600, None),
            finding("collapse", Severity::Critical, 100, Some(200)),
            finding("memorizing", Severity::Warning, 300, None),
        ];
        assert_eq!(verdict(&findings).map(|finding| &*finding.kind), Some("memorizing"));
        note(&mut findings, finding("collapse", Severity::Critical, 400, None));
        assert_eq!(findings.len(), 4);
        assert_eq!(verdict(&findings).map(|finding| finding.step), Some(400));
        assert_eq!(verdict(&findings[..2]), None);
    }

    #[test]
    fn what_lies_beyond_a_step_is_forgotten_and_what_ended_there_holds_again() {
        let mut findings = vec![
            finding("collapse", Severity::Critical, 100, Some(300)),
            finding("memorizing", Severity::Warning, 300, None),
            finding("checkpoint_discarded", Severity::Warning, 400, Some(400)),
        ];
        forget_beyond(&mut findings, 200);
        let left: Vec<_> = findings.iter().map(|finding| (&*finding.kind, finding.until_step)).collect();
        assert_eq!(left, [("collapse", None), ("checkpoint_discarded", Some(400))]);
    }

    #[test]
    fn a_finding_holds_from_its_step_until_its_end() {
        let ended = finding("collapse", Severity::Critical, 100, Some(300));
        assert_eq!([99, 100, 299, 300].map(|step| ended.holds_at(step)), [false, true, true, false]);
        assert!(finding("collapse", Severity::Critical, 100, None).holds_at(u64::MAX));
    }
}
