//! The data bench: look at questions, positives and hard negatives, and correct them.

mod bad_lines;
pub mod bulk;
pub mod corpus_dialog;
mod draft;
pub mod fault_texts;
mod finder;
mod findings;
mod history_view;
pub mod import_dialog;
mod keys;
mod lines;
mod mining_view;
mod row_editor;
mod rows;
mod score_bar;
mod scores;
mod split_form;
mod state;
mod tools;
pub mod view;

use std::path::PathBuf;
use std::time::Duration;

use eframe::egui;

pub use draft::Field;
pub use finder::{FindBy, SHOWN as FOUND};
pub use mining_view::{From, Mining, MiningForm};
pub use scores::ScoredWith;
pub use split_form::SplitForm;
pub use state::{Selected, State};
pub use tools::filter_field;

use view::{Column, Filter, Sort};

use crate::app::shell::Command;
use crate::app::texts::Texts;
use crate::app::theme::{self, size, space};
use crate::app::widgets::{Composing, ModelFrom, empty, empty_with};
use crate::dataset::{FaultKind, LineId, Problem, Side, Verdict};
use crate::jobs::scoring::Measure;

/// What the user asked for.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    Open,
    OpenPath(PathBuf),
    /// Shows the open file that waits at this place.
    Switch(usize),
    CloseFile,
    Save,
    SaveAs,
    Undo,
    Redo,
    /// To the state after so many steps.
    GoTo(usize),
    Filter(Filter),
    Sort(Sort),
    ShowColumn(Column, bool),
    /// Puts a row among the marked ones, or takes it from them.
    Mark(LineId),
    /// Marks all rows from the chosen one to this.
    MarkTo(LineId),
    MarkShown,
    UnmarkAll,
    /// The rows with the highest margin come first.
    WorstFirst,
    Fix(Problem),
    FixAll(FaultKind),
    /// Ends the opening of a file; what was shown before is shown again.
    StopOpening,
    /// Ends the edits that are being made on many rows; none of them stays.
    StopEdits,
    /// Ends the check of all lines, or begins it again.
    StopCheck,
    CheckAgain,
    Judge(Verdict),
    Run(Command),
    /// Writes the rows that are shown to a file of their own.
    ExportShown,
    BeginSplit,
    ChangeSplit(SplitForm),
    EndSplit,
    Split,
    /// Scores the rows in hand with the chosen model, or with a reranker that is asked for.
    Score,
    ScoreWithReranker(ModelFrom),
    /// Judges the rows by another of their scores.
    JudgeBy(Measure),
    /// Writes the scores into the rows as the teacher's.
    KeepScores,
    /// Asks for a file of passages, to be looked at before it becomes the corpus.
    ImportCorpus,
    BeginMining,
    ChangeMining(MiningForm),
    Mine,
    EndMining,
    TakeProposal(LineId),
    TakeAllProposals,
    /// What is searched for in the corpus.
    FindText(String),
    Find(FindBy),
    /// Takes the passage that was found at this place.
    AddFound(Side, usize),
    Select(Selected),
    /// From the keyboard: the row is brought into view.
    SelectAndShow(Selected),
    /// A field reads differently now.
    Type(Field, String),
    /// The typing has paused, or the field was left.
    Commit,
    /// The new passage's field has the keyboard now.
    Focused,
    BeginRow,
    TypeNewRow(String, String),
    PutNewRow,
    RemoveLines,
    BeginPassage(Side),
    RemovePassage(Side, usize),
    /// From this side to the other.
    MovePassage(Side, usize),
    /// To another place on its side.
    Reorder(Side, usize, usize),
    RepairLine,
}

impl Action {
    /// Whether it changes the open file, or what lies beside it.
    pub fn changes(&self) -> bool {
        match self {
            Self::Save
            | Self::SaveAs
            | Self::Undo
            | Self::Redo
            | Self::GoTo(_)
            | Self::Fix(_)
            | Self::FixAll(_)
            | Self::Judge(_)
            | Self::KeepScores
            | Self::TakeProposal(_)
            | Self::TakeAllProposals
            | Self::AddFound(..)
            | Self::Type(..)
            | Self::BeginRow
            | Self::TypeNewRow(..)
            | Self::PutNewRow
            | Self::RemoveLines
            | Self::BeginPassage(_)
            | Self::RemovePassage(..)
            | Self::MovePassage(..)
            | Self::Reorder(..)
            | Self::RepairLine => true,
            // Carried out as the action that it stands for.
            Self::Run(_)
            | Self::Open
            | Self::OpenPath(_)
            | Self::Switch(_)
            | Self::CloseFile
            | Self::Filter(_)
            | Self::Sort(_)
            | Self::ShowColumn(..)
            | Self::Mark(_)
            | Self::MarkTo(_)
            | Self::MarkShown
            | Self::UnmarkAll
            | Self::WorstFirst
            | Self::StopOpening
            | Self::StopEdits
            | Self::StopCheck
            | Self::CheckAgain
            | Self::ExportShown
            | Self::BeginSplit
            | Self::ChangeSplit(_)
            | Self::EndSplit
            | Self::Split
            | Self::Score
            | Self::ScoreWithReranker(_)
            | Self::JudgeBy(_)
            | Self::ImportCorpus
            | Self::BeginMining
            | Self::ChangeMining(_)
            | Self::Mine
            | Self::EndMining
            | Self::FindText(_)
            | Self::Find(_)
            | Self::Select(_)
            | Self::SelectAndShow(_)
            | Self::Commit
            | Self::Focused => false,
        }
    }
}

