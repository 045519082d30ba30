//! What can go wrong with a request, and the only table that says how it is answered.
//!
//! Every error leaves as `application/problem+json` (RFC 9457). `type` is a stable relative reference such as
//! `/problems/validation`: clients tell errors apart by it, never by the words.

use super::request_id;
use crate::gan::{Fault, GanError};
use crate::job::{Refused, Status};
use crate::store::StoreError;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A request that cannot be answered as was wished.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// The body is not JSON.
    #[error("the body is not valid JSON: {0}")]
    MalformedJson(String),
    /// The body could not be read to its end.
    #[error("the body could not be read: {0}")]
    UnreadableBody(String),
    /// The body, or a spec in it, has faults.
    #[error("{}", count(.0, "the request has one fault", "faults in the request"))]
    Validation(Vec<Fault>),
    /// Query parameters have faults.
    #[error("{}", count(.0, "one query parameter is wrong", "query parameters are wrong"))]
    Parameters(Vec<Fault>),
    /// Nobody has said who asks.
    #[error("{0}")]
    Unauthorized(&'static str),
    /// Who asks may not do this.
    #[error("{0}")]
    Forbidden(&'static str),
    /// The request is addressed to a host that this server does not answer for.
    #[error("this server does not answer for the host {0:?}; see --allowed-hosts")]
    Misdirected(String),
    /// There is no such route.
    #[error("there is nothing at {0}")]
    NoRoute(String),
    /// There is no such thing.
    #[error("there is no {0}")]
    NotFound(String),
    /// There is no such dataset, or its files are missing.
    #[error("{0}")]
    NoDataset(String),
    /// The route does not know the method.
    #[error("the method {0} is not allowed here")]
    MethodNotAllowed(String),
    /// None of the formats that the client accepts is one of ours.
    #[error("none of the accepted formats can be served; available are {0}")]
    NotAcceptable(String),
    /// The job's status does not allow it.
    #[error("{0}")]
    Refused(#[from] Refused),
    /// The job is not finished.
    #[error("the job is {0}; cancel it, or let it end, before it is deleted")]
    Active(Status),
    /// Something else stands in the way.
    #[error("{0}")]
    Conflict(String),
    /// The resource has changed since the client read it.
    #[error("the resource is at {current}, which If-Match does not name")]
    PreconditionFailed {
        /// The current entity tag.
        current: String,
    },
    /// The key was used with another body.
    #[error("this Idempotency-Key was used before with another body")]
    IdempotencyKeyReused,
    /// The body is too long.
    #[error("the body is longer than the {limit} bytes that are allowed here")]
    TooLarge {
        /// The limit.
        limit: u64,
    },
    /// The dataset in the body is too large, packed or unpacked.
    #[error("{0}")]
    DatasetTooLarge(String),
    /// The body comes so slowly that it holds a place for nothing.
    #[error("the body came too slowly, or stopped coming")]
    SlowBody,
    /// The body is not of a type that is read here.
    #[error("the body must be {0}")]
    UnsupportedMediaType(&'static str),
    /// The range lies outside the file.
    #[error("the range lies outside the {size} bytes of the file")]
    Range {
        /// The file's length.
        size: u64,
    },
    /// Too much is going on.
    #[error("{0}")]
    Overloaded(&'static str),
    /// It took too long.
    #[error("the request took longer than {0} seconds")]
    Timeout(u64),
    /// The server is being stopped.
    #[error("the server is shutting down")]
    Stopping,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The core failed.
    #[error(transparent)]
    Gan(#[from] GanError),
    /// A fault of gand's own.
    #[error("{0}")]
    Internal(String),
}

impl ApiError {
    /// One wrong query parameter.
    pub fn parameter(name: &str, detail: impl Into<String>) -> Self {
        Self::Parameters(vec![Fault { pointer: format!("/{name}"), detail: detail.into() }])
    }

    /// The only place where an error becomes a status: with the last part of its type, and its title.
    fn answer(&self) -> (StatusCode, &'static str, &'static str) {
        use StatusCode as S;
        match self {
            Self::MalformedJson(_) => (S::BAD_REQUEST, "malformed-json", "The body is not JSON"),
            Self::UnreadableBody(_) => (S::BAD_REQUEST, "unreadable-body", "The body could not be read"),
            Self::Unauthorized(_) => (S::UNAUTHORIZED, "unauthorized", "A token is needed"),
            Self::Forbidden(_) => (S::FORBIDDEN, "forbidden", "Not allowed"),
            Self::NoRoute(_) | Self::NotFound(_) | Self::NoDataset(_) => (S::NOT_FOUND, "not-found", "Not found"),
            Self::MethodNotAllowed(_) => (S::METHOD_NOT_ALLOWED, "method-not-allowed", "Method not allowed"),
            Self::NotAcceptable(_) => (S::NOT_ACCEPTABLE, "not-acceptable", "No acceptable format"),
            Self::Refused(_) => (S::CONFLICT, "status-conflict", "The job's status does not allow it"),
            Self::Active(_) => (S::CONFLICT, "job-active", "The job is not finished"),
            Self::Conflict(_) => (S::CONFLICT, "conflict", "Conflict"),
            Self::PreconditionFailed { .. } => {
                (S::PRECONDITION_FAILED, "precondition-failed", "The resource has changed")
            }
            Self::SlowBody => (S::REQUEST_TIMEOUT, "slow-body", "The body came too slowly"),
            Self::TooLarge { .. } | Self::DatasetTooLarge(_) => {
                (S::PAYLOAD_TOO_LARGE, "too-large", "The body is too large")
            }
            Self::UnsupportedMediaType(_) => {
                (S::UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", "Unsupported media type")
            }
            Self::Range { .. } => (S::RANGE_NOT_SATISFIABLE, "range-not-satisfiable", "Range not satisfiable"),
            Self::Misdirected(_) => (S::MISDIRECTED_REQUEST, "misdirected", "Not addressed to this server"),
            Self::Validation(_) => (S::UNPROCESSABLE_ENTITY, "validation", "The request is not valid"),
            Self::Parameters(_) | Self::Gan(GanError::NoAverage) => {
                (S::UNPROCESSABLE_ENTITY, "parameters", "The query is not valid")
            }
            Self::IdempotencyKeyReused => {
                (S::UNPROCESSABLE_ENTITY, "idempotency-key-reused", "The Idempotency-Key was used before")
            }
            Self::Store(StoreError::Corrupt(_)) | Self::Gan(GanError::Checkpoint(_)) => {
                (S::INTERNAL_SERVER_ERROR, "damaged", "What was stored is damaged")
            }
            Self::Gan(_) | Self::Internal(_) => (S::INTERNAL_SERVER_ERROR, "internal", "Internal error"),
            Self::Store(error) if error.is_transient() => {
                (S::SERVICE_UNAVAILABLE, "database-unavailable", "The database is not available")
            }
            Self::Store(_) => (S::INTERNAL_SERVER_ERROR, "internal", "Internal error"),
            Self::Overloaded(_) => (S::SERVICE_UNAVAILABLE, "overloaded", "Too many requests at once"),
            Self::Stopping => (S::SERVICE_UNAVAILABLE, "stopping", "Shutting down"),
            Self::Timeout(_) => (S::GATEWAY_TIMEOUT, "timeout", "The request took too long"),
        }
    }

    /// What the client is told. Faults of gand's own are told in the log alone.
    fn public_detail(&self, status: StatusCode) -> String {
        match self {
            Self::Store(error) if error.is_transient() => {
                "the database does not answer; nothing is lost, try again shortly".to_owned()
            }
            _ if status == StatusCode::INTERNAL_SERVER_ERROR => {
                "something went wrong inside gand; the log has the details under this request_id".to_owned()
            }
            other => other.to_string(),
        }
    }

    fn into_faults(self) -> Vec<Fault> {
        match self {
            Self::Validation(faults) | Self::Parameters(faults) => faults,
            _ => Vec::new(),
        }
    }
}

fn count(faults: &[Fault], one: &str, many: &str) -> String {
    match faults {
        [fault] => {
            format!("{one}: {} at {}", fault.detail, if fault.pointer.is_empty() { "/" } else { &fault.pointer })
        }
        _ => format!("{} {many}", faults.len()),
    }
}

/// An error as clients see it (RFC 9457).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// What sort of problem: a stable relative reference, the same for every problem of its sort.
    #[serde(rename = "type")]
    #[schema(example = "/problems/validation")]
    pub kind: String,
    /// The sort of problem in words.
    #[schema(example = "The request is not valid")]
    pub title: String,
    /// The HTTP status.
    #[schema(example = 422, minimum = 400, maximum = 599)]
    pub status: u16,
    /// This problem in words.
    pub detail: String,
    /// Under which the log speaks of this request.
    pub request_id: String,
    /// Every fault of the request, where it has faults.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FaultView>,
}

/// One fault of a request.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct FaultView {
    /// Where: a JSON pointer (RFC 6901) into the body, or into the query's parameters as one object.
    #[schema(example = "/training/steps")]
    pub pointer: String,
    /// What is wrong, and what would be right.
    pub detail: String,
}

impl From<Fault> for FaultView {
    fn from(Fault { pointer, detail }: Fault) -> Self {
        Self { pointer, detail }
    }
}

/// The media type of problems.
pub const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");

/// How long a client should wait before it tries again, in seconds.
const RETRY_AFTER_SECONDS: HeaderValue = HeaderValue::from_static("2");

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (status, slug, title) = self.answer();
        if status.is_server_error() {
            // The one place where a failed request is logged; the span around it carries its id and route.
            tracing::error!(status = status.as_u16(), problem = slug, error = %ErrorChain(&self), "request failed");
        }
        let range = match self {
            Self::Range { size } => HeaderValue::from_str(&format!("bytes */{size}")).ok(),
            _ => None,
        };
        let problem = Problem {
            kind: format!("/problems/{slug}"),
            title: title.to_owned(),
            status: status.as_u16(),
            detail: self.public_detail(status),
            request_id: request_id::current(),
            errors: self.into_faults().into_iter().map(FaultView::from).collect(),
        };
        let body = serde_json::to_vec(&problem).unwrap_or_default();
        let mut response = (status, [(header::CONTENT_TYPE, PROBLEM_JSON)], body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, RETRY_AFTER_SECONDS);
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"gand\""));
        }
        if let Some(range) = range {
            headers.insert(header::CONTENT_RANGE, range);
        }
        response
    }
}

/// An error with its causes, in one line.
struct ErrorChain<'a>(&'a dyn std::error::Error);

impl std::fmt::Display for ErrorChain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut written = self.0.to_string();
        f.write_str(&written)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            let text = error.to_string();
            // A message that already ends in its cause is not told twice.
            if !written.contains(&text) {
                write!(f, ": {text}")?;
                written = text;
            }
            cause = error.source();
        }
        Ok(())
    }
}
