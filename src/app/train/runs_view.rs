//! All runs on the disk: what they are, and what can be done with them.

use std::path::Path;

use eframe::egui::{self, Id, RichText};
use egui_extras::{Column, TableBuilder};

use super::State;
use super::watching::{Difference, Draft, ListAction, RunItem, WatchAction};
use crate::app::job_texts;
use crate::app::texts::Texts;
use crate::app::theme::{palette, primary_button, section, size, space};
use crate::app::widgets::empty;
use crate::workspace::RunState;

/// Characters of a data fingerprint that tell one from another well enough.
const FINGERPRINT: usize = 8;

pub fn state_key(state: RunState) -> &'static str {
    match state {
        RunState::Running => "status_running",
        RunState::Paused => "status_paused",
        RunState::Done => "status_done",
        RunState::Cancelled => "status_cancelled",
        RunState::Failed => "status_failed",
        RunState::Interrupted => "status_interrupted",
    }
}

pub fn show(ui: &mut egui::Ui, state: &State, texts: Texts, actions: &mut Vec<WatchAction>) {
    let watching = &state.watching;
    let mut asked = Vec::new();
    if watching.runs.is_empty() {
        import(ui, texts, &mut asked);
        actions.extend(asked.into_iter().map(WatchAction::List));
        return empty(ui, texts.get("runs_none"));
    }
    ui.horizontal(|ui| {
        import(ui, texts, &mut asked);
        let weak = palette(ui).weak;
        let two = watching.ticked.len() == 2;
        let button = ui.add_enabled(two, egui::Button::new(texts.get("runs_difference")));
        let button = button.on_hover_text(texts.get("runs_difference_help"));
        if button.on_disabled_hover_text(texts.get("runs_tick_two")).clicked() {
            asked.push(ListAction::ShowDifference);
        }
        ui.label(RichText::new(texts.get("runs_help")).small().color(weak));
    });
    if let Some(difference) = &watching.difference {
        show_difference(ui, texts, difference, &mut asked);
    }
    table(ui, state, texts, &mut asked);
    actions.extend(asked.into_iter().map(WatchAction::List));
}

fn import(ui: &mut egui::Ui, texts: Texts, asked: &mut Vec<ListAction>) {
    if ui.button(texts.get("run_import")).on_hover_text(texts.get("run_import_help")).clicked() {
        asked.push(ListAction::Import);
    }
}

fn table(ui: &mut egui::Ui, state: &State, texts: Texts, asked: &mut Vec<ListAction>) {
    let heads = ["", "run", "run_state", "run_data", "run_best", "run_steps", "run_started", "run_time", ""];
    egui::ScrollArea::horizontal().id_salt("runs").show(ui, |ui| {
        TableBuilder::new(ui)
            .id_salt("runs")
            .striped(true)
            .cell_layout(egui::Layout::left_to_right(egui::Align::Center))
            .column(Column::exact(size::CONTROL))
            .column(Column::remainder().at_least(size::FORM / 2.0).clip(true))
            .columns(Column::auto().at_least(size::RANK), 6)
            .column(Column::auto())
            .header(size::ROW, |mut header| {
                for key in heads {
                    header.col(|ui| {
                        if !key.is_empty() {
                            ui.label(RichText::new(texts.get(key)).small().color(palette(ui).weak));
                        }
                    });
                }
            })
            .body(|body| {
                body.rows(size::ROW, state.watching.runs.len(), |mut row| {
                    let item = &state.watching.runs[row.index()];
                    let shown = state.shown().is_some_and(|(folder, _)| folder == item.folder);
                    row.set_selected(shown);
                    row.col(|ui| tick(ui, state, texts, item, asked));
                    row.col(|ui| name(ui, texts, item, asked));
                    for text in cells(state, texts, item) {
                        row.col(|ui| {
                            ui.label(RichText::new(text).small());
                        });
                    }
                    row.col(|ui| menu(ui, state, texts, item, asked));
                });
            });
    });
}

fn tick(ui: &mut egui::Ui, state: &State, texts: Texts, item: &RunItem, asked: &mut Vec<ListAction>) {
    let mut ticked = state.watching.ticked.contains(&item.folder);
    let tick = ui.checkbox(&mut ticked, "").on_hover_text(texts.get("run_tick_help"));
    if tick.accessible_name(texts.with("run_tick", &[("run", &item.label())])).changed() {
        asked.push(ListAction::Tick(item.folder.clone()));
    }
}

fn name(ui: &mut egui::Ui, texts: Texts, item: &RunItem, asked: &mut Vec<ListAction>) {
    let label = item.label();
    let link = egui::Button::new(RichText::new(&label)).frame(false).truncate();
    let mut help = format!("{}\n{}", item.record.base_model.display(), item.folder.display());
    if !item.record.note.is_empty() {
        help = format!("{}\n{help}", item.record.note);
    }
    let button = ui.add(link).on_hover_text(help);
    if button.accessible_name(texts.with("run_open", &[("run", &label)])).clicked() {
        asked.push(ListAction::Open(item.folder.clone()));
    }
    if !item.record.note.is_empty() {
        ui.label(RichText::new(&item.record.note).small().color(palette(ui).weak));
    }
}

/// State, data, best metric, steps, start and time taken.
fn cells(state: &State, texts: Texts, item: &RunItem) -> [String; 6] {
    let record = &item.record;
    let live = state.live(&item.folder);
    let status = live.map_or(state_key(record.state), |run| job_texts::status_key(&run.job.status()));
    let best = record.best.as_ref().map_or(String::new(), |best| format!("{} {:.3}", best.metric, best.value));
    let steps = live.and_then(|run| run.report.last.as_ref()).map_or(record.steps, |last| last.step);
    let started = record.started.replace('T', " ");
    [
        texts.get(status).into(),
        record.data_fingerprint.chars().take(FINGERPRINT).collect(),
        best,
        steps.to_string(),
        started.get(..16).unwrap_or(&started).into(),
        record.time_taken().map_or(String::new(), job_texts::clock),
    ]
}

