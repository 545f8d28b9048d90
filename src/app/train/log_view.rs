//! What a run told besides its steps, in words.

use eframe::egui::{self, RichText};

use crate::app::error_texts;
use crate::app::sentences::sentence;
use crate::app::texts::Texts;
use crate::app::theme::{palette, size};
use crate::app::widgets::empty;
use crate::training::TrainingEvent;

pub fn show(ui: &mut egui::Ui, texts: Texts, log: &[TrainingEvent]) {
    if log.is_empty() {
        return empty(ui, texts.get("log_empty"));
    }
    let area = egui::ScrollArea::both().id_salt("log").auto_shrink(false).stick_to_bottom(true);
    area.show_rows(ui, size::LOG_LINE, log.len(), |ui, shown| {
        for event in &log[shown] {
            let colours = palette(ui);
            let colour = match event {
                TrainingEvent::Skipped { .. } | TrainingEvent::Warning { .. } => colours.warning,
                TrainingEvent::Halted { .. } | TrainingEvent::CannotSave { .. } => colours.error,
                TrainingEvent::Best { .. } | TrainingEvent::Saved { .. } => colours.better,
                _ => colours.text,
            };
            let text = RichText::new(line(texts, event)).small().color(colour);
            ui.add(egui::Label::new(text).extend().selectable(true));
        }
    });
}

fn line(texts: Texts, event: &TrainingEvent) -> String {
    match event {
        TrainingEvent::Started(plan) => texts.with(
            "log_started",
            &[
                ("device", &sentence(texts, &plan.device)),
                ("rows", &plan.rows),
                ("steps", &plan.steps),
                ("memory", &format!("{:.2}", plan.memory.total() as f64 / 1e9)),
            ],
        ),
        TrainingEvent::Resumed { step } => texts.with("log_resumed", &[("step", step)]),
        TrainingEvent::Skipped { step, skipped, overflow: true } => {
            texts.with("log_overflow", &[("step", step), ("skipped", skipped)])
        }
        TrainingEvent::Skipped { step, skipped, overflow: false } => {
            texts.with("log_skipped", &[("step", step), ("skipped", skipped)])
        }
        TrainingEvent::Evaluated(evaluation) => {
            let metrics = evaluation.metrics.iter().map(|(name, value)| format!("{name} {value:.4}"));
            let metrics = metrics.collect::<Vec<_>>().join(", ");
            texts.with("log_evaluated", &[("step", &evaluation.step), ("metrics", &metrics)])
        }
        TrainingEvent::Best { step, metric, value } => {
            texts.with("log_best", &[("step", step), ("metric", metric), ("value", &format!("{value:.4}"))])
        }
        TrainingEvent::LearningRate { step, learning_rate } => {
            texts.with("log_learning_rate", &[("step", step), ("rate", &format!("{learning_rate:e}"))])
        }
        TrainingEvent::Checkpoint { step, folder } => {
            texts.with("log_checkpoint", &[("step", step), ("folder", &folder.display())])
        }
        TrainingEvent::Halted { step, .. } => texts.with("log_halted", &[("step", step)]),
        TrainingEvent::CannotSave { step, why } => {
            texts.with("log_cannot_save", &[("step", step), ("why", &sentence(texts, why))])
        }
        TrainingEvent::StoppedEarly { step, best } => {
            texts.with("log_stopped_early", &[("step", step), ("best", best)])
        }
        TrainingEvent::Warning { text, what } => {
            let told = what.as_ref().map_or_else(|| text.clone(), |what| error_texts::warning(texts, what));
            texts.with("log_warning", &[("text", &told)])
        }
        TrainingEvent::Saved { step, folder } => {
            texts.with("log_saved", &[("step", step), ("folder", &folder.display())])
        }
        // Curves and the rank board have these.
        TrainingEvent::Questions { .. } | TrainingEvent::Step(_) => String::new(),
    }
}
