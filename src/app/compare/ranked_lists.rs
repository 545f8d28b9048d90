//! Two rankings side by side, with lines that join the same passage.

use eframe::egui::{self, Color32, Pos2, Rect, RichText, Shape, Stroke, epaint::CubicBezierShape};

use crate::app::texts::Texts;
use crate::app::theme::{self, Palette, palette, section, size};
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
}

/// Draws one list, or two with the moves between them.
pub fn show(ui: &mut egui::Ui, texts: Texts, base: &Ranking<'_>, tuned: Option<&Ranking<'_>>, passages: &Passages<'_>) {
    let Some(tuned) = tuned else {
        egui::ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
            list(ui, texts, base, &[], passages);
        });
        return;
    };
    let numbers = |ranking: &Ranking<'_>| ranking.hits.iter().map(|hit| hit.0).collect::<Vec<_>>();
    let (before, after) = moves(&numbers(base), &numbers(tuned));
    // Of the base list only what is gone is said; the rest is told where it went to.
    let gone: Vec<_> = before.into_iter().map(|went| (went == Move::Lost).then_some(went)).collect();
    let after: Vec<_> = after.into_iter().map(Some).collect();
    egui::ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        let whole = ui.available_rect_before_wrap();
        let width = (whole.width() - size::LINKS) / 2.0;
        let left = Rect::from_min_max(whole.min, Pos2::new(whole.left() + width, f32::INFINITY));
        let right =
            Rect::from_min_max(Pos2::new(whole.right() - width, whole.top()), Pos2::new(whole.right(), f32::INFINITY));
        let left = column(ui, left, "base list", |ui| list(ui, texts, base, &gone, passages));
        let right = column(ui, right, "tuned list", |ui| list(ui, texts, tuned, &after, passages));
        links(ui, base, tuned, &left, &right, &after);
    });
}

fn column(ui: &mut egui::Ui, area: Rect, salt: &str, add: impl FnOnce(&mut egui::Ui) -> Vec<Rect>) -> Vec<Rect> {
    let builder = egui::UiBuilder::new().max_rect(area).id_salt(salt).layout(egui::Layout::top_down(egui::Align::Min));
    ui.scope_builder(builder, add).inner
}

/// The cards of a ranking; where each of them stands.
fn list(
    ui: &mut egui::Ui,
    texts: Texts,
    ranking: &Ranking<'_>,
    moves: &[Option<Move>],
    passages: &Passages<'_>,
) -> Vec<Rect> {
    ui.label(RichText::new(&ranking.title).text_style(section()));
    let hits = ranking.hits.iter().enumerate();
    hits.map(|(index, (passage, score))| {
        let card = Card {
            rank: index + 1,
            score: *score,
            is_right: passages.right.is_some_and(|right| right.contains(passage)),
            went: moves.get(index).copied().flatten(),
        };
        card.show(ui, texts, passages.all.get(*passage))
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
}

impl Card {
    /// Draws the card and says where it stands. All cards are equally high.
    fn show(&self, ui: &mut egui::Ui, texts: Texts, passage: Option<&Passage>) -> Rect {
        let colours = palette(ui);
        let mut frame = theme::card(ui);
        if self.is_right {
            frame = frame.stroke(Stroke::new(theme::line::LINK, colours.better));
        }
        let shown = frame.show(ui, |ui| {
            self.head(ui, texts, passage.map_or("", |passage| &passage.title));
            let text = passage.map_or("", |passage| &passage.text);
            let font = egui::TextStyle::Body.resolve(ui.style());
            let height = ui.text_style_height(&egui::TextStyle::Body) * size::HIT_LINES as f32;
            let mut job = egui::text::LayoutJob::simple(text.to_string(), font, colours.text, ui.available_width());
            job.wrap.max_rows = size::HIT_LINES;
            let top = ui.cursor().top();
            ui.add(egui::Label::new(job).show_tooltip_when_elided(false)).on_hover_text(text);
            ui.add_space((top + height - ui.cursor().top()).max(0.0));
            ui.take_available_width();
        });
        shown.response.rect
    }

    /// Rank, score, title, and what became of the passage.
    fn head(&self, ui: &mut egui::Ui, texts: Texts, title: &str) {
        let colours = palette(ui);
        ui.horizontal(|ui| {
            ui.label(RichText::new(self.rank.to_string()).strong().monospace());
            let score = RichText::new(format!("{:.4}", self.score)).monospace().color(colours.weak);
            ui.label(score).on_hover_text(texts.get("score"));
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
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

fn links(
    ui: &egui::Ui,
    base: &Ranking<'_>,
    tuned: &Ranking<'_>,
    left: &[Rect],
    right: &[Rect],
    moves: &[Option<Move>],
) {
    let colours = palette(ui);
    for (to, (passage, _)) in tuned.hits.iter().enumerate() {
        let Some(from) = base.hits.iter().position(|hit| hit.0 == *passage) else {
            continue;
        };
        let (start, end) = (left[from].right_center(), right[to].left_center());
        let bend = egui::vec2((end.x - start.x) / 2.0, 0.0);
        let colour = moves[to].map_or(colours.neutral, |went| colour(colours, went));
        let stroke = Stroke::new(theme::line::LINK, colour);
        ui.painter().add(Shape::CubicBezier(CubicBezierShape::from_points_stroke(
            [start, start + bend, end - bend, end],
            false,
            Color32::TRANSPARENT,
            stroke,
        )));
    }
}
