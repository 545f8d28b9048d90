//! Messages: what went wrong or was done. A new one lies over the bench for a while, or until it is put away; all can
//! be read again in a list.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use eframe::egui::{self, Align, Align2, Area, Id, Layout, Order, RichText, ScrollArea, vec2};

use crate::app::job_texts;
use crate::app::texts::Texts;
use crate::app::theme::{self, palette, section, size, space};
use crate::app::widgets::{Severity, empty, notice};

#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    pub severity: Severity,
    pub text: String,
}

/// A message that lies over the bench.
#[derive(Debug)]
struct Toast {
    message: Message,
    since: Instant,
}

#[derive(Debug)]
pub struct Messages {
    /// How much of the window's lower edge is not theirs.
    pub above: f32,
    shown: Vec<Toast>,
    /// The latest first.
    said: VecDeque<(Instant, Message)>,
    /// Those of the list that nobody has seen there yet.
    unread: usize,
    /// How long an information is shown; warnings and errors stay until they are put away.
    stay: Duration,
    pub is_list_open: bool,
}

impl Messages {
    /// The last messages stay; more than these would hide the bench.
    const MOST: usize = 4;
    const KEPT: usize = 200;

    pub fn new(stay: Duration) -> Self {
        Self { above: 0.0, shown: Vec::new(), said: VecDeque::new(), unread: 0, stay, is_list_open: false }
    }

    pub fn say(&mut self, severity: Severity, text: impl Into<String>) {
        let message = Message { severity, text: text.into() };
        self.shown.retain(|shown| shown.message != message);
        self.shown.push(Toast { message: message.clone(), since: Instant::now() });
        let extra = self.shown.len().saturating_sub(Self::MOST);
        self.shown.drain(..extra);
        self.said.push_front((Instant::now(), message));
        self.said.truncate(Self::KEPT);
        self.unread = (self.unread + 1).min(Self::KEPT);
    }

    pub fn error(&mut self, text: impl Into<String>) {
        self.say(Severity::Error, text);
    }

    /// What was done before no longer matters once something new begins.
    pub fn forget_information(&mut self) {
        self.shown.retain(|toast| toast.message.severity != Severity::Information);
    }

    /// How many have come since the list was open.
    pub fn unread(&self) -> usize {
        self.unread
    }

    /// The messages over the bench, in its lower right corner, and the list if it is open.
    pub fn show(&mut self, context: &egui::Context, texts: Texts) {
        self.toasts(context, texts);
        if self.is_list_open {
            self.unread = 0;
            self.list(context, texts);
        }
    }

    fn toasts(&mut self, context: &egui::Context, texts: Texts) {
        let stay = self.stay;
        self.shown.retain(|toast| toast.message.severity != Severity::Information || toast.since.elapsed() < stay);
        if self.shown.is_empty() {
            return;
        }
        let mut put_away = None;
        let area = Area::new(Id::unique("messages"))
            .order(Order::Foreground)
            .anchor(Align2::RIGHT_BOTTOM, vec2(-space::MEDIUM, -space::MEDIUM - self.above))
            .show(context, |ui| {
                ui.set_width(size::TOAST.min(context.content_rect().width() - space::HUGE));
                for (index, toast) in self.shown.iter().enumerate() {
                    if line(ui, texts, &toast.message) {
                        put_away = Some(index);
                    }
                }
            });
        // What is under the pointer is being read.
        if area.response.contains_pointer() {
            self.shown.iter_mut().for_each(|toast| toast.since = Instant::now());
        }
        if let Some(index) = put_away {
            self.shown.remove(index);
        }
        let information = self.shown.iter().filter(|toast| toast.message.severity == Severity::Information);
        if let Some(left) = information.map(|toast| stay.saturating_sub(toast.since.elapsed())).min() {
            context.request_repaint_after(left);
        }
    }

    fn list(&mut self, context: &egui::Context, texts: Texts) {
        let modal = egui::Modal::new(Id::unique("list of messages")).show(context, |ui| {
            ui.set_width(size::EDITOR);
            ui.label(RichText::new(texts.get("messages")).text_style(section()).strong());
            ui.add_space(space::SMALL);
            if self.said.is_empty() {
                empty(ui, texts.get("messages_none"));
            }
            ScrollArea::vertical().max_height(size::POPUP).auto_shrink([false, true]).show(ui, |ui| {
                for (said, message) in &self.said {
                    let ago = texts.with("message_ago", &[("time", &job_texts::clock(said.elapsed()))]);
                    ui.label(RichText::new(ago).small().color(palette(ui).weak));
                    notice(ui, message.severity, &message.text);
                }
            });
            ui.add_space(space::SMALL);
            ui.button(texts.get("close")).clicked()
        });
        if modal.inner || modal.should_close() {
            self.is_list_open = false;
        }
    }
}

/// A message with a button that puts it away.
fn line(ui: &mut egui::Ui, texts: Texts, message: &Message) -> bool {
    let frame = theme::floating(ui);
    let shown = frame.show(ui, |ui| {
        ui.with_layout(Layout::right_to_left(Align::Min), |ui| {
            let button = ui.button("×").on_hover_text(texts.get("put_away"));
            let clicked = button.accessible_name(texts.get("put_away")).clicked();
            ui.with_layout(Layout::top_down_justified(Align::Min), |ui| notice(ui, message.severity, &message.text));
            clicked
        })
        .inner
    });
    shown.inner
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_kept_in_the_list_when_they_no_longer_lie_over_the_bench() {
        let mut messages = Messages::new(Duration::from_secs(8));
        for number in 0..250 {
            messages.say(Severity::Information, format!("{number} saved"));
        }
        messages.error("no room");
        messages.forget_information();
        let shown: Vec<&str> = messages.shown.iter().map(|toast| toast.message.text.as_str()).collect();
        assert_eq!(shown, ["no room"]);
        assert_eq!((messages.said.len(), messages.unread()), (Messages::KEPT, Messages::KEPT));
        assert_eq!(messages.said[0].1.text, "no room");
        assert_eq!(messages.said[1].1.text, "249 saved");
    }
}
