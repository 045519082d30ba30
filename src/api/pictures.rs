//! Rendering off the asynchronous threads, and remembering what was rendered.

use super::animations::Film;
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

/// The most pixels of one picture, and of all pictures of a film: they are in memory together.
const MOST_PIXELS: usize = 64 << 20;

/// The longest side that a GIF can have.
const LONGEST_SIDE_OF_A_GIF: usize = 65_535;

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

/// Refuses what would be too large, before anything of it is drawn: a picture, or as many as a film has, with more pixels
/// than may be in memory, or with sides that the format cannot have. `parameter` is the one that makes them large,
/// `instead` what to take in its place.
pub fn check_size(
    film: Film,
    pictures: usize,
    (width, height): (usize, usize),
    parameter: &str,
    instead: &str,
) -> Result<(), ApiError> {
    if width.saturating_mul(height).saturating_mul(pictures) > MOST_PIXELS {
        let what = match pictures {
            1 => "the picture would have".to_owned(),
            _ => format!("the film would have {pictures} pictures of"),
        };
        return Err(ApiError::parameter(parameter, format!("{what} {width} × {height} pixels; take {instead}")));
    }
    if film == Film::Gif && width.max(height) > LONGEST_SIDE_OF_A_GIF {
        let detail = format!(
            "a GIF has at most {LONGEST_SIDE_OF_A_GIF} pixels a side, and this one would have {width} × {height}; take \
             apng, or {instead}"
        );
        return Err(ApiError::parameter("format", detail));
    }
    Ok(())
}

/// The most pictures of a size that a film may have.
pub fn most_pictures((width, height): (usize, usize)) -> usize {
    (MOST_PIXELS / width.saturating_mul(height).max(1)).max(1)
}

/// [`check_size`] of the picture that [`samples_png`] makes of so many samples. Of points it is never large.
pub fn check_samples(shape: Shape, count: u64, style: Style) -> Result<(), ApiError> {
    if !shape.is_image() {
        return Ok(());
    }
    let size = grid_style(shape, style).size(shape, usize::try_from(count).unwrap_or(usize::MAX));
    check_size(Film::Png, 1, size, "scale", "a smaller scale or count")
}

/// The grid that is asked for, at the scale that suits its images where none is.
pub fn grid_style(shape: Shape, (columns, scale): Style) -> GridStyle {
    GridStyle::new(columns, if scale == 0 { natural_scale(shape) } else { scale })
}

/// Samples as the picture that suits them, as a PNG.
pub fn samples_png(values: &[f32], shape: Shape, dataset: &str, (columns, scale): Style) -> Result<Vec<u8>, ApiError> {
    let density = Synthetic::by_name(dataset).map(Synthetic::density);
    let picture = samples_picture(values, shape, density.as_ref(), columns, scale);
    png::encode(&picture).map_err(|error| ApiError::Internal(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The parameter at fault.
    fn fault(checked: Result<(), ApiError>) -> Option<String> {
        match checked {
            Ok(()) => None,
            Err(ApiError::Parameters(faults)) => Some(faults[0].pointer.clone()),
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn all_pictures_of_a_film_together_are_held_to_the_limit() {
        let check = |film, pictures, size| fault(check_size(film, pictures, size, "scale", "less"));
        assert_eq!(check(Film::Png, 1, (8192, 8192)), None);
        assert_eq!(check(Film::Png, 1, (8192, 8193)).as_deref(), Some("/scale"));
        for film in [Film::Gif, Film::Apng] {
            assert_eq!(check(film, 4, (4096, 4096)), None);
            assert_eq!(check(film, 5, (4096, 4096)).as_deref(), Some("/scale"));
        }
        assert_eq!(check(Film::Apng, usize::MAX, (usize::MAX, 2)).as_deref(), Some("/scale"));
        assert_eq!([(4096, 4096), (4096, 4097), (8193, 8193), (0, 0)].map(most_pictures), [4, 3, 1, MOST_PIXELS]);
    }

    #[test]
    fn a_gif_has_sides_that_its_head_can_say() {
        let check = |film, size| fault(check_size(film, 2, size, "scale", "less"));
        assert_eq!(check(Film::Gif, (65_535, 1)), None);
        assert_eq!(check(Film::Gif, (65_536, 1)).as_deref(), Some("/format"));
        assert_eq!(check(Film::Gif, (1, 65_536)).as_deref(), Some("/format"));
        assert_eq!(check(Film::Apng, (65_536, 1)), None);
    }

    #[test]
    fn a_grids_size_is_known_before_it_is_drawn() {
        let shape = Shape { height: 3, width: 5, channels: 1 };
        for style in [(0, 0), (4, 1), (1000, 3), (1, 16)] {
            let style = grid_style(shape, style);
            for count in [1, 2, 7, 30] {
                let drawn = crate::render::grid(&vec![0.5; count * shape.len()], shape, style);
                assert_eq!(style.size(shape, count), (drawn.width, drawn.height));
                assert_eq!(drawn.pixels.len(), drawn.width * drawn.height);
            }
        }
    }
}
