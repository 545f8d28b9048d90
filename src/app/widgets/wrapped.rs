//! Text in lines, by the rules of Chinese: egui lets no line begin with a mark that closes, but lets one end with a mark
//! that opens.

use std::sync::Arc;

use eframe::egui::epaint::text::FontsView;
use eframe::egui::{self, Color32, FontId, Galley, text::LayoutJob};

/// Marks that belong to what follows.
const OPENING: &str = "（《〈「『【〔“‘([{";

/// Lays text out in lines of `width` points, `most` lines at most, in the body's font.
pub fn wrapped(ui: &egui::Ui, text: &str, colour: Color32, width: f32, most: usize) -> Arc<Galley> {
    let font = egui::TextStyle::Body.resolve(ui.style());
    ui.fonts_mut(|fonts| lay_out(fonts, text, &font, colour, width, most))
}

fn lay_out(
    fonts: &mut FontsView<'_>,
    text: &str,
    font: &FontId,
    colour: Color32,
    width: f32,
    most: usize,
) -> Arc<Galley> {
    let mut text = text.to_owned();
    loop {
        let mut job = LayoutJob::simple(text.clone(), font.clone(), colour, width);
        job.wrap.max_rows = most;
        let galley = fonts.layout_job(job);
        let Some(at) = hanging(&galley) else { return galley };
        let Some((byte, _)) = text.char_indices().nth(at) else { return galley };
        text.insert(byte, '\n');
    }
}

/// Where a line ends with a mark that opens: the place of the mark among the characters. None once there is none, or
/// where the mark is all of its line.
fn hanging(galley: &Galley) -> Option<usize> {
    let mut end = 0;
    for (at, row) in galley.rows.iter().enumerate() {
        let (length, last) = (row.glyphs.len(), row.glyphs.last().map(|glyph| glyph.chr));
        end += length + usize::from(row.ends_with_newline);
        let is_last = at + 1 == galley.rows.len();
        if !is_last && !row.ends_with_newline && length > 1 && last.is_some_and(|last| OPENING.contains(last)) {
            return Some(end - 1);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use eframe::egui::epaint::text::{Fonts, TextOptions};

    use super::*;
    use crate::app::theme;

    #[test]
    fn no_line_ends_with_a_mark_that_opens_and_nothing_is_lost() {
        let mut fonts = Fonts::new(TextOptions::default(), theme::fonts());
        let text = "清洗后用盐酸（约10%～15%）中和，按《焊接手册》和“工艺评定”（见 ISO 15614）执行；铝气焊（钎焊）的氯化物溶剂包在焊缝里。";
        let colour = theme::paper().text;
        let mut hung = 0;
        for width in 60..400 {
            let mut view = fonts.with_pixels_per_point(1.0);
            let plain = view.layout(text.to_owned(), theme::paper_font(14.0), colour, width as f32);
            hung += usize::from(hanging(&plain).is_some());
            let galley = lay_out(&mut view, text, &theme::paper_font(14.0), colour, width as f32, usize::MAX);
            assert_eq!(hanging(&galley), None);
            assert_eq!(galley.text().replace('\n', ""), text);
            assert!(galley.size().x <= width as f32 + 0.5, "{width}: {}", galley.size().x);
        }
        assert!(hung > 20, "egui breaks lines by these rules itself now: this file is needed no more");
    }
}
