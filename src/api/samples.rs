//! Samples of a job's generator: a pure function of checkpoint, seed and count, and cached like one.

use super::checkpoints::Which;
use super::conditional::ETag;
use super::error::ApiError;
use super::extract::{Checks, JobPath, Parameters};
use super::negotiate::{Offers, choose};
use super::openapi::{InvalidParameters, NotAcceptable, NotFound, NotModified};
use super::pictures;
use super::state::Api;
use super::words::LARGEST;
use crate::data::{Shape, npy, npz};
use crate::gan::Weights;
use crate::job::{CheckpointInfo, Job};
use crate::sampler::{DrawError, Drawn, Generator, Latents, Model, Room};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;
use utoipa::{IntoParams, ToSchema};

/// The step of the checkpoint that an answer shows, where the request did not name it.
const CHECKPOINT_STEP: HeaderName = HeaderName::from_static("gand-checkpoint-step");

/// What a named step's samples are, they stay.
pub const IMMUTABLE: &str = "private, max-age=31536000, immutable";

/// The most samples of one request.
pub const MOST_SAMPLES: u64 = 10_000;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Format {
    Png,
    Npy,
    Npz,
    Json,
}

const FORMATS: &Offers<Format> = &[
    (Format::Png, "png", &["image/png"]),
    (Format::Json, "json", &["application/json"]),
    (Format::Npy, "npy", &["application/x-npy", "application/octet-stream"]),
    (Format::Npz, "npz", &["application/x-npz", "application/zip"]),
];

impl Format {
    fn content_type(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Npy => "application/x-npy",
            Self::Npz => "application/x-npz",
            Self::Json => "application/json",
        }
    }
}

/// Which samples, and how to show them.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SamplesQuery {
    /// How many.
    #[param(minimum = 1, maximum = 10_000)]
    #[serde(default = "default_count")]
    count: u64,
    /// Sample i of a seed is the same whatever the count.
    #[param(minimum = 0, maximum = 9_007_199_254_740_991_u64)]
    #[serde(default)]
    seed: u64,
    /// A step, `latest`, `best` or `final`.
    #[param(pattern = "^([0-9]{1,15}|latest|best|final)$", example = "latest")]
    #[serde(default = "latest")]
    checkpoint: String,
    /// `raw` (as the last step left them) or `ema` (their moving average, the default where the job keeps one).
    #[param(value_type = Option<super::words::WeightsWord>, inline)]
    weights: Option<String>,
    /// `png`, `npy`, `npz` (latents `z` and samples `x`) or `json`.
    #[param(value_type = Option<super::words::SamplesFormat>, inline)]
    format: Option<String>,
    /// Images in a row of the PNG; about as many as rows, unless given.
    #[param(minimum = 1, maximum = 1000)]
    columns: Option<usize>,
    /// Pixels of the PNG for each of an image's.
    #[param(minimum = 1, maximum = 16)]
    scale: Option<usize>,
}

fn default_count() -> u64 {
    64
}

fn latest() -> String {
    "latest".to_owned()
}

/// Samples as JSON.
#[derive(Serialize, ToSchema)]
#[allow(dead_code)]
pub struct Samples {
    /// The job.
    job: uuid::Uuid,
    /// The checkpoint's step.
    step: u64,
    /// Whose latents.
    seed: u64,
    /// How many samples.
    count: u64,
    /// `raw` or `ema`.
    weights: &'static str,
    /// Height, width and channels of a sample.
    #[schema(example = json!([28, 28, 1]))]
    shape: [usize; 3],
    /// The samples: count × height × width × channels.
    samples: Vec<Vec<Vec<Vec<f32>>>>,
}

/// Samples of a job's generator.
///
/// Arrays are N,H,W,C of float32, images in [0, 1]. The same query and checkpoint give the same bytes.
#[utoipa::path(get, path = "/jobs/{id}/samples", tag = "results",
    params(("id" = Uuid, Path, description = "The job."), SamplesQuery),
    responses(
        (status = 200, description = "The samples.", content(
            (Vec<u8> = "image/png"), (Samples = "application/json"), (Vec<u8> = "application/x-npy"),
            (Vec<u8> = "application/x-npz")), headers(
            ("ETag" = String, description = "Names these bytes."),
            ("Gand-Checkpoint-Step" = u64, description = "The checkpoint's step."))),
        NotModified, NotFound, NotAcceptable, InvalidParameters))]
