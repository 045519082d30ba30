//! What keeps one request, or many, from taking the server down; and the last net under every answer.

use super::error::{ApiError, PROBLEM_JSON};
use super::state::Api;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::any::Any;

/// Answers 503 at once when too many requests are under way, instead of letting them wait in a growing queue. Streams
/// are counted apart: they give this permit back as soon as they have begun.
pub async fn shed_load(State(api): State<Api>, request: Request, next: Next) -> Response {
    match api.requests.try_acquire() {
        Ok(_permit) => next.run(request).await,
        Err(_) => ApiError::Overloaded("too many requests are being served; try again shortly").into_response(),
    }
}

/// Ends requests that take too long. What they began in the database is rolled back with them.
pub async fn time_out(State(api): State<Api>, request: Request, next: Next) -> Response {
    // An upload takes as long as its client's line; how slow it may be is watched as it comes.
    if request.method() == Method::PUT {
        return next.run(request).await;
    }
    let limit = api.limits.request_timeout;
    match tokio::time::timeout(limit, next.run(request)).await {
        Ok(response) => response,
        Err(_) => ApiError::Timeout(limit.as_secs()).into_response(),
    }
}

/// A panic in a handler becomes a problem like any other, and ends nothing but its request.
pub fn caught_panic(panic: Box<dyn Any + Send + 'static>) -> Response {
    let words = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no message");
    ApiError::Internal(format!("a handler panicked: {words}")).into_response()
}

/// Turns errors that were made elsewhere (by the router, by a layer) into problems, and adds the headers that every
/// answer carries.
pub async fn finish(State(api): State<Api>, request: Request, next: Next) -> Response {
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    let mut response = next.run(request).await;
    let status = response.status();
    let is_error = status.is_client_error() || status.is_server_error();
    if is_error && response.headers().get(header::CONTENT_TYPE) != Some(&PROBLEM_JSON) {
        response = as_problem(status, &method, path, api.limits.max_body, response);
    }
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(HeaderValue::from_static(
        "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    ));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

fn as_problem(status: StatusCode, method: &Method, path: String, max_body: u64, response: Response) -> Response {
    let allow = response.headers().get(header::ALLOW).cloned();
    let error = match status {
        StatusCode::NOT_FOUND => ApiError::NoRoute(path),
        StatusCode::METHOD_NOT_ALLOWED => ApiError::MethodNotAllowed(method.to_string()),
        StatusCode::PAYLOAD_TOO_LARGE => ApiError::TooLarge { limit: max_body },
        _ if status.is_client_error() => ApiError::UnreadableBody(status.to_string()),
        _ => ApiError::Internal(format!("an answer {status} was not made by gand's own error type")),
    };
    let mut problem = error.into_response();
    if let Some(allow) = allow {
        problem.headers_mut().insert(header::ALLOW, allow);
    }
    problem
}
