//! Parzen-window evaluations: those made in training, those asked for, and what to compare them with.

use super::checkpoints::Which;
use super::error::ApiError;
use super::extract::{Fields, JobPartPath, JobPath, NoParameters, OptionalJsonObject, kind, parse_evaluation};
use super::job_view::EvaluationView;
use super::jobs::header_value;
use super::openapi::{Invalid, NotFound};
use super::state::Api;
use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// The protocols that can be asked for.
const PROTOCOLS: [&str; 2] = ["goodfellow2014", "fine"];

/// A job's evaluations, and what to compare them with.
#[derive(Serialize, ToSchema)]
pub struct ParzenList {
    /// The evaluations, by step.
    items: Vec<EvaluationView>,
    /// What the same protocol gives for other samples of the same data, so that a score means something.
    reference: Vec<ReferenceRow>,
}

/// A score to compare with.
#[derive(Clone, PartialEq, Debug, Serialize, ToSchema)]
pub struct ReferenceRow {
    /// What was scored.
    #[schema(example = "Adversarial nets")]
    name: String,
    /// `training_images` and `centroids` were computed by this gand; `published` are from the paper's Table 1.
    #[schema(example = "published")]
    kind: &'static str,
    /// The mean log-likelihood of the test points, in nats.
    log_likelihood: f64,
    /// Its standard error.
    standard_error: Option<f64>,
    /// The bandwidth, where it is known.
    bandwidth: Option<f64>,
    /// How many samples, where it is known.
    samples: Option<usize>,
    /// Where the number comes from.
    source: &'static str,
}

/// A job's Parzen-window evaluations.
#[utoipa::path(get, path = "/jobs/{id}/parzen", tag = "results", params(("id" = Uuid, Path, description = "The job.")),
    responses((status = 200, description = "Its evaluations.", body = ParzenList), NotFound))]
pub async fn list(State(api): State<Api>, JobPath(id): JobPath, _: NoParameters) -> Result<Json<ParzenList>, ApiError> {
    let job = api.job(id).await?;
    let items = api.store.evaluations(id).await?.into_iter().map(EvaluationView::from).collect();
    Ok(Json(ParzenList { items, reference: published(&job.spec.dataset) }))
}

/// Table 1 of the paper.
fn published(dataset: &str) -> Vec<ReferenceRow> {
    let rows: &[(&str, f64, f64)] = match dataset {
        "mnist" => &[
            ("DBN", 138.0, 2.0),
            ("Stacked CAE", 121.0, 1.6),
            ("Deep GSN", 214.0, 1.1),
            ("Adversarial nets", 225.0, 2.0),
        ],
        "tfd" => &[
            ("DBN", 1909.0, 66.0),
            ("Stacked CAE", 2110.0, 50.0),
            ("Deep GSN", 1890.0, 29.0),
            ("Adversarial nets", 2057.0, 26.0),
        ],
        _ => &[],
    };
    let row = |&(name, log_likelihood, standard_error): &(&str, f64, f64)| ReferenceRow {
        name: name.to_owned(),
        kind: "published",
        log_likelihood,
        standard_error: Some(standard_error),
        bandwidth: None,
        samples: Some(10_000),
        source: "Goodfellow et al. 2014, Table 1",
    };
    rows.iter().map(row).collect()
}

/// Evaluate a checkpoint now, by a free worker.
#[utoipa::path(post, path = "/jobs/{id}/parzen", tag = "results", params(("id" = Uuid, Path, description = "The job.")),
    request_body(content = Option<super::openapi::EvaluationRequest>, content_type = "application/json"),
    responses(
        (status = 202, description = "It waits for a worker.", body = EvaluationView, headers(
            ("Location" = String, description = "Where the evaluation is."))),
        NotFound, Invalid))]
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
    let step = api.resolve(&job, which).await?.step;
    let evaluation = api.store.request_evaluation(id, step, &protocol).await?;
    let evaluation = evaluation.ok_or_else(|| ApiError::NotFound(format!("{} (job {id})", Which::Step(step))))?;
    let location = header_value(&format!("/jobs/{id}/parzen/{}", evaluation.id))?;
    let view = EvaluationView::from(evaluation);
    Ok((StatusCode::ACCEPTED, [(header::LOCATION, location)], Json(view)).into_response())
}

/// Takes `checkpoint`: a step as a number, or a word.
fn read_checkpoint(fields: &mut Fields) -> Which {
    let which = match fields.take("checkpoint") {
        None | Some(Value::Null) => return Which::Latest,
        Some(Value::String(text)) => Which::parse(&text).ok_or_else(|| format!("{text:?}")),
        Some(Value::Number(number)) => number.as_u64().map(Which::Step).ok_or_else(|| number.to_string()),
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
