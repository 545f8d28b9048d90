//! Work on the open file away from the window's thread: checking its lines, finding the rows that a filter lets
//! through, keeping reviews, writing parts of it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Window;
use super::data_files;
use crate::app::background::Background;
use crate::app::data::view::{self, BadPattern};
use crate::app::error_texts;
use crate::app::widgets::Severity;
use crate::dataset::{
    CountTokens, Dataset, DatasetError, Expectations, Lengths, Lines, OtherFile, Reviews, Survey, Watch, export,
};
use crate::model::ModelFolder;

/// What rows are checked against.
#[derive(Clone, Debug, PartialEq)]
pub struct Check {
    negatives: usize,
    query_max_len: usize,
    passage_max_len: usize,
    /// Whose tokens are counted; none if no lengths are checked.
    model: Option<PathBuf>,
    /// The file that must share nothing with this one.
    apart: Option<PathBuf>,
}

/// Work under way for the data bench.
#[derive(Default)]
pub struct DataWork {
    survey: Option<(Background<Option<Survey>>, Arc<Watch>)>,
    search: Option<Background<Result<Vec<usize>, BadPattern>>>,
    reviews: Option<Background<Result<(), DatasetError>>>,
    /// A file that is being written, and what to say once it is.
    writing: Option<Background<Result<Written, DatasetError>>>,
}

/// Files that were written, with the rows of each.
pub type Written = Vec<(PathBuf, usize)>;

impl DataWork {
    /// Gives up what is under way for the file that was shown; what is being written is written.
    pub(super) fn leave(&mut self) {
        if let Some((_, watch)) = self.survey.take() {
            watch.cancel();
        }
        self.search = None;
    }
}

impl Window {
    pub(super) fn drain_data_work(&mut self) {
        self.drain_survey();
        self.drain_search();
        self.drain_reviews();
        self.drain_writing();
    }

    fn check(&self) -> Check {
        let config = &self.train.form.config;
        let open = self.data.path();
        Check {
            negatives: config.train_group_size.saturating_sub(1),
            query_max_len: config.query_max_len,
            passage_max_len: config.passage_max_len,
            model: Some(config.model_name_or_path.clone()),
            apart: self.compare.questions_path.clone().filter(|path| Some(path.as_path()) != open),
        }
    }

    /// Checks the file again where it is checked against something else now.
    fn drain_survey(&mut self) {
        if let Some(done) = self.data_work.survey.as_ref().and_then(|(survey, _)| survey.poll()) {
            self.data_work.survey = None;
            self.data.checking = None;
            match done {
                Ok(Some(survey)) => self.data.take_survey(survey),
                Ok(None) => self.data.is_check_stopped = true,
                Err(_) => self.messages.error(self.texts.get("broke_off")),
            }
        }
        let mut check = self.check();
        if self.data_work.survey.is_none() && self.data.can_edit() && self.checked.as_ref() != Some(&check) {
            // Counting tokens takes long in a large file; whatever else there is to find is told before.
            if self.data.survey().is_none() {
                check.model = None;
            }
            self.checked = Some(check.clone());
            self.data.begin_survey();
            let (lines, watch) = (self.data.lines(), Arc::new(Watch::default()));
            self.data.checking = Some(watch.clone());
            let shared = watch.clone();
            let work = Background::start(&self.context, move || survey(&lines, check, &shared));
            self.data_work.survey = Some((work, watch));
        }
    }

    pub(super) fn stop_check(&mut self) {
        if let Some((_, watch)) = &self.data_work.survey {
            watch.cancel();
            // What was to be counted is not begun again by itself.
            self.checked = Some(self.check());
        }
    }

    fn drain_search(&mut self) {
        if let Some(done) = self.data_work.search.as_ref().and_then(Background::poll) {
            self.data_work.search = None;
            match done {
                Ok(found) => self.data.take_visible(found),
                Err(_) => self.messages.error(self.texts.get("broke_off")),
            }
        }
        if self.data.wants_search && self.data_work.search.is_none() {
            self.data.wants_search = false;
            if let Some(material) = self.data.material() {
                let (filter, sort) = (self.data.filter().clone(), self.data.sort());
                let search = Background::start(&self.context, move || view::visible(&material, &filter, sort));
                self.data_work.search = Some(search);
            }
        }
    }

