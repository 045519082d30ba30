//! Samples beside their nearest training examples: whether the generator has learned by heart (the paper's Figure 2).

use super::animations::Film;
use super::checkpoints::Which;
use super::error::ApiError;
use super::extract::{Checks, JobPath, Parameters};
use super::negotiate::{Offers, choose};
use super::openapi::{Conflict, InvalidParameters, NotAcceptable, NotFound, NotModified};
use super::pictures::{check_size, grid_style};
use super::samples::{IMMUTABLE, Style, check_checkpoint, check_style, check_weights, choose_weights, tag};
use super::state::Api;
use super::words::LARGEST;
use crate::data::{Dataset, Shape};
use crate::eval::neighbours::{Neighbour, nearest};
use crate::render::{GridStyle, grid, png};
use crate::sampler::{Drawn, Latents};
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Samples with their neighbours in a row, unless asked otherwise.
const PAIRS_IN_A_ROW: usize = 5;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Format {
    Png,
    Json,
}

const FORMATS: &Offers<Format> = &[(Format::Png, "png", &["image/png"]), (Format::Json, "json", &["application/json"])];

/// Which samples, and how to show them.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct NeighboursQuery {
    /// How many samples.
    #[param(minimum = 1, maximum = 200)]
    #[serde(default = "default_count")]
    count: u64,
    /// Whose latents.
    #[param(minimum = 0, maximum = 9_007_199_254_740_991_u64)]
    #[serde(default)]
    seed: u64,
    /// A step, `latest`, `best` or `final`.
    #[param(pattern = "^([0-9]{1,15}|latest|best|final)$", example = "latest")]
    #[serde(default = "latest")]
    checkpoint: String,
    /// `raw` or `ema`.
    #[param(value_type = Option<super::words::WeightsWord>, inline)]
    weights: Option<String>,
    /// `png` or `json`.
    #[param(value_type = Option<super::words::NeighboursFormat>, inline)]
    format: Option<String>,
    /// Pairs of sample and neighbour in a row of the PNG.
    #[param(minimum = 1, maximum = 1000)]
    columns: Option<usize>,
    /// Pixels for each of an image's.
    #[param(minimum = 1, maximum = 16)]
    scale: Option<usize>,
}

fn default_count() -> u64 {
    20
}

fn latest() -> String {
    "latest".to_owned()
}

/// The nearest training examples of samples.
#[derive(Serialize, ToSchema)]
pub struct Neighbours {
    /// The job.
    job: uuid::Uuid,
    /// The checkpoint's step.
    step: u64,
    /// Whose latents.
    seed: u64,
    /// One entry for each sample.
    items: Vec<NeighbourView>,
}

/// A sample's nearest training example.
#[derive(Serialize, ToSchema)]
#[schema(as = Neighbour)]
pub struct NeighbourView {
    /// Which sample of the seed.
    sample: usize,
    /// Which training example.
    index: usize,
    /// How far it is, by Euclidean distance.
    distance: f64,
    /// Its label, where the dataset has labels.
    label: Option<String>,
}

/// Samples beside their nearest training examples by Euclidean distance.
#[utoipa::path(get, path = "/jobs/{id}/neighbours", tag = "results",
    params(("id" = Uuid, Path, description = "The job."), NeighboursQuery),
    responses((status = 200, description = "Each sample with the example to its right, or indices and distances.", content(
        (Vec<u8> = "image/png"), (Neighbours = "application/json"))),
        NotModified, NotFound, NotAcceptable, Conflict, InvalidParameters))]
