//! Reading requests: bodies, queries and paths, each failing as a problem.

use super::error::ApiError;
use super::state::Api;
use crate::gan::Fault;
use crate::job::{EvaluationId, JobId, SweepId};
use axum::body::{BodyDataStream, Bytes};
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use axum::http::{Uri, header};
use futures::StreamExt as _;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::ops::RangeInclusive;
use std::time::Duration;

/// Parameters of a query that are looked at for faults: no route takes as many, and a query can have thousands.
const MOST_PARAMETERS: usize = 64;

/// The `{id}` of a path: a job's.
#[derive(Clone, Copy, Debug)]
pub struct JobPath(pub JobId);

impl FromRequestParts<Api> for JobPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, ApiError> {
        let Path(id): Path<String> = path(parts, api).await?;
        parse_job(&id).map(Self)
    }
}

/// The `{id}` of a path: a sweep's.
#[derive(Clone, Copy, Debug)]
pub struct SweepPath(pub SweepId);

impl FromRequestParts<Api> for SweepPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, ApiError> {
        let Path(id): Path<String> = path(parts, api).await?;
        id.parse().map(Self).map_err(|_| ApiError::NotFound(format!("sweep {id:?}")))
    }
}

/// `{id}` and one part more.
#[derive(Clone, Debug)]
pub struct JobPartPath(pub JobId, pub String);

impl FromRequestParts<Api> for JobPartPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, ApiError> {
        let Path((id, part)): Path<(String, String)> = path(parts, api).await?;
        Ok(Self(parse_job(&id)?, part))
    }
}

/// One name in a path.
#[derive(Clone, Debug)]
pub struct NamePath(pub String);

impl FromRequestParts<Api> for NamePath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, ApiError> {
        let Path(name) = path(parts, api).await?;
        Ok(Self(name))
    }
}

async fn path<T: DeserializeOwned + Send>(parts: &mut Parts, api: &Api) -> Result<Path<T>, ApiError> {
    let at = parts.uri.path().to_owned();
    // A path that does not read names nothing.
    Path::from_request_parts(parts, api).await.map_err(|_| ApiError::NoRoute(at))
}

fn parse_job(id: &str) -> Result<JobId, ApiError> {
    id.parse().map_err(|_| ApiError::NotFound(format!("job {id:?}")))
}

/// Reads an evaluation's id out of a path.
pub fn parse_evaluation(id: &str) -> Result<EvaluationId, ApiError> {
    id.parse().map_err(|_| ApiError::NotFound(format!("evaluation {id:?}")))
}

/// The query, as `T` reads it.
#[derive(Clone, Copy, Debug)]
pub struct Parameters<T>(pub T);

impl<T: DeserializeOwned> FromRequestParts<Api> for Parameters<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _api: &Api) -> Result<Self, ApiError> {
        match Query::<T>::try_from_uri(&parts.uri) {
            Ok(Query(value)) => Ok(Self(value)),
            Err(rejection) => {
                let query = parts.uri.query().unwrap_or("");
                Err(ApiError::Parameters(parameter_faults::<T>(query, &rejection.body_text())))
            }
        }
    }
}

/// The faults of a query of which axum has told the first: each parameter is read by itself.
fn parameter_faults<T: DeserializeOwned>(query: &str, first: &str) -> Vec<Fault> {
    let alone = |parts: &str| {
        let uri = Uri::builder().path_and_query(format!("/?{parts}")).build().ok()?;
        let text = Query::<T>::try_from_uri(&uri).err()?.body_text();
        // That the others are not there is no fault of this one.
        (!text.contains("missing field")).then(|| parameter_fault(&text))
    };
    let faults: Vec<Fault> = parameters(query).iter().filter_map(|(_, parts)| alone(parts)).collect();
    if faults.is_empty() { vec![parameter_fault(first)] } else { faults }
}

