//! How well each model finds the right passages, as a table and as bars.

use eframe::egui::{self, RichText};
use egui_plot::{Bar, BarChart, Corner, Legend, Plot};

use crate::app::texts::Texts;
use crate::app::theme::{palette, section, size, space};
use crate::app::widgets;
use crate::retrieval::MetricRow;

/// Digits behind the point of a metric, and of a change in points of a hundred.
const DECIMALS: usize = 3;
const CHANGE_DECIMALS: usize = 1;

pub fn show(ui: &mut egui::Ui, texts: Texts, measured: &[MetricRow]) {
    table(ui, texts, measured);
    ui.add_space(space::LARGE);
    bars(ui, texts, measured);
}

fn table(ui: &mut egui::Ui, texts: Texts, measured: &[MetricRow]) {
    let weak = palette(ui).weak;
    egui::Grid::new("metrics")
        .num_columns(4)
        .striped(true)
        .min_col_width(size::FIELD)
        .spacing([space::HUGE, space::SMALL])
        .show(ui, |ui| {
            for key in ["metric", "base_model", "tuned_model", "change_in_points"] {
                ui.label(RichText::new(texts.get(key)).small().color(weak));
            }
            ui.end_row();
            for metric in measured {
                ui.label(name(metric));
                ui.label(RichText::new(format!("{:.DECIMALS$}", metric.base)).monospace());
                if let Some(tuned) = metric.tuned {
                    ui.label(RichText::new(format!("{tuned:.DECIMALS$}")).monospace());
                }
                if let Some(change) = metric.change() {
                    widgets::change(ui, change, CHANGE_DECIMALS);
                }
                ui.end_row();
            }
        });
}

fn bars(ui: &mut egui::Ui, texts: Texts, measured: &[MetricRow]) {
    const WIDTH: f64 = 0.36;
    let colours = palette(ui);
    ui.label(RichText::new(texts.get("metrics_chart")).text_style(section()));
    let chart = |key: &'static str, colour: egui::Color32, shift: f64, value: &dyn Fn(&MetricRow) -> Option<f64>| {
        let bars = measured.iter().enumerate().filter_map(|(index, metric)| {
            let bar = Bar::new(index as f64 + shift, value(metric)?).width(WIDTH);
            Some(bar.fill(colour).name(format!("{} · {}", name(metric), texts.get(key))))
        });
        BarChart::new(texts.get(key), bars.collect())
            .color(colour)
            .element_formatter(Box::new(|bar, _| format!("{}: {:.DECIMALS$}", bar.name, bar.value)))
    };
    let base = chart("base_model", colours.neutral.gamma_multiply(0.5), -WIDTH / 2.0, &|metric| Some(metric.base));
    let tuned = chart("tuned_model", colours.accent, WIDTH / 2.0, &|metric| metric.tuned);
    let names: Vec<String> = measured.iter().map(name).collect();
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

/// As the field writes it, such as `nDCG@3`.
fn name(row: &MetricRow) -> String {
    format!("{}@{}", row.metric, row.k)
}
