//! Exact search beside NumPy, SciPy and PyTorch, on the processor.
//!
//! `benches/setup_python.sh` once, then `cargo bench --profile release --bench search [-- NAME ...]`: both sides have the
//! same vectors and number of threads and take turns; the best time of each counts, and both must find the same
//! passages in the same order. Prints a table in Markdown.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Instant;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};
use weldbench::model::{Embeddings, Matrix, SparseVector};
use weldbench::retrieval::{Index, Method};

const K: usize = 10;
const DIMENSIONS: usize = 1024;
const VOCABULARY: u32 = 250_002;
const PASSAGES: usize = 100_000;
const QUESTIONS: usize = 100;
/// Tokens with a weight, of a passage and of a question.
const PASSAGE_TOKENS: usize = 64;
const QUESTION_TOKENS: usize = 12;
/// Late interaction is compared on fewer: passages, questions, and tokens of each.
const LATE_PASSAGES: usize = 500;
const LATE_QUESTIONS: usize = 8;
const LATE_PASSAGE_TOKENS: usize = 128;
const LATE_QUESTION_TOKENS: usize = 32;

const ROUNDS: usize = 5;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("search");
    fs::create_dir_all(&folder).expect("a folder");
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let dense = dense(&folder);
    let sparse = sparse(&folder);
    let colbert = colbert(&folder);
    write_sizes(&folder);
    let mut python = Python::start(&folder, threads);
    println!("k = {K}, {threads} threads; the best of {ROUNDS} rounds, in which both sides take turns\n");
    println!("| | Weldbench | Python | ratio |\n|---|---|---|---|");
    let late = format!(
        "ColBERT, {LATE_PASSAGES} passages × {LATE_PASSAGE_TOKENS} tokens, {LATE_QUESTIONS} questions × {LATE_QUESTION_TOKENS} tokens, beside PyTorch"
    );
    for (name, method, (passages, questions), what) in [
        (
            "dense",
            Method::Dense,
            dense,
            format!("Dense, {PASSAGES} × {DIMENSIONS}, {QUESTIONS} questions, beside NumPy"),
        ),
        ("sparse", Method::Sparse, sparse, format!("Sparse, {PASSAGES} passages, {QUESTIONS} questions, beside SciPy")),
        ("colbert", Method::Colbert, colbert, late),
    ] {
        if !words.is_empty() && !words.iter().any(|word| word == name) {
            continue;
        }
        let index = Index::new(passages);
        let (mut ours, mut theirs) = (f64::INFINITY, f64::INFINITY);
        for _ in 0..ROUNDS {
            let started = Instant::now();
            let hits = index.search_all(&questions, method, K, &mut |_, _| ControlFlow::Continue(())).expect("hits");
            ours = ours.min(started.elapsed().as_secs_f64());
            let found: Vec<Vec<usize>> = hits.iter().map(|hits| hits.iter().map(|hit| hit.passage).collect()).collect();
            let (seconds, others) = python.search(name);
            theirs = theirs.min(seconds);
            assert!(found == others, "{name}: the two sides found different passages");
        }
        println!("| {what} | {ours:.3} s | {theirs:.3} s | {:.2} |", ours / theirs);
    }
}

