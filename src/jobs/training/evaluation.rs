//! The questions that a run's model is asked while it is trained.

use std::collections::HashSet;
use std::ops::ControlFlow;

use crate::dataset::{Corpus, Dataset};
use crate::jobs::compare::Question;
use crate::jobs::{Failure, JobError};
use crate::model::{EmbeddingModel, EncodeOptions, ModelError, TextKind};
use crate::retrieval::{Index, Method, evaluate_rankings};
use crate::training::{Evaluation, TrainingConfig, TrainingError};

/// Numbers of passages that the metrics look at, as in [`EVALUATION_METRICS`](crate::training::EVALUATION_METRICS).
const KS: [usize; 4] = [1, 3, 6, 10];
/// Ranks beyond this are not told from one another.
const DEPTH: usize = 100;

/// Questions and the passages that they search.
pub struct EvaluationSet {
    passages: Vec<String>,
    questions: Vec<Question>,
}

impl EvaluationSet {
    /// Reads `eval_data` and `eval_corpus`; nothing if there is no `eval_data`.
    pub fn read(config: &TrainingConfig) -> Result<Option<Self>, Failure> {
        if config.eval_data.is_empty() {
            return Ok(None);
        }
        let mut rows = Vec::new();
        for path in &config.eval_data {
            rows.extend(Dataset::open(path)?.rows().into_iter().map(|(_, row)| row));
        }
        let corpus = match &config.eval_corpus {
            Some(path) => Corpus::open(path)?,
            None => {
                let mut seen = HashSet::new();
                let passages = rows.iter().flat_map(|row| row.pos.iter().chain(&row.neg));
                let distinct = passages.filter(|text| seen.insert(text.as_str()));
                let lines = distinct.map(|text| serde_json::json!({ "text": text }).to_string());
                Corpus::from_bytes(lines.collect::<Vec<_>>().join("\n").as_bytes())
            }
        };
        let (questions, _) = Question::of_rows(rows.iter().map(|row| &**row), &corpus);
        if questions.is_empty() {
            return Err(JobError::NoQuestions.into());
        }
        let passages = corpus.passages().iter().map(|passage| passage.text.clone()).collect();
        Ok(Some(Self { passages, questions }))
    }

    pub fn texts(&self) -> Vec<String> {
        self.questions.iter().map(|question| question.text.clone()).collect()
    }

    /// Searches for all questions by dense vectors; `None` if `ask` says to end.
    pub fn evaluate(
        &self,
        model: &EmbeddingModel,
        ask: &mut dyn FnMut() -> ControlFlow<()>,
    ) -> Result<Option<Evaluation>, TrainingError> {
        let options = EncodeOptions::default();
        let passages: Vec<&str> = self.passages.iter().map(String::as_str).collect();
        let questions: Vec<&str> = self.questions.iter().map(|question| question.text.as_str()).collect();
        let mut encode = |texts: &[&str], kind| match model.encode(texts, kind, &options, &mut |_, _| ask()) {
            Err(ModelError::Stopped) => Ok(None),
            vectors => vectors.map(Some),
        };
        let Some(passages) = encode(&passages, TextKind::Passage)? else { return Ok(None) };
        let Some(queries) = encode(&questions, TextKind::Query)? else { return Ok(None) };
        let index = Index::new(passages);
        let rankings = index.search_all(&queries, Method::Dense, DEPTH, &mut |_, _| ControlFlow::Continue(()))?;
        let relevant: Vec<Vec<usize>> = self.questions.iter().map(|question| question.relevant.clone()).collect();
        let rank = |(hits, relevant): (&Vec<crate::retrieval::Hit>, &Vec<usize>)| {
            Some(1 + hits.iter().position(|hit| relevant.contains(&hit.passage))?)
        };
        let ranks = rankings.iter().zip(&relevant).map(rank).collect();
        let metrics = evaluate_rankings(&relevant, &rankings, &KS).into_iter().flat_map(|metrics| {
            let k = metrics.k;
            [("recall", metrics.recall), ("mrr", metrics.mrr), ("ndcg", metrics.ndcg)]
                .map(|(name, value)| (format!("{name}@{k}"), value))
        });
        Ok(Some(Evaluation { metrics: metrics.collect(), ranks, ..Evaluation::default() }))
    }
}
