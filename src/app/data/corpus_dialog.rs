//! What a file would be as the corpus: its first passages, what is left out and why, and where it is kept.

use std::path::PathBuf;

use eframe::egui::{self, Align, Id, Label, Layout, RichText};
use egui_extras::{Column, TableBuilder};

use super::fault_texts;
use crate::app::error_texts;
use crate::app::texts::Texts;
use crate::app::theme::{palette, primary_button, section, size, space};
use crate::app::widgets::{Severity, notice};
use crate::dataset::import::{CorpusFile, CorpusForm};

/// Passages and lines that are shown.
const PASSAGES: usize = 20;
const REMARKS: usize = 100;

/// A file that is about to become the corpus.
pub struct CorpusDialog {
    file: CorpusFile,
    target: Option<PathBuf>,
}

/// What the user asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CorpusAction {
    /// With the file and the target of [`CorpusDialog::into_parts`].
    Use,
    Cancel,
}

impl CorpusDialog {
    pub fn new(file: CorpusFile) -> Self {
        Self { target: file.target(), file }
    }

    pub fn into_parts(self) -> (CorpusFile, Option<PathBuf>) {
        (self.file, self.target)
    }

    /// Why lines are left out, and what else is odd.
    fn remarks(&self, texts: Texts) -> Vec<String> {
        let skipped = self.file.skipped.iter().map(|line| error_texts::skipped(texts, line));
        let odd = self.file.oddities.iter().map(|problem| error_texts::table_problem(texts, problem));
        let problems = self.file.problems.iter().map(|problem| {
            texts.with("line_told", &[("line", &problem.line), ("what", &fault_texts::problem(texts, problem))])
        });
        skipped.chain(odd).chain(problems).take(REMARKS).collect()
    }
}

/// Draws the dialog above everything else.
pub fn show(ui: &mut egui::Ui, dialog: &CorpusDialog, texts: Texts) -> Option<CorpusAction> {
    let width = (ui.ctx().content_rect().width() - 2.0 * space::HUGE).min(size::WINDOW[0] * 0.75);
    let modal = egui::Modal::new(Id::unique("corpus import")).show(ui.ctx(), |ui| {
        ui.set_width(width);
        let file = &dialog.file;
        let name = file.path.file_name().unwrap_or_default().to_string_lossy();
        ui.label(RichText::new(texts.with("corpus_title", &[("file", &name)])).text_style(section()).strong())
            .on_hover_text(file.path.display().to_string());
        ui.label(RichText::new(summary(file, texts)).small().color(palette(ui).weak));
        ui.add_space(space::SMALL);
        preview(ui, file);
        remarks(ui, dialog, texts);
        ui.add_space(space::SMALL);
        let kept = match &dialog.target {
            Some(target) => texts.with("corpus_written_to", &[("file", &target.display())]),
            None => texts.get("corpus_as_it_is").into(),
        };
        ui.label(kept);
        let mut action = None;
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let button = primary_button(ui, texts.get("corpus_use"));
            if ui.add_enabled(!file.passages().is_empty(), button).clicked() {
                action = Some(CorpusAction::Use);
            }
            if ui.button(texts.get("cancel")).clicked() {
                action = Some(CorpusAction::Cancel);
            }
        });
        action
    });
    let is_left = modal.should_close();
    modal.inner.or(is_left.then_some(CorpusAction::Cancel))
}

/// Form, encoding, and how much there is.
fn summary(file: &CorpusFile, texts: Texts) -> String {
    let form = texts.get(match file.form {
        CorpusForm::Objects => "corpus_objects",
        CorpusForm::Lines => "corpus_lines",
        CorpusForm::Table => "corpus_table",
    });
    let encoding = file.encoding.map_or_else(String::new, |encoding| format!(" · {encoding}"));
    let values: [(&str, &dyn std::fmt::Display); 2] =
        [("passages", &file.passages().len()), ("left_out", &file.left_out())];
    format!("{form}{encoding} · {}", texts.with("corpus_counts", &values))
}

fn preview(ui: &mut egui::Ui, file: &CorpusFile) {
    let weak = palette(ui).weak;
    let has_titles = file.passages().iter().take(PASSAGES).any(|passage| !passage.title.is_empty());
    let columns = ["id", "title", "text"].into_iter().filter(|column| has_titles || *column != "title");
    let mut table = TableBuilder::new(ui)
        .id_salt("corpus preview")
        .striped(true)
        .max_scroll_height(size::POPUP)
        .cell_layout(Layout::left_to_right(Align::Center))
        .column(Column::initial(size::FIELD).clip(true));
    if has_titles {
        table = table.column(Column::initial(size::PROGRESS).clip(true).resizable(true));
    }
    let table = table.column(Column::remainder().clip(true)).header(size::ROW, |mut header| {
        for column in columns {
            header.col(|ui| {
                ui.label(RichText::new(column).small().color(weak));
            });
        }
    });
    table.body(|body| {
        body.rows(size::ROW, file.passages().len().min(PASSAGES), |mut row| {
            let passage = &file.passages()[row.index()];
            row.col(|ui| {
                ui.label(RichText::new(&passage.id).monospace().color(weak));
            });
            if has_titles {
                row.col(|ui| {
                    ui.add(Label::new(&passage.title).truncate());
                });
            }
            row.col(|ui| {
                ui.add(Label::new(&passage.text).truncate());
            });
        });
    });
}

fn remarks(ui: &mut egui::Ui, dialog: &CorpusDialog, texts: Texts) {
    if dialog.file.passages().is_empty() {
        notice(ui, Severity::Error, texts.get("corpus_no_passages"));
    }
    let remarks = dialog.remarks(texts);
    if remarks.is_empty() {
        return;
    }
    ui.add_space(space::SMALL);
    notice(ui, Severity::Warning, &texts.with("corpus_left_out", &[("number", &dialog.file.left_out())]));
    let area = egui::ScrollArea::vertical().id_salt("left out").max_height(size::BAD_LINES).auto_shrink([false, true]);
    area.show(ui, |ui| {
        for remark in remarks {
            ui.label(RichText::new(remark).small().color(palette(ui).weak));
        }
    });
}
