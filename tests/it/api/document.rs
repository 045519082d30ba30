use crate::support::server::{Engine, Server};
use reqwest::Method;
use serde_json::Value;
use std::collections::BTreeSet;

/// The contract's routes, as far as they are served.
const ROUTES: &[(&str, &[&str])] = &[
    ("/", &["get"]),
    ("/datasets", &["get"]),
    ("/datasets/{name}", &["get"]),
    ("/datasets/{name}/preview", &["get"]),
    ("/healthz", &["get"]),
    ("/jobs", &["get", "post"]),
    ("/jobs/{id}", &["delete", "get", "patch"]),
    ("/jobs/{id}/cancel", &["post"]),
    ("/jobs/{id}/checkpoints", &["get"]),
    ("/jobs/{id}/checkpoints/{step}", &["get"]),
    ("/jobs/{id}/events", &["get"]),
    ("/jobs/{id}/extend", &["post"]),
    ("/jobs/{id}/interpolations", &["get"]),
    ("/jobs/{id}/metrics", &["get"]),
    ("/jobs/{id}/neighbours", &["get"]),
    ("/jobs/{id}/parzen", &["get", "post"]),
    ("/jobs/{id}/parzen/{evaluation}", &["get"]),
    ("/jobs/{id}/pause", &["post"]),
    ("/jobs/{id}/plots/{plot}", &["get"]),
    ("/jobs/{id}/resume", &["post"]),
    ("/jobs/{id}/samples", &["get"]),
    ("/jobs/{id}/timeline", &["get"]),
    ("/metrics", &["get"]),
    ("/openapi.json", &["get"]),
    ("/readyz", &["get"]),
    ("/recipes", &["get"]),
    ("/session", &["delete", "get", "post"]),
    ("/static/{name}", &["get"]),
    ("/sweeps", &["get", "post"]),
    ("/sweeps/{id}", &["get"]),
];

fn operations(document: &Value) -> BTreeSet<(String, String)> {
    let paths = document["paths"].as_object().unwrap();
    let of_path = |(path, item): (&String, &Value)| {
        item.as_object().unwrap().keys().map(|method| (path.clone(), method.clone())).collect::<Vec<_>>()
    };
    paths.iter().flat_map(of_path).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_router_and_the_document_have_the_same_routes() {
    let server = Server::start(Engine::Sqlite).await;
    let document = server.client.json("/openapi.json").await;
    assert_eq!(document["openapi"].as_str().unwrap().split('.').take(2).collect::<Vec<_>>(), ["3", "1"]);
    let expected: BTreeSet<(String, String)> = ROUTES
        .iter()
        .flat_map(|(path, methods)| methods.iter().map(|method| ((*path).to_owned(), (*method).to_owned())))
        .collect();
    assert_eq!(operations(&document), expected);

    // What the router does not know is answered 404 as a route; what it knows is not, and of the methods it allows
    // exactly those that the document names.
    for (path, methods) in ROUTES {
        let concrete = path
            .replace("{id}", "00000000-0000-7000-8000-000000000000")
            .replace("{evaluation}", "00000000-0000-7000-8000-000000000001")
            .replace("{step}", "1")
            .replace("{plot}", "losses")
            .replace("{name}", "nothing");
        let answer = server.client.http.request(Method::TRACE, format!("{}{concrete}", server.client.base));
        let answer = answer.send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 405, "{path}");
        let allowed = answer.headers()["allow"].to_str().unwrap().to_lowercase();
        let allowed: BTreeSet<&str> = allowed.split(',').map(str::trim).filter(|method| *method != "head").collect();
        assert_eq!(allowed, methods.iter().copied().collect(), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_documents_its_problems() {
    let document = serde_json::to_value(gand::api::document()).unwrap();
    for (path, method) in operations(&document) {
        let operation = &document["paths"][&path][&method];
        let responses = operation["responses"].as_object().unwrap();
        assert!(operation["summary"].is_string() && operation["operationId"].is_string(), "{method} {path}");
        assert!(responses.keys().any(|status| status.starts_with('2')), "{method} {path}");
        let problem = &responses["default"]["content"]["application/problem+json"]["schema"]["$ref"];
        assert_eq!(problem, "#/components/schemas/Problem", "{method} {path}");
    }
    // Every reference leads somewhere.
    let text = document.to_string();
    let schemas = document["components"]["schemas"].as_object().unwrap();
    for part in text.split("#/components/schemas/").skip(1) {
        let name = part.split('"').next().unwrap();
        assert!(schemas.contains_key(name), "{name} is referred to and not there");
    }
}
