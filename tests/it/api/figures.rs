//! Figures 2 and 3 of colour images and of faces, from real data: samples, what they are nearest to, and the way from one
//! to another.

use crate::support::machine::data_dir_with;
use crate::support::server::{DEADLINE, Engine, Server};
use gand::data::npy;
use serde_json::{Value, json};
use std::time::Instant;

async fn trained(dataset: &str, model: Value, test: &str) -> Option<(Server, String)> {
    let folder = data_dir_with(dataset, test)?;
    let options = ["--slots", "1", "--threads", "1", "--datasets", folder.to_str().unwrap()];
    let server = Server::with(Engine::Sqlite, &options).await;
    let spec = json!({
        "dataset": dataset, "recipe": "fast", "model": model,
        "training": {"steps": 20, "batch_size": 20},
        "evaluation": {"every": 0, "quality": false, "parzen": {"samples": 30, "validation_points": 30}}
    });
    let job = server.client.post("/jobs", &spec).await.expect(201).json();
    let id = job["id"].as_str().unwrap().to_owned();
    let begun = Instant::now();
    loop {
        let job = server.client.json(&format!("/jobs/{id}")).await;
        match job["status"].as_str().unwrap() {
            "succeeded" => return Some((server, id)),
            "failed" => panic!("{job}"),
            _ => assert!(begun.elapsed() < DEADLINE, "{job}"),
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

async fn figures(server: &Server, id: &str, shape: [usize; 3]) {
    let get = async |path: &str| server.client.get(&format!("/jobs/{id}/{path}")).await.expect(200).body;
    let samples = npy::parse(&get("samples?count=12&format=npy").await).unwrap();
    assert_eq!(samples.shape, [12, shape[0], shape[1], shape[2]]);
    let values = samples.to_f32();
    assert!(values.iter().all(|value| (0.0..=1.0).contains(value)));
    assert!(values.iter().any(|value| (value - values[0]).abs() > 1e-3), "one shade only");
    for path in ["samples?count=12&scale=1", "neighbours?count=4&scale=1", "interpolations?pairs=2&frames=5&scale=1"] {
        let picture = gand::render::png::decode(&get(path).await).unwrap();
        assert!(picture.width >= 2 * shape[1] && picture.height >= shape[0], "{path}");
        let grey = picture.pixels.chunks_exact(picture.channels).all(|pixel| pixel.iter().all(|one| *one == pixel[0]));
        // What stands between faces may have a colour; faces have none.
        assert!(if shape[2] == 3 { !grey } else { grey || !path.starts_with("samples") }, "{path}");
    }
    let found = server.client.json(&format!("/jobs/{id}/neighbours?count=4&format=json")).await;
    let items = found["items"].as_array().unwrap();
    assert_eq!(items.len(), 4);
    assert!(items.iter().all(|item| item["distance"].as_f64().unwrap() > 0.0), "{found}");
}

#[tokio::test(flavor = "multi_thread")]
async fn contrast_normalised_cifar10_is_shown_in_colour_and_within_bounds() {
    let rectified = json!({"type": "linear", "units": 32, "activation": "relu", "init": 0.05});
    let model = json!({
        "contrast": {"scale": 55.0, "mean": 0.474, "deviation": 0.211},
        "generator": {"layers": [rectified], "output": "linear", "output_init": 0.5, "output_bias": "zero"},
        "discriminator": {"layers": [{"type": "maxout", "units": 16, "pieces": 2, "init": 0.005}]}
    });
    let test = "api::figures::contrast_normalised_cifar10_is_shown_in_colour_and_within_bounds";
    let Some((server, id)) = trained("cifar10", model, test).await else { return };
    figures(&server, &id, [32, 32, 3]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn faces_are_shown_beside_their_nearest() {
    let test = "api::figures::faces_are_shown_beside_their_nearest";
    let Some((server, id)) = trained("faces", json!({}), test).await else { return };
    figures(&server, &id, [56, 46, 1]).await;
}
