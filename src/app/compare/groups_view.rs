//! The numbers by topic, language and length.

use eframe::egui::{self, RichText};

use super::{Action, State, metrics_view, shown};
use crate::app::texts::Texts;
use crate::app::theme::{palette, section, size, space};
use crate::app::widgets::{self, empty};
use crate::dataset::Script;
use crate::report::p_value;
use crate::retrieval::{GroupName, Metric};

pub fn show(ui: &mut egui::Ui, state: &State, texts: Texts, actions: &mut Vec<Action>) {
    let Some(evaluated) = state.evaluated() else {
        empty(ui, texts.get("evaluate_first"));
        return;
    };
    shown::choose(ui, state, texts, actions);
    let groups = &evaluated.comparison.groups;
    if groups.is_empty() {
        empty(ui, texts.get("groups_none"));
        return;
    }
    ui.add_space(space::SMALL);
    egui::ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        for (kind, title) in [("topic", "by_topic"), ("language", "by_language"), ("length", "by_length")] {
            let mut of_kind = groups.iter().filter(|group| group.name.kind() == kind).peekable();
            if of_kind.peek().is_none() {
                continue;
            }
            ui.label(RichText::new(texts.get(title)).text_style(section()));
            let grid = egui::Grid::new(kind).striped(true).min_col_width(size::FIELD);
            grid.spacing([space::LARGE, space::SMALL]).show(ui, |ui| {
                let weak = palette(ui).weak;
                let heads = ["group", "column_questions", "base_model", "tuned_model", "change_in_points"];
                for key in heads.into_iter().chain(["better_worse", "p_value"]) {
                    ui.label(RichText::new(texts.get(key)).small().color(weak));
                }
                ui.end_row();
                for group in of_kind {
                    // One metric says enough here: the one that counts every right passage and its rank.
                    let Some(row) = group.rows.iter().filter(|row| row.metric == Metric::Ndcg).max_by_key(|row| row.k)
                    else {
                        continue;
                    };
                    ui.label(name(texts, &group.name));
                    ui.label(RichText::new(group.questions.len().to_string()).monospace());
                    ui.label(RichText::new(format!("{:.3}", row.base)).monospace()).on_hover_text(row.name());
                    if let Some(tuned) = row.tuned.get(state.shown[1]) {
                        ui.label(RichText::new(format!("{:.3}", tuned.value)).monospace()).on_hover_text(row.name());
                        widgets::change(ui, tuned.points(), metrics_view::CHANGE_DECIMALS);
                        ui.label(RichText::new(metrics_view::better_worse(&tuned.paired)).monospace());
                        ui.label(RichText::new(p_value(tuned.paired.p)).monospace());
                    }
                    ui.end_row();
                }
            });
            ui.add_space(space::LARGE);
        }
        ui.label(RichText::new(texts.get("groups_metric")).small().color(palette(ui).weak));
    });
}

fn name(texts: Texts, name: &GroupName) -> String {
    match name {
        GroupName::Topic(topic) => topic.clone(),
        GroupName::Language(script) => texts
            .get(match script {
                Script::Chinese => "script_chinese",
                Script::Latin => "script_latin",
                Script::Mixed => "script_mixed",
                Script::Other => "script_other",
            })
            .to_owned(),
        GroupName::Length(from, Some(to)) => texts.with("length_between", &[("from", from), ("to", to)]),
        GroupName::Length(from, None) => texts.with("length_from", &[("from", from)]),
    }
}
