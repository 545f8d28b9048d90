//! A run that is killed goes on from its last checkpoint exactly as if nothing had happened.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use weldbench::training::{Evaluation, StepReport, TrainingEvent};
use weldbench::workspace::{Run, RunState};

const STEPS: usize = 24;

/// `weldbench train` with these words, in a workspace of its own.
fn train(home: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_weldbench"));
    command.current_dir(env!("CARGO_MANIFEST_DIR")).env("WELDBENCH_HOME", home);
    command.args(["train", "--device", "cpu"]).args(words).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// A new run of the tiny model, with these options beside.
fn new_run(home: &Path, options: &[&str]) -> Command {
    let mut command = train(home, &["--model_name_or_path", "tests/fixtures/flagembedding/model_bin"]);
    let steps = STEPS.to_string();

    if !options.contains(&"--train_data") {
        command.args(["--train_data", "tests/fixtures/flagembedding/data/weld_toy.jsonl"]);
    }
    command.args(["--eval_data", "tests/fixtures/flagembedding/data/weld_toy.jsonl", "--eval_steps", "9"]);
    command.args(["--unified_finetuning", "--use_self_distill", "--knowledge_distillation", "--warmup_ratio", "0.2"]);
    command.args(["--train_group_size", "3", "--per_device_train_batch_size", "2", "--learning_rate", "1e-3"]);
    command.args(["--max_steps", &steps, "--save_steps", "5"]).args(options);
    command
}

fn only_run(home: &Path) -> Option<PathBuf> {
    std::fs::read_dir(home.join("runs")).ok()?.next().map(|entry| entry.unwrap().path())
}

/// What the run's folder tells, without what was done again after a resumption.
fn told(run: &Path) -> (BTreeMap<usize, StepReport>, BTreeMap<usize, Evaluation>) {
    let (mut steps, mut evaluations) = (BTreeMap::new(), BTreeMap::new());
    for event in Run::open(run).unwrap().events::<TrainingEvent>().unwrap().events {
        match event {
            TrainingEvent::Resumed { step } => {
                steps.retain(|known, _| *known <= step);
                evaluations.retain(|known, _| *known <= step);
            }
            TrainingEvent::Step(report) => drop(steps.insert(report.step, report)),
            TrainingEvent::Evaluated(evaluation) => drop(evaluations.insert(evaluation.step, evaluation)),
            _ => {}
        }
    }
    (steps, evaluations)
}

/// Waits until a run has told of this step, and kills it there. `false` if it was done before.
fn kill_at(mut child: Child, home: &Path, step: usize) -> bool {
    let waiting = Instant::now();
    loop {
        let seen = only_run(home).filter(|run| run.join("run.json").is_file()).map(|run| told(&run).0);
        if seen.is_some_and(|steps| steps.contains_key(&step)) {
            // SIGKILL on Unix.
            child.kill().unwrap();
            return !child.wait().unwrap().success();
        }
        if let Some(status) = child.try_wait().unwrap() {
            assert!(status.success(), "the run failed");
            return false;
        }
        assert!(waiting.elapsed() < Duration::from_secs(300), "step {step} never came");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Runs once without a break and once killed three times at random steps, and compares.
fn same_after_kills(seed: u64, options: &[&str]) {
    let homes = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let [whole, broken] = homes.each_ref().map(|home| home.path());
    assert!(new_run(whole, options).status().unwrap().success());

    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut child = new_run(broken, options).spawn().unwrap();
    let mut first = 1;
    let mut kills = Vec::new();
    for _ in 0..3 {
        let step = rng.random_range(first..=(first + 7).min(STEPS - 1));
        if kill_at(child, broken, step) {
            kills.push(step);
        }
        let run = only_run(broken).unwrap();
        assert_eq!(Run::open(&run).unwrap().record().state, RunState::Interrupted);
        first = step + 1;
        child = train(broken, &["--resume", run.to_str().unwrap()]).spawn().unwrap();
    }
    assert!(child.wait().unwrap().success());
    assert!(!kills.is_empty(), "nothing was interrupted");

    let [whole, broken] = [whole, broken].map(|home| only_run(home).unwrap());
    assert_eq!(Run::open(&broken).unwrap().record().state, RunState::Done);
    let (one, other) = (told(&whole), told(&broken));
    assert_eq!(one.0.len(), STEPS);
    assert_eq!(other.0.len(), STEPS);
    for (step, expected) in &one.0 {
        let found = &other.0[step];
        // Bit for bit.
        assert_eq!(found.loss, expected.loss, "step {step}, killed at {kills:?}");
        assert_eq!(
            (found.grad_norm, found.learning_rate, found.epoch, found.tokens),
            (expected.grad_norm, expected.learning_rate, expected.epoch, expected.tokens)
        );
    }
    assert_eq!(one.1.keys().collect::<Vec<_>>(), other.1.keys().collect::<Vec<_>>());
    for (step, expected) in &one.1 {
        assert_eq!((&other.1[step].metrics, &other.1[step].ranks), (&expected.metrics, &expected.ranks));
    }
    for name in ["model.safetensors", "sparse_linear.pt", "colbert_linear.pt"] {
        let [one, other] = [&whole, &broken].map(|run| std::fs::read(run.join("model").join(name)).unwrap());
        assert!(one == other, "{name} differs");
    }
}

#[test]
fn a_killed_run_goes_on_bit_for_bit() {
    same_after_kills(1, &[]);
}

#[test]
fn a_killed_run_of_low_rank_changes_with_dropout_goes_on_bit_for_bit() {
    same_after_kills(2, &["--use_lora", "--lora_rank", "4", "--gradient_accumulation_steps", "3"]);
}

#[test]
fn a_killed_run_with_frozen_layers_and_pieces_goes_on_bit_for_bit() {
    same_after_kills(3, &["--trainable_layers", "1", "--sub_batch_size", "2", "--load_best_model_at_end"]);
}

#[test]
fn changed_data_are_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("rows.jsonl");
    let text = std::fs::read_to_string("tests/fixtures/flagembedding/data/weld_toy.jsonl").unwrap();
    std::fs::write(&data, &text).unwrap();
    let home = folder.path().join("home");
    let child = new_run(&home, &["--train_data", data.to_str().unwrap()]).spawn().unwrap();
    assert!(kill_at(child, &home, 7));
    let mut lines: Vec<&str> = text.lines().collect();
    lines.swap(0, 1);
    std::fs::write(&data, lines.join("\n")).unwrap();
    let run = only_run(&home).unwrap();
    let refused = train(&home, &["--resume", run.to_str().unwrap()]).stderr(Stdio::piped()).output().unwrap();
    assert!(!refused.status.success());
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(said.contains("the training data") && said.contains("start a new run"), "{said}");
    // The run is as it was, and goes on with the data as they were.
    std::fs::write(&data, &text).unwrap();
    assert!(train(&home, &["--resume", run.to_str().unwrap()]).status().unwrap().success());
}
