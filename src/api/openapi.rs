//! The OpenAPI document: what the handlers' attributes cannot say by themselves.

use super::error::Problem;
use super::spec_schema;
use axum::Json;
use axum::http::header;
use axum::response::IntoResponse;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::LazyLock;
use utoipa::openapi::link::LinkBuilder;
use utoipa::openapi::path::Operation;
use utoipa::openapi::{ContentBuilder, Ref, RefOr, Response, ResponseBuilder};
use utoipa::{IntoResponses, OpenApi, ToSchema};
use uuid::Uuid;

macro_rules! problems {
    ($($(#[$doc:meta])* $name:ident $status:literal $words:literal;)*) => { $(
        $(#[$doc])*
        #[allow(dead_code)]
        pub struct $name;

        impl IntoResponses for $name {
            fn responses() -> BTreeMap<String, RefOr<Response>> {
                BTreeMap::from([($status.to_owned(), problem($words).into())])
            }
        }
    )* };
}

problems! {
    /// 401.
    Unauthorized "401" "The token is not known here.";
    /// 404.
    NotFound "404" "There is no such thing.";
    /// 406.
    NotAcceptable "406" "None of the accepted formats can be served.";
    /// 409.
    Conflict "409" "The status does not allow it.";
    /// 409, of a checkpoint.
    NoCheckpoint "409" "The job has no such checkpoint.";
    /// 412.
    Stale "412" "It has changed since its ETag was read.";
    /// 416.
    OutOfRange "416" "The range lies outside the file.";
    /// 422, of a body.
    Invalid "422" "The body is not valid; every fault is named.";
    /// 422, of a query.
    InvalidParameters "422" "The query is not valid; every fault is named.";
    /// 422, of an idempotency key.
    IdempotencyReused "422" "The body is not valid, or the key was used before with another body.";
    /// 422, of a file.
    InvalidUpload "422" "The file holds no dataset, or the query is not valid; every fault is named.";
    /// 503.
    Unavailable "503" "The database does not answer, or the server is stopping.";
}

/// 304.
#[allow(dead_code)]
pub struct NotModified;

impl IntoResponses for NotModified {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        BTreeMap::from([(
            "304".to_owned(),
            ResponseBuilder::new().description("The client has this already.").build().into(),
        )])
    }
}

fn problem(words: &str) -> Response {
    let content = ContentBuilder::new().schema(Some(RefOr::Ref(Ref::from_schema_name("Problem")))).build();
    ResponseBuilder::new().description(words).content("application/problem+json", content).build()
}

/// A job about to be submitted: the job's own fields beside those of the spec.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"dataset": "digits", "name": "first steps", "training": {"steps": 2000}}))]
#[allow(dead_code)]
pub struct Submission {
    /// A name, for people.
    #[schema(max_length = 200, example = "mnist, the paper's recipe")]
    name: Option<String>,
    /// Labels, for filters.
    #[schema(nullable = false, max_items = 32)]
    tags: Option<Vec<Label>>,
    /// Higher goes first.
    #[schema(nullable = false, minimum = -100, maximum = 100)]
    priority: Option<i32>,
    /// Start from the weights of another job's checkpoint.
    from: Option<Checkpoint>,
    /// The dataset to train on.
    #[schema(example = "digits")]
    dataset: String,
    /// The preset that fills in what is not given; the one that suits the dataset, unless given.
    #[schema(nullable = false, example = "digits")]
    recipe: Option<String>,
    /// All randomness is a function of this.
    #[schema(nullable = false, minimum = 0, maximum = 9_007_199_254_740_991_u64)]
    seed: Option<u64>,
    /// The two networks and the latent prior.
    #[schema(nullable = false)]
    model: Option<spec_schema::Model>,
    /// Algorithm 1 and its settings.
    #[schema(nullable = false)]
    training: Option<spec_schema::Training>,
    /// When to write checkpoints and which to keep.
    #[schema(nullable = false)]
    checkpoint: Option<spec_schema::CheckpointPlan>,
    /// When and how to evaluate.
    #[schema(nullable = false)]
    evaluation: Option<spec_schema::EvaluationPlan>,
    /// What to do when a loss is not finite: `fail` (the default), or `rollback`: go back to the last checkpoint, with
    /// other random numbers and half the learning rate, at most three times.
    #[schema(nullable = false)]
    on_divergence: Option<spec_schema::OnDivergence>,
    /// What to do when the generator collapses or D has won: `continue` (the default), `stop` (fail the job), or `restart`
    /// (begin again from step 0 with other random numbers, at most three times; not a job with `from`, which is stopped).
    #[schema(nullable = false)]
    on_collapse: Option<spec_schema::OnCollapse>,
}

/// A grid of jobs about to be submitted: as a job, with lists in place of values.
#[derive(Serialize, ToSchema)]
#[allow(dead_code)]
pub struct SweepSubmission {
    /// A name, for people; each job's adds its own values.
    #[schema(max_length = 200, example = "learning rates")]
    name: Option<String>,
    /// Labels, for filters. The jobs carry `sweep:` and the sweep's id besides.
    #[schema(max_items = 31)]
    tags: Option<Vec<String>>,
    /// Higher goes first.
    #[schema(minimum = -100, maximum = 100)]
    priority: Option<i32>,
    /// Start from the weights of another job's checkpoint.
    from: Option<Checkpoint>,
    /// The dataset to train on, or a list of them.
    #[schema(value_type = serde_json::Value, example = "digits")]
    dataset: serde_json::Value,
    /// The preset that fills in what is not given, or a list of them.
    #[schema(value_type = Option<serde_json::Value>, example = "digits")]
    recipe: Option<serde_json::Value>,
    /// All randomness is a function of this.
    #[schema(value_type = Option<serde_json::Value>, example = json!([1, 2, 3]))]
    seed: Option<serde_json::Value>,
    /// The two networks and the latent prior.
    #[schema(value_type = Option<serde_json::Value>)]
    model: Option<serde_json::Value>,
    /// Algorithm 1 and its settings.
    #[schema(value_type = Option<serde_json::Value>,
        example = json!({"optimizer": {"type": "adam", "learning_rate": [1e-4, 2e-4, 1e-3]}}))]
    training: Option<serde_json::Value>,
    /// When to write checkpoints and which to keep.
    #[schema(value_type = Option<serde_json::Value>)]
    checkpoint: Option<serde_json::Value>,
    /// When and how to evaluate.
    #[schema(value_type = Option<serde_json::Value>)]
    evaluation: Option<serde_json::Value>,
    /// What to do when a loss is not finite: `fail` (the default), or `rollback`: go back to the last checkpoint, with
    /// other random numbers and half the learning rate, at most three times.
    #[schema(value_type = Option<serde_json::Value>, example = "fail")]
    on_divergence: Option<serde_json::Value>,
    /// What to do when the generator collapses or D has won: `continue` (the default), `stop` or `restart`.
    #[schema(value_type = Option<serde_json::Value>, example = "continue")]
    on_collapse: Option<serde_json::Value>,
}

