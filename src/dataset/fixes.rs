//! Edits that put faults right.

use super::edit::Edit;
use super::line::{LineId, Lines};
use super::mojibake;
use super::problem::{Fault, FaultKind, Field, Problem};
use super::row::{Row, Side};
use super::survey::Survey;
use super::watch::Watch;
use std::collections::{HashMap, HashSet};

/// The edits that put one problem right; none where only a person can.
pub fn fix(survey: &Survey, lines: &Lines, problem: &Problem) -> Vec<Edit> {
    let Some(at) = problem.id.and_then(|id| lines.position(id)) else {
        return Vec::new();
    };
    let problems = survey.problems(lines, at);
    fixes_of(lines, at, &problems, |fault| *fault == problem.fault, &mut HashMap::new())
}

/// The edits that put right all faults of a kind, in an order in which they can be made; not all of them if
/// `watch` is cancelled.
pub fn fix_all(survey: &Survey, lines: &Lines, kind: FaultKind, watch: &Watch) -> Vec<Edit> {
    let mut merged = HashMap::new();
    let askers = if kind == FaultKind::DuplicateQuestion { survey.first_askers() } else { HashMap::new() };
    let wrong: Vec<_> = survey.digests().enumerate().filter(|(_, digest)| digest.has(kind)).map(|(at, _)| at).collect();
    watch.begin(wrong.len());
    let wrong = wrong.into_iter().take_while(|_| watch.go_on(1));
    let fixes = wrong.flat_map(|at| {
        let problems = survey.problems_with(lines, at, |at| askers.get(&at).copied());
        fixes_of(lines, at, &problems, |fault| fault.kind() == kind, &mut merged)
    });
    fixes.collect()
}

/// Passages that rows have gained by merging others into them.
type Merged = HashMap<LineId, HashSet<String>>;

/// The edits that put right those problems of the line at `at` that are wanted.
fn fixes_of(
    lines: &Lines,
    at: usize,
    problems: &[Problem],
    wanted: impl Fn(&Fault) -> bool,
    merged: &mut Merged,
) -> Vec<Edit> {
    let Some(line) = lines.id(at) else {
        return Vec::new();
    };
    let faults: Vec<&Fault> = problems.iter().map(|problem| &problem.fault).filter(|fault| wanted(fault)).collect();
    let Some(row) = lines.read(at).into_row() else {
        let text = faults.first().and_then(|fault| mended(fault, lines.bytes_at(at)));
        return text.map(|text| Edit::ReplaceLine { line, text }).into_iter().collect();
    };
    let mut edits = Vec::new();
    // The last passages first, so that those before them keep their places.
    let mut removed: Vec<(Side, usize)> = faults.iter().filter_map(|fault| superfluous(fault)).collect();
    removed.sort_by_key(|(side, index)| (side.key(), std::cmp::Reverse(*index)));
    removed.dedup();
    for fault in &faults {
        match fault {
            Fault::ControlCharacter(field) => edits.extend(rewritten(&row, line, *field, |text| {
                let keep = |letter: &char| !letter.is_ascii_control() || "\t\r\n".contains(*letter);
                Some(text.chars().filter(keep).collect())
            })),
            Fault::Mojibake(field) => edits.extend(rewritten(&row, line, *field, mojibake::repaired)),
            Fault::WrongLength { field, .. } => {
                let side = [Side::Positive, Side::Negative].into_iter().find(|side| side.scores_key() == field.key);
                edits.extend(side.map(|side| Edit::SetScores { line, side, scores: None }));
            }
            Fault::DuplicateQuestion { first_line } => {
                edits.extend(merge(lines, *first_line - 1, line, &row, merged));
            }
            _ => {}
        }
    }
    edits.extend(removed.into_iter().map(|(side, index)| Edit::RemovePassage { line, side, index }));
    edits
}

