//! From a body with lists in place of values to one body for each combination.
//!
//! A list is an axis wherever a spec has no list. The few fields that take one (`layers`, `bandwidth_grid`,
//! `input_shape`) are an axis where they hold a list of lists. `name`, `tags`, `priority` and `from` are the sweep's own.

use super::sweep::{Axis, values_at};
use crate::gan::Fault;
use serde_json::{Map, Value};
use std::collections::HashMap;

/// The most jobs that a sweep may be.
pub const MOST_JOBS: usize = 256;

/// Fields of a spec whose value is a list.
const LISTS: [&str; 3] = ["layers", "bandwidth_grid", "input_shape"];

/// Fields of the submission that are not the spec's.
const OWN: [&str; 4] = ["name", "tags", "priority", "from"];

/// A body with lists, taken apart.
#[derive(Clone, PartialEq, Debug)]
pub struct Grid {
    body: Map<String, Value>,
    axes: Vec<Axis>,
    len: usize,
}

impl Grid {
    /// Finds the axes of a body.
    ///
    /// # Errors
    ///
    /// If there is none, one is empty or has a value twice, or there are more than [`MOST_JOBS`] combinations.
    pub fn of(body: Map<String, Value>) -> Result<Self, Vec<Fault>> {
        let mut axes = Vec::new();
        for (name, value) in body.iter().filter(|(name, _)| !OWN.contains(&name.as_str())) {
            find(value, join("", name), name, &mut axes);
        }
        let mut faults: Vec<Fault> = axes.iter().flat_map(faults_of).collect();
        let product = axes.iter().try_fold(1_usize, |product, axis| product.checked_mul(axis.values.len()));
        let len = product.unwrap_or(usize::MAX);
        if axes.is_empty() {
            let detail = "no axis: a sweep has a list in place of at least one value, such as \"seed\": [1, 2, 3]; a \
                          single job goes to POST /jobs";
            faults.push(Fault { pointer: String::new(), detail: detail.to_owned() });
        } else if len > MOST_JOBS {
            let count = product.map_or_else(|| "far too many".to_owned(), |count| count.to_string());
            let detail = format!("the lists make {count} combinations; at most {MOST_JOBS} are allowed");
            faults.push(Fault { pointer: String::new(), detail });
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        name(&mut axes);
        Ok(Self { body, axes, len })
    }

    /// How many combinations there are.
    #[must_use]
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> usize {
        self.len
    }

    /// The axes, in the order of the body.
    #[must_use]
    pub fn axes(&self) -> &[Axis] {
        &self.axes
    }

    /// The body of one combination.
    #[must_use]
    pub fn body(&self, position: usize) -> Map<String, Value> {
        let mut body = Value::Object(self.body.clone());
        for (axis, value) in self.axes.iter().zip(values_at(&self.axes, position)) {
            if let Some(place) = body.pointer_mut(&axis.pointer) {
                *place = value.clone();
            }
        }
        match body {
            Value::Object(body) => body,
            _ => Map::new(),
        }
    }

    /// One combination in words: `learning_rate 0.1, seed 2`.
    #[must_use]
    pub fn words(&self, position: usize) -> String {
        let words = self.axes.iter().zip(values_at(&self.axes, position)).map(|(axis, value)| {
            let value = match value {
                Value::String(text) => text.clone(),
                Value::Array(_) | Value::Object(_) => {
                    let index = axis.values.iter().position(|known| known == value).unwrap_or(0);
                    format!("#{index}")
                }
                scalar => scalar.to_string(),
            };
            format!("{} {value}", axis.name)
        });
        words.collect::<Vec<_>>().join(", ")
    }

    /// The faults of all combinations as faults of the body with its lists: each once, at the value it is of.
    #[must_use]
    pub fn gather(&self, faults: impl IntoIterator<Item = (usize, Vec<Fault>)>) -> Vec<Fault> {
        let mut gathered: Vec<(Fault, usize, usize)> = Vec::new();
        let mut known: HashMap<(String, String), usize> = HashMap::new();
        for (position, Fault { pointer, detail }) in
            faults.into_iter().flat_map(|(position, faults)| faults.into_iter().map(move |fault| (position, fault)))
        {
            let fault = Fault { pointer: self.locate(position, pointer), detail };
            let at = *known.entry((fault.pointer.clone(), fault.detail.clone())).or_insert_with(|| {
                gathered.push((fault, position, 0));
                gathered.len() - 1
            });
            if let Some((_, _, count)) = gathered.get_mut(at) {
                *count += 1;
            }
        }
        let told = gathered.into_iter().map(|(mut fault, position, count)| {
            let of_a_value = self.axes.iter().any(|axis| is_within(&fault.pointer, &axis.pointer));
            if count < self.len && !of_a_value {
                fault.detail = format!("{} (with {})", fault.detail, self.words(position));
            }
            fault
        });
        told.collect()
    }

    /// Where in the body with lists that is, which a combination has at `pointer`.
    fn locate(&self, position: usize, pointer: String) -> String {
        for (axis, value) in self.axes.iter().zip(values_at(&self.axes, position)) {
            if is_within(&pointer, &axis.pointer) {
                let index = axis.values.iter().position(|known| known == value).unwrap_or(0);
                let rest = pointer.get(axis.pointer.len()..).unwrap_or("");
                return format!("{}/{index}{rest}", axis.pointer);
            }
        }
        pointer
    }
}

fn find(value: &Value, pointer: String, name: &str, axes: &mut Vec<Axis>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                find(value, join(&pointer, name), name, axes);
            }
        }
        Value::Array(items) if LISTS.contains(&name) && (items.is_empty() || !items.iter().all(Value::is_array)) => {
            for (index, item) in items.iter().enumerate().filter(|(_, item)| item.is_object()) {
                find(item, join(&pointer, &index.to_string()), "", axes);
            }
        }
        Value::Array(items) => axes.push(Axis { pointer, name: String::new(), values: items.clone() }),
        _ => {}
    }
}

