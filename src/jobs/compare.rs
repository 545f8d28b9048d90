//! Base and tuned model on the same questions, as a job.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use serde_json::{Map, Value};

use super::vectors::{self, Texts};
use super::{Failure, Job, JobContext, Jobs, Room};
use crate::compute::DeviceInfo;
use crate::dataset::{Corpus, Row, relevant};
use crate::model::{Matrix, TextKind};
use crate::retrieval::{Comparison, Hit, Method, SearchError, groups};

/// Ranks that are kept of each question's list.
const DEPTH: usize = 100;

/// Scores of all questions with all passages are kept up to this many (64 MiB).
const MOST_SCORES: usize = 1 << 24;

/// A question and its right passages, by their places in the corpus.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Question {
    pub text: String,
    pub relevant: Vec<usize>,
    /// What it is about, where the row has a `topic`, or else its first right passage.
    pub topic: Option<String>,
}

impl Question {
    /// Questions of rows whose positives are in the corpus; the rest can be neither found nor missed.
    /// The second value is the number of rows left out.
    pub fn of_rows<'a>(rows: impl IntoIterator<Item = &'a Row>, corpus: &Corpus) -> (Vec<Self>, usize) {
        let all = rows.into_iter().map(|row| {
            let relevant = relevant(row, corpus);
            let passage = relevant.first().and_then(|place| corpus.passages().get(*place));
            let topic = |other: &Map<String, Value>| Some(other.get("topic")?.as_str()?.to_owned());
            let topic = topic(&row.other).or_else(|| topic(&passage?.other));
            Self { text: row.query.clone(), relevant, topic }
        });
        let (known, unknown): (Vec<_>, Vec<_>) = all.partition(|question| !question.relevant.is_empty());
        (known, unknown.len())
    }
}

/// Passages, and questions whose answers are among them.
#[derive(Clone, Debug)]
pub struct EvaluationSet {
    pub corpus: Arc<Corpus>,
    pub questions: Arc<Vec<Question>>,
}

/// What is to be compared.
pub struct CompareRequest {
    pub device: DeviceInfo,
    /// Folders of the models; the base model first, or the only one.
    pub models: Vec<PathBuf>,
    /// The field's own questions first; then, to see what is forgotten, general ones.
    pub sets: Vec<EvaluationSet>,
    pub method: Method,
    pub ks: Vec<usize>,
    /// Folder of the embedding cache; without one all is computed.
    pub cache: Option<PathBuf>,
}

#[derive(Clone, Debug)]
pub enum CompareEvent {
    /// A model has searched for all questions of a set; the base model comes first.
    Searched(Searched),
    /// One a set, in their order, after all searches.
    Compared(Comparison),
}

/// What one model found.
#[derive(Clone, Debug)]
pub struct Searched {
    pub model: PathBuf,
    /// The place of the set among the request's.
    pub set: usize,
    /// One list a question, best first.
    pub rankings: Arc<Vec<Vec<Hit>>>,
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
    for model in &request.models {
        vectors::check(room, model, &options)?;
    }
    let mut searched = vec![Vec::new(); request.sets.len()];
    for model in &request.models {
        for (set, rankings) in searched.iter_mut().enumerate() {
            rankings.push(search(room, context, request, model, set)?);
        }
    }
    context.stage("weighing the differences", "");
    for (set, rankings) in request.sets.iter().zip(searched) {
        let relevant: Vec<Vec<usize>> = set.questions.iter().map(|question| question.relevant.clone()).collect();
        let named: Vec<_> =
            set.questions.iter().map(|question| (question.text.as_str(), question.topic.as_deref())).collect();
        let rankings: Vec<&[Vec<Hit>]> = rankings.iter().map(|rankings| rankings.as_slice()).collect();
        let comparison = Comparison::new(&relevant, &rankings, &request.ks, groups(&named));
        context.send(CompareEvent::Compared(comparison));
        if context.ask().is_break() {
            return Err(SearchError::Stopped.into());
        }
    }
    Ok(())
}

/// One model's answers to the questions of one set.
fn search(
    room: &mut Room,
    context: &JobContext<CompareEvent>,
    request: &CompareRequest,
    model: &Path,
    set: usize,
) -> Result<Arc<Vec<Vec<Hit>>>, Failure> {
    let EvaluationSet { corpus, questions } = &request.sets[set];
    let questions: Vec<&str> = questions.iter().map(|question| question.text.as_str()).collect();
    let started = Instant::now();
    let options = vectors::options(request.method);
    let mut texts = Texts { room, context, model, options, cache: request.cache.as_deref() };
    let index = texts.index(corpus)?;
    let queries = texts.encode(&questions, TextKind::Query)?;
    context.stage("searching", "questions");
    let all_scores = index.len().saturating_mul(questions.len()) <= MOST_SCORES;
    let deepest = request.ks.iter().copied().max().unwrap_or(0).max(DEPTH);
    let wanted = if all_scores { index.len() } else { deepest };
    let mut rankings = index.search_all(&queries, request.method, wanted, &mut |done, total| {
        context.progress(done, total);
        context.ask()
    })?;
    let scores = all_scores.then(|| matrix(&rankings, index.len()));
    rankings.iter_mut().for_each(|hits| hits.truncate(deepest));
    let rankings = Arc::new(rankings);
    let seconds = started.elapsed().as_secs_f64();
    let model = model.to_path_buf();
    context.send(CompareEvent::Searched(Searched { model, set, rankings: Arc::clone(&rankings), scores, seconds }));
    Ok(rankings)
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
            models: vec![MODEL.into(), MODEL.into()],
            sets: vec![EvaluationSet { corpus: Arc::new(corpus), questions: Arc::new(questions) }],
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
            assert!(comparison.rows.iter().all(|row| row.tuned[0].points() == 0.0 && row.tuned[0].paired.p == 1.0));
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
        let job = start(
            &jobs,
            CompareRequest { models: vec!["assets/starter-model".into()], ..request(Method::Sparse, None) },
        );
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
