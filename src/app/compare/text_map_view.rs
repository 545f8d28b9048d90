//! Passages and questions as points, from their places in the base model to those in a tuned one.

use eframe::egui::{self, Color32, CursorIcon, Pos2, Rect, RichText, Sense, Shape, Stroke};

use super::cloud::{COLOURS, Cloud, PlaneView};
use super::heat_map::pixel_aligned;
use super::points_painter::{self, Painting};
use super::text_map::{ColourBy, Layout, Name, PointsAction, TextMap};
use super::{Action, State, model_name};
use crate::app::error_texts;
use crate::app::job_texts;
use crate::app::texts::Texts;
use crate::app::theme::{Palette, line, palette, primary_button, progress_bar, size, small_button, space};
use crate::app::widgets::{Severity, empty, notice};

/// Points of scrolling for a factor of e.
const POINTS_PER_E: f32 = 200.0;
/// How near the pointer has to be, in points of the screen.
const REACH: f32 = 10.0;
/// Letters of a text that are shown under the pointer.
const TOLD: usize = 400;

/// What the view needs to know of its surroundings.
pub struct Around {
    pub has_device: bool,
    /// Whether the window is drawn by wgpu.
    pub has_painter: bool,
}

pub fn show(ui: &mut egui::Ui, state: &State, texts: Texts, around: &Around, actions: &mut Vec<Action>) {
    let map = &state.text_map;
    let mut act = |action: PointsAction| actions.push(Action::Points(action));
    top(ui, state, texts, around, &mut act);
    if let Some(failure) = map.failed() {
        notice(ui, Severity::Error, &error_texts::failure(texts, &failure));
    }
    if !map.is_laid() {
        if !map.is_working() {
            empty(ui, texts.get("points_nothing_yet"));
        }
        return;
    }
    if !around.has_painter {
        empty(ui, texts.get("map_no_painter"));
        return;
    }
    look(ui, state, texts, &mut act);
    legend(ui, map, texts, &mut act);
    egui::Panel::bottom("points chosen").frame(egui::Frame::new()).show_separator_line(false).show(ui, |ui| {
        ui.add_space(space::TINY);
        chosen(ui, map, texts, &mut act);
    });
    plane(ui, state, texts, actions);
}

/// What is laid out, and how far it has come.
fn top(ui: &mut egui::Ui, state: &State, texts: Texts, around: &Around, act: &mut impl FnMut(PointsAction)) {
    let map = &state.text_map;
    ui.horizontal(|ui| {
        if map.is_working() {
            if ui.button(texts.get("cancel")).clicked() {
                act(PointsAction::Cancel);
            }
            if let Some(job) = map.job() {
                let progress = job.progress();
                let bar = progress_bar(ui, progress.fraction()).desired_width(size::PROGRESS);
                ui.add(bar).accessible_name(texts.get("points_lay_out"));
                ui.label(RichText::new(job_texts::progress(texts, &progress)).small());
                if let Some(left) = progress.left {
                    ui.label(RichText::new(job_texts::time(texts, left)).small().color(palette(ui).weak));
                }
            }
            return;
        }
        let ready = around.has_device && state.missing().is_none();
        let key = if map.is_laid() { "points_lay_out_anew" } else { "points_lay_out" };
        let button = ui.add_enabled(ready, primary_button(ui, texts.get(key)));
        if button.on_disabled_hover_text(texts.get("points_nothing_yet")).clicked() {
            act(PointsAction::LayOut);
        }
    });
}

