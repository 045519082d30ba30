//! Paths between latents, and what the generator makes of them (the paper's Figure 3).

use super::animations::{FILMS, Film};
use super::checkpoints::Which;
use super::error::ApiError;
use super::extract::{Checks, JobPath, Parameters};
use super::negotiate::choose;
use super::openapi::{Conflict, InvalidParameters, NotAcceptable, NotFound, NotModified};
use super::pictures::{check_size, grid_style};
use super::samples::{IMMUTABLE, MOST_SAMPLES, check_checkpoint, check_weights, choose_weights, tag};
use super::state::Api;
use super::words::LARGEST;
use crate::data::Shape;
use crate::render::{GridStyle, Picture, grid};
use crate::sampler::{Drawn, Latents};
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use std::time::Duration;
use utoipa::IntoParams;

/// How long each picture of a film is shown, and its last one.
const FRAME: Duration = Duration::from_millis(80);

/// Which paths, and how to show them.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct InterpolationsQuery {
    /// How many paths: the rows. Path i leads from latent 2i of the seed to latent 2i + 1.
    #[param(minimum = 1, maximum = 64)]
    #[serde(default = "default_pairs")]
    pairs: usize,
    /// Two samples of the seed, as in `3,17`: one path, from the one to the other, in place of `pairs`.
    between: Option<String>,
    /// Images along each path, its ends among them.
    #[param(minimum = 2, maximum = 128)]
    #[serde(default = "default_frames")]
    frames: usize,
    /// `linear`, or `spherical`: along the great circle, which keeps a Gaussian latent's length.
    #[param(value_type = Option<super::words::PathWord>, inline)]
    path: Option<String>,
    /// Whose latents.
    #[param(minimum = 0, maximum = 9_007_199_254_740_991_u64)]
    #[serde(default)]
    seed: u64,
    /// A step, `latest`, `best` or `final`.
    #[param(pattern = "^([0-9]{1,15}|latest|best|final)$", example = "latest")]
    #[serde(default = "latest")]
    checkpoint: String,
    /// `raw` or `ema`.
    #[param(value_type = Option<super::words::WeightsWord>, inline)]
    weights: Option<String>,
    /// `png`, or an animation along the paths: `gif` or `apng`.
    #[param(value_type = Option<super::words::FilmFormat>, inline)]
    format: Option<String>,
    /// Pixels for each of an image's.
    #[param(minimum = 1, maximum = 16)]
    scale: Option<usize>,
}

fn default_pairs() -> usize {
    8
}

fn default_frames() -> usize {
    10
}

fn latest() -> String {
    "latest".to_owned()
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Path {
    Linear,
    Spherical,
}

/// Samples along paths between latents.
#[utoipa::path(get, path = "/jobs/{id}/interpolations", tag = "results",
    params(("id" = Uuid, Path, description = "The job."), InterpolationsQuery),
    responses((status = 200, description = "The picture or the film.", content(
        (Vec<u8> = "image/png"), (Vec<u8> = "image/gif"), (Vec<u8> = "image/apng"))),
        NotModified, NotFound, NotAcceptable, Conflict, InvalidParameters))]
