//! What the data bench has a model do: score passages, propose negatives, find passages.

use std::path::PathBuf;
use std::sync::Arc;

use super::Window;
use crate::app::background::Background;
use crate::app::data::{FOUND, FindBy, From, Mining, ScoredWith};
use crate::app::error_texts;
use crate::app::files::Purpose;
use crate::app::widgets::{ModelFrom, Severity};
use crate::compute::DeviceInfo;
use crate::dataset::{Corpus, LineId, Row};
use crate::jobs::mining::{self, MiningEvent, MiningRequest, Pool};
use crate::jobs::scoring::{self, Measure, Scorer, ScoringRequest};
use crate::jobs::search::{self, SearchEvent, SearchRequest};
use crate::jobs::{Instruction, Job, RowSource, Status};
use crate::retrieval::{Bm25, Method};

/// Jobs of the data bench.
#[derive(Default)]
pub struct DataModels {
    scoring: Option<Scoring>,
    rescoring: Rescoring,
    mining: Option<Job<MiningEvent>>,
    search: Option<Job<SearchEvent>>,
    words: Option<Background<FoundByWords>>,
    index: Option<Arc<WordIndex>>,
}

/// Scoring under way.
struct Scoring {
    job: Job<scoring::RowScores>,
    /// Of rows that were edited: nobody asked for it, so nothing is said of it.
    is_quiet: bool,
}

/// Rows that were edited after they were scored, to be scored again once the editing pauses.
#[derive(Default)]
struct Rescoring {
    /// When something was edited last, by the window's clock.
    edited_at: f64,
    rows: Vec<(LineId, Arc<Row>)>,
    /// What has yet to score them.
    left: Vec<ScoredWith>,
}

/// Seconds without an edit after which edited rows are scored again.
const PAUSE: f64 = 1.0;

/// Edited rows that are scored again by themselves; of more, such as after mining, it is asked for.
const FEW: usize = 32;

/// Passages with their scores, and the words that they were found by.
type FoundByWords = (Arc<WordIndex>, Vec<(String, f32)>);

/// The words of a corpus.
struct WordIndex {
    corpus: Arc<Corpus>,
    words: Bm25,
}

impl WordIndex {
    fn of(corpus: Arc<Corpus>) -> Self {
        let words = Bm25::new(corpus.passages().iter().map(|passage| passage.text.as_str()));
        Self { corpus, words }
    }

    fn find(&self, question: &str) -> Vec<(String, f32)> {
        let hits = self.words.search(question, FOUND).into_iter();
        hits.filter_map(|hit| Some((self.corpus.passages().get(hit.passage)?.text.clone(), hit.score))).collect()
    }
}

impl DataModels {
    /// Gives up what is under way for the file that was shown.
    pub(super) fn leave(&mut self) {
        self.scoring.take().iter().for_each(|scoring| scoring.job.cancel());
        self.rescoring = Rescoring::default();
        self.mining.take().iter().for_each(|job| job.cancel());
        self.search.take().iter().for_each(|job| job.cancel());
        self.words = None;
    }
}

impl Window {
    pub(super) fn drain_data_models(&mut self) {
        self.drain_scoring();
        self.score_edited();
        self.drain_mining();
        self.drain_found();
    }

    /// Says why a job did not end well.
    fn tell_end(&mut self, status: Status) {
        if let Status::Failed(failure) = status {
            self.messages.error(error_texts::failure(self.texts, &failure));
        }
    }

    /// Scores the rows in hand: with the model of the training bench, or with a reranker.
    pub(super) fn score_rows(&mut self, scorer: Scorer, reranker: Option<PathBuf>) {
        let Some(device) = self.devices.chosen().cloned() else {
            return;
        };
        let rows = self.data.rows_in_hand();
        if rows.is_empty() || self.data_models.scoring.is_some() || self.data.is_head() {
            return;
        }
        let model = reranker.unwrap_or_else(|| self.train.form.config.model_name_or_path.clone());
        let with = ScoredWith { model, scorer };
        self.data.begin_scores(with.clone());
        let job = scoring::start(&self.jobs, self.scoring_of(device, with, rows, false));
        self.data_models.scoring = Some(Scoring { job, is_quiet: false });
    }

