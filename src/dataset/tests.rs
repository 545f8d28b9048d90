use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn row_line(query: &str) -> String {
    format!("{{\"query\": \"{query}\", \"pos\": [\"p\"], \"neg\": [\"n\", \"m\"]}}\n")
}

fn set_query(dataset: &Dataset, at: usize, query: &str) -> Edit {
    Edit::SetQuery { line: dataset.lines().id(at).unwrap(), query: query.into() }
}

/// A file in a folder of its own.
struct Place {
    folder: tempfile::TempDir,
    file: PathBuf,
    journal: PathBuf,
}

impl Place {
    fn with(bytes: &[u8]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("rows.jsonl");
        let journal = folder.path().join("journals/rows.journal");
        fs::write(&file, bytes).unwrap();
        Self { folder, file, journal }
    }

    fn bytes(&self) -> Vec<u8> {
        fs::read(&self.file).unwrap()
    }

    fn open(&self) -> Dataset {
        let dataset = Dataset::open(&self.file).unwrap();
        dataset.with_journal(&self.journal).unwrap()
    }

    fn recover(&self) -> Result<Recovered, DatasetError> {
        Dataset::recover(&self.file, &self.journal, &Watch::default())
    }
}

#[test]
fn sample_data_has_no_problems() {
    for (name, rows) in [("train", 582), ("eval", 154)] {
        let path = repository(&format!("sample_data/{name}.jsonl"));
        let dataset = Dataset::open(&path).unwrap();
        assert_eq!(dataset.problems(), []);
        assert_eq!(dataset.rows().len(), rows);
        assert_eq!(dataset.to_bytes(), fs::read(&path).unwrap());
    }
    let corpus = Corpus::open(repository("sample_data/corpus.jsonl")).unwrap();
    assert_eq!(corpus.problems(), []);
    assert_eq!(corpus.passages().len(), 686);
}

#[test]
fn every_positive_of_the_sample_questions_is_in_the_corpus() {
    let corpus = Corpus::open(repository("sample_data/corpus.jsonl")).unwrap();
    let eval = Dataset::open(repository("sample_data/eval.jsonl")).unwrap();
    for (line, row) in eval.rows() {
        let by_id = relevant(&row, &corpus);
        let by_text = relevant(&Row { pos_ids: None, ..(*row).clone() }, &corpus);
        assert_eq!(by_id.len(), row.pos.len(), "line {line}");
        assert_eq!(by_id, by_text, "line {line}");
    }
}

#[test]
fn broken_lines_are_listed_and_saved_as_they_are() {
    let original = fs::read(repository("tests/fixtures/dataset/broken.jsonl")).unwrap();
    let place = Place::with(&original);
    let mut dataset = place.open();

    let mut found: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    for problem in dataset.problems() {
        let mark = if problem.is_bad() { "bad" } else { "warning" };
        let column = problem.column.map_or("-".into(), |c| c.to_string());
        let text = format!("{mark} {column}: {}", problem.reason());
        found.entry(problem.line).or_default().push(text);
    }
    let found: Vec<_> = found.into_iter().collect();
    for ((line, texts), (expected_line, expected_texts)) in found.iter().zip(BROKEN) {
        assert_eq!(line, expected_line);
        assert_eq!(texts, expected_texts, "line {line}");
    }
    assert_eq!(found.len(), BROKEN.len());
    let good = dataset.rows().into_iter().filter(|(_, row)| row.query.starts_with("好行"));
    assert_eq!(good.count(), 35);
    assert_eq!(dataset.to_bytes(), original);

    dataset.apply(set_query(&dataset, 2, "改过的 2")).unwrap();
    dataset.save().unwrap();
    let text = |bytes: &[u8]| bytes.iter().map(|byte| *byte as char).collect::<String>();
    let utf8 = |words: &str| text(words.as_bytes());
    let expected = text(&original).replacen(&utf8("好行 2\""), &utf8("改过的 2\""), 1);
    assert_eq!(text(&place.bytes()), expected);
}

