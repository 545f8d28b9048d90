//! The keyboard where no field has it: the choice goes through the rows, and digits turn passages into ones of the other
//! side.

use eframe::egui::{self, Event, Key, Modifiers};

use super::{Action, Selected, State};
use crate::dataset::Side;

/// Rows that Page up and Page down go.
const PAGE: usize = 20;
const DIGITS: [Key; 9] =
    [Key::Num1, Key::Num2, Key::Num3, Key::Num4, Key::Num5, Key::Num6, Key::Num7, Key::Num8, Key::Num9];
/// What a key of a digit's place may mean without being one: the number pad without Num Lock, and what goes to the filter
/// or to the list of keys in some layouts.
const OTHERS: [Key; 10] = [
    Key::Home,
    Key::End,
    Key::ArrowUp,
    Key::ArrowDown,
    Key::ArrowLeft,
    Key::ArrowRight,
    Key::PageUp,
    Key::PageDown,
    Key::Slash,
    Key::Questionmark,
];

/// One key after the other: a digit belongs to the row that is chosen when it is pressed, however many keys come between
/// two frames.
pub fn show(ui: &egui::Ui, state: &State, actions: &mut Vec<Action>) {
    let is_covered = ui.ctx().memory(|memory| memory.top_modal_layer().is_some());
    if ui.ctx().egui_wants_keyboard_input() || is_covered {
        return;
    }
    let pressed = pressed(ui);
    if pressed.is_empty() {
        return;
    }
    let (lines, visible) = (state.lines(), state.visible());
    let mut chosen = state.place_of_chosen();
    for (key, modifiers) in pressed {
        if let Some(index) = DIGITS.iter().position(|digit| *digit == key) {
            let from = if modifiers.shift { Side::Positive } else { Side::Negative };
            actions.push(Action::MovePassage(from, index));
        } else if let Some(place) = moved(key, visible.len(), chosen)
            && let Some(id) = lines.id(visible[place])
        {
            chosen = Some(place);
            actions.push(Action::SelectAndShow(Selected::Line(id)));
        }
    }
}

/// What was pressed since the last frame, but for shortcuts. Digits go by where they lie: with Shift they mean another
/// character, a different one in each layout.
fn pressed(ui: &egui::Ui) -> Vec<(Key, Modifiers)> {
    ui.input(|input| {
        let keys = input.events.iter().filter_map(|event| match *event {
            Event::Key { key, physical_key, pressed: true, modifiers, .. } if !modifiers.command && !modifiers.alt => {
                let digit = physical_key.filter(|place| DIGITS.contains(place) && !OTHERS.contains(&key));
                Some((digit.unwrap_or(key), modifiers))
            }
            _ => None,
        });
        keys.collect()
    })
}

/// Where a key moves the choice among so many rows.
fn moved(key: Key, rows: usize, chosen: Option<usize>) -> Option<usize> {
    let last = rows.checked_sub(1)?;
    match (key, chosen) {
        (Key::Home, _) | (Key::ArrowDown, None) => Some(0),
        (Key::End, _) => Some(last),
        (Key::ArrowUp, Some(place)) => Some(place.saturating_sub(1)),
        (Key::ArrowDown, Some(place)) => Some((place + 1).min(last)),
        (Key::PageUp, Some(place)) => Some(place.saturating_sub(PAGE)),
        (Key::PageDown, Some(place)) => Some((place + PAGE).min(last)),
        _ => None,
    }
}