/// Layout, colours, the way from one model to the other.
fn look(ui: &mut egui::Ui, state: &State, texts: Texts, act: &mut impl FnMut(PointsAction)) {
    let map = &state.text_map;
    ui.horizontal_wrapped(|ui| {
        let layouts = [
            (Layout::Components, "points_components", "points_components_help"),
            (Layout::Neighbours, "points_neighbours", "points_neighbours_help"),
        ];
        for (layout, key, help) in layouts {
            let button = egui::Button::selectable(map.layout == layout, texts.get(key));
            let response = ui.add_enabled(map.has(layout), button).on_hover_text(texts.get(help));
            if response.on_disabled_hover_text(texts.get("points_not_yet")).clicked() {
                act(PointsAction::Choose(layout));
            }
        }
        ui.separator();
        ui.label(texts.get("points_colour"));
        for colour_by in ColourBy::ALL {
            let there = colour_by != ColourBy::RankChange || state.result.is_some();
            let button = egui::Button::selectable(map.colour_by == colour_by, texts.get(colour_by.key()));
            let response = ui.add_enabled(there, button);
            if response.on_disabled_hover_text(texts.get("evaluate_first")).clicked() {
                act(PointsAction::ColourBy(colour_by));
            }
        }
        ui.separator();
        for (lassoing, key, help) in
            [(false, "points_move", "points_move_help"), (true, "points_lasso", "points_lasso_help")]
        {
            let button = egui::Button::selectable(map.is_lassoing == lassoing, texts.get(key));
            if ui.add(button).on_hover_text(texts.get(help)).clicked() {
                act(PointsAction::Lassoing(lassoing));
            }
        }
    });
    let models = map.models();
    if models.len() > 1 {
        ui.horizontal(|ui| {
            ui.label(model_name(texts, models, 0));
            let mut share = map.share;
            ui.spacing_mut().slider_width = size::POPUP;
            let slider = egui::Slider::new(&mut share, 0.0..=1.0).show_value(false);
            if ui.add(slider).accessible_name(texts.get("points_share")).changed() {
                act(PointsAction::SetShare(share));
            }
            ui.label(model_name(texts, models, (state.shown[1] + 1).min(models.len() - 1)));
        });
    }
}

/// What the colours mean; a click shows one alone.
fn legend(ui: &mut egui::Ui, map: &TextMap, texts: Texts, act: &mut impl FnMut(PointsAction)) {
    let colours = colours(palette(ui));
    ui.horizontal_wrapped(|ui| {
        for group in map.groups() {
            let alone = map.isolated == Some(group.colour);
            let text = RichText::new(format!("● {} {}", said(texts, &group.name), group.count));
            let button = egui::Button::selectable(alone, text.small().color(colours[group.colour]));
            if ui.add(button).on_hover_text(texts.get("points_isolate")).clicked() {
                act(PointsAction::Isolate((!alone).then_some(group.colour)));
            }
        }
        ui.label(RichText::new(texts.get("points_shapes")).small().color(palette(ui).weak));
    });
}

fn said(texts: Texts, name: &Name) -> String {
    match name {
        Name::Topic(topic) => topic.clone(),
        Name::Key(key) => texts.get(key).to_owned(),
    }
}

/// What the lasso holds, and what can be done with it.
fn chosen(ui: &mut egui::Ui, map: &TextMap, texts: Texts, act: &mut impl FnMut(PointsAction)) {
    if map.chosen.is_empty() {
        ui.label(RichText::new(texts.get("points_hint")).small().color(palette(ui).weak));
        return;
    }
    let questions = map.chosen.iter().filter(|point| map.question(**point).is_some()).count();
    let passages = map.chosen.len() - questions;
    ui.horizontal(|ui| {
        ui.label(texts.with("points_chosen", &[("passages", &passages), ("questions", &questions)]));
        if small_button(ui, texts.get("points_show_rows")).on_hover_text(texts.get("points_show_rows_help")).clicked() {
            act(PointsAction::ShowRows);
        }
        if small_button(ui, texts.get("points_unchoose")).clicked() {
            act(PointsAction::Unchoose);
        }
    });
}

