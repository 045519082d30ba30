//! Datasets from users: taken in as a stream, checked whole, then visible.

use super::datasets::{DatasetView, no_dataset};
use super::error::ApiError;
use super::extract::{Checks, NamePath, NoParameters, Parameters, next_part};
use super::jobs::header_value;
use super::openapi::{Conflict, InvalidParameters, InvalidUpload, NotFound};
use super::state::Api;
use crate::data::DatasetError;
use crate::data::image_set::ImageOptions;
use crate::gan::Fault;
use crate::library::{ImportOptions, Incoming, LibraryError, is_dataset_name};
use axum::Json;
use axum::body::BodyDataStream;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt as _;
use utoipa::IntoParams;

/// Uploads under way at once; each may fill a file of the largest size.
pub const AT_ONCE: usize = 4;

/// A client that on average sends less than this holds a place for nothing.
const SLOWEST_BYTES_PER_SECOND: u64 = 16 << 10;

/// From when on the average is taken.
const START: Duration = Duration::from_secs(30);

/// The longest side of the images of a dataset.
const LONGEST_SIDE: usize = 1024;

/// Enough of a file to tell what it is.
const FIRST_BYTES: usize = 8;

/// What to make of an upload.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct UploadQuery {
    /// Bring the images of a zip to this height and width, as `28x28` or `28`; as they are, unless given.
    #[param(pattern = "^[1-9][0-9]{0,2}(x[1-9][0-9]{0,2})?$", example = "28x28")]
    size: Option<String>,
    /// Bring the images of a zip to 1 (grey) or 3 (RGB) channels; as the first one is, unless given.
    #[param(minimum = 1, maximum = 3)]
    channels: Option<usize>,
    /// Under which terms the data may be used.
    #[param(max_length = 500)]
    licence: Option<String>,
    /// Where the data comes from.
    #[param(max_length = 500)]
    origin: Option<String>,
}

/// Upload a dataset, or replace one that was uploaded.
///
/// The body is one file: `.npy`; `.npz`; an IDX file of images, plain or gzip; a zip of MNIST's four files; or a zip of
/// PNG, JPEG or PGM images, whose folders give labels and splits. What it is shows in its first bytes. It is written to
/// the disk as it comes and read whole before anything is visible; a failed upload leaves nothing behind. The same
/// request again gives the same dataset. A dataset that an unfinished job trains on is neither replaced nor removed.
#[utoipa::path(put, path = "/datasets/{name}", tag = "datasets",
    params(("name" = String, Path, description = "Lower-case letters, digits, `.`, `_` and `-`; 64 at most.",
        example = "my-faces"), UploadQuery),
    request_body(content = Vec<u8>, content_type = "application/octet-stream", description = "The file."),
    responses(
        (status = 201, description = "It is there.", body = DatasetView, headers(
            ("Location" = String, description = "Where the dataset is."))),
        (status = 200, description = "It is in place of the one uploaded before.", body = DatasetView),
        Conflict, InvalidUpload))]
pub async fn put(
    State(api): State<Api>,
    NamePath(name): NamePath,
    Parameters(query): Parameters<UploadQuery>,
    request: Request,
) -> Result<Response, ApiError> {
    let (head, body) = request.into_parts();
    let options = options(&name, &query, api.limits.max_upload)?;
    let declared = declared_type(&head.headers)?;
    let limit = api.limits.max_upload;
    if content_length(&head.headers).is_some_and(|length| length > limit) {
        return Err(ApiError::TooLarge { limit });
    }
    refuse_if_in_use(&api, &name).await?;
    let _place = api.uploads.clone().try_acquire_owned().map_err(|_| {
        ApiError::Overloaded("as many datasets as are taken in at once are being uploaded; try again shortly")
    })?;
    let library = api.library.clone();
    let (incoming, existed) = {
        let name = name.clone();
        api.blocking(move || {
            let existed = library.info(&name).is_ok_and(|info| info.available);
            Ok((library.incoming().map_err(refused)?, existed))
        })
        .await?
    };
    receive(body.into_data_stream(), incoming.path(), (limit, api.client_timeout), declared).await?;
    // One at a time: a dataset is unpacked in memory, and the next one may be as large.
    let turn = api.importing.clone().acquire_owned().await.map_err(|_| ApiError::Stopping)?;
    refuse_if_in_use(&api, &name).await?;
    let (library, of) = (api.library.clone(), name.clone());
    let info = api
        .blocking(move || {
            let _turn = turn;
            let info = library.import(&of, incoming.path(), &options).map_err(refused);
            // Gone here and not with the request, which its client may have given up.
            drop::<Incoming>(incoming);
            info
        })
        .await?;
    tracing::info!(dataset = name, replaced = existed, "dataset uploaded");
    let view = Json(DatasetView::from(info));
    if existed {
        return Ok(view.into_response());
    }
    let location = header_value(&format!("/datasets/{name}"))?;
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], view).into_response())
}

