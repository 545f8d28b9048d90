//! What the compare bench knows: what is compared, how, and what came of it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::mix_view::Mixing;
use super::score_map::{MapView, ScoreMap};
use super::search_view::Found;
use crate::dataset::Corpus;
use crate::jobs::Job;
use crate::jobs::compare::{CompareEvent, Question, Searched};
use crate::jobs::search::SearchEvent;
use crate::model::Matrix;
use crate::retrieval::{Comparison, Hit, Method, Metric, MetricRow, Weights};

/// Ranks that metrics look at.
pub const KS: [usize; 3] = [1, 3, 6];
/// Passages that a search shows.
pub const SHOWN: usize = 10;

/// One of the things that are compared or compared on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    Base,
    Tuned,
    Corpus,
    Questions,
}

impl Which {
    pub const ALL: [Self; 4] = [Self::Base, Self::Tuned, Self::Corpus, Self::Questions];

    pub fn key(self) -> &'static str {
        match self {
            Self::Base => "base_model",
            Self::Tuned => "tuned_model",
            Self::Corpus => "corpus",
            Self::Questions => "questions",
        }
    }

    pub fn missing_key(self) -> &'static str {
        match self {
            Self::Base => "missing_base",
            Self::Tuned => "missing_tuned",
            Self::Corpus => "missing_corpus",
            Self::Questions => "missing_questions",
        }
    }
}

/// How passages are scored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MethodKind {
    Dense,
    Sparse,
    Colbert,
    Hybrid,
}

impl MethodKind {
    pub const ALL: [Self; 4] = [Self::Dense, Self::Sparse, Self::Colbert, Self::Hybrid];

    pub fn key(self) -> &'static str {
        match self {
            Self::Dense => "method_dense",
            Self::Sparse => "method_sparse",
            Self::Colbert => "method_colbert",
            Self::Hybrid => "method_hybrid",
        }
    }

    pub fn help_key(self) -> &'static str {
        match self {
            Self::Dense => "method_dense_help",
            Self::Sparse => "method_sparse_help",
            Self::Colbert => "method_colbert_help",
            Self::Hybrid => "method_hybrid_help",
        }
    }
}

/// What the bench shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    Metrics,
    Search,
    Map,
    Mix,
}

impl View {
    pub const ALL: [Self; 4] = [Self::Metrics, Self::Search, Self::Map, Self::Mix];

    pub fn key(self) -> &'static str {
        match self {
            Self::Metrics => "view_metrics",
            Self::Search => "view_search",
            Self::Map => "view_map",
            Self::Mix => "view_mix",
        }
    }
}

/// Whose scores the map shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MapKind {
    Base,
    Tuned,
    Change,
}

impl MapKind {
    pub const ALL: [Self; 3] = [Self::Base, Self::Tuned, Self::Change];

    pub fn key(self) -> &'static str {
        match self {
            Self::Base => "map_base",
            Self::Tuned => "map_tuned",
            Self::Change => "map_change",
        }
    }
}

/// What an evaluation came to.
pub struct Evaluation {
    pub measured: Vec<MetricRow>,
    pub questions: Arc<Vec<Question>>,
    pub corpus: Arc<Corpus>,
    pub method: MethodKind,
    maps: [Option<Arc<ScoreMap>>; 3],
}

impl Evaluation {
    pub fn map(&self, kind: MapKind) -> Option<&Arc<ScoreMap>> {
        self.maps[kind as usize].as_ref()
    }
}

/// What a running evaluation has sent so far.
struct Evaluating {
    questions: Arc<Vec<Question>>,
    corpus: Arc<Corpus>,
    method: MethodKind,
    searched: Vec<Searched>,
}

pub struct State {
    pub base: Option<PathBuf>,
    pub tuned: Option<PathBuf>,
    pub corpus_path: Option<PathBuf>,
    pub questions_path: Option<PathBuf>,
    pub corpus: Option<Arc<Corpus>>,
    pub questions: Option<Arc<Vec<Question>>>,
    pub method: MethodKind,
    /// Of dense, sparse and ColBERT scores in a hybrid.
    pub weights: [f32; 3],
    pub view: View,
    pub question: String,
    pub evaluation: Option<Job<CompareEvent>>,
    evaluating: Option<Evaluating>,
    pub result: Option<Evaluation>,
    pub search: Option<Job<SearchEvent>>,
    /// What the running search has found so far, and how many models it asks.
    finding: Option<(Found, usize)>,
    pub found: Option<Found>,
    pub map_kind: MapKind,
    pub map_view: Option<MapView>,
    pub map_cell: Option<[usize; 2]>,
    pub mixing: Mixing,
}