/// What is wrong in `broken.jsonl`, line by line; every other line there is good or blank.
const BROKEN: &[(usize, &[&str])] = &[
    (2, &["bad 2: the line is not JSON: expected ident"]),
    (4, &["bad 33: the line is not JSON: it ends too early"]),
    (6, &["bad -: the line holds a list, not an object in braces"]),
    (8, &["bad -: the line holds a string, not an object in braces"]),
    (10, &["bad -: `query` is missing"]),
    (12, &["bad 11: `query` is a number, not a string"]),
    (14, &["bad 11: `query` is empty"]),
    (17, &["bad 11: `query` is empty"]),
    (19, &["bad -: `pos` is missing"]),
    (21, &["bad 23: `pos` is empty"]),
    (23, &["bad 23: `pos` is a string, not a list of strings"]),
    (25, &["bad 29: item 2 of `pos` is a number, not a string", "bad 32: item 3 of `pos` is null, not a string"]),
    (27, &["bad 29: item 2 of `pos` is empty"]),
    (29, &["bad 37: `neg` is a string, not a list of strings"]),
    (32, &["bad 43: item 2 of `neg` is an object, not a string"]),
    (34, &["bad 16: the line is not valid UTF-8"]),
    (36, &["bad 32: the key `query` stands twice in the line"]),
    (38, &["bad 16: the line is not JSON: control character (\\u0000-\\u001F) found while parsing a string"]),
    (40, &["bad 1: the line is not JSON: expected value"]),
    (42, &["bad 15: the line is not JSON: control character (\\u0000-\\u001F) found while parsing a string"]),
    (44, &["bad 49: the line is not JSON: number out of range"]),
    (47, &["bad 45: the line is not JSON: NaN and Infinity are not JSON numbers"]),
    (49, &["bad 23: the line is not JSON: unexpected end of hex escape"]),
    (51, &["bad 164: the line is not JSON: recursion limit exceeded"]),
    (53, &["bad 30: the line is not JSON: trailing characters"]),
    (55, &["bad 2: the line is not JSON: key must be a string"]),
    (57, &["bad 1: the line is not JSON: expected value"]),
    (59, &["warning 84: `neg_scores` has 1 items for 2 passages"]),
    (
        62,
        &[
            "warning 59: item 1 of `pos_scores` is a string, not a number, and is left out",
            "warning 82: `neg_scores` is a number, not a list, and is left out",
        ],
    ),
    (64, &["warning 43: item 2 of `neg` is an empty negative"]),
    (66, &["warning 37: `neg` is an empty list"]),
    (68, &["warning 38: item 1 of `neg` is the same text as item 1 of `pos`"]),
    (70, &["warning 41: `pos_ids` has 2 items for 1 passages"]),
    (
        72,
        &[
            "warning 40: `prompt` is a number, not a string, and is left out",
            "warning 51: `type` is a list, not a string, and is left out",
        ],
    ),
    (74, &["warning 11: `query` holds control characters"]),
];

#[test]
fn a_bad_line_is_mended_by_its_text() {
    let mut dataset = Dataset::from_bytes(b"{\"query\": \"q\", \"pos\": [\"\xff\"]}\r\nx".to_vec());
    let original = dataset.to_bytes();
    let line = dataset.lines().id(0).unwrap();
    assert!(dataset.lines().read(0).is_bad());
    assert!(matches!(dataset.apply(set_query(&dataset, 0, "r")), Err(DatasetError::NotARow { line: 1 })));
    let text = dataset.text(line).unwrap().replace('\u{fffd}', "焊");
    let replaced = dataset.apply(Edit::ReplaceLine { line, text });
    assert_eq!(replaced.unwrap(), line);
    assert_eq!(dataset.row(line).unwrap().pos, ["焊"]);
    assert_eq!(dataset.problems().len(), 1);
    for text in ["", " ", "a\nb", "a\r"] {
        let text = text.to_owned();
        assert!(dataset.apply(Edit::ReplaceLine { line, text }).is_err());
    }
    dataset.undo().unwrap();
    assert_eq!(dataset.to_bytes(), original);
    assert!(dataset.lines().read(0).is_bad());
}

#[test]
fn a_row_is_never_left_unusable() {
    let mut dataset = Dataset::from_bytes(row_line("q").into());
    let line = dataset.lines().id(0).unwrap();
    let side = Side::Positive;
    for edit in [
        Edit::RemovePassage { line, side, index: 0 },
        Edit::MovePassage { line, from: side, index: 0 },
        Edit::InsertRow { at: 0, row: Box::default() },
    ] {
        let error = dataset.apply(edit).unwrap_err();
        assert!(matches!(error, DatasetError::Unusable { line: 1, .. }), "{error}");
    }
    assert!(!dataset.is_modified() && !dataset.can_undo());
}

#[test]
fn an_edit_that_changes_nothing_is_no_step() {
    let mut dataset = Dataset::from_bytes(row_line("q").into());
    let revision = dataset.revision();
    dataset.apply(set_query(&dataset, 0, "q")).unwrap();
    assert!(!dataset.can_undo() && dataset.revision() == revision);
}

