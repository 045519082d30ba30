//! The id under which the log and the client speak of one request.

use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use tracing::Instrument as _;

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

tokio::task_local! {
    /// Set around every request, so that a problem made anywhere below can name it.
    static REQUEST_ID: String;
}

/// The id of the request being answered.
pub fn current() -> String {
    REQUEST_ID.try_with(Clone::clone).unwrap_or_default()
}

/// Makes the answer to a request that never comes to the router, under an id of its own.
pub fn outside(answer: impl FnOnce() -> Response) -> Response {
    let id = new();
    let span = tracing::info_span!("request", id = %id);
    let mut response = REQUEST_ID.sync_scope(id.clone(), || span.in_scope(answer));
    name(&mut response, &id);
    response
}

/// Gives the request an id (the client's own, if it sent a plain one), and puts it into its span and its answer.
pub async fn identify(request: Request, next: Next) -> Response {
    let id = match request.headers().get(&X_REQUEST_ID).and_then(|value| value.to_str().ok()) {
        Some(id) if is_plain(id) => id.to_owned(),
        _ => new(),
    };
    #[cfg(not(feature = "otel"))]
    let span = tracing::info_span!("request", id = %id, method = %request.method(), path = %request.uri().path());
    #[cfg(feature = "otel")]
    let span = super::trace::span(&id, &request);
    let mut response = REQUEST_ID.scope(id.clone(), next.run(request)).instrument(span.clone()).await;
    #[cfg(feature = "otel")]
    super::trace::end(&span, response.status());
    name(&mut response, &id);
    response
}

fn new() -> String {
    uuid::Uuid::now_v7().to_string()
}

fn name(response: &mut Response, id: &str) {
    if let Ok(value) = HeaderValue::from_str(id) {
        response.headers_mut().insert(X_REQUEST_ID, value);
    }
}

fn is_plain(id: &str) -> bool {
    (1..=64).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}
