//! The head of a run: how it stands, what it is told, and its numbers.

use std::path::Path;
use std::time::Duration;

use eframe::egui::{self, RichText};

use super::watching::{ListAction, Steer, WatchAction, learning_rate};
use super::{Run, RunReport, State};
use crate::app::error_texts;
use crate::app::job_texts;
use crate::app::sentences::sentence;
use crate::app::texts::Texts;
use crate::app::theme::{palette, progress_bar, section, size, space};
use crate::app::widgets::{Severity, notice};
use crate::jobs::Status;

pub fn show(
    ui: &mut egui::Ui,
    state: &State,
    folder: &Path,
    report: &RunReport,
    texts: Texts,
    actions: &mut Vec<WatchAction>,
) {
    let run = state.live(folder);
    head(ui, state, folder, run, texts, actions);
    if let Some(run) = run.filter(|run| !run.is_over()) {
        buttons(ui, state, run, texts, actions);
    }
    notices(ui, state, folder, report, run, texts);
    numbers(ui, report, run, texts);
    let bar = progress_bar(ui, report.fraction());
    ui.add(bar).accessible_name(texts.get("train_progress"));
    ui.add_space(space::SMALL);
}

fn head(
    ui: &mut egui::Ui,
    state: &State,
    folder: &Path,
    run: Option<&Run>,
    texts: Texts,
    actions: &mut Vec<WatchAction>,
) {
    ui.horizontal(|ui| {
        let weak = palette(ui).weak;
        let item = state.watching.item(folder);
        let status = match run {
            Some(run) => job_texts::status_key(&run.job.status()),
            None => item.map_or("status_running", |item| super::runs_view::state_key(item.record.state)),
        };
        ui.label(RichText::new(texts.get(status)).text_style(section()));
        if let Some(run) = run.filter(|run| run.job.status() == Status::Running) {
            let progress = run.job.progress();
            ui.label(RichText::new(job_texts::stage(texts, &progress.stage)).color(weak));
        }
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            let model = item.and_then(|item| item.model.as_ref());
            let saved = run.filter(|run| run.is_over()).and_then(|run| run.report.saved.as_ref());
            if let Some(model) = saved.or(model)
                && ui.button(texts.get("train_compare")).clicked()
            {
                let base = run.map(|run| &run.base_model).or(item.map(|item| &item.record.base_model));
                let base = base.cloned().unwrap_or_default();
                actions.push(WatchAction::List(ListAction::Compare { base, model: model.clone() }));
            }
            let name = egui::Label::new(RichText::new(state.watching.name(folder)).small().color(weak)).truncate();
            ui.add(name).on_hover_text(folder.display().to_string());
        });
    });
}

/// What a run that goes on can be told. A button that cannot be pressed says why.
fn buttons(ui: &mut egui::Ui, state: &State, run: &Run, texts: Texts, actions: &mut Vec<WatchAction>) {
    let began = run.report.plan.is_some();
    let not_yet = (!began).then_some("steer_not_begun");
    let no_questions = run.report.board.questions.is_empty().then_some("steer_no_questions");
    let mut told = Vec::new();
    ui.horizontal_wrapped(|ui| {
        let mut button = |ui: &mut egui::Ui, key: &str, help: &str, why_not: Option<&str>, steer: Steer| {
            let button = ui.add_enabled(why_not.is_none(), egui::Button::new(texts.get(key)));
            let button = button.on_hover_text(texts.get(help));
            if button.on_disabled_hover_text(texts.get(why_not.unwrap_or(help))).clicked() {
                told.push(steer);
            }
        };
        if run.job.is_pause_wanted() {
            button(ui, "resume", "steer_resume_help", None, Steer::Resume);
        } else {
            button(ui, "pause", "steer_pause_help", None, Steer::Pause);
        }
        button(ui, "steer_stop", "steer_stop_help", not_yet, Steer::Stop);
        button(ui, "cancel", "steer_cancel_help", None, Steer::Cancel);
        ui.separator();
        button(ui, "steer_evaluate", "steer_evaluate_help", not_yet.or(no_questions), Steer::Evaluate);
        button(ui, "steer_save", "steer_save_help", not_yet, Steer::Save);
        ui.separator();
        let typed = &state.watching.learning_rate;
        let rate = learning_rate(typed);
        let mut text = typed.clone();
        let field = egui::TextEdit::singleline(&mut text).desired_width(size::FIELD).hint_text("1e-5");
        let wrong = rate.is_none() && !typed.trim().is_empty();
        let field = if wrong { field.text_color(palette(ui).error) } else { field };
        let response = ui.add(field).on_hover_text(texts.get("steer_rate_help"));
        if response.accessible_name(texts.get("steer_rate")).changed() {
            told.push(Steer::TypeLearningRate(text));
        }
        let why_not = not_yet.or(rate.is_none().then_some("steer_rate_wrong"));
        let button = ui.add_enabled(why_not.is_none(), egui::Button::new(texts.get("steer_set_rate")));
        let button = button.on_hover_text(texts.get("steer_rate_help"));
        let button = button.on_disabled_hover_text(texts.get(why_not.unwrap_or("steer_rate_help")));
        if let (true, Some(rate)) = (button.clicked(), rate) {
            told.push(Steer::SetLearningRate(rate));
        }
        if wrong {
            let text = RichText::new(format!("× {}", texts.get("steer_rate_wrong"))).small().color(palette(ui).error);
            ui.label(text);
        }
        let asked: Vec<&str> = run.asked().map(|key| texts.get(key)).collect();
        if !asked.is_empty() {
            let text = texts.with("steer_after_step", &[("asked", &asked.join(", "))]);
            ui.label(RichText::new(text).small().color(palette(ui).weak));
        }
    });
    actions.extend(told.into_iter().map(WatchAction::Steer));
}

