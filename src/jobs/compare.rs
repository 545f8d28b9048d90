//! Base and tuned model on the same questions, as a job.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use super::vectors::{self, Texts};
use super::{Failure, Job, JobContext, Jobs, Room};
use crate::compute::DeviceInfo;
use crate::dataset::{Corpus, Row, relevant};
use crate::model::{Matrix, TextKind};
use crate::retrieval::{Comparison, Hit, Method};

/// Ranks that are kept of each question's list.
const DEPTH: usize = 100;

/// Scores of all questions with all passages are kept up to this many (64 MiB).
const MOST_SCORES: usize = 1 << 24;

/// A question and its right passages, by their places in the corpus.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Question {
    pub text: String,
    pub relevant: Vec<usize>,
}

impl Question {
    /// Questions of rows whose positives are in the corpus; the rest can be neither found nor missed.
    /// The second value is the number of rows left out.
    pub fn of_rows<'a>(rows: impl IntoIterator<Item = &'a Row>, corpus: &Corpus) -> (Vec<Self>, usize) {
        let all = rows.into_iter().map(|row| Self { text: row.query.clone(), relevant: relevant(row, corpus) });
        let (known, unknown): (Vec<_>, Vec<_>) = all.partition(|question| !question.relevant.is_empty());
        (known, unknown.len())
    }
}

/// What is to be compared.
pub struct CompareRequest {
    pub device: DeviceInfo,
    /// Folder of the base model, or of the only one.
    pub base: PathBuf,
    pub tuned: Option<PathBuf>,
    pub corpus: Arc<Corpus>,
    pub questions: Arc<Vec<Question>>,
    pub method: Method,
    pub ks: Vec<usize>,
    /// Folder of the embedding cache; without one all is computed.
    pub cache: Option<PathBuf>,
}

#[derive(Clone, Debug)]
pub enum CompareEvent {
    /// A model has searched for all questions; the base model comes first.
    Searched(Searched),
    Compared(Comparison),
}

/// What one model found.
#[derive(Clone, Debug)]
pub struct Searched {
    pub model: PathBuf,
    /// One list a question, best first.
    pub rankings: Vec<Vec<Hit>>,
    /// `[questions, passages]`; `None` if that were too many.
    pub scores: Option<Matrix>,
    pub seconds: f64,
}

/// Puts a comparison into the queue of its device.
pub fn start(jobs: &Jobs, request: CompareRequest) -> Job<CompareEvent> {
    let device = request.device.clone();
    jobs.start(&device, "Compare".into(), move |room, context| work(room, context, &request))
}

fn work(room: &mut Room, context: &JobContext<CompareEvent>, request: &CompareRequest) -> Result<(), Failure> {
    let options = vectors::options(request.method);
    let models: Vec<_> = std::iter::once(&request.base).chain(&request.tuned).collect();
    for model in &models {
        vectors::check(room, model, &options)?;
    }
    let questions: Vec<&str> = request.questions.iter().map(|question| question.text.as_str()).collect();
    let mut searched = Vec::new();
    for model in models {
        let started = Instant::now();
        let mut texts = Texts { room, context, model, options, cache: request.cache.as_deref() };
        let index = texts.index(&request.corpus)?;
        let queries = texts.encode(&questions, TextKind::Query)?;
        context.stage("searching", "questions");
        let all_scores = index.len().saturating_mul(questions.len()) <= MOST_SCORES;
        let deepest = request.ks.iter().copied().max().unwrap_or(0).max(DEPTH);
        let mut rankings = index.search_all(
            &queries,
            request.method,
            if all_scores { index.len() } else { deepest },
            &mut |done, total| {
                context.progress(done, total);
                context.ask()
            },
        )?;
        let scores = all_scores.then(|| matrix(&rankings, index.len()));
        rankings.iter_mut().for_each(|hits| hits.truncate(deepest));
        searched.push(rankings.clone());
        let seconds = started.elapsed().as_secs_f64();
        context.send(CompareEvent::Searched(Searched { model: model.clone(), rankings, scores, seconds }));
    }
    let relevant: Vec<Vec<usize>> = request.questions.iter().map(|question| question.relevant.clone()).collect();
    if let Some(base) = searched.first() {
        let comparison = Comparison::new(&relevant, base, searched.get(1).map(Vec::as_slice), &request.ks);
        context.send(CompareEvent::Compared(comparison));
    }
    Ok(())
}