fn faults_of(axis: &Axis) -> Vec<Fault> {
    if axis.values.is_empty() {
        let detail = "an empty list: an axis has at least one value".to_owned();
        return vec![Fault { pointer: axis.pointer.clone(), detail }];
    }
    // What is beyond the limit is not looked at value by value.
    let values = axis.values.get(..MOST_JOBS).unwrap_or(&axis.values);
    let twice = values.iter().enumerate().filter_map(|(index, value)| {
        let first = values.iter().position(|known| known == value).filter(|first| *first < index)?;
        let detail = format!("the same value as at {first}");
        Some(Fault { pointer: join(&axis.pointer, &index.to_string()), detail })
    });
    twice.collect()
}

/// Names each axis by the end of its pointer, as long as it takes.
fn name(axes: &mut [Axis]) {
    let pointers: Vec<String> = axes.iter().map(|axis| axis.pointer.clone()).collect();
    for (own, axis) in axes.iter_mut().enumerate() {
        let ends = axis.pointer.rmatch_indices('/').map(|(at, _)| axis.pointer.get(at..).unwrap_or(""));
        let alone =
            |end: &&str| pointers.iter().enumerate().all(|(other, pointer)| other == own || !pointer.ends_with(*end));
        let end = ends.into_iter().find(alone).unwrap_or(&axis.pointer);
        axis.name = end.trim_start_matches('/').replace("~1", "/").replace("~0", "~");
    }
}

