//! What a request's span tells OpenTelemetry beyond what the log has: whose request it belongs to, its route, and how it
//! ended.

use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderMap, StatusCode};
use opentelemetry::propagation::{Extractor, TextMapPropagator as _};
use opentelemetry::trace::Status;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

/// The span of a request, a child of the client's where `traceparent` names one.
pub fn span(id: &str, request: &Request) -> Span {
    let method = request.method();
    let route = request.extensions().get::<MatchedPath>().map_or("unmatched", MatchedPath::as_str);
    let span = tracing::info_span!(
        "request", id = %id, method = %method, path = %request.uri().path(),
        otel.name = format!("{method} {route}"), otel.kind = "server"
    );
    let parent = TraceContextPropagator::new().extract(&Incoming(request.headers()));
    if let Err(error) = span.set_parent(parent) {
        // As where no collector is named.
        tracing::trace!(%error, "the span has no parent");
    }
    span.set_attribute("http.request.method", method.to_string());
    span.set_attribute("http.route", route.to_owned());
    span
}

/// Says how the request ended.
pub fn end(span: &Span, status: StatusCode) {
    span.set_attribute("http.response.status_code", i64::from(status.as_u16()));
    if status.is_server_error() {
        span.set_status(Status::error(status.to_string()));
    }
}

struct Incoming<'a>(&'a HeaderMap);

impl Extractor for Incoming<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(axum::http::HeaderName::as_str).collect()
    }
}
