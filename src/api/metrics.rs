//! The losses of every step, thinned for the eye or exact for the table.

use super::conditional::ETag;
use super::error::ApiError;
use super::extract::{Checks, JobPath, Parameters};
use super::negotiate::{Offers, choose};
use super::openapi::{InvalidParameters, NotAcceptable, NotFound, NotModified};
use super::state::Api;
use super::thinning::{Kept, Thinner};
use super::words::LARGEST;
use crate::eval::theory::mean_divergence_bound;
use crate::gan::Losses;
use crate::gan::spec::Objective;
use crate::job::{Job, JobId};
use crate::store::{Store, StoreError};
use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use futures::{Stream, StreamExt as _, TryStreamExt as _, future, stream};
use serde::{Deserialize, Serialize};
use std::fmt::Write as _;
use std::ops::RangeInclusive;
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};

/// Steps that are read from the store at a time, however many are wanted.
const PIECE: u64 = 20_000;

#[derive(Clone, Copy)]
enum Format {
    Json,
    Csv,
}

const FORMATS: &Offers<Format> = &[(Format::Json, "json", &["application/json"]), (Format::Csv, "csv", &["text/csv"])];

/// Which metrics.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct MetricsQuery {
    /// The first step.
    #[param(minimum = 0, maximum = 9_007_199_254_740_991_u64)]
    #[serde(default)]
    from_step: u64,
    /// The last step; the newest, unless given.
    #[param(minimum = 0, maximum = 9_007_199_254_740_991_u64)]
    to_step: Option<u64>,
    /// Thin the curves to at most so many points; every curve's peaks stay. Not for `format=csv`, which is exact.
    #[param(minimum = 1, maximum = 100_000)]
    max_points: Option<usize>,
    /// Add `means`. Not for `format=csv`.
    #[serde(default)]
    means: bool,
    /// `json` or `csv`.
    #[param(value_type = Option<super::words::MetricsFormat>, inline)]
    format: Option<String>,
}

/// Steps over which the bound on the divergence is estimated: with the paper's minibatches of 100, from 20,000 examples.
const BOUND_STEPS: u64 = 200;

/// Columns of equal length, and what the newest of these steps say about the divergence.
#[derive(Clone, PartialEq, Debug, Default, Serialize, ToSchema)]
#[schema(as = Metrics)]
pub struct MetricsView {
    /// The step that the values beside it were measured in, counted from 1.
    step: Vec<u64>,
    /// D's loss, the mean of its two cross-entropies; ln 2 where D can tell nothing apart.
    d_loss: Vec<f32>,
    /// G's loss under its objective.
    g_loss: Vec<f32>,
    /// V(G, D) of the paper's equation 1, in nats, over one minibatch, with D's dropout on; −log 4 at the optimum.
    value: Vec<f32>,
    /// The mean of D(x) over the minibatch.
    d_real: Vec<f32>,
    /// The mean of D(G(z)) over the minibatch.
    d_fake: Vec<f32>,
    /// A bound on the Jensen-Shannon divergence, from the 200 steps up to `to_step`, whatever `from_step` and `max_points`
    /// are; null where there is none yet.
    divergence_bound: Option<DivergenceBound>,
    /// Where `means` were asked for and steps were left out: of each curve, the mean over the stretch that a step stands
    /// for. What is kept of a stretch are its peaks; a smoothed curve is made from its means.
    means: Option<MeansView>,
}

/// Columns as those of `step`, of means.
#[derive(Clone, PartialEq, Debug, Default, Serialize, ToSchema)]
#[schema(as = MetricMeans)]
pub struct MeansView {
    /// Of D's loss.
    d_loss: Vec<f32>,
    /// Of G's loss.
    g_loss: Vec<f32>,
    /// Of V(G, D).
    value: Vec<f32>,
    /// Of D(x).
    d_real: Vec<f32>,
    /// Of D(G(z)).
    d_fake: Vec<f32>,
}

