use std::fs;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use serde_json::{Value, json};

/// A tiny model of BGE-M3's shape, with heads.
pub const MODEL: &str = "tests/fixtures/flagembedding/model_safetensors";
/// Rows with positives, negatives and teacher scores.
pub const DATA: &str = "tests/fixtures/flagembedding/data/weld_toy.jsonl";
pub const CORPUS: &str = "sample_data/corpus.jsonl";

/// The program, started in the repository's folder with a workspace that nobody uses.
pub fn weldbench() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_weldbench"));
    command
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("WELDBENCH_HOME", Path::new(env!("CARGO_TARGET_TMPDIR")).join("home"));
    command
}

/// A small corpus and the questions that it answers, from the tiny model's rows.
pub fn questions(folder: &Path) -> (PathBuf, PathBuf) {
    let rows = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(DATA)).unwrap();
    let (mut corpus, mut questions) = (String::new(), String::new());
    for (number, line) in rows.lines().enumerate() {
        let row: Value = serde_json::from_str(line).unwrap();
        for (place, passage) in row["pos"].as_array().unwrap().iter().enumerate() {
            corpus.push_str(&format!("{}\n", json!({ "id": format!("{number}-{place}"), "text": passage })));
        }
        questions.push_str(&format!("{}\n", json!({ "query": row["query"], "pos": row["pos"] })));
    }
    let paths = (folder.join("corpus.jsonl"), folder.join("questions.jsonl"));
    fs::write(&paths.0, corpus).unwrap();
    fs::write(&paths.1, questions).unwrap();
    paths
}
