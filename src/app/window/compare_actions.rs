//! What the compare bench asks for.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Bench, Window};
use crate::app::background::Background;
use crate::app::compare::{Action, SHOWN, View, Which, Why};
use crate::app::error_texts;
use crate::app::files::Purpose;
use crate::app::texts::Language;
use crate::app::widgets::{ModelFrom, Severity};
use crate::dataset::{Corpus, Dataset, DatasetError};
use crate::jobs::compare::{self, CompareRequest, EvaluationSet, Question};
use crate::jobs::explain::{self, ExplainRequest};
use crate::jobs::search::{self, SearchRequest};
use crate::report::{Compared, ComparedSet, Format, Report, Words};

/// Between the last letter typed and the search for it.
const TYPING_PAUSE: Duration = Duration::from_millis(150);

/// A corpus, and the questions whose answers are in it.
pub(super) struct Material {
    corpus: Arc<Corpus>,
    questions: Option<Arc<Vec<Question>>>,
    /// The second set.
    general: Option<EvaluationSet>,
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
                    Which::GeneralCorpus => Purpose::GeneralCorpus,
                    Which::GeneralQuestions => Purpose::GeneralQuestions,
                };
                let near = self.compare.path(which).map(PathBuf::from);
                self.ask_for_files(purpose, near);
            }
            Action::WithoutTuned => {
                self.compare.tuned = None;
                self.compare.more.clear();
            }
            Action::ChooseOfHub(which) => {
                let purpose = if which == Which::Base { Purpose::BaseModel } else { Purpose::TunedModel };
                self.ask_for_model_of_hub(purpose);
            }
            Action::AddModel(ModelFrom::Folder) => {
                self.ask_for_files(Purpose::AnotherModel, self.compare.tuned.clone());
            }
            Action::AddModel(ModelFrom::Hub) => self.ask_for_model_of_hub(Purpose::AnotherModel),
            Action::RemoveModel(at) => {
                self.compare.more.remove(at);
            }
            Action::WithoutGeneral => {
                (self.compare.general_corpus_path, self.compare.general_questions_path) = (None, None);
                self.compare.general = None;
                (self.settings.general_corpus, self.settings.general_evaluation) = (None, None);
                self.settings_changed = true;
            }
            Action::SetKs(ks) => self.compare.ks = ks,
            Action::ShowSet(at) => self.compare.shown[0] = at,
            Action::ShowTuned(at) => self.compare.shown[1] = at,
            Action::AllMetrics(all) => self.compare.all_metrics = all,
            Action::LossesFirst(first) => self.compare.losses_first = first,
            Action::OpenQuestion(question) => {
                self.compare.view = View::Search;
                self.compare.question = question;
                self.search();
            }
            Action::Explain(passage) => self.explain(passage),
            Action::CloseExplanation => self.compare.why = None,
            Action::SaveReport(format) => {
                let name = format!("{}.{}", self.texts.get("report_name"), format.ending());
                self.ask_for_files(Purpose::SaveReport(format), Some(name.into()));
            }
            Action::SetMethod(method) => self.compare.method = method,
            Action::SetWeight(index, weight) => self.compare.set_weight(index, weight),
            Action::Evaluate => self.evaluate(),
            Action::Cancel => {
                if let Some(job) = &self.compare.evaluation {
                    job.cancel();
                }
            }
            Action::Show(view) => self.compare.view = view,
            Action::SetQuestion(question) => {
                self.compare.question = question;
                self.compare.typed = Some(Instant::now());
            }
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
            Action::Points(action) => self.apply_points(action),
            Action::Mix(action) => self.apply_mix(action),
        }
    }

    fn evaluate(&mut self) {
        let (Some(device), Some(ks)) = (self.devices.chosen().cloned(), self.compare.ks()) else {
            return;
        };
        let (models, sources) = (self.compare.models(), self.compare.sources());
        if models.is_empty() || sources.is_empty() {
            return;
        }
        let request = CompareRequest {
            device,
            models: models.clone(),
            sets: sources.iter().map(|source| source.set.clone()).collect(),
            method: self.compare.method(),
            ks,
            cache: Some(self.workspace.cache()),
        };
        let job = compare::start(&self.jobs, request);
        self.compare.begin_evaluation(job, models, sources);
    }

    fn search(&mut self) {
        let (Some(device), Some(corpus)) = (self.devices.chosen().cloned(), self.compare.corpus.clone()) else {
            return;
        };
        let models = self.compare.models();
        if models.is_empty() {
            return;
        }
        if let Some(earlier) = &self.compare.search {
            earlier.cancel();
        }
        let request = SearchRequest {
            device,
            models: models.clone(),
            corpus,
            question: self.compare.question.trim().to_string(),
            instruction: Default::default(),
            method: self.compare.method(),
            k: SHOWN,
            cache: Some(self.workspace.cache()),
        };
        let job = search::start(&self.jobs, request);
        self.compare.begin_search(job, models);
    }

    fn explain(&mut self, passage: usize) {
        let (Some(device), Some(corpus)) = (self.devices.chosen().cloned(), &self.compare.corpus) else {
            return;
        };
        let (Some(found), Some(text)) = (&self.compare.found, corpus.passages().get(passage)) else {
            return;
        };
        let request = ExplainRequest {
            device,
            models: found.models.clone(),
            question: found.question.clone(),
            passage: text.text.clone(),
        };
        self.compare.why = Some(Why::new(explain::start(&self.jobs, request)));
    }

    /// Searches for what is being typed, once nothing but the question has to be encoded.
    pub(super) fn search_while_typing(&mut self) {
        let Some(typed) = self.compare.typed else { return };
        if self.bench != Bench::Compare || self.compare.question.trim().is_empty() || !self.compare.is_searchable() {
            self.compare.typed = None;
            return;
        }
        match TYPING_PAUSE.checked_sub(typed.elapsed()) {
            Some(left) if !left.is_zero() => self.context.request_repaint_after(left),
            _ => self.search(),
        }
    }

    /// Writes what was evaluated last; models and files are read for their fingerprints.
    pub(super) fn save_report(&mut self, path: PathBuf, format: Format) {
        let Some(result) = &self.compare.result else { return };
        let words = if self.texts.language() == Language::Chinese { Words::CHINESE } else { Words::ENGLISH };
        let sets = result.sets.iter().map(|evaluated| ComparedSet {
            questions: evaluated.source.questions_path.clone(),
            corpus: evaluated.source.corpus_path.clone(),
            passages: evaluated.source.set.corpus.passages().len(),
            texts: evaluated.source.set.questions.iter().map(|question| question.text.clone()).collect(),
            comparison: evaluated.comparison.clone(),
        });
        let compared = Compared {
            title: self.texts.get("report_title").to_owned(),
            method: words.method_name(result.method.weighted(self.compare.weights)).to_owned(),
            models: result.models.clone(),
            sets: sets.collect(),
        };
        let work = move || Report::gather(compared)?.save(&path, format, &words);
        self.reporting = Some(Background::start(&self.context, work));
    }

    pub(super) fn drain_reporting(&mut self) {
        let Some(done) = self.reporting.as_ref().and_then(Background::poll) else {
            return;
        };
        self.reporting = None;
        match done {
            Ok(Ok(files)) => {
                let files = files.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ");
                self.messages.say(Severity::Information, self.texts.with("report_saved", &[("file", &files)]));
            }
            Ok(Err(error)) => self.messages.error(error_texts::failure(self.texts, &error.into())),
            Err(_) => self.messages.error(self.texts.get("broke_off")),
        }
    }

    /// Reads corpus and questions anew: which passages are right depends on both.
    pub(super) fn read_material(&mut self) {
        let Some(corpus) = self.compare.corpus_path.clone() else {
            return;
        };
        let questions = self.compare.questions_path.clone();
        let general = self.compare.general_corpus_path.clone().zip(self.compare.general_questions_path.clone());
        (self.compare.corpus, self.compare.questions, self.compare.general) = (None, None, None);
        self.reading = Some(Background::start(&self.context, move || {
            let mut material = read(&corpus, questions.as_deref())?;
            if let Some((corpus, questions)) = general {
                let general = read(&corpus, Some(&questions))?;
                material.left_out += general.left_out;
                material.general =
                    general.questions.map(|questions| EvaluationSet { corpus: general.corpus, questions });
            }
            Ok(material)
        }));
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
                self.compare.general = material.general;
            }
            Ok(Err(error)) => self.messages.error(error_texts::dataset(self.texts, &error)),
            Err(_) => self.messages.error(self.texts.get("broke_off")),
        }
    }
}

fn read(corpus: &std::path::Path, questions: Option<&std::path::Path>) -> Result<Material, DatasetError> {
    let corpus = Arc::new(Corpus::open(corpus)?);
    let Some(questions) = questions else {
        return Ok(Material { corpus, questions: None, general: None, left_out: 0 });
    };
    let rows = Dataset::open(questions)?;
    let (questions, left_out) = Question::of_rows(rows.rows().iter().map(|(_, row)| &**row), &corpus);
    Ok(Material { corpus, questions: Some(Arc::new(questions)), general: None, left_out })
}
