//! Taking known fields out of a JSON object, one by one, noting every fault.

use super::fault::{Faults, join};
use serde_json::{Map, Value};
use std::fmt::Write as _;
use std::ops::{Bound, RangeBounds, RangeInclusive};

/// An object being read. Each method takes one field and returns its value; where that is at fault it notes so and
/// returns the default (or the lowest allowed), so that reading goes on and finds what else is wrong.
#[derive(Debug)]
pub(super) struct Fields<'a> {
    pointer: String,
    object: Option<&'a Map<String, Value>>,
    known: Vec<&'static str>,
    faults: &'a Faults,
}

impl<'a> Fields<'a> {
    /// Begins to read `value`, which should be an object.
    pub(super) fn open(value: &'a Value, pointer: String, faults: &'a Faults) -> Self {
        let object = value.as_object();
        if object.is_none() {
            faults.note(pointer.clone(), format!("expected an object, not {}", describe(value)));
        }
        Self { pointer, object, known: Vec::new(), faults }
    }

    /// Notes the fields that were not taken.
    pub(super) fn finish(self) {
        for name in self.object.into_iter().flat_map(Map::keys) {
            if !self.known.iter().any(|known| known == name) {
                let detail = format!("unknown field; expected one of {}", list(&self.known));
                self.faults.note(join(&self.pointer, name), detail);
            }
        }
    }

    /// Where the field `name` stands.
    pub(super) fn at(&self, name: &str) -> String {
        join(&self.pointer, name)
    }

    /// Notes a fault of the field `name`.
    pub(super) fn fault(&self, name: &str, detail: impl Into<String>) {
        self.faults.note(self.at(name), detail);
    }

    /// Whether a fault of the field `name` was noted.
    pub(super) fn faulty(&self, name: &str) -> bool {
        self.faults.touch(&self.at(name))
    }

    /// Whether the object has this field.
    pub(super) fn has(&self, name: &str) -> bool {
        self.object.is_some_and(|object| object.contains_key(name))
    }

