//! A map that forgets what was used longest ago once its entries weigh too much.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

/// A map whose entries together weigh no more than a limit.
#[derive(Debug)]
pub struct Lru<K, V> {
    entries: HashMap<K, Entry<V>>,
    /// The keys by their last use.
    order: BTreeMap<u64, K>,
    limit: u64,
    weight: u64,
    /// Counts uses: the smaller an entry's last count, the longer it has not been used.
    clock: u64,
}

#[derive(Debug)]
struct Entry<V> {
    value: V,
    weight: u64,
    used: u64,
}

impl<K: Hash + Eq + Clone, V> Lru<K, V> {
    /// An empty map.
    #[must_use]
    pub fn new(limit: u64) -> Self {
        Self { entries: HashMap::new(), order: BTreeMap::new(), limit, weight: 0, clock: 0 }
    }

    /// The entry of `key`, which counts as used now.
    pub fn get(&mut self, key: &K) -> Option<&mut V> {
        let entry = self.entries.get_mut(key)?;
        self.clock += 1;
        if let Some(key) = self.order.remove(&entry.used) {
            self.order.insert(self.clock, key);
        }
        entry.used = self.clock;
        Some(&mut entry.value)
    }

    /// Puts an entry in and forgets the longest unused ones until all fit. An entry that alone weighs more than the
    /// limit stays until the next one comes: it was asked for, after all.
    pub fn put(&mut self, key: K, value: V, weight: u64) {
        self.clock += 1;
        self.order.insert(self.clock, key.clone());
        let entry = Entry { value, weight, used: self.clock };
        self.weight += weight;
        if let Some(old) = self.entries.insert(key, entry) {
            self.weight -= old.weight;
            self.order.remove(&old.used);
        }
        while self.weight > self.limit && self.entries.len() > 1 {
            let Some((_, oldest)) = self.order.pop_first() else { break };
            if let Some(entry) = self.entries.remove(&oldest) {
                self.weight -= entry.weight;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_unused_goes_first() {
        let mut map = Lru::new(10);
        map.put("a", 1, 4);
        map.put("b", 2, 4);
        assert_eq!(map.get(&"a"), Some(&mut 1));
        map.put("c", 3, 4);
        assert_eq!(map.get(&"b"), None);
        assert_eq!(map.get(&"a"), Some(&mut 1));
        assert_eq!(map.get(&"c"), Some(&mut 3));
    }

    #[test]
    fn one_entry_may_weigh_more_than_the_limit() {
        let mut map = Lru::new(10);
        map.put("large", 1, 100);
        assert_eq!(map.get(&"large"), Some(&mut 1));
        map.put("small", 2, 1);
        assert_eq!(map.get(&"large"), None);
        assert_eq!(map.get(&"small"), Some(&mut 2));
    }

    #[test]
    fn replacing_an_entry_counts_its_weight_once() {
        let mut map = Lru::new(10);
        for _ in 0..100 {
            map.put("a", 1, 6);
        }
        map.put("b", 2, 4);
        assert_eq!(map.get(&"a"), Some(&mut 1));
    }

    #[test]
    fn what_is_kept_fits_however_it_was_used() {
        let mut map = Lru::new(100);
        for round in 0..1000_u64 {
            map.put(round % 70, round, 1 + round % 13);
            map.get(&(round % 7));
            assert!(map.weight <= 100 && map.order.len() == map.entries.len());
            assert_eq!(map.weight, map.entries.values().map(|entry| entry.weight).sum::<u64>());
        }
    }
}
