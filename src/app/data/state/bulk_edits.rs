//! Edits of many rows, as one step each, here or on another thread.

use std::sync::Arc;

use rayon::prelude::*;

use super::super::bulk::{After, Bulk, Done, Job};
use super::{AT_ONCE, Away, LINES_AT_ONCE, Selected, State};
use crate::dataset::{
    Dataset, DatasetError, Edit, FaultKind, LineId, Review, Side, StepName, Survey, Verdict, Watch, fix_all,
};

impl State {
    /// Lends the data set to have edits of many rows made on it; [`Self::take_done`] ends that.
    pub fn lend_for_edits(&mut self) -> Option<(Dataset, Option<Survey>, Arc<Watch>)> {
        let watch = Arc::new(Watch::default());
        Some((self.lend_for(Away::Edited(watch.clone()))?, self.survey.clone(), watch))
    }

    /// Takes the data set back after edits of many rows; how many edits put faults right, if that was asked for.
    pub fn take_done(&mut self, done: Done) -> Result<Option<usize>, DatasetError> {
        let lent = self.lent.take();
        self.dataset = Some(done.dataset);
        self.chosen = None;
        if !matches!(done.result, Ok(After::KeepScores)) {
            self.follow_scores(&done.touched);
        }
        self.touched.extend(&done.touched);
        let lines = self.lines();
        let stands = match &mut self.survey {
            Some(survey) if lent.is_some_and(|lent| lent.has_new_survey) => survey.update(&lines, &done.touched),
            survey => {
                *survey = done.survey;
                done.stands
            }
        };
        self.forget_lines(&done.touched);
        self.refresh(stands);
        match done.result? {
            After::Show => self.show_first(&done.touched),
            After::TellFixed(count) => return Ok(Some(count)),
            After::KeepScores => {}
            After::Taken(taken) => {
                if let Some(mining) = &mut self.mining {
                    mining.taken.extend(taken);
                }
            }
            After::Choose(place) => {
                let next = place.and_then(|place| self.visible.get(place).or(self.visible.last()));
                self.select(next.and_then(|at| self.lines().id(*at)).map(Selected::Line));
            }
            After::Judge(questions, verdict) => self.set_verdicts(questions, verdict),
        }
        Ok(None)
    }

    /// Whether what is done with the marked rows, or else the chosen one, is done within a frame.
    pub fn is_little_in_hand(&self) -> bool {
        self.marked.len() <= LINES_AT_ONCE
    }

    /// Whether edits of many rows are made within a frame.
    pub fn is_small(&self) -> bool {
        self.lines().size() <= AT_ONCE
    }

    /// The scores of the rows in hand, by the chosen measure, as their teacher's scores, as one step. Rows that lack
    /// some are left out.
    pub fn keep_scores(&self) -> Bulk {
        let (places, scores) = (self.places_in_hand(), self.scores.clone());
        Bulk::new(move |job| {
            let numbers = |scores: &[f32]| scores.iter().map(|score| round(*score)).collect::<Vec<f64>>();
            let lines = job.dataset.lines().clone();
            let by = scores.chosen();
            let watch = job.watch;
            watch.begin(places.len());
            let edits = places.into_par_iter().filter(|_| watch.go_on(1)).filter_map(|at| {
                let line = lines.id(at)?;
                let (scores, row) = (scores.of(line)?, lines.read(at).into_row()?);
                let [pos, neg] = [scores.complete(Side::Positive, by)?, scores.complete(Side::Negative, by)?];
                let set = |side, scores: &[f32]| Edit::SetScores { line, side, scores: Some(numbers(scores)) };
                let negatives = (!row.neg.is_empty()).then(|| set(Side::Negative, &neg));
                Some([Some(set(Side::Positive, &pos)), negatives].into_iter().flatten())
            });
            make(job, StepName::Score, edits.flatten_iter().collect())?;
            Ok(After::KeepScores)
        })
    }

    /// Puts the proposed negatives into the rows, as one step; only into one row if one is named.
    pub fn take_proposals(&self, only: Option<LineId>) -> Bulk {
        let mining = self.mining.as_ref();
        let (proposals, taken) =
            mining.map(|mining| (mining.proposals.clone(), mining.taken.clone())).unwrap_or_default();
        Bulk::new(move |job| {
            let is_wanted = |line| only.is_none_or(|only| only == line) && !taken.contains(&line);
            let there = |line| job.dataset.position(line).is_some();
            let open: Vec<_> = proposals.iter().filter(|one| is_wanted(one.line) && there(one.line)).collect();
            let watch = job.watch;
            watch.begin(open.len());
            let edits = open.iter().take_while(|_| watch.go_on(1)).map(|one| {
                let negatives = one.negatives.iter().map(|passage| passage.text.to_string()).collect();
                Edit::SetNegatives { line: one.line, negatives }
            });
            make(job, StepName::Mine, edits.collect())?;
            Ok(After::Taken(open.iter().map(|one| one.line).collect()))
        })
    }

