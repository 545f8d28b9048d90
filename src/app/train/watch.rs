//! The right side: a run while it goes or as it went, and the list of all.

use eframe::egui::{self, RichText};

use super::watching::{View, WatchAction};
use super::{Action, State, board_view, log_view, plots, runs_view, steering};
use crate::app::texts::Texts;
use crate::app::theme::space;
use crate::app::widgets::empty;

pub fn show(ui: &mut egui::Ui, state: &State, texts: Texts, actions: &mut Vec<Action>) {
    let mut asked = Vec::new();
    tabs(ui, state, texts, &mut asked);
    ui.add_space(space::TINY);
    let shown = state.shown();
    match (state.watching.view, shown) {
        (View::Runs, _) => runs_view::show(ui, state, texts, &mut asked),
        (_, None) => match &state.watching.shown {
            Some(_) => empty(ui, texts.get("run_reading")),
            None => {
                empty(ui, texts.get("train_nothing_yet"));
                if !state.watching.runs.is_empty() {
                    runs_view::show(ui, state, texts, &mut asked);
                }
            }
        },
        (view, Some((folder, report))) => {
            steering::show(ui, state, folder, report, texts, &mut asked);
            match view {
                View::Board => board_view::show(ui, texts, &report.board, &state.watching, &mut asked),
                View::Log => log_view::show(ui, texts, &report.log),
                _ if report.curves.is_empty() => {
                    let goes_on = state.live(folder).is_some_and(|run| !run.is_over());
                    empty(ui, texts.get(if goes_on { "train_preparing" } else { "run_no_steps" }));
                }
                _ => plots::show(ui, texts, state, folder, report, &mut asked),
            }
        }
    }
    runs_view::dialogs(ui, state, texts, &mut asked);
    actions.extend(asked.into_iter().map(Action::Watch));
}

fn tabs(ui: &mut egui::Ui, state: &State, texts: Texts, actions: &mut Vec<WatchAction>) {
    ui.horizontal_wrapped(|ui| {
        for view in View::ALL {
            let text = match view {
                View::Runs => format!("{} ({})", texts.get(view.key()), state.watching.runs.len()),
                _ => texts.get(view.key()).to_string(),
            };
            let button = egui::Button::selectable(state.watching.view == view, RichText::new(text));
            if ui.add(button).on_hover_text(texts.get(help(view))).clicked() {
                actions.push(WatchAction::Show(view));
            }
        }
    });
}

fn help(view: View) -> &'static str {
    match view {
        View::Curves => "view_curves_help",
        View::Board => "view_board_help",
        View::Log => "view_log_help",
        View::Runs => "view_runs_help",
    }
}
