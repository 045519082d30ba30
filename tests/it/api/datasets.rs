use crate::support::server::{Engine, Server};
use reqwest::header::IF_NONE_MATCH;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn datasets_are_listed_shown_and_previewed() {
    let server = Server::start(Engine::Sqlite).await;
    let list = server.client.json("/datasets?limit=200").await;
    let names: Vec<_> = list["items"].as_array().unwrap().iter().map(|set| set["name"].as_str().unwrap()).collect();
    for name in ["digits", "gaussian-1d", "ring-2d", "mnist"] {
        assert!(names.contains(&name), "{name} is not in {names:?}");
    }
    let page = server.client.json("/datasets?limit=1").await;
    let next = server.client.json(&format!("/datasets?limit=1&cursor={}", page["next_cursor"].as_str().unwrap())).await;
    assert_eq!([&page["items"][0], &next["items"][0]], [&list["items"][0], &list["items"][1]]);

    let digits = server.client.json("/datasets/digits").await;
    assert_eq!(digits["shape"], json!({"height": 8, "width": 8, "channels": 1}));
    assert!(digits["counts"]["train"].as_u64().unwrap() > 0);
    for name in ["digits", "ring-2d", "gaussian-1d"] {
        let path = format!("/datasets/{name}/preview?count=20");
        let picture = server.client.get(&path).await.expect(200);
        gand::render::png::decode(&picture.body).unwrap();
        server.client.get_with(&path, IF_NONE_MATCH, picture.header("etag")).await.expect(304);
    }
    server.client.get("/datasets/..%2f..%2fetc/preview").await.problem(404, "not-found");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dataset_whose_files_are_missing_says_so_when_it_is_asked_for() {
    let server = Server::start(Engine::Sqlite).await;
    if server.client.json("/datasets/mnist").await["available"] == json!(true) {
        return crate::support::machine::did_not_run(
            "a_dataset_whose_files_are_missing_says_so_when_it_is_asked_for",
            "GAND_DATA is set, so mnist is here",
        );
    }
    let answer = server.client.post("/jobs", &json!({"dataset": "mnist"})).await;
    let problem = answer.problem(422, "validation");
    assert_eq!(problem["errors"][0]["pointer"], "/dataset");
    assert!(problem["errors"][0]["detail"].as_str().unwrap().contains("GAND_DATA"), "{problem}");
}
