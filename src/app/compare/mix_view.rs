//! Models between base and tuned: what each finds, and saving one.

use std::path::PathBuf;

use eframe::egui::{self, RichText};
use egui_plot::{Corner, Legend, Line, Plot, PlotPoints, Points, VLine};

use super::{Action, State};
use crate::app::error_texts;
use crate::app::job_texts;
use crate::app::texts::Texts;
use crate::app::theme::{self, line, palette, primary_button, size, space};
use crate::app::widgets::{Severity, empty, notice, ticks};
use crate::jobs::mixing::MixEvent;
use crate::jobs::{Job, Status};
use crate::retrieval::Metrics;

const DECIMALS: usize = 4;

/// What the user asked for.
#[derive(Clone, Debug, PartialEq)]
pub enum MixAction {
    Measure,
    Cancel,
    SetAlpha(f32),
    SaveAs,
}

/// The mixes that were measured, and the one that is chosen.
#[derive(Default)]
pub struct Mixing {
    /// Share of the tuned model.
    pub alpha: f32,
    pub job: Option<Job<MixEvent>>,
    pub measured: Vec<MixEvent>,
    /// Base and tuned model of the measured mixes.
    of: Option<[PathBuf; 2]>,
    /// The folder that a mix is being saved in, or was last.
    pub saving: Option<(Job<()>, PathBuf)>,
}

impl Mixing {
    pub fn begin(&mut self, job: Job<MixEvent>, of: [PathBuf; 2]) {
        self.measured.clear();
        (self.job, self.of) = (Some(job), Some(of));
    }

    /// Mixes of other models than these say nothing any more.
    pub fn forget_others(&mut self, base: Option<&PathBuf>, tuned: Option<&PathBuf>) {
        if self.of.as_ref().is_some_and(|[of_base, of_tuned]| (Some(of_base), Some(of_tuned)) != (base, tuned)) {
            if let Some(job) = self.job.take() {
                job.cancel();
            }
            self.measured.clear();
            self.of = None;
        }
    }

    pub fn drain(&mut self) {
        self.measured.extend(self.job.as_ref().map(Job::poll).unwrap_or_default());
    }

    pub fn is_measuring(&self) -> bool {
        self.job.as_ref().is_some_and(|job| !job.status().is_over())
    }

    fn is_saving(&self) -> bool {
        self.saving.as_ref().is_some_and(|(job, _)| !job.status().is_over())
    }

    /// What was measured at the chosen share.
    fn chosen(&self) -> Option<&MixEvent> {
        self.measured.iter().find(|event| (event.alpha - self.alpha).abs() < 1e-3)
    }
}

pub fn show(ui: &mut egui::Ui, state: &State, texts: Texts, has_device: bool, actions: &mut Vec<Action>) {
    let mixing = &state.mixing;
    let has_models = has_device && state.base.is_some() && state.tuned.is_some();
    ui.horizontal(|ui| {
        if mixing.is_measuring() {
            if ui.button(texts.get("cancel")).clicked() {
                actions.push(Action::Mix(MixAction::Cancel));
            }
        } else {
            let ready = has_models && state.corpus.is_some() && state.questions.is_some();
            let button = ui.add_enabled(ready, primary_button(ui, texts.get("mix_measure")));
            if button.on_disabled_hover_text(texts.get("mix_nothing_yet")).clicked() {
                actions.push(Action::Mix(MixAction::Measure));
            }
        }
        let save = ui.add_enabled(has_models && !mixing.is_saving(), egui::Button::new(texts.get("mix_save")));
        if save.on_disabled_hover_text(texts.get("mix_nothing_yet")).clicked() {
            actions.push(Action::Mix(MixAction::SaveAs));
        }
    });
    ui.horizontal(|ui| {
        ui.label(texts.get("mix_share"));
        let mut alpha = mixing.alpha;
        let slider = egui::Slider::new(&mut alpha, 0.0..=1.0).step_by(0.1).fixed_decimals(1);
        if ui.add(slider).accessible_name(texts.get("mix_share")).changed() {
            actions.push(Action::Mix(MixAction::SetAlpha(alpha)));
        }
        ui.label(RichText::new(texts.get("mix_share_help")).small().color(palette(ui).weak));
    });
    told(ui, mixing, texts);
    if mixing.measured.is_empty() {
        if !mixing.is_measuring() {
            empty(ui, texts.get("mix_nothing_yet"));
        }
        return;
    }
    numbers(ui, mixing, texts);
    ui.add_space(space::SMALL);
    curves(ui, mixing, texts);
}