pub async fn get(
    State(api): State<Api>,
    JobPath(id): JobPath,
    Parameters(query): Parameters<SamplesQuery>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let format = choose(query.format.as_deref(), &headers, FORMATS)?;
    let mut checks = Checks::default();
    checks.range("count", query.count, 1..=MOST_SAMPLES);
    checks.range("seed", query.seed, 0..=LARGEST);
    let style = check_style(&mut checks, query.columns, query.scale);
    let which = check_checkpoint(&mut checks, &query.checkpoint);
    let weights = check_weights(&mut checks, query.weights.as_deref());
    checks.finish()?;
    let subject = api.subject(id, which).await?;
    let (job, checkpoint) = (&subject.0, &subject.1);
    let weights = choose_weights(job, weights)?;

    let style_matters = format == Format::Png;
    let etag = tag(&(
        ("samples", &checkpoint.digest, weights, query.seed, query.count),
        (format.content_type(), style_matters.then_some(style)),
    ));
    let caching = if matches!(which, Which::Step(_)) { IMMUTABLE } else { "no-cache" };
    if etag.is_fresh(&headers) {
        return Ok(of_step(etag.not_modified(caching), checkpoint.step));
    }
    let rendered = match api.pictures.find(&etag) {
        Some(rendered) => rendered,
        None => {
            let model = api.model(job, checkpoint, weights).await?;
            if format == Format::Png {
                pictures::check_samples(model.shape(), query.count, style)?;
            }
            let room = api.room(&model, query.count).await?;
            let latents = Latents::OfSeed { seed: query.seed, range: 0..query.count };
            let drawn = api.draw(&model, &room, latents).await?;
            let head = Head { job: id.0, step: checkpoint.step, seed: query.seed, weights };
            let dataset = job.spec.dataset.clone();
            let render = move || encode(format, &drawn, &head, &dataset, style);
            api.pictures.render(&etag, format.content_type(), render).await?
        }
    };
    let mut response = rendered.into_response();
    etag.put(response.headers_mut(), caching);
    Ok(of_step(response, checkpoint.step))
}

/// An answer that says whose samples it shows.
fn of_step(mut response: Response, step: u64) -> Response {
    response.headers_mut().insert(CHECKPOINT_STEP, HeaderValue::from(step));
    response
}

/// Columns and scale of a picture; 0 leaves the choice to the picture.
pub type Style = (usize, usize);

/// Checks what every picture takes.
pub fn check_style(checks: &mut Checks, columns: Option<usize>, scale: Option<usize>) -> Style {
    if let Some(columns) = columns {
        checks.range("columns", columns, 1..=1000);
    }
    if let Some(scale) = scale {
        checks.range("scale", scale, 1..=16);
    }
    (columns.unwrap_or(0), scale.unwrap_or(0))
}

/// Reads which checkpoint is meant.
pub fn check_checkpoint(checks: &mut Checks, text: &str) -> Which {
    Which::parse(text).unwrap_or_else(|| {
        checks.fault("checkpoint", format!("{text:?} is no step and not one of latest, best, final"));
        Which::Latest
    })
}

/// Reads which weights are meant.
pub fn check_weights(checks: &mut Checks, text: Option<&str>) -> Option<Weights> {
    match text? {
        "raw" => Some(Weights::Raw),
        "ema" => Some(Weights::Ema),
        other => {
            checks.fault("weights", format!("{other:?} is not one of raw, ema"));
            None
        }
    }
}

/// The weights asked for, or else the average where the job keeps one.
pub fn choose_weights(job: &Job, asked: Option<Weights>) -> Result<Weights, ApiError> {
    match (asked, job.spec.training.ema.is_some()) {
        (Some(Weights::Ema), false) => Err(ApiError::parameter("weights", crate::gan::GanError::NoAverage.to_string())),
        (Some(weights), _) => Ok(weights),
        (None, true) => Ok(Weights::Ema),
        (None, false) => Ok(Weights::Raw),
    }
}

/// An entity tag of everything that decides an answer's bytes, gand's version among it.
pub fn tag(of: &impl std::fmt::Debug) -> ETag {
    let text = format!("{} {of:?}", env!("CARGO_PKG_VERSION"));
    ETag::new(hex::encode(&Sha256::digest(text.as_bytes())[..16]))
}

impl Api {
    /// A checkpoint's generator, whose file is read only if it is not loaded.
    pub async fn model(&self, job: &Job, checkpoint: &CheckpointInfo, weights: Weights) -> Result<Model, ApiError> {
        let generator = Generator { digest: checkpoint.digest.clone(), weights };
        if let Some(model) = self.samplers.find(&generator) {
            return Ok(model);
        }
        // One at a time: whoever waited here finds it loaded, and one file is in memory and not a hundred.
        let _turn = self.loading.lock().await;
        if let Some(model) = self.samplers.find(&generator) {
            return Ok(model);
        }
        let file = self.checkpoint_bytes(job.id, checkpoint.step).await?;
        self.samplers.load(generator, file).await.map_err(not_drawn)
    }