/// A label of a job.
#[derive(Serialize, ToSchema)]
#[schema(min_length = 1, max_length = 64, pattern = "\\S", example = "table-1")]
#[allow(dead_code)]
pub struct Label(String);

/// A checkpoint of a job.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code)]
pub struct Checkpoint {
    /// The job.
    job: Uuid,
    /// The checkpoint's step.
    #[schema(minimum = 0)]
    step: u64,
}

/// What may be changed of a job.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = JobPatch, example = json!({"name": "the one for the paper", "priority": 5}))]
#[allow(dead_code)]
pub struct Patch {
    /// A new name; null takes it away.
    #[schema(max_length = 200)]
    name: Option<String>,
    /// New labels.
    #[schema(nullable = false, max_items = 32)]
    tags: Option<Vec<Label>>,
    /// A new priority.
    #[schema(nullable = false, minimum = -100, maximum = 100)]
    priority: Option<i32>,
}

/// How far to train a job on: exactly one of the two.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[schema(example = json!({"steps": 1000}))]
#[allow(dead_code)]
pub enum Extension {
    /// By so many steps, from the step that the job has reached.
    By(StepsMore),
    /// To a step.
    To(StepsInAll),
}

/// Steps to add.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"steps": 1000}))]
#[allow(dead_code)]
pub struct StepsMore {
    /// How many, from the step of the job's last checkpoint.
    #[schema(minimum = 1, maximum = 100_000_000)]
    steps: u64,
}

/// The step to train to.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"to_step": 8000}))]
#[allow(dead_code)]
pub struct StepsInAll {
    /// The new last step, beyond that of the job's last checkpoint.
    #[schema(minimum = 1, maximum = 100_000_000)]
    to_step: u64,
}

/// Which evaluation.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"checkpoint": "best", "protocol": "goodfellow2014"}))]
#[allow(dead_code)]
pub struct EvaluationRequest {
    /// A step, `latest` (the default), `best` or `final`.
    #[schema(value_type = Option<CheckpointName>)]
    checkpoint: Option<String>,
    /// `goodfellow2014` (the default), `fine`, or `custom` (the settings of the job's spec).
    protocol: Option<ProtocolName>,
}

/// A protocol of evaluation.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[allow(dead_code)]
pub enum ProtocolName {
    /// The paper's: ten bandwidths from 0.1 to 1.
    Goodfellow2014,
    /// Forty bandwidths from 0.08 to 0.5.
    Fine,
    /// The settings of the job's spec.
    Custom,
}

/// A checkpoint of the job: a step or a word.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[allow(dead_code)]
pub enum CheckpointName {
    /// A step.
    Step(u64),
    /// The newest, the one with the best evaluation, or that of the last step.
    Word(CheckpointWord),
}

/// A checkpoint in a word.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[allow(dead_code)]
pub enum CheckpointWord {
    /// The newest.
    Latest,
    /// The one with the best evaluation.
    Best,
    /// That of the last step.
    Final,
}