fn is_within(pointer: &str, outer: &str) -> bool {
    pointer.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn join(pointer: &str, token: &str) -> String {
    format!("{pointer}/{}", token.replace('~', "~0").replace('/', "~1"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn grid(body: Value) -> Result<Grid, Vec<Fault>> {
        match body {
            Value::Object(body) => Grid::of(body),
            other => unreachable!("{other}"),
        }
    }

    fn pointers(faults: &[Fault]) -> Vec<&str> {
        faults.iter().map(|fault| fault.pointer.as_str()).collect()
    }

    #[test]
    fn a_list_where_a_spec_has_none_is_an_axis_and_the_last_one_changes_fastest() {
        let grid = grid(json!({
            "name": "n", "tags": ["a", "b"], "seed": [1, 2],
            "training": {"optimizer": {"learning_rate": [0.1, 0.01, 0.001]}, "steps": 5}
        }))
        .unwrap();
        let axes: Vec<_> = grid.axes().iter().map(|axis| (axis.pointer.as_str(), axis.name.as_str())).collect();
        assert_eq!(axes, [("/seed", "seed"), ("/training/optimizer/learning_rate", "learning_rate")]);
        assert_eq!(grid.len(), 6);
        let body = Value::Object(grid.body(4));
        assert_eq!(body["seed"], 2);
        assert_eq!(body["training"], json!({"optimizer": {"learning_rate": 0.01}, "steps": 5}));
        assert_eq!((&body["name"], &body["tags"]), (&json!("n"), &json!(["a", "b"])));
        assert_eq!(grid.words(4), "seed 2, learning_rate 0.01");
    }

    #[test]
    fn lists_that_a_spec_has_are_values_unless_they_hold_lists() {
        let layer = |units: Value| json!({"type": "linear", "units": units});
        let within = grid(json!({"model": {"generator": {"layers": [layer(json!([8, 16])), layer(json!(4))]}}}));
        assert_eq!(within.unwrap().axes()[0].pointer, "/model/generator/layers/0/units");
        let whole = grid(json!({"model": {"generator": {"layers": [[layer(json!(8))], []]}}})).unwrap();
        assert_eq!((whole.axes()[0].pointer.as_str(), whole.len()), ("/model/generator/layers", 2));
        assert_eq!(whole.words(1), "layers #1");
        let none = grid(json!({"evaluation": {"parzen": {"bandwidth_grid": [0.1, 0.2]}}, "tags": [["a"]]}));
        assert_eq!(pointers(&none.unwrap_err()), [""]);
        let two = grid(json!({"evaluation": {"parzen": {"bandwidth_grid": [[0.1], [0.1, 0.2]]}}}));
        assert_eq!(two.unwrap().len(), 2);
    }

    #[test]
    fn axes_of_one_name_are_told_apart() {
        let grid = grid(json!({"a": {"every": [1]}, "b": {"every": [1]}, "x~/y": [1]})).unwrap();
        let names: Vec<_> = grid.axes().iter().map(|axis| axis.name.as_str()).collect();
        assert_eq!(names, ["a/every", "b/every", "x~/y"]);
    }

    #[test]
    fn empty_repeated_and_too_many_values_are_faults() {
        assert_eq!(pointers(&grid(json!({"seed": []})).unwrap_err()), ["/seed"]);
        assert_eq!(pointers(&grid(json!({"seed": [1, 2, 1]})).unwrap_err()), ["/seed/2"]);
        let many: Vec<_> = (0..100).collect();
        let faults = grid(json!({"a": many, "b": many, "c": many})).unwrap_err();
        assert!(faults[0].detail.contains("1000000 combinations"), "{}", faults[0].detail);
        let more: Value = (0..12).map(|axis| (format!("a{axis}"), json!(many))).collect();
        assert_eq!(pointers(&grid(more).unwrap_err()), [""]);
    }

    #[test]
    fn a_fault_is_told_once_and_at_its_value() {
        let grid = grid(json!({"seed": [1, 2], "rate": [5, -1]})).unwrap();
        let fault = |pointer: &str| Fault { pointer: pointer.to_owned(), detail: "wrong".to_owned() };
        let faults = grid.gather([
            (0, vec![fault("/colour"), fault("/size")]),
            (1, vec![fault("/colour"), fault("/rate")]),
            (2, vec![fault("/colour")]),
            (3, vec![fault("/colour"), fault("/rate/x")]),
        ]);
        let told: Vec<_> = faults.iter().map(|fault| (fault.pointer.as_str(), fault.detail.as_str())).collect();
        assert_eq!(
            told,
            [
                ("/colour", "wrong"),
                ("/size", "wrong (with seed 1, rate 5)"),
                ("/rate/1", "wrong"),
                ("/rate/1/x", "wrong")
            ]
        );
    }
}
