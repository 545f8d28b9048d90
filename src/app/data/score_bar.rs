//! How a model scores a passage against its question, as a bar from the row's worst to its best score.

use eframe::egui::{self, Align2, FontSelection, Sense, WidgetInfo, WidgetText, pos2, vec2};

use super::state::RowScores;
use crate::app::texts::Texts;
use crate::app::theme::{palette, size, space};
use crate::dataset::Side;

/// The bar of one passage, with its score and how far it is from the best positive.
pub fn show(ui: &mut egui::Ui, texts: Texts, scores: &RowScores, side: Side, index: usize) {
    let (Some(score), Some(best)) = (scores.of(side).get(index).copied(), scores.pos.iter().copied().reduce(f32::max))
    else {
        return;
    };
    let margin = score - best;
    let is_suspect = side == Side::Negative && margin >= 0.0;
    let key = if is_suspect { "score_suspect" } else { "score_margin" };
    let text = texts.with(key, &[("score", &format!("{score:.3}")), ("margin", &format!("{margin:+.3}"))]);
    let colours = palette(ui);
    let all = scores.pos.iter().chain(&scores.neg).copied();
    let low = all.clone().fold(f32::INFINITY, f32::min).min(0.0);
    let high = all.fold(f32::NEG_INFINITY, f32::max);
    let along = |score: f32| (score - low) / (high - low).max(f32::EPSILON);

    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), size::SCORE_BAR), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(egui::Role::Label, true, &text));
    response.on_hover_text(texts.get("score_help"));
    let bar = egui::Rect::from_min_size(rect.min, vec2(size::SCORE_WIDTH.min(rect.width() / 2.0), rect.height()));
    let painter = ui.painter();
    painter.rect_filled(bar, space::TINY, colours.raised);
    let mut filled = bar;
    filled.set_width(bar.width() * along(score));
    let colour = match (side, is_suspect) {
        (Side::Positive, _) => colours.better,
        (Side::Negative, true) => colours.warning,
        (Side::Negative, false) => colours.neutral,
    };
    painter.rect_filled(filled, space::TINY, colour);
    // The best positive, to compare with.
    let x = bar.left() + bar.width() * along(best);
    painter.vline(x, bar.y_range(), egui::Stroke::new(crate::app::theme::line::PLOT, colours.text));
    let style = FontSelection::Style(egui::TextStyle::Small);
    let galley = WidgetText::from(text).into_galley(ui, None, f32::INFINITY, style);
    let place = pos2(bar.right() + space::SMALL, rect.center().y);
    let place = Align2::LEFT_CENTER.anchor_size(place, galley.size()).min;
    ui.painter().galley(place, galley, if is_suspect { colours.warning } else { colours.weak });
}
