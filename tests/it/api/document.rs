use crate::support::server::{Engine, Server};
use gand::gan::read::DataFacts;
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// The contract's routes, as far as they are served.
const ROUTES: &[(&str, &[&str])] = &[
    ("/", &["get"]),
    ("/datasets", &["get"]),
    ("/datasets/{name}", &["delete", "get", "put"]),
    ("/datasets/{name}/preview", &["get"]),
    ("/docs", &["get"]),
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
    ("/jobs/{id}/theory", &["get"]),
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
        // Every error is named by its status: a `default` would hide those that are not.
        for (status, response) in responses.iter().filter(|(status, _)| !status.starts_with(['2', '3'])) {
            let problem = &response["content"]["application/problem+json"]["schema"]["$ref"];
            assert_eq!(problem, "#/components/schemas/Problem", "{method} {path} {status}");
        }
        for status in ["401", "403", "404", "421", "422", "500", "503", "504"] {
            assert!(responses.contains_key(status), "{method} {path} {status}");
        }
        if operation.get("requestBody").is_some() {
            assert!(
                ["400", "408", "413", "415"].iter().all(|status| responses.contains_key(*status)),
                "{method} {path}"
            );
        }
    }
    // Every reference leads somewhere.
    let text = document.to_string();
    let schemas = document["components"]["schemas"].as_object().unwrap();
    for part in text.split("#/components/schemas/").skip(1) {
        let name = part.split('"').next().unwrap();
        assert!(schemas.contains_key(name), "{name} is referred to and not there");
    }
}

/// The document as it was when somebody last looked at what changed in it.
#[test]
fn the_document_is_the_one_in_the_repository() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/openapi.json");
    let document = format!("{}\n", serde_json::to_string_pretty(&gand::api::document()).unwrap());
    if std::env::var_os("GAND_UPDATE").is_some() {
        std::fs::write(path, &document).unwrap();
    }
    let kept = std::fs::read_to_string(path).unwrap();
    assert!(
        kept == document,
        "docs/openapi.json is not what the router says; look at the difference after `cargo run --release -- openapi \
         >docs/openapi.json`, which is {}",
        first_difference(&kept, &document)
    );
}

fn first_difference(one: &str, other: &str) -> String {
    let differ = one.lines().zip(other.lines()).enumerate().find(|(_, (one, other))| one != other);
    differ.map_or_else(
        || "at the end".to_owned(),
        |(line, (one, other))| format!("at line {}: {one} | {other}", line + 1),
    )
}

/// The document's parts of a spec have every field that specs have, so that no setting is hidden from clients.
#[test]
fn the_document_knows_every_field_of_a_spec() {
    let document = serde_json::to_value(gand::api::document()).unwrap();
    for recipe in gand::gan::recipe::all() {
        let dataset = recipe.datasets.first().copied().unwrap_or("digits");
        let written = json!({"dataset": dataset, "recipe": recipe.name});
        let image = |side, channels| gand::data::Shape { height: side, width: side, channels };
        let shape = match dataset {
            "digits" => image(8, 1),
            "cifar10" => image(32, 3),
            "tfd" => image(48, 1),
            name => gand::data::synthetic::Synthetic::by_name(name).map_or(image(28, 1), |known| known.shape()),
        };
        let unit_interval = shape.is_image();
        let facts = DataFacts { shape, train: 50_000, validation: 10_000, unit_interval };
        let spec = gand::gan::read_spec(&written, &|_| Some(facts)).unwrap();
        let spec = serde_json::to_value(&spec).unwrap();
        let unknown = unknown_fields(&document, &document["components"]["schemas"]["Spec"], &spec, recipe.name);
        assert!(unknown.is_empty(), "src/api/spec_schema.rs does not know {unknown:?}");
    }
}

/// The fields of `value` that no schema it could have names.
fn unknown_fields(document: &Value, schema: &Value, value: &Value, at: &str) -> Vec<String> {
    let schemas = alternatives(document, schema);
    match value {
        Value::Object(object) => {
            let kind = object.get("type");
            let fitting = |schema: &&Value| {
                let own = &schema["properties"]["type"]["enum"][0];
                own.is_null() || kind == Some(own)
            };
            let fitting: Vec<&Value> = schemas.into_iter().filter(fitting).collect();
            let below = |(name, value): (&String, &Value)| {
                let at = format!("{at}/{name}");
                match fitting.iter().find_map(|schema| schema["properties"].get(name)) {
                    Some(schema) => unknown_fields(document, schema, value, &at),
                    None => vec![at],
                }
            };
            object.iter().flat_map(below).collect()
        }
        Value::Array(items) => {
            let of_items = schemas.iter().find_map(|schema| schema.get("items"));
            let below = |item| of_items.map_or(vec![], |schema| unknown_fields(document, schema, item, at));
            items.iter().flat_map(below).collect()
        }
        _ => Vec::new(),
    }
}

fn alternatives<'a>(document: &'a Value, schema: &'a Value) -> Vec<&'a Value> {
    if let Some(name) = schema["$ref"].as_str().and_then(|reference| reference.strip_prefix("#/components/schemas/")) {
        return alternatives(document, &document["components"]["schemas"][name]);
    }
    match schema["oneOf"].as_array().or(schema["anyOf"].as_array()).or(schema["allOf"].as_array()) {
        Some(parts) => parts.iter().flat_map(|part| alternatives(document, part)).collect(),
        None => vec![schema],
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_reader_needs_nothing_from_anywhere_else() {
    let server = Server::start(Engine::Sqlite).await;
    let page = server.client.get("/docs").await.expect(200);
    assert!(page.header("content-security-policy").contains("script-src 'self'"));
    let text = page.text();
    assert!(!text.contains("://"), "{text}");
    let names: Vec<&str> = text.split("/static/").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    assert!(names.contains(&"docs.js"), "{names:?}");
    for name in names {
        let asset = server.client.get(&format!("/static/{name}")).await.expect(200);
        assert!(!asset.text().contains("https://"), "{name}");
    }
}
