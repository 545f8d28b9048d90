use std::path::PathBuf;

use clap::Args;

use super::{Ending, out};
use crate::dataset::import::{
    CorpusMapping, Mapping, Role, Skipped, Table, passages, rows, write_passages, write_rows,
};

/// Make a data file of a table of questions and answers: CSV, TSV, XLSX, XLS or ODS.
///
/// Columns are given by name or by number from 1. Which column is what is guessed from the names of
/// the columns, in English or Chinese, where it is not given.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  weldbench import 问答.xlsx --output rows.jsonl
  weldbench import faq.csv --query question --pos answer --neg wrong --split \"|\" --output rows.jsonl
  weldbench import 手册.xlsx --corpus --output corpus.jsonl")]
pub struct Import {
    /// The table. UTF-8, GBK and UTF-16 are recognised.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// JSONL file to write.
    #[arg(long, value_name = "FILE.jsonl")]
    output: PathBuf,
    /// Column of the questions.
    #[arg(long, value_name = "COLUMN", conflicts_with = "corpus")]
    query: Option<String>,
    /// Column of passages that answer; may be given several times.
    #[arg(long, value_name = "COLUMN", conflicts_with = "corpus")]
    pos: Vec<String>,
    /// Column of passages that do not answer; may be given several times.
    #[arg(long, value_name = "COLUMN", conflicts_with = "corpus")]
    neg: Vec<String>,
    /// Column of instructions for the questions.
    #[arg(long, value_name = "COLUMN", conflicts_with = "corpus")]
    prompt: Option<String>,
    /// Column of FlagEmbedding's `type`.
    #[arg(long = "type", value_name = "COLUMN", conflicts_with = "corpus")]
    kind: Option<String>,
    /// What parts a cell into several passages; \n is a line break, \t a tab.
    #[arg(long, value_name = "SEPARATOR", conflicts_with = "corpus")]
    split: Option<String>,
    /// Sheet of a workbook; its first one if not given.
    #[arg(long, value_name = "NAME")]
    sheet: Option<String>,
    /// The first line is data, not the names of the columns.
    #[arg(long)]
    no_header: bool,
    /// Keep the other columns as fields of the rows.
    #[arg(long, conflicts_with = "corpus")]
    keep_other: bool,
    /// Write a corpus, with id, title and text of each passage.
    #[arg(long)]
    corpus: bool,
    /// Column of the corpus' ids.
    #[arg(long, value_name = "COLUMN", requires = "corpus")]
    id: Option<String>,
    /// Column of the corpus' titles.
    #[arg(long, value_name = "COLUMN", requires = "corpus")]
    title: Option<String>,
    /// Column of the corpus' texts.
    #[arg(long, value_name = "COLUMN", requires = "corpus")]
    text: Option<String>,
    /// Replace the output if it is there.
    #[arg(long)]
    overwrite: bool,
}

impl Import {
    pub(super) fn run(self) -> Result<(), Ending> {
        let table = Table::open(&self.file, self.sheet.as_deref())?;
        let source = match (table.encoding, table.sheet) {
            (Some(encoding), _) => encoding.to_string(),
            (None, Some(sheet)) => format!("sheet `{}`", table.sheets[sheet]),
            (None, None) => String::new(),
        };
        eprintln!("{}: {source}, {} lines, {} columns", self.file.display(), table.rows.len(), table.width);
        let (count, what, skipped) = if self.corpus {
            let (passages, skipped) = passages(&table, &self.corpus_mapping(&table)?)?;
            write_passages(&self.output, &passages, self.overwrite)?;
            (passages.len(), "passages", skipped)
        } else {
            let (rows, skipped) = rows(&table, &self.mapping(&table)?)?;
            write_rows(&self.output, &rows, self.overwrite)?;
            (rows.len(), "rows", skipped)
        };
        for problem in table.problems.iter().filter(|problem| !problem.fault.is_bad()) {
            eprintln!("{}: {problem}", self.file.display());
        }
        for Skipped { line, reason } in &skipped {
            out::line(format_args!("{}:{line}: skipped: {reason}", self.file.display()));
        }
        out::line(format_args!("{}: {count} {what}, {} lines skipped", self.output.display(), skipped.len()));
        Ok(())
    }

    /// The roles that are given; those that are not are guessed and told, unless one that is given
    /// took their column.
    fn mapping(&self, table: &Table) -> Result<Mapping, Ending> {
        let guessed = Mapping::guess(table);
        let given: Vec<_> = (self.query.iter().map(|name| (Role::Query, name)))
            .chain(self.pos.iter().map(|name| (Role::Positive, name)))
            .chain(self.neg.iter().map(|name| (Role::Negative, name)))
            .chain(self.prompt.iter().map(|name| (Role::Prompt, name)))
            .chain(self.kind.iter().map(|name| (Role::Kind, name)))
            .collect();
        let header = self.header(table, guessed.header, given.iter().map(|(_, name)| name.as_str()));
        let mut mapping = Mapping { header, ..Mapping::default() };
        mapping.set_split(self.split.as_deref().unwrap_or_default());
        for (role, name) in &given {
            mapping.set(table.column(name, header)?, *role);
        }
        let is_given = |role| given.iter().any(|(given, _)| *given == role);
        let names = table.columns(header);
        for (column, role) in guessed.roles.into_iter().enumerate() {
            let is_taken = mapping.roles.get(column).is_some_and(|role| *role != Role::LeaveOut);
            if role != Role::LeaveOut && !is_given(role) && !is_taken {
                eprintln!("guessed: {} is column {}", option(role), names[column]);
                mapping.set(column, role);
            }
        }
        if self.keep_other {
            mapping.keep_other(table);
        }
        Ok(mapping)
    }

    fn corpus_mapping(&self, table: &Table) -> Result<CorpusMapping, Ending> {
        let guessed = CorpusMapping::guess(table);
        let given = [&self.id, &self.title, &self.text];
        let header = self.header(table, guessed.header, given.into_iter().flatten().map(String::as_str));
        let names = table.columns(header);
        let column = |option: &str, given: &Option<String>, guessed: Option<usize>| match (given, guessed) {
            (Some(name), _) => table.column(name, header).map(Some),
            (None, Some(column)) => {
                eprintln!("guessed: {option} is column {}", names[column]);
                Ok(Some(column))
            }
            (None, None) => Ok(None),
        };
        Ok(CorpusMapping {
            header,
            id: column("--id", &self.id, guessed.id)?,
            title: column("--title", &self.title, guessed.title)?,
            text: column("--text", &self.text, guessed.text)?,
        })
    }

    /// There is a header if a column is called by its name, or if the guess says so.
    fn header<'a>(&self, table: &Table, guessed: bool, mut given: impl Iterator<Item = &'a str>) -> bool {
        let names_one = |name: &str| table.column(name, true).is_ok() && table.column(name, false).is_err();
        let header = !self.no_header && (guessed || given.any(names_one));
        if !header && !self.no_header {
            eprintln!("guessed: --no-header, since the first line holds no name that is known");
        }
        header
    }
}

fn option(role: Role) -> &'static str {
    match role {
        Role::Query => "--query",
        Role::Positive => "--pos",
        Role::Negative => "--neg",
        Role::Prompt => "--prompt",
        Role::Kind => "--type",
        Role::Other | Role::LeaveOut => "--keep-other",
    }
}
