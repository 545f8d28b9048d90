//! Tables that are opened as data, and files of passages that become the corpus: shown first, then written beside the
//! file and opened.

use std::path::{Path, PathBuf};

use eframe::egui;

use super::Window;
use crate::app::background::Background;
use crate::app::data::corpus_dialog::{self, CorpusAction, CorpusDialog};
use crate::app::data::import_dialog::{self, ImportAction, ImportDialog};
use crate::app::error_texts;
use crate::app::widgets::Severity;
use crate::dataset::import::{CorpusFile, ImportError, Mapping, Skipped, Table, rows, write_rows};

/// Lines that were left out that a message tells.
const TOLD: usize = 3;

/// An import under way.
#[derive(Default)]
pub struct Import {
    dialog: Option<ImportDialog>,
    reading: Option<(PathBuf, Background<Result<Table, ImportError>>)>,
    writing: Option<Background<Result<Imported, ImportError>>>,
    corpus: Option<CorpusDialog>,
    reading_corpus: Option<Background<Result<CorpusFile, ImportError>>>,
    writing_corpus: Option<Background<Result<(PathBuf, usize), ImportError>>>,
}

struct Imported {
    path: PathBuf,
    rows: usize,
    skipped: Vec<Skipped>,
}

/// Whether a file is a table rather than rows, by its name.
pub fn is_table(path: &Path) -> bool {
    let end = path.extension().map(|end| end.to_string_lossy().to_lowercase());
    end.is_some_and(|end| ["csv", "tsv", "txt", "xlsx", "xlsm", "xls", "ods"].contains(&end.as_str()))
}

impl Window {
    /// Reads a table, to be shown before its lines become rows.
    pub(super) fn read_table(&mut self, path: PathBuf, sheet: Option<String>) {
        let file = path.clone();
        let read = Background::start(&self.context, move || Table::open(&file, sheet.as_deref()));
        self.import.reading = Some((path, read));
    }

    pub(super) fn drain_import(&mut self) {
        if let Some(done) = self.import.reading.as_ref().and_then(|(_, reading)| reading.poll())
            && let Some((path, _)) = self.import.reading.take()
        {
            match done {
                Ok(Ok(table)) => match &mut self.import.dialog {
                    Some(dialog) if dialog.path() == path => dialog.set_table(table),
                    _ => self.import.dialog = Some(ImportDialog::new(path, table)),
                },
                Ok(Err(error)) => self.messages.error(error_texts::import(self.texts, &error)),
                Err(_) => self.messages.error(self.texts.get("broke_off")),
            }
        }
        if let Some(done) = self.import.writing.as_ref().and_then(Background::poll) {
            self.import.writing = None;
            match done {
                Ok(Ok(Imported { path, rows, skipped })) => {
                    self.open_unless_unsaved(path);
                    let mut text = self.texts.with("imported", &[("rows", &rows), ("skipped", &skipped.len())]);
                    for skipped in skipped.iter().take(TOLD) {
                        text = format!("{text}\n{}", error_texts::skipped(self.texts, skipped));
                    }
                    if skipped.len() > TOLD {
                        text.push_str("\n…");
                    }
                    let severity = if skipped.is_empty() { Severity::Information } else { Severity::Warning };
                    self.messages.say(severity, text);
                }
                Ok(Err(error)) => self.messages.error(error_texts::import(self.texts, &error)),
                Err(_) => self.messages.error(self.texts.get("broke_off")),
            }
        }
        self.drain_corpus();
    }

    /// Reads a file of passages, to be shown before it becomes the corpus.
    pub(super) fn read_corpus(&mut self, path: PathBuf) {
        self.import.reading_corpus = Some(Background::start(&self.context, move || CorpusFile::open(&path)));
    }

    fn drain_corpus(&mut self) {
        if let Some(done) = self.import.reading_corpus.as_ref().and_then(Background::poll) {
            self.import.reading_corpus = None;
            match done {
                Ok(Ok(file)) => self.import.corpus = Some(CorpusDialog::new(file)),
                Ok(Err(error)) => self.messages.error(error_texts::import(self.texts, &error)),
                Err(_) => self.messages.error(self.texts.get("broke_off")),
            }
        }
        if let Some(done) = self.import.writing_corpus.as_ref().and_then(Background::poll) {
            self.import.writing_corpus = None;
            match done {
                Ok(Ok((path, passages))) => {
                    let text = self.texts.with("corpus_used", &[("file", &path.display()), ("passages", &passages)]);
                    self.messages.say(Severity::Information, text);
                    self.compare.corpus_path = Some(path.clone());
                    self.settings.corpus = Some(path);
                    self.settings_changed = true;
                    self.read_material();
                }
                Ok(Err(error)) => self.messages.error(error_texts::import(self.texts, &error)),
                Err(_) => self.messages.error(self.texts.get("broke_off")),
            }
        }
    }

    fn show_corpus(&mut self, ui: &mut egui::Ui) {
        let asked = self.import.corpus.as_ref().and_then(|dialog| corpus_dialog::show(ui, dialog, self.texts));
        if let Some(action) = asked
            && let Some(dialog) = self.import.corpus.take()
            && action == CorpusAction::Use
        {
            let (file, target) = dialog.into_parts();
            let write = move || file.write(target).map(|path| (path, file.passages().len()));
            self.import.writing_corpus = Some(Background::start(&self.context, write));
        }
    }

    pub(super) fn show_import(&mut self, ui: &mut egui::Ui) {
        self.show_corpus(ui);
        let Some(dialog) = &mut self.import.dialog else {
            return;
        };
        match import_dialog::show(ui, dialog, self.texts) {
            Some(ImportAction::Cancel) => self.import.dialog = None,
            Some(ImportAction::AsCorpus) => {
                let path = dialog.path().to_path_buf();
                self.import.dialog = None;
                self.read_corpus(path);
            }
            Some(ImportAction::ReadSheet(sheet)) => {
                let path = dialog.path().to_path_buf();
                self.read_table(path, Some(sheet));
            }
            Some(ImportAction::Import) => {
                if let Some(dialog) = self.import.dialog.take() {
                    let path = dialog.path().with_extension("jsonl");
                    let (table, mapping) = dialog.into_parts();
                    let write = Background::start(&self.context, move || import(&table, &mapping, path));
                    self.import.writing = Some(write);
                }
            }
            None => {}
        }
    }
}

fn import(table: &Table, mapping: &Mapping, path: PathBuf) -> Result<Imported, ImportError> {
    let (rows, skipped) = rows(table, mapping)?;
    write_rows(&path, &rows, false)?;
    Ok(Imported { path, rows: rows.len(), skipped })
}
