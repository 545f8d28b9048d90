//! The curves of one run or several, drawn.

use std::path::Path;

use eframe::egui::{self, Id, RichText, Sense, WidgetInfo, accesskit};
use egui_plot::{AxisHints, GridMark, HoverPosition, Plot, PlotBounds, PlotPoint};

use super::curves::Chart;
use super::export::Format;
use super::look::{Axis, Dash, Line, Look, Source, compact, dashes, lines};
use super::watching::WatchAction;
use super::{RunReport, State};
use crate::app::texts::Texts;
use crate::app::theme::{self, line, palette, section, size, space};
use crate::app::widgets::ticks;

/// Parts of a line per point of the screen's width; each is drawn as its two extremes.
const PARTS_PER_POINT: f32 = 0.5;

pub fn show(
    ui: &mut egui::Ui,
    texts: Texts,
    state: &State,
    folder: &Path,
    report: &RunReport,
    actions: &mut Vec<WatchAction>,
) {
    let watching = &state.watching;
    let ticked: Vec<(String, &RunReport)> = std::iter::once(folder)
        .chain(watching.ticked.iter().map(|ticked| ticked.as_path()).filter(|ticked| *ticked != folder))
        .filter_map(|folder| Some((watching.name(folder), state.report(folder)?)))
        .collect();
    let alone = ticked.len() <= 1;
    let sources: Vec<Source> = if alone {
        vec![Source { name: "", curves: &report.curves }]
    } else {
        ticked.iter().map(|(name, report)| Source { name, curves: &report.curves }).collect()
    };
    toolbar(ui, texts, &watching.look, &sources, actions);
    ui.add_space(space::TINY);
    let charts: Vec<(Chart, Vec<Line>)> = Chart::ALL
        .into_iter()
        .map(|chart| (chart, lines(chart, &sources, &watching.look, |name| word(texts, name))))
        .filter(|(_, lines)| !lines.is_empty())
        .collect();
    egui::ScrollArea::vertical().id_salt("curves").auto_shrink(false).show(ui, |ui| {
        for row in charts.chunks(2) {
            ui.columns(2, |columns| {
                for (ui, (chart, lines)) in columns.iter_mut().zip(row) {
                    plot(ui, texts, *chart, lines, &watching.look, watching.reset, actions);
                }
            });
            ui.add_space(space::SMALL);
        }
    });
}

/// What a series is called: a text of ours, or the metric's own name.
pub fn word(texts: Texts, name: &str) -> String {
    texts.find(name).unwrap_or(name).to_string()
}

fn toolbar(ui: &mut egui::Ui, texts: Texts, look: &Look, sources: &[Source], actions: &mut Vec<WatchAction>) {
    let mut changed = look.clone();
    ui.horizontal_wrapped(|ui| {
        ui.label(RichText::new(texts.get("smoothing")).small().color(palette(ui).weak));
        let slider = egui::Slider::new(&mut changed.smoothing, 0.0..=Look::MOST_SMOOTHING).max_decimals(2);
        ui.scope(|ui| {
            ui.spacing_mut().slider_width = size::FIELD;
            ui.add(slider).on_hover_text(texts.get("smoothing_help")).accessible_name(texts.get("smoothing"));
        });
        ui.checkbox(&mut changed.logarithmic, texts.get("logarithmic"));
        let axis = egui::ComboBox::from_id_salt("axis").width(0.0).selected_text(texts.get(look.axis.key())).show_ui(
            ui,
            |ui| {
                for axis in Axis::ALL {
                    ui.selectable_value(&mut changed.axis, axis, texts.get(axis.key()));
                }
            },
        );
        axis.response.accessible_name(texts.get("axis"));
        choice(ui, texts, "choose_part", Chart::Loss, sources, &mut changed.part);
        choice(ui, texts, "choose_metric", Chart::Evaluation, sources, &mut changed.metric);
        if ui.button(texts.get("reset_view")).on_hover_text(texts.get("reset_view_help")).clicked() {
            actions.push(WatchAction::ResetView);
        }
        ui.menu_button(texts.get("export_curves"), |ui| {
            for format in Format::ALL {
                if ui.button(format.name()).clicked() {
                    actions.push(WatchAction::Export(format));
                    ui.close();
                }
            }
        });
    });
    if changed != *look {
        actions.push(WatchAction::SetLook(changed));
    }
}

