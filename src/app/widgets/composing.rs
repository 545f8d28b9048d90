//! Text that an input method is still composing: the letters of a Chinese word before it is chosen. They stand in the
//! field and are no text yet, so nothing may search for them, keep them or take them for keys.

use eframe::egui::{self, Event, Id, ImeEvent, Response};

/// What the input method is at, for all of the window.
#[derive(Clone, Copy, Debug, Default)]
pub struct Composing {
    /// The field that has text being composed.
    field: Option<Id>,
    /// Text was composed to its end in this frame.
    is_committed: bool,
}

impl Composing {
    fn place() -> Id {
        Id::unique("composing")
    }

    fn now(context: &egui::Context) -> Self {
        context.data(|data| data.get_temp(Self::place())).unwrap_or_default()
    }

    /// Looks at what the input method has told since the last frame. Called once a frame, before anything is drawn.
    pub fn observe(context: &egui::Context) {
        let focused = context.memory(|memory| memory.focused());
        let mut now = Self { is_committed: false, ..Self::now(context) };
        context.input(|input| {
            for event in &input.events {
                match event {
                    Event::Ime(ImeEvent::Preedit { text, .. }) => now.field = focused.filter(|_| !text.is_empty()),
                    Event::Ime(ImeEvent::Commit(_)) => now = Self { field: None, is_committed: true },
                    _ => {}
                }
            }
        });
        // A field that has lost the keyboard hears no more of what is composed.
        now.field = now.field.filter(|field| focused == Some(*field));
        context.data_mut(|data| data.insert_temp(Self::place(), now));
    }

    pub fn is_going_on(context: &egui::Context) -> bool {
        Self::now(context).field.is_some()
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
    let now = Composing::now(ui.ctx());
    if response.has_focus() && now.field.is_some() {
        ui.data_mut(|data| data.insert_temp(place, shown));
        return (response, None);
    }
    if before.is_some() {
        ui.data_mut(|data| data.remove_temp::<String>(place));
        if !response.has_focus() && !now.is_committed {
            return (response, None);
        }
    }
    let changed = (response.changed() || before.is_some()) && shown != text;
    (response, changed.then_some(shown))
}