/// An open file.
#[derive(Clone, Debug, PartialEq)]
pub struct Tab {
    pub name: String,
    pub path: PathBuf,
    pub is_modified: bool,
    /// Where it waits; none for the file that is shown.
    pub place: Option<usize>,
}

/// Draws the bench.
pub fn show(ui: &mut egui::Ui, state: &State, texts: Texts, recent: &[PathBuf], tabs: &[Tab]) -> Vec<Action> {
    let mut actions = Vec::new();
    commit_after_a_pause(ui, state, &mut actions);
    let width = size::EDITOR.min(ui.available_width() / 2.0).max(size::EDITOR_MIN);
    egui::Panel::right("chosen row").frame(theme::panel(ui)).default_size(width).min_size(size::EDITOR_MIN).show(
        ui,
        |ui| {
            chosen(ui, state, texts, &mut actions);
        },
    );
    egui::CentralPanel::default().frame(theme::panel(ui)).show(ui, |ui| {
        tools::show(ui, state, texts, recent, tabs, &mut actions);
        if !state.bad().is_empty() {
            egui::Panel::bottom("bad lines")
                .frame(egui::Frame::new())
                .resizable(true)
                .default_size(size::BAD_LINES)
                .show(ui, |ui| {
                    ui.add_space(space::SMALL);
                    bad_lines::list(ui, state, texts, &mut actions);
                });
        }
        let is_checked = state.is_check_stopped || (state.checking.is_some() && !state.is_small());
        let has_findings = state.survey().is_none_or(|survey| !survey.counts().is_empty());
        let has_findings = has_findings || state.has_scores() || is_checked;
        if state.is_open() && has_findings && ui.available_width() >= size::FINDINGS_BESIDE {
            egui::Panel::left("findings")
                .frame(egui::Frame::new().inner_margin(space::SMALL))
                .resizable(true)
                .default_size(size::FINDINGS)
                .show(ui, |ui| findings::show(ui, state, texts, &mut actions));
        }
        let beside = egui::Frame::new().inner_margin(egui::Margin { left: space::SMALL as i8, ..Default::default() });
        egui::CentralPanel::default().frame(beside).show(ui, |ui| {
            if state.opening.is_some() && !state.is_open() {
                empty(ui, texts.get("opening"));
            } else if !state.is_open() {
                if empty_with(ui, texts.get("drop_here"), texts.get("open")) {
                    actions.push(Action::Open);
                }
            } else if state.visible().is_empty() && !state.filter().is_empty() {
                if empty_with(ui, texts.get("filter_none"), texts.get("filter_clear")) {
                    actions.push(Action::Filter(Filter::default()));
                }
            } else {
                rows::show(ui, state, texts, &mut actions);
            }
        });
    });
    if let Some(form) = &state.split {
        split_form::show(ui.ctx(), texts, form, &mut actions);
    }
    if let Some(mining) = &state.mining {
        mining_view::show(ui, state, mining, texts, &mut actions);
    }
    keys::show(ui, state, &mut actions);
    actions
}

fn chosen(ui: &mut egui::Ui, state: &State, texts: Texts, actions: &mut Vec<Action>) {
    if state.is_head() {
        ui.disable();
    }
    match (state.selected, state.chosen()) {
        (Some(Selected::NewRow), _) => row_editor::new_row(ui, state, texts, actions),
        (Some(Selected::Line(_)), Some(chosen)) => match &chosen.row {
            Some(row) => row_editor::show(ui, state, texts, chosen, row, actions),
            None => bad_lines::editor(ui, state, texts, chosen, actions),
        },
        _ => empty(ui, texts.get("choose_a_row")),
    }
}

fn commit_after_a_pause(ui: &egui::Ui, state: &State, actions: &mut Vec<Action>) {
    if Composing::is_going_on(ui.ctx()) {
        return;
    }
    let now = ui.input(|input| input.time);
    match state.draft.as_ref().and_then(|draft| draft.wait(now)) {
        Some(wait) if wait > 0.0 => ui.ctx().request_repaint_after(Duration::from_secs_f64(wait)),
        Some(_) => actions.push(Action::Commit),
        None => {}
    }
}
