//! How well each model finds the right passages, and whether a difference is more than chance.

use eframe::egui::{self, RichText};
use egui_plot::{Bar, BarChart, Corner, Legend, Plot};

use super::{Action, State};
use crate::app::texts::Texts;
use crate::app::theme::{palette, section, size, space};
use crate::app::widgets::{self, ticks};
use crate::report::{Format, p_value};
use crate::retrieval::{Metric, MetricRow, Paired};

/// Digits behind the point of a metric, and of a change in points of a hundred.
const DECIMALS: usize = 3;
pub const CHANGE_DECIMALS: usize = 1;

/// The set and the tuned model that are chosen.
pub fn show(ui: &mut egui::Ui, state: &State, texts: Texts, actions: &mut Vec<Action>) {
    let Some(evaluated) = state.evaluated() else {
        return;
    };
    let metrics: &[Metric] = if state.all_metrics { &Metric::ALL } else { &Metric::PUBLISHED };
    let rows = evaluated.comparison.rows_by_k(metrics);
    egui::ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        if let Some(row) = rows.iter().filter(|row| row.metric == Metric::Ndcg).max_by_key(|row| row.k)
            && let Some(tuned) = row.tuned.get(state.shown[1])
        {
            ui.label(RichText::new(in_words(texts, row, &tuned.paired)).strong());
        }
        ui.horizontal(|ui| {
            let mut all = state.all_metrics;
            if ui.checkbox(&mut all, texts.get("all_metrics")).changed() {
                actions.push(Action::AllMetrics(all));
            }
            ui.menu_button(texts.get("report"), |ui| {
                for format in Format::ALL {
                    let name = match format {
                        Format::Html => "HTML",
                        Format::Markdown => "Markdown",
                        Format::Csv => "CSV",
                        Format::Json => "JSON",
                    };
                    if ui.button(name).clicked() {
                        actions.push(Action::SaveReport(format));
                    }
                }
            });
        });
        ui.add_space(space::SMALL);
        table(ui, texts, &rows, state.shown[1]);
        ui.add_space(space::LARGE);
        bars(ui, texts, &rows, state.shown[1]);
    });
}

/// As `nDCG@10: 7 better, 2 worse, the rest (31) equal; p = 0.04`.
fn in_words(texts: Texts, row: &MetricRow, paired: &Paired) -> String {
    let Paired { better, worse, equal, p, .. } = paired;
    let p = p_value(*p);
    let p = if p.starts_with('<') { format!("p {p}") } else { format!("p = {p}") };
    texts.with("finding", &[("metric", &row.name()), ("better", better), ("worse", worse), ("equal", equal), ("p", &p)])
}

/// As `+7 −2`.
pub fn better_worse(paired: &Paired) -> String {
    format!("+{} −{}", paired.better, paired.worse)
}

fn table(ui: &mut egui::Ui, texts: Texts, rows: &[&MetricRow], shown: usize) {
    let weak = palette(ui).weak;
    let compared = rows.iter().any(|row| row.tuned.len() > shown);
    let heads = ["metric", "base_model", "tuned_model", "change_in_points", "interval", "better_worse", "p_value"];
    egui::Grid::new("metrics").striped(true).min_col_width(size::MARKS).spacing([space::LARGE, space::TINY]).show(
        ui,
        |ui| {
            for key in &heads[..if compared { heads.len() } else { 2 }] {
                ui.label(RichText::new(texts.get(key)).small().color(weak)).on_hover_text(texts.get(match *key {
                    "interval" => "interval_help",
                    "p_value" => "p_value_help",
                    "better_worse" => "better_worse_help",
                    key => key,
                }));
            }
            ui.end_row();
            for row in rows {
                ui.label(row.name());
                ui.label(RichText::new(format!("{:.DECIMALS$}", row.base)).monospace());
                if let Some(tuned) = row.tuned.get(shown) {
                    let paired = &tuned.paired;
                    ui.label(RichText::new(format!("{:.DECIMALS$}", tuned.value)).monospace());
                    widgets::change(ui, tuned.points(), CHANGE_DECIMALS);
                    let [low, high] = paired.interval.map(|end| 100.0 * end);
                    let interval = format!("{low:+.CHANGE_DECIMALS$} … {high:+.CHANGE_DECIMALS$}");
                    ui.label(RichText::new(interval).monospace().color(weak));
                    ui.label(RichText::new(better_worse(paired)).monospace());
                    ui.label(RichText::new(p_value(paired.p)).monospace());
                }
                ui.end_row();
            }
        },
    );
}

fn bars(ui: &mut egui::Ui, texts: Texts, rows: &[&MetricRow], shown: usize) {
    const WIDTH: f64 = 0.36;
    let colours = palette(ui);
    ui.label(RichText::new(texts.get("metrics_chart")).text_style(section()));
    let chart = |key: &'static str, colour: egui::Color32, shift: f64, value: &dyn Fn(&MetricRow) -> Option<f64>| {
        let bars = rows.iter().enumerate().filter_map(|(index, row)| {
            let bar = Bar::new(index as f64 + shift, value(row)?).width(WIDTH);
            Some(bar.fill(colour).name(format!("{} · {}", row.name(), texts.get(key))))
        });
        BarChart::new(texts.get(key), bars.collect())
            .color(colour)
            .element_formatter(Box::new(|bar, _| format!("{}: {:.DECIMALS$}", bar.name, bar.value)))
    };
    let base = chart("base_model", colours.neutral, -WIDTH / 2.0, &|row| Some(row.base));
    let tuned = chart("tuned_model", colours.accent, WIDTH / 2.0, &|row| Some(row.tuned.get(shown)?.value));
    let names: Vec<String> = rows.iter().map(|row| row.name()).collect();
    let plot = Plot::new("metrics bars")
        .height(ui.available_height().max(size::PLOT))
        .allow_scroll(false)
        .allow_drag(false)
        .allow_zoom(false)
        .allow_boxed_zoom(false)
        .include_y(0.0)
        .include_y(1.0)
        .show_grid([false, true])
        .grid_color(colours.outline)
        .legend(Legend::default().position(Corner::RightTop))
        .y_grid_spacer(ticks::grid)
        .y_axis_formatter(ticks::label)
        .x_grid_spacer(egui_plot::uniform_grid_spacer(|_| [1.0, 1.0, 1.0]))
        .x_axis_formatter(move |mark, _| {
            let whole = mark.value.fract().abs() < 1e-6 && mark.value >= 0.0;
            if whole { names.get(mark.value as usize).cloned().unwrap_or_default() } else { String::new() }
        });
    let shown = plot.show(ui, |plot| {
        plot.bar_chart(base);
        plot.bar_chart(tuned);
    });
    shown.response.accessible_name(texts.get("metrics_chart"));
}