/// The parameters of a query by name, each with all that is said of it, in the order of the query.
fn parameters(query: &str) -> Vec<(&str, String)> {
    let mut found: Vec<(&str, String)> = Vec::new();
    for part in query.split('&').filter(|part| !part.is_empty()) {
        let name = part.split('=').next().unwrap_or(part);
        if let Some((_, parts)) = found.iter_mut().find(|(known, _)| *known == name) {
            parts.push('&');
            parts.push_str(part);
        } else if found.len() < MOST_PARAMETERS {
            found.push((name, part.to_owned()));
        } else {
            break;
        }
    }
    found
}

/// axum's words for a query that does not read are "Failed to ...: name: reason" or "...: unknown field `name`, ...".
fn parameter_fault(text: &str) -> Fault {
    let text = text.strip_prefix("Failed to deserialize query string: ").unwrap_or(text);
    match text.split_once(": ") {
        Some((name, reason)) if !name.contains(['`', ' ']) => {
            Fault { pointer: format!("/{name}"), detail: reason.to_owned() }
        }
        _ => {
            let name = text.split('`').nth(1).map(|name| format!("/{}", escape(name)));
            Fault {
                pointer: name.unwrap_or_default(),
                detail: text.replacen("unknown field", "unknown query parameter", 1),
            }
        }
    }
}

/// The faults of a query's values, gathered so that all are told at once.
#[derive(Debug, Default)]
pub struct Checks(Vec<Fault>);

impl Checks {
    /// Notes a fault unless `value` lies in `range`.
    pub fn range<T: PartialOrd + std::fmt::Display>(&mut self, name: &str, value: T, range: RangeInclusive<T>) {
        if !range.contains(&value) {
            self.fault(name, format!("{value} is not from {} to {}", range.start(), range.end()));
        }
    }

    /// Notes a fault.
    pub fn fault(&mut self, name: &str, detail: impl Into<String>) {
        self.0.push(Fault { pointer: format!("/{}", escape(name)), detail: detail.into() });
    }

    /// All faults found, as one error.
    pub fn finish(self) -> Result<(), ApiError> {
        if self.0.is_empty() { Ok(()) } else { Err(ApiError::Parameters(self.0)) }
    }
}

/// A JSON body that is an object. No body at all reads as an empty object where `T` says so.
#[derive(Clone, Debug)]
pub struct JsonObject(pub Map<String, Value>);

impl FromRequest<Api> for JsonObject {
    type Rejection = ApiError;

    async fn from_request(request: Request, api: &Api) -> Result<Self, ApiError> {
        require_json(&request)?;
        let bytes = body(request, api).await?;
        object(&bytes).map(Self)
    }
}

/// As [`JsonObject`], but the body may be left out.
#[derive(Clone, Debug)]
pub struct OptionalJsonObject(pub Map<String, Value>);

impl FromRequest<Api> for OptionalJsonObject {
    type Rejection = ApiError;

    async fn from_request(request: Request, api: &Api) -> Result<Self, ApiError> {
        let declared = require_json(&request);
        let bytes = body(request, api).await?;
        if bytes.is_empty() {
            return Ok(Self(Map::new()));
        }
        declared?;
        // A client that has nothing to say may say so.
        if bytes.trim_ascii() == b"null" { Ok(Self(Map::new())) } else { object(&bytes).map(Self) }
    }
}

/// No query, and no body or an empty object: all that a command takes.
#[derive(Clone, Copy, Debug)]
pub struct Nothing;

impl FromRequest<Api> for Nothing {
    type Rejection = ApiError;

    async fn from_request(request: Request, api: &Api) -> Result<Self, ApiError> {
        no_parameters(request.uri())?;
        let OptionalJsonObject(object) = OptionalJsonObject::from_request(request, api).await?;
        let faults = Fields::new(object, "").finish("none");
        if faults.is_empty() { Ok(Self) } else { Err(ApiError::Validation(faults)) }
    }
}

/// No query.
#[derive(Clone, Copy, Debug)]
pub struct NoParameters;

impl FromRequestParts<Api> for NoParameters {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _api: &Api) -> Result<Self, ApiError> {
        no_parameters(&parts.uri).map(|()| Self)
    }
}

