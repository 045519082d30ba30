//! Signing in: the dashboard trades a token for a cookie that no script can read and no other site can send.

use super::auth::COOKIE;
use super::error::ApiError;
use super::extract::{Fields, JsonObject};
use super::openapi::{Invalid, Unauthorized};
use super::state::Api;
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum_extra::extract::CookieJar;
use axum_extra::extract::cookie::{Cookie, SameSite};
use serde::Serialize;
use utoipa::ToSchema;

/// Whether a token is needed here, and what the present one allows.
#[derive(Serialize, ToSchema)]
pub struct Session {
    /// Whether this server asks for tokens.
    required: bool,
    /// What this client may do: `read`, `write`, or null when it has to sign in.
    #[schema(example = "write")]
    scope: Option<&'static str>,
}

/// Whether this client is signed in.
#[utoipa::path(get, path = "/session", tag = "service",
    responses((status = 200, description = "What the client may do.", body = Session)))]
pub async fn get(State(api): State<Api>, headers: HeaderMap) -> Json<Session> {
    let scope = api.auth.scope_of(&headers).map(super::auth::Scope::as_str);
    Json(Session { required: api.auth.is_required(), scope })
}

/// Sign in: trade a token for a cookie.
#[utoipa::path(post, path = "/session", tag = "service",
    request_body(content = super::openapi::SignIn, content_type = "application/json"),
    responses((status = 200, description = "Signed in.", body = Session, headers(
        ("Set-Cookie" = String, description = "HttpOnly, SameSite=Strict."))), Unauthorized, Invalid))]
pub async fn sign_in(
    State(api): State<Api>,
    jar: CookieJar,
    JsonObject(body): JsonObject,
) -> Result<Response, ApiError> {
    let mut fields = Fields::new(body, "");
    let token = fields.text("token", 1024).flatten();
    if token.is_none() {
        fields.fault("token", "is missing");
    }
    let faults = fields.finish("token");
    let Some(token) = token.filter(|_| faults.is_empty()) else { return Err(ApiError::Validation(faults)) };
    if !api.auth.is_required() {
        return Ok(Json(Session { required: false, scope: Some("write") }).into_response());
    }
    let (scope, value) = api.auth.sign_in(&token).ok_or(ApiError::Unauthorized("the token is not known here"))?;
    let cookie = Cookie::build((COOKIE, value)).http_only(true).same_site(SameSite::Strict).path("/").build();
    Ok((jar.add(cookie), Json(Session { required: true, scope: Some(scope.as_str()) })).into_response())
}

/// Sign out.
#[utoipa::path(delete, path = "/session", tag = "service",
    responses((status = 204, description = "Signed out.")))]
pub async fn sign_out(jar: CookieJar) -> impl IntoResponse {
    (jar.remove(Cookie::build(COOKIE).path("/")), StatusCode::NO_CONTENT)
}
