//! Pictures of points that are no images: a histogram in one dimension, a scatter in two. No text, so no fonts.

use super::Picture;
use super::colour::{DATA, GENERATED, GROUND, RULE};
use crate::data::Density;

/// Pixels a side of a picture at scale 1.
const SIDE: usize = 256;
const BARS: usize = 64;
/// Where nothing tells the bounds.
const UNBOUNDED: (f64, f64) = (-3.0, 3.0);

/// The histogram of numbers (green bars) against the density they should have (dark line).
#[must_use]
pub fn histogram(values: &[f32], density: Option<&Density>, scale: usize) -> Picture {
    let side = SIDE * scale.clamp(1, 8);
    let (low, high) = density.map_or(UNBOUNDED, |density| density.bounds()[0]);
    let mut picture = framed(side, side, scale);

    let bar_width = (high - low) / BARS as f64;
    let mut bars = [0.0_f64; BARS];
    for value in values {
        let place = ((f64::from(*value) - low) / bar_width).floor();
        if (0.0..BARS as f64).contains(&place) {
            bars[place as usize] += 1.0 / (values.len() as f64 * bar_width);
        }
    }
    let curve: Vec<f64> = (0..side)
        .map(|x| low + (high - low) * (x as f64 + 0.5) / side as f64)
        .map(|x| density.map_or(0.0, |density| density.density(&[x])))
        .collect();
    // The density fills most of the height; bars that reach higher end at the top, as a collapse should show.
    let tallest = curve.iter().copied().fold(0.0, f64::max);
    let top = if tallest > 0.0 { 1.5 * tallest } else { bars.iter().copied().fold(f64::MIN_POSITIVE, f64::max) };
    let height_of = |value: f64| (value / top).min(1.0) * (side as f64 - 1.0);

    for x in 0..side {
        let bar = height_of(bars[x * BARS / side]);
        for y in 0..side {
            let cover = (bar - (side - 1 - y) as f64).clamp(0.0, 1.0) as f32;
            picture.lay(x, y, GENERATED, 0.45 * cover);
        }
    }
    if density.is_some() {
        for (x, pair) in curve.windows(2).enumerate() {
            let [from, to] = [pair[0], pair[1]].map(|value| side as f64 - height_of(value));
            stroke(&mut picture, [x as f64 + 0.5, from], [x as f64 + 1.5, to], 0.9 * scale.clamp(1, 8) as f64);
        }
    }
    picture
}

/// Points of the plane (green), over rings at one and two deviations around the modes they should come from.
#[must_use]
pub fn scatter(points: &[f32], density: Option<&Density>, scale: usize) -> Picture {
    let scale = scale.clamp(1, 8);
    let side = SIDE * scale;
    let bounds = density.map_or_else(|| vec![UNBOUNDED; 2], Density::bounds);
    let (low, high) =
        bounds.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), (a, b)| (low.min(*a), high.max(*b)));
    let mut picture = framed(side, side, scale);
    let to_pixels = side as f64 / (high - low);
    let place = |point: [f64; 2]| [(point[0] - low) * to_pixels, (high - point[1]) * to_pixels];

    if let Some(density) = density {
        for mode in &density.modes {
            for deviations in [1.0, 2.0] {
                ring(&mut picture, place(*mode), deviations * density.deviation * to_pixels);
            }
        }
    }
    // Many points are drawn faintly, so that where they crowd shows.
    let count = points.len() / 2;
    let cover = (200.0 / count.max(1) as f32).clamp(0.12, 0.8);
    for point in points.as_chunks::<2>().0 {
        disc(&mut picture, place([f64::from(point[0]), f64::from(point[1])]), 1.6 * scale as f64, cover);
    }
    picture
}

/// A blank picture with a few rules across.
fn framed(width: usize, height: usize, scale: usize) -> Picture {
    let mut picture = Picture::filled(width, height, GROUND);
    for part in 1..4 {
        for along in 0..width {
            for thick in 0..scale.clamp(1, 8).div_ceil(2) {
                picture.lay(along, height * part / 4 + thick, RULE, 1.0);
                picture.lay(width * part / 4 + thick, along, RULE, 1.0);
            }
        }
    }
    picture
}

fn ring(picture: &mut Picture, centre: [f64; 2], radius: f64) {
    shade(picture, centre, radius + 1.5, |distance| 0.55 * (1.2 - (distance - radius).abs()).clamp(0.0, 1.0), DATA);
}

fn disc(picture: &mut Picture, centre: [f64; 2], radius: f64, cover: f32) {
    shade(
        picture,
        centre,
        radius + 1.0,
        |distance| f64::from(cover) * (radius + 0.5 - distance).clamp(0.0, 1.0),
        GENERATED,
    );
}

/// A piece of a line, drawn as discs half a pixel apart.
fn stroke(picture: &mut Picture, from: [f64; 2], to: [f64; 2], radius: f64) {
    let steps = (2.0 * (to[0] - from[0]).hypot(to[1] - from[1])).ceil().max(1.0);
    for step in 0..steps as usize {
        let share = step as f64 / steps;
        let place = [from[0] + share * (to[0] - from[0]), from[1] + share * (to[1] - from[1])];
        shade(picture, place, radius + 1.0, |distance| (radius + 0.5 - distance).clamp(0.0, 1.0), DATA);
    }
}

/// Lays a colour around a place, as strongly as the distance from it says.
fn shade(
    picture: &mut Picture,
    [x, y]: [f64; 2],
    reach: f64,
    cover: impl Fn(f64) -> f64,
    colour: super::colour::Colour,
) {
    // Far outside, or no number at all: nothing to draw. The bounds keep the loops within the picture.
    if !(x > -reach && y > -reach && x < picture.width as f64 + reach && y < picture.height as f64 + reach) {
        return;
    }
    let from = |centre: f64| (centre - reach).floor().max(0.0) as usize;
    let until = |centre: f64, length: usize| ((centre + reach).ceil().max(0.0) as usize).min(length);
    for row in from(y)..until(y, picture.height) {
        for column in from(x)..until(x, picture.width) {
            let distance = (column as f64 + 0.5 - x).hypot(row as f64 + 0.5 - y);
            picture.lay(column, row, colour, cover(distance) as f32);
        }
    }
}