fn plane(ui: &mut egui::Ui, state: &State, texts: Texts, actions: &mut Vec<Action>) {
    let map = &state.text_map;
    let (area, response) = ui.allocate_exact_size(ui.available_size(), Sense::click_and_drag());
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Image, true, texts.get("view_points")));
    let colours = palette(ui);
    ui.painter().rect_filled(area, 0.0, colours.background);
    let Some((cloud, looks)) = map.painted() else { return };
    let size = [area.width(), area.height()];
    let mut view = map.view.unwrap_or_else(|| cloud.whole(size));
    let before = view;
    let from_middle = |pointer: Pos2| [pointer.x - area.center().x, pointer.y - area.center().y];
    let lassoing = map.is_lassoing || ui.input(|input| input.modifiers.shift);
    let mut hovered = None;
    if let Some(pointer) = response.hover_pos() {
        let place = from_middle(pointer);
        let (wheel, pinch) = ui.input(|input| (input.smooth_scroll_delta.y, input.zoom_delta()));
        let factor = pinch * (wheel / POINTS_PER_E).exp();
        if factor != 1.0 {
            view.zoom(factor, place);
        }
        if !response.dragged() {
            hovered = cloud.nearest(looks, view.place_at(place), map.share, REACH / view.zoom);
        }
    }
    if response.dragged() {
        if lassoing || !map.lasso.is_empty() {
            lasso(&response, map, &view, &from_middle, actions);
        } else {
            let moved = response.drag_delta();
            view.pan([moved.x, moved.y]);
        }
    }
    if response.drag_stopped() && !map.lasso.is_empty() {
        actions.push(Action::Points(PointsAction::CloseLasso));
    }
    if response.double_clicked() {
        view = cloud.whole(size);
    }
    let asked = hovered.filter(|_| response.clicked()).filter(|point| map.question(*point).is_some());
    if let Some(question) = asked.and_then(|point| map.text(point)) {
        actions.push(Action::OpenQuestion(question.to_owned()));
    }
    if view != before {
        actions.push(Action::Points(PointsAction::SetView(view)));
    }
    if hovered != map.hovered {
        actions.push(Action::Points(PointsAction::Hover(hovered)));
    }
    points_painter::show(ui.painter(), pixel_aligned(ui, area), painting(map, cloud, view, hovered, colours));
    draw_lasso(ui, map, &view, area);
    let response = if lassoing { response.on_hover_cursor(CursorIcon::Crosshair) } else { response };
    if let Some(point) = hovered {
        response.on_hover_ui_at_pointer(|ui| told(ui, map, point, texts));
    }
}

fn painting(
    map: &TextMap,
    cloud: &std::sync::Arc<Cloud>,
    view: PlaneView,
    hovered: Option<usize>,
    palette: &Palette,
) -> Painting {
    let looks = map.painted().map(|(_, looks)| looks.clone()).unwrap_or_default();
    // Many points stand closer, and are smaller for it.
    let radius = (90.0 / (cloud.places.len().max(1) as f32).sqrt()).clamp(1.2, 5.0);
    let (cloud, share, rim) = (cloud.clone(), map.share, palette.text);
    Painting { cloud, looks, view, share, radius, hovered, rim, colours: colours(palette) }
}

/// The line that was drawn so far gets another corner.
fn lasso(
    response: &egui::Response,
    map: &TextMap,
    view: &PlaneView,
    from_middle: &impl Fn(Pos2) -> [f32; 2],
    actions: &mut Vec<Action>,
) {
    let Some(pointer) = response.interact_pointer_pos() else { return };
    let place = from_middle(pointer);
    let is_new = map.lasso.last().is_none_or(|last| {
        let [x, y] = view.on_screen(*last);
        (x - place[0]).hypot(y - place[1]) > 3.0
    });
    if is_new {
        let mut drawn = map.lasso.clone();
        drawn.push(view.place_at(place));
        actions.push(Action::Points(PointsAction::Draw(drawn)));
    }
}

fn draw_lasso(ui: &egui::Ui, map: &TextMap, view: &PlaneView, area: Rect) {
    let corner = |place: &[f32; 2]| {
        let [x, y] = view.on_screen(*place);
        area.center() + egui::vec2(x, y)
    };
    let corners: Vec<Pos2> = map.lasso.iter().map(corner).collect();
    if corners.len() > 1 {
        let stroke = Stroke::new(line::LINK, palette(ui).accent);
        ui.painter().with_clip_rect(area).add(Shape::closed_line(corners, stroke));
    }
}

/// A point's text, and what it is.
fn told(ui: &mut egui::Ui, map: &TextMap, point: usize, texts: Texts) {
    ui.set_max_width(size::POPUP);
    let is_question = map.question(point).is_some();
    let kind = texts.get(if is_question { "question" } else { "passage" });
    let group = map.name_of(point).filter(|name| !matches!(name, Name::Key("points_passages" | "points_questions")));
    let what = group.map_or_else(|| kind.to_owned(), |name| format!("{kind} · {}", said(texts, name)));
    ui.label(RichText::new(what).small().color(palette(ui).weak));
    let text = map.text(point).unwrap_or_default();
    let mut shown: String = text.chars().take(TOLD).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    ui.label(shown);
    if is_question {
        ui.label(RichText::new(texts.get("points_click")).small().color(palette(ui).weak));
    }
}

/// Colours of the groups; what belongs to none is grey.
fn colours(palette: &Palette) -> [Color32; COLOURS] {
    let [one, two, three, four, five, six] = palette.series;
    [one, two, three, four, five, six, palette.accent, palette.neutral]
}
