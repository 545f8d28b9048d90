//! Mining hard negatives: how, what would come of it, and which of the proposals are taken.

use std::collections::HashSet;
use std::sync::Arc;

use eframe::egui::{self, Align, DragValue, Id, Label, Layout, RichText};
use egui_plot::{Bar, BarChart, Legend, Plot};

use super::{Action, State};
use crate::app::texts::Texts;
use crate::app::theme::{palette, primary_button, section, size, small_button, space};
use crate::app::widgets::ticks;
use crate::dataset::LineId;
use crate::jobs::mining::Proposal;
use crate::retrieval::{Anchor, CandidateSummary, Draw, Keep, Method, MiningOptions, Weights};

/// Where negatives are taken from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum From {
    #[default]
    Corpus,
    /// All passages of the open file.
    Rows,
}

/// What was chosen so far.
#[derive(Clone, Debug, PartialEq)]
pub struct MiningForm {
    pub options: MiningOptions,
    pub from: From,
    pub method: Method,
}

impl Default for MiningForm {
    /// FlagEmbedding's ranks, without what scores above the best positive.
    fn default() -> Self {
        let keep = Keep::BelowPositiveByMargin(0.0);
        let options = MiningOptions { keep, anchor: Anchor::BestPositive, ..MiningOptions::default() };
        Self { options, from: From::Corpus, method: Method::Dense }
    }
}

/// The form, and what came of it.
#[derive(Default)]
pub struct Mining {
    pub form: MiningForm,
    pub is_running: bool,
    pub proposals: Arc<Vec<Proposal>>,
    pub summary: Option<CandidateSummary>,
    /// Proposals that are in the data already.
    pub taken: HashSet<LineId>,
}

pub fn show(ui: &mut egui::Ui, state: &State, mining: &Mining, texts: Texts, actions: &mut Vec<Action>) {
    let screen = ui.ctx().content_rect();
    let modal = egui::Modal::new(Id::unique("mining")).show(ui.ctx(), |ui| {
        ui.set_width((screen.width() - 2.0 * space::HUGE).min(size::WINDOW[0] * 0.75));
        ui.label(RichText::new(texts.get("mine")).text_style(section()).strong());
        let rows = if state.marked.is_empty() { state.visible().len() } else { state.marked.len() };
        ui.label(RichText::new(texts.with("mine_help", &[("rows", &rows)])).color(palette(ui).weak));
        ui.add_space(space::SMALL);
        form(ui, mining, texts, actions);
        if let Some(summary) = &mining.summary {
            told(ui, mining, summary, texts);
            histogram(ui, summary, texts);
        }
        proposals(ui, state, mining, texts, screen.height() * 0.3, actions);
        ui.add_space(space::SMALL);
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let left = mining.proposals.iter().filter(|one| !mining.taken.contains(&one.line)).count();
            let take = primary_button(ui, texts.get("mine_take_all"));
            if ui.add_enabled(!mining.is_running && left > 0 && state.can_edit(), take).clicked() {
                actions.push(Action::TakeAllProposals);
            }
            if ui.add_enabled(!mining.is_running, egui::Button::new(texts.get("mine_propose"))).clicked() {
                actions.push(Action::Mine);
            }
            if ui.button(texts.get("close")).clicked() {
                actions.push(Action::EndMining);
            }
            if mining.is_running {
                ui.spinner();
            }
        });
    });
    if modal.should_close() {
        actions.push(Action::EndMining);
    }
}

fn form(ui: &mut egui::Ui, mining: &Mining, texts: Texts, actions: &mut Vec<Action>) {
    let mut form = mining.form.clone();
    ui.horizontal_wrapped(|ui| {
        let label = ui.label(texts.get("mine_from_rank"));
        ui.add(DragValue::new(&mut form.options.range.start)).labelled_by(label.id);
        let label = ui.label(texts.get("mine_to_rank"));
        ui.add(DragValue::new(&mut form.options.range.end)).labelled_by(label.id);
        let label = ui.label(texts.get("mine_number"));
        ui.add(DragValue::new(&mut form.options.negatives).range(1..=200)).labelled_by(label.id);
        let label = ui.label(texts.get("mine_draw"));
        let draws = [(Draw::Random, "mine_draw_random"), (Draw::Highest, "mine_draw_highest")];
        choice(ui, "draw", label.id, &mut form.options.draw, draws, texts);
        let label = ui.label(texts.get("split_seed"));
        ui.add(DragValue::new(&mut form.options.seed)).labelled_by(label.id);
    });
    form.options.range.end = form.options.range.end.max(form.options.range.start + 1);
    ui.horizontal_wrapped(|ui| {
        let label = ui.label(texts.get("mine_from"));
        choice(ui, "from", label.id, &mut form.from, [(From::Corpus, "mine_corpus"), (From::Rows, "mine_rows")], texts);
        let label = ui.label(texts.get("method"));
        let methods = [
            (Method::Dense, "method_dense"),
            (Method::Sparse, "method_sparse"),
            (Method::Colbert, "method_colbert"),
            (Method::Hybrid(Weights::default()), "method_hybrid"),
        ];
        choice(ui, "method", label.id, &mut form.method, methods, texts);
    });
    ui.horizontal_wrapped(|ui| {
        let label = ui.label(texts.get("mine_keep"));
        let (mut share, mut margin) = match form.options.keep {
            Keep::BelowShareOfPositive(share) => (share, 0.0),
            Keep::BelowPositiveByMargin(margin) => (0.95, margin),
            Keep::All => (0.95, 0.0),
        };
        let keeps = [
            (Keep::All, "mine_keep_all"),
            (Keep::BelowShareOfPositive(share), "mine_keep_share"),
            (Keep::BelowPositiveByMargin(margin), "mine_keep_margin"),
        ];
        choice(ui, "keep", label.id, &mut form.options.keep, keeps, texts);
        match &mut form.options.keep {
            Keep::BelowShareOfPositive(now) => {
                ui.add(DragValue::new(&mut share).range(0.0..=1.0).speed(0.01)).labelled_by(label.id);
                *now = share;
            }
            Keep::BelowPositiveByMargin(now) => {
                ui.add(DragValue::new(&mut margin).range(0.0..=2.0).speed(0.01)).labelled_by(label.id);
                *now = margin;
            }
            Keep::All => {}
        }
        if form.options.keep != Keep::All {
            let label = ui.label(texts.get("mine_anchor"));
            let anchors = [(Anchor::BestPositive, "mine_anchor_best"), (Anchor::LowestPositive, "mine_anchor_lowest")];
            choice(ui, "anchor", label.id, &mut form.options.anchor, anchors, texts);
        }
    });
    if form != mining.form {
        actions.push(Action::ChangeMining(form));
    }
}