/// Full rankings put back into the passages' order.
fn matrix(rankings: &[Vec<Hit>], passages: usize) -> Matrix {
    let mut values = vec![0.0; rankings.len() * passages];
    for (row, hits) in values.chunks_mut(passages.max(1)).zip(rankings) {
        for hit in hits {
            row[hit.passage] = hit.score;
        }
    }
    Matrix { rows: rankings.len(), cols: passages, values }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::compute::{DeviceChoice, choose};
    use crate::dataset::Dataset;
    use crate::jobs::Status;
    use crate::retrieval::{Metric, Weights};

    const MODEL: &str = "tests/fixtures/flagembedding/model_safetensors";

    /// The positives of the tiny model's rows as a corpus, and the rows' questions.
    fn request(method: Method, cache: Option<&Path>) -> CompareRequest {
        let rows = Dataset::open("tests/fixtures/flagembedding/data/weld_toy.jsonl").unwrap();
        let lines = rows
            .rows()
            .into_iter()
            .flat_map(|(_, row)| row.pos.clone())
            .map(|text| serde_json::json!({ "text": text }).to_string());
        let corpus = Corpus::from_bytes(lines.collect::<Vec<_>>().join("\n").as_bytes());
        let (questions, unknown) = Question::of_rows(rows.rows().iter().map(|(_, row)| &**row), &corpus);
        assert_eq!((questions.len(), unknown), (rows.rows().len(), 0));
        CompareRequest {
            device: choose(DeviceChoice::Cpu).unwrap(),
            base: MODEL.into(),
            tuned: Some(MODEL.into()),
            corpus: Arc::new(corpus),
            questions: Arc::new(questions),
            method,
            ks: vec![1, 3],
            cache: cache.map(Path::to_path_buf),
        }
    }

    fn run(jobs: &Jobs, request: CompareRequest) -> (Vec<Searched>, Comparison) {
        let job = start(jobs, request);
        assert_eq!(job.wait(), Status::Done);
        let mut searched = Vec::new();
        let mut compared = None;
        for event in job.poll() {
            match event {
                CompareEvent::Searched(one) => searched.push(one),
                CompareEvent::Compared(comparison) => compared = Some(comparison),
            }
        }
        (searched, compared.unwrap())
    }

    #[test]
    fn a_model_compared_with_itself_has_not_changed() {
        for method in [Method::Dense, Method::Sparse, Method::Colbert, Method::Hybrid(Weights::default())] {
            let (searched, comparison) = run(&Jobs::new(|| ()), request(method, None));
            assert_eq!(searched[0].rankings, searched[1].rankings);
            assert_eq!(comparison.rows.len(), 2 * Metric::ALL.len());
            assert!(comparison.rows.iter().all(|row| row.change() == Some(0.0)));
            let scores = searched[0].scores.as_ref().unwrap();
            for (question, hits) in searched[0].rankings.iter().enumerate() {
                assert_eq!(hits.len(), scores.cols.min(DEPTH));
                assert!(hits.iter().all(|hit| scores.row(question)[hit.passage] == hit.score));
                assert!(hits.is_sorted_by(|one, other| one.score >= other.score));
            }
        }
    }

    #[test]
    fn a_second_start_finds_the_same_from_the_disk_without_loading_weights() {
        let folder = tempfile::tempdir().unwrap();
        let (first, _) = run(&Jobs::new(|| ()), request(Method::Dense, Some(folder.path())));
        let jobs = Jobs::new(|| ());
        let request = request(Method::Dense, Some(folder.path()));
        let job = jobs.start(&request.device.clone(), "again".into(), move |room, context| {
            work(room, context, &request)?;
            assert!(!room.has_weights(Path::new(MODEL)), "the weights were loaded");
            Ok(())
        });
        assert_eq!(job.wait(), Status::Done);
        let again = job.poll().into_iter().find_map(|event| match event {
            CompareEvent::Searched(one) => Some(one.rankings),
            CompareEvent::Compared(_) => None,
        });
        assert_eq!(again.as_ref(), Some(&first[0].rankings));
    }

    #[test]
    fn a_model_without_heads_is_refused_for_sparse_search_at_once() {
        let jobs = Jobs::new(|| ());
        let job = start(&jobs, CompareRequest { base: "assets/starter-model".into(), ..request(Method::Sparse, None) });
        let Status::Failed(failure) = job.wait() else { panic!("{:?}", job.status()) };
        assert!(failure.why.contains("starter-model") && failure.what_to_do.contains("dense"), "{failure}");
    }

    #[test]
    fn a_comparison_can_be_cancelled() {
        let jobs = Jobs::new(|| ());
        let job = start(&jobs, request(Method::Dense, None));
        job.cancel();
        assert_eq!(job.wait(), Status::Cancelled);
        assert!(!job.poll().iter().any(|event| matches!(event, CompareEvent::Compared(_))));
    }
}
