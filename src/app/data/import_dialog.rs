//! What a table looks like before its lines become rows, and which column is what.

use std::path::PathBuf;

use eframe::egui::{self, Align, Id, Label, Layout, RichText};
use egui_extras::{Column, TableBuilder};

use crate::app::error_texts;
use crate::app::texts::Texts;
use crate::app::theme::{palette, primary_button, section, size, space};
use crate::app::widgets::{Severity, notice};
use crate::dataset::import::{Mapping, Role, Table};

/// Lines and columns that are shown.
const LINES: usize = 20;
const COLUMNS: usize = 32;

/// Odd places that are told.
const ODD: usize = 100;

/// A table that is about to be imported.
pub struct ImportDialog {
    path: PathBuf,
    table: Table,
    mapping: Mapping,
    /// As it was typed: `\n` is a line break.
    separator: String,
}

/// What the user asked for.
#[derive(Clone, Debug, PartialEq)]
pub enum ImportAction {
    /// With the table and the mapping of [`ImportDialog::into_parts`].
    Import,
    Cancel,
    /// The file is no table of questions: it is to be read as passages.
    AsCorpus,
    /// Another sheet of the file is to be read, and given to [`ImportDialog::set_table`].
    ReadSheet(String),
}

impl ImportDialog {
    /// With the mapping that the names of the columns suggest.
    pub fn new(path: PathBuf, table: Table) -> Self {
        Self { path, mapping: Mapping::guess(&table), table, separator: String::new() }
    }

    pub fn path(&self) -> &std::path::Path {
        &self.path
    }

    /// Shows another sheet of the same file, with the mapping that its columns suggest.
    pub fn set_table(&mut self, table: Table) {
        self.mapping = Mapping::guess(&table);
        self.mapping.set_split(&self.separator);
        self.table = table;
    }

    /// The two that [`rows`](crate::dataset::import::rows) takes.
    pub fn into_parts(self) -> (Table, Mapping) {
        (self.table, self.mapping)
    }

    fn role(&self, column: usize) -> Role {
        self.mapping.roles.get(column).copied().unwrap_or_default()
    }

    /// The key of what has to be said before rows can be made.
    fn missing(&self) -> Option<&'static str> {
        let has = |role| self.mapping.columns(role).any(|column| column < self.table.width);
        if !has(Role::Query) {
            Some("import_needs_question")
        } else if !has(Role::Positive) {
            Some("import_needs_positive")
        } else {
            None
        }
    }
}

/// Draws the dialog above everything else.
pub fn show(ui: &mut egui::Ui, state: &mut ImportDialog, texts: Texts) -> Option<ImportAction> {
    let width = (ui.ctx().content_rect().width() - 2.0 * space::HUGE).min(size::WINDOW[0]);
    let modal = egui::Modal::new(Id::unique("import")).show(ui.ctx(), |ui| {
        ui.set_width(width);
        let name = state.path.file_name().unwrap_or_default().to_string_lossy();
        ui.label(RichText::new(texts.with("import_title", &[("file", &name)])).text_style(section()).strong())
            .on_hover_text(state.path.display().to_string());
        let mut action = options(ui, state, texts);
        ui.add_space(space::SMALL);
        preview(ui, state, texts);
        ui.add_space(space::SMALL);
        remarks(ui, state, texts);
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let import = primary_button(ui, texts.get("import_go"));
            if ui.add_enabled(state.missing().is_none(), import).clicked() {
                action = Some(ImportAction::Import);
            }
            if ui.button(texts.get("cancel")).clicked() {
                action = Some(ImportAction::Cancel);
            }
            if ui.button(texts.get("import_as_corpus")).on_hover_text(texts.get("import_as_corpus_help")).clicked() {
                action = Some(ImportAction::AsCorpus);
            }
        });
        action
    });
    let is_left = modal.should_close();
    modal.inner.or(is_left.then_some(ImportAction::Cancel))
}

