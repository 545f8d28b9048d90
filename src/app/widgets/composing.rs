//! Text that an input method is still composing: the letters of a Chinese word before it is chosen. They stand in the
//! field and are no text yet, so nothing may search for them, keep them or take them for keys.

use eframe::egui::{self, Event, Id, ImeEvent, Response};

/// Whether something is being composed, for all of the window.
pub struct Composing;

fn place() -> Id {
    Id::unique("composing")
}

impl Composing {
    /// Looks at what the input method has told since the last frame. Called once a frame, before anything is drawn.
    pub fn observe(context: &egui::Context) {
        let (mut is_going_on, focused) = (Self::is_going_on(context), context.memory(|memory| memory.focused()));
        context.input(|input| {
            for event in &input.events {
                match event {
                    Event::Ime(ImeEvent::Preedit { text, .. }) => is_going_on = !text.is_empty(),
                    Event::Ime(ImeEvent::Commit(_)) => is_going_on = false,
                    _ => {}
                }
            }
        });
        // Without a field it is composed for nobody.
        let is_going_on = is_going_on && focused.is_some();
        context.data_mut(|data| data.insert_temp(place(), is_going_on));
    }

    pub fn is_going_on(context: &egui::Context) -> bool {
        context.data(|data| data.get_temp(place())).unwrap_or(false)
    }
}

/// Shows a field for `text` by `add` and returns its new text once it reads differently and is composed to the end. What
/// is composed when the field loses the keyboard is given up.
pub fn composed(
    ui: &mut egui::Ui,
    id: Id,
    text: &str,
    add: impl FnOnce(&mut egui::Ui, &mut String) -> Response,
) -> (Response, Option<String>) {
    let place = id.with("composed");
    let before: Option<String> = ui.data(|data| data.get_temp(place));
    let mut shown = before.clone().unwrap_or_else(|| text.to_owned());
    let response = add(ui, &mut shown);
    let goes_on = Composing::is_going_on(ui.ctx());
    if goes_on && response.has_focus() {
        ui.data_mut(|data| data.insert_temp(place, shown));
        return (response, None);
    }
    if before.is_some() {
        ui.data_mut(|data| data.remove_temp::<String>(place));
        if !response.has_focus() && goes_on {
            return (response, None);
        }
    }
    let changed = (response.changed() || before.is_some()) && shown != text;
    (response, changed.then_some(shown))
}
