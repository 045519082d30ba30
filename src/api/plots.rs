//! What the numbers of a job look like: drawn by the server, for pages, papers and terminals alike.

use super::checkpoints::Which;
use super::conditional::ETag;
use super::error::ApiError;
use super::extract::Checks;
use super::extract::{JobPartPath, Parameters};
use super::negotiate::{Offers, choose};
use super::openapi::{InvalidParameters, NotAcceptable, NotFound, NotModified};
use super::samples::{check_checkpoint, choose_weights, tag};
use super::state::Api;
use super::thinning::thin;
use crate::data::Density;
use crate::data::synthetic::Synthetic;
use crate::eval::Protocol;
use crate::gan::{Checkpoint, Judge};
use crate::job::Job;
use crate::render::{plot, png};
use crate::sampler::Latents;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::IntoParams;

const FORMATS: &Offers<Format> = &[(Format::Svg, "svg", &["image/svg+xml"]), (Format::Png, "png", &["image/png"])];

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Format {
    Svg,
    Png,
}

impl Format {
    fn content_type(self) -> &'static str {
        match self {
            Self::Svg => "image/svg+xml",
            Self::Png => "image/png",
        }
    }

    fn write(self, chart: &plot::Chart) -> Result<Vec<u8>, ApiError> {
        match self {
            Self::Svg => chart.svg().map(String::into_bytes),
            Self::Png => chart.picture().and_then(|picture| png::encode(&picture)),
        }
        .map_err(|error| ApiError::Internal(error.to_string()))
    }
}

/// Points of a curve: as many as a plot has pixels across, and some.
const MOST_POINTS: usize = 2000;

/// Samples behind the curve of p_g.
const SAMPLES: u64 = 5000;

/// Places along x.
const PLACES: usize = 240;

/// Arrows from z to x.
const ARROWS: usize = 24;

/// How to draw, and for `theory` of which checkpoint.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PlotQuery {
    /// `svg` or `png`.
    #[param(value_type = Option<super::words::PlotFormat>, inline)]
    format: Option<String>,
    /// Whose p_g is drawn: a step, `latest`, `best` or `final`.
    #[param(pattern = "^([0-9]{1,15}|latest|best|final)$", example = "latest")]
    #[serde(default = "latest")]
    checkpoint: String,
}

fn latest() -> String {
    "latest".to_owned()
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Plot {
    Losses,
    Parzen,
    Theory,
}

/// A picture of a job's numbers.
///
/// `losses`: both players' losses with the line at ln 2. `parzen`: the scores with their errors and the reference rows.
/// `theory`: Figure 1 of the paper (D, p_data, p_g and the way from z to x), for data of known density in one dimension.
#[utoipa::path(get, path = "/jobs/{id}/plots/{plot}", tag = "results",
    params(("id" = Uuid, Path, description = "The job."),
        ("plot" = inline(super::words::PlotName), Path, description = "Which plot."), PlotQuery),
    responses((status = 200, description = "The plot.", content((String = "image/svg+xml"), (Vec<u8> = "image/png"))),
        NotModified, NotFound, NotAcceptable, InvalidParameters))]
pub async fn get(
    State(api): State<Api>,
    JobPartPath(id, name): JobPartPath,
    Parameters(query): Parameters<PlotQuery>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let plot = match name.as_str() {
        "losses" => Plot::Losses,
        "parzen" => Plot::Parzen,
        "theory" => Plot::Theory,
        other => return Err(ApiError::NotFound(format!("plot {other:?}; there are losses, parzen and theory"))),
    };
    let format = choose(query.format.as_deref(), &headers, FORMATS)?;
    let mut checks = Checks::default();
    let which = check_checkpoint(&mut checks, &query.checkpoint);
    checks.finish()?;
    let job = api.job(id).await?;
    let etag = tag(&("plot", plot, format, id, job.version, &query.checkpoint));
    // Reference rows come without the job's knowing, so its version does not tell whether a plot of scores is the same.
    if plot != Plot::Parzen && etag.is_fresh(&headers) {
        return Ok(etag.not_modified("no-cache"));
    }
    match plot {
        Plot::Losses => losses(&api, &job, (&etag, format)).await,
        Plot::Parzen => parzen(&api, &job, (&etag, format)).await,
        Plot::Theory => theory(&api, &job, which, (&etag, format)).await,
    }
}

async fn losses(api: &Api, job: &Job, answer: Answer<'_>) -> Result<Response, ApiError> {
    let rows = api.store.metrics(job.id, 0, job.last_step).await?;
    let title = title(job);
    respond(api, answer, move || {
        let rows = thin(rows, MOST_POINTS);
        let step: Vec<u64> = rows.iter().map(|row| row.step).collect();
        let discriminator: Vec<f32> = rows.iter().map(|row| row.d_loss).collect();
        let generator: Vec<f32> = rows.iter().map(|row| row.g_loss).collect();
        let losses = plot::Losses { step: &step, discriminator: &discriminator, generator: &generator };
        plot::losses(&title, losses)
    })
    .await
}

