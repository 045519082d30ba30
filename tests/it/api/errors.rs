use super::drive::digits;
use crate::support::client::Sent as _;
use crate::support::server::{Engine, Server};
use reqwest::Method;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_of_a_spec_is_named_at_once() {
    let server = Server::start(Engine::Sqlite).await;
    let body = json!({
        "name": 7, "tags": "one", "priority": 1.5, "dataset": "no-such-set", "recipe": "no-such-recipe", "sead": 1,
        "model": {"latent": {"dim": 0}},
        "training": {"steps": -5, "batch_size": "many", "optimizer": {"type": "sgd", "learning_rate": -1}},
    });
    let answer = server.client.post("/jobs", &body).await;
    answer.problem(422, "validation");
    let pointers = answer.pointers();
    for expected in
        ["/name", "/tags", "/priority", "/dataset", "/recipe", "/sead", "/model/latent/dim", "/training/steps"]
    {
        assert!(pointers.iter().any(|pointer| pointer == expected), "{expected} is not in {pointers:?}");
    }
    let answer = server.client.post("/jobs", &json!({"dataset": "digits", "tags": ["", 5, "x\u{1}"]})).await;
    answer.problem(422, "validation");
    assert_eq!(answer.pointers(), ["/tags/0", "/tags/1", "/tags/2"]);
    let answer =
        server.client.post("/sweeps", &json!({"dataset": "digits", "seed": [1, 2], "tags": ["a", null]})).await;
    answer.problem(422, "validation");
    assert_eq!(answer.pointers(), ["/tags/1"]);
    assert!(server.client.json("/jobs").await["items"].as_array().unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn every_error_is_a_problem() {
    let server = Server::with(Engine::Sqlite, &["--slots", "0", "--max-body", "1KiB"]).await;
    let client = &server.client;
    let id =
        client.post("/jobs", &json!({"dataset": "digits"})).await.expect(201).json()["id"].as_str().unwrap().to_owned();
    let missing = "/jobs/00000000-0000-7000-8000-000000000000";

    client.get("/nothing/here").await.problem(404, "not-found");
    client.get("/static/nothing.js").await.problem(404, "not-found");
    client.get(missing).await.problem(404, "not-found");
    client.get("/jobs/not-an-id").await.problem(404, "not-found");
    client.get(&format!("/jobs/{id}/checkpoints/7")).await.problem(404, "not-found");
    client.get(&format!("/jobs/{id}/checkpoints/newest")).await.problem(404, "not-found");
    client.get(&format!("/jobs/{id}/samples")).await.problem(404, "not-found");
    client.get("/datasets/nothing").await.problem(404, "not-found");

    let refused = client.request(Method::PUT, "/jobs").answer().await;
    refused.problem(405, "method-not-allowed");
    for method in ["GET", "POST"] {
        assert!(refused.header("allow").contains(method), "{}", refused.header("allow"));
    }
    client
        .get_with(&format!("/jobs/{id}/metrics"), reqwest::header::ACCEPT, "image/png")
        .await
        .problem(406, "not-acceptable");

    let large = json!({"dataset": "x".repeat(2000)});
    client.post("/jobs", &large).await.problem(413, "too-large");
    let as_text = client.request(Method::POST, "/jobs").body(digits().to_string());
    as_text.answer().await.problem(415, "unsupported-media-type");
    let broken =
        client.request(Method::POST, "/jobs").header("content-type", "application/json").body("{\"dataset\": ");
    broken.answer().await.problem(400, "malformed-json");
    client.post("/jobs", &json!(["digits"])).await.problem(422, "validation");
    client.post("/jobs", &json!({})).await.problem(422, "validation");

    let wrong = client.get(&format!("/jobs/{id}/samples?count=0&checkpoint=newest&weights=old&scale=99")).await;
    wrong.problem(422, "parameters");
    assert_eq!(wrong.pointers(), ["/count", "/scale", "/checkpoint", "/weights"]);
    for (query, pointer) in
        [("count=many", "/count"), ("cuont=1", "/cuont"), ("count=1&count=2", "/count"), ("seed=-1", "/seed")]
    {
        let wrong = client.get(&format!("/jobs/{id}/samples?{query}")).await;
        wrong.problem(422, "parameters");
        assert_eq!(wrong.pointers(), [pointer], "{query}");
    }
    for (path, pointers) in [
        ("/samples?count=abc&seed=xyz&cuont=1", &["/count", "/seed", "/cuont"][..]),
        ("/samples?a=1&count=1&b=2&seed=5&seed=6", &["/a", "/b", "/seed"]),
        ("?x=1", &["/x"]),
        ("?x=1&y&x=2", &["/x", "/y"]),
    ] {
        let wrong = client.get(&format!("/jobs/{id}{path}")).await;
        wrong.problem(422, "parameters");
        assert_eq!(wrong.pointers(), pointers, "{path}");
    }
    client.get(&format!("/jobs/{id}/samples?format=bmp")).await.problem(422, "parameters");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clients_request_id_is_kept_if_it_is_plain() {
    let server = Server::start(Engine::Sqlite).await;
    let name = reqwest::header::HeaderName::from_static("x-request-id");
    let kept = server.client.get_with("/nothing", name.clone(), "trace-7").await;
    assert_eq!(kept.problem(404, "not-found")["request_id"], "trace-7");
    let replaced = server.client.get_with("/nothing", name, "a b\"c").await;
    assert_ne!(replaced.problem(404, "not-found")["request_id"], "a b\"c");
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_streams_are_turned_away() {
    let server = Server::with(Engine::Sqlite, &["--slots", "0", "--max-streams", "1"]).await;
    let id = super::drive::submit(&server, &digits()).await;
    let path = format!("/jobs/{id}/events");
    let stream = server.client.request(Method::GET, &path).send().await.unwrap();
    assert!(stream.status().is_success());
    let refused = server.client.get(&path).await;
    refused.problem(503, "overloaded");
    assert!(refused.header("retry-after").parse::<u32>().unwrap() > 0);
    // Everything else is served meanwhile.
    server.client.get(&format!("/jobs/{id}")).await.expect(200);
}
