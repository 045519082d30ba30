//! Section 4 of the paper on a job whose data have a known density: p_data, p_g and D where they can be compared.

use super::checkpoints::Which;
use super::error::ApiError;
use super::extract::{Checks, JobPath, Parameters};
use super::openapi::{InvalidParameters, NotFound, NotModified};
use super::samples::{check_checkpoint, choose_weights, tag};
use super::state::Api;
use crate::data::Density;
use crate::data::synthetic::Synthetic;
use crate::eval::Theory;
use crate::eval::theory::{Cells, optimal_discriminator};
use crate::gan::{Checkpoint, Judge};
use crate::job::Job;
use crate::sampler::Latents;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Samples behind the numbers and the curve of p_g.
const SAMPLES: u64 = 5000;

/// Places along x in one dimension, and along each side in two.
const PLACES: [usize; 2] = [240, 48];

/// Latents whose way to x is shown.
const ARROWS: usize = 24;

/// The most points of the plane that are shown.
const MOST_POINTS: usize = 1500;

/// Of which checkpoint.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TheoryQuery {
    /// A step, `latest`, `best` or `final`.
    #[param(pattern = "^([0-9]{1,15}|latest|best|final)$", example = "latest")]
    #[serde(default = "latest")]
    checkpoint: String,
}

fn latest() -> String {
    "latest".to_owned()
}

/// What a generator and its discriminator make of data of known density.
#[derive(Serialize, ToSchema)]
#[schema(as = Theory)]
pub struct TheoryView {
    /// The job.
    job: uuid::Uuid,
    /// The checkpoint's step.
    step: u64,
    /// JSD(p_data ‖ p_g) in nats.
    divergence: f64,
    /// What as many draws from the data's own density give by chance.
    divergence_floor: f64,
    /// C(G) = −log 4 + 2·JSD.
    criterion: f64,
    /// V(G, D) over the same cells.
    value: Option<f64>,
    /// The mean of |D − D*| over an equal mixture of data and samples.
    distance_to_optimal: Option<f64>,
    /// The mean of |D − ½| over the same.
    distance_to_half: Option<f64>,
    /// Modes of the data.
    modes: usize,
    /// Modes near which there are at least a fifth of the samples due to them.
    modes_covered: usize,
    /// The share of samples within three deviations of a mode.
    near_a_mode: f64,
    /// How many samples.
    samples: usize,
    /// What was found where.
    figure: FigureView,
}

/// Figure 1, as numbers.
#[derive(Serialize, ToSchema)]
#[schema(as = Figure)]
#[serde(tag = "dimensions")]
pub enum FigureView {
    /// Curves over x.
    #[serde(rename = "1")]
    Line {
        /// Places, rising.
        x: Vec<f64>,
        /// p_data there.
        data: Vec<f64>,
        /// p_g there, as a kernel estimate from samples sees it.
        generated: Vec<f64>,
        /// D there.
        discriminator: Vec<f64>,
        /// D* = p_data / (p_data + p_g) there.
        optimal: Vec<f64>,
        /// Latents, in units of their deviation, and where G takes them; empty unless latents have one dimension.
        mapping: Vec<[f64; 2]>,
    },
    /// A field over a square.
    #[serde(rename = "2")]
    Plane {
        /// The lowest and highest value along both axes.
        bounds: [f64; 2],
        /// Cells along each side.
        side: usize,
        /// D in the middle of each cell, rows from the lowest.
        discriminator: Vec<f64>,
        /// Samples.
        points: Vec<[f64; 2]>,
        /// The data's modes.
        centres: Vec<[f64; 2]>,
        /// The data's standard deviation around each.
        deviation: f64,
    },
}

/// Compare p_g with the data's known density, and D with the best there is.
#[utoipa::path(get, path = "/jobs/{id}/theory", tag = "results",
    params(("id" = Uuid, Path, description = "The job."), TheoryQuery),
    responses((status = 200, description = "The comparison.", body = TheoryView), NotModified, NotFound,
        InvalidParameters))]
pub async fn get(
    State(api): State<Api>,
    JobPath(id): JobPath,
    Parameters(query): Parameters<TheoryQuery>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let mut checks = Checks::default();
    let which = check_checkpoint(&mut checks, &query.checkpoint);
    checks.finish()?;
    let job = api.job(id).await?;
    let checkpoint = api.resolve(&job, which).await?;
    let etag = tag(&("theory", &checkpoint.digest));
    if etag.is_fresh(&headers) {
        return Ok(etag.not_modified("no-cache"));
    }
    let rendered = match api.pictures.find(&etag) {
        Some(rendered) => rendered,
        None => {
            let seen = api.look_at_theory(&job, Which::Step(checkpoint.step)).await?;
            let render =
                move || serde_json::to_vec(&seen.view(id.0)).map_err(|error| ApiError::Internal(error.to_string()));
            api.pictures.render(&etag, "application/json", render).await?
        }
    };
    let mut response = rendered.into_response();
    etag.put(response.headers_mut(), "no-cache");
    Ok(response)
}

/// What both players of a checkpoint do where the data's density is known.
pub struct Seen {
    /// The checkpoint's step.
    pub step: u64,
    /// The data's.
    pub density: Density,
    /// D at each of [`Self::places`], or in the middle of each cell of the plane.
    pub discriminator: Vec<f64>,
    /// Latents and where G takes them, where latents have one dimension.
    pub mapping: Vec<(f64, f64)>,
    samples: Vec<f32>,
    at_cells: Vec<f64>,
}

impl Seen {
    /// Places along x.
    pub fn places(&self) -> Vec<f64> {
        let (low, high) = bounds(&self.density);
        along(low, high, PLACES[0])
    }