fn notices(ui: &mut egui::Ui, state: &State, folder: &Path, report: &RunReport, run: Option<&Run>, texts: Texts) {
    match (run.map(|run| run.job.status()), state.watching.item(folder)) {
        (Some(Status::Failed(failure)), _) => {
            notice(ui, Severity::Error, &error_texts::failure(texts, &failure));
        }
        (None, Some(item)) => {
            if let Some(failure) = &item.record.failure {
                notice(ui, Severity::Error, &sentence(texts, failure));
            }
            if !item.record.note.is_empty() {
                notice(ui, Severity::Information, &item.record.note);
            }
        }
        _ => {}
    }
    if report.halted.is_some() && run.is_none_or(|run| !run.is_over()) {
        let rate = report.learning_rate.or(report.last.as_ref().map(|last| last.learning_rate));
        let rate = rate.map_or("1e-5".to_string(), |rate| format!("{:.0e}", rate / 2.0));
        notice(ui, Severity::Error, &texts.with("run_halted", &[("rate", &rate)]));
    }
    if let Some(why) = &report.cannot_save
        && run.is_some_and(|run| !run.is_over())
    {
        notice(ui, Severity::Error, &texts.with("run_cannot_save", &[("why", &sentence(texts, why))]));
    }
    if let Some((step, best)) = report.stopped_early {
        notice(ui, Severity::Information, &texts.with("log_stopped_early", &[("step", &step), ("best", &best)]));
    }
    for (text, what) in &report.warnings {
        let told = what.as_ref().map(|what| error_texts::warning(texts, what));
        notice(ui, Severity::Warning, told.as_ref().unwrap_or(text));
    }
    if let Some(folder) = &report.saved {
        notice(ui, Severity::Information, &texts.with("train_saved", &[("folder", &folder.display())]));
    }
}

/// Step, loss, speed, time left: each with its unit.
fn numbers(ui: &mut egui::Ui, report: &RunReport, run: Option<&Run>, texts: Texts) {
    let mut shown: Vec<(&str, String)> = Vec::new();
    if let Some(last) = &report.last {
        shown.push(("step", format!("{} / {}", last.step, last.steps)));
        if let Some((epoch, epochs, part)) = report.epoch() {
            shown.push(("epoch", format!("{epoch} / {epochs} · {:.0}%", part * 100.0)));
        }
        shown.push(("loss_total", format!("{:.4}", last.loss.total)));
    } else if let Some(plan) = &report.plan {
        shown.push(("step", format!("0 / {}", plan.steps)));
    }
    if let Some(seconds) = report.seconds_per_step() {
        shown.push(("step_time", texts.with("seconds", &[("number", &format!("{seconds:.2}"))])));
    }
    if let Some(speed) = report.tokens_per_second() {
        shown.push(("speed", texts.with("tokens_per_second", &[("number", &format!("{speed:.0}"))])));
    }
    if let Some(left) = run.and_then(|run| run.job.progress().left) {
        shown.push(("time_left", job_texts::time(texts, left)));
    } else if let Some(last) = report.curves.steps.marks.last() {
        shown.push(("time_taken", job_texts::clock(Duration::from_secs_f64(last.time.max(0.0)))));
    }
    if report.skipped > 0 {
        shown.push(("skipped_steps", report.skipped.to_string()));
    }
    if let Some(plan) = &report.plan {
        let share = texts.with(
            "train_parameters",
            &[("trained", &millions(plan.trainable_parameters)), ("all", &millions(plan.parameters))],
        );
        shown.push(("parameters", share));
        shown.push(("train_memory", format!("{:.2} GB", plan.memory.total() as f64 / 1e9)));
    }
    let weak = palette(ui).weak;
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing.x = space::LARGE;
        for (key, value) in shown {
            ui.vertical(|ui| {
                ui.spacing_mut().item_spacing.y = 0.0;
                // The numbers change at every step, and what stands beside them is to stay where it is.
                ui.set_min_width(size::FIELD);
                ui.label(RichText::new(texts.get(key)).small().color(weak));
                ui.label(RichText::new(value).monospace());
            });
        }
    });
}

fn millions(number: usize) -> String {
    format!("{:.1} M", number as f64 / 1e6)
}