async fn parzen(api: &Api, job: &Job, answer: Answer<'_>) -> Result<Response, ApiError> {
    let evaluations = api.store.evaluations(job.id).await?;
    let protocol = evaluations.last().map_or("goodfellow2014", |evaluation| &evaluation.protocol).to_owned();
    let scores: Vec<plot::Score> = evaluations
        .iter()
        // Scores under different protocols must not be compared.
        .filter(|evaluation| evaluation.protocol == protocol)
        .filter_map(|evaluation| {
            let result = evaluation.result.as_ref()?;
            let (log_likelihood, standard_error) = (result.log_likelihood, result.standard_error);
            Some(plot::Score { step: evaluation.step, log_likelihood, standard_error })
        })
        .collect();
    let rows = match Protocol::by_name(&protocol) {
        Some(protocol) => api.reference(job.spec.dataset.clone(), protocol).await?,
        None => Vec::new(),
    };
    let title = format!("{}, protocol {protocol}", title(job));
    respond(api, answer, move || {
        let references: Vec<plot::Reference<'_>> =
            rows.iter().map(|row| plot::Reference { name: &row.name, log_likelihood: row.log_likelihood }).collect();
        plot::parzen(&title, &scores, &references)
    })
    .await
}

async fn theory(api: &Api, job: &Job, which: Which, answer: Answer<'_>) -> Result<Response, ApiError> {
    let density = Synthetic::by_name(&job.spec.dataset).map(Synthetic::density);
    let Some(density) = density.filter(|density| density.bounds().len() == 1) else {
        return Err(ApiError::NotFound(format!(
            "plot of the theory for {}: it takes data of known density in one dimension",
            job.spec.dataset
        )));
    };
    let weights = choose_weights(job, None)?;
    let checkpoint = api.resolve(job, which).await?;
    let samples = api.draw(job, &checkpoint, weights, Latents::OfSeed { seed: 0, range: 0..SAMPLES }).await?;
    let mapping = if samples.latent_dim == 1 {
        // Both priors have deviation 1; this is all of the uniform one and most of the Gaussian.
        let latents: Vec<f32> = (0..ARROWS).map(|i| 1.73 * (2.0 * i as f32 / (ARROWS - 1) as f32 - 1.0)).collect();
        let there = api.draw(job, &checkpoint, weights, Latents::Given(latents.clone())).await?;
        latents.iter().zip(&there.samples).map(|(z, x)| (f64::from(*z), f64::from(*x))).collect()
    } else {
        Vec::new()
    };
    let title = format!("{}, step {}", title(job), checkpoint.step);
    let discriminator = discriminator(api, job, checkpoint.step, places(&density)).await?;
    respond(api, answer, move || {
        let (x, data, generated) = densities(&density, &samples.samples);
        let (x, discriminator) = (&x, Some(&discriminator[..]));
        let figure = plot::Figure1 { x, data: &data, generated: &generated, discriminator, mapping: &mapping };
        plot::figure_1(&title, figure)
    })
    .await
}

/// D of a checkpoint at some places: a few hundred numbers, so this thread asks it itself.
async fn discriminator(api: &Api, job: &Job, step: u64, places: Vec<f64>) -> Result<Vec<f64>, ApiError> {
    let bytes = api.store.checkpoint_bytes(job.id, step).await?;
    let bytes = bytes.ok_or_else(|| ApiError::NotFound(format!("{} (job {})", Which::Step(step), job.id)))?;
    api.blocking(move || {
        let points: Vec<f32> = places.iter().map(|place| *place as f32).collect();
        let asked =
            Checkpoint::from_bytes(&bytes).and_then(|checkpoint| Judge::new(&checkpoint, 1)?.probabilities(&points));
        asked.map_err(|error| ApiError::Internal(error.to_string()))
    })
    .await
}

/// Places along x.
fn places(density: &Density) -> Vec<f64> {
    let (low, high) = density.bounds()[0];
    (0..PLACES).map(|i| low + (high - low) * i as f64 / (PLACES - 1) as f64).collect()
}

/// Places along x with p_data there, and p_g as a kernel estimate from samples sees it.
fn densities(density: &Density, samples: &[f32]) -> (Vec<f64>, Vec<f64>, Vec<f64>) {
    let x = places(density);
    let data = x.iter().map(|x| density.density(&[*x])).collect();
    // Narrow against a mode, wide enough that some thousand samples give a smooth curve.
    let bandwidth = 0.2 * density.deviation;
    let scale = 1.0 / (bandwidth * (2.0 * std::f64::consts::PI).sqrt() * samples.len().max(1) as f64);
    let generated = x
        .iter()
        .map(|x| {
            let kernel = |sample: &f32| (-0.5 * ((x - f64::from(*sample)) / bandwidth).powi(2)).exp();
            scale * samples.iter().map(kernel).sum::<f64>()
        })
        .collect();
    (x, data, generated)
}

fn title(job: &Job) -> String {
    job.name.clone().unwrap_or_else(|| format!("{} on {}", job.spec.recipe, job.spec.dataset))
}

/// Under which tag a plot is kept, and how it is written.
type Answer<'a> = (&'a ETag, Format);

async fn respond(
    api: &Api,
    (etag, format): Answer<'_>,
    draw: impl FnOnce() -> plot::Chart + Send + 'static,
) -> Result<Response, ApiError> {
    let rendered = api.pictures.render(etag, format.content_type(), move || format.write(&draw())).await?;
    let mut response = rendered.into_response();
    etag.put(response.headers_mut(), "no-cache");
    response.headers_mut().insert(header::VARY, HeaderValue::from_static("accept"));
    Ok(response)
}
