//! Which checkpoints go when a new one is published.

use std::collections::BTreeSet;

/// The steps, of `steps`, that need not be kept: neither among the `keep` newest, nor the best, nor named by an
/// evaluation or by a job that starts from it. The newest always stays.
pub(super) fn expendable(steps: &[u64], keep: u32, best: Option<u64>, named: &BTreeSet<u64>) -> Vec<u64> {
    let sorted: BTreeSet<u64> = steps.iter().copied().collect();
    let keep = usize::try_from(keep.max(1)).unwrap_or(usize::MAX);
    sorted.into_iter().rev().skip(keep).filter(|step| best != Some(*step) && !named.contains(step)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_the_best_and_the_named_stay() {
        let named = BTreeSet::from([200]);
        assert_eq!(expendable(&[100, 200, 300, 400, 500, 600], 2, Some(300), &named), [400, 100]);
        assert_eq!(expendable(&[100, 200, 300], 3, None, &BTreeSet::new()), [] as [u64; 0]);
    }

    #[test]
    fn the_newest_stays_even_if_none_is_to_be_kept() {
        assert_eq!(expendable(&[100, 200], 0, None, &BTreeSet::new()), [100]);
    }
}