impl Default for State {
    fn default() -> Self {
        let weights = Weights::default();
        Self {
            base: None,
            tuned: None,
            corpus_path: None,
            questions_path: None,
            corpus: None,
            questions: None,
            method: MethodKind::Dense,
            weights: [weights.dense, weights.sparse, weights.colbert],
            view: View::Metrics,
            question: String::new(),
            evaluation: None,
            evaluating: None,
            result: None,
            search: None,
            finding: None,
            found: None,
            map_kind: MapKind::Base,
            map_view: None,
            map_cell: None,
            mixing: Mixing::default(),
        }
    }
}

impl State {
    pub fn path(&self, which: Which) -> Option<&Path> {
        let path = match which {
            Which::Base => &self.base,
            Which::Tuned => &self.tuned,
            Which::Corpus => &self.corpus_path,
            Which::Questions => &self.questions_path,
        };
        path.as_deref()
    }

    /// The first thing that an evaluation still lacks. It works without a tuned model.
    pub fn missing(&self) -> Option<Which> {
        let lacks = [
            (Which::Base, self.base.is_none()),
            (Which::Corpus, self.corpus.is_none()),
            (Which::Questions, self.questions.is_none()),
        ];
        lacks.into_iter().find_map(|(which, lacks)| lacks.then_some(which))
    }

    pub fn method(&self) -> Method {
        let [dense, sparse, colbert] = self.weights;
        match self.method {
            MethodKind::Dense => Method::Dense,
            MethodKind::Sparse => Method::Sparse,
            MethodKind::Colbert => Method::Colbert,
            MethodKind::Hybrid => Method::Hybrid(Weights { dense, sparse, colbert }),
        }
    }

    pub fn is_evaluating(&self) -> bool {
        self.evaluation.as_ref().is_some_and(|job| !job.status().is_over())
    }

    pub fn is_searching(&self) -> bool {
        self.search.as_ref().is_some_and(|job| !job.status().is_over())
    }

    /// An evaluation of what is chosen now has begun.
    pub fn begin_evaluation(&mut self, job: Job<CompareEvent>, corpus: Arc<Corpus>, questions: Arc<Vec<Question>>) {
        self.evaluation = Some(job);
        self.evaluating = Some(Evaluating { questions, corpus, method: self.method, searched: Vec::new() });
    }

    /// A search for the question in the box has begun in so many models.
    pub fn begin_search(&mut self, job: Job<SearchEvent>, models: usize) {
        let known =
            self.questions.iter().flat_map(|questions| questions.iter()).find(|known| known.text == self.question);
        let right = known.map(|question| question.relevant.clone());
        self.finding = Some((Found { question: self.question.clone(), right, ..Found::default() }, models));
        self.search = Some(job);
    }

    /// Takes what the jobs have sent since the last frame.
    pub fn drain(&mut self) {
        let events = self.evaluation.as_ref().map(Job::poll).unwrap_or_default();
        events.into_iter().for_each(|event| self.take_comparison(event));
        let events = self.search.as_ref().map(Job::poll).unwrap_or_default();
        events.into_iter().for_each(|event| self.take_hits(event));
        self.mixing.drain();
    }

    fn take_comparison(&mut self, event: CompareEvent) {
        let Some(evaluating) = &mut self.evaluating else {
            return;
        };
        match event {
            CompareEvent::Searched(searched) => evaluating.searched.push(searched),
            CompareEvent::Compared(comparison) => {
                if let Some(evaluating) = self.evaluating.take() {
                    self.result = Some(evaluating.end(&comparison));
                    (self.map_view, self.map_cell) = (None, None);
                }
            }
        }
    }

    /// The lists appear together, so that nothing on the screen mixes two questions.
    fn take_hits(&mut self, event: SearchEvent) {
        let Some((finding, models)) = &mut self.finding else {
            return;
        };
        let hits = event.hits.iter().map(|Hit { passage, score }| (*passage, *score)).collect();
        finding.seconds.push(event.seconds);
        match finding.seconds.len() {
            1 => finding.base = hits,
            _ => finding.tuned = Some(hits),
        }
        if finding.seconds.len() >= *models {
            self.found = self.finding.take().map(|(found, _)| found);
        }
    }
}

impl Evaluating {
    fn end(self, comparison: &Comparison) -> Evaluation {
        let relevant: Vec<Vec<usize>> = self.questions.iter().map(|question| question.relevant.clone()).collect();
        let mut maps = self.searched.into_iter().map(|searched| {
            let Matrix { cols, values, .. } = searched.scores?;
            ScoreMap::new(cols, values, &relevant).map(Arc::new)
        });
        let (base, tuned) = (maps.next().flatten(), maps.next().flatten());
        let change =
            base.as_ref().zip(tuned.as_ref()).and_then(|(base, tuned)| ScoreMap::change(base, tuned)).map(Arc::new);
        let measured = Metric::ALL
            .into_iter()
            .flat_map(|metric| comparison.rows.iter().filter(move |row| row.metric == metric))
            .copied()
            .collect();
        Evaluation {
            measured,
            questions: self.questions,
            corpus: self.corpus,
            method: self.method,
            maps: [base, tuned, change],
        }
    }
}
