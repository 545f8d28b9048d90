//! The rank board, drawn: how the right passages of some questions climb from evaluation to evaluation.

use eframe::egui::{self, Align2, Pos2, Rect, RichText, Stroke, pos2, vec2};

use super::board::{Board, LAST_RANK, height, spread};
use super::look::{Axis, Dash};
use super::watching::{WatchAction, Watching};
use crate::app::texts::Texts;
use crate::app::theme::{line, palette, size, small_button, space};
use crate::app::widgets::empty;

/// Ranks that have a line of their own.
const MARKS: [usize; 6] = [1, 3, 10, 30, LAST_RANK, usize::MAX];
const DASHES: [Dash; 4] = [Dash::Solid, Dash::Dashed, Dash::Dotted, Dash::Long];

pub fn show(ui: &mut egui::Ui, texts: Texts, board: &Board, watching: &Watching, actions: &mut Vec<WatchAction>) {
    if board.questions.is_empty() {
        return empty(ui, texts.get("board_no_questions"));
    }
    if board.evaluations.is_empty() {
        return empty(ui, texts.get("board_not_yet"));
    }
    let pinned = board.pinned();
    let height = ui.available_height();
    let chart = (height * 0.62).max(size::PLOT);
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), chart), egui::Sense::hover());
    response.accessible_name(texts.get("view_board"));
    draw(ui, rect, texts, board, &pinned, watching.look.axis);
    ui.add_space(space::SMALL);
    questions(ui, texts, board, &pinned, &watching.search, actions);
}

fn draw(ui: &mut egui::Ui, rect: Rect, texts: Texts, board: &Board, pinned: &[usize], axis: Axis) {
    let colours = palette(ui);
    let small = egui::TextStyle::Small.resolve(ui.style());
    let labels = (rect.width() * 0.4).min(size::POPUP);
    let area = Rect::from_min_max(
        rect.min + vec2(size::RANK_AXIS, space::MEDIUM),
        pos2(rect.right() - labels, rect.bottom() - space::HUGE),
    );
    let y = |rank: Option<usize>| area.top() + height(rank) as f32 * area.height();
    for mark in MARKS {
        let at = y(Some(mark));
        ui.painter().hline(area.x_range(), at, Stroke::new(line::HAIR, colours.outline));
        let text = if mark > LAST_RANK { texts.get("rank_none").to_string() } else { mark.to_string() };
        let place = pos2(area.left() - space::TINY, at);
        ui.painter().text(place, Align2::RIGHT_CENTER, text, small.clone(), colours.weak);
    }
    let began = board.evaluations[0].time;
    let place = |index: usize| {
        let evaluation = &board.evaluations[index];
        match axis {
            Axis::Step => evaluation.step as f64,
            Axis::Epoch => evaluation.epoch,
            Axis::Time => evaluation.time - began,
        }
    };
    let last = board.evaluations.len() - 1;
    let (low, high) = (place(0), place(last).max(place(0) + 1e-9));
    let x = |index: usize| area.left() + ((place(index) - low) / (high - low)) as f32 * area.width();
    let mut edge = f32::NEG_INFINITY;
    for index in 0..=last {
        ui.painter().vline(x(index), area.y_range(), Stroke::new(line::HAIR, colours.raised));
        if x(index) > edge {
            let text = axis.text(place(index));
            let at = pos2(x(index), area.bottom() + space::TINY);
            edge = ui.painter().text(at, Align2::CENTER_TOP, text, small.clone(), colours.weak).right() + space::MEDIUM;
        }
    }
    let below = pos2(area.center().x, rect.bottom());
    ui.painter().text(below, Align2::CENTER_BOTTOM, texts.get(axis.key()), small, colours.weak);

    let present = |question: usize| board.rank(question).flatten();
    let ends: Vec<f32> = pinned.iter().map(|question| y(present(*question))).collect();
    let gap = ui.text_style_height(&egui::TextStyle::Small) + space::TINY;
    let places = spread(&ends, gap, rect.top() + gap / 2.0, rect.bottom() - gap / 2.0);
    for (index, question) in pinned.iter().enumerate() {
        let colour = colours.series[index % colours.series.len()];
        let stroke = Stroke::new(line::PLOT, colour);
        let ranks = (0..=last).filter_map(|at| Some((at, *board.evaluations[at].ranks.get(*question)?)));
        let points: Vec<Pos2> = ranks.map(|(at, rank)| pos2(x(at), y(rank))).collect();
        match DASHES[index / colours.series.len() % DASHES.len()].lengths() {
            None => ui.painter().add(egui::Shape::line(points.clone(), stroke)),
            Some((dash, gap)) => {
                ui.painter().add(egui::Shape::Vec(egui::Shape::dashed_line(&points, stroke, dash, gap)))
            }
        };
        for point in &points {
            ui.painter().circle_filled(*point, line::PLOT * 1.5, colour);
        }
        let label = pos2(area.right() + space::LARGE, places[index]);
        let leader = [pos2(area.right(), ends[index]), label];
        ui.painter().line_segment(leader, Stroke::new(line::HAIR, colour));
        let rect = Rect::from_min_max(
            pos2(label.x + space::TINY, label.y - gap / 2.0),
            pos2(rect.right(), label.y + gap / 2.0),
        );
        let text = format!("{}  {}", rank_text(texts, present(*question)), board.questions[*question]);
        let label = egui::Label::new(RichText::new(&text).small().color(colours.text)).truncate();
        let history: Vec<_> = board.evaluations.iter().filter_map(|one| one.ranks.get(*question)).collect();
        let history = history.into_iter().map(|rank| rank_text(texts, *rank)).collect::<Vec<_>>().join(" → ");
        let layout = egui::Layout::left_to_right(egui::Align::Center);
        let mut place = ui.new_child(egui::UiBuilder::new().max_rect(rect).layout(layout));
        place.add(label).on_hover_text(format!("{}\n{history}", board.questions[*question]));
    }
}

