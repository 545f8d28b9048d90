//! What the next run will be: steps, memory, time.

use eframe::egui::{self, RichText};

use super::{Action, State, Surroundings};
use crate::app::texts::Texts;
use crate::app::theme::{palette, small_button, space};
use crate::app::{error_texts, job_texts};
use crate::jobs::{Failure, Job};
use crate::training::{Outlook, Pace};

/// What is known of the run that the form describes.
#[derive(Default)]
pub struct Forecast {
    /// `None` while it is worked out, or the form has mistakes.
    pub outlook: Option<Result<Outlook, Failure>>,
    /// Of the last run like it.
    pub pace: Option<Pace>,
    /// The pace is being measured.
    pub measuring: Option<Job<Pace>>,
}

/// Shows the forecast above the button that starts the run.
pub fn show(ui: &mut egui::Ui, state: &State, around: &Surroundings<'_>, actions: &mut Vec<Action>) {
    let texts = around.texts;
    let weak = palette(ui).weak;
    ui.spacing_mut().item_spacing.y = space::TINY;
    let outlook = match &state.forecast.outlook {
        None => {
            ui.label(RichText::new(texts.get("forecast_none")).small().color(weak));
            return;
        }
        Some(Err(failure)) => {
            let text = format!("× {}", error_texts::failure(texts, failure));
            ui.add(egui::Label::new(RichText::new(text).small().color(palette(ui).error)).wrap());
            return;
        }
        Some(Ok(outlook)) => outlook,
    };
    let plan = &outlook.plan;
    let steps = texts
        .with("forecast_steps", &[("steps", &plan.steps), ("epoch", &plan.steps_per_epoch()), ("rows", &outlook.rows)]);
    ui.label(RichText::new(steps).small());
    memory(ui, outlook, around);
    time(ui, outlook, state, around, actions);
}

fn memory(ui: &mut egui::Ui, outlook: &Outlook, around: &Surroundings<'_>) {
    let texts = around.texts;
    let needed = size(outlook.memory.total());
    let text = match around.device.and_then(|device| device.limits.memory) {
        Some(memory) => texts.with("forecast_memory_of", &[("needed", &needed), ("memory", &size(memory))]),
        None => texts.with("forecast_memory", &[("needed", &needed)]),
    };
    ui.label(RichText::new(text).small());
    for concern in &outlook.concerns {
        let text = format!("! {}", error_texts::concern(texts, concern));
        ui.add(egui::Label::new(RichText::new(text).small().color(palette(ui).warning)).wrap());
    }
}

fn time(ui: &mut egui::Ui, outlook: &Outlook, state: &State, around: &Surroundings<'_>, actions: &mut Vec<Action>) {
    let texts = around.texts;
    let weak = palette(ui).weak;
    let measuring = state.forecast.measuring.as_ref().filter(|job| !job.status().is_over());
    ui.horizontal(|ui| {
        if let Some(job) = measuring {
            let progress = job_texts::progress(texts, &job.progress());
            ui.label(RichText::new(progress).small());
            if small_button(ui, texts.get("cancel")).accessible_name(texts.get("forecast_cancel")).clicked() {
                actions.push(Action::CancelMeasuring);
            }
            return;
        }
        match &state.forecast.pace {
            Some(pace) => {
                let time = whole_time(texts, outlook.seconds(pace));
                ui.label(RichText::new(time).small()).on_hover_text(texts.get("forecast_time_help"));
            }
            None => {
                ui.label(RichText::new(texts.get("forecast_no_time")).small().color(weak));
            }
        }
        let running = state.run.as_ref().is_some_and(|run| !run.job.status().is_over());
        let key = if state.forecast.pace.is_some() { "forecast_measure_again" } else { "forecast_measure" };
        let button = ui.add_enabled_ui(!running, |ui| small_button(ui, texts.get(key))).inner;
        if button.on_hover_text(texts.get("forecast_measure_help")).clicked() {
            actions.push(Action::Measure);
        }
    });
}

/// Bytes in the unit that a person would say them in.
fn size(bytes: u64) -> String {
    if bytes < 1_000_000_000 {
        format!("{:.0} MB", bytes as f64 / 1e6)
    } else {
        format!("{:.1} GB", bytes as f64 / 1e9)
    }
}

/// A time in the unit that a person would say it in.
fn whole_time(texts: Texts, seconds: f64) -> String {
    let (key, number) = if seconds < 90.0 {
        ("forecast_seconds", seconds.ceil())
    } else if seconds < 90.0 * 60.0 {
        ("forecast_minutes", (seconds / 60.0).round())
    } else {
        ("forecast_hours", (seconds / 360.0).round() / 10.0)
    };
    texts.with(key, &[("number", &number)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::texts::Language;

    #[test]
    fn times_and_sizes_are_said_in_their_unit() {
        let texts = Texts::new(Language::English);
        assert_eq!(whole_time(texts, 41.2), "about 42 s");
        assert_eq!(whole_time(texts, 1500.0), "about 25 min");
        assert_eq!(whole_time(texts, 9000.0), "about 2.5 h");
        assert_eq!((size(5_300_000).as_str(), size(2_270_000_000).as_str()), ("5 MB", "2.3 GB"));
    }
}
