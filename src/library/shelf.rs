//! Loaded datasets: the newest stay, as far as there is room; what a run trains on stays with the run.

use crate::data::{Dataset, Pixels};
use std::collections::{HashMap, VecDeque};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::SystemTime;

/// Loaded datasets may take so much together; the newest one may take what it takes.
const ROOM_BYTES: usize = 1 << 30;

/// By what a file is told from the one that was there before: when it was written, and its length.
pub(super) type Stamp = (SystemTime, u64);

/// The stamp of a file, if it can be had.
pub(super) fn stamp(path: &Path) -> Option<Stamp> {
    let metadata = path.metadata().ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

/// A dataset's place; the lock is held while one thread loads it.
pub(super) type Place = Arc<Mutex<Option<Loaded>>>;

/// A dataset that was loaded, perhaps gone since.
#[derive(Debug)]
pub(super) struct Loaded {
    /// Of the file that it was read from, where it is one.
    pub(super) stamp: Option<Stamp>,
    pub(super) digest: String,
    dataset: Weak<Dataset>,
}

#[derive(Debug, Default)]
pub(super) struct Shelves {
    places: Mutex<HashMap<String, Place>>,
    /// The last used first.
    kept: Mutex<VecDeque<Arc<Dataset>>>,
}

impl Shelves {
    /// The place of a name.
    pub(super) fn place(&self, name: &str) -> Place {
        Arc::clone(lock(&self.places).entry(name.to_owned()).or_default())
    }

    /// The place of a name that has been loaded.
    pub(super) fn place_if_any(&self, name: &str) -> Option<Place> {
        lock(&self.places).get(name).cloned()
    }

    /// What lies at a place, if it is of this stamp.
    pub(super) fn take(&self, place: Option<&Loaded>, stamp: Option<Stamp>) -> Option<Arc<Dataset>> {
        let dataset = place.filter(|loaded| loaded.stamp == stamp)?.dataset.upgrade()?;
        self.keep(&dataset);
        Some(dataset)
    }

    /// Keeps a dataset that was loaded, and lets go of those that were not used for longest.
    pub(super) fn put(&self, dataset: &Arc<Dataset>, stamp: Option<Stamp>) -> Loaded {
        self.keep(dataset);
        Loaded { stamp, digest: dataset.digest.clone(), dataset: Arc::downgrade(dataset) }
    }

    fn keep(&self, dataset: &Arc<Dataset>) {
        let mut kept = lock(&self.kept);
        kept.retain(|one| one.name != dataset.name);
        kept.push_front(Arc::clone(dataset));
        let mut room = ROOM_BYTES;
        let fitting = kept.iter().take_while(|one| {
            let size = bytes(one);
            let fits = size <= room;
            room = room.saturating_sub(size);
            fits
        });
        let fitting = fitting.count().max(1);
        kept.truncate(fitting);
    }

    /// Lets go of what was loaded under a name.
    pub(super) fn forget(&self, name: &str) {
        lock(&self.places).remove(name);
        lock(&self.kept).retain(|one| one.name != name);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn bytes(dataset: &Dataset) -> usize {
    let of = |pixels: &Pixels| match pixels {
        Pixels::U8(values) => values.len(),
        Pixels::F32(values) => values.len() * size_of::<f32>(),
    };
    [&dataset.train, &dataset.validation, &dataset.test].map(|split| of(&split.pixels)).iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Split;

    fn dataset(name: &str, bytes: usize) -> Arc<Dataset> {
        let digits = crate::data::digits::digits().unwrap();
        let split = |len: usize| Split { pixels: Pixels::U8(vec![0; len].into()), labels: None, len, dim: 1 };
        let [validation, test] = [(); 2].map(|()| split(0));
        Arc::new(Dataset { name: name.to_owned(), train: split(bytes), validation, test, ..digits })
    }

    #[test]
    fn what_was_not_used_for_longest_goes_when_there_is_no_room() {
        let shelves = Shelves::default();
        let third = ROOM_BYTES / 3;
        let loaded: Vec<Loaded> = ["a", "b", "c"].iter().map(|name| shelves.put(&dataset(name, third), None)).collect();
        // Used again, it is the newest.
        assert!(shelves.take(Some(&loaded[0]), None).is_some());
        let large = shelves.put(&dataset("d", third), None);
        assert!(shelves.take(Some(&loaded[1]), None).is_none());
        for kept in [&loaded[0], &loaded[2], &large] {
            assert!(shelves.take(Some(kept), None).is_some(), "{kept:?}");
        }
        let run = dataset("e", ROOM_BYTES + 1);
        let larger = shelves.put(&run, None);
        assert!(shelves.take(Some(&larger), None).is_some(), "the newest stays, whatever it takes");
        shelves.put(&dataset("f", 1), None);
        assert!(shelves.take(Some(&larger), None).is_some(), "a run has it");
    }
}
