//! The jobs that run and wait, with progress and a way to cancel each.

use eframe::egui::{self, RichText};

use super::Action;
use crate::app::job_texts;
use crate::app::sentences::sentence;
use crate::app::texts::Texts;
use crate::app::theme::{palette, progress_bar, size, small_button};
use crate::jobs::JobHandle;

pub fn show(ui: &mut egui::Ui, texts: Texts, jobs: &[JobHandle], actions: &mut Vec<Action>) {
    let Some(first) = jobs.first() else {
        return;
    };
    let title = texts.with("jobs", &[("number", &jobs.len())]);
    let menu = ui.menu_button(title, |ui| {
        ui.set_width(size::POPUP);
        for (index, job) in jobs.iter().enumerate() {
            entry(ui, texts, index, job, actions);
        }
    });
    menu.response.on_hover_text(texts.get("jobs_help"));
    let bar = progress_bar(ui, first.progress().fraction()).desired_width(size::PROGRESS);
    ui.add(bar)
        .on_hover_text(job_texts::progress(texts, &first.progress()))
        .accessible_name(job_texts::title(texts, first.title()));
}

fn entry(ui: &mut egui::Ui, texts: Texts, index: usize, job: &JobHandle, actions: &mut Vec<Action>) {
    let progress = job.progress();
    let title = job_texts::title(texts, job.title());
    let weak = palette(ui).weak;
    ui.horizontal(|ui| {
        ui.label(&title);
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            let button = small_button(ui, texts.get("cancel"));
            if button.accessible_name(texts.with("cancel_job", &[("job", &title)])).clicked() {
                actions.push(Action::CancelJob(index));
            }
        });
    });
    let bar = progress_bar(ui, progress.fraction());
    ui.add(bar).accessible_name(title.as_str());
    let mut words =
        format!("{} · {}", texts.get(job_texts::status_key(&job.status())), job_texts::progress(texts, &progress));
    if let Some(left) = progress.left {
        words = format!("{words} · {}", job_texts::time(texts, left));
    }
    ui.label(RichText::new(words).small().color(weak));
    if !job.device().is_empty() {
        ui.label(RichText::new(sentence(texts, job.device())).small().color(weak));
    }
}