impl MeansView {
    /// The means of rows some of which were left out; nothing where each would be its own mean.
    fn of(rows: &[Kept]) -> Option<Self> {
        let (first, last) = (rows.first()?, rows.last()?);
        if last.row.step - first.row.step < rows.len() as u64 {
            return None;
        }
        let column = |of: fn(&Losses) -> f32| rows.iter().map(|kept| brief(of(&kept.mean))).collect();
        Some(Self {
            d_loss: column(|mean| mean.d_loss),
            g_loss: column(|mean| mean.g_loss),
            value: column(|mean| mean.value),
            d_real: column(|mean| mean.d_real),
            d_fake: column(|mean| mean.d_fake),
        })
    }
}

/// As many digits as a curve shows.
fn brief(value: f32) -> f32 {
    format!("{value:.4e}").parse().unwrap_or(value)
}

/// An estimate of (V + log 4)/2, the mean over consecutive steps.
///
/// V(G, D) is at most −log 4 + 2·JSD(p_data ‖ p_g), so in expectation this is at most the divergence, and equal to it
/// for the best D. It is an estimate: each step measures V on one minibatch, with D's dropout on (which lowers it), on
/// training examples (which raises it where D knows them by heart), while both players move. Chance may
/// bring it below 0, and then it bounds nothing; it is never above ln 2.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, ToSchema)]
pub struct DivergenceBound {
    /// The first step that it is taken from.
    from_step: u64,
    /// The last.
    to_step: u64,
    /// The mean, in nats.
    value: f64,
    /// Its standard error, as if minibatches were independent; null for a single step.
    standard_error: Option<f64>,
}

impl DivergenceBound {
    fn of(rows: &[Losses]) -> Option<Self> {
        let values: Vec<f32> = rows.iter().map(|row| row.value).collect();
        let (value, standard_error) = mean_divergence_bound(&values)?;
        Some(Self { from_step: rows.first()?.step, to_step: rows.last()?.step, value, standard_error })
    }
}

impl MetricsView {
    fn new(rows: Vec<Kept>, divergence_bound: Option<DivergenceBound>, means: Option<MeansView>) -> Self {
        let mut columns = Self { divergence_bound, means, ..Self::default() };
        for Losses { step, d_loss, g_loss, value, d_real, d_fake } in rows.into_iter().map(|kept| kept.row) {
            columns.step.push(step);
            columns.d_loss.push(d_loss);
            columns.g_loss.push(g_loss);
            columns.value.push(value);
            columns.d_real.push(d_real);
            columns.d_fake.push(d_fake);
        }
        columns
    }
}

/// The losses of a job's steps.
#[utoipa::path(get, path = "/jobs/{id}/metrics", tag = "results",
    params(("id" = Uuid, Path, description = "The job."), MetricsQuery),
    responses(
        (status = 200, description = "The losses.", content(
            (MetricsView = "application/json"), (String = "text/csv"))),
        NotModified, NotFound, NotAcceptable, InvalidParameters))]
