//! A map that forgets what was used longest ago once its entries weigh too much.

use std::collections::HashMap;
use std::hash::Hash;

/// A map whose entries together weigh no more than a limit.
#[derive(Debug)]
pub struct Lru<K, V> {
    entries: HashMap<K, Entry<V>>,
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
        Self { entries: HashMap::new(), limit, weight: 0, clock: 0 }
    }

    /// The entry of `key`, which counts as used now.
    pub fn get(&mut self, key: &K) -> Option<&mut V> {
        self.clock += 1;
        let entry = self.entries.get_mut(key)?;
        entry.used = self.clock;
        Some(&mut entry.value)
    }

    /// Puts an entry in and forgets the longest unused ones until all fit. An entry that alone weighs more than the
    /// limit stays until the next one comes: it was asked for, after all.
    pub fn put(&mut self, key: K, value: V, weight: u64) {
        self.clock += 1;
        let entry = Entry { value, weight, used: self.clock };
        self.weight += weight;
        if let Some(old) = self.entries.insert(key, entry) {
            self.weight -= old.weight;
        }
        while self.weight > self.limit && self.entries.len() > 1 {
            // Entries are few (each is a generator or a picture), so a look at all of them costs nothing.
            let Some(oldest) = self.entries.iter().min_by_key(|(_, entry)| entry.used).map(|(key, _)| key.clone())
            else {
                break;
            };
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
}
