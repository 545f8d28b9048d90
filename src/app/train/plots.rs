//! The curves of a run, drawn one under the other over the same steps.

use eframe::egui::{self, Id};
use egui_plot::{AxisHints, Corner, HoverPosition, Legend, Line, Plot, PlotPoints};

use super::curves::{Curve, Curves};
use crate::app::texts::Texts;
use crate::app::theme::{line, palette, section, space};

/// Draws loss, learning rate and gradient norm; the loss gets half of the height.
pub fn show(ui: &mut egui::Ui, texts: Texts, curves: &Curves) {
    let colours = *palette(ui);
    let heading = ui.text_style_height(&section()) + space::SMALL * 2.0;
    let height = ((ui.available_height() - 2.0 * heading - space::SMALL) / 2.0).max(heading * 4.0);

    title(ui, texts.get("plot_loss"));
    let mut losses =
        vec![(&curves.total, colours.series[0].gamma_multiply(0.35)), (&curves.smoothed, colours.series[0])];
    losses
        .extend(curves.parts.iter().zip(colours.series.iter().skip(1).cycle()).map(|(curve, colour)| (curve, *colour)));
    plot(ui, texts, "plot_loss", height, &losses, true);
    let metrics: Vec<_> =
        curves.metrics.iter().zip(colours.series.iter().cycle()).map(|(curve, colour)| (curve, *colour)).collect();
    ui.columns(if metrics.is_empty() { 2 } else { 3 }, |columns| {
        title(&mut columns[0], texts.get("plot_learning_rate"));
        plot(
            &mut columns[0],
            texts,
            "plot_learning_rate",
            height,
            &[(&curves.learning_rate, colours.series[2])],
            false,
        );
        title(&mut columns[1], texts.get("plot_grad_norm"));
        plot(&mut columns[1], texts, "plot_grad_norm", height, &[(&curves.grad_norm, colours.series[3])], false);
        if let Some(column) = columns.get_mut(2) {
            title(column, texts.get("plot_metrics"));
            plot(column, texts, "plot_metrics", height, &metrics, true);
        }
    });
}

fn title(ui: &mut egui::Ui, text: &str) {
    ui.label(egui::RichText::new(text).text_style(section()));
}

fn plot(
    ui: &mut egui::Ui,
    texts: Texts,
    key: &'static str,
    height: f32,
    curves: &[(&Curve, egui::Color32)],
    legend: bool,
) {
    let step = texts.get("step");
    let mut plot = Plot::new(key)
        .height(height)
        .allow_scroll(false)
        .allow_drag(false)
        .allow_zoom(false)
        .allow_boxed_zoom(false)
        .link_axis(Id::unique("steps of a run"), [true, false])
        .link_cursor(Id::unique("steps of a run"), [true, false])
        .custom_x_axes(vec![AxisHints::new_x().label(step).label_spacing(line::LABELS)])
        .grid_color(palette(ui).outline)
        .y_axis_formatter(|mark, _| compact(mark.value))
        .label_formatter(|hover| match hover {
            HoverPosition::NearDataPoint { plot_name, position, .. } => {
                Some(format!("{plot_name}\n{step} {:.0}\n{}", position.x, compact(position.y)))
            }
            HoverPosition::Elsewhere { .. } => None,
        });
    if legend {
        plot = plot.legend(Legend::default().position(Corner::RightTop).follow_insertion_order(true));
    }
    let shown = plot.show(ui, |plot| {
        for (curve, colour) in curves {
            plot.line(
                Line::new(texts.find(curve.name).unwrap_or(curve.name), PlotPoints::Borrowed(&curve.points))
                    .color(*colour)
                    .width(line::PLOT),
            );
        }
    });
    shown.response.accessible_name(texts.get(key));
}

/// Small and large numbers short: `1e-5`, `0.25`, `12`.
fn compact(value: f64) -> String {
    let size = value.abs();
    if size == 0.0 {
        "0".into()
    } else if !(1e-3..1e5).contains(&size) {
        let text = format!("{value:.2e}");
        text.replace(".00e", "e").replace("0e", "e")
    } else {
        let decimals = if size < 1.0 { 3 } else { 2 };
        let text = format!("{value:.decimals$}");
        text.trim_end_matches('0').trim_end_matches('.').into()
    }
}

#[cfg(test)]
mod tests {
    use super::compact;

    #[test]
    fn numbers_stay_short() {
        let shown: Vec<_> = [0.0, 5e-5, 2.5e-6, 0.25, 2.345, 123.4].map(compact).into();
        assert_eq!(shown, ["0", "5e-5", "2.5e-6", "0.25", "2.35", "123.4"]);
    }
}