/// Remove a dataset that was uploaded.
#[utoipa::path(delete, path = "/datasets/{name}", tag = "datasets",
    params(("name" = String, Path, description = "Its name.")),
    responses((status = 204, description = "It is gone."), NotFound, Conflict, InvalidParameters))]
pub async fn delete(State(api): State<Api>, NamePath(name): NamePath, _: NoParameters) -> Result<StatusCode, ApiError> {
    refuse_if_in_use(&api, &name).await?;
    let (library, of) = (api.library.clone(), name.clone());
    api.blocking(move || library.remove(&of).map_err(refused)).await?;
    tracing::info!(dataset = name, "dataset removed");
    Ok(StatusCode::NO_CONTENT)
}

async fn refuse_if_in_use(api: &Api, name: &str) -> Result<(), ApiError> {
    if is_dataset_name(name) && api.store.dataset_in_use(name).await? {
        let detail = format!("a job that is not finished trains on {name}; cancel it, or let it end, first");
        return Err(ApiError::Conflict(detail));
    }
    Ok(())
}

fn options(name: &str, query: &UploadQuery, max_bytes: u64) -> Result<ImportOptions, ApiError> {
    let mut checks = Checks::default();
    if !is_dataset_name(name) {
        checks.fault(
            "name",
            "must be lower-case letters, digits, '.', '_' and '-', the first a letter or digit, 64 at most",
        );
    }
    let size = query.size.as_deref().and_then(|text| {
        let size = parse_size(text);
        if size.is_none() {
            checks.fault("size", format!("{text:?} is no size such as 28x28, with sides from 1 to {LONGEST_SIDE}"));
        }
        size
    });
    if query.channels.is_some_and(|channels| channels != 1 && channels != 3) {
        checks.fault("channels", "must be 1 (grey) or 3 (RGB)");
    }
    for (field, text) in [("licence", &query.licence), ("origin", &query.origin)] {
        if text.as_ref().is_some_and(|text| text.chars().count() > 500 || text.chars().any(char::is_control)) {
            checks.fault(field, "must be at most 500 printable characters long");
        }
    }
    checks.finish()?;
    Ok(ImportOptions {
        images: ImageOptions { size, channels: query.channels },
        max_bytes,
        licence: query.licence.clone(),
        origin: query.origin.clone(),
    })
}

fn parse_size(text: &str) -> Option<(usize, usize)> {
    let side = |text: &str| text.parse().ok().filter(|side| (1..=LONGEST_SIDE).contains(side));
    match text.split_once('x') {
        Some((height, width)) => Some((side(height)?, side(width)?)),
        None => side(text).map(|side| (side, side)),
    }
}

/// What a file can be declared as; nothing says no more than that it is bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Declared {
    Bytes,
    Zip,
    Gzip,
    Numpy,
}

fn declared_type(headers: &HeaderMap) -> Result<Declared, ApiError> {
    if headers.contains_key(header::CONTENT_ENCODING) {
        return Err(ApiError::UnsupportedMediaType("a file as it is, without Content-Encoding"));
    }
    let Some(declared) = headers.get(header::CONTENT_TYPE) else { return Ok(Declared::Bytes) };
    let essence = declared.to_str().unwrap_or("").split(';').next().unwrap_or("").trim().to_ascii_lowercase();
    match essence.as_str() {
        "application/octet-stream" | "application/x-matlab-data" | "application/x-idx" => Ok(Declared::Bytes),
        "application/zip" | "application/x-zip-compressed" | "application/x-npz" => Ok(Declared::Zip),
        "application/gzip" | "application/x-gzip" => Ok(Declared::Gzip),
        "application/x-npy" => Ok(Declared::Numpy),
        _ => Err(ApiError::UnsupportedMediaType(
            "one file, declared as application/octet-stream, application/zip, application/gzip, application/x-npy or \
             application/x-npz",
        )),
    }
}