    /// The field as it stands.
    pub(super) fn raw(&mut self, name: &'static str) -> Option<&'a Value> {
        self.known.push(name);
        self.object?.get(name)
    }

    /// A field that must be there; its absence is noted, unless the object itself is missing, which was noted.
    fn required(&mut self, name: &'static str) -> Option<&'a Value> {
        let value = self.raw(name);
        if value.is_none() && self.object.is_some() {
            self.fault(name, "missing");
        }
        value
    }

    /// An object; an empty one if the field is missing.
    pub(super) fn object(&mut self, name: &'static str) -> Fields<'a> {
        let pointer = self.at(name);
        match self.raw(name) {
            Some(value) => Fields::open(value, pointer, self.faults),
            None => Fields { pointer, object: None, known: Vec::new(), faults: self.faults },
        }
    }

    /// An array of at most `most` items, each with its pointer.
    pub(super) fn items(&mut self, name: &'static str, most: usize) -> Vec<(&'a Value, String)> {
        let pointer = self.at(name);
        match self.required(name) {
            Some(Value::Array(items)) if items.len() <= most => {
                items.iter().enumerate().map(|(index, item)| (item, join(&pointer, &index.to_string()))).collect()
            }
            Some(Value::Array(items)) => {
                self.fault(name, format!("{} items; at most {most} are allowed", items.len()));
                Vec::new()
            }
            Some(other) => {
                self.fault(name, format!("expected an array, not {}", describe(other)));
                Vec::new()
            }
            None => Vec::new(),
        }
    }

    /// A whole number within `range`.
    pub(super) fn integer(&mut self, name: &'static str, range: RangeInclusive<u64>, default: Option<u64>) -> u64 {
        let fallback = default.unwrap_or(*range.start());
        let value = if default.is_some() { self.raw(name) } else { self.required(name) };
        let Some(value) = value else { return fallback };
        match as_integer(value) {
            Some(number) if range.contains(&number) => number,
            _ if value.is_number() => {
                let (low, high) = range.into_inner();
                self.fault(name, format!("{value} is not a whole number from {low} to {high}"));
                fallback
            }
            _ => {
                self.fault(name, format!("expected a whole number, not {}", describe(value)));
                fallback
            }
        }
    }

    /// The same, or `null` (also for a missing field).
    pub(super) fn optional_integer(&mut self, name: &'static str, range: RangeInclusive<u64>) -> Option<u64> {
        if self.object?.get(name).is_none_or(Value::is_null) {
            self.raw(name);
            return None;
        }
        let least = *range.start();
        Some(self.integer(name, range, Some(least)))
    }

    /// The same, as a size in memory.
    pub(super) fn size(&mut self, name: &'static str, range: RangeInclusive<u64>, default: Option<usize>) -> usize {
        let number = self.integer(name, range, default.and_then(|size| u64::try_from(size).ok()));
        usize::try_from(number).unwrap_or(usize::MAX)
    }

    /// A number within `bounds`.
    pub(super) fn number(&mut self, name: &'static str, bounds: impl RangeBounds<f64>, default: f64) -> f64 {
        let Some(value) = self.raw(name) else { return default };
        match check_number(value, &bounds, |number| number) {
            Ok(number) => number,
            Err(detail) => {
                self.fault(name, detail);
                default
            }
        }
    }

    /// A number within `bounds` that stays within them as a 32-bit float, which is what training computes with.
    pub(super) fn float(&mut self, name: &'static str, bounds: impl RangeBounds<f64>, default: f32) -> f32 {
        let Some(value) = self.raw(name) else { return default };
        match check_number(value, &bounds, |number| f64::from(number as f32)) {
            Ok(number) => number as f32,
            Err(detail) => {
                self.fault(name, detail);
                default
            }
        }
    }

    /// The same, or `null` (also for a missing field).
    pub(super) fn optional_float(&mut self, name: &'static str, bounds: impl RangeBounds<f64>) -> Option<f32> {
        let value = self.raw(name)?;
        if value.is_null() {
            return None;
        }
        match check_number(value, &bounds, |number| f64::from(number as f32)) {
            Ok(number) => Some(number as f32),
            Err(detail) => {
                self.fault(name, format!("{detail}, or null"));
                None
            }
        }
    }

    /// `true` or `false`.
    pub(super) fn flag(&mut self, name: &'static str, default: bool) -> bool {
        match self.raw(name) {
            None => default,
            Some(Value::Bool(flag)) => *flag,
            Some(other) => {
                self.fault(name, format!("expected true or false, not {}", describe(other)));
                default
            }
        }
    }

    /// One of `words`.
    pub(super) fn word<T: Copy>(&mut self, name: &'static str, words: &[(&'static str, T)], default: T) -> T {
        let Some(value) = self.raw(name) else { return default };
        let found = value.as_str().and_then(|text| words.iter().find(|(word, _)| *word == text));
        match found {
            Some((_, meaning)) => *meaning,
            None => {
                self.fault(name, unknown_word(value, words.iter().map(|(word, _)| *word)));
                default
            }
        }
    }

    /// The word of an object's `type`; `None` if it is at fault (then nothing else of the object can be read).
    pub(super) fn tag<T: Copy>(&mut self, words: &[(&'static str, T)]) -> Option<T> {
        let value = self.required("type")?;
        let found = value.as_str().and_then(|text| words.iter().find(|(word, _)| *word == text));
        if found.is_none() {
            self.fault("type", unknown_word(value, words.iter().map(|(word, _)| *word)));
        }
        found.map(|(_, meaning)| *meaning)
    }
}

/// A whole number, also in the form `5.0` or `1e4` that some clients write.
fn as_integer(value: &Value) -> Option<u64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    value.as_u64().or_else(|| {
        let number = value.as_f64()?;
        (number.fract() == 0.0 && (0.0..EXACT).contains(&number)).then_some(number as u64)
    })
}

/// The number, if what becomes of it through `kept` lies within `bounds`; otherwise what is wrong with it.
pub(super) fn check_number(
    value: &Value,
    bounds: &impl RangeBounds<f64>,
    kept: impl Fn(f64) -> f64,
) -> Result<f64, String> {
    let Some(number) = value.as_f64() else {
        return Err(format!("expected a number, not {}", describe(value)));
    };
    if bounds.contains(&kept(number)) { Ok(number) } else { Err(format!("{value} is not {}", describe_bounds(bounds))) }
}

fn describe_bounds(bounds: &impl RangeBounds<f64>) -> String {
    let low = match bounds.start_bound() {
        Bound::Included(low) => Some(format!("at least {low}")),
        Bound::Excluded(low) => Some(format!("above {low}")),
        Bound::Unbounded => None,
    };
    let high = match bounds.end_bound() {
        Bound::Included(high) => Some(format!("at most {high}")),
        Bound::Excluded(high) => Some(format!("below {high}")),
        Bound::Unbounded => None,
    };
    [low, high].into_iter().flatten().collect::<Vec<_>>().join(" and ")
}

/// The fault of a word that is none of those allowed.
pub(super) fn unknown_word(value: &Value, allowed: impl Iterator<Item = &'static str>) -> String {
    let allowed: Vec<_> = allowed.collect();
    match value.as_str() {
        Some(text) => format!("{:?} is not known; expected one of {}", shorten(text), list(&allowed)),
        None => format!("expected one of {}, not {}", list(&allowed), describe(value)),
    }
}

fn list(words: &[&'static str]) -> String {
    let mut text = String::new();
    for (index, word) in words.iter().enumerate() {
        let comma = if index == 0 { "" } else { ", " };
        let _ = write!(text, "{comma}{word}");
    }
    text
}

/// What a value is, in a word or two. Never the value itself where that may be long.
pub(super) fn describe(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(flag) => flag.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => format!("the text {:?}", shorten(text)),
        Value::Array(_) => "an array".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}

fn shorten(text: &str) -> &str {
    text.char_indices().nth(40).map_or(text, |(end, _)| &text[..end])
}
