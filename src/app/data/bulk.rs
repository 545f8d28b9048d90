//! Edits of many rows. They are prepared and made away from the window, as one step, and can be cancelled until then.

use crate::dataset::{Dataset, DatasetError, LineId, Survey, Verdict, Watch};
use crate::panics::caught;

/// Something to be done with many rows.
pub struct Bulk {
    work: Box<Work>,
}

type Work = dyn FnOnce(&mut Job<'_>) -> Result<After, DatasetError> + Send;

/// What the work is done on.
pub struct Job<'a> {
    pub dataset: &'a mut Dataset,
    pub survey: Option<&'a Survey>,
    pub watch: &'a Watch,
    /// Lines that were touched.
    pub touched: Vec<LineId>,
}

/// What the window does once it is done.
#[derive(Debug)]
pub enum After {
    /// Shows the first of the lines.
    Show,
    /// Tells how many edits put faults right.
    TellFixed(usize),
    /// Leaves the scores as they are: the passages are the same.
    KeepScores,
    /// Proposals that are in the data now.
    Taken(Vec<LineId>),
    /// Chooses what stands at this place of the table now.
    Choose(Option<usize>),
    /// Gives rows, by their questions, a verdict, or takes it away if all have it.
    Judge(Vec<String>, Verdict),
}

/// What came of it; the data set comes back either way.
pub struct Done {
    pub dataset: Dataset,
    pub survey: Option<Survey>,
    /// Whether the rows still stand where they stood.
    pub stands: bool,
    pub touched: Vec<LineId>,
    pub result: Result<After, DatasetError>,
}

impl Bulk {
    pub fn new(work: impl FnOnce(&mut Job<'_>) -> Result<After, DatasetError> + Send + 'static) -> Self {
        Self { work: Box::new(work) }
    }

    /// If the work panics, the rows come back as they were before its last step, and the error says so.
    pub fn carry_out(self, mut dataset: Dataset, survey: Option<Survey>, watch: &Watch) -> Done {
        let mut job = Job { dataset: &mut dataset, survey: survey.as_ref(), watch, touched: Vec::new() };
        let result = caught(|| (self.work)(&mut job));
        let result = result.unwrap_or_else(|panic| Err(DatasetError::BrokeOff { cause: panic.to_string() }));
        let touched = job.touched;
        let updated = caught(|| {
            let mut survey = survey;
            let stands = survey.as_mut().is_some_and(|survey| survey.update(dataset.lines(), &touched));
            (survey, stands)
        });
        let (survey, stands) = updated.unwrap_or_default();
        Done { dataset, survey, stands, touched, result }
    }
}