/// Sheet, header and separator.
fn options(ui: &mut egui::Ui, state: &mut ImportDialog, texts: Texts) -> Option<ImportAction> {
    let mut action = None;
    ui.horizontal(|ui| {
        if let Some(chosen) = state.table.sheet {
            let label = texts.get("import_sheet");
            ui.label(label);
            let combo = egui::ComboBox::from_id_salt("sheet").selected_text(&state.table.sheets[chosen]);
            let combo = combo.show_ui(ui, |ui| {
                for (at, sheet) in state.table.sheets.iter().enumerate() {
                    if ui.selectable_label(at == chosen, sheet).clicked() && at != chosen {
                        action = Some(ImportAction::ReadSheet(sheet.clone()));
                    }
                }
            });
            combo.response.accessible_name(label);
            ui.separator();
        }
        ui.checkbox(&mut state.mapping.header, texts.get("import_header"));
        ui.separator();
        let (label, help) = (texts.get("import_separator"), texts.get("import_separator_help"));
        ui.label(label).on_hover_text(help);
        let field = egui::TextEdit::singleline(&mut state.separator)
            .align(egui::Align2::LEFT_CENTER)
            .desired_width(size::FIELD);
        if ui.add(field).accessible_name(label).on_hover_text(help).changed() {
            state.mapping.set_split(&state.separator);
        }
    });
    action
}

/// The first lines, with the role of each column above it.
fn preview(ui: &mut egui::Ui, state: &mut ImportDialog, texts: Texts) {
    let columns = state.table.columns(state.mapping.header);
    let shown = columns.len().min(COLUMNS);
    let mut chosen = None;
    let colours = palette(ui);
    egui::ScrollArea::horizontal().show(ui, |ui| {
        let table = TableBuilder::new(ui)
            .id_salt("import preview")
            .striped(true)
            .max_scroll_height(size::POPUP)
            .cell_layout(Layout::left_to_right(Align::Center))
            .column(Column::exact(size::RANK))
            .columns(Column::initial(size::PROGRESS).at_least(size::FIELD).clip(true).resizable(true), shown);
        let table = table.header(2.0 * size::ROW, |mut header| {
            header.col(|ui| {
                ui.label(RichText::new(texts.get("column_line")).small().color(colours.weak));
            });
            for (column, name) in columns.iter().take(shown).enumerate() {
                header.col(|ui| {
                    ui.vertical(|ui| {
                        ui.add(Label::new(RichText::new(name).strong()).truncate());
                        chosen = role_choice(ui, texts, column, name, state.role(column))
                            .map(|role| (column, role))
                            .or(chosen);
                    });
                });
            }
        });
        let lines = state.table.body(state.mapping.header);
        table.body(|body| {
            body.rows(size::ROW, lines.len().min(LINES), |mut row| {
                let line = &lines[row.index()];
                row.col(|ui| {
                    ui.label(RichText::new(line.line.to_string()).monospace().color(colours.weak));
                });
                for column in 0..shown {
                    let is_left_out = state.role(column) == Role::LeaveOut;
                    let colour = if is_left_out { colours.weak } else { colours.text };
                    row.col(|ui| {
                        ui.add(Label::new(RichText::new(line.cell(column)).color(colour)).truncate());
                    });
                }
            });
        });
    });
    if let Some((column, role)) = chosen {
        state.mapping.set(column, role);
    }
}

fn role_choice(ui: &mut egui::Ui, texts: Texts, column: usize, name: &str, role: Role) -> Option<Role> {
    let mut picked = None;
    let combo = egui::ComboBox::from_id_salt(("role", column)).selected_text(texts.get(role_key(role)));
    let combo = combo.show_ui(ui, |ui| {
        for other in Role::ALL {
            if ui.selectable_label(other == role, texts.get(role_key(other))).clicked() {
                picked = Some(other);
            }
        }
    });
    combo.response.accessible_name(texts.with("import_role_of", &[("column", &name)]));
    picked
}

fn role_key(role: Role) -> &'static str {
    match role {
        Role::Query => "import_role_query",
        Role::Positive => "import_role_positive",
        Role::Negative => "import_role_negative",
        Role::Prompt => "import_role_prompt",
        Role::Kind => "import_role_type",
        Role::Other => "import_role_other",
        Role::LeaveOut => "import_role_leave_out",
    }
}