#[test]
fn lines_keep_their_identity() {
    let mut dataset = Dataset::from_bytes((row_line("a") + &row_line("b") + &row_line("c")).into());
    let ids: Vec<_> = (0..3).filter_map(|at| dataset.lines().id(at)).collect();
    let row = Box::new((*dataset.row(ids[0]).unwrap()).clone());
    let new = dataset.apply(Edit::InsertRow { at: 0, row }).unwrap();
    assert!(!ids.contains(&new));
    assert_eq!(dataset.position(ids[2]), Some(3));
    dataset.apply(Edit::RemoveLine { line: ids[1] }).unwrap();
    assert_eq!(dataset.position(ids[1]), None);
    assert_eq!(dataset.position(ids[2]), Some(2));
    assert_eq!(dataset.row(ids[2]).unwrap().query, "c");
    assert!(matches!(dataset.apply(Edit::RemoveLine { line: ids[1] }), Err(DatasetError::NoSuchLine)));
    assert_eq!(dataset.undo().unwrap(), [ids[1]]);
    assert_eq!(dataset.position(ids[1]), Some(2));
    assert_eq!(dataset.undo().unwrap(), [new]);
    assert_eq!(dataset.position(new), None);
    assert_eq!(dataset.redo().unwrap(), [new]);
    assert_eq!(dataset.position(new), Some(0));
}

#[test]
fn an_inserted_row_takes_the_style_and_ending_of_the_file() {
    let row = Box::new(Row {
        query: "焊".into(),
        pos: vec!["a".into()],
        neg: vec!["b".into(), "c".into()],
        ..Row::default()
    });
    let inserted = |source: &str, at: usize| {
        let mut dataset = Dataset::from_bytes(source.into());
        let row = row.clone();
        dataset.apply(Edit::InsertRow { at, row }).unwrap();
        let text = String::from_utf8(dataset.to_bytes()).unwrap();
        dataset.undo().unwrap();
        assert_eq!(dataset.to_bytes(), source.as_bytes());
        text
    };
    let spaced = r#"{"query": "焊", "pos": ["a"], "neg": ["b", "c"]}"#;
    let compact = r#"{"query":"焊","pos":["a"],"neg":["b","c"]}"#;
    let old = r#"{"query":"q","pos":["p"]}"#;
    assert_eq!(inserted("", 0), format!("{spaced}\n"));
    assert_eq!(inserted(old, 1), format!("{old}\n{compact}"));
    assert_eq!(inserted(old, 0), format!("{spaced}\n{old}"));
    let crlf = format!("\u{feff}{old}\r\n");
    assert_eq!(inserted(&crlf, 1), format!("{crlf}{compact}\r\n"));
    let mut dataset = Dataset::default();
    let wrong = Edit::InsertRow { at: 1, row };
    assert!(matches!(dataset.apply(wrong), Err(DatasetError::NoSuchPlace { at: 1, lines: 0 })));
}

#[test]
fn a_file_that_another_program_changed_is_not_overwritten() {
    let place = Place::with(row_line("a").as_bytes());
    let mut dataset = place.open();
    dataset.apply(set_query(&dataset, 0, "mine")).unwrap();
    // Same length: only the content tells.
    fs::write(&place.file, row_line("b")).unwrap();
    let error = dataset.save().unwrap_err();
    assert!(matches!(error, DatasetError::ChangedOnDisk { .. }), "{error}");
    assert_eq!(place.bytes(), row_line("b").as_bytes());
    assert!(dataset.is_modified() && place.journal.exists());
    dataset.save_anyway().unwrap();
    assert_eq!(place.bytes(), row_line("mine").as_bytes());
    assert!(!dataset.is_modified() && !place.journal.exists());
    dataset.undo().unwrap();
    dataset.save().unwrap();
    assert_eq!(place.bytes(), row_line("a").as_bytes());
    fs::remove_file(&place.file).unwrap();
    dataset.save().unwrap();
    assert_eq!(place.bytes(), row_line("a").as_bytes());
}

#[test]
fn saving_elsewhere_goes_on_there() {
    let place = Place::with(row_line("a").as_bytes());
    let mut dataset = place.open();
    dataset.apply(set_query(&dataset, 0, "b")).unwrap();
    let other = place.folder.path().join("other.jsonl");
    dataset.save_as(&other).unwrap();
    assert_eq!(dataset.path(), Some(&*other));
    assert_eq!(place.bytes(), row_line("a").as_bytes());
    assert!(!dataset.is_modified() && !place.journal.exists());
    dataset.apply(set_query(&dataset, 0, "c")).unwrap();
    dataset.save().unwrap();
    assert_eq!(fs::read_to_string(&other).unwrap(), row_line("c"));
    let missing = place.folder.path().join("missing/rows.jsonl");
    let error = dataset.save_as(&missing).unwrap_err().to_string();
    assert!(error.contains("missing/rows.jsonl"), "{error}");
    assert_eq!(dataset.path(), Some(&*other));
    let mut untitled = Dataset::default();
    assert!(matches!(untitled.save(), Err(DatasetError::Untitled)));
    let unnamed = Dataset::open(&missing).unwrap_err().to_string();
    assert!(unnamed.contains("missing/rows.jsonl"), "{unnamed}");
}

