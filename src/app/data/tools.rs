//! The lines above the rows: file, undo, filters.

use std::path::PathBuf;
use std::time::Duration;

use eframe::egui::{self, Align, Id, Layout, RichText};

use super::rows::{optional_columns, verdict_sign};
use super::view::{Filter, Finding, Reviewed};
use super::{Action, State, Tab, history_view};
use crate::app::job_texts;
use crate::app::shell::Command;
use crate::app::texts::Texts;
use crate::app::theme::{palette, progress_bar, section, size, small_button};
use crate::app::widgets::composed;
use crate::dataset::{Script, Verdict, Watch};

/// The field that the `/` key goes to.
pub fn filter_field() -> Id {
    Id::unique("filter rows")
}

pub fn show(
    ui: &mut egui::Ui,
    state: &State,
    texts: Texts,
    recent: &[PathBuf],
    tabs: &[Tab],
    actions: &mut Vec<Action>,
) {
    if tabs.len() > 1 {
        ui.horizontal_wrapped(|ui| self::tabs(ui, tabs, actions));
    }
    title(ui, state, texts, actions);
    ui.horizontal_wrapped(|ui| {
        // A button that has no room goes to the next line whole; Chinese would break after any character.
        ui.style_mut().wrap_mode = Some(egui::TextWrapMode::Extend);
        let can_edit = state.can_edit();
        let button = |ui: &mut egui::Ui, command: Command, enabled: bool, actions: &mut Vec<Action>| {
            if command.button(ui, texts, enabled).clicked() {
                actions.push(Action::Run(command));
            }
        };
        button(ui, Command::Open, state.opening.is_none(), actions);
        recent_files(ui, texts, recent, actions);
        button(ui, Command::Save, can_edit && state.is_modified(), actions);
        button(ui, Command::SaveAs, can_edit, actions);
        ui.separator();
        button(ui, Command::Undo, can_edit && (state.can_undo() || state.draft.is_some()), actions);
        button(ui, Command::Redo, can_edit && state.can_redo(), actions);
        if !can_edit {
            ui.disable();
        }
        ui.menu_button(texts.get("history"), |ui| history_view::show(ui, state, texts, actions));
        ui.separator();
        ui.menu_button(texts.get("more"), |ui| more(ui, state, texts, actions));
    });
    let mut filter = state.filter().clone();
    if ui.available_width() < size::FILTERS {
        ui.horizontal_wrapped(|ui| choices(ui, state, texts, &mut filter));
        ui.horizontal(|ui| text_filter(ui, state, texts, &mut filter));
    } else {
        ui.horizontal(|ui| {
            choices(ui, state, texts, &mut filter);
            text_filter(ui, state, texts, &mut filter);
        });
    }
    if filter != *state.filter() {
        actions.push(Action::Filter(filter));
    }
    if let Some(bad) = &state.bad_pattern {
        ui.label(RichText::new(texts.with("filter_bad", &[("cause", &bad.0)])).small().color(palette(ui).error));
    }
}

/// The open files, where there are several.
fn tabs(ui: &mut egui::Ui, tabs: &[Tab], actions: &mut Vec<Action>) {
    for tab in tabs {
        let mark = if tab.is_modified { " ●" } else { "" };
        let label = ui.selectable_label(tab.place.is_none(), format!("{}{mark}", tab.name));
        if let (true, Some(place)) = (label.on_hover_text(tab.path.display().to_string()).clicked(), tab.place) {
            actions.push(Action::Switch(place));
        }
    }
}

/// What is done with the whole file, or what it is shown with.
fn more(ui: &mut egui::Ui, state: &State, texts: Texts, actions: &mut Vec<Action>) {
    let mut entry = |ui: &mut egui::Ui, command: Command| {
        if command.entry(ui, texts) {
            actions.push(Action::Run(command));
        }
    };
    for command in [Command::NewRow, Command::ExportShown, Command::Split, Command::CloseFile, Command::MarkShown] {
        entry(ui, command);
    }
    ui.separator();
    ui.menu_button(texts.get("score_rows"), |ui| {
        entry(ui, Command::Score);
        entry(ui, Command::ScoreWithReranker);
        entry(ui, Command::ScoreWithRerankerOfHub);
    });
    ui.add_enabled_ui(state.has_scores(), |ui| entry(ui, Command::KeepScores));
    entry(ui, Command::Mine);
    entry(ui, Command::ImportCorpus);
    ui.separator();
    entry(ui, Command::ShowKeys);
    ui.separator();
    ui.label(RichText::new(texts.get("columns")).small().color(palette(ui).weak));
    for (column, key) in optional_columns() {
        let mut shown = !state.hidden.contains(&column);
        if ui.checkbox(&mut shown, texts.get(key)).changed() {
            actions.push(Action::ShowColumn(column, shown));
        }
    }
}

