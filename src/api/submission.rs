//! From the body of `POST /jobs` to a job about to be submitted, or to all faults of the body at once.

use super::admission;
use super::extract::{Fields, kind};
use crate::gan::{Fault, read::DataFacts, read_spec};
use crate::job::{JobId, NewJob, Origin};
use crate::library::Library;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};
use std::cell::RefCell;
use std::collections::HashMap;
use std::ops::RangeInclusive;

/// The longest name.
pub const NAME_LENGTH: usize = 200;
/// The longest label, and how many there may be.
pub const TAG_LENGTH: usize = 64;
/// How many labels a job may carry.
pub const TAG_COUNT: usize = 32;
/// Priorities that may be asked for.
pub const PRIORITIES: RangeInclusive<i64> = -100..=100;

/// Reads the whole body. `facts_of` knows the datasets by name; `max_memory` is what training may need, in bytes.
///
/// # Errors
///
/// Every fault: those of the job's own fields first, then those of the spec.
pub fn read_job(
    body: Map<String, Value>,
    facts_of: &dyn Fn(&str) -> Option<DataFacts>,
    max_memory: u64,
) -> Result<NewJob, Vec<Fault>> {
    let mut fields = Fields::new(body, "");
    let name = fields.text("name", NAME_LENGTH).flatten();
    let tags = read_tags(&mut fields).unwrap_or_default();
    let priority = fields.integer("priority", PRIORITIES).unwrap_or(0);
    let from = fields.take("from").filter(|from| !from.is_null()).and_then(|from| read_origin(&mut fields, from));
    let (spec, mut faults) = fields.rest();
    let spec = read_spec(&Value::Object(spec), facts_of).and_then(|spec| {
        let too_large = facts_of(&spec.dataset).and_then(|facts| admission::check_memory(&spec, &facts, max_memory));
        too_large.map_or(Ok(spec), |fault| Err(vec![fault]))
    });
    match spec {
        Ok(spec) if faults.is_empty() => {
            Ok(NewJob { name, tags, priority: i32::try_from(priority).unwrap_or(0), spec, from })
        }
        Ok(_) => Err(faults),
        Err(of_spec) => {
            faults.extend(of_spec);
            Err(faults)
        }
    }
}

/// What is known of the datasets that bodies name: each is looked for once.
pub struct Datasets<'a> {
    library: &'a Library,
    known: RefCell<HashMap<String, Result<DataFacts, String>>>,
}

impl<'a> Datasets<'a> {
    /// The datasets of a library.
    pub fn new(library: &'a Library) -> Self {
        Self { library, known: RefCell::default() }
    }

    /// Reads a body as [`read_job`] does. Facts about a dataset may have to be read from disk.
    ///
    /// # Errors
    ///
    /// Every fault of the body.
    pub fn read_job(&self, body: Map<String, Value>, max_memory: u64) -> Result<NewJob, Vec<Fault>> {
        let named = body.get("dataset").and_then(Value::as_str).map(str::to_owned);
        read_job(body, &|name| self.find(name).ok(), max_memory).map_err(|mut faults| {
            // Why there are no facts is worth more to the client than that there are none.
            let of_dataset = faults.iter_mut().find(|fault| fault.pointer == "/dataset");
            if let Some((fault, Err(why))) = of_dataset.zip(named.map(|name| self.find(&name))) {
                fault.detail = why;
            }
            faults
        })
    }

    fn find(&self, name: &str) -> Result<DataFacts, String> {
        let look = || self.library.get(name).map(|data| DataFacts::from(&*data)).map_err(|error| error.to_string());
        self.known.borrow_mut().entry(name.to_owned()).or_insert_with(look).clone()
    }
}

/// Takes `tags`: a list of distinct short texts.
pub fn read_tags(fields: &mut Fields) -> Option<Vec<String>> {
    let entries = match fields.take("tags")? {
        Value::Array(entries) => entries,
        other => {
            fields.fault("tags", format!("must be a list of texts, not {}", kind(&other)));
            return None;
        }
    };
    let mut faults = Vec::new();
    if entries.len() > TAG_COUNT {
        let detail = format!("must be at most {TAG_COUNT} labels");
        faults.push(Fault { pointer: "/tags".to_owned(), detail });
    }
    let mut tags: Vec<String> = Vec::new();
    // Those that are too many are not told one by one.
    for (place, entry) in entries.into_iter().take(TAG_COUNT).enumerate() {
        let detail = match entry {
            Value::String(tag)
                if !tag.trim().is_empty()
                    && tag.chars().count() <= TAG_LENGTH
                    && !tag.chars().any(char::is_control) =>
            {
                if !tags.contains(&tag) {
                    tags.push(tag);
                }
                continue;
            }
            Value::String(_) => format!("a label must be 1 to {TAG_LENGTH} printable characters long"),
            other => format!("a label must be a text, not {}", kind(&other)),
        };
        faults.push(Fault { pointer: format!("/tags/{place}"), detail });
    }
    let sound = faults.is_empty();
    fields.extend(faults);
    sound.then_some(tags)
}

/// The checkpoint that a body wants to start from, if it names one as [`read_job`] reads it.
pub fn origin(body: &Map<String, Value>) -> Option<Origin> {
    read_origin(&mut Fields::new(Map::new(), ""), body.get("from")?.clone())
}