pub async fn get(
    State(api): State<Api>,
    JobPath(id): JobPath,
    Parameters(query): Parameters<InterpolationsQuery>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let film = choose(query.format.as_deref(), &headers, FILMS)?;
    let mut checks = Checks::default();
    checks.range("pairs", query.pairs, 1..=64);
    checks.range("frames", query.frames, 2..=128);
    checks.range("seed", query.seed, 0..=LARGEST);
    checks.range("scale", query.scale.unwrap_or(1), 1..=16);
    let path = match query.path.as_deref() {
        None | Some("linear") => Path::Linear,
        Some("spherical") => Path::Spherical,
        Some(other) => {
            checks.fault("path", format!("{other:?} is not one of linear, spherical"));
            Path::Linear
        }
    };
    let between = query.between.as_deref().and_then(|text| {
        let read = ends(text);
        if read.is_none() {
            checks.fault("between", format!("{text:?} is not two samples below {MOST_SAMPLES}, as in 3,17"));
        }
        read
    });
    let which = check_checkpoint(&mut checks, &query.checkpoint);
    let weights = check_weights(&mut checks, query.weights.as_deref());
    checks.finish()?;
    let job = api.job(id).await?;
    let weights = choose_weights(&job, weights)?;
    let checkpoint = api.resolve(&job, which).await?;
    let (pairs, frames, seed) = (query.pairs, query.frames, query.seed);
    let etag =
        tag(&("interpolations", &checkpoint.digest, weights, seed, pairs, frames, (between, path, film, query.scale)));
    let caching = if matches!(which, Which::Step(_)) { IMMUTABLE } else { "no-cache" };
    if etag.is_fresh(&headers) {
        return Ok(etag.not_modified(caching));
    }
    let rendered = match api.pictures.find(&etag) {
        Some(rendered) => rendered,
        None => {
            let model = api.model(&job, &checkpoint, weights).await?;
            let (shape, latent_dim) = (model.shape(), model.latent_dim());
            if !shape.is_image() {
                return Err(ApiError::Conflict("points have no pictures to show along a path".to_owned()));
            }
            let paths = if between.is_some() { 1 } else { pairs };
            let plan = Plan::new(film, paths, frames);
            let style = grid_style(shape, (plan.columns, query.scale.unwrap_or(0)));
            let instead = "a smaller scale, or fewer pairs or frames";
            check_size(film, plan.pictures, style.size(shape, plan.images), "scale", instead)?;
            let range = between.map_or(0..2 * pairs as u64, |(from, to)| from.min(to)..from.max(to) + 1);
            let room = api.room(&model, range.end - range.start + (paths * frames) as u64).await?;
            let ends = api.draw(&model, &room, Latents::OfSeed { seed, range }).await?.latents;
            let ends = match between {
                Some((from, to)) => chosen(&ends, latent_dim, from <= to),
                None => ends,
            };
            let latents = Latents::Given(along(&ends, latent_dim, frames, path));
            let drawn = api.draw(&model, &room, latents).await?;
            let render = move || {
                // Its room is given back when the film is written, and not before.
                let Drawn { samples, room: _room, .. } = drawn;
                let pictures = pictures(&samples, shape, frames, style, film);
                film.write(&pictures, FRAME, FRAME)
            };
            api.pictures.render(&etag, film.content_type(), render).await?
        }
    };
    let mut response = rendered.into_response();
    etag.put(response.headers_mut(), caching);
    Ok(response)
}

/// The two samples that a text names.
fn ends(text: &str) -> Option<(u64, u64)> {
    let (from, to) = text.split_once(',')?;
    let read = |text: &str| text.trim().parse::<u64>().ok().filter(|sample| *sample < MOST_SAMPLES);
    Some((read(from)?, read(to)?))
}

/// The first and last latent of some, or the last and the first.
fn chosen(latents: &[f32], dim: usize, forth: bool) -> Vec<f32> {
    let (first, last) = (&latents[..dim], &latents[latents.len() - dim..]);
    if forth { [first, last].concat() } else { [last, first].concat() }
}

/// What is shown: so many pictures, each of so many images in a grid of so many columns.
struct Plan {
    pictures: usize,
    images: usize,
    columns: usize,
}

impl Plan {
    /// One picture with a row for each path, or a picture for each place along the paths, there and back again.
    fn new(film: Film, paths: usize, frames: usize) -> Self {
        match film {
            Film::Png => Self { pictures: 1, images: paths * frames, columns: frames },
            Film::Gif | Film::Apng => Self { pictures: 2 * frames - 2, images: paths, columns: 0 },
        }
    }
}

/// The pictures of a [`Plan`].
fn pictures(samples: &[f32], shape: Shape, frames: usize, style: GridStyle, film: Film) -> Vec<Picture> {
    if film == Film::Png {
        return vec![grid(samples, shape, style)];
    }
    let size = shape.len();
    let at = |place: usize| {
        let images: Vec<f32> = samples
            .chunks_exact(frames * size)
            .flat_map(|row| &row[place * size..(place + 1) * size])
            .copied()
            .collect();
        grid(&images, shape, style)
    };
    (0..frames).chain((1..frames.saturating_sub(1)).rev()).map(at).collect()
}