    /// Room for so many samples, once it is there. A request takes it once, for all that it draws.
    pub async fn room(&self, model: &Model, samples: u64) -> Result<Room, ApiError> {
        self.samplers.room(model.bytes(samples)).await.map_err(not_drawn)
    }

    /// Draws samples, in room that was taken for them.
    pub async fn draw(&self, model: &Model, room: &Room, latents: Latents) -> Result<Drawn, ApiError> {
        self.samplers.draw(model, room, latents).await.map_err(not_drawn)
    }
}

fn not_drawn(error: DrawError) -> ApiError {
    match error {
        DrawError::Busy => ApiError::Overloaded("too many requests for samples are waiting"),
        DrawError::Stopped => ApiError::Stopping,
        DrawError::Gan(error) => error.into(),
        DrawError::Failed(_) => ApiError::Internal(error.to_string()),
    }
}

/// What an answer says about its samples.
struct Head {
    job: uuid::Uuid,
    step: u64,
    seed: u64,
    weights: Weights,
}

fn encode(format: Format, drawn: &Drawn, head: &Head, dataset: &str, style: Style) -> Result<Vec<u8>, ApiError> {
    let Shape { height, width, channels } = drawn.shape;
    let count = drawn.samples.len() / drawn.shape.len().max(1);
    let shape = [count, height, width, channels];
    match format {
        Format::Png => pictures::samples_png(&drawn.samples, drawn.shape, dataset, style),
        Format::Npy => Ok(npy::encode(&shape, &drawn.samples)),
        Format::Npz => {
            let of_latents = [count, drawn.latent_dim];
            npz::encode(&[("z", &of_latents, &drawn.latents), ("x", &shape, &drawn.samples)])
                .map_err(|error| ApiError::Internal(error.to_string()))
        }
        Format::Json => Ok(json(&drawn.samples, shape, head).into_bytes()),
    }
}

/// The samples as nested lists, written by hand: there may be millions of numbers.
fn json(samples: &[f32], shape: [usize; 4], head: &Head) -> String {
    let [count, height, width, channels] = shape;
    let Head { job, step, seed, weights } = head;
    let weights = match weights {
        Weights::Raw => "raw",
        Weights::Ema => "ema",
    };
    let mut text = String::with_capacity(samples.len() * 12 + 256);
    // Writing to a string cannot fail.
    let _ = write!(
        text,
        "{{\"job\":\"{job}\",\"step\":{step},\"seed\":{seed},\"count\":{count},\"weights\":\"{weights}\",\
         \"shape\":[{height},{width},{channels}],\"samples\":"
    );
    nested(&mut text, samples, &shape);
    text.push('}');
    text
}

fn nested(text: &mut String, values: &[f32], shape: &[usize]) {
    let Some((first, rest)) = shape.split_first() else {
        match values.first() {
            Some(value) if value.is_finite() => {
                let _ = write!(text, "{value}");
            }
            _ => text.push_str("null"),
        }
        return;
    };
    text.push('[');
    for (index, part) in values.chunks_exact((values.len() / first.max(&1)).max(1)).enumerate() {
        if index > 0 {
            text.push(',');
        }
        nested(text, part, rest);
    }
    text.push(']');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_nests_as_the_shape_says() {
        let samples = [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, f32::NAN];
        let head = Head { job: uuid::Uuid::nil(), step: 3, seed: 4, weights: Weights::Raw };
        let value: serde_json::Value = serde_json::from_str(&json(&samples, [2, 2, 1, 2], &head)).unwrap();
        assert_eq!(value["shape"], serde_json::json!([2, 1, 2]));
        assert_eq!(value["samples"].to_string(), "[[[[0,0.1]],[[0.2,0.3]]],[[[0.4,0.5]],[[0.6,null]]]]");
    }

    #[test]
    fn tags_differ_wherever_bytes_may() {
        let one = tag(&("a", 1_u64, Weights::Raw));
        assert_eq!(one, tag(&("a", 1_u64, Weights::Raw)));
        assert_ne!(one, tag(&("a", 1_u64, Weights::Ema)));
        assert_ne!(one, tag(&("a", 2_u64, Weights::Raw)));
    }
}
