//! Exact search beside what Python users have: NumPy for dense vectors, SciPy for sparse ones, PyTorch for ColBERT.
//!
//! `benches/setup_python.sh` once, then `cargo bench --profile release --bench search`. Both sides read the same vectors
//! and use as many threads; each is measured five times, in turns, and its best time counts. Prints a table in Markdown,
//! and fails if the two sides do not find the same passages.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use weldbench::model::{Embeddings, Matrix, SparseVector};
use weldbench::retrieval::{Hit, Index, Method};

const TIMES: usize = 5;
const K: usize = 10;
const QUESTIONS: usize = 100;
const DIMENSIONS: usize = 1024;
const PASSAGES: usize = 100_000;
/// Tokens of BGE-M3's vocabulary, and how many of them a text has.
const VOCABULARY: u32 = 250_002;
const TOKENS: [usize; 2] = [12, 120];
/// ColBERT vectors of so many passages fill as much memory as all dense ones.
const COLBERT_PASSAGES: usize = 1_000;
const COLBERT_QUESTIONS: usize = 20;

fn main() {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("search");
    fs::create_dir_all(&folder).expect("the target folder can be written");
    println!("| exact search, k = {K} | Weldbench | Python | time, ratio |\n|---|---|---|---|");
    let mut dice = ChaCha8Rng::seed_from_u64(1);
    let both = Both { folder };

    let (questions, corpus) = (dense(QUESTIONS, &mut dice), dense(PASSAGES, &mut dice));
    both.write("questions.f32", &questions.values);
    both.write("passages.f32", &corpus.values);
    let embeddings = |dense| Embeddings { dense, ..Embeddings::default() };
    let what = format!("dense, {PASSAGES} × {DIMENSIONS}, {QUESTIONS} questions");
    both.measure("dense", &what, &embeddings(questions), embeddings(corpus), Method::Dense);

    let (questions, corpus) = (sparse(QUESTIONS, TOKENS[0], &mut dice), sparse(PASSAGES, TOKENS[1], &mut dice));
    both.write_sparse("sparse_questions", &questions);
    both.write_sparse("sparse_passages", &corpus);
    // An index counts its passages by their dense vectors.
    let embeddings = |sparse: Vec<SparseVector>| {
        let dense = Matrix { rows: sparse.len(), cols: 1, values: vec![0.0; sparse.len()] };
        Embeddings { dense, sparse, ..Embeddings::default() }
    };
    let what = format!("sparse, {PASSAGES} passages of {} tokens, {QUESTIONS} questions of {}", TOKENS[1], TOKENS[0]);
    both.measure("sparse", &what, &embeddings(questions), embeddings(corpus), Method::Sparse);

    let mut tokens =
        |texts: usize, tokens: usize| -> Vec<Matrix> { (0..texts).map(|_| dense(tokens, &mut dice)).collect() };
    let (questions, corpus) = (tokens(COLBERT_QUESTIONS, TOKENS[0]), tokens(COLBERT_PASSAGES, TOKENS[1]));
    let all = |texts: &[Matrix]| -> Vec<f32> { texts.iter().flat_map(|text| text.values.clone()).collect() };
    both.write("colbert_questions.f32", &all(&questions));
    both.write("colbert_passages.f32", &all(&corpus));
    let embeddings = |colbert: Vec<Matrix>| {
        let dense = Matrix { rows: colbert.len(), cols: 1, values: vec![0.0; colbert.len()] };
        Embeddings { dense, colbert, ..Embeddings::default() }
    };
    let what = format!(
        "ColBERT, {COLBERT_PASSAGES} passages of {} tokens, {COLBERT_QUESTIONS} questions of {}",
        TOKENS[1], TOKENS[0]
    );
    both.measure("colbert", &what, &embeddings(questions), embeddings(corpus), Method::Colbert);
}

/// Rows of length 1 in random directions.
fn dense(rows: usize, dice: &mut ChaCha8Rng) -> Matrix {
    let mut values: Vec<f32> = (0..rows * DIMENSIONS).map(|_| dice.random_range(-1.0..1.0)).collect();
    for row in values.chunks_mut(DIMENSIONS) {
        let length = row.iter().map(|value| value * value).sum::<f32>().sqrt();
        row.iter_mut().for_each(|value| *value /= length);
    }
    Matrix { rows, cols: DIMENSIONS, values }
}

