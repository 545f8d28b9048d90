//! A run that is told of, not computed, so that every picture of it has the same numbers.

use std::fs;
use std::path::{Path, PathBuf};

use weldbench::training::{Evaluation, LossParts, StepReport, TrainingConfig, TrainingEvent};
use weldbench::workspace::{BestMetric, NewRun, RunState, Runs};

use super::bench::Bench;

/// A run of 300 steps and 6 evaluations with made-up numbers, at a made-up time.
pub fn write_run(bench: &Bench, config: &TrainingConfig, name: &str, shift: f64) {
    let folder = bench.folder().join("workspace/runs");
    let data = [PathBuf::from("weld_toy.jsonl")];
    let new = NewRun {
        name,
        base_model: Path::new("bge-m3"),
        data: &data,
        device: "the processor",
        seed: 42,
        config: &toml::to_string(config).unwrap(),
        model: None,
    };
    let mut run = Runs::new(&folder).create(&new).unwrap();
    let questions: Vec<String> =
        (1..=20).map(|number| format!("焊接问题 {number}: how is undercut avoided?")).collect();
    run.append(&TrainingEvent::Questions { texts: questions }).unwrap();
    let mut bytes = Vec::new();
    for step in 0..=300_usize {
        let (epoch, time) = (step as f64 / 100.0, 1.7e9 + step as f64 * 2.0);
        let wave = (step as f64 * 1.3).sin() * (step as f64 * 0.37).cos();
        let total = 0.4 + shift + 2.0 * (-(step as f64) / 80.0).exp() + wave * 0.2;
        if step > 0 {
            let loss = LossParts {
                total,
                dense: total * 1.1,
                sparse: Some(total * 1.4),
                colbert: Some(total * 0.9),
                ensemble: Some(total * 0.7),
                ..LossParts::default()
            };
            let learning_rate = 1e-5 * (step as f64 / 30.0).min((300.0 - step as f64) / 270.0);
            let (grad_norm, tokens) = (1.0 + wave.abs(), 4000 + step);
            let memory = Some(3_000_000_000 + step as u64 * 1_000_000);
            bytes.push(TrainingEvent::Step(StepReport {
                step,
                steps: 300,
                epoch,
                loss,
                learning_rate,
                grad_norm,
                tokens,
                seconds: 2.0,
                time,
                memory,
            }));
        }
        if step % 60 == 0 {
            let value = 0.5 + 0.3 * (step as f64 / 300.0) - shift / 10.0;
            let metrics = [("ndcg@10".to_string(), value), ("recall@10".to_string(), value + 0.05)].into();
            let rank = |question: usize| (question * question * (360 - step) / 700 + 1).min(101);
            let ranks = (1..=20).map(|question| Some(rank(question)).filter(|rank| *rank <= 100)).collect();
            bytes.push(TrainingEvent::Evaluated(Evaluation { step, epoch, time, metrics, ranks }));
        }
    }
    bytes.push(TrainingEvent::LearningRate { step: 150, learning_rate: 8e-6 });
    bytes.iter().for_each(|event| run.append(event).unwrap());
    let best = Some(BestMetric { step: 300, metric: "ndcg@10".into(), value: 0.8 - shift / 10.0 });
    let fingerprint = "8c5f0e21d3".to_string();
    run.update(|record| (record.steps, record.best, record.data_fingerprint) = (300, best, fingerprint)).unwrap();
    run.set_state(RunState::Done).unwrap();
    let fixed = folder.join(format!("20261101-09000{}-bge-m3", name.len() % 10));
    fs::rename(run.folder(), &fixed).unwrap();
    let record = fs::read_to_string(fixed.join("run.json")).unwrap();
    let mut record: serde_json::Value = serde_json::from_str(&record).unwrap();
    (record["started"], record["ended"]) = ("2026-11-01T09:00:00Z".into(), "2026-11-01T09:10:05Z".into());
    fs::write(fixed.join("run.json"), record.to_string()).unwrap();
}
