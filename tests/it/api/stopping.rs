use super::drive::{digits, submit};
use crate::support::server::{DEADLINE, Engine, Server};
use reqwest::Method;

#[tokio::test(flavor = "multi_thread")]
async fn open_streams_end_when_the_server_stops() {
    // A grace beyond the test's own patience: a stream that does not end by itself is not cut in time.
    let mut server = Server::with(Engine::Sqlite, &["--slots", "0", "--grace", "10m"]).await;
    let id = submit(&server, &digits()).await;
    let mut streams = Vec::new();
    for _ in 0..20 {
        let stream = server.client.request(Method::GET, &format!("/jobs/{id}/events")).send().await.unwrap();
        assert!(stream.status().is_success());
        streams.push(tokio::spawn(async move { stream.bytes().await }));
    }
    server.stop().await;
    for stream in streams {
        // It ended in good order: every byte of a whole body came.
        tokio::time::timeout(DEADLINE, stream).await.unwrap().unwrap().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_are_still_there_after_a_restart() {
    let server = Server::start(Engine::Sqlite).await;
    let id = super::drive::trained(&server).await;
    let before = server.client.json(&format!("/jobs/{id}")).await;
    let samples = server.client.get(&format!("/jobs/{id}/samples?format=npy")).await.expect(200).body;
    let server = server.restart().await;
    assert_eq!(server.client.json(&format!("/jobs/{id}")).await, before);
    assert_eq!(server.client.get(&format!("/jobs/{id}/samples?format=npy")).await.expect(200).body, samples);
}
