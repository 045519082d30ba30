//! The rules of scheduling, driven through random histories in memory.

mod simulator;

use simulator::{Broken, Rules, Violation, simulate};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// Simulates seeds from 0 on, on every core, until one breaks an invariant.
fn explore(schedules: u64, rules: Rules) -> Result<simulator::Tally, Broken> {
    let next = AtomicU64::new(0);
    let work = || {
        let mut tally = simulator::Tally::default();
        loop {
            let from = next.fetch_add(1000, Ordering::Relaxed);
            if from >= schedules {
                return Ok(tally);
            }
            for seed in from..schedules.min(from + 1000) {
                match simulate(seed, rules) {
                    Ok(one) => tally.add(one),
                    Err(broken) => {
                        next.store(u64::MAX >> 1, Ordering::Relaxed);
                        return Err(broken);
                    }
                }
            }
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        let others: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let mut tally = simulator::Tally::default();
        for other in others {
            tally.add(other.join().unwrap()?);
        }
        Ok(tally)
    })
}

#[test]
fn no_history_breaks_an_invariant_and_every_broken_rule_is_found() {
    let schedules = crate::torture::size("GAND_TORTURE_SCHEDULES", 200_000);
    let begun = Instant::now();
    let tally = explore(schedules, Rules::AsTheyAre).unwrap_or_else(|broken| panic!("{broken:#?}"));
    crate::torture::report(
        "simulated schedules",
        &format!("{schedules} schedules, 0 violations, {tally} in {:.0} s", begun.elapsed().as_secs_f64()),
    );
    // Nothing of what may happen was left out.
    assert!(tally.claims > schedules && tally.refused > schedules / 10 && tally.lapses > schedules / 10, "{tally}");

    // The same with one rule taken away: the simulator must find it.
    for (rules, expected) in [
        (Rules::FenceIgnored, Violation::WriteUnderAnOldFence),
        (Rules::FenceNotCounted, Violation::FenceDidNotGrow),
        (Rules::LeaseIgnored, Violation::TwoOwners),
        (Rules::EndedJobsMove, Violation::LeftItsEnd),
        (Rules::NoSweeper, Violation::NeverEnded),
    ] {
        let broken = explore(1_000_000, rules).expect_err("the broken rule is found");
        assert_eq!(broken.violation, expected, "{broken:#?}");
        let words =
            format!("{rules:?}: {:?} found at seed {} after {} moves", expected, broken.seed, broken.history.len());
        crate::torture::report("a rule taken away", &words);
    }
}
