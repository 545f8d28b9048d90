//! Bytes of any kind, read by everything that reads files of others. Nothing here may panic, hang or take memory out of
//! proportion; whether the bytes are refused or not is not asked. The fuzz targets and the tests of chance call these.

use std::fs;
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use weldbench::dataset::import::{CorpusMapping, Mapping, Table, passages, rows};
use weldbench::dataset::{Corpus, Dataset, Expectations, Side, Survey, Watch, encoding};
use weldbench::jobs::training::config_of;
use weldbench::model::{Tokenizer, Weights};
use weldbench::training::{Checkpoints, TrainingConfig, TrainingEvent, read_command};
use weldbench::workspace::{Run, Settings};

/// A folder in memory where there is one, so that writing is quick. One a thread, and left to the system at the end.
fn place() -> PathBuf {
    thread_local!(static PLACE: TempDir = {
        let builder = tempfile::Builder::new();
        builder.tempdir_in("/dev/shm").or_else(|_| builder.tempdir()).expect("a folder can be made")
    });
    PLACE.with(|place| place.path().to_path_buf())
}

/// A file of this name with these bytes.
fn file(name: &str, bytes: &[u8]) -> PathBuf {
    let path = place().join(name);
    fs::create_dir_all(path.parent().expect("it lies in a folder")).expect("a folder can be made");
    fs::write(&path, bytes).expect("a file can be written");
    path
}

/// A data file: every line looked at, an edit made and taken back, and the same bytes as a corpus.
pub fn jsonl(bytes: &[u8]) {
    let decoded = encoding::decode(bytes).bytes.into_owned();
    let mut dataset = Dataset::from_bytes(decoded.clone());
    let survey = Survey::of(dataset.lines(), Expectations::default());
    let problems = dataset.problems();
    assert_eq!(survey.len(), dataset.lines().len());
    assert!(problems.iter().all(|problem| !problem.to_string().is_empty()));
    for (number, row) in dataset.rows() {
        let line = dataset.lines().id(number - 1).expect("a row has a line");
        let edits = [
            weldbench::dataset::Edit::SetQuery { line, query: "什么是咬边？".into() },
            weldbench::dataset::Edit::MovePassage { line, from: Side::Positive, index: row.pos.len() - 1 },
            weldbench::dataset::Edit::AddPassage { line, side: Side::Negative, index: 0, text: "\"\\\n".into() },
        ];
        for edit in edits {
            if dataset.apply(edit).is_ok() {
                assert!(dataset.row(line).is_some(), "an edit made line {number} unusable");
            }
        }
    }
    while dataset.undo().is_ok_and(|lines| !lines.is_empty()) {}
    let whole: Vec<u8> = (0..dataset.lines().len()).flat_map(|at| dataset.lines().bytes_at(at).to_vec()).collect();
    assert!(whole.len() <= decoded.len(), "undoing everything has added to the lines");
    let corpus = Corpus::from_bytes(bytes);
    assert!(corpus.passages().len() <= corpus.problems().len() + decoded.len());
}

/// A training command from a shell script or a web page.
pub fn command(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let pasted = read_command(&text, &TrainingConfig::default());
    let again = read_command(&text, &pasted.config);
    assert_eq!(pasted.flags.len(), again.flags.len());
    let _ = pasted.config.problems();
}

/// The settings of the program, and a file of options.
pub fn settings(bytes: &[u8]) {
    let path = file("settings/settings.toml", bytes);
    let (settings, warning) = Settings::load(&path);
    if warning.is_none() {
        settings.save(&path).expect("what was read can be written");
        assert_eq!(Settings::load(&path), (settings, None));
    }
    let path = file("options.toml", bytes);
    let mut config = TrainingConfig::default();
    if config.set_from_file(&path).is_ok() {
        let _ = config.problems();
    }
    let _ = fs::remove_dir_all(place().join("settings"));
}

/// A run's folder: the same bytes as its record, its options, its events and a checkpoint's state.
pub fn run_folder(bytes: &[u8]) {
    let folder = place().join("run");
    for name in ["run/run.json", "run/config.toml", "run/metrics.jsonl", "run/checkpoints/step-00000001/state.json"] {
        file(name, bytes);
    }
    let _ = Checkpoints::read(&Checkpoints::at(&folder.join("checkpoints"), 1));
    if let Ok(run) = Run::open(&folder) {
        let _ = (run.record().time_taken(), run.model_folder(), config_of(&folder));
    }
    file("run/run.json", RECORD);
    let run = Run::open(&folder).expect("the record is one");
    let events = run.events::<TrainingEvent>().expect("the file can be read");
    assert!(events.events.len() + events.unreadable <= 1 + bytes.iter().filter(|byte| **byte == b'\n').count());
}

const RECORD: &[u8] =
    br#"{"name": "r", "state": "done", "started": "2026-11-23T14:50:15Z", "ended": null, "base_model": "b",
    "data": [], "device": "cpu", "seed": 1, "failure": null}"#;