/// How far the jobs are, and how they ended.
fn told(ui: &mut egui::Ui, mixing: &Mixing, texts: Texts) {
    if let Some(job) = mixing.job.as_ref().filter(|_| mixing.is_measuring()) {
        let progress = job.progress();
        ui.label(job_texts::progress(texts, &progress));
        ui.add(theme::progress_bar(ui, progress.fraction())).accessible_name(texts.get("mix_measure"));
    }
    let statuses = [mixing.job.as_ref().map(|job| job.status()), mixing.saving.as_ref().map(|(job, _)| job.status())];
    for status in statuses.into_iter().flatten() {
        if let Status::Failed(failure) = status {
            notice(ui, Severity::Error, &error_texts::failure(texts, &failure));
        }
    }
    if let Some((job, folder)) = &mixing.saving {
        match job.status() {
            Status::Done => {
                ui.label(texts.with("mix_saved", &[("folder", &folder.display())]));
            }
            Status::Queued | Status::Running => {
                ui.label(texts.get("stage_mixing"));
            }
            _ => {}
        }
    }
}

/// What the chosen mix finds.
fn numbers(ui: &mut egui::Ui, mixing: &Mixing, texts: Texts) {
    let Some(event) = mixing.chosen() else {
        ui.label(RichText::new(texts.get("mix_not_measured")).color(palette(ui).weak));
        return;
    };
    let text = |metrics: &[Metrics]| {
        metrics.last().map(|of| {
            let k = of.k;
            let (recall, mrr, ndcg) = (of.recall, of.mrr, of.ndcg);
            format!("recall@{k} {recall:.DECIMALS$}   MRR@{k} {mrr:.DECIMALS$}   nDCG@{k} {ndcg:.DECIMALS$}")
        })
    };
    let sets = [("mix_domain", text(&event.domain)), ("mix_general", event.general.as_deref().and_then(text))];
    for (key, text) in sets.into_iter().filter_map(|(key, text)| Some((key, text?))) {
        ui.horizontal(|ui| {
            ui.label(RichText::new(texts.get(key)).strong());
            ui.label(text);
        });
    }
}

/// nDCG at the largest k over the share of the tuned model.
fn curves(ui: &mut egui::Ui, mixing: &Mixing, texts: Texts) {
    let colours = palette(ui);
    let curve = |of: &dyn Fn(&MixEvent) -> Option<&[Metrics]>| -> Vec<[f64; 2]> {
        let point = |event: &MixEvent| Some([f64::from(event.alpha), of(event)?.last()?.ndcg]);
        mixing.measured.iter().filter_map(point).collect()
    };
    let curves = [
        ("mix_domain", curve(&|event| Some(&event.domain)), colours.series[0]),
        ("mix_general", curve(&|event| event.general.as_deref()), colours.series[1]),
    ];
    let k = mixing.measured.iter().find_map(|event| event.domain.last()).map_or(0, |of| of.k);
    let title = texts.with("mix_chart", &[("k", &k)]);
    ui.label(RichText::new(title.as_str()).small().color(colours.weak));
    let alpha = f64::from(mixing.alpha);
    let shown = Plot::new("mixes")
        .height(ui.available_height().max(size::PLOT))
        .allow_scroll(false)
        .allow_drag(false)
        .allow_zoom(false)
        .allow_boxed_zoom(false)
        .include_x(0.0)
        // Room for the legend beside the points.
        .include_x(1.3)
        .grid_color(colours.outline)
        .y_grid_spacer(ticks::grid)
        .y_axis_formatter(ticks::label)
        .legend(Legend::default().position(Corner::RightBottom))
        .show(ui, |plot| {
            plot.vline(VLine::new(texts.get("mix_share"), alpha).color(colours.neutral).width(line::HAIR));
            for (key, points, colour) in curves.into_iter().filter(|(_, points, _)| !points.is_empty()) {
                let marks = Points::new(texts.get(key), PlotPoints::from(points.clone()));
                plot.points(marks.color(colour).radius(2.0 * line::PLOT));
                plot.line(Line::new(texts.get(key), PlotPoints::from(points)).color(colour).width(line::PLOT));
            }
        });
    shown.response.accessible_name(title);
}
