//! A run as a job for other machines: how many, and what goes with it.

use eframe::egui::{self, DragValue, Id, RichText};

use super::Action;
use crate::app::texts::Texts;
use crate::app::theme::{palette, primary_button, section, size, space};
use crate::training::Launch;

/// A job that is being described.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JobDraft {
    pub launch: Launch,
    pub include_model: bool,
}

impl Default for JobDraft {
    fn default() -> Self {
        Self { launch: Launch { nodes: 1, gpus: 8, zero_stage: Some(0) }, include_model: false }
    }
}

/// What the user asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobAction {
    Open,
    Change(JobDraft),
    /// Choose where the folder goes, and write it.
    Choose,
    Leave,
}

/// Draws the dialog above everything else.
pub fn show(context: &egui::Context, texts: Texts, draft: JobDraft, actions: &mut Vec<Action>) {
    let mut changed = draft;
    let modal = egui::Modal::new(Id::unique("export a job")).show(context, |ui| {
        ui.set_width(size::EDITOR_MIN + size::FIELD);
        ui.label(RichText::new(texts.get("export_job_title")).text_style(section()).strong());
        ui.label(RichText::new(texts.get("export_job_help")).color(palette(ui).weak));
        ui.add_space(space::SMALL);
        egui::Grid::new("launch").num_columns(2).spacing([space::LARGE, space::SMALL]).show(ui, |ui| {
            for (key, number) in
                [("export_nodes", &mut changed.launch.nodes), ("export_gpus", &mut changed.launch.gpus)]
            {
                let label = ui.label(texts.get(key));
                ui.add(DragValue::new(number).range(1..=1024)).labelled_by(label.id);
                ui.end_row();
            }
            ui.label("DeepSpeed");
            let stage = &mut changed.launch.zero_stage;
            ui.horizontal(|ui| {
                for (value, text) in [
                    (None, texts.get("export_no_deepspeed")),
                    (Some(0), "ZeRO 0"),
                    (Some(1), "ZeRO 1"),
                    (Some(2), "ZeRO 2"),
                ] {
                    ui.selectable_value(stage, value, text);
                }
            });
            ui.end_row();
        });
        ui.checkbox(&mut changed.include_model, texts.get("export_include_model"));
        ui.add_space(space::SMALL);
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            if ui.add(primary_button(ui, texts.get("export_job_choose"))).clicked() {
                actions.push(Action::Job(JobAction::Choose));
            }
            if ui.button(texts.get("cancel")).clicked() {
                actions.push(Action::Job(JobAction::Leave));
            }
        });
    });
    if changed != draft {
        actions.push(Action::Job(JobAction::Change(changed)));
    }
    if modal.should_close() {
        actions.push(Action::Job(JobAction::Leave));
    }
}
