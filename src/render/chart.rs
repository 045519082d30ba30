//! A chart: lines over two axes, in the colours of all pictures.

use super::Picture;
use super::colour::{Colour, GROUND, INK, RULE};
use super::png::PictureError;
use plotters::coord::Shift;
use plotters::coord::types::RangedCoordf64;
use plotters::element::DashedPathElement;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use std::sync::LazyLock;

/// Width and height of a chart.
const SIZE: (u32, u32) = (760, 420);
/// Room left of and below the axes for their numbers.
const LABELS: (u32, u32) = (64, 46);
const TITLE_ROOM: i32 = 30;
const LEGEND_ROOM: i32 = 26;
/// The height of the name at a level.
const NAME_HEIGHT: i32 = 14;

/// How a line is drawn.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Stroke {
    Solid,
    Dashed,
    Dotted,
}

/// A line through points, in the order they come. What is not finite breaks it.
pub(super) struct Curve {
    pub(super) name: String,
    pub(super) colour: Colour,
    pub(super) stroke: Stroke,
    pub(super) points: Vec<(f64, f64)>,
    /// Half the height of an error bar at each point; none where this is empty.
    pub(super) errors: Vec<f64>,
}

/// A line across the chart at a height, with its name at the right end.
pub(super) struct Level {
    pub(super) name: String,
    pub(super) colour: Colour,
    pub(super) height: f64,
}

/// What a chart shows.
pub struct Chart {
    pub(super) title: String,
    pub(super) x_name: String,
    /// What stands along y, with its unit.
    pub(super) y_name: &'static str,
    pub(super) curves: Vec<Curve>,
    pub(super) levels: Vec<Level>,
    /// Lines from a height to a height, faint: the arrows of Figure 1.
    pub(super) links: Vec<((f64, f64), (f64, f64))>,
    pub(super) x: (f64, f64),
    pub(super) y: (f64, f64),
    /// What to say where there is nothing to show.
    pub(super) empty: &'static str,
}

impl Chart {
    /// The chart as SVG; the same chart gives the same bytes.
    ///
    /// # Errors
    ///
    /// If the chart cannot be written.
    pub fn svg(&self) -> Result<String, PictureError> {
        font_is_there()?;
        let mut text = String::new();
        {
            let area = SVGBackend::with_string(&mut text, SIZE).into_drawing_area();
            self.draw(&area).map_err(|error| PictureError(error.to_string()))?;
            area.present().map_err(|error| PictureError(error.to_string()))?;
        }
        Ok(text)
    }

    /// The chart as a picture; the same chart gives the same pixels.
    ///
    /// # Errors
    ///
    /// If the chart cannot be drawn.
    pub fn picture(&self) -> Result<Picture, PictureError> {
        font_is_there()?;
        let mut picture = Picture::filled(SIZE.0 as usize, SIZE.1 as usize, GROUND);
        {
            let area = BitMapBackend::with_buffer(&mut picture.pixels, SIZE).into_drawing_area();
            self.draw(&area).map_err(|error| PictureError(error.to_string()))?;
            area.present().map_err(|error| PictureError(error.to_string()))?;
        }
        Ok(picture)
    }

    fn draw<B: DrawingBackend>(&self, area: &DrawingArea<B, Shift>) -> Result<(), DrawingAreaErrorKind<B::ErrorType>> {
        area.fill(&rgb(GROUND))?;
        let text = |size: i32| font(size, INK, HPos::Left, VPos::Center);
        area.draw(&Text::new(self.title.clone(), (16, TITLE_ROOM / 2 + 4), text(16)))?;
        // The legend: one line below the title, in the order of the curves.
        let mut x = 16;
        let y = TITLE_ROOM + LEGEND_ROOM / 2;
        for curve in &self.curves {
            self.draw_line(area, vec![(x, y), (x + 22, y)], curve)?;
            area.draw(&Text::new(curve.name.clone(), (x + 28, y), text(13)))?;
            x += 28 + 24 + 7 * i32::try_from(curve.name.chars().count()).unwrap_or(0);
        }
        let mut chart = ChartBuilder::on(area)
            .margin_top(TITLE_ROOM + LEGEND_ROOM)
            .margin_right(18)
            .margin_bottom(4)
            .set_label_area_size(LabelAreaPosition::Left, LABELS.0)
            .set_label_area_size(LabelAreaPosition::Bottom, LABELS.1)
            .build_cartesian_2d(span(self.x), span(self.y))?;
        chart
            .configure_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(rgb(RULE))
            .axis_style(rgb(RULE))
            .label_style(font(12, INK, HPos::Left, VPos::Top))
            .x_label_formatter(&|value| number(*value))
            .y_label_formatter(&|value| number(*value))
            .x_labels(8)
            .y_labels(7)
            .x_desc(self.x_name.clone())
            .y_desc(self.y_name)
            .axis_desc_style(font(12, INK, HPos::Center, VPos::Top))
            .draw()?;
        self.draw_into(area, &chart)
    }