/// Which of a chart's series is shown, if there are several. Lines of several runs are of one series.
fn choice(
    ui: &mut egui::Ui,
    texts: Texts,
    key: &'static str,
    chart: Chart,
    sources: &[Source],
    chosen: &mut Option<String>,
) {
    let mut names: Vec<&str> = Vec::new();
    for series in sources.iter().flat_map(|source| source.curves.of(chart)) {
        if !names.contains(&series.name.as_str()) {
            names.push(&series.name);
        }
    }
    if names.len() < 2 {
        return;
    }
    let alone = sources.len() == 1;
    let shown = match chosen.as_deref() {
        Some(name) => word(texts, name),
        None if alone => texts.get("all_lines").into(),
        None => word(texts, names[0]),
    };
    let combo = egui::ComboBox::from_id_salt(key).width(0.0).selected_text(shown).show_ui(ui, |ui| {
        if alone {
            ui.selectable_value(chosen, None, texts.get("all_lines"));
        }
        for name in names {
            ui.selectable_value(chosen, Some(name.into()), word(texts, name));
        }
    });
    combo.response.accessible_name(texts.get(key));
}

fn plot(
    ui: &mut egui::Ui,
    texts: Texts,
    chart: Chart,
    lines: &[Line],
    look: &Look,
    reset: bool,
    actions: &mut Vec<WatchAction>,
) {
    let title = texts.get(chart.key());
    ui.label(RichText::new(title).text_style(section()));
    if lines.len() > 1 || matches!(chart, Chart::Loss | Chart::Evaluation) {
        legend(ui, lines, look, actions);
    }
    let place = egui::vec2(ui.available_width(), size::PLOT);
    if !ui.is_rect_visible(egui::Rect::from_min_size(ui.cursor().min, place)) {
        // Scrolled out of sight: its points are not worth looking through.
        ui.allocate_space(place);
        return;
    }
    let axis = look.axis;
    let colours = palette(ui);
    let linked = Id::unique(("curves", axis.key()));
    let drawn: Vec<&Line> = lines.iter().filter(|line| !look.hidden.contains(&line.name)).collect();
    let hovered = drawn.clone();
    let mut plot = Plot::new((chart.key(), axis.key(), look.logarithmic))
        .height(size::PLOT)
        .allow_scroll(false)
        .link_axis(linked, [true, false])
        .link_cursor(linked, [true, false])
        .grid_color(colours.outline)
        .custom_x_axes(vec![
            AxisHints::new_x()
                .label(texts.get(axis.key()))
                .label_spacing(line::LABELS)
                .formatter(move |mark, _| axis.text(mark.value)),
        ])
        .y_axis_formatter(move |mark, _| compact(look.value(mark.value)))
        .label_formatter(move |hover| {
            let (HoverPosition::NearDataPoint { position, .. } | HoverPosition::Elsewhere { position }) = hover;
            under_pointer(texts, &hovered, look, *position)
        });
    plot = plot.y_grid_spacer(move |input| {
        if !look.logarithmic {
            return ticks::grid(input);
        }
        let marks = ticks::logarithmic(input.bounds.0, input.bounds.1).into_iter();
        marks.map(|(value, decade)| GridMark { value, step_size: if decade { 1.0 } else { 0.3 } }).collect()
    });
    if reset {
        plot = plot.reset();
    }
    let columns = (ui.available_width() * PARTS_PER_POINT).max(100.0) as usize;
    let series = colours.series;
    let shown = plot.show(ui, move |plot| {
        let bounds: PlotBounds = plot.plot_bounds();
        let everything = (f64::NEG_INFINITY, f64::INFINITY);
        let visible = if plot.auto_bounds().x { everything } else { (bounds.min()[0], bounds.max()[0]) };
        let per_point = bounds.width() / f64::from(place.x);
        let mut draw = |line: &Line, smoothed: bool, faint: bool, dash: Dash| {
            let points = line.points(look, smoothed, visible, columns);
            let colour = series[line.colour % series.len()];
            let colour = if faint { theme::faint(colour, theme::FAINT) } else { colour };
            let width = if faint { line::HAIR } else { line::PLOT };
            if line.has_few_points() {
                let radius = line::PLOT * 1.5;
                let marks = egui_plot::Points::new(line.name.clone(), points.clone());
                plot.points(marks.color(colour).radius(radius));
            }
            let parts = match dash.lengths() {
                Some((on, off)) => dashes(&points, f64::from(on) * per_point, f64::from(off) * per_point),
                None => vec![points],
            };
            for part in parts {
                let drawn = egui_plot::Line::new(line.name.clone(), part);
                plot.line(drawn.color(colour).width(width).allow_hover(!faint));
            }
        };
        for line in &drawn {
            if line.is_smoothed(look) {
                draw(line, false, true, Dash::Solid);
                draw(line, true, false, line.dash);
            } else {
                draw(line, false, false, line.dash);
            }
        }
    });
    shown.response.accessible_name(title);
}

