//! Pictures of the same latents over training: one step's, or all of them as a film.

use super::animations::Film;
use super::error::ApiError;
use super::extract::{Checks, JobPath, Parameters};
use super::negotiate::{Offers, choose};
use super::openapi::{InvalidParameters, NotAcceptable, NotFound, NotModified};
use super::pictures::{check_size, most_pictures};
use super::samples::{IMMUTABLE, tag};
use super::state::Api;
use super::words::LARGEST;
use crate::job::{EventKind, JobId};
use crate::render::{PictureError, png};
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use utoipa::{IntoParams, ToSchema};

/// Pictures of a film, unless it is said how many.
const FRAMES: usize = 100;

/// How long the last picture stays before the film begins anew.
const REST: Duration = Duration::from_millis(1500);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    Film(Film),
    Json,
}

const FORMATS: &Offers<Format> = &[
    (Format::Film(Film::Gif), "gif", &["image/gif"]),
    (Format::Film(Film::Apng), "apng", &["image/apng"]),
    (Format::Film(Film::Png), "png", &["image/png"]),
    (Format::Json, "json", &["application/json"]),
];

/// Which pictures.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TimelineQuery {
    /// One step's picture, as a PNG.
    #[param(minimum = 0, maximum = 9_007_199_254_740_991_u64)]
    step: Option<u64>,
    /// `gif`, `apng`, `png` (the newest picture), or `json` (the steps that have one).
    #[param(value_type = Option<super::words::TimelineFormat>, inline)]
    format: Option<String>,
    /// The most pictures of a film; evenly chosen where there are more.
    #[param(minimum = 1, maximum = 500)]
    frames: Option<usize>,
    /// Milliseconds for each picture of a film.
    #[param(minimum = 20, maximum = 5000)]
    #[serde(default = "default_frame_ms")]
    frame_ms: u64,
}

fn default_frame_ms() -> u64 {
    100
}

/// The steps that have a picture.
#[derive(Serialize, ToSchema)]
pub struct Timeline {
    /// The steps, ascending.
    steps: Vec<u64>,
}

/// How what the same latents give changes over training.
#[utoipa::path(get, path = "/jobs/{id}/timeline", tag = "results",
    params(("id" = Uuid, Path, description = "The job."), TimelineQuery),
    responses((status = 200, description = "The film, a picture, or the steps.", content(
        (Vec<u8> = "image/gif"), (Vec<u8> = "image/apng"), (Vec<u8> = "image/png"), (Timeline = "application/json"))),
        NotModified, NotFound, NotAcceptable, InvalidParameters))]
pub async fn get(
    State(api): State<Api>,
    JobPath(id): JobPath,
    Parameters(query): Parameters<TimelineQuery>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let mut checks = Checks::default();
    checks.range("frames", query.frames.unwrap_or(FRAMES), 1..=500);
    checks.range("step", query.step.unwrap_or(0), 0..=LARGEST);
    checks.range("frame_ms", query.frame_ms, 20..=5000);
    if query.step.is_some() && !matches!(query.format.as_deref(), None | Some("png")) {
        checks.fault("format", "one step is shown as png");
    }
    checks.finish()?;
    api.job(id).await?;
    if let Some(step) = query.step {
        return picture(&api, id, step, &headers, IMMUTABLE).await;
    }
    let format = choose(query.format.as_deref(), &headers, FORMATS)?;
    let steps = api.store.snapshot_steps(id).await?;
    let film = match (format, steps.last()) {
        (Format::Json, _) => return Ok(Json(Timeline { steps }).into_response()),
        (_, None) => return Err(ApiError::NotFound(format!("picture of job {id} yet"))),
        // Which step is the newest changes as the job trains.
        (Format::Film(Film::Png), Some(newest)) => return picture(&api, id, *newest, &headers, "no-cache").await,
        (Format::Film(film), Some(_)) => film,
    };
    let shown = evenly(&steps, query.frames.unwrap_or(FRAMES));
    // Which steps there are changes as the job trains, and after a rollback the same steps have other pictures. No picture
    // comes without an event, whose ids only grow.
    let newest = api.store.newest_events(id, &[EventKind::Snapshot], 1).await?;
    let newest = newest.last().map(|event| event.id);
    // Where it is not said how many, fewer may fit.
    let as_many_as_fit = query.frames.is_none();
    let etag = tag(&("timeline", id, newest, &shown, as_many_as_fit, query.frame_ms, film));
    if etag.is_fresh(&headers) {
        return Ok(etag.not_modified("no-cache"));
    }
    let rendered = match api.pictures.find(&etag) {
        Some(rendered) => rendered,
        None => {
            let files = files(&api, id, film, &shown, as_many_as_fit).await?;
            let frame = Duration::from_millis(query.frame_ms);
            let render = move || {
                let pictures = files.iter().map(|file| png::decode(file)).collect::<Result<Vec<_>, _>>();
                film.write(&pictures.map_err(unreadable)?, frame, REST)
            };
            api.pictures.render(&etag, film.content_type(), render).await?
        }
    };
    let mut response = rendered.into_response();
    etag.put(response.headers_mut(), "no-cache");
    Ok(response)
}

