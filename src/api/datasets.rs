//! What can be trained on.

use super::conditional::ETag;
use super::error::ApiError;
use super::extract::{Checks, NamePath, NoParameters, Parameters};
use super::openapi::{InvalidParameters, NotFound, NotModified};
use super::page::PageQuery;
use super::pictures;
use super::samples::{check_style, tag};
use super::state::Api;
use crate::data::Dataset;
use crate::library::{DatasetInfo, LibraryError};
use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};

/// Datasets by name.
#[derive(Serialize, ToSchema)]
pub struct DatasetList {
    /// The datasets.
    items: Vec<DatasetView>,
    /// Where the next page starts, or null on the last one.
    next_cursor: Option<String>,
}

/// A dataset.
#[derive(Serialize, ToSchema)]
#[schema(as = Dataset)]
pub struct DatasetView {
    /// Its name in specs and paths.
    #[schema(example = "digits")]
    name: String,
    /// The shape of a point; null where the files are missing.
    shape: Option<ShapeView>,
    /// Points in each split; null where the files are missing.
    counts: Option<CountsView>,
    /// What the labels stand for.
    label_names: Vec<String>,
    /// Under which terms it may be used.
    licence: String,
    /// SHA-256 over shape, splits and labels, once it was loaded.
    digest: Option<String>,
    /// Where it comes from.
    origin: String,
    /// Whether it can be trained on.
    available: bool,
    /// Why it cannot.
    reason: Option<String>,
    /// Whether it was uploaded, so that it can be replaced and removed.
    uploaded: bool,
}

/// The shape of a point. Vectors are 1 × dim × 1.
#[derive(Serialize, ToSchema)]
#[schema(as = Shape)]
pub struct ShapeView {
    /// Rows.
    height: usize,
    /// Columns.
    width: usize,
    /// 1 for grey, 3 for RGB.
    channels: usize,
}

/// Points in each split.
#[derive(Serialize, ToSchema)]
#[schema(as = Counts)]
pub struct CountsView {
    /// What the networks see.
    train: usize,
    /// What bandwidths are chosen on.
    validation: usize,
    /// What scores are reported on.
    test: usize,
}

impl From<DatasetInfo> for DatasetView {
    fn from(info: DatasetInfo) -> Self {
        Self {
            name: info.name,
            shape: info.shape.map(|shape| ShapeView {
                height: shape.height,
                width: shape.width,
                channels: shape.channels,
            }),
            counts: info.counts.map(|counts| CountsView {
                train: counts.train,
                validation: counts.validation,
                test: counts.test,
            }),
            label_names: info.label_names,
            licence: info.licence,
            digest: info.digest,
            origin: info.origin,
            available: info.available,
            reason: info.reason,
            uploaded: info.imported,
        }
    }
}

/// List the datasets.
#[utoipa::path(get, path = "/datasets", tag = "datasets", params(PageQuery),
    responses((status = 200, description = "The datasets.", body = DatasetList), InvalidParameters))]
pub async fn list(
    State(api): State<Api>,
    Parameters(page): Parameters<PageQuery>,
) -> Result<Json<DatasetList>, ApiError> {
    let after = page.after_number()?.unwrap_or(0);
    let library = api.library.clone();
    let mut items = api.blocking(move || Ok(library.list())).await?;
    // They keep the library's order, so the cursor is a place in it.
    let skip = usize::try_from(after).unwrap_or(usize::MAX).min(items.len());
    items.drain(..skip);
    let next_cursor = page.cut(&mut items, |_| (after + u64::from(page.limit)).to_string());
    Ok(Json(DatasetList { items: items.into_iter().map(DatasetView::from).collect(), next_cursor }))
}

/// Look at a dataset.
#[utoipa::path(get, path = "/datasets/{name}", tag = "datasets",
    params(("name" = String, Path, description = "Its name.")),
    responses((status = 200, description = "The dataset.", body = DatasetView), NotFound))]
pub async fn get(
    State(api): State<Api>,
    NamePath(name): NamePath,
    _: NoParameters,
) -> Result<Json<DatasetView>, ApiError> {
    let library = api.library.clone();
    let info = api.blocking(move || library.info(&name).map_err(no_dataset)).await?;
    Ok(Json(info.into()))
}

/// Which points, and how to show them.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PreviewQuery {
    /// How many training examples; the first ones.
    #[param(minimum = 1, maximum = 1000)]
    #[serde(default = "default_count")]
    count: usize,
    /// Images in a row.
    #[param(minimum = 1, maximum = 1000)]
    columns: Option<usize>,
    /// Pixels for each of an image's.
    #[param(minimum = 1, maximum = 16)]
    scale: Option<usize>,
}

fn default_count() -> usize {
    64
}

/// Look at a dataset's first training examples, as a PNG.
#[utoipa::path(get, path = "/datasets/{name}/preview", tag = "datasets",
    params(("name" = String, Path, description = "Its name."), PreviewQuery),
    responses((status = 200, description = "The picture.", body = Vec<u8>, content_type = "image/png"),
        NotModified, NotFound, InvalidParameters))]
pub async fn preview(
    State(api): State<Api>,
    NamePath(name): NamePath,
    Parameters(query): Parameters<PreviewQuery>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let mut checks = Checks::default();
    checks.range("count", query.count, 1..=1000);
    let style = check_style(&mut checks, query.columns, query.scale);
    checks.finish()?;
    let dataset = api.dataset(name).await?;
    let etag: ETag = tag(&("preview", &dataset.digest, query.count, style));
    if etag.is_fresh(&headers) {
        return Ok(etag.not_modified("no-cache"));
    }
    let rendered = match api.pictures.find(&etag) {
        Some(rendered) => rendered,
        None => {
            let count = query.count.min(dataset.train.len);
            pictures::check_samples(dataset.shape, count as u64, style)?;
            let render =
                move || pictures::samples_png(&dataset.train.to_vec(0..count), dataset.shape, &dataset.name, style);
            api.pictures.render(&etag, "image/png", render).await?
        }
    };
    let mut response = rendered.into_response();
    etag.put(response.headers_mut(), "no-cache");
    Ok(response)
}

pub(super) fn no_dataset(error: LibraryError) -> ApiError {
    match error {
        LibraryError::Unknown { .. } | LibraryError::Missing { .. } => ApiError::NoDataset(error.to_string()),
        LibraryError::Unreadable { .. } | LibraryError::Invalid { .. } | LibraryError::Refused { .. } => {
            ApiError::Conflict(error.to_string())
        }
    }
}

impl Api {
    /// A dataset with its points, loaded unless it is.
    pub async fn dataset(&self, name: String) -> Result<Arc<Dataset>, ApiError> {
        let library = self.library.clone();
        self.blocking(move || library.get(&name).map_err(no_dataset)).await
    }

    /// Does what may block on a thread that may.
    pub async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        tokio::task::spawn_blocking(work).await.map_err(|error| ApiError::Internal(error.to_string()))?
    }
}
