//! What the routes that show films have in common.

use super::error::ApiError;
use super::negotiate::Offers;
use crate::render::{Picture, animation, png};
use std::time::Duration;

/// How a film, or a single picture, is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Film {
    /// One picture.
    Png,
    /// An animation for everywhere.
    Gif,
    /// An animation with every colour.
    Apng,
}

/// The formats, one picture first.
pub const FILMS: &Offers<Film> =
    &[(Film::Png, "png", &["image/png"]), (Film::Gif, "gif", &["image/gif"]), (Film::Apng, "apng", &["image/apng"])];

impl Film {
    /// Its media type.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Gif => "image/gif",
            Self::Apng => "image/apng",
        }
    }

    /// The file of these pictures; of the first one alone where it is no animation.
    pub fn write(self, pictures: &[Picture], frame: Duration, rest: Duration) -> Result<Vec<u8>, ApiError> {
        let written = match (self, pictures.first()) {
            (Self::Png, Some(picture)) => png::encode(picture),
            (Self::Png, None) => return Err(ApiError::Internal("no picture to show".to_owned())),
            (Self::Gif, _) => animation::gif(pictures, frame, rest),
            (Self::Apng, _) => animation::apng(pictures, frame, rest),
        };
        written.map_err(|error| ApiError::Internal(error.to_string()))
    }
}