/// A token to sign in with.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"token": "a-token-that-this-server-knows"}))]
#[allow(dead_code)]
pub struct SignIn {
    /// The token.
    #[schema(max_length = 1024)]
    token: String,
}

/// What stands at the head of the document.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "gand",
        description = "A GAN daemon: trains generative adversarial networks as jobs over HTTP, keeps every job and \
            checkpoint in a database, and serves samples, Parzen-window log-likelihoods and plots of what was learned. \
            Every error is application/problem+json (RFC 9457).",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0")
    ),
    servers((url = "/", description = "this server")),
    components(schemas(Problem, super::error::FaultView)),
    tags(
        (name = "jobs", description = "Training runs, and the commands that steer them"),
        (name = "sweeps", description = "Grids of jobs, and tables of their results"),
        (name = "results", description = "What a job has learned: metrics, samples, evaluations, checkpoints"),
        (name = "datasets", description = "What can be trained on"),
        (name = "service", description = "The server itself"),
    )
)]
struct Head;

/// The document before any route is added.
pub fn head() -> utoipa::openapi::OpenApi {
    Head::openapi()
}

/// Adds what holds for every operation: the problems that any of them can meet, and an id to call it by.
pub fn complete(document: &mut utoipa::openapi::OpenApi) {
    for (path, item) in &mut document.paths.paths {
        let operations = [
            ("get", &mut item.get),
            ("put", &mut item.put),
            ("post", &mut item.post),
            ("delete", &mut item.delete),
            ("patch", &mut item.patch),
        ];
        for (method, operation) in operations {
            if let Some(operation) = operation {
                operation.operation_id = Some(operation_id(method, path));
                add_common_problems(operation);
            }
        }
    }
    add_links(document);
}

/// A name for an operation that no other has: `get_jobs_by_id_samples`.
fn operation_id(method: &str, path: &str) -> String {
    let segments = path.split('/').filter(|segment| !segment.is_empty());
    segments.fold(method.to_owned(), |id, segment| match segment.strip_prefix('{') {
        Some(parameter) => format!("{id}_by_{}", parameter.trim_end_matches('}')),
        None => format!("{id}_{}", segment.replace(['.', '-'], "_")),
    })
}

/// Says where the ids in answers lead: from what makes a job, a sweep or an evaluation to every operation on it.
fn add_links(document: &mut utoipa::openapi::OpenApi) {
    const MADE: [(&str, &str, &str); 2] = [("/jobs", "/jobs/{id}", "id"), ("/sweeps", "/sweeps/{id}", "id")];
    for (from, to, parameter) in MADE {
        let below = |path: &str| path == to || path.strip_prefix(to).is_some_and(|rest| rest.starts_with('/'));
        let is_whole = |path: &str| path.matches('{').count() == 1;
        let mut links = std::collections::BTreeMap::new();
        for (path, item) in document.paths.paths.iter().filter(|(path, _)| below(path) && is_whole(path)) {
            let operations = [&item.get, &item.put, &item.post, &item.delete, &item.patch];
            for id in operations.into_iter().flatten().filter_map(|operation| operation.operation_id.clone()) {
                let link = LinkBuilder::new()
                    .operation_id(id.clone())
                    .parameter(parameter, "$response.body#/id")
                    .description(format!("To {path}."))
                    .build();
                links.insert(id, RefOr::T(link));
            }
        }
        let made = document.paths.paths.get_mut(from).and_then(|item| item.post.as_mut());
        if let Some(RefOr::T(response)) = made.and_then(|operation| operation.responses.responses.get_mut("201")) {
            response.links = links;
        }
    }
}

fn add_common_problems(operation: &mut Operation) {
    let mut add = |status: &str, words: &str| {
        operation.responses.responses.entry(status.to_owned()).or_insert_with(|| problem(words).into());
    };
    add("401", "A token is needed.");
    add("403", "The token does not allow it, or the request comes from another site's page.");
    add("404", "There is nothing here.");
    add("421", "The request is addressed to another host.");
    add("422", "The request is not valid; every fault is named.");
    add("500", "A fault of gand's own; its log has the details under the problem's `request_id`.");
    add("503", "Too much is going on, or the database does not answer; try again after Retry-After.");
    add("504", "The request took too long.");
    if operation.request_body.is_some() {
        let mut add = |status: &str, words: &str| {
            operation.responses.responses.entry(status.to_owned()).or_insert_with(|| problem(words).into());
        };
        add("400", "The body cannot be read.");
        add("408", "The body came too slowly.");
        add("413", "The body is too large.");
        add("415", "The body is not declared as what it must be.");
    }
}

/// This document.
#[utoipa::path(get, path = "/openapi.json", tag = "service",
    responses((status = 200, description = "The OpenAPI 3.1 document of this server.", body = Object)))]
pub async fn serve() -> impl IntoResponse {
    static DOCUMENT: LazyLock<utoipa::openapi::OpenApi> = LazyLock::new(super::router::document);
    ([(header::CACHE_CONTROL, "no-cache")], Json(&*DOCUMENT))
}
