//! What a run is made of: the data it trains on.

use crate::data::Dataset;
use crate::job::{JobError, JobErrorKind};
use crate::library::Library;
use std::sync::Arc;

/// Loads a dataset, off the asynchronous threads.
pub(super) async fn load(library: &Arc<Library>, name: &str) -> Result<Arc<Dataset>, JobError> {
    let (library, dataset) = (Arc::clone(library), name.to_owned());
    let loaded = tokio::task::spawn_blocking(move || library.get(&dataset).map_err(|error| error.to_string())).await;
    loaded.unwrap_or_else(|panic| Err(panic.to_string())).map_err(|reason| {
        let detail = format!("the dataset {name} cannot be used: {reason}");
        JobError { kind: JobErrorKind::Dataset, step: None, detail }
    })
}