/// The files of a film's pictures: of all that are asked for, or of `as_many_as_fit`.
async fn files(
    api: &Api,
    id: JobId,
    film: Film,
    shown: &[u64],
    as_many_as_fit: bool,
) -> Result<Vec<Vec<u8>>, ApiError> {
    let newest = match shown.last() {
        Some(step) => api.store.snapshot(id, *step).await?,
        None => None,
    };
    let newest = newest.ok_or_else(|| ApiError::NotFound(format!("picture of job {id} yet")))?;
    // A job's pictures are all of one size.
    let size = png::size(&newest).map_err(unreadable)?;
    let shown = evenly(shown, if as_many_as_fit { most_pictures(size) } else { shown.len() });
    check_size(film, shown.len(), size, "frames", "fewer frames, or one step's picture")?;
    let mut files = Vec::with_capacity(shown.len());
    for step in &shown {
        // One that was pruned meanwhile is left out.
        files.extend(api.store.snapshot(id, *step).await?);
    }
    Ok(files)
}

fn unreadable(error: PictureError) -> ApiError {
    ApiError::Internal(error.to_string())
}

async fn picture(
    api: &Api,
    id: JobId,
    step: u64,
    headers: &HeaderMap,
    caching: &'static str,
) -> Result<Response, ApiError> {
    let file = api.store.snapshot(id, step).await?;
    let file = file.ok_or_else(|| ApiError::NotFound(format!("picture of step {step} (job {id})")))?;
    let etag = tag(&("snapshot", &file));
    if etag.is_fresh(headers) {
        return Ok(etag.not_modified(caching));
    }
    let mut response = ([(header::CONTENT_TYPE, "image/png")], file).into_response();
    etag.put(response.headers_mut(), caching);
    Ok(response)
}

/// At most `most` of the steps, the first and the last among them.
fn evenly(steps: &[u64], most: usize) -> Vec<u64> {
    match (steps.len(), most) {
        (count, most) if count <= most => steps.to_vec(),
        (count, 0 | 1) => steps[count - 1..].to_vec(),
        (count, most) => (0..most).map(|place| steps[place * (count - 1) / (most - 1)]).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_film_keeps_its_ends() {
        let steps: Vec<u64> = (1..=1000).collect();
        for most in [2, 3, 7, 100, 999] {
            let shown = evenly(&steps, most);
            assert_eq!((shown.len(), shown[0], shown[most - 1]), (most, 1, 1000));
            assert!(shown.windows(2).all(|pair| pair[0] < pair[1]));
        }
        assert_eq!(evenly(&steps, 1), [1000]);
        assert_eq!(evenly(&[5], 100), [5]);
    }
}
