//! The right side: the run while it goes, and what it left.

use eframe::egui::{self, RichText};

use super::run_report::Note;
use super::{Action, Run, State, plots};
use crate::app::error_texts;
use crate::app::job_texts;
use crate::app::texts::Texts;
use crate::app::theme::{palette, progress_bar, section, size, small_button, space};
use crate::app::widgets::{Severity, empty, notice};
use crate::jobs::Status;
use crate::training::Command;

pub fn show(ui: &mut egui::Ui, state: &State, texts: Texts, actions: &mut Vec<Action>) {
    match &state.run {
        Some(run) => {
            header(ui, run, texts, actions);
            for warning in &run.report.warnings {
                notice(ui, Severity::Warning, warning);
            }
            if let Some(note) = run.report.notes.last() {
                let before: Vec<String> =
                    run.report.notes.iter().rev().take(20).rev().map(|note| note_text(texts, note)).collect();
                let label = ui.label(RichText::new(note_text(texts, note)).small().color(palette(ui).weak));
                label.on_hover_text(before.join("\n"));
            }
            if run.job.status().is_over() && !state.earlier.is_empty() {
                let title = texts.get("train_earlier_runs");
                egui::CollapsingHeader::new(title).show_unindented(ui, |ui| earlier(ui, state, texts, actions));
            }
            if run.report.curves.is_empty() {
                if !run.job.status().is_over() {
                    empty(ui, texts.get("train_preparing"));
                }
            } else {
                plots::show(ui, texts, &run.report.curves);
            }
        }
        None => {
            empty(ui, texts.get("train_nothing_yet"));
            if !state.earlier.is_empty() {
                ui.add_space(space::LARGE);
                ui.label(RichText::new(texts.get("train_earlier_runs")).text_style(section()));
                earlier(ui, state, texts, actions);
            }
        }
    }
}

fn header(ui: &mut egui::Ui, run: &Run, texts: Texts, actions: &mut Vec<Action>) {
    let status = run.job.status();
    ui.horizontal(|ui| {
        ui.label(RichText::new(texts.get(job_texts::status_key(&status))).text_style(section()));
        if status == Status::Running {
            let progress = run.job.progress();
            let stage = job_texts::stage(texts, &progress.stage);
            ui.label(RichText::new(stage).color(palette(ui).weak));
        }
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            if status.is_over() {
                if let (Status::Done, Some(folder)) = (&status, &run.report.saved)
                    && ui.button(texts.get("train_compare")).clicked()
                {
                    actions.push(Action::Compare(folder.clone()));
                }
                return;
            }
            if ui.button(texts.get("cancel")).on_hover_text(texts.get("train_cancel_help")).clicked() {
                actions.push(Action::Cancel);
            }
            if ui.button(texts.get("train_stop")).on_hover_text(texts.get("train_stop_help")).clicked() {
                actions.push(Action::Steer(Command::Stop));
            }
            if run.job.is_pause_wanted() {
                if ui.button(texts.get("resume")).clicked() {
                    actions.push(Action::Resume);
                }
            } else if ui.button(texts.get("pause")).clicked() {
                actions.push(Action::Pause);
            }
        });
    });
    if let Status::Failed(failure) = &status {
        notice(ui, Severity::Error, &error_texts::failure(texts, failure));
    }
    if let Some(folder) = &run.report.saved {
        notice(ui, Severity::Information, &texts.with("train_saved", &[("folder", &folder.display())]));
    }
    if !status.is_over() {
        steering(ui, run, texts, actions);
    }
    numbers(ui, run, texts);
    let bar = progress_bar(ui, run.report.fraction());
    ui.add(bar).accessible_name(texts.get("train_progress"));
    ui.add_space(space::SMALL);
}

fn note_text(texts: Texts, note: &Note) -> String {
    match note {
        Note::Resumed { step } => texts.with("note_resumed", &[("step", step)]),
        Note::Skipped { step, skipped } => texts.with("note_skipped", &[("step", step), ("skipped", skipped)]),
        Note::LearningRate { step, learning_rate } => {
            texts.with("note_learning_rate", &[("step", step), ("rate", &format!("{learning_rate:e}"))])
        }
        Note::Checkpoint { step } => texts.with("note_checkpoint", &[("step", step)]),
        Note::StoppedEarly { step, best } => texts.with("note_stopped_early", &[("step", step), ("best", best)]),
        Note::Best { step, metric, value } => {
            texts.with("note_best", &[("step", step), ("metric", metric), ("value", &format!("{value:.4}"))])
        }
    }
}

