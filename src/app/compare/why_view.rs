//! Why a passage scores what it scores: shares of the score, weighted words, and which tokens meet.

use std::sync::Arc;

use eframe::egui::text::{LayoutJob, TextFormat};
use eframe::egui::{self, Color32, Key, Rect, RichText, Sense, Vec2};

use super::heat_map::{pixel_aligned, scale_bar};
use super::score_map::{MapView, ScoreMap};
use super::{Action, State, Why, heat_map_painter, model_name};
use crate::app::job_texts;
use crate::app::texts::Texts;
use crate::app::theme::{self, palette, section, size, space};
use crate::jobs::explain::{Explanation, Piece, common};
use crate::retrieval::contributions;

/// Points of a cell, at most.
const CELL: Vec2 = Vec2::new(22.0, 20.0);
/// Where there are more tokens than fit, the view scrolls.
const NARROWEST: f32 = 6.0;

pub fn show(ui: &mut egui::Ui, state: &State, why: &Why, texts: Texts, actions: &mut Vec<Action>) {
    ui.horizontal(|ui| {
        let close = ui.button(format!("← {}", texts.get("why_close"))).clicked();
        if close || ui.input(|input| input.key_pressed(Key::Escape)) {
            actions.push(Action::CloseExplanation);
        }
        if !why.job.status().is_over() {
            ui.label(RichText::new(job_texts::progress(texts, &why.job.progress())).small());
        }
    });
    let models: Vec<_> = state.found.as_ref().map(|found| found.models.clone()).unwrap_or_default();
    egui::ScrollArea::both().auto_shrink(false).show(ui, |ui| {
        let count = models.len().max(1) as f32;
        let width = ((ui.available_width() - (count - 1.0) * space::LARGE) / count).max(size::LIST_MIN);
        ui.horizontal_top(|ui| {
            ui.spacing_mut().item_spacing.x = space::LARGE;
            for (at, (explanation, map)) in why.explained.iter().enumerate() {
                ui.allocate_ui_with_layout(Vec2::new(width, 0.0), egui::Layout::top_down(egui::Align::Min), |ui| {
                    ui.set_width(width);
                    ui.spacing_mut().item_spacing.x = space::SMALL;
                    let name = model_name(texts, &models, at);
                    ui.add(egui::Label::new(RichText::new(name).text_style(section())).truncate());
                    shares(ui, texts, explanation, state.weights);
                    words(ui, texts, explanation);
                    match (map, &explanation.interaction) {
                        (Some(map), Some((_, tokens))) => meeting(ui, texts, map, tokens),
                        _ => drop(ui.label(RichText::new(texts.get("why_no_heads")).color(palette(ui).weak))),
                    }
                });
            }
        });
    });
}

/// What dense, sparse and ColBERT score add to a hybrid score by the weights of the setup.
fn shares(ui: &mut egui::Ui, texts: Texts, explanation: &Explanation, weights: [f32; 3]) {
    let colours = palette(ui);
    let scores = [Some(explanation.dense), explanation.sparse, explanation.colbert];
    let has = |part: usize| if scores[part].is_some() { weights[part] } else { 0.0 };
    let known = [has(0), has(1), has(2)];
    let added = contributions(scores.map(Option::unwrap_or_default), known);
    let widest = added.iter().copied().fold(1e-6, |widest: f32, share| widest.max(share.abs()));
    let grid = egui::Grid::new(("shares", explanation.model.as_path())).num_columns(4);
    grid.spacing([space::MEDIUM, space::TINY]).show(ui, |ui| {
        for key in ["score", "", "why_weight", "why_share"] {
            ui.label(RichText::new(if key.is_empty() { "" } else { texts.get(key) }).small().color(colours.weak));
        }
        ui.end_row();
        for (part, key) in ["method_dense", "method_sparse", "method_colbert"].into_iter().enumerate() {
            let Some(score) = scores[part] else { continue };
            ui.label(texts.get(key));
            ui.label(RichText::new(format!("{score:.4}")).monospace());
            // Of what the model has.
            let sum = known.iter().sum::<f32>();
            let weight = if sum > 0.0 { known[part] / sum } else { 0.0 };
            ui.label(RichText::new(format!("{weight:.2}")).monospace().color(colours.weak));
            ui.horizontal(|ui| {
                let full = Vec2::new(size::FIELD, size::SCORE_BAR);
                let (area, _) = ui.allocate_exact_size(full, Sense::hover());
                let part_of = (added[part].abs() / widest).clamp(0.0, 1.0);
                let bar = Rect::from_min_size(area.min, Vec2::new(area.width() * part_of, area.height()));
                ui.painter().rect_filled(bar, 2.0, if added[part] < 0.0 { colours.worse } else { colours.accent });
                ui.label(RichText::new(format!("{:.4}", added[part])).monospace());
            });
            ui.end_row();
        }
        if scores.iter().flatten().count() > 1 {
            ui.label(RichText::new(texts.get("method_hybrid")).strong());
            ui.label(RichText::new(format!("{:.4}", added.iter().sum::<f32>())).monospace().strong());
            ui.end_row();
        }
    });
    ui.add_space(space::SMALL);
}