fn rank_text(texts: Texts, rank: Option<usize>) -> String {
    match rank {
        Some(rank) if rank <= LAST_RANK => rank.to_string(),
        _ => texts.get("rank_none").into(),
    }
}

/// All questions with their present ranks, to pin and unpin.
fn questions(
    ui: &mut egui::Ui,
    texts: Texts,
    board: &Board,
    pinned: &[usize],
    search: &str,
    actions: &mut Vec<WatchAction>,
) {
    ui.horizontal(|ui| {
        let mut text = search.to_string();
        let field =
            egui::TextEdit::singleline(&mut text).desired_width(size::POPUP).hint_text(texts.get("board_search"));
        if ui.add(field).accessible_name(texts.get("board_search")).changed() {
            actions.push(WatchAction::Search(text));
        }
        let count = texts.with("board_pinned", &[("pinned", &pinned.len()), ("all", &board.questions.len())]);
        ui.label(RichText::new(count).small().color(palette(ui).weak));
    });
    let wanted = search.to_lowercase();
    let found: Vec<usize> = (0..board.questions.len())
        .filter(|question| wanted.is_empty() || board.questions[*question].to_lowercase().contains(&wanted))
        .collect();
    let row = ui.text_style_height(&egui::TextStyle::Body) + space::TINY;
    egui::ScrollArea::vertical().id_salt("questions").auto_shrink(false).show_rows(
        ui,
        row,
        found.len(),
        |ui, shown| {
            for question in &found[shown] {
                ui.horizontal(|ui| {
                    let is_pinned = pinned.contains(question);
                    let (key, name) = if is_pinned { ("unpin", "unpin_question") } else { ("pin", "pin_question") };
                    let text = &board.questions[*question];
                    let button = small_button(ui, texts.get(key));
                    if button.accessible_name(texts.with(name, &[("question", text)])).clicked() {
                        actions.push(WatchAction::Pin(*question));
                    }
                    let rank = board.rank(*question).flatten();
                    ui.add_sized(
                        [size::RANK, row],
                        egui::Label::new(RichText::new(rank_text(texts, rank)).small().color(palette(ui).weak)),
                    );
                    ui.add(egui::Label::new(RichText::new(text).small()).truncate());
                });
            }
        },
    );
}