fn no_parameters(uri: &Uri) -> Result<(), ApiError> {
    let mut checks = Checks::default();
    for (name, _) in parameters(uri.query().unwrap_or("")) {
        checks.fault(name, "unknown query parameter; this route takes none");
    }
    checks.finish()
}

fn require_json(request: &Request) -> Result<(), ApiError> {
    let declared = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    let essence = declared.split(';').next().unwrap_or("").trim().to_ascii_lowercase();
    if essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json")) {
        Ok(())
    } else {
        Err(ApiError::UnsupportedMediaType("JSON, declared as Content-Type: application/json"))
    }
}

/// The whole body, as large as a body may be.
async fn body(request: Request, api: &Api) -> Result<Vec<u8>, ApiError> {
    let limit = api.limits.max_body;
    let (mut parts, mut bytes) = (request.into_body().into_data_stream(), Vec::<u8>::new());
    while let Some(part) = next_part(&mut parts, api.client_timeout).await? {
        bytes.extend_from_slice(&part);
        if bytes.len() as u64 > limit {
            return Err(ApiError::TooLarge { limit });
        }
    }
    Ok(bytes)
}

/// The next part of a body, whose client may be silent for so long.
pub async fn next_part(body: &mut BodyDataStream, silence: Duration) -> Result<Option<Bytes>, ApiError> {
    match tokio::time::timeout(silence, body.next()).await {
        Ok(part) => part.transpose().map_err(|error| ApiError::UnreadableBody(error.to_string())),
        Err(_) => Err(ApiError::SlowBody),
    }
}

fn object(bytes: &[u8]) -> Result<Map<String, Value>, ApiError> {
    match serde_json::from_slice(bytes) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(ApiError::Validation(vec![Fault {
            pointer: String::new(),
            detail: "the body must be a JSON object".to_owned(),
        }])),
        Err(error) => Err(ApiError::MalformedJson(error.to_string())),
    }
}

/// Takes the known fields out of an object and gathers the faults of all of them.
#[derive(Debug)]
pub struct Fields {
    object: Map<String, Value>,
    faults: Vec<Fault>,
    under: &'static str,
}

impl Fields {
    /// The fields of an object that stands at the pointer `under` of the body.
    pub fn new(object: Map<String, Value>, under: &'static str) -> Self {
        Self { object, faults: Vec::new(), under }
    }

    /// Takes a field as it is.
    pub fn take(&mut self, name: &str) -> Option<Value> {
        // Not `swap_remove`: what is left keeps its order, and so do its faults.
        self.object.shift_remove(name)
    }

    /// Notes a fault of a field.
    pub fn fault(&mut self, name: &str, detail: impl Into<String>) {
        self.faults.push(Fault { pointer: format!("{}/{}", self.under, escape(name)), detail: detail.into() });
    }

    /// Takes a text of at most `longest` characters; `Some(None)` where it is null.
    pub fn text(&mut self, name: &str, longest: usize) -> Option<Option<String>> {
        match self.take(name)? {
            Value::Null => Some(None),
            Value::String(text) if text.chars().any(char::is_control) => {
                self.fault(name, "must not hold control characters");
                None
            }
            Value::String(text) if text.chars().count() <= longest => Some(Some(text)),
            Value::String(_) => {
                self.fault(name, format!("must be at most {longest} characters long"));
                None
            }
            other => {
                self.fault(name, format!("must be a text, not {}", kind(&other)));
                None
            }
        }
    }

    /// Takes a whole number.
    pub fn integer(&mut self, name: &str, range: RangeInclusive<i64>) -> Option<i64> {
        let value = self.take(name)?;
        match whole(&value) {
            Some(number) if range.contains(&number) => Some(number),
            _ => {
                let got = if value.is_number() { value.to_string() } else { kind(&value).to_owned() };
                self.fault(
                    name,
                    format!("must be a whole number from {} to {}, not {got}", range.start(), range.end()),
                );
                None
            }
        }
    }