fn menu(ui: &mut egui::Ui, state: &State, texts: Texts, item: &RunItem, asked: &mut Vec<ListAction>) {
    let label = item.label();
    let menu = ui.menu_button("…", |ui| {
        let folder = || item.folder.clone();
        let mut entry = |ui: &mut egui::Ui, key: &str, why_not: Option<&str>, action: ListAction| {
            let button = ui.add_enabled(why_not.is_none(), egui::Button::new(texts.get(key)));
            if button.on_disabled_hover_text(texts.get(why_not.unwrap_or(key))).clicked() {
                asked.push(action);
                ui.close();
            }
        };
        let goes_on = goes_on(state, item);
        let busy = state.run.as_ref().is_some_and(|run| !run.is_over());
        entry(ui, "run_show", None, ListAction::Open(folder()));
        entry(ui, "run_describe", None, ListAction::Describe(folder()));
        entry(ui, "run_duplicate", None, ListAction::Duplicate(folder()));
        let why_not = if goes_on {
            Some("run_goes_on")
        } else if !item.can_go_on() {
            Some("run_is_done")
        } else {
            busy.then_some("train_running_already")
        };
        entry(ui, "run_go_on", why_not, ListAction::GoOn(folder()));
        let model = item.model.clone();
        let why_not = model.is_none().then_some("run_has_no_model");
        entry(
            ui,
            "train_compare",
            why_not,
            ListAction::Compare { base: item.record.base_model.clone(), model: model.unwrap_or_default() },
        );
        ui.separator();
        entry(ui, "run_trash", goes_on.then_some("run_goes_on"), ListAction::Trash(folder()));
    });
    menu.response.accessible_name(texts.with("run_actions", &[("run", &label)]));
}

fn goes_on(state: &State, item: &RunItem) -> bool {
    match state.live(&item.folder) {
        Some(run) => !run.is_over(),
        None => !item.record.state.is_over(),
    }
}

fn show_difference(ui: &mut egui::Ui, texts: Texts, difference: &Difference, asked: &mut Vec<ListAction>) {
    ui.horizontal(|ui| {
        ui.label(RichText::new(texts.get("difference_title")).text_style(section()));
        if ui.button(texts.get("close")).clicked() {
            asked.push(ListAction::LeaveDifference);
        }
    });
    if difference.options.is_empty() {
        ui.label(texts.get("difference_none"));
        return;
    }
    let weak = palette(ui).weak;
    egui::ScrollArea::both().id_salt("difference").max_height(size::PLOT).show(ui, |ui| {
        egui::Grid::new("difference").num_columns(3).striped(true).spacing([space::LARGE, space::TINY]).show(
            ui,
            |ui| {
                ui.label(RichText::new(texts.get("difference_option")).small().color(weak));
                difference.names.iter().for_each(|name| {
                    ui.label(RichText::new(name).small().color(weak));
                });
                ui.end_row();
                for (option, values) in &difference.options {
                    let name = texts.find(&format!("option_{option}")).unwrap_or(option);
                    ui.label(name).on_hover_text(*option);
                    for value in values {
                        let value = if value.is_empty() { texts.get("difference_empty") } else { value };
                        ui.label(RichText::new(value).monospace());
                    }
                    ui.end_row();
                }
            },
        );
    });
    ui.add_space(space::SMALL);
}

/// What is asked for over everything else.
pub fn dialogs(ui: &mut egui::Ui, state: &State, texts: Texts, actions: &mut Vec<WatchAction>) {
    let Some(draft) = &state.watching.draft else { return };
    let mut changed = draft.clone();
    let modal = egui::Modal::new(Id::unique("describe a run")).show(ui.ctx(), |ui| {
        ui.set_width(size::POPUP);
        ui.label(RichText::new(texts.get("run_describe")).text_style(section()).strong());
        describe(ui, texts, &mut changed, &draft.folder)
    });
    if let Some(action) = modal.inner {
        actions.push(WatchAction::List(action));
    } else if modal.should_close() {
        actions.push(WatchAction::List(ListAction::LeaveDescription));
    } else if changed != *draft {
        actions.push(WatchAction::List(ListAction::Type(changed)));
    }
}

fn describe(ui: &mut egui::Ui, texts: Texts, draft: &mut Draft, folder: &Path) -> Option<ListAction> {
    let weak = palette(ui).weak;
    ui.label(RichText::new(folder.display().to_string()).small().color(weak));
    for (key, field, lines) in [("run_name", &mut draft.name, 1), ("run_note", &mut draft.note, 4)] {
        ui.label(RichText::new(texts.get(key)).small().color(weak));
        let field = if lines == 1 { egui::TextEdit::singleline(field) } else { egui::TextEdit::multiline(field) };
        ui.add(field.desired_rows(lines).desired_width(f32::INFINITY)).accessible_name(texts.get(key));
    }
    ui.add_space(space::SMALL);
    let named = !draft.name.trim().is_empty();
    let mut action = None;
    ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
        let button = ui.add_enabled(named, primary_button(ui, texts.get("run_keep")));
        if button.on_disabled_hover_text(texts.get("run_needs_name")).clicked() {
            action = Some(ListAction::KeepDescription);
        }
        if ui.button(texts.get("answer_cancel")).clicked() {
            action = Some(ListAction::LeaveDescription);
        }
    });
    action
}
