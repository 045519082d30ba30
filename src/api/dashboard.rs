//! The dashboard's files, built into the binary from `static/`.

use super::conditional::ETag;
use super::error::ApiError;
use super::extract::{NamePath, NoParameters};
use super::openapi::{NotFound, NotModified};
use axum::extract::OriginalUri;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use sha2::{Digest as _, Sha256};
use std::sync::LazyLock;

/// A file of the dashboard.
struct Asset {
    name: &'static str,
    content_type: &'static str,
    bytes: &'static [u8],
}

// `ASSETS`: one entry for each file under static/, made by build.rs.
include!(concat!(env!("OUT_DIR"), "/assets.rs"));

/// The tags of [`ASSETS`], in the same order: the hash of the bytes.
static ETAGS: LazyLock<Vec<ETag>> = LazyLock::new(|| {
    ASSETS.iter().map(|asset| ETag::new(super::auth::hex(&Sha256::digest(asset.bytes)[..16]))).collect()
});

/// No script, style or picture from anywhere else, and none written into the page.
const CONTENT_SECURITY_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; \
     connect-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
);

/// The dashboard.
#[utoipa::path(get, path = "/", tag = "service", responses(
    (status = 200, description = "The dashboard's page.", body = String, content_type = "text/html"), NotModified))]
pub async fn index(headers: HeaderMap) -> Result<Response, ApiError> {
    find("index.html", &headers).ok_or_else(|| ApiError::NotFound("dashboard in this build".to_owned()))
}

/// The API's reader: this server's OpenAPI document as a page, which needs nothing from anywhere else.
#[utoipa::path(get, path = "/docs", tag = "service", responses(
    (status = 200, description = "The reader's page.", body = String, content_type = "text/html"), NotModified))]
pub async fn docs(_: NoParameters, headers: HeaderMap) -> Result<Response, ApiError> {
    find("docs.html", &headers).ok_or_else(|| ApiError::NotFound("reader in this build".to_owned()))
}

/// A file of the dashboard.
#[utoipa::path(get, path = "/static/{name}", tag = "service",
    params(("name" = String, Path, description = "The file's name.")), responses(
    (status = 200, description = "The file.", body = Vec<u8>, content_type = "*/*"), NotModified, NotFound))]
pub async fn asset(
    NamePath(name): NamePath,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    find(&name, &headers).ok_or_else(|| ApiError::NoRoute(uri.path().to_owned()))
}

fn find(name: &str, headers: &HeaderMap) -> Option<Response> {
    let index = ASSETS.iter().position(|asset| asset.name == name)?;
    let (asset, etag) = (&ASSETS[index], &ETAGS[index]);
    let mut response = if etag.is_fresh(headers) {
        etag.not_modified("no-cache")
    } else {
        let mut response = ([(header::CONTENT_TYPE, asset.content_type)], asset.bytes).into_response();
        etag.put(response.headers_mut(), "no-cache");
        response
    };
    // Also when nothing changed: a 304's headers replace those that the browser kept with the page.
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY);
    Some(response)
}
