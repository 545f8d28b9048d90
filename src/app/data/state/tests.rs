//! The data bench without a window.

use super::super::bulk::{After, Bulk};
use super::super::draft::Field;
use super::super::lines::RowLine;
use super::super::view::Finding;
use super::bulk_edits::make;
use super::*;
use crate::dataset::{Edit, Expectations, FaultKind, Review, Row, Side, StepName, Verdict};
use crate::jobs::mining::Proposal;
use crate::jobs::scoring::{self, Measure};

const FILE: &str = "{\"query\": \"咬边\", \"pos\": [\"a\"], \"neg\": [\"b\", \"c\"]}\n{broken\n{\"query\": \"porosity\", \"pos\": [\"d\"]}\n";

fn state() -> State {
    let mut state = State::default();
    let dataset = Dataset::from_bytes(FILE.into());
    let survey = Survey::of(dataset.lines(), Expectations::default());
    state.open(dataset, Some(survey), Reviews::default());
    state
}

fn carry_out(state: &mut State, bulk: impl FnOnce(&mut State) -> Bulk) {
    let bulk = bulk(state);
    state.carry_out(bulk).unwrap();
}

/// The row that stands at a place among the rows, whatever is filtered.
fn line(state: &State, place: usize) -> RowLine {
    let lines = state.lines();
    (0..lines.len()).filter_map(|at| state.row_at(&lines, at)).nth(place).unwrap()
}

fn row(state: &State, place: usize) -> Arc<Row> {
    line(state, place).row
}

#[test]
fn rows_and_bad_lines_are_told_apart_with_their_lines() {
    let state = state();
    assert_eq!((line(&state, 0).line, line(&state, 1).line, state.rows()), (1, 3, 2));
    assert_eq!((state.bad(), state.bad_line_at(&state.lines(), 1).unwrap().line), (&[1][..], 2));
    assert_eq!(state.selected, Some(Selected::Line(line(&state, 0).id)));
}

#[test]
fn typing_becomes_one_step_when_it_is_committed() {
    let mut state = state();
    for text in ["咬边是", "咬边是什么"] {
        state.type_text(Field::Query, text.into(), 0.0);
    }
    assert_eq!(row(&state, 0).query, "咬边");
    state.commit().unwrap();
    assert_eq!(row(&state, 0).query, "咬边是什么");
    assert!(line(&state, 0).is_edited && state.is_modified());
    carry_out(&mut state, |state| state.undo());
    assert_eq!(row(&state, 0).query, "咬边");
    assert!(!line(&state, 0).is_edited && !state.is_modified());
    carry_out(&mut state, |state| state.redo());
    assert_eq!(row(&state, 0).query, "咬边是什么");
}

#[test]
fn an_emptied_text_is_refused_and_comes_back() {
    let mut state = state();
    state.type_text(Field::Query, "  ".into(), 0.0);
    assert!(state.commit().is_err());
    assert_eq!((state.draft.is_none(), row(&state, 0).query.as_str()), (true, "咬边"));
}

#[test]
fn a_negative_goes_to_the_positives_and_back() {
    let mut state = state();
    state.move_passage(Side::Negative, 0).unwrap();
    assert_eq!(
        (row(&state, 0).pos.clone(), row(&state, 0).neg.clone()),
        (vec!["a".into(), "b".into()], vec!["c".to_string()])
    );
    state.move_passage(Side::Positive, 1).unwrap();
    assert_eq!(row(&state, 0).neg, ["c", "b"]);
}

#[test]
fn a_new_passage_appears_once_it_has_a_text() {
    let mut state = state();
    state.begin_passage(Side::Negative);
    state.commit().unwrap();
    assert_eq!(row(&state, 0).neg.len(), 2);
    state.begin_passage(Side::Negative);
    state.type_text(Field::NewPassage(Side::Negative), "new".into(), 0.0);
    state.commit().unwrap();
    assert_eq!(row(&state, 0).neg, ["b", "c", "new"]);
}

#[test]
fn a_repaired_line_becomes_a_row() {
    let mut state = state();
    let bad = state.lines().id(1).unwrap();
    state.select(Some(Selected::Line(bad)));
    state.type_text(Field::RawLine, "{\"query\": \"q\", \"pos\": [\"p\"]}".into(), 0.0);
    state.commit().unwrap();
    assert_eq!(state.bad().len(), 1, "a repair waits for its button");
    state.repair_line().unwrap();
    assert!(state.bad().is_empty() && state.rows() == 3);
    assert!(line(&state, 1).is_edited);
}

