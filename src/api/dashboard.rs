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
    gzip: &'static [u8],
}

// `ASSETS`: one entry for each file under static/, made by build.rs.
include!(concat!(env!("OUT_DIR"), "/assets.rs"));

/// The tags of [`ASSETS`], in the same order, as they are and compressed: the hash of the bytes.
static ETAGS: LazyLock<Vec<[ETag; 2]>> = LazyLock::new(|| {
    let tag = |bytes: &[u8]| ETag::new(hex::encode(&Sha256::digest(bytes)[..16]));
    ASSETS.iter().map(|asset| [tag(asset.bytes), tag(asset.gzip)]).collect()
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

/// Whether a client unpacks gzip by itself.
fn takes_gzip(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    accepted.flat_map(|value| value.split(',')).any(|coding| {
        let (name, quality) = coding.split_once(';').unwrap_or((coding, ""));
        let refused = quality.trim().strip_prefix("q=").is_some_and(|q| q.trim().parse() == Ok(0.0));
        name.trim().eq_ignore_ascii_case("gzip") && !refused
    })
}

fn find(name: &str, headers: &HeaderMap) -> Option<Response> {
    let index = ASSETS.iter().position(|asset| asset.name == name)?;
    let (asset, etags) = (&ASSETS[index], &ETAGS[index]);
    let packed = takes_gzip(headers);
    let (bytes, etag) = if packed { (asset.gzip, &etags[1]) } else { (asset.bytes, &etags[0]) };
    let mut response = if etag.is_fresh(headers) {
        etag.not_modified("no-cache")
    } else {
        let mut response = ([(header::CONTENT_TYPE, asset.content_type)], bytes).into_response();
        if packed {
            response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        etag.put(response.headers_mut(), "no-cache");
        response
    };
    response.headers_mut().insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    // Also when nothing changed: a 304's headers replace those that the browser kept with the page.
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY);
    Some(response)
}