fn read_origin(fields: &mut Fields, from: Value) -> Option<Origin> {
    let Value::Object(from) = from else {
        fields.fault("from", format!("must be {{\"job\": id, \"step\": n}}, not {}", kind(&from)));
        return None;
    };
    let mut inner = Fields::new(from, "/from");
    let job = match inner.take("job") {
        Some(Value::String(id)) => match id.parse::<JobId>() {
            Ok(job) => Some(job),
            Err(_) => {
                inner.fault("job", "must be the id of a job");
                None
            }
        },
        _ => {
            inner.fault("job", "must be the id of a job");
            None
        }
    };
    let step = inner.required_integer("step", 0..=i64::MAX);
    fields.extend(inner.finish("job, step"));
    Some(Origin { job: job?, step: u64::try_from(step?).ok()? })
}

/// A digest of a body that does not depend on white space or on the order of fields.
pub fn digest(body: &Map<String, Value>) -> String {
    let mut hasher = Sha256::new();
    feed(&mut hasher, &Value::Object(body.clone()));
    hex::encode(hasher.finalize())
}

fn feed(hasher: &mut Sha256, value: &Value) {
    match value {
        Value::Object(object) => {
            let mut entries: Vec<_> = object.iter().collect();
            entries.sort_unstable_by_key(|(name, _)| *name);
            hasher.update([b'{']);
            for (name, value) in entries {
                hasher.update(Value::from(name.as_str()).to_string());
                feed(hasher, value);
            }
            hasher.update([b'}']);
        }
        Value::Array(entries) => {
            hasher.update([b'[']);
            for entry in entries {
                feed(hasher, entry);
                hasher.update([b',']);
            }
            hasher.update([b']']);
        }
        scalar => {
            hasher.update(scalar.to_string());
            hasher.update([b';']);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn object(value: Value) -> Map<String, Value> {
        match value {
            Value::Object(object) => object,
            other => unreachable!("{other}"),
        }
    }

    #[test]
    fn the_digest_sees_values_and_not_their_order() {
        let one = digest(&object(json!({"a": 1, "b": {"c": [1, 2], "d": null}})));
        let same = digest(&object(json!({"b": {"d": null, "c": [1, 2]}, "a": 1})));
        assert_eq!(one, same);
        for other in [
            json!({"a": 1}),
            json!({"a": "1", "b": {"c": [1, 2], "d": null}}),
            json!({"a": 1, "b": {"c": [2, 1], "d": null}}),
        ] {
            assert_ne!(one, digest(&object(other)));
        }
    }

    #[test]
    fn labels_are_distinct_and_short() {
        let mut fields = Fields::new(object(json!({"tags": ["a", "b", "a"]})), "");
        assert_eq!(read_tags(&mut fields), Some(vec!["a".to_owned(), "b".to_owned()]));
        for wrong in [json!("a"), json!([1]), json!([""]), json!(["x".repeat(65)]), json!(vec!["x"; 33])] {
            let mut fields = Fields::new(object(json!({"tags": wrong})), "");
            assert_eq!(read_tags(&mut fields), None);
            assert_eq!(fields.finish("").len(), 1);
        }
    }

    #[test]
    fn every_label_at_fault_is_told() {
        let told = |tags: Value| {
            let mut fields = Fields::new(object(json!({"tags": tags})), "");
            assert_eq!(read_tags(&mut fields), None);
            fields.finish("").into_iter().map(|fault| fault.pointer).collect::<Vec<_>>()
        };
        assert_eq!(told(json!(["", 5, "x\u{1}"])), ["/tags/0", "/tags/1", "/tags/2"]);
        assert_eq!(told(json!(["a", null, "b"])), ["/tags/1"]);
        let many = told(json!(vec![""; 1000]));
        assert_eq!((many.len(), many[0].as_str()), (TAG_COUNT + 1, "/tags"));
    }

    #[test]
    fn an_origin_is_a_job_and_a_step() {
        let id = JobId::new();
        let read = |value: Value| {
            let mut fields = Fields::new(Map::new(), "");
            let origin = read_origin(&mut fields, value);
            (origin, fields.finish("").into_iter().map(|fault| fault.pointer).collect::<Vec<_>>())
        };
        assert_eq!(read(json!({"job": id, "step": 5})), (Some(Origin { job: id, step: 5 }), vec![]));
        assert_eq!(read(json!({"job": 1})).1, ["/from/job", "/from/step"]);
        assert_eq!(read(json!({"job": id, "step": -1, "x": 1})).1, ["/from/step", "/from/x"]);
        assert_eq!(read(json!("latest")).1, ["/from"]);
        assert_eq!(read(json!({"job": id, "step": 5.0})), (Some(Origin { job: id, step: 5 }), vec![]));
    }

    #[test]
    fn the_origin_that_is_looked_for_is_the_one_that_the_job_gets() {
        let facts = DataFacts { shape: crate::data::digits::SHAPE, train: 1000, validation: 100, unit_interval: true };
        let id = JobId::new();
        for from in [json!({"job": id, "step": 5}), json!({"job": id, "step": 5.0}), Value::Null] {
            let body = object(json!({"dataset": "digits", "from": from}));
            let looked_for = origin(&body);
            assert_eq!(read_job(body, &|_| Some(facts), u64::MAX).map(|job| job.from), Ok(looked_for), "{from}");
        }
    }
}
