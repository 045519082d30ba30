//! Scores to hold a job's scores against: computed once for a dataset and protocol, in the background, and kept.

use crate::data::Dataset;
use crate::eval::reference::{Source, published, reference_rows};
use crate::eval::{Protocol, ReferenceRow};
use crate::priority::Work;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

/// The reference rows that are known, and the folder in which they outlive the process.
#[derive(Debug)]
pub struct References {
    folder: PathBuf,
    known: Mutex<HashMap<Key, State>>,
    /// Held while rows are computed: one dataset at a time, for the cores belong to training.
    computing: Arc<Mutex<()>>,
}

/// A dataset's digest and a protocol's name.
type Key = (String, String);

#[derive(Clone, Debug)]
enum State {
    UnderWay,
    Done(Arc<Vec<ReferenceRow>>),
}

impl References {
    /// Rows are kept under `folder`.
    #[must_use]
    pub fn new(folder: PathBuf) -> Self {
        Self { folder, known: Mutex::default(), computing: Arc::default() }
    }

    /// The rows of a dataset. Those that take time are begun by the first call and are missing until they are there.
    #[must_use]
    pub fn rows(self: &Arc<Self>, dataset: &Arc<Dataset>, protocol: Protocol) -> Vec<ReferenceRow> {
        let key = (dataset.digest.clone(), protocol.name.clone());
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        match known.get(&key) {
            Some(State::Done(rows)) => return of_name(dataset, &protocol, rows),
            Some(State::UnderWay) => return published(&dataset.name, &protocol.name),
            None => {}
        }
        if let Some(rows) = self.read(&key) {
            let answer = of_name(dataset, &protocol, &rows);
            known.insert(key, State::Done(Arc::new(rows)));
            return answer;
        }
        let rows = published(&dataset.name, &protocol.name);
        let (this, dataset, of) = (Arc::clone(self), Arc::clone(dataset), key.clone());
        let begun = std::thread::Builder::new()
            .name("gand-references".to_owned())
            .spawn(move || this.compute(of, &dataset, &protocol));
        match begun {
            Ok(_) => {
                known.insert(key, State::UnderWay);
            }
            Err(error) => tracing::error!(%error, "no thread for the reference rows; the next request tries again"),
        }
        rows
    }

    fn compute(&self, key: Key, dataset: &Dataset, protocol: &Protocol) {
        Work::Background.give_way();
        let _turn = self.computing.lock().unwrap_or_else(PoisonError::into_inner);
        let start = std::time::Instant::now();
        let rows = match reference_rows(dataset, protocol, 1) {
            Ok(rows) => {
                let seconds = start.elapsed().as_secs_f64();
                tracing::info!(dataset = dataset.name, protocol = protocol.name, seconds, "reference rows computed");
                self.write(&key, &rows);
                rows
            }
            Err(error) => {
                tracing::error!(dataset = dataset.name, protocol = protocol.name, %error, "no reference rows");
                published(&dataset.name, &protocol.name)
            }
        };
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(key, State::Done(Arc::new(rows)));
    }

    fn path(&self, (digest, protocol): &Key) -> PathBuf {
        self.folder.join(format!("{digest}-{protocol}.json"))
    }

    fn read(&self, key: &Key) -> Option<Vec<ReferenceRow>> {
        let path = self.path(key);
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "kept reference rows cannot be read");
                return None;
            }
        };
        serde_json::from_slice(&text)
            .inspect_err(|error| tracing::warn!(path = %path.display(), %error, "kept reference rows are damaged"))
            .ok()
    }

    /// A file that cannot be written costs the next process the same computation, and nothing else.
    fn write(&self, key: &Key, rows: &[ReferenceRow]) {
        let path = self.path(key);
        let written = std::fs::create_dir_all(&self.folder).and_then(|()| {
            let unfinished = path.with_extension("unfinished");
            std::fs::write(&unfinished, serde_json::to_vec(rows)?)?;
            std::fs::rename(&unfinished, &path)
        });
        if let Err(error) = written {
            tracing::warn!(path = %path.display(), %error, "reference rows cannot be kept");
        }
    }
}

/// The rows of a dataset's data with those published for its name, which other datasets of the same data do not have.
fn of_name(dataset: &Dataset, protocol: &Protocol, rows: &[ReferenceRow]) -> Vec<ReferenceRow> {
    let computed = rows.iter().filter(|row| row.source != Source::Published).cloned();
    computed.chain(published(&dataset.name, &protocol.name)).collect()
}