/// Question and passage with each word's lexical weight as its ground.
fn words(ui: &mut egui::Ui, texts: Texts, explanation: &Explanation) {
    let heaviest =
        explanation.question.iter().chain(&explanation.passage).map(|piece| piece.weights[0]).fold(1e-6, f32::max);
    for (key, pieces) in [("question", &explanation.question), ("passage", &explanation.passage)] {
        ui.label(RichText::new(texts.get(key)).small().color(palette(ui).weak));
        let mut job = LayoutJob::default();
        job.wrap.max_width = ui.available_width();
        for piece in pieces {
            job.append(&piece.text, 0.0, format(ui, piece, heaviest));
        }
        let galley = ui.fonts_mut(|fonts| fonts.layout_job(job));
        let said = ui.label(galley.clone());
        let letter = said.hover_pos().map(|pointer| galley.cursor_from_pos(pointer - said.rect.min).index.0);
        if let Some(piece) = letter.and_then(|letter| piece_at(pieces, letter)).filter(|piece| piece.weights[0] > 0.0) {
            said.on_hover_text(weighing(piece));
        }
        ui.add_space(space::TINY);
    }
    if explanation.sparse.is_some() {
        let told: Vec<String> = common(&explanation.question).into_iter().take(8).map(weighing).collect();
        let said = if told.is_empty() { texts.get("why_no_common").to_owned() } else { told.join("\n") };
        ui.label(RichText::new(texts.get("why_common")).small().color(palette(ui).weak));
        ui.label(RichText::new(said).monospace());
    }
    ui.add_space(space::SMALL);
}

fn piece_at(pieces: &[Piece], letter: usize) -> Option<&Piece> {
    let mut end = 0;
    pieces.iter().find(|piece| {
        end += piece.text.chars().count();
        letter < end
    })
}

/// A word's weight; where both texts have it, the product that it adds to the sparse score.
fn weighing(piece: &Piece) -> String {
    let (word, [own, other]) = (piece.text.trim(), piece.weights);
    if other > 0.0 {
        format!("{word}  {own:.3} × {other:.3} = {:.4}", piece.adds())
    } else {
        format!("{word}  {own:.3}")
    }
}

/// The heavier, the stronger the ground; words that both texts have are underlined.
fn format(ui: &egui::Ui, piece: &Piece, heaviest: f32) -> TextFormat {
    let colours = palette(ui);
    let mut format = TextFormat::simple(egui::TextStyle::Body.resolve(ui.style()), colours.text);
    // No more than 0.45, so that the text keeps its contrast.
    let strength = 0.45 * (piece.weights[0] / heaviest).clamp(0.0, 1.0);
    format.background = if strength > 0.0 { theme::faint(colours.accent, strength) } else { Color32::TRANSPARENT };
    if piece.adds() > 0.0 {
        format.underline = egui::Stroke::new(theme::line::BOLD, colours.better);
    }
    format
}

/// The tokens of the question from top to bottom, those of the passage from left to right; the best match of each is
/// framed.
fn meeting(ui: &mut egui::Ui, texts: Texts, map: &Arc<ScoreMap>, tokens: &[Vec<String>; 2]) {
    ui.label(RichText::new(texts.get("why_tokens")).small().color(palette(ui).weak));
    scale_bar(ui, texts, map);
    let [rows, columns] = map.shape();
    let font = egui::TextStyle::Small.resolve(ui.style());
    let weak = palette(ui).weak;
    let cell =
        Vec2::new(((ui.available_width() - size::FIELD) / columns.max(1) as f32).clamp(NARROWEST, CELL.x), CELL.y);
    let wanted = Vec2::new(size::FIELD + cell.x * columns as f32, cell.y * rows as f32);
    let (whole, response) = ui.allocate_exact_size(wanted, Sense::hover());
    let area = pixel_aligned(ui, whole.with_min_x(whole.left() + size::FIELD));
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Image, true, texts.get("why_tokens")));
    for (row, token) in tokens[0].iter().enumerate().take(rows) {
        let place = egui::pos2(area.left() - space::TINY, area.top() + (row as f32 + 0.5) * cell.y);
        let label = ui.painter().with_clip_rect(whole.with_max_x(area.left()).intersect(ui.clip_rect()));
        label.text(place, egui::Align2::RIGHT_CENTER, token, font.clone(), weak);
    }
    let hovered = response.hover_pos().filter(|pointer| area.contains(*pointer)).map(|pointer| {
        let place = (pointer - area.min) / area.size();
        MapView::whole(map.shape()).cell_at([place.x, place.y])
    });
    let view = MapView::whole(map.shape());
    heat_map_painter::show(ui.painter(), area, map, &view, hovered, ui.visuals().dark_mode);
    if let Some([row, column]) = hovered
        && let (Some((value, best)), Some(asked), Some(found)) =
            (map.cell(row, column), tokens[0].get(row), tokens[1].get(column))
    {
        let mark = if best { format!(" · {}", texts.get("why_best")) } else { String::new() };
        response.on_hover_text(format!("{asked} × {found}: {value:.4}{mark}"));
    }
}