    /// p_data at the places.
    pub fn data(&self) -> Vec<f64> {
        self.places().iter().map(|x| self.density.density(&[*x])).collect()
    }

    /// p_g at the places, as a kernel estimate from samples sees it.
    pub fn generated(&self) -> Vec<f64> {
        // Narrow against a mode, wide enough that some thousand samples give a smooth curve.
        let bandwidth = 0.2 * self.density.deviation;
        let scale = 1.0 / (bandwidth * std::f64::consts::TAU.sqrt() * self.samples.len().max(1) as f64);
        let kernel = |x: f64, sample: f32| (-0.5 * ((x - f64::from(sample)) / bandwidth).powi(2)).exp();
        let estimate = |x: &f64| scale * self.samples.iter().map(|sample| kernel(*x, *sample)).sum::<f64>();
        self.places().iter().map(estimate).collect()
    }

    fn view(&self, job: uuid::Uuid) -> TheoryView {
        let found: Theory = Cells::new(self.density.clone()).compare(&self.samples, Some(&self.at_cells));
        let rounded = |values: &[f64]| values.iter().map(|value| round(*value)).collect::<Vec<f64>>();
        let figure = if self.density.dim == 1 {
            let (data, generated) = (self.data(), self.generated());
            let optimal = data.iter().zip(&generated).map(|(data, generated)| optimal_discriminator(*data, *generated));
            FigureView::Line {
                x: rounded(&self.places()),
                optimal: rounded(&optimal.collect::<Vec<_>>()),
                data: rounded(&data),
                generated: rounded(&generated),
                discriminator: rounded(&self.discriminator),
                mapping: self.mapping.iter().map(|(z, x)| [round(*z), round(*x)]).collect(),
            }
        } else {
            let (low, high) = bounds(&self.density);
            let points = self.samples.as_chunks::<2>().0.iter().take(MOST_POINTS);
            FigureView::Plane {
                bounds: [low, high],
                side: PLACES[1],
                discriminator: rounded(&self.discriminator),
                points: points.map(|point| point.map(|value| round(f64::from(value)))).collect(),
                centres: self.density.modes.iter().map(|mode| mode.map(round)).collect(),
                deviation: self.density.deviation,
            }
        };
        TheoryView {
            job,
            step: self.step,
            divergence: found.divergence,
            divergence_floor: found.divergence_floor,
            criterion: found.criterion,
            value: found.value.filter(|value| value.is_finite()),
            distance_to_optimal: found.distance_to_optimal,
            distance_to_half: found.distance_to_half,
            modes: found.modes,
            modes_covered: found.modes_covered,
            near_a_mode: found.near_a_mode,
            samples: found.samples,
            figure,
        }
    }
}

/// As many digits as a picture shows.
fn round(value: f64) -> f64 {
    (value * 1e4).round() / 1e4
}

/// The lowest and highest value of any coordinate worth looking at.
fn bounds(density: &Density) -> (f64, f64) {
    let each = density.bounds();
    each.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), (a, b)| (low.min(*a), high.max(*b)))
}

fn along(low: f64, high: f64, places: usize) -> Vec<f64> {
    (0..places).map(|place| low + (high - low) * place as f64 / (places - 1) as f64).collect()
}

/// Where D is asked for the figure, row by row.
fn questions(density: &Density) -> Vec<f32> {
    let (low, high) = bounds(density);
    if density.dim == 1 {
        return along(low, high, PLACES[0]).iter().map(|x| *x as f32).collect();
    }
    let middle = 0.5 * (high - low) / PLACES[1] as f64;
    let axis = along(low + middle, high - middle, PLACES[1]);
    axis.iter().flat_map(|y| axis.iter().flat_map(move |x| [*x as f32, *y as f32])).collect()
}

impl Api {
    /// Asks a checkpoint's generator for samples and its discriminator what it makes of the places that matter.
    pub async fn look_at_theory(&self, job: &Job, which: Which) -> Result<Seen, ApiError> {
        let Some(density) = Synthetic::by_name(&job.spec.dataset).map(Synthetic::density) else {
            return Err(ApiError::NotFound(format!("theory for {}: it takes data of known density", job.spec.dataset)));
        };
        let weights = choose_weights(job, None)?;
        let checkpoint = self.resolve(job, which).await?;
        let step = checkpoint.step;
        let model = self.model(job, &checkpoint, weights).await?;
        let room = self.room(&model, SAMPLES + ARROWS as u64).await?;
        let drawn = self.draw(&model, &room, Latents::OfSeed { seed: 0, range: 0..SAMPLES }).await?;
        let mapping = if density.dim == 1 && drawn.latent_dim == 1 {
            // Both priors have deviation 1; this is all of the uniform one and most of the Gaussian.
            let latents: Vec<f32> = along(-1.73, 1.73, ARROWS).iter().map(|z| *z as f32).collect();
            let there = self.draw(&model, &room, Latents::Given(latents.clone())).await?;
            latents.iter().zip(&there.samples).map(|(z, x)| (f64::from(*z), f64::from(*x))).collect()
        } else {
            Vec::new()
        };
        let file = self.checkpoint_bytes(job.id, step).await?;
        self.blocking(move || {
            let mut judge = Judge::new(&Checkpoint::from_bytes(&file)?, 1)?;
            let discriminator = judge.probabilities(&questions(&density))?;
            let at_cells = judge.probabilities(&Cells::new(density.clone()).centres())?;
            Ok(Seen { step, density, discriminator, mapping, samples: drawn.samples, at_cells })
        })
        .await
    }
}