#[test]
fn rows_are_added_and_removed() {
    let mut state = state();
    state.select(Some(Selected::NewRow));
    state.new_row = ("q".into(), "p".into());
    state.add_row().unwrap();
    assert_eq!(state.selected, Some(Selected::Line(line(&state, 2).id)));
    assert!(line(&state, 2).is_edited);
    carry_out(&mut state, |state| state.remove_lines());
    assert_eq!(state.rows(), 2);
    carry_out(&mut state, |state| state.undo());
    assert_eq!(state.rows(), 3);
}

#[test]
fn the_filter_looks_at_questions_and_passages() {
    let mut state = state();
    for (filter, places) in [("PORO", vec![2]), ("c", vec![0]), ("", vec![0, 2]), ("none", vec![])] {
        state.set_filter(Filter { text: filter.into(), ..Default::default() });
        assert_eq!(state.visible(), places, "{filter}");
    }
}

#[test]
fn what_was_typed_waits_while_the_file_is_being_saved() {
    let mut state = state();
    let dataset = state.lend().unwrap();
    state.type_text(Field::Query, "later".into(), 0.0);
    state.commit().unwrap();
    assert!(state.draft.is_some());
    state.give_back(dataset);
    state.commit().unwrap();
    assert_eq!(row(&state, 0).query, "later");
}

#[test]
fn a_step_of_many_edits_is_undone_at_once_and_found_in_the_history() {
    let mut state = state();
    state.marked = [line(&state, 0).id, line(&state, 1).id].into();
    carry_out(&mut state, |state| state.remove_lines());
    assert_eq!((state.rows(), state.lines().len()), (0, 1));
    assert_eq!(state.history().0[0].lines, 2);
    carry_out(&mut state, |state| state.undo());
    assert_eq!((state.rows(), state.history().1), (2, 0));
    carry_out(&mut state, |state| state.go_to(1));
    assert_eq!(state.rows(), 0);
}

#[test]
fn verdicts_and_notes_are_kept_beside_the_rows() {
    let mut state = state();
    carry_out(&mut state, |state| state.judge(Verdict::Unsure));
    state.type_text(Field::Note, "见标准".into(), 0.0);
    state.commit().unwrap();
    let review = Review { verdict: Some(Verdict::Unsure), note: "见标准".into() };
    assert_eq!(state.review("咬边"), Some(&review));
    assert!(state.reviews_changed && !state.is_modified());
    state.type_text(Field::Query, "什么是咬边".into(), 0.0);
    state.commit().unwrap();
    assert_eq!(state.review("什么是咬边"), Some(&review));
    carry_out(&mut state, |state| state.judge(Verdict::Unsure));
    assert_eq!(state.review("什么是咬边").unwrap().verdict, None);
}

