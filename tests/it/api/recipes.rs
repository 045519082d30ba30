//! The recipes as clients see them.

use crate::support::server::{Engine, Server};
use serde_json::{Value, json};

/// The pointers at which a job's spec has something else than its recipe, of what the recipe has.
fn differences(recipe: &Value, spec: &Value, pointer: &str) -> Vec<String> {
    match (recipe, spec) {
        (Value::Object(fields), Value::Object(_)) => fields
            .iter()
            .flat_map(|(name, value)| differences(value, &spec[name], &format!("{pointer}/{name}")))
            .collect(),
        (Value::Array(items), Value::Array(others)) if items.len() == others.len() => {
            let pairs = items.iter().zip(others).enumerate();
            pairs.flat_map(|(i, (item, other))| differences(item, other, &format!("{pointer}/{i}"))).collect()
        }
        // 100 and 100.0 are one number.
        (Value::Number(one), Value::Number(other)) if one.as_f64() == other.as_f64() => Vec::new(),
        _ if recipe == spec => Vec::new(),
        _ => vec![format!("{pointer}: {recipe}, {spec}")],
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn recipes_are_spelled_as_the_specs_of_jobs_are() {
    let server = Server::start(Engine::Sqlite).await;
    let mut compared = 0;
    for recipe in server.client.json("/recipes").await["items"].as_array().unwrap() {
        for dataset in ["digits", "gaussian-1d", "ring-2d"] {
            let made_for = &recipe["datasets"];
            if made_for != &json!([]) && !made_for.as_array().unwrap().contains(&json!(dataset)) {
                continue;
            }
            let answer = server.client.post("/jobs", &json!({"dataset": dataset, "recipe": recipe["name"]})).await;
            // A recipe for any images may not read for points.
            if answer.status.as_u16() != 201 {
                continue;
            }
            let found = differences(&recipe["settings"], &answer.json()["spec"], "");
            assert!(found.is_empty(), "{} on {dataset}: {found:#?}", recipe["name"]);
            compared += 1;
        }
    }
    assert!(compared >= 5, "only {compared} were compared");
    // What this machine has no data for is spelled as well.
    let recipes = server.client.json("/recipes").await;
    let paper = recipes["items"].as_array().unwrap().iter().find(|recipe| recipe["name"] == "paper-mnist").unwrap();
    let init = &paper["settings"]["model"]["generator"]["layers"][0]["init"];
    assert_eq!(init, &json!({"type": "uniform", "range": 0.05}));
}
