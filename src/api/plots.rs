//! What the numbers of a job look like: drawn by the server, for pages, papers and terminals alike.

use super::checkpoints::Which;
use super::conditional::ETag;
use super::error::ApiError;
use super::extract::Checks;
use super::extract::{JobPartPath, Parameters};
use super::metrics::thinned;
use super::negotiate::{Offers, choose};
use super::openapi::{InvalidParameters, NotAcceptable, NotFound, NotModified};
use super::pictures::Rendered;
use super::samples::{check_checkpoint, tag};
use super::state::Api;
use crate::data::synthetic::Synthetic;
use crate::eval::{Protocol, ReferenceRow};
use crate::job::Job;
use crate::render::{plot, png};
use axum::extract::State;
use axum::http::HeaderMap;
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
/// `theory`: Figure 1 of the paper (p_data, p_g, D and the way from z to x), for data of known density in one dimension.
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
    let scores = match plot {
        // Reference rows come without the job's knowing: its version does not tell whether a plot of scores is the same.
        Plot::Parzen => Some(Scores::of(&api, &job).await?),
        Plot::Losses | Plot::Theory => None,
    };
    let etag = tag(&("plot", plot, format, id, job.version, &query.checkpoint, &scores));
    if etag.is_fresh(&headers) {
        return Ok(etag.not_modified("no-cache"));
    }
    if let Some(rendered) = api.pictures.find(&etag) {
        return Ok(answer(rendered, &etag));
    }
    match scores {
        Some(scores) => parzen(&api, &job, scores, (&etag, format)).await,
        None if plot == Plot::Theory => theory(&api, &job, which, (&etag, format)).await,
        None => losses(&api, &job, (&etag, format)).await,
    }
}

async fn losses(api: &Api, job: &Job, answer: Answer<'_>) -> Result<Response, ApiError> {
    let rows = thinned(api.store.clone(), job.id, 0..=job.last_step, MOST_POINTS).await?;
    let title = title(job);
    respond(api, answer, move || {
        let step: Vec<u64> = rows.iter().map(|kept| kept.row.step).collect();
        let discriminator: Vec<f32> = rows.iter().map(|kept| kept.row.d_loss).collect();
        let generator: Vec<f32> = rows.iter().map(|kept| kept.row.g_loss).collect();
        let losses = plot::Losses { step: &step, discriminator: &discriminator, generator: &generator };
        plot::losses(&title, losses)
    })
    .await
}

/// A job's scores under one protocol, and what to hold them against.
#[derive(Debug)]
struct Scores {
    protocol: String,
    scores: Vec<plot::Score>,
    references: Vec<ReferenceRow>,
}

impl Scores {
    async fn of(api: &Api, job: &Job) -> Result<Self, ApiError> {
        let evaluations = api.store.evaluations(job.id).await?;
        let protocol = evaluations.last().map_or("goodfellow2014", |evaluation| &evaluation.protocol).to_owned();
        let scores = evaluations
            .iter()
            // Scores under different protocols must not be compared.
            .filter(|evaluation| evaluation.protocol == protocol)
            .filter_map(|evaluation| {
                let result = evaluation.result.as_ref()?;
                let (log_likelihood, standard_error) = (result.log_likelihood, result.standard_error);
                Some(plot::Score { step: evaluation.step, log_likelihood, standard_error })
            })
            .collect();
        let references = match Protocol::by_name(&protocol) {
            Some(protocol) => api.reference(job.spec.dataset.clone(), protocol).await?,
            None => Vec::new(),
        };
        Ok(Self { protocol, scores, references })
    }
}

async fn parzen(api: &Api, job: &Job, of: Scores, answer: Answer<'_>) -> Result<Response, ApiError> {
    let title = format!("{}, protocol {}", title(job), of.protocol);
    respond(api, answer, move || {
        let rows = of.references.iter();
        let references: Vec<plot::Reference<'_>> =
            rows.map(|row| plot::Reference { name: &row.name, log_likelihood: row.log_likelihood }).collect();
        plot::parzen(&title, &of.scores, &references)
    })
    .await
}

async fn theory(api: &Api, job: &Job, which: Which, answer: Answer<'_>) -> Result<Response, ApiError> {
    if Synthetic::by_name(&job.spec.dataset).is_none_or(|synthetic| synthetic.density().dim != 1) {
        return Err(ApiError::NotFound(format!(
            "plot of the theory for {}: it takes data of known density in one dimension",
            job.spec.dataset
        )));
    }
    let seen = api.look_at_theory(job, which).await?;
    let title = format!("{}, step {}", title(job), seen.step);
    respond(api, answer, move || {
        let (x, data, generated) = (seen.places(), seen.data(), seen.generated());
        let figure = plot::Figure1 {
            x: &x,
            data: &data,
            generated: &generated,
            discriminator: Some(&seen.discriminator),
            mapping: &seen.mapping,
        };
        plot::figure_1(&title, figure)
    })
    .await
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
    Ok(answer(rendered, etag))
}

fn answer(rendered: Rendered, etag: &ETag) -> Response {
    let mut response = rendered.into_response();
    etag.put(response.headers_mut(), "no-cache");
    response
}
