//! Liveness and readiness.

use super::error::ApiError;
use super::state::Api;
use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

/// A sign of life.
#[derive(Serialize, ToSchema)]
pub struct Health {
    /// Always `ok`.
    #[schema(example = "ok")]
    status: &'static str,
    /// gand's version.
    version: &'static str,
}

/// What the server depends on.
#[derive(Serialize, ToSchema)]
pub struct Readiness {
    /// Always `ready`; anything else is a problem.
    #[schema(example = "ready")]
    status: &'static str,
    /// The database engine.
    #[schema(example = "sqlite")]
    database: &'static str,
    /// Worker slots in this process.
    slots: usize,
    /// Jobs that wait for a slot, on any worker.
    queued: u64,
    /// Jobs that a worker holds.
    running: u64,
}

/// Whether the process lives.
#[utoipa::path(get, path = "/healthz", tag = "service", responses((status = 200, description = "It does.", body = Health)))]
pub async fn live() -> Json<Health> {
    Json(Health { status: "ok", version: env!("CARGO_PKG_VERSION") })
}

/// Whether requests can be served: the database answers, and the server is not being stopped.
#[utoipa::path(get, path = "/readyz", tag = "service", responses(
    (status = 200, description = "They can.", body = Readiness), super::openapi::Unavailable))]
pub async fn ready(State(api): State<Api>) -> Result<Json<Readiness>, ApiError> {
    if api.stopping.is_cancelled() {
        return Err(ApiError::Stopping);
    }
    api.store.ping().await?;
    let counts = api.store.count_by_status().await?;
    let total = |of: &dyn Fn(crate::job::Status) -> bool| {
        counts.iter().filter(|(status, _)| of(*status)).map(|(_, count)| count).sum()
    };
    Ok(Json(Readiness {
        status: "ready",
        database: api.store.engine(),
        slots: api.slots,
        queued: total(&|status| status == crate::job::Status::Queued),
        running: total(&crate::job::Status::is_leased),
    }))
}
