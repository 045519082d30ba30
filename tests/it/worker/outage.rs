//! The database goes away in the middle of training.

use super::fixture::{Fixture, short};
use crate::support::outage::Proxy;
use gand::job::EventKind;
use gand::store;
use gand::worker::{Pool, WorkerConfig};
use serde_json::Value;
use std::sync::Arc;
use std::time::{Duration, Instant};

fn spec() -> Value {
    let mut spec = short(5000);
    spec["checkpoint"]["every"] = 500.into();
    spec["evaluation"]["every"] = 2500.into();
    spec
}

/// A pool behind a database that can go away; the fixture itself sees the database directly.
async fn pool(fixture: &Fixture, proxy: &Proxy, lease: Duration) -> Pool {
    let store = store::open(proxy.url()).await.unwrap();
    Pool::start(store, Arc::clone(&fixture.library), WorkerConfig::new("test", 1, 1, lease))
}

async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !is_so().await {
        assert!(begun.elapsed() < Duration::from_secs(60), "not {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outage_shorter_than_the_lease_costs_no_step() {
    let fixture = Fixture::postgres().await;
    let proxy = Proxy::before(&fixture.url).await;
    let pool = pool(&fixture, &proxy, Duration::from_secs(600)).await;
    let straight = fixture.submit(spec()).await;
    fixture.until_succeeded(straight).await;

    let id = fixture.submit(spec()).await;
    fixture.until(id, "under way", |job| job.last_step > 300).await;
    proxy.cut();
    until("tried again", async || proxy.refused() > 5).await;
    proxy.restore();
    let job = fixture.until_succeeded(id).await;
    assert_eq!(job.attempt, 1);
    for event in fixture.events(id, EventKind::Status).await {
        assert!(!event.data.to_string().contains("resumed"), "{event:?}");
    }
    fixture.traces(straight).await.assert_equal(&fixture.traces(id).await);
    pool.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_longer_one_the_job_goes_on_from_its_last_checkpoint() {
    let fixture = Fixture::postgres().await;
    let proxy = Proxy::before(&fixture.url).await;
    // Long enough that a busy machine does not let it lapse as well; the test waits for it once.
    let pool = pool(&fixture, &proxy, Duration::from_secs(5)).await;
    let straight = fixture.submit(spec()).await;
    fixture.until_succeeded(straight).await;

    let id = fixture.submit(spec()).await;
    fixture.until(id, "under way", |job| job.last_step > 600).await;
    proxy.cut();
    // As the sweeper of any other process would.
    until("swept", async || fixture.store.sweep().await.unwrap().requeued > 0).await;
    proxy.restore();
    let job = fixture.until_succeeded(id).await;
    assert_eq!(job.attempt, 2);
    fixture.traces(straight).await.assert_equal(&fixture.traces(id).await);
    pool.stop().await;
}