/// The filters that are chosen from lists.
fn choices(ui: &mut egui::Ui, state: &State, texts: Texts, filter: &mut Filter) {
    let finding = match filter.finding {
        None => texts.get("filter_any_finding").to_string(),
        Some(Finding::Any) => texts.get("filter_with_finding").to_string(),
        Some(Finding::Suspected) => texts.get("finding_suspected").to_string(),
        Some(Finding::Kind(kind)) => texts.get(super::findings::finding_key(kind)).to_string(),
    };
    combo(ui, "finding", texts.get("filter_finding"), finding, |ui| {
        ui.selectable_value(&mut filter.finding, None, texts.get("filter_any_finding"));
        ui.selectable_value(&mut filter.finding, Some(Finding::Any), texts.get("filter_with_finding"));
        if state.has_scores() {
            ui.selectable_value(&mut filter.finding, Some(Finding::Suspected), texts.get("finding_suspected"));
        }
        for &(kind, _) in state.survey().map(|survey| survey.counts()).unwrap_or_default() {
            if !kind.is_bad() {
                let name = texts.get(super::findings::finding_key(kind));
                ui.selectable_value(&mut filter.finding, Some(Finding::Kind(kind)), name);
            }
        }
    });
    let review = match filter.review {
        None => texts.get("filter_any_review"),
        Some(Reviewed::NotYet) => texts.get("filter_not_reviewed"),
        Some(Reviewed::As(verdict)) => texts.get(verdict_sign(Some(verdict)).1),
    };
    combo(ui, "review", texts.get("filter_review"), review.into(), |ui| {
        ui.selectable_value(&mut filter.review, None, texts.get("filter_any_review"));
        ui.selectable_value(&mut filter.review, Some(Reviewed::NotYet), texts.get("filter_not_reviewed"));
        for verdict in Verdict::ALL {
            let name = texts.get(verdict_sign(Some(verdict)).1);
            ui.selectable_value(&mut filter.review, Some(Reviewed::As(verdict)), name);
        }
    });
    let script = filter.script.map_or("filter_any_script", script_key);
    combo(ui, "script", texts.get("filter_script"), texts.get(script).into(), |ui| {
        ui.selectable_value(&mut filter.script, None, texts.get("filter_any_script"));
        for script in Script::ALL {
            ui.selectable_value(&mut filter.script, Some(script), texts.get(script_key(script)));
        }
    });
    let types = state.survey().map(|survey| survey.types()).unwrap_or_default();
    if !types.is_empty() {
        let shown = match filter.kind.as_deref() {
            None => texts.get("filter_any_type"),
            Some("") => texts.get("filter_no_type"),
            Some(kind) => kind,
        };
        combo(ui, "type", texts.get("filter_type"), shown.to_owned(), |ui| {
            ui.selectable_value(&mut filter.kind, None, texts.get("filter_any_type"));
            ui.selectable_value(&mut filter.kind, Some(String::new()), texts.get("filter_no_type"));
            for kind in types {
                ui.selectable_value(&mut filter.kind, Some(kind.clone()), kind);
            }
        });
    }
    if let Some(among) = &filter.among {
        let chip =
            egui::Button::selectable(true, format!("{} ×", texts.with("filter_among", &[("number", &among.len())])));
        if ui.add(chip).on_hover_text(texts.get("filter_among_help")).clicked() {
            filter.among = None;
        }
    }
}

/// The text that rows must have.
fn text_filter(ui: &mut egui::Ui, state: &State, texts: Texts, filter: &mut Filter) {
    ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
        let regex = ui.toggle_value(&mut filter.is_regex, ".*");
        regex.on_hover_text(texts.get("filter_regex")).accessible_name(texts.get("filter_regex"));
        let (_, typed) = composed(ui, filter_field(), &state.filter().text, |ui, text| {
            let field = egui::TextEdit::singleline(text)
                .id(filter_field())
                .hint_text(texts.get("filter"))
                .align(egui::Align2::LEFT_CENTER)
                .desired_width(f32::INFINITY);
            ui.add(field).accessible_name(texts.get("filter"))
        });
        if let Some(typed) = typed {
            filter.text = typed;
        }
    });
}