#[test]
fn a_read_only_file_is_not_replaced() {
    let place = Place::with(row_line("a").as_bytes());
    let mut dataset = place.open();
    let mut permissions = fs::metadata(&place.file).unwrap().permissions();
    permissions.set_readonly(true);
    fs::set_permissions(&place.file, permissions).unwrap();
    dataset.apply(set_query(&dataset, 0, "b")).unwrap();
    assert!(matches!(dataset.save(), Err(DatasetError::ReadOnly { .. })));
    assert_eq!(place.bytes(), row_line("a").as_bytes());
    assert!(dataset.is_modified());
}

#[test]
fn a_crash_loses_no_step() {
    let place = Place::with((row_line("a") + &row_line("b")).as_bytes());
    let mut dataset = place.open();
    assert!(!place.journal.exists());
    dataset.apply(set_query(&dataset, 0, "x")).unwrap();
    dataset.apply(set_query(&dataset, 1, "y")).unwrap();
    dataset.undo().unwrap();
    let state = dataset.to_bytes();
    assert!(matches!(
        Dataset::open(&place.file).unwrap().with_journal(&place.journal),
        Err(DatasetError::JournalPending { edits: 3, .. })
    ));
    assert!(matches!(place.recover(), Err(DatasetError::JournalInUse { .. })));
    drop(dataset);

    let pending = pending_journal(&place.journal).unwrap().unwrap();
    assert_eq!((pending.file, pending.edits), (place.file.clone(), 3));
    let mut recovered = place.recover().unwrap();
    assert_eq!((recovered.edits, recovered.lost), (3, 0));
    assert_eq!(recovered.dataset.to_bytes(), state);
    assert!(recovered.dataset.is_modified() && recovered.dataset.can_redo());
    recovered.dataset.redo().unwrap();
    let state = recovered.dataset.to_bytes();
    drop(recovered);

    let mut recovered = place.recover().unwrap();
    assert_eq!(recovered.dataset.to_bytes(), state);
    recovered.dataset.save().unwrap();
    assert_eq!(place.bytes(), state);
    assert_eq!(pending_journal(&place.journal).unwrap(), None);
    assert!(!place.journal.exists());
}

#[test]
fn undoing_what_was_saved_survives_a_crash_too() {
    let original = [b"\xff\xff\r\n".to_vec(), row_line("a").into()].concat();
    let place = Place::with(&original);
    let mut dataset = place.open();
    let line = dataset.lines().id(0).unwrap();
    let text = "now text".to_owned();
    dataset.apply(Edit::ReplaceLine { line, text }).unwrap();
    dataset.apply(set_query(&dataset, 1, "b")).unwrap();
    dataset.save().unwrap();
    for _ in 0..2 {
        dataset.undo().unwrap();
    }
    dataset.redo().unwrap();
    dataset.undo().unwrap();
    dataset.apply(set_query(&dataset, 1, "c")).unwrap();
    dataset.undo().unwrap();
    assert_eq!(dataset.to_bytes(), original);
    drop(dataset);
    let mut dataset = place.recover().unwrap().dataset;
    assert_eq!(dataset.to_bytes(), original);
    while !dataset.undo().unwrap().is_empty() {}
    assert_eq!(dataset.to_bytes(), place.bytes());
    assert!(!dataset.is_modified());
}

#[test]
fn a_crash_between_saving_and_removing_the_journal_does_no_harm() {
    let place = Place::with(row_line("a").as_bytes());
    let mut dataset = place.open();
    dataset.apply(set_query(&dataset, 0, "b")).unwrap();
    let hash = blake3::hash(&dataset.to_bytes());
    let journal = dataset.journal.as_mut().unwrap();
    journal.note_saving(&hash).unwrap();
    fs::write(&place.file, dataset.to_bytes()).unwrap();
    drop(dataset);
    let recovered = place.recover().unwrap();
    assert_eq!(recovered.edits, 0);
    assert!(!recovered.dataset.is_modified());
    assert_eq!(recovered.dataset.to_bytes(), row_line("b").as_bytes());
}

#[test]
fn a_journal_that_does_not_fit_is_refused_and_kept() {
    let place = Place::with(row_line("a").as_bytes());
    let mut dataset = place.open();
    dataset.apply(set_query(&dataset, 0, "b")).unwrap();
    drop(dataset);
    let journal = fs::read(&place.journal).unwrap();
    fs::write(&place.file, row_line("c")).unwrap();
    let refused = place.recover().unwrap_err();
    assert!(matches!(refused, DatasetError::JournalMismatch { .. }), "{refused}");
    assert_eq!(fs::read(&place.journal).unwrap(), journal);
    fs::write(&place.journal, "nonsense\n").unwrap();
    let refused = place.recover().unwrap_err();
    assert!(matches!(refused, DatasetError::JournalDamaged { line: 1, .. }), "{refused}");
    discard_journal(&place.journal).unwrap();
    discard_journal(&place.journal).unwrap();
    assert_eq!(place.recover().unwrap().edits, 0);
}