/// The latents along the path of each pair, row by row.
fn along(ends: &[f32], dim: usize, frames: usize, path: Path) -> Vec<f32> {
    let mut latents = Vec::with_capacity(ends.len() / 2 * frames);
    for pair in ends.chunks_exact(2 * dim) {
        let (from, to) = pair.split_at(dim);
        for frame in 0..frames {
            let part = frame as f64 / (frames - 1) as f64;
            let (of_from, of_to) = match path {
                Path::Linear => (1.0 - part, part),
                Path::Spherical => spherical(from, to, part),
            };
            latents.extend(
                from.iter().zip(to).map(|(from, to)| (of_from * f64::from(*from) + of_to * f64::from(*to)) as f32),
            );
        }
    }
    latents
}

/// The weights of both ends at a part of the great circle between them (Shoemake, 1985).
fn spherical(from: &[f32], to: &[f32], part: f64) -> (f64, f64) {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
    let lengths = (dot(from, from) * dot(to, to)).sqrt();
    let angle = if lengths > 0.0 { (dot(from, to) / lengths).clamp(-1.0, 1.0).acos() } else { 0.0 };
    let sine = angle.sin();
    // Parallel ends have no great circle of their own; the straight line is one.
    if sine < 1e-6 { (1.0 - part, part) } else { (((1.0 - part) * angle).sin() / sine, (part * angle).sin() / sine) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_begins_and_ends_at_its_ends() {
        let ends = [1.0, 0.0, 0.0, 1.0, 3.0, 4.0, -4.0, 3.0];
        for path in [Path::Linear, Path::Spherical] {
            let latents = along(&ends, 2, 5, path);
            assert_eq!(latents.len(), 2 * 5 * 2);
            for (place, expected) in [(0, [1.0, 0.0]), (8, [0.0, 1.0]), (10, [3.0, 4.0]), (18, [-4.0, 3.0])] {
                for (value, expected) in latents[place..place + 2].iter().zip(expected) {
                    assert!((value - expected).abs() < 1e-6, "{path:?} {place}");
                }
            }
        }
    }

    #[test]
    fn a_plan_knows_what_is_drawn() {
        let shape = Shape { height: 2, width: 3, channels: 1 };
        for (paths, frames) in [(1, 2), (1, 3), (5, 2), (4, 7)] {
            for film in [Film::Png, Film::Gif, Film::Apng] {
                let plan = Plan::new(film, paths, frames);
                let style = grid_style(shape, (plan.columns, 2));
                let drawn = pictures(&vec![0.5; paths * frames * shape.len()], shape, frames, style, film);
                assert_eq!(drawn.len(), plan.pictures, "{film:?}, {paths} paths of {frames}");
                let size = style.size(shape, plan.images);
                assert!(drawn.iter().all(|picture| (picture.width, picture.height) == size));
            }
        }
    }

    #[test]
    fn two_samples_are_named_in_either_order() {
        assert_eq!((ends("3,17"), ends(" 9 , 2 ")), (Some((3, 17)), Some((9, 2))));
        assert_eq!([ends("3"), ends("3,x"), ends("3,-1"), ends("1,10000")], [None; 4]);
        assert_eq!(chosen(&[1.0, 2.0, 3.0], 1, true), [1.0, 3.0]);
        assert_eq!(chosen(&[1.0, 2.0, 3.0], 1, false), [3.0, 1.0]);
    }

    #[test]
    fn a_spherical_path_keeps_the_length() {
        let latents = along(&[3.0, 4.0, -4.0, 3.0], 2, 9, Path::Spherical);
        for latent in latents.chunks_exact(2) {
            assert!((latent[0].hypot(latent[1]) - 5.0).abs() < 1e-5);
        }
        assert_eq!(along(&[1.0, 1.0], 1, 3, Path::Spherical), [1.0, 1.0, 1.0]);
    }
}