/// What a run can be told while it goes; it obeys after the step it is at.
fn steering(ui: &mut egui::Ui, run: &Run, texts: Texts, actions: &mut Vec<Action>) {
    ui.horizontal_wrapped(|ui| {
        let evaluates = !run.report.questions.is_empty();
        let evaluate = ui.add_enabled(evaluates, egui::Button::new(texts.get("train_evaluate_now")));
        if evaluate.on_disabled_hover_text(texts.get("train_no_eval_data")).clicked() {
            actions.push(Action::Steer(Command::Evaluate));
        }
        if ui.button(texts.get("train_save_now")).on_hover_text(texts.get("train_save_now_help")).clicked() {
            actions.push(Action::Steer(Command::Save));
        }
        let mut typed = run.learning_rate.clone();
        let field = egui::TextEdit::singleline(&mut typed).desired_width(size::FIELD).hint_text("1e-5");
        let label = texts.get("train_new_learning_rate");
        if ui.add(field).on_hover_text(label).accessible_name(label).changed() {
            actions.push(Action::TypeLearningRate(typed.clone()));
        }
        let rate = typed.trim().parse::<f64>().ok().filter(|rate| rate.is_finite() && *rate > 0.0);
        let set = ui.add_enabled(rate.is_some(), egui::Button::new(texts.get("train_set_learning_rate")));
        if set.on_disabled_hover_text(texts.get("train_rate_wrong")).clicked()
            && let Some(rate) = rate
        {
            actions.push(Action::Steer(Command::LearningRate(rate)));
        }
    });
}

/// Step, loss, speed, time left: each with its unit.
fn numbers(ui: &mut egui::Ui, run: &Run, texts: Texts) {
    let report = &run.report;
    let mut shown: Vec<(&str, String)> = Vec::new();
    if let Some(last) = &report.last {
        shown.push(("step", format!("{} / {}", last.step, last.steps)));
        shown.push(("epoch", format!("{:.2}", last.epoch)));
        shown.push(("loss_total", format!("{:.4}", last.loss.total)));
    } else if let Some(plan) = &report.plan {
        shown.push(("step", format!("0 / {}", plan.steps)));
    }
    if let Some(speed) = report.tokens_per_second() {
        shown.push(("speed", texts.with("tokens_per_second", &[("number", &format!("{speed:.0}"))])));
    }
    if let Some(left) = run.job.progress().left {
        shown.push(("time_left", job_texts::time(texts, left)));
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
                ui.label(RichText::new(texts.get(key)).small().color(weak));
                ui.label(RichText::new(value).monospace());
            });
        }
    });
}

fn earlier(ui: &mut egui::Ui, state: &State, texts: Texts, actions: &mut Vec<Action>) {
    for run in &state.earlier {
        ui.horizontal(|ui| {
            ui.label(&run.name);
            if let Some((metric, value)) = &run.best {
                ui.label(RichText::new(format!("{metric} {value:.4}")).small().color(palette(ui).weak));
            }
            if let Some(model) = &run.model {
                let button = small_button(ui, texts.get("train_compare")).on_hover_text(model.display().to_string());
                if button.accessible_name(texts.with("train_compare_run", &[("run", &run.name)])).clicked() {
                    actions.push(Action::Compare(model.clone()));
                }
            }
            if let Some(folder) = &run.unfinished {
                let button = small_button(ui, texts.get("train_go_on"));
                let button = button.on_hover_text(texts.get("train_go_on_help"));
                if button.accessible_name(texts.with("train_go_on_run", &[("run", &run.name)])).clicked() {
                    actions.push(Action::GoOn(folder.clone()));
                }
            }
        });
    }
}

fn millions(number: usize) -> String {
    format!("{:.1} M", number as f64 / 1e6)
}
