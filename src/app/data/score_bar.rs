//! How a model scores a passage against its question: by the chosen measure as a bar from the row's worst to its best
//! score, by the others as numbers beside.

use eframe::egui::{self, Align2, FontSelection, RichText, Sense, WidgetInfo, WidgetText, pos2, vec2};

use super::scores::RowScores;
use super::{Action, State};
use crate::app::texts::Texts;
use crate::app::theme::{palette, size, space};
use crate::dataset::Side;
use crate::jobs::scoring::Measure;

/// The scores of one passage.
pub fn show(ui: &mut egui::Ui, state: &State, texts: Texts, scores: &RowScores, side: Side, index: usize) {
    let all = state.all_scores();
    bar(ui, texts, scores, side, index, all.chosen());
    let others: Vec<Measure> = all.measures().filter(|by| *by != all.chosen()).collect();
    if others.iter().any(|by| scores.get(side, index, *by).is_some()) {
        ui.horizontal_wrapped(|ui| {
            for by in others {
                number(ui, texts, scores, side, index, by);
            }
        });
    }
}

/// Which scores the rows are judged and sorted by.
pub fn choose_measure(ui: &mut egui::Ui, state: &State, texts: Texts, actions: &mut Vec<Action>) {
    let (chosen, label) = (state.all_scores().chosen(), texts.get("judge_by"));
    ui.horizontal(|ui| {
        ui.label(RichText::new(label).small().color(palette(ui).weak));
        let combo = egui::ComboBox::from_id_salt("judge by").selected_text(texts.get(measure_key(chosen)));
        let combo = combo.show_ui(ui, |ui| {
            for by in state.all_scores().measures() {
                if ui.selectable_label(by == chosen, texts.get(measure_key(by))).clicked() {
                    actions.push(Action::JudgeBy(by));
                }
            }
        });
        combo.response.accessible_name(label).on_hover_text(texts.get("judge_by_help"));
    });
}

fn measure_key(by: Measure) -> &'static str {
    match by {
        Measure::Dense => "method_dense",
        Measure::Sparse => "method_sparse",
        Measure::Colbert => "method_colbert",
        Measure::Hybrid => "method_hybrid",
        Measure::Reranker => "measure_reranker",
    }
}

/// A score with its margin to the best positive; whether the passage is suspected of being a false negative.
fn margin(scores: &RowScores, side: Side, index: usize, by: Measure) -> Option<(f32, f32, bool)> {
    let (score, best) = (scores.get(side, index, by)?, scores.best_positive(by)?);
    Some((score, score - best, scores.is_suspect(side, index, by)))
}

fn number(ui: &mut egui::Ui, texts: Texts, scores: &RowScores, side: Side, index: usize, by: Measure) {
    let Some((score, margin, is_suspect)) = margin(scores, side, index, by) else {
        return;
    };
    let mark = if is_suspect { "! " } else { "" };
    let name = texts.get(measure_key(by));
    let text = texts.with("score_other", &[("measure", &name), ("score", &format!("{mark}{score:.3}"))]);
    let colours = palette(ui);
    let label = ui.label(RichText::new(text).small().color(if is_suspect { colours.warning } else { colours.weak }));
    let key = if is_suspect { "score_suspect" } else { "score_margin" };
    label.on_hover_text(texts.with(key, &[("score", &format!("{score:.3}")), ("margin", &format!("{margin:+.3}"))]));
}

/// The bar of one passage, with its score and how far it is from the best positive.
fn bar(ui: &mut egui::Ui, texts: Texts, scores: &RowScores, side: Side, index: usize, by: Measure) {
    let (Some((score, margin, is_suspect)), Some(best)) = (margin(scores, side, index, by), scores.best_positive(by))
    else {
        return;
    };
    let key = if is_suspect { "score_suspect" } else { "score_margin" };
    let text = texts.with(key, &[("score", &format!("{score:.3}")), ("margin", &format!("{margin:+.3}"))]);
    let colours = palette(ui);
    let all = [Side::Positive, Side::Negative].map(|side| scores.all(side, by)).concat();
    let low = all.iter().copied().fold(f32::INFINITY, f32::min).min(0.0);
    let high = all.iter().copied().fold(f32::NEG_INFINITY, f32::max);
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