/// A data file of one row, and a journal of edits that a crash left behind: these bytes, after the line that names the file.
pub fn journal(bytes: &[u8]) {
    let data = file("journal/data.jsonl", DATA);
    let begin = format!(
        "{{\"begin\":{{\"version\":3,\"file\":{:?},\"blake3\":\"{}\",\"encoding\":\"utf8\"}}}}\n",
        data.display().to_string(),
        blake3::hash(DATA).to_hex()
    );
    let journal = file("journal/data.journal", &[begin.as_bytes(), bytes].concat());
    let _ = weldbench::dataset::pending_journal(&journal);
    if let Ok(mut recovered) = Dataset::recover(&data, &journal, &Watch::default()) {
        let _ = (recovered.dataset.problems(), recovered.dataset.undo());
    }
    let _ = fs::remove_dir_all(place().join("journal"));
}

const DATA: &[u8] = b"{\"query\": \"q\", \"pos\": [\"p\"], \"neg\": [\"n\"]}\n";

/// An edit and its undoing.
pub const JOURNAL: &str = concat!(
    r#"{"edit":{"name":"set_query","changes":[{"at":0,"removes":true,"inserts":{"line":"{\"query\": \"r\", \"pos\": [\"p\"]}","ending":"lf"},"previous":null}]}}"#,
    "\n",
    r#"{"undo":{"name":"set_query","changes":[{"at":0,"removes":true,"inserts":{"line":"{\"query\": \"q\", \"pos\": [\"p\"], \"neg\": [\"n\"]}","ending":"lf"},"previous":null}]}}"#,
    "\n"
);

/// A safetensors file: every tensor read.
pub fn safetensors(bytes: &[u8]) {
    weights(&file("model.safetensors", bytes), bytes.len());
}

/// A file of `torch.save`: every tensor read.
pub fn pytorch(bytes: &[u8]) {
    weights(&file("pytorch_model.bin", bytes), bytes.len());
}

fn weights(path: &Path, size: usize) {
    let Ok(weights) = Weights::open_file(path) else { return };
    let mut names: Vec<_> = weights.names().map(str::to_owned).collect();
    names.truncate(64);
    for name in names {
        if let Ok(tensor) = weights.any_shape(&name) {
            assert_eq!(tensor.shape.iter().product::<usize>(), tensor.values.len(), "{name}");
            assert!(tensor.values.len() <= size, "{name} has more values than the file has bytes");
        }
    }
}

/// A model's `tokenizer.json`, and texts cut by it.
pub fn tokenizer(bytes: &[u8]) {
    let path = file("tokenizer/tokenizer.json", bytes);
    let folder = path.parent().expect("it lies in a folder");
    let Ok(tokenizer) = Tokenizer::read(folder, 0) else { return };
    for text in ["", "咬边 undercut\n12.5 mm", "ａé́\u{0}𠮷", &"焊a ".repeat(50)] {
        if let Ok(ids) = tokenizer.ids(text, Some(32)) {
            assert!(ids.len() <= 32);
        }
        let _ = tokenizer.tokens(text, None);
    }
    let _ = tokenizer.pair("咬边", "A groove at the toe of a weld.", 24);
}

/// A text table of questions and answers, or of passages.
pub fn table(bytes: &[u8]) {
    let Ok(table) = Table::from_bytes(bytes, None) else { return };
    let _ = rows(&table, &Mapping::guess(&table));
    let _ = passages(&table, &CorpusMapping::guess(&table));
}

/// A workbook whose sheet, shared texts and styles are these bytes, parted by zeros.
pub fn workbook(bytes: &[u8]) {
    let mut parts = bytes.splitn(3, |byte| *byte == 0);
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, text) in [
        ("[Content_Types].xml", WORKBOOK[0].as_bytes()),
        ("_rels/.rels", WORKBOOK[1].as_bytes()),
        ("xl/workbook.xml", WORKBOOK[2].as_bytes()),
        ("xl/_rels/workbook.xml.rels", WORKBOOK[3].as_bytes()),
        ("xl/worksheets/sheet1.xml", parts.next().unwrap_or_default()),
        ("xl/sharedStrings.xml", parts.next().unwrap_or_default()),
        ("xl/styles.xml", parts.next().unwrap_or_default()),
    ] {
        let stored = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
        archive.start_file(name, stored).expect("a name is free");
        archive.write_all(text).expect("there is memory");
    }
    table(&archive.finish().expect("there is memory").into_inner());
}

const WORKBOOK: [&str; 4] = [
    r#"<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/><Override PartName="/xl/worksheets/sheet1.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/><Override PartName="/xl/sharedStrings.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"/><Override PartName="/xl/styles.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.styles+xml"/></Types>"#,
    r#"<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>"#,
    r#"<?xml version="1.0"?><workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet name="QA" sheetId="1" r:id="rId1"/></sheets></workbook>"#,
    r#"<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/><Relationship Id="rId2" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/sharedStrings" Target="sharedStrings.xml"/><Relationship Id="rId3" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/styles" Target="styles.xml"/></Relationships>"#,
];