    fn drain_reviews(&mut self) {
        if let Some(done) = self.data_work.reviews.as_ref().and_then(Background::poll) {
            self.data_work.reviews = None;
            match done {
                Ok(Ok(())) => {}
                Ok(Err(error)) => self.messages.error(error_texts::dataset(self.texts, &error)),
                Err(_) => self.messages.error(self.texts.get("broke_off")),
            }
        }
        if self.data_work.reviews.is_some() {
            return;
        }
        // Files that wait may have reviews that are not on the disk yet.
        let mut states = std::iter::once(&mut self.data).chain(&mut self.shelf);
        if let Some(state) = states.find(|state| state.reviews_changed && state.path().is_some())
            && let Some(path) = state.path().map(Reviews::path_for)
        {
            state.reviews_changed = false;
            let reviews = state.reviews().clone();
            self.data_work.reviews = Some(Background::start(&self.context, move || reviews.save(&path)));
        }
    }

    /// Writes the rows that the table shows.
    pub(super) fn export_shown(&mut self, path: PathBuf) {
        // Another file may have been begun since the path was asked for; not all of its rows are there.
        if self.data.is_head() {
            return;
        }
        let (lines, places) = (self.data.lines(), self.data.visible().to_vec());
        self.write_file(move || {
            export(&lines, &places, &path)?;
            Ok(vec![(path, places.len())])
        });
    }

    pub(super) fn split_data(&mut self) {
        let (Some(form), Some(path)) = (self.data.split.take(), self.data.path().map(PathBuf::from)) else {
            return;
        };
        let lines = self.data.lines();
        self.write_file(move || Ok(data_files::split_file(&lines, &form.options, &path)?.into()));
    }

    fn write_file(&mut self, work: impl FnOnce() -> Result<Written, DatasetError> + Send + 'static) {
        if self.data_work.writing.is_none() {
            self.data_work.writing = Some(Background::start(&self.context, work));
        }
    }

    fn drain_writing(&mut self) {
        let Some(done) = self.data_work.writing.as_ref().and_then(Background::poll) else {
            return;
        };
        self.data_work.writing = None;
        match done {
            Ok(Ok(written)) => {
                for (path, rows) in written {
                    let text = self.texts.with("written", &[("file", &path.display()), ("rows", &rows)]);
                    self.messages.say(Severity::Information, text);
                }
            }
            Ok(Err(error)) => self.messages.error(error_texts::dataset(self.texts, &error)),
            Err(_) => self.messages.error(self.texts.get("broke_off")),
        }
    }
}

/// None if it was cancelled.
fn survey(lines: &Lines, check: Check, watch: &Watch) -> Option<Survey> {
    let count = check.model.as_deref().and_then(counter);
    let lengths = count.map(|count| Lengths { query: check.query_max_len, passage: check.passage_max_len, count });
    let apart = check.apart.and_then(|path| other_file(&path));
    let expectations = Expectations { negatives: Some(check.negatives), lengths, apart: apart.into_iter().collect() };
    Survey::watched(lines, expectations, watch)
}

/// Counts tokens as the chosen model does; none if there is no such model, which the training bench says.
fn counter(model: &Path) -> Option<CountTokens> {
    let folder =
        ModelFolder::open(model).inspect_err(|error| tracing::info!("no lengths are checked: {error}")).ok()?;
    let tokenizer = folder.tokenizer().clone();
    Some(Arc::new(move |text| tokenizer.ids(text, None).map_or(0, |ids| ids.len())))
}

fn other_file(path: &Path) -> Option<OtherFile> {
    let dataset = Dataset::open(path).inspect_err(|error| tracing::info!("nothing is compared with: {error}")).ok()?;
    let name = path.file_name()?.to_string_lossy().into_owned();
    Some(OtherFile::new(name, dataset.lines()))
}
