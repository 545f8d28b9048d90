use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use serde_json::{Map, Value, json};

use super::follow::follow;
use super::models::Models;
use super::{Ending, out};
use crate::compute::DeviceInfo;
use crate::dataset::{Corpus, Dataset};
use crate::jobs::Failure;
use crate::jobs::compare::{self, CompareEvent, CompareRequest, EvaluationSet, Question};
use crate::report::{self, Words};
use crate::retrieval::{Comparison, Method, Metric, MetricRow};
use crate::workspace::Workspace;

/// Measure a model on questions with known answers, alone or beside the model that it comes from.
///
/// Passages are searched by their text, without title.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  weldbench eval --model TUNED --base BAAI/bge-m3 --corpus corpus.jsonl --questions eval.jsonl
  weldbench eval --model TUNED --corpus corpus.jsonl --questions eval.jsonl --method hybrid --k 1,5,10 --json")]
pub struct Eval {
    #[command(flatten)]
    models: Models,
    /// JSONL file with questions and their positives, which are looked up in the corpus by `pos_ids` or text.
    #[arg(long, value_name = "FILE")]
    questions: PathBuf,
    /// Numbers of passages to look at.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 3, 6])]
    k: Vec<usize>,
    /// Write the metrics to standard output as one JSON object.
    #[arg(long)]
    json: bool,
}

impl Eval {
    pub(super) fn run(self) -> Result<(), Ending> {
        let method = self.models.method()?;
        if self.k.is_empty() || self.k.contains(&0) {
            return Err(Ending::Usage("--k takes numbers from 1 on, such as 1,3,6".into()));
        }
        let sets = [Questions::read(&self.models.corpus, &self.questions)?];
        let models = self.models.base.iter().chain([&self.models.model]).cloned().collect();
        let comparison = compare(&sets, self.models.device()?, models, method, &self.k)?.remove(0);
        if self.json {
            out::line(format_args!("{:#}", as_json(&comparison)));
        } else {
            let EvaluationSet { corpus, questions } = &sets[0].set;
            let (questions, passages) = (questions.len(), corpus.passages().len());
            out::line(format_args!("{questions} questions, {passages} passages, {}\n", self.models.method_name()));
            out::line(published(&comparison));
        }
        Ok(())
    }
}

/// A corpus and the questions that it answers.
pub struct Questions {
    pub corpus_path: PathBuf,
    pub questions_path: PathBuf,
    pub set: EvaluationSet,
}

impl Questions {
    /// Reads both files, and says on standard error what had to be left out.
    pub fn read(corpus_path: &Path, questions_path: &Path) -> Result<Self, Ending> {
        let corpus = read_corpus(corpus_path)?;
        let rows = Dataset::open(questions_path)?;
        let bad = (0..rows.lines().len()).filter(|at| rows.lines().read(*at).is_bad()).count();
        if bad > 0 {
            eprintln!(
                "warning: {}: {bad} lines cannot be used; `weldbench validate` says why",
                questions_path.display()
            );
        }
        let (questions, unknown) = Question::of_rows(rows.rows().iter().map(|(_, row)| &**row), &corpus);
        if unknown > 0 {
            eprintln!(
                "warning: {}: {unknown} questions are left out: the corpus has none of their positives",
                questions_path.display()
            );
        }
        if questions.is_empty() {
            let why = format!("{}: no question has a positive in {}", questions_path.display(), corpus_path.display());
            return Err(
                Failure::new(why, "give the corpus that holds the positives, by id (`pos_ids`) or by text").into()
            );
        }
        let set = EvaluationSet { corpus: Arc::new(corpus), questions: Arc::new(questions) };
        Ok(Self { corpus_path: corpus_path.to_path_buf(), questions_path: questions_path.to_path_buf(), set })
    }
}

/// Reads a corpus, and says on standard error what had to be left out.
pub fn read_corpus(path: &Path) -> Result<Corpus, Ending> {
    let corpus = Corpus::open(path)?;
    let bad = corpus.problems().iter().filter(|problem| problem.is_bad()).count();
    if let Some(first) = corpus.problems().iter().find(|problem| problem.is_bad()) {
        eprintln!("warning: {}: {bad} faults, whose lines are left out; the first: {first}", path.display());
    }
    if corpus.passages().is_empty() {
        let why = format!("{} holds no passages", path.display());
        return Err(Failure::new(why, "give a JSONL file whose lines have a `text`").into());
    }
    Ok(corpus)
}

/// Measures models, the base model first, on one or two sets, and shows how far it is. One comparison a set.
pub fn compare(
    sets: &[Questions],
    device: DeviceInfo,
    models: Vec<PathBuf>,
    method: Method,
    ks: &[usize],
) -> Result<Vec<Comparison>, Ending> {
    let request = CompareRequest {
        device,
        models,
        sets: sets.iter().map(|set| set.set.clone()).collect(),
        method,
        ks: ks.to_vec(),
        cache: Some(Workspace::open(None)?.cache()),
    };
    let jobs = super::jobs();
    let job = compare::start(&jobs, request);
    let mut compared = Vec::new();
    follow(&job, |event, _| {
        if let CompareEvent::Compared(comparison) = event {
            compared.push(comparison);
        }
    })?;
    if compared.len() < sets.len() {
        return Err(Failure::new("the comparison ended without a result", "try again").into());
    }
    Ok(compared)
}

/// The metrics in the layout of the published table.
pub fn published(comparison: &Comparison) -> String {
    let names = ["base", "tuned"].map(String::from);
    let table = report::table(&comparison.rows_by_k(&Metric::PUBLISHED), &names, &Words::ENGLISH);
    table.trim_end().to_owned()
}

/// `{"tuned": {"1": {"recall": 0.5, …}, …}, "base": …, "change": …}`; change in points of a hundred.
pub fn as_json(comparison: &Comparison) -> Value {
    let mut models = Map::new();
    let mut put = |model: &str, row: &MetricRow, value: f64| {
        let of_model = models.entry(model).or_insert_with(|| json!({}));
        of_model[row.k.to_string()][row.metric.key()] = json!(value);
    };
    for row in &comparison.rows {
        put(if row.tuned.is_empty() { "tuned" } else { "base" }, row, row.base);
        for tuned in &row.tuned {
            put("tuned", row, tuned.value);
            put("change", row, tuned.points());
        }
    }
    Value::Object(models)
}