    fn draw_into<B: DrawingBackend>(
        &self,
        area: &DrawingArea<B, Shift>,
        chart: &ChartContext<'_, B, Cartesian2d<RangedCoordf64, RangedCoordf64>>,
    ) -> Result<(), DrawingAreaErrorKind<B::ErrorType>> {
        let plane = chart.plotting_area();
        let (columns, rows) = plane.get_pixel_range();
        let place = |point: (f64, f64)| {
            // Far outside is as good as infinity, which has no pixel.
            let cut =
                |value: f64, (low, high): (f64, f64)| value.clamp(low - 2.0 * (high - low), high + 2.0 * (high - low));
            let (x, y) = plane.map_coordinate(&(cut(point.0, self.x), cut(point.1, self.y)));
            (x.clamp(columns.start - 1, columns.end), y.clamp(rows.start - 1, rows.end))
        };
        for (from, to) in &self.links {
            area.draw(&PathElement::new(vec![place(*from), place(*to)], rgb(INK).mix(0.35).stroke_width(1)))?;
        }
        let mut levels: Vec<(i32, &Level)> =
            self.levels.iter().map(|level| (place((self.x.0, level.height)).1, level)).collect();
        levels.retain(|(y, _)| *y > rows.start && *y < rows.end);
        levels.sort_by_key(|(y, _)| *y);
        for (y, level) in &levels {
            let line = vec![(columns.start, *y), (columns.end, *y)];
            area.draw(&DashedPathElement::new(line, 6, 4, rgb(level.colour).mix(0.8).stroke_width(1)))?;
        }
        for curve in &self.curves {
            let finite = |point: &(f64, f64)| point.0.is_finite() && point.1.is_finite();
            for piece in curve.points.split(|point| !finite(point)) {
                let pixels: Vec<(i32, i32)> = piece.iter().map(|point| place(*point)).collect();
                if let [only] = pixels[..] {
                    area.draw(&Circle::new(only, 2, rgb(curve.colour).filled()))?;
                } else if !pixels.is_empty() {
                    self.draw_line(area, pixels, curve)?;
                }
            }
            for ((x, y), error) in curve.points.iter().zip(&curve.errors).filter(|(point, _)| finite(point)) {
                let (centre, low, high) = (place((*x, *y)), place((*x, y - error)), place((*x, y + error)));
                area.draw(&Circle::new(centre, 3, rgb(curve.colour).filled()))?;
                area.draw(&PathElement::new(vec![low, high], rgb(curve.colour).stroke_width(1)))?;
                for end in [low, high] {
                    area.draw(&PathElement::new(
                        vec![(end.0 - 3, end.1), (end.0 + 3, end.1)],
                        rgb(curve.colour).stroke_width(1),
                    ))?;
                }
            }
        }
        // Names last, on a ground of their own; below the line where the line above is near.
        let mut above = rows.start;
        for (y, level) in &levels {
            let top = if y - above < NAME_HEIGHT + 2 { y + 2 } else { y - NAME_HEIGHT - 1 };
            let width = 6 * i32::try_from(level.name.chars().count()).unwrap_or(0) + 8;
            let corners = [(columns.end - width, top), (columns.end, top + NAME_HEIGHT)];
            area.draw(&Rectangle::new(corners, rgb(GROUND).mix(0.85).filled()))?;
            let middle = (columns.end - 4, top + NAME_HEIGHT / 2);
            area.draw(&Text::new(level.name.clone(), middle, font(11, level.colour, HPos::Right, VPos::Center)))?;
            above = *y;
        }
        if self.curves.iter().all(|curve| curve.points.is_empty()) {
            let style = font(14, INK, HPos::Center, VPos::Center);
            let middle = ((columns.start + columns.end) / 2, (rows.start + rows.end) / 2);
            area.draw(&Text::new(self.empty, middle, style))?;
        }
        Ok(())
    }

    fn draw_line<B: DrawingBackend>(
        &self,
        area: &DrawingArea<B, Shift>,
        pixels: Vec<(i32, i32)>,
        curve: &Curve,
    ) -> Result<(), DrawingAreaErrorKind<B::ErrorType>> {
        let style = rgb(curve.colour).stroke_width(2);
        match curve.stroke {
            Stroke::Solid => area.draw(&PathElement::new(pixels, style)),
            Stroke::Dashed => area.draw(&DashedPathElement::new(pixels, 7, 4, style)),
            Stroke::Dotted => area.draw(&DashedPathElement::new(pixels, 2, 4, style)),
        }
    }
}

/// Makes the one font of all charts known: a picture must not depend on the fonts of the machine that draws it.
fn font_is_there() -> Result<(), PictureError> {
    static KNOWN: LazyLock<bool> = LazyLock::new(|| {
        plotters::style::register_font("sans-serif", FontStyle::Normal, epaint_default_fonts::UBUNTU_LIGHT).is_ok()
    });
    if *KNOWN { Ok(()) } else { Err(PictureError("the font of the charts does not read".to_owned())) }
}

/// The lowest and highest of some values and a margin around; from 0 to 1 where there is none.
pub(super) fn range(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let (low, high) = values
        .filter(|value| value.is_finite())
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
    if low > high {
        return (0.0, 1.0);
    }
    let margin = if high > low { 0.06 * (high - low) } else { 0.5 * low.abs().max(1e-3) };
    (low - margin, high + margin)
}

fn font(size: i32, colour: Colour, horizontal: HPos, vertical: VPos) -> TextStyle<'static> {
    let mut style = TextStyle::from(("sans-serif", size).into_font());
    style.color = rgb(colour).to_backend_color();
    style.pos = Pos::new(horizontal, vertical);
    style
}

fn rgb([red, green, blue]: Colour) -> RGBColor {
    RGBColor(red, green, blue)
}

fn span((low, high): (f64, f64)) -> std::ops::Range<f64> {
    if low < high { low..high } else { low..low + 1.0 }
}

/// A number as a label: as short as it is exact enough.
fn number(value: f64) -> String {
    let size = value.abs();
    if size >= 1e6 {
        format!("{}M", trimmed(value / 1e6))
    } else if size >= 1e4 {
        format!("{}k", trimmed(value / 1e3))
    } else {
        trimmed(value)
    }
}

fn trimmed(value: f64) -> String {
    let digits = if value.abs() >= 100.0 { 0 } else { 3 };
    let text = format!("{value:.digits$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}
