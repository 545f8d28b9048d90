//! The view with the score map: of which model, and what lies under the pointer.

use eframe::egui::{self, RichText};

use super::{Action, MapKind, State, heat_map};
use crate::app::texts::Texts;
use crate::app::theme::{palette, space};
use crate::app::widgets::empty;

pub fn show(ui: &mut egui::Ui, state: &State, texts: Texts, most_cells: usize, actions: &mut Vec<Action>) {
    let Some(result) = &state.result else {
        empty(ui, texts.get("map_nothing_yet"));
        return;
    };
    ui.horizontal(|ui| {
        for kind in MapKind::ALL {
            let there = result.map(kind).is_some();
            if ui.add_enabled(there, egui::Button::selectable(state.map_kind == kind, texts.get(kind.key()))).clicked()
            {
                actions.push(Action::ShowMap(kind));
            }
        }
    });
    if most_cells == 0 {
        empty(ui, texts.get("map_no_painter"));
        return;
    }
    let Some(map) = result.map(state.map_kind).filter(|map| map.scores().len() <= most_cells) else {
        empty(ui, texts.get("map_too_large"));
        return;
    };
    egui::Panel::bottom("map cell")
        .frame(egui::Frame::new())
        .exact_size(ui.text_style_height(&egui::TextStyle::Body) * 5.0)
        .show_separator_line(false)
        .show(ui, |ui| {
            ui.add_space(space::SMALL);
            cell(ui, state, texts);
        });
    let mut view = state.map_view.unwrap_or_else(|| super::MapView::whole(map.shape()));
    let hovered = heat_map::show(ui, texts, map, &mut view);
    actions.push(Action::SetMapView(view));
    if hovered != state.map_cell {
        actions.push(Action::HoverCell(hovered));
    }
}

/// Question, passage and score of the cell under the pointer.
fn cell(ui: &mut egui::Ui, state: &State, texts: Texts) {
    let weak = palette(ui).weak;
    let told = state.map_cell.and_then(|[question, passage]| {
        let result = state.result.as_ref()?;
        let (score, right) = result.map(state.map_kind)?.cell(question, passage)?;
        let set = &result.sets.first()?.source.set;
        Some((set.questions.get(question)?, set.corpus.passages().get(passage)?, score, right))
    });
    let Some((question, passage, score, right)) = told else {
        ui.label(RichText::new(texts.get("map_hover")).small().color(weak));
        return;
    };
    let mark = if right { format!("  ★ {}", texts.get("right_passage")) } else { String::new() };
    ui.label(RichText::new(format!("{score:.4}{mark}")).monospace());
    ui.add(egui::Label::new(&question.text).truncate());
    ui.add(egui::Label::new(RichText::new(&passage.text).color(weak)).truncate());
}
