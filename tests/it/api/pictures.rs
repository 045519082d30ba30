//! What pictures may cost: no more pixels, and no more memory for what is drawn, than there is.

use super::drive::{claim, digits, submit, train, trained};
use crate::support::client::Sent as _;
use crate::support::server::{DEADLINE, Engine, Server};
use futures::FutureExt as _;
use gand::data::npy;
use gand::gan::Weights;
use gand::job::JobId;
use gand::render::{Picture, png};
use gand::sampler::{DrawError, Generator, Handle, Latents};
use gand::store::Record;
use reqwest::Method;
use serde_json::json;
use std::pin::pin;

#[tokio::test(flavor = "multi_thread")]
async fn pictures_and_films_of_too_many_pixels_are_refused() {
    let server = Server::start(Engine::Sqlite).await;
    let values: Vec<f32> = (0..500 * 32 * 32).map(|value| (value % 251) as f32 / 251.0).collect();
    let put = server.client.request(Method::PUT, "/datasets/squares");
    let put = put.header("content-type", "application/octet-stream").body(npy::encode(&[500, 32, 32], &values));
    put.answer().await.expect(201);
    let body = json!({"dataset": "squares", "model": digits()["model"], "training": {"steps": 5, "batch_size": 16}});
    let id = submit(&server, &body).await;
    let claim = claim(&server).await;
    train(&server, claim, &[5]).await;

    for path in [
        format!("/jobs/{id}/samples?count=300"),
        format!("/jobs/{id}/samples?count=300&columns=2"),
        format!("/jobs/{id}/neighbours?count=200"),
        format!("/jobs/{id}/interpolations?pairs=20&frames=16"),
        format!("/jobs/{id}/interpolations?pairs=16&frames=16&format=gif"),
        format!("/jobs/{id}/interpolations?pairs=16&frames=16&format=apng"),
        "/datasets/squares/preview?count=1000".to_owned(),
    ] {
        let refused = server.client.get(&format!("{path}&scale=16")).await;
        let problem = refused.problem(422, "parameters");
        assert_eq!(refused.pointers(), ["/scale"], "{path}");
        assert!(problem["errors"][0]["detail"].as_str().unwrap().contains("a smaller scale"), "{problem}");
        server.client.get(&format!("{path}&scale=1")).await.expect(200);
    }
    // What has no pixels has no scale that is too large.
    server.client.get(&format!("/jobs/{id}/samples?count=300&scale=16&format=npy")).await.expect(200);
    server.client.get(&format!("/jobs/{id}/neighbours?count=200&scale=16&format=json")).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_timeline_shows_as_many_pictures_as_there_may_be_in_memory() {
    const SIDE: usize = 2048;
    let server = Server::start(Engine::Sqlite).await;
    let id = submit(&server, &digits()).await;
    let claim = claim(&server).await;
    let picture = Picture { width: SIDE, height: SIDE, channels: 1, pixels: vec![7; SIDE * SIDE] };
    let file = png::encode(&picture).unwrap();
    let records: Vec<Record> = (1..=17).map(|step| Record::Snapshot { step, png: file.clone() }).collect();
    server.store.record(claim.hold, &records).await.unwrap().unwrap();
    for format in ["gif", "apng"] {
        let path = format!("/jobs/{id}/timeline?format={format}");
        let refused = server.client.get(&format!("{path}&frames=17")).await;
        refused.problem(422, "parameters");
        assert_eq!(refused.pointers(), ["/frames"], "{format}");
        server.client.get(&format!("{path}&frames=2")).await.expect(200);
    }
    // Who does not say how many has as many as there may be.
    let film = server.client.get(&format!("/jobs/{id}/timeline?format=apng")).await.expect(200).body;
    let pictures = film.windows(4).position(|chunk| chunk == b"acTL").unwrap() + 4;
    assert_eq!(film[pictures..pictures + 4], 16_u32.to_be_bytes());
    server.client.get(&format!("/jobs/{id}/timeline?format=png")).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_drawn_has_its_room_until_it_is_let_go() {
    let server = Server::start(Engine::Sqlite).await;
    let id: JobId = trained(&server).await.parse().unwrap();
    let file = server.store.checkpoint_bytes(id, 20).await.unwrap().unwrap();
    let samplers = Handle::start(1, 1 << 20).unwrap();
    let generator = Generator { digest: "a checkpoint".to_owned(), weights: Weights::Raw };
    assert!(samplers.find(&generator).is_none());
    let model = samplers.load(generator.clone(), file).await.unwrap();
    assert!(samplers.find(&generator).is_some());
    let latents = |count| Latents::OfSeed { seed: 0, range: 0..count };

    // No more is drawn than room was taken for.
    let little = samplers.room(model.bytes(50)).await.unwrap();
    let drawn = samplers.draw(&model, &little, latents(50)).await.unwrap();
    assert_eq!(drawn.samples.len(), 50 * model.shape().len());
    assert!(matches!(samplers.draw(&model, &little, latents(51)).await, Err(DrawError::Failed(_))));

    // All that there is for large draws is free again when what was drawn in it is gone, and not before.
    let all = samplers.room(u64::MAX).await.unwrap();
    let drawn = samplers.draw(&model, &all, latents(3)).await.unwrap();
    drop(all);
    let mut next = pin!(samplers.room(u64::MAX));
    assert!(next.as_mut().now_or_never().is_none());
    drop(drawn);
    tokio::time::timeout(DEADLINE, next).await.expect("the room is given back").unwrap();
}