    /// Removes the marked lines, or else the chosen one, and chooses the next.
    pub fn remove_lines(&self) -> Bulk {
        let lines = self.lines();
        let chosen = match self.selected {
            Some(Selected::Line(line)) => Some(line),
            _ => None,
        };
        let gone: Vec<LineId> =
            if self.marked.is_empty() { chosen.into_iter().collect() } else { self.marked.iter().copied().collect() };
        let mut places: Vec<_> = gone.iter().filter_map(|id| lines.position(*id)).collect();
        places.sort_unstable();
        let place = self.visible.par_iter().position_first(|at| places.binary_search(at).is_ok());
        Bulk::new(move |job| {
            make(job, StepName::RemoveLine, gone.into_iter().map(|line| Edit::RemoveLine { line }).collect())?;
            Ok(After::Choose(place))
        })
    }

    /// Puts all faults of a kind right, as one step.
    pub fn fix_all(&self, kind: FaultKind) -> Bulk {
        Bulk::new(move |job| {
            let edits = job.survey.map(|survey| fix_all(survey, job.dataset.lines(), kind, job.watch));
            let edits = edits.unwrap_or_default();
            let count = edits.len();
            make(job, StepName::Fix, edits)?;
            Ok(After::TellFixed(count))
        })
    }

    /// Gives the marked rows, or else the chosen one, a verdict; the same once more takes it away.
    pub fn judge(&self, verdict: Verdict) -> Bulk {
        let chosen = self.chosen.as_ref().filter(|_| self.marked.is_empty()).map(|chosen| chosen.id);
        let marked = self.marked.clone();
        Bulk::new(move |job| {
            let (lines, watch) = (job.dataset.lines(), job.watch);
            let rows: Vec<LineId> = marked.into_iter().chain(chosen).collect();
            watch.begin(rows.len());
            let rows = rows.into_par_iter().filter(|_| watch.go_on(1));
            let question = |id| Some(lines.read(lines.position(id)?).into_row()?.query.clone());
            let questions: Vec<String> = rows.filter_map(question).collect();
            if watch.is_cancelled() {
                return Err(DatasetError::Cancelled);
            }
            Ok(After::Judge(questions, verdict))
        })
    }

    pub(super) fn set_verdicts(&mut self, questions: Vec<String>, verdict: Verdict) {
        let has = |question: &String| self.reviews.get(question).and_then(|review| review.verdict) == Some(verdict);
        let verdict = (!questions.iter().all(has)).then_some(verdict);
        for question in questions {
            let note = self.reviews.get(&question).map(|review| review.note.clone()).unwrap_or_default();
            self.reviews.set(&question, Review { verdict, note });
            self.reviews_changed = true;
        }
        self.find_reviewed();
    }

    pub fn undo(&mut self) -> Bulk {
        self.go_to(self.steps_made().saturating_sub(1))
    }

    pub fn redo(&mut self) -> Bulk {
        self.go_to(self.steps_made() + 1)
    }

    /// Goes to the state after so many steps.
    pub fn go_to(&mut self, steps: usize) -> Bulk {
        self.draft.take_if(|_| self.dataset.is_some() && self.opening.is_none());
        Bulk::new(move |job| {
            match job.dataset.go_to(steps, &mut job.touched, job.watch) {
                // The steps before the one that was not taken stay.
                Err(DatasetError::Cancelled) if !job.touched.is_empty() => Ok(After::Show),
                went => went.map(|()| After::Show),
            }
        })
    }

    /// Whether the steps from one state to another touch few lines.
    pub fn is_short_way(&self, steps: usize) -> bool {
        self.dataset.as_ref().is_none_or(|dataset| dataset.changes_until(steps) <= LINES_AT_ONCE)
    }

    /// Does something to many rows here and now; how many edits put faults right, if that was asked for.
    pub fn carry_out(&mut self, bulk: Bulk) -> Result<Option<usize>, DatasetError> {
        if !self.can_edit() {
            return Ok(None);
        }
        match self.lend_for_edits() {
            Some((dataset, survey, watch)) => self.take_done(bulk.carry_out(dataset, survey, &watch)),
            None => Ok(None),
        }
    }

    /// Lines that are gone are neither marked nor chosen any more.
    pub(super) fn forget_lines(&mut self, touched: &[LineId]) {
        let lines = self.lines();
        let is_gone = |line: LineId| lines.position(line).is_none();
        for line in touched {
            if self.marked.contains(line) && is_gone(*line) {
                self.marked.remove(line);
            }
        }
        if let Some(Selected::Line(line)) = self.selected
            && is_gone(line)
        {
            self.selected = None;
        }
    }
}

/// Makes edits as one step of the job, and tells how far it has come.
pub(super) fn make(job: &mut Job<'_>, name: StepName, edits: Vec<Edit>) -> Result<(), DatasetError> {
    let watch = job.watch;
    // Preparing ends early, with too few edits.
    if watch.is_cancelled() {
        return Err(DatasetError::Cancelled);
    }
    watch.begin(edits.len());
    job.touched = job.dataset.apply_watched(name, edits, |_| watch.go_on(1))?;
    Ok(())
}

/// The shortest digits that give the same 32-bit number.
fn round(score: f32) -> f64 {
    score.to_string().parse().unwrap_or_else(|_| f64::from(score))
}
