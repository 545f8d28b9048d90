//! What is wrong in the file, kind by kind: how often, the rows that have it, and a way to put it right.

use eframe::egui::{self, RichText};

use super::view::{Filter, Finding};
use super::{Action, State, score_bar, tools};
use crate::app::texts::Texts;
use crate::app::theme::{palette, section, small_button, space};
use crate::dataset::{FaultKind, Severity};

/// Kinds that have a fix for all of them.
fn has_fix(kind: FaultKind) -> bool {
    matches!(
        kind,
        FaultKind::InvalidUtf8
            | FaultKind::NotJson
            | FaultKind::WrongLength
            | FaultKind::EmptyNegative
            | FaultKind::NegativeIsPositive
            | FaultKind::ControlCharacter
            | FaultKind::RepeatedPassage
            | FaultKind::DuplicateQuestion
            | FaultKind::Mojibake
    )
}

pub fn show(ui: &mut egui::Ui, state: &State, texts: Texts, actions: &mut Vec<Action>) {
    ui.label(RichText::new(texts.get("findings")).text_style(section()));
    if let Some(watch) = &state.checking {
        // A short check comes and goes without a sign.
        if state.survey().is_none() || !state.is_small() {
            tools::under_way(ui, texts, "findings_under_way", watch, Action::StopCheck, actions);
        }
    } else if state.is_check_stopped {
        ui.label(RichText::new(texts.get("findings_stopped")).small().color(palette(ui).weak));
        if small_button(ui, texts.get("check_again")).clicked() {
            actions.push(Action::CheckAgain);
        }
    }
    let Some(survey) = state.survey() else {
        return;
    };
    let counts = survey.counts();
    if counts.is_empty() && !state.has_scores() {
        ui.label(RichText::new(texts.get("findings_none")).color(palette(ui).weak));
        return;
    }
    let filter = state.filter();
    let set = |finding| Action::Filter(Filter { finding, ..filter.clone() });
    ui.label(RichText::new(texts.get("findings_help")).small().color(palette(ui).weak));
    ui.add_space(space::SMALL);
    let suspected = state.suspected();
    if state.has_scores() {
        score_bar::choose_measure(ui, state, texts, actions);
        let chosen = filter.finding == Some(Finding::Suspected);
        let text = texts.with("finding_count", &[("kind", &texts.get("finding_suspected")), ("number", &suspected)]);
        if ui.selectable_label(chosen, text).clicked() {
            actions.push(set((!chosen).then_some(Finding::Suspected)));
            actions.push(Action::WorstFirst);
        }
    }
    for &(kind, count) in counts {
        let chosen = filter.finding == Some(Finding::Kind(kind));
        let name = texts.get(finding_key(kind));
        ui.horizontal(|ui| {
            let text = texts.with("finding_count", &[("kind", &name), ("number", &count)]);
            let colour = match kind.severity() {
                Severity::Error => palette(ui).error,
                Severity::Warning => palette(ui).text,
                Severity::Note => palette(ui).weak,
            };
            if ui.selectable_label(chosen, RichText::new(text).color(colour)).clicked() && !kind.is_bad() {
                actions.push(set((!chosen).then_some(Finding::Kind(kind))));
            }
            if has_fix(kind) && state.can_edit() {
                let button = small_button(ui, texts.get("fix_all"));
                let button = button.on_hover_text(texts.get("fix_all_help"));
                if button.accessible_name(format!("{}: {name}", texts.get("fix_all"))).clicked() {
                    actions.push(Action::FixAll(kind));
                }
            }
        });
    }
}

/// The key of a kind's name.
pub fn finding_key(kind: FaultKind) -> &'static str {
    match kind {
        FaultKind::InvalidUtf8 => "finding_invalid_utf8",
        FaultKind::LineTooLong => "finding_line_too_long",
        FaultKind::NotJson => "finding_not_json",
        FaultKind::NotAnObject => "finding_not_an_object",
        FaultKind::DuplicateKey => "finding_duplicate_key",
        FaultKind::Missing => "finding_missing",
        FaultKind::WrongType => "finding_wrong_type",
        FaultKind::Empty => "finding_empty",
        FaultKind::WrongLength => "finding_wrong_length",
        FaultKind::Ignored => "finding_ignored",
        FaultKind::EmptyNegative => "finding_empty_negative",
        FaultKind::NoNegatives => "finding_no_negatives",
        FaultKind::NegativeIsPositive => "finding_negative_is_positive",
        FaultKind::ControlCharacter => "finding_control_character",
        FaultKind::RepeatedId => "finding_repeated_id",
        FaultKind::RepeatedPassage => "finding_repeated_passage",
        FaultKind::DuplicateQuestion => "finding_duplicate_question",
        FaultKind::TooFewNegatives => "finding_too_few_negatives",
        FaultKind::TooLong => "finding_too_long",
        FaultKind::Mojibake => "finding_mojibake",
        FaultKind::InOtherFile => "finding_in_other_file",
        FaultKind::PassageInOtherFile => "finding_passage_in_other_file",
    }
}
