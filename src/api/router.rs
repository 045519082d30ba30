//! Every route, on one page.

use super::read_on::read_on;
use super::state::Api;
use super::{
    auth, checkpoints, dashboard, datasets, events, health, interpolations, jobs, limits, metrics, negotiate,
    neighbours, observe, openapi, parzen, plots, recipes, request_id, samples, session, sweeps, theory, timeline,
    uploads,
};
use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use tower_http::catch_panic::CatchPanicLayer;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// What anyone may ask: signs of life, the page that signs in, and the description of all the rest.
fn open() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(health::live))
        .routes(routes!(health::ready))
        .routes(routes!(session::get, session::sign_in, session::sign_out))
        .routes(routes!(openapi::serve))
        .routes(routes!(dashboard::index))
        .routes(routes!(dashboard::docs))
        .routes(routes!(dashboard::asset))
}

/// What takes a token, where there are tokens.
fn guarded() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(observe::scrape))
        .routes(routes!(jobs::submit, jobs::list))
        .routes(routes!(jobs::get, jobs::patch, jobs::delete))
        .routes(routes!(jobs::cancel))
        .routes(routes!(jobs::pause))
        .routes(routes!(jobs::resume))
        .routes(routes!(jobs::extend))
        .routes(routes!(sweeps::submit, sweeps::list))
        .routes(routes!(sweeps::get))
        .routes(routes!(parzen::list, parzen::request))
        .routes(routes!(parzen::get))
        .routes(routes!(theory::get))
        .routes(routes!(checkpoints::list))
        .routes(routes!(checkpoints::get))
        .routes(routes!(datasets::list))
        .routes(routes!(datasets::get, uploads::put, uploads::delete))
        .routes(routes!(datasets::preview))
        .routes(routes!(recipes::list))
        .merge(negotiated())
}

/// What answers in one of several formats, by `format` or by `Accept`.
fn negotiated() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(events::get))
        .routes(routes!(metrics::get))
        .routes(routes!(samples::get))
        .routes(routes!(interpolations::get))
        .routes(routes!(neighbours::get))
        .routes(routes!(timeline::get))
        .routes(routes!(plots::get))
        .route_layer(from_fn(negotiate::vary))
}

fn routes() -> (OpenApiRouter<Api>, OpenApiRouter<Api>) {
    (open(), guarded())
}

/// The OpenAPI document of all routes.
#[must_use]
pub fn document() -> utoipa::openapi::OpenApi {
    let (open, guarded) = routes();
    let mut document = OpenApiRouter::with_openapi(openapi::head()).merge(open).merge(guarded).into_openapi();
    openapi::complete(&mut document);
    document
}

/// The service: all routes with everything that stands around them. Read the layers from the bottom up: the last one
/// meets a request first.
pub fn router(api: Api) -> Router {
    let (open, guarded) = routes();
    let guarded = guarded
        .route_layer(from_fn_with_state(api.clone(), auth::require_scope))
        .route_layer(from_fn_with_state(api.clone(), limits::shed_load));
    let (router, _) = open.merge(guarded).split_for_parts();
    router
        .layer(from_fn_with_state(api.clone(), limits::time_out))
        .layer(from_fn_with_state(api.clone(), auth::check_origin))
        .layer(CatchPanicLayer::custom(limits::caught_panic))
        .layer(from_fn_with_state(api.clone(), limits::finish))
        .layer(from_fn(observe::measure))
        .layer(from_fn(read_on))
        .layer(from_fn(request_id::identify))
        .with_state(api)
}