pub async fn get(
    State(api): State<Api>,
    JobPath(id): JobPath,
    Parameters(query): Parameters<MetricsQuery>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let format = choose(query.format.as_deref(), &headers, FORMATS)?;
    let max_points = query.max_points.unwrap_or(1000);
    let mut checks = Checks::default();
    checks.range("max_points", max_points, 1..=100_000);
    checks.range("from_step", query.from_step, 0..=LARGEST);
    checks.range("to_step", query.to_step.unwrap_or(0), 0..=LARGEST);
    if matches!(format, Format::Csv) && query.max_points.is_some() {
        checks.fault("max_points", "does not go with CSV, which holds every step");
    }
    if matches!(format, Format::Csv) && query.means {
        checks.fault("means", "does not go with CSV, which holds every step");
    }
    if query.to_step.is_some_and(|to| to < query.from_step) {
        checks.fault("to_step", "must not be smaller than from_step");
    }
    checks.finish()?;
    let job = api.job(id).await?;
    let to_step = query.to_step.unwrap_or(u64::MAX).min(job.last_step);
    let word = match format {
        Format::Json => 'j',
        Format::Csv => 'c',
    };
    let means = if query.means { "m" } else { "" };
    let etag = ETag::new(format!("{word}{}.{}-{to_step}.{max_points}{means}", job.version, query.from_step));
    if etag.is_fresh(&headers) {
        return Ok(etag.not_modified("no-cache"));
    }
    let mut response = match format {
        Format::Json => {
            let rows = thinned(api.store.clone(), id, query.from_step..=to_step, max_points).await?;
            let means = if query.means { MeansView::of(&rows) } else { None };
            Json(MetricsView::new(rows, divergence_bound(&api, &job, to_step).await?, means)).into_response()
        }
        Format::Csv => csv(api.store.clone(), id, query.from_step..=to_step)?,
    };
    etag.put(response.headers_mut(), "no-cache");
    Ok(response)
}

/// What the last steps up to this one say of the divergence. D of pairs bounds another one, that of pairs from pairs exchanged.
async fn divergence_bound(api: &Api, job: &Job, to_step: u64) -> Result<Option<DivergenceBound>, ApiError> {
    if job.spec.training.objective == Objective::Relativistic {
        return Ok(None);
    }
    let newest = api.store.metrics(job.id, to_step.saturating_sub(BOUND_STEPS - 1), to_step).await?;
    Ok(DivergenceBound::of(&newest))
}

/// The rows of these steps, read from the store in pieces as they are taken.
fn pieces(
    store: Arc<dyn Store>,
    id: JobId,
    steps: RangeInclusive<u64>,
) -> impl Stream<Item = Result<Vec<Losses>, StoreError>> {
    let (first, last) = steps.into_inner();
    stream::try_unfold(first, move |from| {
        let store = store.clone();
        async move {
            if from > last {
                return Ok::<_, StoreError>(None);
            }
            let to = from.saturating_add(PIECE - 1).min(last);
            let rows = store.metrics(id, from, to).await?;
            Ok(Some((rows, to.saturating_add(1))))
        }
    })
}

/// At most so many of the rows of these steps, every curve's peaks among them. However many there are, only a piece of
/// them is in memory at a time.
pub async fn thinned(
    store: Arc<dyn Store>,
    id: JobId,
    steps: RangeInclusive<u64>,
    most: usize,
) -> Result<Vec<Kept>, StoreError> {
    let thinner = pieces(store, id, steps).try_fold(Thinner::new(most), |mut thinner, rows| {
        thinner.extend(rows);
        future::ok(thinner)
    });
    Ok(thinner.await?.finish())
}

/// Every step as a line, while the client takes them.
fn csv(store: Arc<dyn Store>, id: JobId, steps: RangeInclusive<u64>) -> Result<Response, ApiError> {
    let head = stream::once(async { Ok(Bytes::from_static(b"step,d_loss,g_loss,value,d_real,d_fake\n")) });
    let lines = pieces(store, id, steps).map_ok(|rows| Bytes::from(lines(&rows)));
    let lines = lines.inspect_err(move |error| {
        tracing::error!(job = %id, %error, "the metrics could not be read to their end");
    });
    let mut response = Body::from_stream(head.chain(lines)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8"));
    headers.insert(
        header::CONTENT_DISPOSITION,
        super::jobs::header_value(&format!("attachment; filename=\"{id}-metrics.csv\""))?,
    );
    Ok(response)
}

/// Numbers in the shortest form that reads back as the same bits.
fn lines(rows: &[Losses]) -> String {
    let mut text = String::with_capacity(rows.len() * 64);
    for Losses { step, d_loss, g_loss, value, d_real, d_fake } in rows {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{step},{d_loss},{g_loss},{value},{d_real},{d_fake}");
    }
    text
}
