//! Parzen-window evaluations: those made in training, those asked for, and what to compare them with.

use super::checkpoints::Which;
use super::error::ApiError;
use super::extract::{Fields, JobPartPath, JobPath, NoParameters, OptionalJsonObject, kind, parse_evaluation, whole};
use super::job_view::EvaluationView;
use super::jobs::header_value;
use super::openapi::{Invalid, NoCheckpoint, NotFound};
use super::state::Api;
use crate::eval::reference::{Source, published};
use crate::eval::{Protocol, ReferenceRow};
use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// The protocols that can be asked for; `custom` is the job's own settings.
const PROTOCOLS: [&str; 3] = ["goodfellow2014", "fine", "custom"];

/// A job's evaluations, and what to compare them with.
#[derive(Serialize, ToSchema)]
pub struct ParzenList {
    /// The evaluations, by step.
    items: Vec<EvaluationView>,
    /// What the same protocol gives for other samples of the same data, so that a score means something.
    reference: Vec<ReferenceView>,
}

/// A score to compare with.
#[derive(Clone, PartialEq, Debug, Serialize, ToSchema)]
#[schema(as = ReferenceRow)]
pub struct ReferenceView {
    /// What was scored.
    #[schema(example = "training images")]
    name: String,
    /// `computed` by this gand under the protocol, or `published` in the paper's Table 1.
    #[schema(example = "published")]
    source: &'static str,
    /// The mean log-likelihood of the test points, in nats.
    log_likelihood: f64,
    /// Its standard error.
    standard_error: f64,
    /// The bandwidth, where it is known.
    bandwidth: Option<f64>,
    /// How many samples.
    samples: usize,
    /// The protocol.
    #[schema(example = "goodfellow2014")]
    protocol: String,
}

impl From<ReferenceRow> for ReferenceView {
    fn from(row: ReferenceRow) -> Self {
        Self {
            name: row.name,
            source: match row.source {
                Source::Computed => "computed",
                Source::Published => "published",
            },
            log_likelihood: row.log_likelihood,
            standard_error: row.standard_error,
            bandwidth: row.bandwidth,
            samples: row.samples,
            protocol: row.protocol,
        }
    }
}

/// A job's Parzen-window evaluations.
#[utoipa::path(get, path = "/jobs/{id}/parzen", tag = "results", params(("id" = Uuid, Path, description = "The job.")),
    responses((status = 200, description = "Its evaluations.", body = ParzenList), NotFound))]
pub async fn list(State(api): State<Api>, JobPath(id): JobPath, _: NoParameters) -> Result<Json<ParzenList>, ApiError> {
    let job = api.job(id).await?;
    let items: Vec<EvaluationView> = api.store.evaluations(id).await?.into_iter().map(EvaluationView::from).collect();
    let reference = match items_protocol(&items) {
        Some(protocol) => api.reference(job.spec.dataset, protocol).await?,
        None => Vec::new(),
    };
    Ok(Json(ParzenList { items, reference: reference.into_iter().map(ReferenceView::from).collect() }))
}

/// The protocol of the newest evaluation, or else the paper's; none where a job's own settings are under no name.
fn items_protocol(items: &[EvaluationView]) -> Option<Protocol> {
    match items.last() {
        Some(newest) => Protocol::by_name(&newest.protocol),
        None => Some(Protocol::goodfellow2014()),
    }
}

impl Api {
    /// The reference rows of a dataset; without its files, none but the published ones.
    pub async fn reference(&self, dataset: String, protocol: Protocol) -> Result<Vec<ReferenceRow>, ApiError> {
        let (library, references) = (self.library.clone(), self.references.clone());
        self.blocking(move || {
            Ok(match library.get(&dataset) {
                Ok(dataset) => references.rows(&dataset, protocol),
                Err(error) => {
                    tracing::debug!(%error, "reference rows are the published ones");
                    published(&dataset, &protocol.name)
                }
            })
        })
        .await
    }
}

/// Evaluate a checkpoint now, by a free worker.
#[utoipa::path(post, path = "/jobs/{id}/parzen", tag = "results", params(("id" = Uuid, Path, description = "The job.")),
    request_body(content = Option<super::openapi::EvaluationRequest>, content_type = "application/json"),
    responses(
        (status = 202, description = "It waits for a worker.", body = EvaluationView, headers(
            ("Location" = String, description = "Where the evaluation is."))),
        NotFound, NoCheckpoint, Invalid))]
pub async fn request(
    State(api): State<Api>,
    JobPath(id): JobPath,
    _: NoParameters,
    OptionalJsonObject(body): OptionalJsonObject,
) -> Result<Response, ApiError> {
    let mut fields = Fields::new(body, "");
    let which = read_checkpoint(&mut fields);
    let protocol = fields.text("protocol", 40).flatten().unwrap_or_else(|| PROTOCOLS[0].to_owned());
    if !PROTOCOLS.contains(&protocol.as_str()) {
        fields.fault("protocol", format!("{protocol:?} is not one of {}", PROTOCOLS.join(", ")));
    }
    let faults = fields.finish("checkpoint, protocol");
    if !faults.is_empty() {
        return Err(ApiError::Validation(faults));
    }
    let job = api.job(id).await?;
    // The job is there, whatever it has: the checkpoint is asked for in the body, and may be there a moment later.
    let missing = |which| ApiError::Conflict(format!("job {id} has no {which}"));
    let step = api.find(&job, which).await?.ok_or_else(|| missing(which))?.step;
    let evaluation = api.store.request_evaluation(id, step, &protocol).await?;
    let evaluation = evaluation.ok_or_else(|| missing(Which::Step(step)))?;
    let location = header_value(&format!("/jobs/{id}/parzen/{}", evaluation.id))?;
    let view = EvaluationView::from(evaluation);
    Ok((StatusCode::ACCEPTED, [(header::LOCATION, location)], Json(view)).into_response())
}

/// Takes `checkpoint`: a step as a number, or a word.
fn read_checkpoint(fields: &mut Fields) -> Which {
    let which = match fields.take("checkpoint") {
        None | Some(Value::Null) => return Which::Latest,
        Some(Value::String(text)) => Which::parse(&text).ok_or_else(|| format!("{text:?}")),
        Some(Value::Number(number)) => whole(&number.clone().into())
            .and_then(|step| u64::try_from(step).ok())
            .map(Which::Step)
            .ok_or_else(|| number.to_string()),
        Some(other) => Err(kind(&other).to_owned()),
    };
    which.unwrap_or_else(|got| {
        fields.fault("checkpoint", format!("must be a step, \"latest\", \"best\" or \"final\", not {got}"));
        Which::Latest
    })
}

/// One evaluation.
#[utoipa::path(get, path = "/jobs/{id}/parzen/{evaluation}", tag = "results",
    params(("id" = Uuid, Path, description = "The job."), ("evaluation" = Uuid, Path, description = "The evaluation.")),
    responses((status = 200, description = "The evaluation.", body = EvaluationView), NotFound))]
pub async fn get(
    State(api): State<Api>,
    JobPartPath(id, evaluation): JobPartPath,
    _: NoParameters,
) -> Result<Json<EvaluationView>, ApiError> {
    let evaluation = parse_evaluation(&evaluation)?;
    let found = api.store.evaluation(id, evaluation).await?;
    let found = found.ok_or_else(|| ApiError::NotFound(format!("evaluation {evaluation} of job {id}")))?;
    Ok(Json(found.into()))
}