fn combo(ui: &mut egui::Ui, salt: &str, name: &str, shown: String, inside: impl FnOnce(&mut egui::Ui)) {
    let combo = egui::ComboBox::from_id_salt(salt).selected_text(&shown);
    let response = combo.show_ui(ui, inside).response;
    response.on_hover_text(name).accessible_name(format!("{name}: {shown}"));
}

fn script_key(script: Script) -> &'static str {
    match script {
        Script::Chinese => "script_chinese",
        Script::Latin => "script_latin",
        Script::Mixed => "script_mixed",
        Script::Other => "script_other",
    }
}

/// How far work on the whole file has come, with a button that ends it.
pub fn under_way(ui: &mut egui::Ui, texts: Texts, what: &str, watch: &Watch, stop: Action, actions: &mut Vec<Action>) {
    ui.ctx().request_repaint_after(Duration::from_millis(200));
    ui.label(RichText::new(texts.get(what)).small().color(palette(ui).weak));
    if let Some(share) = watch.share() {
        let bar = progress_bar(ui, share).desired_width(size::PROGRESS);
        ui.add(bar).on_hover_text(format!("{:.0} %", share * 100.0)).accessible_name(texts.get(what));
    }
    if let Some(left) = watch.left() {
        ui.label(RichText::new(job_texts::time(texts, left)).small().color(palette(ui).weak));
    }
    let button = small_button(ui, texts.get("cancel"));
    if button.accessible_name(format!("{}: {}", texts.get("cancel"), texts.get(what))).clicked() {
        actions.push(stop);
    }
}

/// How much of a file has been read. Of a pipe nobody knows how long it will be.
fn opening(ui: &mut egui::Ui, texts: Texts, watch: &Watch, actions: &mut Vec<Action>) {
    under_way(ui, texts, "opening", watch, Action::StopOpening, actions);
    let megabytes = |bytes: usize| format!("{:.0}", bytes as f64 / 1e6);
    let (done, all) = (megabytes(watch.done()), megabytes(watch.total()));
    if watch.total() > 0 {
        let read = texts.with("opening_read", &[("done", &done), ("all", &all)]);
        ui.label(RichText::new(read).small().color(palette(ui).weak));
    }
}

fn title(ui: &mut egui::Ui, state: &State, texts: Texts, actions: &mut Vec<Action>) {
    let colours = palette(ui);
    ui.horizontal(|ui| {
        let name = state.file_name();
        let name = ui.label(RichText::new(name.as_deref().unwrap_or(texts.get("no_file"))).text_style(section()));
        if let Some(path) = state.path() {
            name.on_hover_text(path.display().to_string());
        }
        if let Some(watch) = &state.opening {
            opening(ui, texts, watch, actions);
        } else if state.is_saving() {
            ui.label(RichText::new(texts.get("saving")).small().color(colours.weak));
        } else if let Some(watch) = state.editing() {
            under_way(ui, texts, "editing", watch, Action::StopEdits, actions);
        } else if state.is_modified() {
            ui.label(RichText::new(format!("● {}", texts.get("unsaved"))).small().color(colours.accent));
        }
        let shown = match state.is_head() {
            true => texts.with("head_shown", &[("lines", &state.visible().len())]),
            false => texts.with("rows_shown", &[("shown", &state.visible().len()), ("rows", &state.rows())]),
        };
        ui.label(RichText::new(shown).small().color(colours.weak));
        if !state.marked.is_empty() {
            let marked = texts.with("rows_marked", &[("number", &state.marked.len())]);
            ui.label(RichText::new(marked).small().color(colours.accent));
        }
    });
}

fn recent_files(ui: &mut egui::Ui, texts: Texts, recent: &[PathBuf], actions: &mut Vec<Action>) {
    ui.add_enabled_ui(!recent.is_empty(), |ui| {
        ui.menu_button(texts.get("recent"), |ui| {
            for path in recent {
                if ui.button(path.display().to_string()).clicked() {
                    actions.push(Action::OpenPath(path.clone()));
                    ui.close();
                }
            }
        });
    });
}