/// The passage that a fault makes one too many.
fn superfluous(fault: &Fault) -> Option<(Side, usize)> {
    let field = match fault {
        Fault::EmptyNegative(field) => field,
        Fault::NegativeIsPositive { negative, .. } => negative,
        Fault::RepeatedPassage { again, .. } => again,
        _ => return None,
    };
    place(*field)
}

fn place(field: Field) -> Option<(Side, usize)> {
    let side = [Side::Positive, Side::Negative].into_iter().find(|side| side.key() == field.key)?;
    Some((side, field.item?))
}

fn rewritten(row: &Row, line: LineId, field: Field, new: impl Fn(&str) -> Option<String>) -> Option<Edit> {
    match place(field) {
        Some((side, index)) => {
            let text = new(row.passages(side).get(index)?)?;
            Some(Edit::SetPassage { line, side, index, text })
        }
        None => Some(Edit::SetQuery { line, query: new(&row.query)? }),
    }
}

/// Puts what only the later row has into the first row of that question, and removes the later one.
fn merge(lines: &Lines, first: usize, line: LineId, row: &Row, merged: &mut Merged) -> Vec<Edit> {
    let (Some(into), Some(known)) = (lines.id(first), lines.read(first).into_row()) else {
        return Vec::new();
    };
    let gained = merged.entry(into).or_default();
    let mut edits = Vec::new();
    for side in [Side::Positive, Side::Negative] {
        for text in row.passages(side) {
            let has = |side| known.passages(side).contains(text);
            if !text.trim().is_empty() && !has(side) && !has(side.other()) && gained.insert(text.clone()) {
                // At the front: how many there are by then is not known here.
                edits.push(Edit::AddPassage { line: into, side, index: 0, text: text.clone() });
            }
        }
    }
    edits.push(Edit::RemoveLine { line });
    edits
}

/// A line that is no JSON, with the usual slips put right; `None` if that does not make it a row.
fn mended(fault: &Fault, bytes: &[u8]) -> Option<String> {
    let text = match fault {
        Fault::InvalidUtf8 => {
            let (text, _, wrong) = encoding_rs::GB18030.decode(bytes);
            if wrong {
                return None;
            }
            text.into_owned()
        }
        Fault::NotJson(_) => std::str::from_utf8(bytes).ok()?.to_owned(),
        _ => return None,
    };
    let text = text.trim();
    let attempts = [text.to_owned(), text.trim_end_matches([',', ';', ']']).to_owned(), ascii_punctuation(text)];
    attempts.into_iter().find(|text| Row::read(text.as_bytes()).0.is_some())
}