    /// Takes a whole number that must be there.
    pub fn required_integer(&mut self, name: &str, range: RangeInclusive<i64>) -> Option<i64> {
        if !self.object.contains_key(name) {
            self.fault(name, format!("is missing; a whole number from {} to {}", range.start(), range.end()));
            return None;
        }
        self.integer(name, range)
    }

    /// Adds the faults of a part.
    pub fn extend(&mut self, faults: Vec<Fault>) {
        self.faults.extend(faults);
    }

    /// The fields that nobody took, and the faults so far.
    pub fn rest(self) -> (Map<String, Value>, Vec<Fault>) {
        (self.object, self.faults)
    }

    /// The faults, those of unknown fields among them.
    pub fn finish(mut self, known: &str) -> Vec<Fault> {
        let unknown: Vec<String> = self.object.keys().cloned().collect();
        for name in unknown {
            self.fault(&name, format!("unknown field; known are {known}"));
        }
        self.faults
    }
}

/// A whole number, also where it is written as 5.0: JSON knows no difference.
pub fn whole(value: &Value) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let of_float = |number: f64| (number.fract() == 0.0 && number.abs() < EXACT).then_some(number as i64);
    value.as_i64().or_else(|| value.as_f64().and_then(of_float))
}

/// What a JSON value is, in words.
pub fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// A name as a part of a JSON pointer (RFC 6901).
fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_fault_of_an_object_is_found_at_once() {
        let Value::Object(object) = json!({"name": 3, "priority": 1.5, "steps": 5.0, "a/b": 1}) else { unreachable!() };
        let mut fields = Fields::new(object, "");
        assert_eq!(fields.text("name", 10), None);
        assert_eq!(fields.integer("priority", -9..=9), None);
        assert_eq!(fields.integer("steps", 1..=9), Some(5));
        let pointers: Vec<_> = fields.finish("name").into_iter().map(|fault| fault.pointer).collect();
        assert_eq!(pointers, ["/name", "/priority", "/a~1b"]);
    }

    #[test]
    fn the_parameter_is_found_in_axums_words() {
        let fault = parameter_fault("Failed to deserialize query string: count: invalid digit found in string");
        assert_eq!(fault.pointer, "/count");
        let fault = parameter_fault("Failed to deserialize query string: unknown field `cuont`, expected `count`");
        assert_eq!(fault.pointer, "/cuont");
    }

    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code)]
    struct Asked {
        count: u64,
        #[serde(default)]
        seed: u64,
    }

    #[test]
    fn every_fault_of_a_query_is_found_at_once() {
        for (query, expected) in [
            ("count=abc&seed=xyz&cuont=1", &["/count", "/seed", "/cuont"][..]),
            ("a=1&count=1&b=2&a=3", &["/a", "/b"]),
            ("count=1&seed=2&seed=3", &["/seed"]),
            ("seed=2&&", &["/count"]),
        ] {
            let uri = Uri::builder().path_and_query(format!("/jobs?{query}")).build().unwrap();
            let first = Query::<Asked>::try_from_uri(&uri).err().unwrap().body_text();
            let faults = parameter_faults::<Asked>(query, &first);
            let pointers: Vec<_> = faults.iter().map(|fault| fault.pointer.as_str()).collect();
            assert_eq!(pointers, expected, "{query}");
        }
    }

    #[test]
    fn a_query_of_thousands_of_parameters_is_not_told_of_all() {
        let query: String = (0..10_000).map(|number| format!("x{number}=1&")).collect();
        assert_eq!(parameters(&query).len(), MOST_PARAMETERS);
        assert!(no_parameters(&Uri::from_static("/jobs?&")).is_ok());
        let refused = no_parameters(&Uri::from_static("/jobs?a=1&b&a=2")).unwrap_err();
        let ApiError::Parameters(faults) = refused else { unreachable!() };
        assert_eq!(faults.iter().map(|fault| fault.pointer.as_str()).collect::<Vec<_>>(), ["/a", "/b"]);
    }
}
