//! Tables that are opened as data: shown first, then written as rows beside the table, and opened.

use std::path::{Path, PathBuf};

use eframe::egui;

use super::Window;
use crate::app::background::Background;
use crate::app::data::import_dialog::{self, ImportAction, ImportDialog};
use crate::app::widgets::Severity;
use crate::dataset::import::{ImportError, Mapping, Table, rows, write_rows};

/// An import under way.
#[derive(Default)]
pub struct Import {
    dialog: Option<ImportDialog>,
    reading: Option<(PathBuf, Background<Result<Table, ImportError>>)>,
    writing: Option<Background<Result<Imported, ImportError>>>,
}

struct Imported {
    path: PathBuf,
    rows: usize,
    skipped: usize,
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
                Ok(Err(error)) => self.messages.error(error.to_string()),
                Err(_) => self.messages.error(self.texts.get("broke_off")),
            }
        }
        if let Some(done) = self.import.writing.as_ref().and_then(Background::poll) {
            self.import.writing = None;
            match done {
                Ok(Ok(Imported { path, rows, skipped })) => {
                    self.open_unless_unsaved(path);
                    let text = self.texts.with("imported", &[("rows", &rows), ("skipped", &skipped)]);
                    let severity = if skipped > 0 { Severity::Warning } else { Severity::Information };
                    self.messages.say(severity, text);
                }
                Ok(Err(error)) => self.messages.error(error.to_string()),
                Err(_) => self.messages.error(self.texts.get("broke_off")),
            }
        }
    }

    pub(super) fn show_import(&mut self, ui: &mut egui::Ui) {
        let Some(dialog) = &mut self.import.dialog else {
            return;
        };
        match import_dialog::show(ui, dialog, self.texts) {
            Some(ImportAction::Cancel) => self.import.dialog = None,
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
    Ok(Imported { path, rows: rows.len(), skipped: skipped.len() })
}