#[test]
fn a_torn_or_damaged_journal_gives_back_what_is_whole() {
    let place = Place::with(row_line("a").as_bytes());
    let mut dataset = place.open();
    for query in ["b", "c", "d"] {
        dataset.apply(set_query(&dataset, 0, query)).unwrap();
    }
    drop(dataset);
    let whole = fs::read(&place.journal).unwrap();
    let copy = place.journal.with_extension("journal.damaged");

    fs::write(&place.journal, &whole[..whole.len() - 1]).unwrap();
    let mut recovered = place.recover().unwrap();
    assert_eq!((recovered.edits, recovered.lost), (2, 1));
    assert_eq!(recovered.dataset.to_bytes(), row_line("c").as_bytes());
    assert!(!copy.exists());
    let edit = set_query(&recovered.dataset, 0, "e");
    recovered.dataset.apply(edit).unwrap();
    drop(recovered);
    let recovered = place.recover().unwrap();
    assert_eq!((recovered.edits, recovered.lost), (3, 0));
    assert_eq!(recovered.dataset.to_bytes(), row_line("e").as_bytes());
    drop(recovered);

    let mut lines: Vec<_> = whole.split_inclusive(|byte| *byte == b'\n').collect();
    lines[2] = b"{\"edit\": \n";
    let damaged = lines.concat();
    fs::write(&place.journal, &damaged).unwrap();
    let recovered = place.recover().unwrap();
    assert_eq!((recovered.edits, recovered.lost), (1, 2));
    assert_eq!(recovered.dataset.to_bytes(), row_line("b").as_bytes());
    assert_eq!(fs::read(&copy).unwrap(), damaged);

    drop(recovered);
    fs::write(&place.journal, &whole[..20]).unwrap();
    assert_eq!(pending_journal(&place.journal).unwrap(), None);
    assert_eq!(place.open().to_bytes(), row_line("a").as_bytes());
}

#[test]
fn closing_gives_up_what_was_not_saved() {
    let place = Place::with(row_line("a").as_bytes());
    let mut dataset = place.open();
    dataset.apply(set_query(&dataset, 0, "b")).unwrap();
    assert!(place.journal.exists());
    dataset.close().unwrap();
    assert!(!place.journal.exists());
    assert_eq!(place.bytes(), row_line("a").as_bytes());
}

/// Texts of the kinds that make trouble, and some that do not.
fn any_line() -> impl Strategy<Value = Vec<u8>> {
    let text = prop_oneof!["[ -~焊缝\\n\\t\"\\\\]{0,6}", Just("q".to_owned())];
    let texts = prop::collection::vec(text.clone(), 0..4);
    let rows = (text, texts.clone(), texts, any::<(bool, bool)>()).prop_map(|(query, pos, neg, (spaced, lists))| {
        let mut row = serde_json::json!({"query": query, "x": 1.50, "pos": pos, "neg": neg});
        if lists {
            row["neg_ids"] = (0..neg.len()).map(|at| format!("n{at}")).collect();
            row["pos_scores"] = (0..pos.len()).collect();
            row["neg_scores"] = vec![0.5; neg.len() / 2 * 2].into();
        }
        let text = row.to_string();
        if spaced { text.replace("\":", "\": ") } else { text }.into_bytes()
    });
    prop_oneof![
        8 => rows,
        1 => prop::collection::vec(any::<u8>(), 0..20),
        1 => "[{}\\[\\]\",: a-c0-9]{0,20}".prop_map(String::into_bytes),
        1 => Just(b"".to_vec()),
    ]
}

fn any_file() -> impl Strategy<Value = Vec<u8>> {
    let ending = prop_oneof![Just(&b"\n"[..]), Just(&b"\r\n"[..])];
    let lines = prop::collection::vec((any_line(), ending), 0..6);
    (lines, any::<(bool, bool)>()).prop_map(|(lines, (bom, cut))| {
        let mut bytes = if bom { BOM.to_vec() } else { Vec::new() };
        for (line, ending) in &lines {
            bytes.extend_from_slice(line);
            bytes.extend_from_slice(ending);
        }
        if cut && let Some((_, ending)) = lines.last() {
            bytes.truncate(bytes.len() - ending.len());
        }
        bytes
    })
}

#[derive(Debug, Clone)]
enum Act {
    Edit(u8, usize, usize, bool, String),
    Undo,
    Redo,
    Save,
}

fn any_act() -> impl Strategy<Value = Act> {
    let numbers = (0..12u8, 0..7usize, 0..4usize, any::<bool>());
    prop_oneof![
        6 => (numbers, "[a-c焊\" \\n\\\\]{0,4}")
            .prop_map(|((kind, line, index, side), text)| Act::Edit(kind, line, index, side, text)),
        2 => Just(Act::Undo),
        1 => Just(Act::Redo),
    ]
}

