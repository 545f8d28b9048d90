//! Rankings side by side, with lines that join the same passage.

use eframe::egui::{self, Color32, Pos2, Rect, RichText, Shape, Stroke, epaint::CubicBezierShape};

use crate::app::texts::Texts;
use crate::app::theme::{self, Palette, palette, section, size};
use crate::app::widgets::wrapped;
use crate::dataset::Passage;
use crate::retrieval::{Move, moves};

/// One ranking.
pub struct Ranking<'a> {
    pub title: String,
    /// Passage number and score, the best first.
    pub hits: &'a [(usize, f32)],
}

/// What the passages say, and which of them are right.
pub struct Passages<'a> {
    pub all: &'a [Passage],
    /// `None` if nobody has said which passages are right.
    pub right: Option<&'a [usize]>,
    /// Whether it can be asked why one scores what it scores.
    pub can_explain: bool,
}

/// Draws the lists in columns, the base model's first, with lines that join the same passage in neighbours. What became
/// of a passage is said against the base model. Returns the passage whose score is to be explained.
pub fn show(ui: &mut egui::Ui, texts: Texts, rankings: &[Ranking<'_>], passages: &Passages<'_>) -> Option<usize> {
    let mut asked = None;
    let numbers: Vec<Vec<usize>> =
        rankings.iter().map(|ranking| ranking.hits.iter().map(|hit| hit.0).collect()).collect();
    let mut went: Vec<Vec<Option<Move>>> =
        numbers.iter().skip(1).map(|list| moves(&numbers[0], list).1.into_iter().map(Some).collect()).collect();
    // Of the base list only what no other list has is said to be gone; the rest is told where it went to.
    let gone = |passage: &usize| rankings.len() > 1 && !numbers[1..].iter().any(|list| list.contains(passage));
    let base = numbers.first().map(|list| list.iter().map(|passage| gone(passage).then_some(Move::Lost)).collect());
    went.insert(0, base.unwrap_or_default());
    egui::ScrollArea::both().auto_shrink(false).show(ui, |ui| {
        let whole = ui.available_rect_before_wrap();
        let count = rankings.len().max(1) as f32;
        let width = ((whole.width() - (count - 1.0) * size::LINKS) / count).max(size::LIST_MIN);
        let mut earlier: Option<Vec<Rect>> = None;
        for (at, ranking) in rankings.iter().enumerate() {
            let left = whole.left() + at as f32 * (width + size::LINKS);
            let area = Rect::from_min_max(Pos2::new(left, whole.top()), Pos2::new(left + width, f32::INFINITY));
            let cards = column(ui, area, at, |ui| list(ui, texts, ranking, &went[at], passages, &mut asked));
            if let Some(earlier) = &earlier {
                links(ui, [&numbers[at - 1], &numbers[at]], [earlier, &cards]);
            }
            earlier = Some(cards);
        }
    });
    asked
}

fn column(ui: &mut egui::Ui, area: Rect, salt: usize, add: impl FnOnce(&mut egui::Ui) -> Vec<Rect>) -> Vec<Rect> {
    let builder = egui::UiBuilder::new()
        .max_rect(area)
        .id_salt(("ranked list", salt))
        .layout(egui::Layout::top_down(egui::Align::Min));
    ui.scope_builder(builder, add).inner
}

/// The cards of a ranking; where each of them stands.
fn list(
    ui: &mut egui::Ui,
    texts: Texts,
    ranking: &Ranking<'_>,
    moves: &[Option<Move>],
    passages: &Passages<'_>,
    asked: &mut Option<usize>,
) -> Vec<Rect> {
    ui.add(egui::Label::new(RichText::new(&ranking.title).text_style(section())).truncate());
    let hits = ranking.hits.iter().enumerate();
    hits.map(|(index, (passage, score))| {
        let card = Card {
            rank: index + 1,
            score: *score,
            is_right: passages.right.is_some_and(|right| right.contains(passage)),
            went: moves.get(index).copied().flatten(),
            can_explain: passages.can_explain,
        };
        let (area, why) = card.show(ui, texts, passages.all.get(*passage));
        if why {
            *asked = Some(*passage);
        }
        area
    })
    .collect()
}

/// A passage at its rank.
struct Card {
    /// From 1.
    rank: usize,
    score: f32,
    is_right: bool,
    went: Option<Move>,
    can_explain: bool,
}

impl Card {
    /// Draws the card and says where it stands, and whether its score is to be explained. All cards are equally high.
    fn show(&self, ui: &mut egui::Ui, texts: Texts, passage: Option<&Passage>) -> (Rect, bool) {
        let mut why = false;
        let colours = palette(ui);
        let mut frame = theme::card(ui);
        if self.is_right {
            frame = frame.stroke(Stroke::new(theme::line::LINK, colours.better));
        }
        let shown = frame.show(ui, |ui| {
            why = self.head(ui, texts, passage.map_or("", |passage| &passage.title));
            let text = passage.map_or("", |passage| &passage.text);
            let height = ui.text_style_height(&egui::TextStyle::Body) * size::HIT_LINES as f32;
            let lines = wrapped(ui, text, colours.text, ui.available_width(), size::HIT_LINES);
            let top = ui.cursor().top();
            ui.add(egui::Label::new(lines).show_tooltip_when_elided(false)).on_hover_text(text);
            ui.add_space((top + height - ui.cursor().top()).max(0.0));
            ui.take_available_width();
        });
        (shown.response.rect, why)
    }

    /// Rank, score, title, and what became of the passage.
    fn head(&self, ui: &mut egui::Ui, texts: Texts, title: &str) -> bool {
        let colours = palette(ui);
        let mut why = false;
        ui.horizontal(|ui| {
            ui.label(RichText::new(self.rank.to_string()).strong().monospace());
            let score = RichText::new(format!("{:.4}", self.score)).monospace().color(colours.weak);
            ui.label(score).on_hover_text(texts.get("score"));
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                if self.can_explain {
                    why = theme::small_button(ui, texts.get("why")).on_hover_text(texts.get("why_help")).clicked();
                }
                if let Some(went) = self.went {
                    ui.label(RichText::new(move_text(texts, went)).small().color(colour(colours, went)));
                }
                if self.is_right {
                    let text = format!("★ {}", texts.get("right_passage"));
                    ui.label(RichText::new(text).small().color(colours.better));
                }
                ui.with_layout(egui::Layout::left_to_right(egui::Align::Center), |ui| {
                    ui.add(egui::Label::new(RichText::new(title).color(colours.weak)).truncate());
                });
            });
        });
        why
    }
}