/// Whether a file begins as what it was declared to be.
fn fits(declared: Declared, first: &[u8]) -> bool {
    match declared {
        Declared::Bytes => true,
        Declared::Zip => first.starts_with(b"PK"),
        Declared::Gzip => first.starts_with(&[0x1f, 0x8b]),
        Declared::Numpy => first.starts_with(b"\x93NUMPY"),
    }
}

fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Writes the body to a file as it comes. What was announced is not believed: every byte counts.
async fn receive(
    mut body: BodyDataStream,
    path: &Path,
    (limit, silence): (u64, Duration),
    declared: Declared,
) -> Result<(), ApiError> {
    let unwritten = |error: std::io::Error| ApiError::Internal(format!("the upload cannot be written: {error}"));
    let mut file = tokio::fs::OpenOptions::new().write(true).open(path).await.map_err(unwritten)?;
    let (mut received, mut first, begun) = (0_u64, Vec::with_capacity(FIRST_BYTES), Instant::now());
    while let Some(part) = next_part(&mut body, silence).await? {
        received = received.saturating_add(part.len() as u64);
        if received > limit {
            return Err(ApiError::TooLarge { limit });
        }
        let seconds = begun.elapsed().saturating_sub(START).as_secs();
        if received < seconds.saturating_mul(SLOWEST_BYTES_PER_SECOND) {
            return Err(ApiError::SlowBody);
        }
        if first.len() < FIRST_BYTES {
            first.extend_from_slice(&part[..part.len().min(FIRST_BYTES - first.len())]);
            if first.len() == FIRST_BYTES && !fits(declared, &first) {
                return Err(ApiError::UnsupportedMediaType("a file of the type that it is declared as"));
            }
        }
        file.write_all(&part).await.map_err(unwritten)?;
    }
    if received == 0 {
        return Err(invalid("the body is empty; it must be one file"));
    }
    if !fits(declared, &first) {
        return Err(ApiError::UnsupportedMediaType("a file of the type that it is declared as"));
    }
    file.flush().await.map_err(unwritten)
}

fn invalid(detail: impl Into<String>) -> ApiError {
    ApiError::Validation(vec![Fault { pointer: String::new(), detail: detail.into() }])
}

fn refused(error: LibraryError) -> ApiError {
    match error {
        // Not the error's own words: they name a file of the server's.
        LibraryError::Invalid { source: DatasetError::TooLarge(detail), .. } => ApiError::DatasetTooLarge(detail),
        LibraryError::Invalid { source, .. } => invalid(source.to_string()),
        LibraryError::Refused { .. } => ApiError::Conflict(error.to_string()),
        LibraryError::Unreadable { .. } => ApiError::Internal(error.to_string()),
        other => no_dataset(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn sizes_are_one_side_or_two() {
        assert_eq!(parse_size("28"), Some((28, 28)));
        assert_eq!(parse_size("28x32"), Some((28, 32)));
        for wrong in ["", "x", "0", "28x", "28x0", "2000", "28x28x3", "-1", "1e2"] {
            assert_eq!(parse_size(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn a_declared_type_is_held_against_the_bytes() {
        let declared =
            |value| declared_type(&HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(value))]));
        assert_eq!(declared_type(&HeaderMap::new()).unwrap(), Declared::Bytes);
        assert_eq!(declared("application/ZIP; charset=x").unwrap(), Declared::Zip);
        for wrong in ["text/plain", "application/json", "multipart/form-data; boundary=x", "image/png"] {
            assert!(declared(wrong).is_err(), "{wrong}");
        }
        assert!(fits(Declared::Numpy, b"\x93NUMPY\x01\x00") && !fits(Declared::Numpy, b"PK\x03\x04"));
    }
}