/// Does it, and returns the lines that it touched; an edit that does not fit is refused and changes nothing.
fn act(dataset: &mut Dataset, act: Act) -> Vec<LineId> {
    let (kind, at, index, positive, text) = match act {
        Act::Undo => return dataset.undo().unwrap(),
        Act::Redo => return dataset.redo().unwrap(),
        Act::Save => {
            dataset.save().unwrap();
            return Vec::new();
        }
        Act::Edit(kind, at, index, positive, text) => (kind, at, index, positive, text),
    };
    let side = if positive { Side::Positive } else { Side::Negative };
    let row = Box::new(Row { query: text.clone(), pos: vec![text.clone()], ..Row::default() });
    let line = dataset.lines().id(at).unwrap_or(LineId(99));
    let edit = match kind {
        0 => Edit::SetQuery { line, query: text },
        1 => Edit::SetPassage { line, side, index, text },
        2 => Edit::AddPassage { line, side, index, text },
        3 => Edit::RemovePassage { line, side, index },
        4 => Edit::MovePassage { line, from: side, index },
        5 => Edit::InsertRow { at, row },
        6 => Edit::RemoveLine { line },
        8 => Edit::Reorder { line, side, from: index, to: text.len() % 3 },
        9 => Edit::SetScores { line, side, scores: (index > 0).then(|| vec![0.5; index]) },
        10 => Edit::SetPrompt { line, prompt: positive.then_some(text) },
        11 => Edit::SetNegatives { line, negatives: vec![text; index] },
        _ => Edit::ReplaceLine { line, text },
    };
    let before = dataset.to_bytes();
    match dataset.apply(edit) {
        Ok(touched) => vec![touched],
        Err(_) => {
            assert_eq!(dataset.to_bytes(), before);
            Vec::new()
        }
    }
}

/// The bytes as they are saved, in the encoding of the file.
fn as_on_disk(dataset: &Dataset) -> Vec<u8> {
    match dataset.encoding() {
        Encoding::Utf8 | Encoding::Utf8Bom => dataset.to_bytes(),
        other => encoding::encode(&String::from_utf8(dataset.to_bytes()).unwrap(), other).unwrap().into_owned(),
    }
}

fn rows(dataset: &Dataset) -> Vec<(usize, Row)> {
    let rows = dataset.rows();
    rows.into_iter().map(|(line, row)| (line, (*row).clone())).collect()
}