#[test]
fn a_fault_is_put_right_and_what_was_before_is_known() {
    let mut state = State::default();
    let dataset = Dataset::from_bytes(br#"{"query": "q", "pos": ["a"], "neg": ["b", "b"]}"#.to_vec());
    let survey = Survey::of(dataset.lines(), Expectations::default());
    state.open(dataset, Some(survey), Reviews::default());
    let problem = state.chosen().unwrap().problems[0].clone();
    assert!(state.can_fix(&problem));
    state.fix(&problem).unwrap();
    let chosen = state.chosen().unwrap();
    assert_eq!((chosen.row.as_ref().unwrap().neg.len(), chosen.problems.len()), (1, 0));
    assert_eq!(chosen.before.as_ref().unwrap().neg, ["b", "b"]);
}

#[test]
fn scores_go_with_the_row_they_were_for() {
    let mut state = state();
    let id = line(&state, 0).id;
    let scores = scoring::Scores { by: Measure::Dense, positives: vec![0.5], negatives: vec![0.25, 0.75] };
    state.take_scores(vec![scoring::RowScores { line: id, row: row(&state, 0), scores: vec![scores] }]);
    state.set_filter(Filter { finding: Some(Finding::Suspected), ..Default::default() });
    assert_eq!(state.visible(), [0]);
    state.move_passage(Side::Negative, 1).unwrap();
    // The suspect is a positive now, with the score that it had.
    assert_eq!(state.scores(id).unwrap().get(Side::Positive, 1, Measure::Dense), Some(0.75));
    assert!(state.visible().is_empty());
    carry_out(&mut state, |state| state.undo());
    assert_eq!(state.visible(), [0]);
    carry_out(&mut state, |state| state.keep_scores());
    assert_eq!(row(&state, 0).neg_scores.as_deref(), Some(&[0.25, 0.75][..]));
}

#[test]
fn what_is_cancelled_changes_nothing_and_what_is_found_meanwhile_stays() {
    let mut state = State::default();
    let dataset = Dataset::from_bytes(br#"{"query": "q", "pos": ["a"], "neg": ["b", "b"]}"#.to_vec());
    let survey = Survey::of(dataset.lines(), Expectations::default());
    state.open(dataset, Some(survey), Reviews::default());
    let bulk = state.fix_all(FaultKind::RepeatedPassage);
    let (dataset, survey, watch) = state.lend_for_edits().unwrap();
    assert!(state.editing().is_some() && !state.is_saving() && !state.can_edit() && state.is_modified());
    watch.cancel();
    let done = bulk.carry_out(dataset, survey, &watch);
    assert!(!done.dataset.is_modified());
    state.take_done(done).ok();
    assert_eq!(row(&state, 0).neg.len(), 2);

    let bulk = state.fix_all(FaultKind::RepeatedPassage);
    let (dataset, survey, watch) = state.lend_for_edits().unwrap();
    let expectations = Expectations { negatives: Some(3), ..Default::default() };
    state.take_survey(Survey::of(&state.lines(), expectations));
    let done = bulk.carry_out(dataset, survey, &watch);
    assert_eq!(state.take_done(done).unwrap(), Some(1));
    assert_eq!(row(&state, 0).neg.len(), 1);
    let kinds: Vec<_> = state.survey().unwrap().counts().iter().map(|(kind, _)| *kind).collect();
    assert_eq!(kinds, [FaultKind::TooFewNegatives]);
}

#[test]
fn work_that_panics_gives_the_rows_back_as_they_were() {
    let mut state = state();
    let line = line(&state, 0).id;
    let bulk = Bulk::new(move |job| {
        let edits = (0..2).map(|at| match at {
            0 => Edit::RemoveLine { line },
            _ => panic!("a mistake"),
        });
        make(job, StepName::Fix, edits.collect())?;
        Ok(After::Show)
    });
    let (dataset, survey, watch) = state.lend_for_edits().unwrap();
    let done = std::thread::spawn(move || bulk.carry_out(dataset, survey, &watch)).join().unwrap();
    let error = state.take_done(done).unwrap_err().to_string();
    assert!(error.contains("a mistake") && error.contains("tests.rs"), "{error}");
    assert!(state.can_edit() && !state.is_modified());
    assert_eq!((state.rows(), row(&state, 0).query.as_str()), (2, "咬边"));
    carry_out(&mut state, |state| state.remove_lines());
    assert_eq!(state.rows(), 1);
}

#[test]
fn long_work_tells_how_far_it_has_come_while_it_is_prepared() {
    let mut state = state();
    let ids = [line(&state, 0).id, line(&state, 1).id];
    let of =
        |line| Proposal { line, negatives: Vec::new(), filled: 0, suspects: Vec::new(), positive_scores: Vec::new() };
    state.mining = Some(Mining { proposals: Arc::new(ids.map(of).to_vec()), ..Mining::default() });
    for bulk in [state.keep_scores(), state.take_proposals(None)] {
        let (dataset, survey, watch) = state.lend_for_edits().unwrap();
        // Cancelled, it does not come to the edits themselves.
        watch.cancel();
        let done = bulk.carry_out(dataset, survey, &watch);
        assert_eq!(watch.total(), 2);
        assert!(matches!(state.take_done(done), Err(DatasetError::Cancelled)));
    }
    state.marked = ids.into();
    carry_out(&mut state, |state| state.remove_lines());
    let bulk = state.undo();
    let (dataset, survey, watch) = state.lend_for_edits().unwrap();
    let done = bulk.carry_out(dataset, survey, &watch);
    assert_eq!((watch.done(), watch.total()), (2, 2));
    state.take_done(done).unwrap();
}

#[test]
fn a_head_is_looked_at_and_then_gives_way_to_the_whole() {
    let whole = Dataset::from_bytes(FILE.into());
    let head = Dataset::from_bytes(FILE.lines().next().unwrap().into());
    let mut state = State::default();
    state.show_head("rows.jsonl".into(), head.lines().clone());
    assert!(state.is_head() && state.is_open() && !state.can_edit() && !state.is_modified() && !state.is_away());
    assert_eq!((state.rows(), state.visible().len()), (0, 1));
    let id = head.lines().id(0).unwrap();
    state.mark(id);
    state.type_text(Field::Query, "typed".into(), 0.0);
    state.begin_passage(Side::Negative);
    state.commit().unwrap();
    state.move_passage(Side::Negative, 0).unwrap();
    carry_out(&mut state, |state| state.remove_lines());
    assert!(state.draft.is_none() && state.rows_in_hand().read()[0].1.query == "咬边");
    state.scroll_to_selected = false;
    state.open(whole, None, Reviews::default());
    assert!(!state.is_head() && state.can_edit() && !state.scroll_to_selected && !state.is_modified());
    assert_eq!((state.visible().len(), state.selected), (3, Some(Selected::Line(id))));
    assert_eq!(state.marked, [id].into());
    assert_eq!(state.chosen().unwrap().row.as_ref().unwrap().neg, ["b", "c"]);
}
