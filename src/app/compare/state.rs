//! What the compare bench knows: what is compared, how, and what came of it.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::time::Instant;

use super::found::{Found, FoundList};
use super::mix_view::Mixing;
use super::score_map::{MapView, ScoreMap};
use super::text_map::TextMap;
use super::why::Why;
use crate::dataset::Corpus;
use crate::jobs::Job;
use crate::jobs::compare::{CompareEvent, EvaluationSet, Question, Searched};
use crate::jobs::search::SearchEvent;
use crate::model::Matrix;
use crate::retrieval::{Comparison, Hit, Method, Outcome, Weights};

/// Ranks that metrics look at, as they are typed.
const KS: &str = "1, 3, 6, 10";
/// Passages that a search shows.
pub const SHOWN: usize = 10;

/// One of the things that are compared or compared on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    Base,
    Tuned,
    Corpus,
    Questions,
    /// Of the second set, which shows what was forgotten.
    GeneralCorpus,
    GeneralQuestions,
}

impl Which {
    pub const MODELS: [Self; 2] = [Self::Base, Self::Tuned];
    pub const SET: [Self; 2] = [Self::Corpus, Self::Questions];
    pub const GENERAL: [Self; 2] = [Self::GeneralCorpus, Self::GeneralQuestions];

    pub fn key(self) -> &'static str {
        match self {
            Self::Base => "base_model",
            Self::Tuned => "tuned_model",
            Self::Corpus => "corpus",
            Self::Questions => "questions",
            Self::GeneralCorpus => "general_corpus",
            Self::GeneralQuestions => "general_questions",
        }
    }

    pub fn missing_key(self) -> &'static str {
        match self {
            Self::Base => "missing_base",
            Self::Tuned => "missing_tuned",
            Self::Corpus | Self::GeneralCorpus => "missing_corpus",
            Self::Questions | Self::GeneralQuestions => "missing_questions",
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

    /// The weights are those of a hybrid.
    pub fn weighted(self, [dense, sparse, colbert]: [f32; 3]) -> Method {
        match self {
            Self::Dense => Method::Dense,
            Self::Sparse => Method::Sparse,
            Self::Colbert => Method::Colbert,
            Self::Hybrid => Method::Hybrid(Weights { dense, sparse, colbert }),
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
    Groups,
    Questions,
    Search,
    Map,
    Points,
    Mix,
}

impl View {
    pub const ALL: [Self; 7] =
        [Self::Metrics, Self::Groups, Self::Questions, Self::Search, Self::Map, Self::Points, Self::Mix];

    pub fn key(self) -> &'static str {
        match self {
            Self::Metrics => "view_metrics",
            Self::Groups => "view_groups",
            Self::Questions => "view_questions",
            Self::Search => "view_search",
            Self::Map => "view_map",
            Self::Points => "view_points",
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
    /// The base model first.
    pub models: Vec<PathBuf>,
    /// The field's own questions first.
    pub sets: Vec<Evaluated>,
    pub method: MethodKind,
    maps: [Option<Arc<ScoreMap>>; 3],
}

impl Evaluation {
    pub fn map(&self, kind: MapKind) -> Option<&Arc<ScoreMap>> {
        self.maps[kind as usize].as_ref()
    }
}

/// Questions and what came of them.
pub struct Evaluated {
    pub source: Source,
    pub comparison: Comparison,
    /// For each tuned model the questions from the greatest gain to the greatest loss.
    pub by_gain: Vec<Vec<usize>>,
}

impl Evaluated {
    fn new(source: Source, comparison: Comparison) -> Self {
        let by_gain = (1..comparison.ranks.len()).map(|model| {
            let gains: Vec<f64> = comparison.outcomes(model - 1).iter().map(Outcome::gain).collect();
            let mut order: Vec<usize> = (0..gains.len()).collect();
            order.sort_by(|one, other| gains[*other].total_cmp(&gains[*one]));
            order
        });
        let by_gain = by_gain.collect();
        Self { source, comparison, by_gain }
    }
}

/// Questions and passages, and the files that they were read from.
#[derive(Clone)]
pub struct Source {
    pub set: EvaluationSet,
    pub corpus_path: PathBuf,
    pub questions_path: PathBuf,
}

impl Source {
    /// As the questions' file is called.
    pub fn name(&self) -> String {
        self.questions_path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
    }
}

/// What a running evaluation has sent so far.
struct Evaluating {
    models: Vec<PathBuf>,
    sources: Vec<Source>,
    method: MethodKind,
    searched: Vec<Searched>,
    compared: Vec<Comparison>,
}

pub struct State {
    pub base: Option<PathBuf>,
    pub tuned: Option<PathBuf>,
    /// Models beside the tuned one.
    pub more: Vec<PathBuf>,
    pub corpus_path: Option<PathBuf>,
    pub questions_path: Option<PathBuf>,
    pub general_corpus_path: Option<PathBuf>,
    pub general_questions_path: Option<PathBuf>,
    pub corpus: Option<Arc<Corpus>>,
    pub questions: Option<Arc<Vec<Question>>>,
    /// The second set.
    pub general: Option<EvaluationSet>,
    /// Ranks that metrics look at, as they are typed.
    pub ks: String,
    /// Which of the evaluated sets, and which of the tuned models, is shown.
    pub shown: [usize; 2],
    /// Whether the table has all metrics, or those of the published one.
    pub all_metrics: bool,
    /// Whether the questions that lost come first.
    pub losses_first: bool,
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
    /// What is explained instead of the lists.
    pub why: Option<Why>,
    /// When the question was last typed at, while no search has begun since.
    pub typed: Option<Instant>,
    /// What the last search was made with: the same again needs nothing encoded but the question.
    searchable: Option<Searchable>,
    pub map_kind: MapKind,
    pub map_view: Option<MapView>,
    pub map_cell: Option<[usize; 2]>,
    pub text_map: TextMap,
    pub mixing: Mixing,
}

impl Default for State {
    fn default() -> Self {
        let weights = Weights::default();
        Self {
            base: None,
            tuned: None,
            more: Vec::new(),
            corpus_path: None,
            questions_path: None,
            general_corpus_path: None,
            general_questions_path: None,
            corpus: None,
            questions: None,
            general: None,
            ks: KS.to_owned(),
            shown: [0; 2],
            all_metrics: false,
            losses_first: false,
            typed: None,
            searchable: None,
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
            why: None,
            map_kind: MapKind::Base,
            map_view: None,
            map_cell: None,
            text_map: TextMap::default(),
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
            Which::GeneralCorpus => &self.general_corpus_path,
            Which::GeneralQuestions => &self.general_questions_path,
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
        self.method.weighted(self.weights)
    }

    /// All models that are chosen, the base model first.
    pub fn models(&self) -> Vec<PathBuf> {
        let Some(base) = &self.base else { return Vec::new() };
        std::iter::once(base).chain(&self.tuned).chain(&self.more).cloned().collect()
    }

    /// The ranks that metrics look at, ascending; `None` where what is typed is no list of numbers from 1 on.
    pub fn ks(&self) -> Option<Vec<usize>> {
        let words = self.ks.split([',', '，', '、', ' ']).filter(|word| !word.is_empty());
        let mut ks: Vec<usize> = words.map(|word| word.parse().ok().filter(|k| *k > 0)).collect::<Option<_>>()?;
        ks.sort_unstable();
        ks.dedup();
        (!ks.is_empty()).then_some(ks)
    }

    /// What is chosen to be evaluated on.
    pub fn sources(&self) -> Vec<Source> {
        let source = |set: Option<EvaluationSet>, corpus: &Option<PathBuf>, questions: &Option<PathBuf>| {
            Some(Source { set: set?, corpus_path: corpus.clone()?, questions_path: questions.clone()? })
        };
        let own = self.corpus.clone().zip(self.questions.clone());
        let own = own.map(|(corpus, questions)| EvaluationSet { corpus, questions });
        let general = source(self.general.clone(), &self.general_corpus_path, &self.general_questions_path);
        source(own, &self.corpus_path, &self.questions_path).into_iter().chain(general).collect()
    }

    /// The evaluated set that is shown.
    pub fn evaluated(&self) -> Option<&Evaluated> {
        let sets = &self.result.as_ref()?.sets;
        sets.get(self.shown[0]).or(sets.first())
    }

    pub fn set_weight(&mut self, index: usize, weight: f32) {
        self.weights[index] = weight;
        let Method::Hybrid(weights) = self.method() else { return };
        if let Some(found) = &mut self.found {
            found.rank_anew(weights);
        }
    }

    /// Whether a search now has nothing to encode but the question.
    pub fn is_searchable(&self) -> bool {
        self.searchable.is_some() && self.searchable == self.searched_with()
    }

    fn searched_with(&self) -> Option<Searchable> {
        Some(Searchable { models: self.models(), corpus: Arc::downgrade(self.corpus.as_ref()?), method: self.method })
    }

    pub fn is_evaluating(&self) -> bool {
        self.evaluation.as_ref().is_some_and(|job| !job.status().is_over())
    }

    pub fn is_searching(&self) -> bool {
        self.search.as_ref().is_some_and(|job| !job.status().is_over())
    }

    /// An evaluation of what is chosen now has begun.
    pub fn begin_evaluation(&mut self, job: Job<CompareEvent>, models: Vec<PathBuf>, sources: Vec<Source>) {
        self.evaluation = Some(job);
        let (searched, compared) = (Vec::new(), Vec::new());
        self.evaluating = Some(Evaluating { models, sources, method: self.method, searched, compared });
    }

    /// A search for the question in the box has begun in these models.
    pub fn begin_search(&mut self, job: Job<SearchEvent>, models: Vec<PathBuf>) {
        let question = self.question.trim().to_owned();
        let known = self.questions.iter().flat_map(|questions| questions.iter()).find(|known| known.text == question);
        let right = known.map(|question| question.relevant.clone());
        let count = models.len();
        self.finding = Some((Found { question, right, models, lists: Vec::new() }, count));
        (self.search, self.why) = (Some(job), None);
        (self.typed, self.searchable) = (None, self.searched_with());
    }

    /// Takes what the jobs have sent since the last frame.
    pub fn drain(&mut self) {
        let events = self.evaluation.as_ref().map(Job::poll).unwrap_or_default();
        events.into_iter().for_each(|event| self.take_comparison(event));
        let events = self.search.as_ref().map(Job::poll).unwrap_or_default();
        events.into_iter().for_each(|event| self.take_hits(event));
        if let Some(why) = &mut self.why {
            why.drain();
        }
        self.mixing.forget_others(self.base.as_ref(), self.tuned.as_ref());
        self.mixing.drain();
    }

    fn take_comparison(&mut self, event: CompareEvent) {
        let Some(evaluating) = &mut self.evaluating else {
            return;
        };
        match event {
            CompareEvent::Searched(searched) => evaluating.searched.push(searched),
            CompareEvent::Compared(comparison) => evaluating.compared.push(comparison),
        }
        if evaluating.compared.len() == evaluating.sources.len()
            && let Some(evaluating) = self.evaluating.take()
        {
            self.result = Some(evaluating.end());
            (self.map_view, self.map_cell, self.shown) = (None, None, [0; 2]);
            self.text_map.judge_anew();
        }
    }

    /// The lists appear together, so that nothing on the screen mixes two questions.
    fn take_hits(&mut self, event: SearchEvent) {
        let Some((finding, models)) = &mut self.finding else {
            return;
        };
        let hits = event.hits.iter().map(|Hit { passage, score }| (*passage, *score)).collect();
        finding.lists.push(FoundList { hits, parts: event.parts, seconds: event.seconds });
        if finding.lists.len() >= *models {
            self.found = self.finding.take().map(|(found, _)| found);
            // The weights may have moved meanwhile.
            if let (Method::Hybrid(weights), Some(found)) = (self.method(), &mut self.found) {
                found.rank_anew(weights);
            }
        }
    }
}

impl Evaluating {
    fn end(self) -> Evaluation {
        let own = self.sources.first().map(|source| Arc::clone(&source.set.questions)).unwrap_or_default();
        let relevant: Vec<Vec<usize>> = own.iter().map(|question| question.relevant.clone()).collect();
        let own = self.searched.into_iter().filter(|searched| searched.set == 0);
        let mut maps = own.map(|searched| {
            let Matrix { cols, values, .. } = searched.scores?;
            ScoreMap::new(cols, values, &relevant).map(Arc::new)
        });
        let (base, tuned) = (maps.next().flatten(), maps.next().flatten());
        let change =
            base.as_ref().zip(tuned.as_ref()).and_then(|(base, tuned)| ScoreMap::change(base, tuned)).map(Arc::new);
        let sets = self.sources.into_iter().zip(self.compared);
        let sets = sets.map(|(source, comparison)| Evaluated::new(source, comparison)).collect();
        Evaluation { models: self.models, sets, method: self.method, maps: [base, tuned, change] }
    }
}

/// What a search is made with.
struct Searchable {
    models: Vec<PathBuf>,
    corpus: Weak<Corpus>,
    method: MethodKind,
}

impl PartialEq for Searchable {
    fn eq(&self, other: &Self) -> bool {
        (&self.models, self.method) == (&other.models, other.method) && Weak::ptr_eq(&self.corpus, &other.corpus)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_of_passages_are_read_from_a_list() {
        let ks = |text: &str| State { ks: text.to_owned(), ..State::default() }.ks();
        assert_eq!(State::default().ks(), Some(vec![1, 3, 6, 10]));
        assert_eq!(ks("10，5、5 1"), Some(vec![1, 5, 10]));
        for wrong in ["", "0", "1, x", "-1"] {
            assert_eq!(ks(wrong), None, "{wrong}");
        }
    }
}
