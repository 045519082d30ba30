//! What the server tells Prometheus.

use super::error::ApiError;
use super::extract::NoParameters;
use super::state::Api;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use std::sync::OnceLock;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// Bounds of the buckets of durations, in seconds.
const SECONDS: &[f64] = &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

/// Bounds of the buckets of sizes.
const BYTES: &[f64] = &[1e4, 1e5, 1e6, 1e7, 1e8, 1e9];

/// How often old observations are folded into their histograms. Without it, a server that nobody scrapes would keep
/// every single one.
const UPKEEP: Duration = Duration::from_secs(5);

/// The process's one recorder. Several servers in one process (as in tests) share it.
static RECORDER: OnceLock<PrometheusHandle> = OnceLock::new();

/// Installs the process's recorder, unless it is there already.
///
/// # Errors
///
/// If the buckets are refused.
pub fn install() -> Result<&'static PrometheusHandle, BuildError> {
    if let Some(handle) = RECORDER.get() {
        return Ok(handle);
    }
    let recorder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), SECONDS)?
        .set_buckets_for_metric(Matcher::Suffix("_bytes".to_owned()), BYTES)?
        .build_recorder();
    let handle = RECORDER.get_or_init(|| {
        let handle = recorder.handle();
        if metrics::set_global_recorder(recorder).is_err() {
            tracing::warn!("another metrics recorder is installed; /metrics stays empty");
        }
        describe();
        handle
    });
    Ok(handle)
}

fn describe() {
    describe_counter!("http_requests_total", "Requests answered, by method, matched route and status");
    describe_histogram!("http_request_duration_seconds", "Time to the head of the answer, by method and matched route");
    describe_gauge!("gand_jobs", "Jobs in each status, on all workers");
    describe_gauge!("gand_queue_oldest_seconds", "How long the job has waited that has waited longest; 0 with none");
    describe_gauge!("gand_database_connections", "Open connections to the database, by whether somebody uses them");
    describe_gauge!("gand_slots", "Worker slots in this process");
    describe_gauge!("gand_event_streams", "Event streams open in this process");
    describe_gauge!("gand_database_up", "Whether the database answered this scrape");
}

/// Folds old observations until the server stops.
pub async fn upkeep(handle: PrometheusHandle, stopping: CancellationToken) {
    let mut ticks = tokio::time::interval(UPKEEP);
    loop {
        tokio::select! {
            () = stopping.cancelled() => return,
            _ = ticks.tick() => handle.run_upkeep(),
        }
    }
}

/// Counts requests and takes their time. The label is the matched route, never the path itself: paths are endless.
pub async fn measure(request: Request, next: Next) -> Response {
    let method = method_label(request.method());
    let route = request.extensions().get::<MatchedPath>().map_or("unmatched", MatchedPath::as_str).to_owned();
    let start = Instant::now();
    let response = next.run(request).await;
    let (status, seconds) = (response.status(), start.elapsed().as_secs_f64());
    tracing::debug!(route, status = status.as_u16(), seconds, "answered");
    let status = status.as_str().to_owned();
    counter!("http_requests_total", "method" => method, "route" => route.clone(), "status" => status).increment(1);
    histogram!("http_request_duration_seconds", "method" => method, "route" => route).record(seconds);
    response
}

fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

/// Figures for Prometheus.
#[utoipa::path(get, path = "/metrics", tag = "service", responses(
    (status = 200, description = "The figures, in Prometheus's text format.", body = String, content_type = "text/plain")))]
pub async fn scrape(State(api): State<Api>, _: NoParameters) -> Result<impl IntoResponse, ApiError> {
    let handle = install().map_err(|error| ApiError::Internal(error.to_string()))?;
    gauge!("gand_slots").set(api.slots as f64);
    gauge!("gand_event_streams").set(api.limits.max_streams.saturating_sub(api.streams.available_permits()) as f64);
    let (open, idle) = api.store.connections();
    gauge!("gand_database_connections", "state" => "idle").set(idle as f64);
    gauge!("gand_database_connections", "state" => "busy").set(open.saturating_sub(idle) as f64);
    match api.store.longest_wait().await {
        Ok(wait) => gauge!("gand_queue_oldest_seconds").set(wait.unwrap_or(0.0)),
        Err(error) => tracing::warn!(%error, "the longest wait could not be read for Prometheus"),
    }
    // The figures of the process are worth having most of all while the database is away.
    match api.store.count_by_status().await {
        Ok(counts) => {
            gauge!("gand_database_up").set(1.0);
            for status in crate::job::Status::ALL {
                let count = counts.iter().find(|(counted, _)| *counted == status).map_or(0, |(_, count)| *count);
                gauge!("gand_jobs", "status" => status.as_str()).set(count as f64);
            }
        }
        Err(error) => {
            gauge!("gand_database_up").set(0.0);
            tracing::warn!(%error, "the jobs could not be counted for Prometheus");
        }
    }
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], handle.render()))
}
