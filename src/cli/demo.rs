//! `gand serve --demo`: a small job to look at, submitted once.

use crate::api::submission;
use crate::gan::read::DataFacts;
use crate::job::{Job, JobId};
use crate::library::Library;
use crate::store::{Created, IdempotencyKey, Store};
use anyhow::{Context as _, bail};
use serde_json::{Map, Value, json};

/// The key under which it is submitted: however often the server starts, there is one such job.
const KEY: &str = "gand-demo";

/// Submits the demo job, or finds the one submitted before.
///
/// # Errors
///
/// If the store is away, or the recipe does not read.
pub async fn submit(store: &dyn Store, library: &Library) -> anyhow::Result<JobId> {
    let body = body();
    let digest = submission::digest(&body);
    let facts_of = |name: &str| library.get(name).ok().map(|dataset| DataFacts::from(&*dataset));
    let job = submission::read_job(body, &facts_of, u64::MAX)
        .map_err(|faults| anyhow::anyhow!("the demo's spec: {faults:?}"))?;
    let key = IdempotencyKey { key: KEY.to_owned(), body_sha256: digest };
    match store.create_job(job, Some(key)).await.context("cannot submit the demo job")? {
        Created::New(Job { id, .. }) | Created::Replayed(Job { id, .. }) => Ok(id),
        Created::KeyReused => bail!("the key {KEY} was used for another job"),
    }
}

fn body() -> Map<String, Value> {
    let mut body = Map::new();
    body.insert("name".to_owned(), json!("demo: handwritten digits"));
    body.insert("tags".to_owned(), json!(["demo"]));
    body.insert("dataset".to_owned(), json!("digits"));
    body.insert("recipe".to_owned(), json!("digits"));
    body
}