/// Full-width quotes, commas, colons and braces of a Chinese keyboard made those of JSON.
fn ascii_punctuation(text: &str) -> String {
    let narrow = |letter| match letter {
        '“' | '”' | '＂' => '"',
        '，' => ',',
        '：' => ':',
        '｛' => '{',
        '｝' => '}',
        '［' | '【' => '[',
        '］' | '】' => ']',
        other => other,
    };
    let mut out = String::with_capacity(text.len());
    let (mut quoted, mut escaped) = (false, false);
    for letter in text.chars() {
        let is_quote = !escaped && narrow(letter) == '"';
        out.push(if quoted && !is_quote { letter } else { narrow(letter) });
        quoted ^= is_quote;
        escaped = quoted && letter == '\\' && !escaped;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::{Dataset, Expectations, StepName};

    fn fixed(file: &str) -> (Dataset, Vec<FaultKind>) {
        let mut dataset = Dataset::from_bytes(file.into());
        let survey = Survey::of(dataset.lines(), Expectations::default());
        let kinds: Vec<_> = survey.counts().iter().map(|(kind, _)| *kind).collect();
        for kind in kinds {
            let survey = Survey::of(dataset.lines(), Expectations::default());
            dataset.apply_all(StepName::Fix, fix_all(&survey, dataset.lines(), kind, &Watch::default())).unwrap();
        }
        let left = Survey::of(dataset.lines(), Expectations::default());
        (dataset, left.counts().iter().map(|(kind, _)| *kind).collect())
    }

    #[test]
    fn faults_with_a_fix_are_gone_after_it_and_back_after_undo() {
        for (file, expected) in [
            (
                r#"{"query": "q", "pos": ["a"], "neg": ["b", "", "b", "a", "b", "c"]}"#,
                r#"{"query": "q", "pos": ["a"], "neg": ["b", "c"]}"#,
            ),
            (
                r#"{"query": "q\u0007?", "pos": ["a\u0000"], "neg": ["b"]}"#,
                r#"{"query": "q?", "pos": ["a"], "neg": ["b"]}"#,
            ),
            (
                r#"{"query": "q", "pos": ["a"], "neg": ["b"], "neg_scores": [1, 2]}"#,
                r#"{"query": "q", "pos": ["a"], "neg": ["b"]}"#,
            ),
            (r#"{"query": "q", "pos": ["a"], "neg": ["b"]},"#, r#"{"query": "q", "pos": ["a"], "neg": ["b"]}"#),
            (
                r#"｛“query”：“问”，“pos”：［“答，案”］, "neg": ["b"]}"#,
                r#"{"query":"问","pos":["答，案"], "neg": ["b"]}"#,
            ),
            (
                "{\"query\": \"焊ç¼ç\", \"pos\": [\"a\"], \"neg\": [\"b\"]}",
                "{\"query\": \"焊ç¼ç\", \"pos\": [\"a\"], \"neg\": [\"b\"]}",
            ),
        ] {
            let (mut dataset, left) = fixed(file);
            assert_eq!(String::from_utf8(dataset.to_bytes()).unwrap(), expected);
            assert_eq!(left, []);
            while !dataset.undo().unwrap().is_empty() {}
            assert_eq!(dataset.to_bytes(), file.as_bytes());
        }
    }

    #[test]
    fn lines_in_gbk_become_utf8() {
        let (gbk, _, _) = encoding_rs::GBK.encode("{\"query\": \"焊缝\", \"pos\": [\"气孔\"], \"neg\": [\"b\"]}");
        let mut dataset = Dataset::from_bytes([&gbk[..], b"\n"].concat());
        let survey = Survey::of(dataset.lines(), Expectations::default());
        let edits = fix(&survey, dataset.lines(), &survey.problems(dataset.lines(), 0)[0]);
        dataset.apply_all(StepName::Fix, edits).unwrap();
        assert_eq!(dataset.rows()[0].1.pos, ["气孔"]);
    }

    #[test]
    fn rows_of_one_question_become_one() {
        let row = |pos: &str, neg: &str| format!("{{\"query\": \"q\", \"pos\": [\"{pos}\"], \"neg\": [\"{neg}\"]}}\n");
        let file = row("a", "n") + &row("b", "a") + &row("b", "m");
        let (dataset, left) = fixed(&file);
        let rows = dataset.rows();
        assert_eq!((rows.len(), left), (1, vec![]));
        assert_eq!(
            (rows[0].1.pos.as_slice(), rows[0].1.neg.as_slice()),
            (&["b".to_string(), "a".into()][..], &["m".to_string(), "n".into()][..])
        );
    }

    #[test]
    fn one_problem_alone_can_be_put_right() {
        let mut dataset = Dataset::from_bytes(br#"{"query": "q", "pos": ["a"], "neg": ["b", "b", "c", "c"]}"#.to_vec());
        let survey = Survey::of(dataset.lines(), Expectations::default());
        let problems = survey.problems(dataset.lines(), 0);
        assert_eq!(problems.len(), 2);
        dataset.apply_all(StepName::Fix, fix(&survey, dataset.lines(), &problems[1])).unwrap();
        assert_eq!(dataset.rows()[0].1.neg, ["b", "b", "c"]);
    }
}
