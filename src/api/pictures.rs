//! Rendering off the asynchronous threads, and remembering what was rendered.

use super::conditional::ETag;
use super::error::ApiError;
use super::samples::Style;
use crate::data::Shape;
use crate::data::synthetic::Synthetic;
use crate::render::grid::{GridStyle, natural_scale};
use crate::render::{png, samples_picture};
use crate::sampler::Lru;
use axum::body::Bytes;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Semaphore;

/// Renderings at the same time. Each may hold some hundred megabytes.
const AT_ONCE: usize = 2;

/// Renderings that may wait for a turn.
const WAITING: usize = 64;

/// The most pixels of one picture.
const MOST_PIXELS: usize = 64 << 20;

/// What was rendered.
#[derive(Clone, Debug)]
pub struct Rendered {
    bytes: Bytes,
    content_type: &'static str,
}

impl IntoResponse for Rendered {
    fn into_response(self) -> Response {
        ([(header::CONTENT_TYPE, self.content_type)], self.bytes).into_response()
    }
}

/// Renders, and remembers by entity tag.
#[derive(Debug)]
pub struct Pictures {
    known: Mutex<Lru<String, Rendered>>,
    largest: u64,
    turns: Arc<Semaphore>,
    admitted: Arc<Semaphore>,
}

impl Pictures {
    /// Remembers `cache_bytes` in all.
    #[must_use]
    pub fn new(cache_bytes: u64) -> Self {
        Self {
            known: Mutex::new(Lru::new(cache_bytes)),
            // One answer must not push everything else out.
            largest: cache_bytes / 4,
            turns: Arc::new(Semaphore::new(AT_ONCE)),
            admitted: Arc::new(Semaphore::new(AT_ONCE + WAITING)),
        }
    }

    /// What was rendered under this tag.
    pub fn find(&self, etag: &ETag) -> Option<Rendered> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).get(&etag.as_str().to_owned()).cloned()
    }

    /// Renders on a thread that may block, when it is its turn.
    pub async fn render(
        &self,
        etag: &ETag,
        content_type: &'static str,
        render: impl FnOnce() -> Result<Vec<u8>, ApiError> + Send + 'static,
    ) -> Result<Rendered, ApiError> {
        let busy = |_| ApiError::Overloaded("too many pictures are waiting to be drawn; try again shortly");
        let _admitted = self.admitted.clone().try_acquire_owned().map_err(busy)?;
        let turn = self.turns.clone().acquire_owned().await.map_err(|_| ApiError::Stopping)?;
        let rendering = tokio::task::spawn_blocking(move || {
            // Held until the work ends, also when its client went away meanwhile.
            let _turn = turn;
            render()
        });
        let bytes = Bytes::from(rendering.await.map_err(|error| ApiError::Internal(error.to_string()))??);
        let rendered = Rendered { bytes, content_type };
        let weight = rendered.bytes.len() as u64;
        if weight <= self.largest {
            let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            known.put(etag.as_str().to_owned(), rendered.clone(), weight);
        }
        Ok(rendered)
    }
}

/// Samples as the picture that suits them, as a PNG.
pub fn samples_png(values: &[f32], shape: Shape, dataset: &str, (columns, scale): Style) -> Result<Vec<u8>, ApiError> {
    if shape.is_image() {
        let scale = if scale == 0 { natural_scale(shape) } else { scale };
        let style = GridStyle::new(columns, scale);
        let count = values.len() / shape.len().max(1);
        let columns = style.columns_for(count).max(1);
        let width = columns * (shape.width * scale + style.gap);
        let height = count.div_ceil(columns) * (shape.height * scale + style.gap);
        if width.saturating_mul(height) > MOST_PIXELS {
            let detail = format!("the picture would have {width} × {height} pixels; take a smaller scale or count");
            return Err(ApiError::parameter("scale", detail));
        }
    }
    let density = Synthetic::by_name(dataset).map(Synthetic::density);
    let picture = samples_picture(values, shape, density.as_ref(), columns, scale);
    png::encode(&picture).map_err(|error| ApiError::Internal(error.to_string()))
}