/// The other side, which waits for names of searches.
struct Python {
    child: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Python {
    fn start(folder: &Path, threads: usize) -> Self {
        let python = std::env::var_os("WELDBENCH_PYTHON").map_or_else(
            || PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join("weldbench-python"),
            PathBuf::from,
        );
        let mut child = Command::new(python.join("bin/python"))
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/search.py"))
            .arg(folder)
            .arg(threads.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("Python; benches/setup_python.sh makes it");
        let questions = child.stdin.take().expect("its input");
        let mut python = Self { answers: BufReader::new(child.stdout.take().expect("its output")), child, questions };
        assert_eq!(python.line().trim(), "ready");
        python
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("a line of Python");
        line
    }

    fn search(&mut self, name: &str) -> (f64, Vec<Vec<usize>>) {
        writeln!(self.questions, "{name}").and_then(|()| self.questions.flush()).expect("Python takes it");
        let answer: Value = serde_json::from_str(&self.line()).expect("an answer of Python");
        (answer["seconds"].as_f64().expect("seconds"), serde_json::from_value(answer["found"].clone()).expect("places"))
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn write_sizes(folder: &Path) {
    let sizes = json!({
        "k": K, "dimensions": DIMENSIONS, "vocabulary": VOCABULARY,
        "passage_tokens": PASSAGE_TOKENS, "question_tokens": QUESTION_TOKENS,
        "late_passage_tokens": LATE_PASSAGE_TOKENS, "late_question_tokens": LATE_QUESTION_TOKENS,
    });
    fs::write(folder.join("sizes.json"), sizes.to_string()).expect("a file");
}

fn write(folder: &Path, name: &str, values: impl Iterator<Item = [u8; 4]>) {
    fs::write(folder.join(name), values.flatten().collect::<Vec<u8>>()).expect("room on the disk");
}

/// Vectors of length 1 in random directions, also written for Python.
fn vectors(folder: &Path, name: &str, rows: usize, seed: u64) -> Matrix {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut values: Vec<f32> = (0..rows * DIMENSIONS).map(|_| rng.random_range(-1.0..1.0)).collect();
    for row in values.chunks_exact_mut(DIMENSIONS) {
        let length = row.iter().map(|value| value * value).sum::<f32>().sqrt();
        row.iter_mut().for_each(|value| *value /= length);
    }
    write(folder, name, values.iter().map(|value| value.to_le_bytes()));
    Matrix { rows, cols: DIMENSIONS, values }
}

fn dense(folder: &Path) -> (Embeddings, Embeddings) {
    let side = |name, rows, seed| Embeddings { dense: vectors(folder, name, rows, seed), ..Embeddings::default() };
    (side("dense.passages", PASSAGES, 1), side("dense.questions", QUESTIONS, 2))
}

/// Token weights; a token's number is drawn so that low ones are common, as words are.
fn sparse(folder: &Path) -> (Embeddings, Embeddings) {
    let side = |name: &str, rows: usize, tokens: usize, seed: u64| {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let texts: Vec<SparseVector> = (0..rows)
            .map(|_| {
                let mut weights = BTreeMap::new();
                while weights.len() < tokens {
                    let id = f64::from(VOCABULARY).powf(rng.random_range(0.3..1.0)) as u32;
                    weights.insert(id.min(VOCABULARY - 1), rng.random_range(0.01f32..0.4));
                }
                SparseVector { ids: weights.keys().copied().collect(), weights: weights.values().copied().collect() }
            })
            .collect();
        let all = |text: &'_ SparseVector| text.ids.clone();
        write(folder, &format!("sparse.{name}.ids"), texts.iter().flat_map(all).map(u32::to_le_bytes));
        let all = |text: &'_ SparseVector| text.weights.clone();
        write(folder, &format!("sparse.{name}.weights"), texts.iter().flat_map(all).map(f32::to_le_bytes));
        Embeddings { sparse: texts, dense: Matrix { rows, cols: 0, values: Vec::new() }, ..Embeddings::default() }
    };
    (side("passages", PASSAGES, PASSAGE_TOKENS, 3), side("questions", QUESTIONS, QUESTION_TOKENS, 4))
}

fn colbert(folder: &Path) -> (Embeddings, Embeddings) {
    let side = |name, texts: usize, tokens: usize, seed| {
        let all = vectors(folder, name, texts * tokens, seed);
        let colbert = (all.values.chunks_exact(tokens * DIMENSIONS))
            .map(|values| Matrix { rows: tokens, cols: DIMENSIONS, values: values.to_vec() })
            .collect();
        Embeddings { colbert, dense: Matrix { rows: texts, cols: 0, values: Vec::new() }, ..Embeddings::default() }
    };
    (
        side("colbert.passages", LATE_PASSAGES, LATE_PASSAGE_TOKENS, 5),
        side("colbert.questions", LATE_QUESTIONS, LATE_QUESTION_TOKENS, 6),
    )
}