pub async fn get(
    State(api): State<Api>,
    JobPath(id): JobPath,
    Parameters(query): Parameters<NeighboursQuery>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let format = choose(query.format.as_deref(), &headers, FORMATS)?;
    let mut checks = Checks::default();
    checks.range("count", query.count, 1..=200);
    checks.range("seed", query.seed, 0..=LARGEST);
    let style = check_style(&mut checks, query.columns, query.scale);
    let which = check_checkpoint(&mut checks, &query.checkpoint);
    let weights = check_weights(&mut checks, query.weights.as_deref());
    checks.finish()?;
    let job = api.job(id).await?;
    let weights = choose_weights(&job, weights)?;
    let checkpoint = api.resolve(&job, which).await?;
    let dataset = api.dataset(job.spec.dataset.clone()).await?;
    if format == Format::Png && !dataset.shape.is_image() {
        return Err(ApiError::Conflict("points have no pictures to show; ask for format=json".to_owned()));
    }
    let (seed, step) = (query.seed, checkpoint.step);
    let etag = tag(&("neighbours", &checkpoint.digest, &dataset.digest, weights, seed, query.count, (format, style)));
    let caching = if matches!(which, Which::Step(_)) { IMMUTABLE } else { "no-cache" };
    if etag.is_fresh(&headers) {
        return Ok(etag.not_modified(caching));
    }
    let rendered = match api.pictures.find(&etag) {
        Some(rendered) => rendered,
        None => {
            let model = api.model(&job, &checkpoint, weights).await?;
            if model.shape() != dataset.shape {
                return Err(ApiError::Conflict("the dataset of this name has another shape by now".to_owned()));
            }
            if format == Format::Png {
                let size = pairs_style(dataset.shape, style).size(dataset.shape, 2 * query.count as usize);
                check_size(Film::Png, 1, size, "scale", "a smaller scale or count")?;
            }
            let room = api.room(&model, query.count).await?;
            let drawn = api.draw(&model, &room, Latents::OfSeed { seed, range: 0..query.count }).await?;
            let (content_type, render): (_, Render) = match format {
                Format::Png => ("image/png", Box::new(move || picture(&drawn, &dataset, style))),
                Format::Json => (
                    "application/json",
                    Box::new(move || {
                        let view = list(&drawn, &dataset, id.0, step, seed);
                        serde_json::to_vec(&view).map_err(|error| ApiError::Internal(error.to_string()))
                    }),
                ),
            };
            api.pictures.render(&etag, content_type, render).await?
        }
    };
    let mut response = rendered.into_response();
    etag.put(response.headers_mut(), caching);
    Ok(response)
}

/// Work for a thread that may block: the answer's bytes.
type Render = Box<dyn FnOnce() -> Result<Vec<u8>, ApiError> + Send>;

fn find(drawn: &Drawn, dataset: &Dataset) -> Vec<Neighbour> {
    // One thread: this is a user's look at a job, and the cores belong to training.
    nearest(&drawn.samples, &dataset.train, 1)
}

fn list(drawn: &Drawn, dataset: &Dataset, job: uuid::Uuid, step: u64, seed: u64) -> Neighbours {
    let label = |index: usize| {
        let label = *dataset.train.labels.as_ref()?.get(index)?;
        dataset.label_names.get(usize::from(label)).cloned()
    };
    let view = |(sample, Neighbour { index, distance }): (usize, Neighbour)| NeighbourView {
        sample,
        index,
        distance,
        label: label(index),
    };
    Neighbours { job, step, seed, items: find(drawn, dataset).into_iter().enumerate().map(view).collect() }
}

/// The grid of samples with their neighbours, where `columns` are pairs.
fn pairs_style(shape: Shape, (columns, scale): Style) -> GridStyle {
    let pairs = if columns == 0 { PAIRS_IN_A_ROW } else { columns };
    grid_style(shape, (2 * pairs, scale))
}

fn picture(drawn: &Drawn, dataset: &Dataset, style: Style) -> Result<Vec<u8>, ApiError> {
    let size = drawn.shape.len();
    let mut images = Vec::with_capacity(2 * drawn.samples.len());
    for (sample, neighbour) in drawn.samples.chunks_exact(size).zip(find(drawn, dataset)) {
        images.extend_from_slice(sample);
        images.extend(dataset.train.to_vec(neighbour.index..neighbour.index + 1));
    }
    let picture = grid(&images, drawn.shape, pairs_style(drawn.shape, style));
    png::encode(&picture).map_err(|error| ApiError::Internal(error.to_string()))
}