    fn scoring_of(
        &self,
        device: DeviceInfo,
        with: ScoredWith,
        rows: RowSource,
        only_if_loaded: bool,
    ) -> ScoringRequest {
        let (ScoredWith { model, scorer }, instruction) = (with, self.instruction());
        ScoringRequest { device, model, scorer, instruction, rows, cache: Some(self.workspace.cache()), only_if_loaded }
    }

    /// What stands before questions in training stands there in mining and scoring.
    fn instruction(&self) -> Instruction {
        let config = &self.train.form.config;
        Instruction {
            text: config.query_instruction_for_retrieval.clone(),
            format: config.query_instruction_format.clone(),
        }
    }

    /// Scores rows again that were edited since, once the editing pauses and nothing else is computed, as far as the
    /// model is still in memory.
    fn score_edited(&mut self) {
        let now = self.context.input(|input| input.time);
        if self.data.all_scores().has_edited() {
            let edited = self.data.take_edited_since_scored();
            let rescoring = &mut self.data_models.rescoring;
            rescoring.rows.retain(|(line, _)| edited.iter().all(|(other, _)| other != line));
            rescoring.rows.extend(edited);
            rescoring.edited_at = now;
            rescoring.left = self.data.all_scores().with().to_vec();
        }
        let rescoring = &mut self.data_models.rescoring;
        if rescoring.rows.len() > FEW || rescoring.left.is_empty() {
            *rescoring = Rescoring::default();
            return;
        }
        let wait = rescoring.edited_at + PAUSE - now;
        if wait > 0.0 {
            return self.context.request_repaint_after(std::time::Duration::from_secs_f64(wait));
        }
        let Some(device) = self.devices.chosen().cloned() else {
            return;
        };
        if self.data_models.scoring.is_some() || !self.jobs.queue().is_empty() {
            // The end of a job wakes the window.
            return;
        }
        let Some(with) = rescoring.left.pop() else {
            return;
        };
        let lacks = |line: LineId| {
            let has = |by: &&Measure| self.data.all_scores().measures().any(|other| other == **by);
            let scores = self.data.scores(line);
            with.measures().iter().filter(has).any(|by| scores.is_some_and(|scores| scores.lacks(*by)))
        };
        let rows: Vec<_> = rescoring.rows.iter().filter(|(line, _)| lacks(*line)).cloned().collect();
        if !rows.is_empty() {
            let job = scoring::start(&self.jobs, self.scoring_of(device, with, rows.into(), true));
            self.data_models.scoring = Some(Scoring { job, is_quiet: true });
        }
    }

    pub(super) fn ask_for_reranker(&mut self, from: ModelFrom) {
        match from {
            ModelFrom::Folder => self.ask_for_files(Purpose::Reranker, None),
            ModelFrom::Hub => self.ask_for_model_of_hub(Purpose::Reranker),
        }
    }

    fn drain_scoring(&mut self) {
        let Some(Scoring { job, is_quiet }) = &self.data_models.scoring else {
            return;
        };
        // The status first: what was sent before the end is then taken in this round.
        let (status, is_quiet) = (job.status(), *is_quiet);
        let scored: Vec<_> = job.poll();
        if !scored.is_empty() {
            self.data.take_scores(scored);
        }
        if status.is_over() {
            self.data_models.scoring = None;
            if status == Status::Done && !is_quiet {
                let text = self.texts.with("scored", &[("number", &self.data.suspected())]);
                self.messages.say(Severity::Information, text);
            }
            self.tell_end(status);
        }
    }