fn move_text(texts: Texts, went: Move) -> String {
    match went {
        Move::Up(ranks) => format!("▲ {ranks}"),
        Move::Down(ranks) => format!("▼ {ranks}"),
        Move::Same => "=".into(),
        Move::New => format!("+ {}", texts.get("move_new")),
        Move::Lost => format!("− {}", texts.get("move_lost")),
    }
}

fn colour(colours: &Palette, went: Move) -> Color32 {
    match went {
        Move::Up(_) | Move::New => colours.better,
        Move::Down(_) | Move::Lost => colours.worse,
        Move::Same => colours.neutral,
    }
}

/// Lines from the places in one list to those in the next, in the colour of the move.
fn links(ui: &egui::Ui, lists: [&[usize]; 2], cards: [&[Rect]; 2]) {
    let colours = palette(ui);
    let went = moves(lists[0], lists[1]).1;
    for (to, passage) in lists[1].iter().enumerate() {
        let Some(from) = lists[0].iter().position(|other| other == passage) else {
            continue;
        };
        let (start, end) = (cards[0][from].right_center(), cards[1][to].left_center());
        let bend = egui::vec2((end.x - start.x) / 2.0, 0.0);
        let stroke = Stroke::new(theme::line::LINK, colour(colours, went[to]));
        ui.painter().add(Shape::CubicBezier(CubicBezierShape::from_points_stroke(
            [start, start + bend, end - bend, end],
            false,
            Color32::TRANSPARENT,
            stroke,
        )));
    }
}
