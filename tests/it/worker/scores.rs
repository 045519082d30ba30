//! The default recipes come to what the README says of them: in short, here; at length by `make results-seeds`, which writes
//! `docs/scores.json`.

use super::foreground::train;
use crate::support::machine::data_dir_with;
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::time::Duration;

/// A thousand steps on MNIST, on a machine that has other things to do.
const PATIENCE: Duration = Duration::from_secs(600);

/// What a short run of a recipe may come to, whatever the kernels.
struct Short {
    recipe: &'static str,
    dataset: &'static str,
    steps: u64,
    by: &'static str,
    least: f64,
    most: f64,
}

/// From three seeds on each set of kernels, and as much again to either side (`make results-seeds` has the long runs).
const SHORT: &[Short] = &[
    Short { recipe: "digits", dataset: "digits", steps: 2000, by: "/log_likelihood", least: 6.0, most: 20.0 },
    Short { recipe: "toy-1d", dataset: "mixture-1d", steps: 2000, by: "/theory/divergence", least: 0.0, most: 0.04 },
    Short { recipe: "toy-2d", dataset: "ring-2d", steps: 2000, by: "/theory/divergence", least: 0.03, most: 0.12 },
    Short { recipe: "modern", dataset: "mnist", steps: 1000, by: "/log_likelihood", least: -17.0, most: 62.0 },
    Short { recipe: "fast", dataset: "mnist", steps: 1000, by: "/log_likelihood", least: -60.0, most: -34.0 },
];

fn evaluate(short: &Short, kernels: Option<&str>, data: Option<&Path>) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let Short { recipe, dataset, steps, .. } = short;
    let spec = json!({"dataset": dataset, "recipe": recipe, "training": {"steps": steps},
        "checkpoint": {"every": steps}, "evaluation": {"every": steps, "quality": false}});
    fs::write(folder.path().join("spec.json"), spec.to_string()).unwrap();
    let mut arguments = vec!["@spec.json".to_owned(), "--out".to_owned(), "@run".to_owned()];
    arguments.extend(kernels.into_iter().flat_map(|kernels| ["--kernels".to_owned(), kernels.to_owned()]));
    arguments.extend(data.into_iter().flat_map(|data| ["--datasets".to_owned(), data.display().to_string()]));
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (status, log) = train(folder.path(), &arguments).wait_for(PATIENCE);
    assert!(status.success(), "{log}");
    let text = fs::read_to_string(folder.path().join("run/evaluations.json")).unwrap();
    serde_json::from_str::<Vec<Value>>(&text).unwrap().pop().unwrap()
}

fn assert_holds(short: &Short, kernels: Option<&str>, data: Option<&Path>) {
    let Short { recipe, dataset, by, least, most, .. } = short;
    let found = evaluate(short, kernels, data).pointer(by).and_then(Value::as_f64).unwrap();
    assert!((*least..=*most).contains(&found), "{recipe} on {dataset}, {kernels:?}: {by} is {found}");
}

#[test]
fn short_runs_of_the_default_recipes_come_to_what_is_written_of_them() {
    for short in SHORT {
        let name = format!("{} on {}, in short", short.recipe, short.dataset);
        match short.dataset {
            "mnist" => {
                let Some(data) = data_dir_with("mnist", &name) else { continue };
                assert_holds(short, None, Some(&data));
            }
            _ => assert_holds(short, None, None),
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[test]
fn a_run_trains_with_every_set_of_kernels() {
    let toy = &SHORT[1];
    assert_eq!(toy.recipe, "toy-1d");
    assert_holds(toy, Some("portable"), None);
    if std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma") {
        assert_holds(toy, Some("avx2"), None);
    }
}
