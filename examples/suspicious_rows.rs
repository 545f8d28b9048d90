//! Prints how many rows with a planted false negative are among the rows that scoring finds most suspicious.
//!
//! `cargo run --release --example suspicious_rows [MODEL [dense|sparse|colbert|hybrid]]`; the model is a folder with
//! an embedding model or a reranker, by default the starter model.

use std::collections::HashSet;
use std::error::Error;
use std::fs;
use std::path::PathBuf;

use weldbench::compute::{DeviceChoice, choose};
use weldbench::dataset::Dataset;
use weldbench::jobs::scoring::{self, Scorer, ScoringRequest};
use weldbench::jobs::{Jobs, Status};
use weldbench::model::ModelFolder;
use weldbench::retrieval::{Method, most_suspicious};

fn main() -> Result<(), Box<dyn Error>> {
    let mut words = std::env::args().skip(1);
    let model = PathBuf::from(words.next().unwrap_or_else(|| "assets/starter-model".into()));
    let method = match words.next().as_deref() {
        None | Some("dense") => Method::Dense,
        Some("sparse") => Method::Sparse,
        Some("colbert") => Method::Colbert,
        Some("hybrid") => Method::Hybrid(Default::default()),
        Some(other) => return Err(format!("there is no method {other}").into()),
    };
    let scorer = if ModelFolder::open(&model)?.is_reranker() { Scorer::RERANKER } else { Scorer::Embedding(method) };
    let data = Dataset::open("sample_data/train.jsonl")?;
    let rows = data.rows().into_iter();
    let rows: Vec<_> = rows.filter_map(|(number, row)| Some((data.lines().id(number - 1)?, row))).collect();
    let planted: HashSet<String> = fs::read_to_string("sample_data/false_negatives.jsonl")?
        .lines()
        .map(|line| Ok(serde_json::from_str::<serde_json::Value>(line)?["query"].as_str().unwrap_or_default().into()))
        .collect::<Result<_, serde_json::Error>>()?;

    let jobs = Jobs::new(|| ());
    let request = ScoringRequest {
        device: choose(DeviceChoice::Auto)?,
        model,
        scorer,
        instruction: Default::default(),
        rows: rows.clone().into(),
        cache: None,
        only_if_loaded: false,
    };
    let job = scoring::start(&jobs, request);
    if let Status::Failed(failure) = job.wait() {
        return Err(failure.to_string().into());
    }
    let scores = job.poll();
    let order = most_suspicious(scores.iter().map(|row| (&row.scores[0].positives[..], &row.scores[0].negatives[..])));
    let places: Vec<usize> = (0..order.len())
        .filter(|&place| planted.contains(&rows[order[place].0].1.query))
        .map(|place| place + 1)
        .collect();
    let first = (rows.len() as f64 * 0.05).round() as usize;
    println!(
        "{} of {} among the first {first} of {} rows",
        places.iter().filter(|&&place| place <= first).count(),
        planted.len(),
        rows.len()
    );
    println!("their places: {places:?}");
    Ok(())
}