/// Token weights; low numbers are more frequent, as words are (Zipf's law).
fn sparse(texts: usize, tokens: usize, dice: &mut ChaCha8Rng) -> Vec<SparseVector> {
    let text = |_| {
        let mut ids: Vec<u32> =
            (0..tokens).map(|_| (f64::from(VOCABULARY).powf(dice.random_range(0.0..1.0)) - 1.0) as u32).collect();
        ids.sort_unstable();
        ids.dedup();
        let weights = ids.iter().map(|_| dice.random_range(0.01..0.4)).collect();
        SparseVector { ids, weights }
    };
    (0..texts).map(text).collect()
}

struct Both {
    folder: PathBuf,
}

impl Both {
    fn write(&self, name: &str, values: &[f32]) {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        fs::write(self.folder.join(name), bytes).expect("the target folder can be written");
    }

    /// The three arrays of SciPy's CSR matrices.
    fn write_sparse(&self, name: &str, vectors: &[SparseVector]) {
        let weights: Vec<f32> = vectors.iter().flat_map(|vector| vector.weights.clone()).collect();
        self.write(&format!("{name}.f32"), &weights);
        let ids = vectors.iter().flat_map(|vector| vector.ids.iter().flat_map(|id| id.to_le_bytes()));
        let mut end = 0u32;
        let ends = std::iter::once(0).chain(vectors.iter().map(|vector| {
            end += vector.ids.len() as u32;
            end
        }));
        let ends: Vec<u8> = ends.flat_map(u32::to_le_bytes).collect();
        let files = [("ids", ids.collect::<Vec<u8>>()), ("ends", ends)];
        for (kind, bytes) in files {
            fs::write(self.folder.join(format!("{name}.{kind}")), bytes).expect("the target folder can be written");
        }
    }

    fn measure(&self, name: &str, what: &str, questions: &Embeddings, corpus: Embeddings, method: Method) {
        let index = Index::new(corpus);
        let Some(mut python) = Python::start(name, &self.folder) else { return };
        let (mut ours, mut theirs) = (f64::INFINITY, f64::INFINITY);
        for _ in 0..TIMES {
            let started = Instant::now();
            let found = index.search_all(questions, method, K, &mut |_, _| ControlFlow::Continue(())).expect("vectors");
            ours = ours.min(started.elapsed().as_secs_f64());
            let Some((seconds, best)) = python.search() else { return };
            theirs = theirs.min(seconds);
            agree(&index, questions, method, &found, &best);
        }
        println!("| {what} | {:.1} ms | {:.1} ms | {:.2} |", ours * 1e3, theirs * 1e3, ours / theirs);
    }
}

/// The same passages, up to such as differ by less than the two sides round.
fn agree(index: &Index, questions: &Embeddings, method: Method, ours: &[Vec<Hit>], theirs: &[Vec<usize>]) {
    for (question, (ours, theirs)) in ours.iter().zip(theirs).enumerate() {
        let worst = ours.last().expect("k hits").score;
        for passage in theirs {
            let score = method.score(questions, question, index.embeddings(), *passage);
            assert!(score >= worst - 1e-5, "question {question}: Python finds passage {passage}, which scores {score}");
        }
        assert_eq!(ours.len(), theirs.len());
    }
}

/// `search.py`, which loads its vectors once and searches whenever it gets a line.
struct Python(Child, BufReader<std::process::ChildStdout>);

impl Python {
    fn start(name: &str, folder: &Path) -> Option<Self> {
        let python = std::env::var_os("WELDBENCH_PYTHON").map_or_else(
            || PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join("weldbench-python"),
            PathBuf::from,
        );
        let threads = std::thread::available_parallelism().map_or(1, usize::from).to_string();
        let mut child = Command::new(python.join("bin/python"))
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/search.py"))
            .arg(name)
            .arg(folder)
            .args([DIMENSIONS, K, TOKENS[0], TOKENS[1]].map(|number| number.to_string()))
            .arg(&threads)
            .env("OMP_NUM_THREADS", &threads)
            .env("OPENBLAS_NUM_THREADS", &threads)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| eprintln!("{}: {error}; run benches/setup_python.sh", python.display()))
            .ok()?;
        let out = BufReader::new(child.stdout.take()?);
        Some(Self(child, out))
    }

    /// Seconds, and the passages of each question.
    fn search(&mut self) -> Option<(f64, Vec<Vec<usize>>)> {
        self.0.stdin.as_mut()?.write_all(b"search\n").ok()?;
        let mut line = String::new();
        self.1.read_line(&mut line).ok()?;
        serde_json::from_str(&line).map_err(|error| eprintln!("search.py: {error}: {line}")).ok()
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}
