//! What the compare bench asks for.

use std::path::PathBuf;
use std::sync::Arc;

use super::Window;
use crate::app::background::Background;
use crate::app::compare::{Action, KS, SHOWN, Which};
use crate::app::error_texts;
use crate::app::files::Purpose;
use crate::app::widgets::Severity;
use crate::dataset::{Corpus, Dataset, DatasetError};
use crate::jobs::compare::{self, CompareRequest, Question};
use crate::jobs::search::{self, SearchRequest};

/// A corpus, and the questions whose answers are in it.
pub(super) struct Material {
    corpus: Arc<Corpus>,
    questions: Option<Arc<Vec<Question>>>,
    /// Questions whose answers are not in the corpus.
    left_out: usize,
}

impl Window {
    pub(super) fn apply_compare(&mut self, action: Action) {
        match action {
            Action::Choose(which) => {
                let purpose = match which {
                    Which::Base => Purpose::BaseModel,
                    Which::Tuned => Purpose::TunedModel,
                    Which::Corpus => Purpose::Corpus,
                    Which::Questions => Purpose::Questions,
                };
                let near = self.compare.path(which).map(PathBuf::from);
                self.ask_for_files(purpose, near);
            }
            Action::WithoutTuned => self.compare.tuned = None,
            Action::SetMethod(method) => self.compare.method = method,
            Action::SetWeight(index, weight) => self.compare.weights[index] = weight,
            Action::Evaluate => self.evaluate(),
            Action::Cancel => {
                if let Some(job) = &self.compare.evaluation {
                    job.cancel();
                }
            }
            Action::Show(view) => self.compare.view = view,
            Action::SetQuestion(question) => self.compare.question = question,
            Action::PickQuestion(index) => {
                if let Some(question) = self.compare.questions.as_ref().and_then(|questions| questions.get(index)) {
                    self.compare.question = question.text.clone();
                    self.search();
                }
            }
            Action::Search => self.search(),
            Action::ShowMap(kind) => self.compare.map_kind = kind,
            Action::SetMapView(view) => self.compare.map_view = Some(view),
            Action::HoverCell(cell) => self.compare.map_cell = cell,
            Action::Mix(action) => self.apply_mix(action),
        }
    }

    fn evaluate(&mut self) {
        let (Some(device), Some(base)) = (self.devices.chosen().cloned(), self.compare.base.clone()) else {
            return;
        };
        let (Some(corpus), Some(questions)) = (self.compare.corpus.clone(), self.compare.questions.clone()) else {
            return;
        };
        let request = CompareRequest {
            device,
            base,
            tuned: self.compare.tuned.clone(),
            corpus: Arc::clone(&corpus),
            questions: Arc::clone(&questions),
            method: self.compare.method(),
            ks: KS.to_vec(),
            cache: Some(self.workspace.cache()),
        };
        let job = compare::start(&self.jobs, request);
        self.compare.begin_evaluation(job, corpus, questions);
    }

    fn search(&mut self) {
        let (Some(device), Some(base), Some(corpus)) =
            (self.devices.chosen().cloned(), self.compare.base.clone(), self.compare.corpus.clone())
        else {
            return;
        };
        if let Some(earlier) = &self.compare.search {
            earlier.cancel();
        }
        let models: Vec<PathBuf> = std::iter::once(base).chain(self.compare.tuned.clone()).collect();
        let count = models.len();
        let request = SearchRequest {
            device,
            models,
            corpus,
            question: self.compare.question.trim().to_string(),
            instruction: Default::default(),
            method: self.compare.method(),
            k: SHOWN,
            cache: Some(self.workspace.cache()),
        };
        let job = search::start(&self.jobs, request);
        self.compare.begin_search(job, count);
    }

    /// Reads corpus and questions anew: which passages are right depends on both.
    pub(super) fn read_material(&mut self) {
        let (Some(corpus), questions) = (self.compare.corpus_path.clone(), self.compare.questions_path.clone()) else {
            return;
        };
        (self.compare.corpus, self.compare.questions) = (None, None);
        self.reading = Some(Background::start(&self.context, move || read(&corpus, questions.as_deref())));
    }

    pub(super) fn drain_reading(&mut self) {
        let Some(done) = self.reading.as_ref().and_then(Background::poll) else {
            return;
        };
        self.reading = None;
        match done {
            Ok(Ok(material)) => {
                if material.left_out > 0 {
                    self.messages.say(
                        Severity::Warning,
                        self.texts.with("questions_left_out", &[("number", &material.left_out)]),
                    );
                }
                self.compare.corpus = Some(material.corpus);
                self.compare.questions = material.questions;
            }
            Ok(Err(error)) => self.messages.error(error_texts::dataset(self.texts, &error)),
            Err(_) => self.messages.error(self.texts.get("broke_off")),
        }
    }
}

fn read(corpus: &std::path::Path, questions: Option<&std::path::Path>) -> Result<Material, DatasetError> {
    let corpus = Arc::new(Corpus::open(corpus)?);
    let Some(questions) = questions else {
        return Ok(Material { corpus, questions: None, left_out: 0 });
    };
    let rows = Dataset::open(questions)?;
    let (questions, left_out) = Question::of_rows(rows.rows().iter().map(|(_, row)| &**row), &corpus);
    Ok(Material { corpus, questions: Some(Arc::new(questions)), left_out })
}