/// The place on the axis and the value of every line there.
fn under_pointer(texts: Texts, lines: &[&Line], look: &Look, position: PlotPoint) -> Option<String> {
    let mut found = lines.iter().filter_map(|line| Some((line, line.nearest(look, position.x)?))).peekable();
    let (_, (mark, _)) = *found.peek()?;
    let mut text = format!("{} {}", texts.get(look.axis.key()), look.axis.text(look.axis.of(&mark)));
    for (line, (_, value)) in found {
        text += &format!("\n{} {}", line.name, compact(value));
    }
    Some(text)
}

/// Names of lines with how they are drawn; a click hides a line or shows it again.
fn legend(ui: &mut egui::Ui, lines: &[Line], look: &Look, actions: &mut Vec<WatchAction>) {
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        for line in lines {
            let shown = !look.hidden.contains(&line.name);
            if entry(ui, line, shown).clicked() {
                let mut look = look.clone();
                if !look.hidden.remove(&line.name) {
                    look.hidden.insert(line.name.clone());
                }
                actions.push(WatchAction::SetLook(look));
            }
        }
    });
}

fn entry(ui: &mut egui::Ui, line: &Line, shown: bool) -> egui::Response {
    const SAMPLE: f32 = 26.0;
    let colours = palette(ui);
    let ink = if shown { colours.text } else { colours.weak };
    let font = egui::TextStyle::Small.resolve(ui.style());
    let galley = ui.painter().layout_no_wrap(line.name.clone(), font, ink);
    let wanted = egui::vec2(SAMPLE + space::TINY + galley.size().x, galley.size().y + space::TINY);
    let (rect, response) = ui.allocate_exact_size(wanted, Sense::click());
    let name = line.name.clone();
    response.widget_info(move || WidgetInfo::selected(accesskit::Role::CheckBox, true, shown, &name));
    let painter = ui.painter();
    let (left, middle) = (rect.left(), rect.center().y);
    let ends = [egui::pos2(left, middle), egui::pos2(left + SAMPLE, middle)];
    let colour = colours.series[line.colour % colours.series.len()];
    let stroke = egui::Stroke::new(line::PLOT, if shown { colour } else { colours.outline });
    match line.dash.lengths() {
        None => painter.add(egui::Shape::line_segment(ends, stroke)),
        Some((dash, gap)) => painter.add(egui::Shape::Vec(egui::Shape::dashed_line(&ends, stroke, dash, gap))),
    };
    let corner = egui::pos2(left + SAMPLE + space::TINY, middle - galley.size().y / 2.0);
    painter.galley(corner, galley, ink);
    if !shown {
        let text = egui::Rect::from_min_max(corner, rect.max);
        painter.hline(text.x_range(), middle, egui::Stroke::new(line::HAIR, ink));
    }
    response.on_hover_cursor(egui::CursorIcon::PointingHand)
}
