use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use serde_json::{Map, Value, json};

use super::follow::follow;
use super::models::Models;
use super::{Ending, out};
use crate::compute::DeviceInfo;
use crate::dataset::{Corpus, Dataset};
use crate::jobs::compare::{self, CompareEvent, CompareRequest, Question};
use crate::jobs::{Failure, Jobs};
use crate::retrieval::{Comparison, Method};
use crate::workspace::Workspace;

/// Measure a model on questions with known answers, alone or beside the model that it comes from.
///
/// Passages are searched by their text, without title.
#[derive(Debug, Args)]
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
        let questions = Questions::read(&self.models.corpus, &self.questions)?;
        let Models { model, base, .. } = &self.models;
        let (first, second) = match base {
            Some(base) => (base.clone(), Some(model.clone())),
            None => (model.clone(), None),
        };
        let comparison = compare(&questions, self.models.device()?, first, second, method, &self.k)?;
        if self.json {
            out::line(format_args!("{:#}", as_json(&comparison, base.is_some())));
        } else {
            out::line(format_args!(
                "{} questions, {} passages, {}\n",
                questions.questions.len(),
                questions.corpus.passages().len(),
                self.models.method_name()
            ));
            out::line(comparison.to_string().trim_end());
        }
        Ok(())
    }
}

/// A corpus and the questions that it answers.
pub struct Questions {
    pub corpus: Arc<Corpus>,
    pub questions: Arc<Vec<Question>>,
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
        Ok(Self { corpus: Arc::new(corpus), questions: Arc::new(questions) })
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

/// Compares two models, or measures one, and shows how far it is.
pub fn compare(
    questions: &Questions,
    device: DeviceInfo,
    base: PathBuf,
    tuned: Option<PathBuf>,
    method: Method,
    ks: &[usize],
) -> Result<Comparison, Ending> {
    let request = CompareRequest {
        device,
        base,
        tuned,
        corpus: Arc::clone(&questions.corpus),
        questions: Arc::clone(&questions.questions),
        method,
        ks: ks.to_vec(),
        cache: Some(Workspace::open(None)?.cache()),
    };
    let jobs = Jobs::new(|| ());
    let job = compare::start(&jobs, request);
    let mut compared = None;
    follow(&job, |event, _| {
        if let CompareEvent::Compared(comparison) = event {
            compared = Some(comparison);
        }
    })?;
    compared.ok_or_else(|| Failure::new("the comparison ended without a result", "try again").into())
}

/// `{"tuned": {"1": {"recall": 0.5, …}, …}, "base": …, "change": …}`; change in points of a hundred.
fn as_json(comparison: &Comparison, two: bool) -> Value {
    let mut models = Map::new();
    let mut put = |model: &str, k: usize, metric: String, value: f64| {
        let of_model = models.entry(model).or_insert_with(|| json!({}));
        of_model[k.to_string()][metric] = json!(value);
    };
    for row in &comparison.rows {
        let metric = row.metric.to_string().to_lowercase();
        put(if two { "base" } else { "tuned" }, row.k, metric.clone(), row.base);
        if let (Some(tuned), Some(change)) = (row.tuned, row.change()) {
            put("tuned", row.k, metric.clone(), tuned);
            put("change", row.k, metric, change);
        }
    }
    Value::Object(models)
}