    pub(super) fn mine_negatives(&mut self) {
        let (Some(device), Some(form)) =
            (self.devices.chosen().cloned(), self.data.mining.as_ref().map(|mining| mining.form.clone()))
        else {
            return;
        };
        let rows = self.data.rows_in_hand();
        let pool = match (form.from, &self.compare.corpus) {
            (From::Corpus, Some(corpus)) => Pool::Corpus(Arc::clone(corpus)),
            (From::Corpus, None) => return self.messages.error(self.texts.get("missing_corpus")),
            (From::Rows, _) => Pool::Rows(RowSource::all(self.data.lines())),
        };
        let request = MiningRequest {
            device,
            model: self.train.form.config.model_name_or_path.clone(),
            method: form.method,
            instruction: self.instruction(),
            rows,
            pool,
            options: form.options.clone(),
            cache: Some(self.workspace.cache()),
        };
        self.data.mining = Some(Mining { form, is_running: true, ..Mining::default() });
        self.data_models.mining = Some(mining::start(&self.jobs, request));
    }

    /// Puts the view away; a job that is under way is cancelled.
    pub(super) fn end_mining(&mut self) {
        if let Some(job) = self.data_models.mining.take() {
            job.cancel();
        }
        self.data.mining = None;
    }

    fn drain_mining(&mut self) {
        let Some(job) = &self.data_models.mining else {
            return;
        };
        let status = job.status();
        let events = job.poll();
        if let Some(mining) = &mut self.data.mining {
            for event in events {
                match event {
                    MiningEvent::Proposed(proposal) => Arc::make_mut(&mut mining.proposals).push(proposal),
                    MiningEvent::Summary(summary) => mining.summary = Some(summary),
                }
            }
            mining.is_running = !status.is_over();
        }
        if status.is_over() {
            self.data_models.mining = None;
            self.tell_end(status);
        }
    }

    /// Searches the corpus for the chosen row's question, or for what was typed.
    pub(super) fn find_passages(&mut self, by: FindBy) {
        let Some(corpus) = self.compare.corpus.clone() else {
            return self.messages.error(self.texts.get("missing_corpus"));
        };
        let row = self.data.chosen().and_then(|chosen| chosen.row.clone());
        let typed = self.data.finder.text.trim().to_owned();
        let question = match &row {
            Some(row) if typed.is_empty() => row.query.clone(),
            _ => typed,
        };
        let instruction = self.instruction().of_row(row.as_deref());
        if question.is_empty() || self.data.finder.is_searching {
            return;
        }
        match by {
            FindBy::Words => {
                let known = self.data_models.index.clone().filter(|index| Arc::ptr_eq(&index.corpus, &corpus));
                self.data_models.words = Some(Background::start(&self.context, move || {
                    let index = known.unwrap_or_else(|| Arc::new(WordIndex::of(corpus)));
                    let found = index.find(&question);
                    (index, found)
                }));
            }
            FindBy::Model => {
                let Some(device) = self.devices.chosen().cloned() else {
                    return;
                };
                let request = SearchRequest {
                    device,
                    models: vec![self.train.form.config.model_name_or_path.clone()],
                    corpus,
                    question,
                    instruction,
                    method: Method::Dense,
                    k: FOUND,
                    cache: Some(self.workspace.cache()),
                };
                self.data_models.search = Some(search::start(&self.jobs, request));
            }
        }
        self.data.finder.is_searching = true;
    }

    fn drain_found(&mut self) {
        if let Some(done) = self.data_models.words.as_ref().and_then(Background::poll) {
            self.data_models.words = None;
            self.data.finder.is_searching = false;
            match done {
                Ok((index, found)) => {
                    self.data_models.index = Some(index);
                    self.data.finder.hits = found;
                }
                Err(_) => self.messages.error(self.texts.get("broke_off")),
            }
        }
        let Some(job) = &self.data_models.search else {
            return;
        };
        let status = job.status();
        for found in job.poll() {
            let passages = self.compare.corpus.as_ref().map(|corpus| corpus.passages()).unwrap_or_default();
            let hits = found.hits.iter();
            let hits = hits.filter_map(|hit| Some((passages.get(hit.passage)?.text.clone(), hit.score)));
            self.data.finder.hits = hits.collect();
        }
        if status.is_over() {
            self.data_models.search = None;
            self.data.finder.is_searching = false;
            self.tell_end(status);
        }
    }
}
