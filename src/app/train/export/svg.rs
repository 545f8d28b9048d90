//! A page as Scalable Vector Graphics.

use std::fmt::Write;

use super::super::look::Dash;
use super::page::{Anchor, Ink, Page, Shape};

pub fn svg(page: &Page) -> String {
    let [width, height] = page.size;
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" font-family=\"'Noto Sans SC', 'Noto Sans CJK SC', 'Microsoft YaHei', sans-serif\">\n<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n"
    );
    for shape in &page.shapes {
        // Writing to a text cannot fail.
        let _ = match shape {
            Shape::Line { points, ink, width, dash } => {
                let places: Vec<String> = points.iter().map(|[x, y]| format!("{x:.2},{y:.2}")).collect();
                let (colour, opacity) = colour(*ink);
                writeln!(
                    text,
                    "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-opacity=\"{opacity}\" stroke-width=\"{width}\" stroke-linejoin=\"round\"{}/>",
                    places.join(" "),
                    dashes(*dash)
                )
            }
            Shape::Text { at: [x, y], anchor, size, ink, text: words } => {
                let anchor = match anchor {
                    Anchor::Left => "start",
                    Anchor::Middle => "middle",
                    Anchor::Right => "end",
                };
                // Not every program knows `dominant-baseline`: a third of the size below the middle is near enough.
                let y = y + size * 0.35;
                let (colour, _) = colour(*ink);
                writeln!(
                    text,
                    "<text x=\"{x:.2}\" y=\"{y:.2}\" font-size=\"{size}\" text-anchor=\"{anchor}\" fill=\"{colour}\">{}</text>",
                    escaped(words)
                )
            }
        };
    }
    text + "</svg>\n"
}

fn dashes(dash: Dash) -> String {
    dash.lengths().map_or(String::new(), |(dash, gap)| format!(" stroke-dasharray=\"{dash} {gap}\""))
}

fn colour(ink: Ink) -> (String, f32) {
    let (colour, opacity) = ink.colour();
    (format!("#{:02x}{:02x}{:02x}", colour.r(), colour.g(), colour.b()), opacity)
}

fn escaped(text: &str) -> String {
    let marks = [("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("\"", "&quot;")];
    marks.into_iter().fold(text.to_string(), |text, (mark, name)| text.replace(mark, name))
}
