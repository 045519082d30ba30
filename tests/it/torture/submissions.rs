//! Many submissions at once, some of them sent twice.

use super::{Random, report, size};
use crate::support::client::{Client, Sent as _};
use crate::support::server::{Engine, Server};
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Instant;

const CONNECTIONS: usize = 16;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_key_makes_one_job_on_sqlite() {
    each_key_makes_one_job(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_key_makes_one_job_on_postgresql() {
    each_key_makes_one_job(Engine::Postgres).await;
}

async fn each_key_makes_one_job(engine: Engine) {
    let count = size("GAND_TORTURE_SUBMISSIONS", 100);
    let distinct = count * 7 / 10;
    let begun = Instant::now();
    let server = Server::start(engine).await;
    // Every key once, and three in ten of the submissions with a key that another one has, in random order.
    let mut random = Random::seeded();
    let mut keys: Vec<u64> = (0..distinct).collect();
    keys.extend((distinct..count).map(|_| random.below(distinct)));
    for index in (1..keys.len()).rev() {
        keys.swap(index, random.below(index as u64 + 1) as usize);
    }
    let keys = Arc::new(Mutex::new(keys));
    let connections: Vec<_> = (0..CONNECTIONS)
        .map(|_| {
            // A client of its own is a connection of its own.
            let client = Client::new(server.client.base.trim_start_matches("http://").parse().unwrap());
            let keys = Arc::clone(&keys);
            tokio::spawn(async move {
                let mut answers: Vec<(u64, u16, Value)> = Vec::new();
                loop {
                    let Some(key) = keys.lock().unwrap().pop() else { return answers };
                    let body = json!({"dataset": "digits", "seed": key});
                    let request = client.request(Method::POST, "/jobs").header("Idempotency-Key", format!("key-{key}"));
                    let answer = request.json(&body).answer().await;
                    answers.push((key, answer.status.as_u16(), answer.json()["id"].clone()));
                }
            })
        })
        .collect();
    let mut made = 0;
    let mut replayed = 0;
    let mut ids: BTreeMap<u64, BTreeSet<String>> = BTreeMap::new();
    for connection in connections {
        for (key, status, id) in connection.await.unwrap() {
            match status {
                201 => made += 1,
                200 => replayed += 1,
                other => panic!("{other}"),
            }
            ids.entry(key).or_default().insert(id.to_string());
        }
    }
    let stored: u64 = server.store.count_by_status().await.unwrap().iter().map(|(_, count)| count).sum();
    assert_eq!((made, replayed, stored), (distinct, count - distinct, distinct));
    assert!(ids.len() as u64 == distinct && ids.values().all(|ids| ids.len() == 1));
    report(
        &format!("idempotency, {engine:?}"),
        &format!(
            "{count} submissions over {CONNECTIONS} connections, {replayed} with a key used before: {stored} jobs, one a \
             key; {:.1} s",
            begun.elapsed().as_secs_f64()
        ),
    );
}
