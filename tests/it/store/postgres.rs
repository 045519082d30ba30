//! What holds for PostgreSQL alone: many processes share it, and its notifications cross between them.

use super::fixture::{LONG, new_job};
use super::old::{self, OLD_STEP};
use crate::support;
use gand::store;
use sqlx::PgPool;
use std::sync::Arc;
use std::time::Duration;

/// The processes of the connections that listen; one that was cut is listed for a moment longer, and does not count.
async fn listeners(door: &PgPool, cut: &[i32]) -> Vec<i32> {
    let listed: Vec<i32> = sqlx::query_scalar(
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'",
    )
    .fetch_all(door)
    .await
    .unwrap();
    listed.into_iter().filter(|pid| !cut.contains(pid)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_by_one_process_wakes_another_and_a_lost_listener_is_renewed() {
    let url = support::postgres::database().await;
    let (here, there) = (store::open(&url).await.unwrap(), store::open(&url).await.unwrap());
    let door = PgPool::connect(&url).await.unwrap();
    let mut cut: Vec<i32> = Vec::new();
    for round in 0..3 {
        if round > 0 {
            // Every listening connection is cut; nobody tells the stores.
            let listening = listeners(&door, &cut).await;
            assert_eq!(listening.len(), 2, "both stores listen");
            for pid in listening {
                sqlx::query("SELECT pg_terminate_backend($1)").bind(pid).execute(&door).await.unwrap();
                cut.push(pid);
            }
        }
        loop {
            let waiter = tokio::spawn({
                let there = Arc::clone(&there);
                async move { there.changed(LONG).await }
            });
            // The hint may come before the wait, or before the listener: it is given until it is heard.
            while !waiter.is_finished() {
                here.create_job(new_job("news"), None).await.unwrap();
            }
            // A renewed listener wakes everyone by itself. It is the notification that is wanted, so the
            // connections must be there.
            if listeners(&door, &cut).await.len() == 2 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_that_start_together_migrate_once() {
    let url = support::postgres::database().await;
    let opening: Vec<_> = (0..4)
        .map(|_| {
            let url = url.clone();
            tokio::spawn(async move { store::open(&url).await.map(drop) })
        })
        .collect();
    for opened in opening {
        opened.await.unwrap().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_cuts_every_connection_is_met_again() {
    let url = support::postgres::database().await;
    let store = store::open(&url).await.unwrap();
    let door = PgPool::connect(&url).await.unwrap();
    let gand::store::Created::New(job) = store.create_job(new_job("kept"), None).await.unwrap() else { panic!() };
    sqlx::query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE datname = current_database() AND application_name = 'gand'",
    )
    .execute(&door)
    .await
    .unwrap();
    let deadline = std::time::Instant::now() + Duration::from_secs(30);
    loop {
        match store.job(job.id).await {
            Ok(found) => break assert_eq!(found.unwrap().id, job.id),
            Err(error) => assert!(error.is_transient() && std::time::Instant::now() < deadline, "{error}"),
        }
    }
}

#[tokio::test]
async fn a_server_that_is_away_is_an_error_that_may_pass() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("postgres://postgres@localhost/none?host={}", folder.path().display());
    let error = store::open(&url).await.map(drop).unwrap_err();
    assert!(error.is_transient(), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn checkpoints_of_earlier_versions_are_read_as_they_are() {
    let url = support::postgres::database().await;
    let ids = old::postgres(&url).await;
    let store = store::open(&url).await.unwrap();
    old::reads_as_it_was(&*store, &ids).await;
    assert!(store.checkpoints(ids.whole).await.unwrap()[0].digest.starts_with("sha256:"));
    store.delete_job(ids.whole).await.unwrap();
    assert!(store.checkpoint_bytes(ids.twin, OLD_STEP).await.unwrap() == Some(old::bytes()));
}