/// How much there is, what is odd about it, and what is missing.
fn remarks(ui: &mut egui::Ui, state: &ImportDialog, texts: Texts) {
    let lines = state.table.body(state.mapping.header).len();
    let size = texts.with("import_size", &[("lines", &lines), ("columns", &state.table.width)]);
    ui.label(RichText::new(size).small().color(palette(ui).weak));
    if let Some(first) = state.table.problems.first() {
        let number = state.table.problems.len();
        let told = texts.with("import_problems", &[("number", &number), ("line", &first.line)]);
        notice(ui, Severity::Warning, &told);
        let area = egui::ScrollArea::vertical().id_salt("odd").max_height(size::BAD_LINES).auto_shrink([false, true]);
        area.show(ui, |ui| {
            for problem in state.table.problems.iter().take(ODD) {
                let told = error_texts::table_problem(texts, problem);
                ui.label(RichText::new(told).small().color(palette(ui).weak));
            }
        });
    }
    if let Some(missing) = state.missing() {
        notice(ui, Severity::Information, texts.get(missing));
    }
}

#[cfg(test)]
mod tests {
    use eframe::egui::accesskit::Role as Part;
    use egui_kittest::Harness;
    use egui_kittest::kittest::{NodeT, Queryable};

    use super::*;
    use crate::app::texts::Language;
    use crate::app::theme;

    struct Shown {
        dialog: ImportDialog,
        action: Option<ImportAction>,
        is_ready: bool,
    }

    fn open(table: Table) -> Harness<'static, Shown> {
        let dialog = ImportDialog::new("folder/问答.csv".into(), table);
        let shown = Shown { dialog, action: None, is_ready: false };
        let mut harness = Harness::builder().with_size([1280.0, 800.0]).build_ui_state(
            |ui, shown: &mut Shown| {
                if !std::mem::replace(&mut shown.is_ready, true) {
                    theme::install(ui.ctx());
                    return;
                }
                let asked = show(ui, &mut shown.dialog, Texts::new(Language::English));
                shown.action = asked.or(shown.action.take());
            },
            shown,
        );
        harness.run_steps(4);
        harness
    }

    fn csv(text: &str) -> Table {
        Table::from_bytes(text.as_bytes(), None).unwrap()
    }

    #[test]
    fn a_guessed_table_is_imported_at_once() {
        let mut bench = open(csv("问题,答案,来源\n什么是气孔？,孔洞,手册\n"));
        assert!(bench.query_by_label("Import 问答.csv").is_some());
        assert!(bench.query_by_label("什么是气孔？").is_some());
        assert_eq!(bench.get_by_label("Column 问题").value().as_deref(), Some("Question"));
        bench.get_by_label("Import").click();
        bench.run_steps(3);
        assert_eq!(bench.state().action, Some(ImportAction::Import));
        assert_eq!(bench.state().dialog.mapping.roles, [Role::Query, Role::Positive, Role::LeaveOut]);
    }

    #[test]
    fn roles_are_chosen_by_column_and_nothing_starts_without_a_positive() {
        let mut bench = open(csv("问题,x\n什么是气孔？,孔洞|圆孔\n"));
        assert!(bench.get_by_label("Import").accesskit_node().is_disabled());
        assert!(bench.query_by_label_contains("Choose the column of the positives").is_some());
        bench.get_by_label("Column x").click();
        bench.run_steps(3);
        bench.get_by_role_and_label(Part::Button, "Positive").click();
        bench.run_steps(3);
        assert!(!bench.get_by_label("Import").accesskit_node().is_disabled());
        let field = bench.get_by_role_and_label(Part::TextInput, "Split cells at");
        field.focus();
        bench.run_steps(2);
        bench.get_by_role_and_label(Part::TextInput, "Split cells at").type_text("|");
        bench.run_steps(3);
        assert_eq!(bench.state().dialog.mapping.split.as_deref(), Some("|"));
        bench.get_by_label("The first line names the columns").click();
        bench.run_steps(3);
        assert!(bench.query_by_label("Column 2").is_some(), "without header the columns have numbers");
    }

    #[test]
    fn escape_leaves_and_another_sheet_is_asked_for() {
        let mut table = csv("问题,答案\nq,a\n");
        (table.sheets, table.sheet) = (vec!["一".into(), "二".into()], Some(0));
        let mut bench = open(table);
        bench.get_by_role_and_label(Part::ComboBox, "Sheet").click();
        bench.run_steps(3);
        bench.get_by_label("二").click();
        bench.run_steps(3);
        assert_eq!(bench.state().action, Some(ImportAction::ReadSheet("二".into())));
        bench.get_by_label("Cancel").click();
        bench.run_steps(3);
        assert_eq!(bench.state().action, Some(ImportAction::Cancel));
    }
}