fn choice<T: PartialEq + Clone, const N: usize>(
    ui: &mut egui::Ui,
    salt: &str,
    label: Id,
    value: &mut T,
    all: [(T, &str); N],
    texts: Texts,
) {
    let shown = all.iter().find(|(one, _)| one == value).map_or("", |(_, key)| texts.get(key));
    let combo = egui::ComboBox::from_id_salt(salt).selected_text(shown).show_ui(ui, |ui| {
        for (one, key) in all {
            ui.selectable_value(value, one, texts.get(key));
        }
    });
    combo.response.labelled_by(label);
}

fn told(ui: &mut egui::Ui, mining: &Mining, summary: &CandidateSummary, texts: Texts) {
    let negatives: usize = mining.proposals.iter().map(|proposal| proposal.negatives.len()).sum();
    let suspects: usize = mining.proposals.iter().map(|proposal| proposal.suspects.len()).sum();
    let values: [(&str, &dyn std::fmt::Display); 5] = [
        ("rows", &mining.proposals.len()),
        ("negatives", &negatives),
        ("suspects", &suspects),
        ("too_few", &summary.too_few),
        ("missing", &summary.missing),
    ];
    ui.label(texts.with("mine_summary", &values));
}

/// Scores of what is kept, of what is left out as too near a positive, and of the positives.
fn histogram(ui: &mut egui::Ui, summary: &CandidateSummary, texts: Texts) {
    let (low, high) = summary.scores;
    let width = f64::from(high - low) / summary.kept.len().max(1) as f64;
    let colours = palette(ui);
    let chart = |counts: &[usize], key: &str, colour: egui::Color32| {
        let bars = counts
            .iter()
            .enumerate()
            .map(|(bin, count)| Bar::new(f64::from(low) + (bin as f64 + 0.5) * width, *count as f64).width(width));
        BarChart::new(texts.get(key), bars.collect()).color(colour)
    };
    Plot::new("mined scores")
        .height(size::PLOT / 1.5)
        .legend(Legend::default())
        .x_axis_label(texts.get("score"))
        .grid_color(colours.outline)
        .y_grid_spacer(ticks::grid)
        .y_axis_formatter(ticks::label)
        .allow_scroll(false)
        .show(ui, |plot| {
            plot.bar_chart(chart(&summary.kept, "mine_kept", colours.neutral));
            plot.bar_chart(chart(&summary.suspects, "mine_suspects", colours.warning));
            plot.bar_chart(chart(&summary.positives, "mine_positives", colours.better));
        });
}

fn proposals(ui: &mut egui::Ui, state: &State, mining: &Mining, texts: Texts, height: f32, actions: &mut Vec<Action>) {
    let lines = state.lines();
    let row_height = ui.text_style_height(&egui::TextStyle::Body) + space::SMALL;
    let area = egui::ScrollArea::vertical().id_salt("proposals").max_height(height).auto_shrink([false, true]);
    area.show_rows(ui, row_height, mining.proposals.len(), |ui, shown| {
        for proposal in &mining.proposals[shown] {
            let Some(at) = lines.position(proposal.line) else { continue };
            let Some(row) = lines.read(at).into_row() else { continue };
            ui.horizontal(|ui| {
                let taken = mining.taken.contains(&proposal.line);
                ui.add_enabled_ui(!taken && !mining.is_running && state.can_edit(), |ui| {
                    let key = if taken { "mine_taken" } else { "mine_take" };
                    let named = texts.with("mine_take_what", &[("line", &(at + 1))]);
                    if small_button(ui, texts.get(key)).accessible_name(named).clicked() {
                        actions.push(Action::TakeProposal(proposal.line));
                    }
                });
                let count =
                    texts.with("mine_proposal", &[("before", &row.neg.len()), ("after", &proposal.negatives.len())]);
                ui.label(RichText::new(count).small().monospace().color(palette(ui).weak));
                let label = ui.add(Label::new(&row.query).truncate().sense(egui::Sense::hover()));
                label.on_hover_ui(|ui| {
                    for passage in &proposal.negatives {
                        ui.label(format!("{:.3}  {}", passage.score, passage.text));
                    }
                });
            });
        }
    });
}
