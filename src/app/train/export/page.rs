//! A page of plots, made of lines and texts.

use eframe::egui::Color32;

use super::super::curves::Chart;
use super::super::look::{Dash, Line, Look, Source, compact, lines};
use super::Export;
use crate::app::theme;
use crate::app::widgets::ticks;

/// Points, not pixels.
const WIDTH: f32 = 1200.0;
const ROW: f32 = 320.0;
const MARGIN: f32 = 24.0;
/// Room beside a plot for the numbers of its axis, and below.
const LEFT: f32 = 64.0;
const BELOW: f32 = 44.0;
/// Room above for title and names.
const ABOVE: f32 = 56.0;

/// A colour by its meaning.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Ink {
    Text,
    Weak,
    Grid,
    /// A series, and how much of it covers what is below, from 0 to 1.
    Series(usize, f32),
}

impl Ink {
    /// The colour, and how much of it covers what is below.
    pub fn colour(self) -> (Color32, f32) {
        let paper = theme::paper();
        match self {
            Self::Text => (paper.text, 1.0),
            Self::Weak => (paper.weak, 1.0),
            Self::Grid => (paper.raised, 1.0),
            Self::Series(index, cover) => (paper.series[index % paper.series.len()], cover),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Anchor {
    Left,
    Middle,
    Right,
}

#[derive(Clone, Debug)]
pub enum Shape {
    Line {
        points: Vec<[f32; 2]>,
        ink: Ink,
        width: f32,
        dash: Dash,
    },
    /// `at` is on the middle of the letters' height.
    Text {
        at: [f32; 2],
        anchor: Anchor,
        size: f32,
        ink: Ink,
        text: String,
    },
}

pub struct Page {
    /// Width and height in points.
    pub size: [f32; 2],
    pub shapes: Vec<Shape>,
}

/// The charts that have something to show, two in a row.
pub fn page(export: &Export) -> Page {
    let alone = export.runs.len() == 1;
    let sources: Vec<Source> =
        export.runs.iter().map(|(name, curves)| Source { name: if alone { "" } else { name }, curves }).collect();
    let words = &export.words;
    let drawn = Chart::ALL.into_iter().filter_map(|chart| {
        let mut lines = lines(chart, &sources, &export.look, |name| words.series(name));
        lines.retain(|line| !export.look.hidden.contains(&line.name));
        (!lines.is_empty()).then_some((chart, lines))
    });
    let charts: Vec<(Chart, Vec<Line>)> = drawn.collect();
    let mut shapes = Vec::new();
    let width = (WIDTH - 3.0 * MARGIN) / 2.0;
    for (index, (chart, lines)) in charts.iter().enumerate() {
        let corner = [MARGIN + (index % 2) as f32 * (width + MARGIN), MARGIN + (index / 2) as f32 * ROW];
        plot(&mut shapes, corner, width, words.chart(*chart), &words.axis, lines, &export.look);
    }
    if let (true, Some((name, _))) = (alone, export.runs.first()) {
        shapes.push(text([WIDTH - MARGIN, MARGIN / 2.0], Anchor::Right, 11.0, Ink::Weak, name));
    }
    Page { size: [WIDTH, 2.0 * MARGIN + charts.len().div_ceil(2).max(1) as f32 * ROW], shapes }
}

fn text(at: [f32; 2], anchor: Anchor, size: f32, ink: Ink, text: &str) -> Shape {
    Shape::Text { at, anchor, size, ink, text: text.into() }
}

fn rule(points: [[f32; 2]; 2], ink: Ink) -> Shape {
    Shape::Line { points: points.into(), ink, width: 1.0, dash: Dash::Solid }
}

fn plot(shapes: &mut Vec<Shape>, corner: [f32; 2], width: f32, title: &str, axis: &str, lines: &[Line], look: &Look) {
    let everywhere = (f64::NEG_INFINITY, f64::INFINITY);
    let columns = width as usize;
    let drawn: Vec<[Vec<[f64; 2]>; 2]> = lines
        .iter()
        .map(|line| [false, true].map(|smoothed| line.points(look, smoothed, everywhere, columns)))
        .collect();
    let Some(bounds) = Bounds::of(drawn.iter().flatten().flatten()) else { return };
    let [left, top] = [corner[0] + LEFT, corner[1] + ABOVE];
    let (right, bottom) = (corner[0] + width, corner[1] + ROW - BELOW);
    let x = |value: f64| left + ((value - bounds.x.0) / (bounds.x.1 - bounds.x.0)) as f32 * (right - left);
    let y = |value: f64| bottom - ((value - bounds.y.0) / (bounds.y.1 - bounds.y.0)) as f32 * (bottom - top);

    shapes.push(text([left, corner[1] + 8.0], Anchor::Left, 15.0, Ink::Text, title));
    for value in ticks::linear(bounds.x.0, bounds.x.1, 6) {
        shapes.push(rule([[x(value), top], [x(value), bottom]], Ink::Grid));
        shapes.push(text([x(value), bottom + 12.0], Anchor::Middle, 11.0, Ink::Weak, &look.axis.text(value)));
    }
    let heights: Vec<f64> = if look.logarithmic {
        ticks::logarithmic(bounds.y.0, bounds.y.1).into_iter().map(|(height, _)| height).collect()
    } else {
        ticks::linear(bounds.y.0, bounds.y.1, 5)
    };
    for height in heights {
        shapes.push(rule([[left, y(height)], [right, y(height)]], Ink::Grid));
        let number = compact(look.value(height));
        shapes.push(text([left - 8.0, y(height)], Anchor::Right, 11.0, Ink::Weak, &number));
    }
    shapes.push(text([(left + right) / 2.0, bottom + 28.0], Anchor::Middle, 11.0, Ink::Weak, axis));
    let mut place = left;
    for (line, [raw, smoothed]) in lines.iter().zip(&drawn) {
        let points = |of: &[[f64; 2]]| of.iter().map(|point| [x(point[0]), y(point[1])]).collect();
        let (ink, dash) = (Ink::Series(line.colour, 1.0), line.dash);
        if line.is_smoothed(look) {
            let faint = Ink::Series(line.colour, 0.3);
            shapes.push(Shape::Line { points: points(raw), ink: faint, width: 1.0, dash: Dash::Solid });
        }
        shapes.push(Shape::Line {
            points: points(if line.is_smoothed(look) { smoothed } else { raw }),
            ink,
            width: 2.0,
            dash,
        });
        let row = corner[1] + 32.0;
        shapes.push(Shape::Line { points: vec![[place, row], [place + 28.0, row]], ink, width: 2.0, dash });
        shapes.push(text([place + 34.0, row], Anchor::Left, 11.0, Ink::Text, &line.name));
        place += 34.0 + 16.0 + letters(&line.name) * 6.5;
    }
}

/// About the width of a text, a Latin letter being 1.
fn letters(text: &str) -> f32 {
    text.chars().map(|c| if c.is_ascii() { 1.0 } else { 1.8 }).sum()
}

/// What the axes reach from and to.
struct Bounds {
    x: (f64, f64),
    y: (f64, f64),
}

impl Bounds {
    fn of<'a>(points: impl Iterator<Item = &'a [f64; 2]>) -> Option<Self> {
        let empty = (f64::INFINITY, f64::NEG_INFINITY);
        let widen = |range: (f64, f64), value: f64| (range.0.min(value), range.1.max(value));
        let (x, y) = points.fold((empty, empty), |(x, y), point| (widen(x, point[0]), widen(y, point[1])));
        // A line that does not rise has room above and below.
        let room = |(low, high): (f64, f64), share: f64| {
            let room = if high - low > high.abs() * 1e-9 { (high - low) * share } else { high.abs().max(1e-9) * 0.1 };
            (low - room, high + room)
        };
        (x.0 <= x.1).then(|| Self { x: if x.0 < x.1 { x } else { room(x, 0.0) }, y: room(y, 0.05) })
    }
}