proptest! {
    #[test]
    fn any_bytes_open_and_save_as_they_are(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert_eq!(Dataset::from_bytes(bytes.clone()).to_bytes(), bytes.clone());
        Corpus::from_bytes(&bytes);
    }

    #[test]
    fn any_lines_open_and_save_as_they_are(bytes in any_file()) {
        prop_assert_eq!(Dataset::from_bytes(bytes.clone()).to_bytes(), bytes.clone());
        Corpus::from_bytes(&bytes);
    }

    #[test]
    fn undoing_everything_gives_the_file_back(
        bytes in any_file(),
        acts in prop::collection::vec(any_act(), 0..20),
    ) {
        let mut dataset = Dataset::from_bytes(bytes.clone());
        for next in acts {
            act(&mut dataset, next);
        }
        let edited = dataset.to_bytes();
        let mut undone = 0;
        while !dataset.undo().unwrap().is_empty() {
            undone += 1;
        }
        prop_assert_eq!(dataset.to_bytes(), bytes);
        prop_assert!(!dataset.is_modified());
        for _ in 0..undone {
            prop_assert!(!dataset.redo().unwrap().is_empty());
        }
        prop_assert_eq!(dataset.to_bytes(), edited);
    }

    #[test]
    fn findings_follow_every_edit(bytes in any_file(), acts in prop::collection::vec(any_act(), 0..20)) {
        let expectations = Expectations { negatives: Some(2), ..Default::default() };
        let mut dataset = Dataset::from_bytes(bytes);
        let mut survey = Survey::of(dataset.lines(), expectations.clone());
        let found = |survey: &Survey| {
            let digests: Vec<_> = survey.digests().map(|digest| (digest.id, digest.kind, digest.script)).collect();
            (digests, survey.counts().to_vec(), survey.rows(), survey.places(LineKind::Bad))
        };
        for next in acts {
            let places = [LineKind::Row, LineKind::Bad].map(|kind| survey.places(kind));
            let touched = act(&mut dataset, next);
            let stands = survey.update(dataset.lines(), &touched);
            let anew = Survey::of(dataset.lines(), expectations.clone());
            prop_assert_eq!(found(&survey), found(&anew));
            for at in 0..dataset.lines().len() {
                prop_assert_eq!(survey.problems(dataset.lines(), at), anew.problems(dataset.lines(), at));
            }
            prop_assert!(!stands || places == [LineKind::Row, LineKind::Bad].map(|kind| anew.places(kind)));
        }
    }

    #[test]
    fn lists_stay_parallel(
        bytes in any_line(),
        acts in prop::collection::vec(any_act(), 0..20),
    ) {
        // Ids that say which passage they belong to, so that any mix-up shows.
        let parallel = |dataset: &Dataset| dataset.rows().iter().all(|(_, row)| {
            let side = |texts: &[String], ids: &Option<Vec<Option<String>>>| {
                ids.as_ref().is_none_or(|ids| {
                    ids.len() == texts.len()
                        && texts.iter().zip(ids).all(|(text, id)| {
                            id.as_deref().is_none_or(|id| id == text)
                        })
                })
            };
            side(&row.pos, &row.pos_ids) && side(&row.neg, &row.neg_ids)
        });
        let read = Dataset::from_bytes(bytes);
        let Some((_, row)) = read.rows().into_iter().next() else { return Ok(()) };
        let known = |texts: &[String]| Some(texts.iter().cloned().map(Some).collect());
        let row = Row { pos_ids: known(&row.pos), neg_ids: known(&row.neg), ..(*row).clone() };
        let mut dataset = Dataset::from_bytes(row.to_line(&Style::default()).into());
        prop_assert!(parallel(&dataset));
        for next in acts {
            // A corrected passage keeps its id, and the id no longer is its text.
            if !matches!(next, Act::Edit(1 | 7, ..)) {
                act(&mut dataset, next);
            }
            prop_assert!(parallel(&dataset));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_journal_leads_to_the_same_rows(
        bytes in any_file(),
        acts in prop::collection::vec(prop_oneof![9 => any_act(), 1 => Just(Act::Save)], 0..20),
    ) {
        let place = Place::with(&bytes);
        let mut dataset = place.open();
        for next in acts {
            act(&mut dataset, next);
        }
        let (expected, expected_rows) = (dataset.to_bytes(), rows(&dataset));
        drop(dataset);
        let mut dataset = place.recover().unwrap().dataset;
        prop_assert_eq!(dataset.to_bytes(), expected);
        prop_assert_eq!(rows(&dataset), expected_rows);
        while !dataset.undo().unwrap().is_empty() {}
        prop_assert_eq!(as_on_disk(&dataset), place.bytes());
    }
}

/// A file from a Windows machine in China is edited and stays in its encoding.
#[test]
fn files_in_other_encodings_are_edited_in_theirs() {
    use super::encoding::{Encoding, encode};
    let text = "\u{feff}".to_owned() + &row_line("焊缝表面有气孔怎么处理") + &row_line("什么是咬边");
    for encoding in [Encoding::Gb18030, Encoding::Utf16Le, Encoding::Utf16Be] {
        let text = if encoding == Encoding::Gb18030 { &text[3..] } else { &text };
        let text = text.replace('\n', "\r\n");
        let original = encode(&text, encoding).unwrap().into_owned();
        let place = Place::with(&original);
        let mut dataset = place.open();
        assert_eq!((dataset.encoding(), dataset.rows()[1].1.query.as_str()), (encoding, "什么是咬边"));
        dataset.save().unwrap();
        assert_eq!(place.bytes(), original);
        dataset.apply(set_query(&dataset, 1, "咬边是什么缺陷")).unwrap();
        drop(dataset);
        let mut dataset = place.recover().unwrap().dataset;
        dataset.save().unwrap();
        let expected = text.replace("什么是咬边", "咬边是什么缺陷");
        assert_eq!(place.bytes(), &*encode(&expected, encoding).unwrap());
    }
}

/// What the file is found to be in depends on what is in it; after a crash it is what it was when it was opened.
#[test]
fn a_journal_knows_the_encoding_of_its_file() {
    use super::encoding::{Encoding, encode};
    let place = Place::with(&encode(&row_line("什么是咬边"), Encoding::Utf16Le).unwrap());
    let mut dataset = place.open();
    assert_eq!(dataset.encoding(), Encoding::Utf16Le);
    let line = dataset.lines().id(0).unwrap();
    let text = "焊".repeat(100_000);
    dataset.apply(Edit::SetPassage { line, side: Side::Positive, index: 0, text }).unwrap();
    dataset.save().unwrap();
    assert_ne!(Dataset::open(&place.file).unwrap().encoding(), Encoding::Utf16Le, "no other encoding is found");
    dataset.apply(set_query(&dataset, 0, "咬边")).unwrap();
    let expected = dataset.to_bytes();
    drop(dataset);
    let recovered = place.recover().unwrap().dataset;
    assert_eq!((recovered.encoding(), recovered.to_bytes()), (Encoding::Utf16Le, expected));
}

#[test]
fn a_journal_of_another_version_is_refused_and_kept() {
    let place = Place::with(row_line("a").as_bytes());
    let mut dataset = place.open();
    dataset.apply(set_query(&dataset, 0, "b")).unwrap();
    drop(dataset);
    let journal = fs::read_to_string(&place.journal).unwrap();
    let old = journal.replacen("\"version\":3", "\"version\":2", 1).replacen(",\"encoding\":\"utf8\"", "", 1);
    assert_ne!(old, journal);
    fs::write(&place.journal, &old).unwrap();
    let error = place.recover().unwrap_err().to_string();
    assert!(error.contains("version 2 is not known here"), "{error}");
    assert_eq!(fs::read_to_string(&place.journal).unwrap(), old);
}

#[test]
fn edits_that_are_cancelled_change_nothing() {
    let original = row_line("a") + &row_line("b") + &row_line("c");
    let place = Place::with(original.as_bytes());
    let mut dataset = place.open();
    let edits: Vec<_> = (0..3).map(|at| set_query(&dataset, at, "x")).collect();
    let result = dataset.apply_watched(StepName::Fix, edits.clone(), |made| made < 2);
    assert!(matches!(result, Err(DatasetError::Cancelled)));
    assert_eq!(dataset.to_bytes(), original.as_bytes());
    assert!(!dataset.is_modified() && pending_journal(&place.journal).unwrap().is_none());
    dataset.apply_watched(StepName::Fix, edits, |_| true).unwrap();
    assert_eq!(dataset.rows().iter().filter(|(_, row)| row.query == "x").count(), 3);
    let watch = Watch::default();
    watch.cancel();
    assert!(Survey::watched(dataset.lines(), Expectations::default(), &watch).is_none());
}

const THREE_ROWS: &str = concat!(
    "{\"query\": \"a\", \"pos\": [\"p\"]}\n",
    "{\"query\": \"b\", \"pos\": [\"q\"]}\n",
    "{\"query\": \"c\", \"pos\": [\"r\"]}"
);

#[test]
fn a_step_that_panics_or_is_cancelled_changes_nothing() {
    let folder = Place::with(THREE_ROWS.as_bytes());
    let mut dataset = folder.open();
    let line = |dataset: &Dataset, at| dataset.lines().id(at).unwrap();
    let first = line(&dataset, 0);
    dataset.apply(Edit::SetQuery { line: first, query: "once".into() }).unwrap();
    let before = dataset.to_bytes();
    let ids = |dataset: &Dataset| (0..dataset.lines().len()).map(|at| line(dataset, at)).collect::<Vec<_>>();
    let lines = ids(&dataset);
    let edits = (0..3).map(|at| match at {
        0 => {
            Edit::InsertRow { at: 0, row: Box::new(Row { query: "q".into(), pos: vec!["p".into()], ..Row::default() }) }
        }
        1 => Edit::RemoveLine { line: first },
        _ => panic!("a mistake"),
    });
    let broken = panic::catch_unwind(AssertUnwindSafe(|| dataset.apply_all(StepName::Fix, edits)));
    assert!(broken.is_err());
    assert_eq!((dataset.to_bytes(), ids(&dataset)), (before.clone(), lines));

    // The history goes on as if nothing had been, and so does the journal.
    let all = [0, 1, 2].map(|at| Edit::SetQuery { line: line(&dataset, at), query: format!("{at}") });
    dataset.apply_all(StepName::Fix, all).unwrap();
    let after = dataset.to_bytes();
    let watch = Watch::default();
    watch.cancel();
    assert!(matches!(dataset.go_to(0, &mut Vec::new(), &watch), Err(DatasetError::Cancelled)));
    assert_eq!((dataset.to_bytes(), dataset.steps_made()), (after.clone(), 2));
    let (watch, mut touched) = (Watch::default(), Vec::new());
    dataset.go_to(0, &mut touched, &watch).unwrap();
    assert_eq!((watch.done(), watch.total(), touched.len()), (4, 4, 4));
    assert_eq!(dataset.to_bytes(), THREE_ROWS.as_bytes());
    dataset.go_to(2, &mut Vec::new(), &Watch::default()).unwrap();
    drop(dataset);
    assert_eq!(folder.recover().unwrap().dataset.to_bytes(), after);
}

#[test]
fn a_step_is_cancelled_half_way_and_can_be_taken_later() {
    let folder = Place::with(THREE_ROWS.as_bytes());
    let mut dataset = folder.open();
    let lines = [0, 1, 2].map(|at| dataset.lines().id(at).unwrap());
    dataset.apply_all(StepName::Fix, lines.map(|line| Edit::RemoveLine { line })).unwrap();
    let mut left = 2;
    let go_on = || {
        left -= 1;
        left >= 0
    };
    assert!(!dataset.history.go(Way::Undo, &mut dataset.lines, go_on));
    assert!(dataset.lines().is_empty() && dataset.can_undo() && !dataset.can_redo());
    dataset.undo().unwrap();
    assert_eq!(dataset.to_bytes(), THREE_ROWS.as_bytes());
}
