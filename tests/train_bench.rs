//! The train bench through the accessibility tree: a run is started, watched, steered and come back to.

mod window {
    #[allow(dead_code, reason = "other tests use the rest")]
    pub mod bench;
    pub mod told_run;
}

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use eframe::egui::{Key, accesskit::Role};
use egui_kittest::kittest::{NodeT, Queryable};
use serde_json::Value;
use weldbench::compute::{DeviceChoice, choose};
use weldbench::jobs::training::{TrainRequest, start};
use weldbench::jobs::{Jobs, Status};
use weldbench::training::{TrainingConfig, TrainingEvent, read_files};
use weldbench::workspace::{Run, RunState, Runs};

use window::bench::{Bench, TOY_DATA, TOY_MODEL, repository};
use window::told_run::write_run;

/// A short run on the toy rows with an evaluation every other step.
fn config() -> TrainingConfig {
    TrainingConfig {
        model_name_or_path: repository(TOY_MODEL),
        train_data: vec![repository(TOY_DATA)],
        eval_data: vec![repository(TOY_DATA)],
        train_group_size: 3,
        per_device_train_batch_size: 4,
        max_steps: Some(4),
        eval_steps: Some(2),
        ..TrainingConfig::default()
    }
}

/// A bench whose form begins with these options.
fn bench(config: &TrainingConfig) -> Bench {
    Bench::with_options(config)
}

fn runs(bench: &Bench) -> Vec<Run> {
    Runs::new(bench.folder().join("workspace/runs")).list().unwrap().0
}

fn only_run(bench: &Bench) -> Run {
    let mut all = runs(bench);
    assert_eq!(all.len(), 1);
    all.remove(0)
}

fn events(run: &Run) -> Vec<TrainingEvent> {
    run.events().unwrap().events
}

fn steps(run: &Run) -> usize {
    events(run).iter().filter(|event| matches!(event, TrainingEvent::Step(_))).count()
}

fn start_training(bench: &mut Bench) {
    bench.until("data and device", |window| {
        window.query_by_label("24 of 24 rows").is_some() && window.query_by_label("the processor").is_some()
    });
    bench.get_by_label("Train").click();
    bench.until("the form", |window| {
        window.query_by_label("Start training").is_some_and(|button| !button.accesskit_node().is_disabled())
    });
    bench.get_by_label("Start training").click();
}

/// Trains a run into the bench's workspace before its window opens.
fn earlier_run(bench: &Bench, config: TrainingConfig) -> PathBuf {
    let runs = Runs::new(bench.folder().join("workspace/runs"));
    let (files, _) = read_files(&config.train_data).unwrap();
    let request = TrainRequest::new(&runs, config, choose(DeviceChoice::Cpu).unwrap(), files).unwrap();
    let folder = request.folder().to_path_buf();
    let jobs = Jobs::new(|| ());
    let (job, _) = start(&jobs, request);
    assert_eq!(job.wait(), Status::Done);
    folder
}

fn name(folder: &Path) -> String {
    folder.file_name().unwrap().to_string_lossy().into_owned()
}

fn show_runs(bench: &mut Bench, count: usize) {
    bench.until("data and device", |window| window.query_by_label("the processor").is_some());
    bench.get_by_label("Train").click();
    bench.until("the tab", |window| window.query_by_label_contains("All runs (").is_some());
    bench.get_by_label_contains("All runs (").click();
    let tab = format!("All runs ({count})");
    bench.until("the list of runs", |window| window.query_by_label(&tab).is_some());
    bench.run_steps(8);
}

fn action(bench: &mut Bench, run: &str, action: &str) {
    bench.get_by_label(&format!("Actions: {run}")).click();
    bench.run_steps(4);
    bench.get_by_label(action).click();
    bench.run_steps(4);
}

#[test]
fn a_run_pauses_resumes_takes_a_new_learning_rate_and_stops_with_its_model() {
    let endless = TrainingConfig { max_steps: Some(100_000), eval_steps: Some(50_000), ..config() };
    let mut bench = bench(&endless);
    start_training(&mut bench);
    bench.until("steps", |window| window.query_all_by_label("Gradient norm").next().is_some());

    bench.get_by_label("Pause").click();
    bench.until("paused", |window| window.query_by_label("Paused").is_some());
    let (run, paused) = (only_run(&bench), steps(&only_run(&bench)));
    bench.run_steps(20);
    assert_eq!(steps(&run), paused, "it went on");
    bench.get_by_label("Resume").click();
    bench.until("steps again", |_| steps(&run) > paused + 2);

    assert!(bench.get_by_label("Set learning rate").accesskit_node().is_disabled());
    bench.get_by_role_and_label(Role::TextInput, "New learning rate").focus();
    bench.run();
    bench.get_by_role_and_label(Role::TextInput, "New learning rate").type_text("fast");
    bench.until("the reason", |window| window.query_by_label_contains("a number above 0").is_some());
    assert!(bench.get_by_label("Set learning rate").accesskit_node().is_disabled());
    (0..4).for_each(|_| bench.key_press(Key::Backspace));
    bench.run_steps(2);
    bench.get_by_role_and_label(Role::TextInput, "New learning rate").type_text("2e-6");
    bench.until("a number", |window| !window.get_by_label("Set learning rate").accesskit_node().is_disabled());
    bench.get_by_label("Set learning rate").click();
    bench.until("the new rate in the run's record", |_| {
        events(&run).iter().any(|event| matches!(event, TrainingEvent::LearningRate { learning_rate: 2e-6, .. }))
    });

    bench.get_by_label("Evaluate now").click();
    bench.until("an evaluation", |_| {
        events(&run).iter().any(|event| matches!(event, TrainingEvent::Evaluated(evaluation) if evaluation.step > 0))
    });
    let best = events(&run).iter().filter(|event| matches!(event, TrainingEvent::Checkpoint { .. })).count();
    bench.get_by_label("Save now").click();
    bench.until("a checkpoint", |_| {
        events(&run).iter().filter(|event| matches!(event, TrainingEvent::Checkpoint { .. })).count() > best
    });
    bench.get_by_label("Log").click();
    bench.until("the log", |window| window.query_by_label_contains("the highest learning rate is 2e-6").is_some());

    bench.get_by_label("Stop and keep").click();
    bench.until("the run done", |window| window.query_by_label("Done").is_some());
    assert!(run.model_folder().join("model.safetensors").is_file());
    assert_eq!(only_run(&bench).record().state, RunState::Done);
    assert!(bench.query_by_label("Pause").is_none());
    bench.get_by_label("Rank board").click();
    bench.until("ranks", |window| window.query_by_label("8 of 24 pinned").is_some());
}

#[test]
fn a_cancelled_run_goes_on_from_its_checkpoint_and_its_curves_with_it() {
    let mut bench =
        bench(&TrainingConfig { max_steps: Some(40), save_steps: Some(2), eval_data: Vec::new(), ..config() });
    start_training(&mut bench);
    bench.until("steps", |window| window.query_all_by_label("Gradient norm").next().is_some());
    let run = only_run(&bench);
    bench.until("a checkpoint", |_| events(&run).iter().any(|event| matches!(event, TrainingEvent::Checkpoint { .. })));
    assert!(bench.get_by_label("Evaluate now").accesskit_node().is_disabled(), "there is nothing to evaluate with");
    bench.get_by_label("Cancel").click();
    bench.until("cancelled", |window| window.query_by_label("Cancelled").is_some());
    assert_eq!(only_run(&bench).record().state, RunState::Cancelled);

    show_runs(&mut bench, 1);
    let name = name(run.folder());
    action(&mut bench, &name, "Go on from the last checkpoint");
    bench.until("the run done", |window| window.query_by_label("Done").is_some());
    bench.until("all steps", |window| window.query_by_label("40 / 40").is_some());
    let resumed = events(&run).iter().filter(|event| matches!(event, TrainingEvent::Resumed { .. })).count();
    assert_eq!((resumed, only_run(&bench).record().state), (1, RunState::Done));
}

#[test]
fn a_run_that_grows_worse_stops_early_and_says_so() {
    // A learning rate that destroys the model: after the best evaluation none is better.
    let mut bench = bench(&TrainingConfig {
        max_steps: Some(400),
        learning_rate: 0.5,
        warmup_ratio: 0.0,
        eval_steps: Some(1),
        metric_for_best_model: "ndcg@10".into(),
        early_stopping_patience: Some(2),
        ..config()
    });
    start_training(&mut bench);
    bench.until("the run done", |window| window.query_by_label("Done").is_some());
    assert!(bench.query_by_label_contains("stopped early, nothing was better than step").is_some());
    let run = only_run(&bench);
    assert!(steps(&run) < 100, "{} steps", steps(&run));
    assert!(events(&run).iter().any(|event| matches!(event, TrainingEvent::StoppedEarly { .. })));
    bench.until("the tab", |window| window.query_by_label("All runs (1)").is_some());
}

#[test]
fn a_run_whose_loss_is_no_number_pauses_and_says_what_to_try() {
    let mut bench = bench(&TrainingConfig {
        max_steps: Some(1000),
        learning_rate: 1e30,
        warmup_ratio: 0.0,
        eval_data: Vec::new(),
        ..config()
    });
    start_training(&mut bench);
    bench.until("the advice", |window| window.query_by_label_contains("Try a learning rate of").is_some());
    bench.until("paused", |window| window.query_by_label("Paused").is_some());
    assert!(bench.query_by_label("Resume").is_some() && bench.query_by_label("Pause").is_none());
    bench.get_by_label("Cancel").click();
    bench.until("cancelled", |window| window.query_by_label("Cancelled").is_some());
    assert!(bench.query_by_label_contains("Try a learning rate of").is_none());
}

#[test]
fn two_runs_are_opened_laid_over_each_other_and_compared() {
    let bench = bench(&config());
    let first = earlier_run(&bench, config());
    let second = earlier_run(&bench, TrainingConfig { learning_rate: 3e-4, temperature: 0.05, ..config() });
    let mut bench = bench.crash_and_open_again();
    show_runs(&mut bench, 2);
    let in_form = bench.query_all_by_label("Group size").count();
    let (first, second) = (name(&first), name(&second));
    assert_eq!(bench.query_all_by_label("Done").count(), 2);
    bench.get_by_label(&format!("Open: {first}")).click();
    bench.until("its curves", |window| window.query_by_label("4 / 4").is_some());
    // One run alone: its parts have names of their own.
    assert!(bench.query_by_label("ndcg@10").is_some() && bench.query_by_label(&second).is_none());

    show_runs(&mut bench, 2);
    assert!(bench.get_by_label("Difference of configurations").accesskit_node().is_disabled());
    bench.get_by_label(&format!("Overlay: {second}")).click();
    bench.run_steps(8);
    bench.get_by_label("Curves").click();
    bench.until("both runs in the legends", |window| {
        window.query_all_by_label(&second).count() >= 4 && window.query_all_by_label(&first).count() >= 4
    });
    let entry = bench.query_all_by_label(&second).next().unwrap();
    assert_eq!(entry.accesskit_node().toggled(), Some(eframe::egui::accesskit::Toggled::True));
    entry.click();
    bench.run_steps(4);
    let entry = bench.query_all_by_label(&second).next().unwrap();
    assert_eq!(entry.accesskit_node().toggled(), Some(eframe::egui::accesskit::Toggled::False));

    show_runs(&mut bench, 2);
    bench.get_by_label(&format!("Overlay: {first}")).click();
    bench.run_steps(8);
    bench.get_by_label("Difference of configurations").click();
    bench.until("the table", |window| {
        window.query_by_label("0.0003").is_some() || window.query_by_label("3e-4").is_some()
    });
    for label in ["Temperature", "0.05"] {
        assert!(bench.query_all_by_label(label).next().is_some(), "{label}");
    }
    assert_eq!(bench.query_all_by_label("Group size").count(), in_form, "it is no difference");
}

#[test]
fn a_run_is_named_noted_duplicated_and_thrown_away() {
    let bench = bench(&config());
    let folder = earlier_run(&bench, TrainingConfig { temperature: 0.07, ..config() });
    let mut bench = bench.crash_and_open_again();
    show_runs(&mut bench, 1);
    let run = name(&folder);
    action(&mut bench, &run, "Duplicate as a new run");
    bench.until("the form filled", |window| {
        let field = window.query_by_role_and_label(Role::TextInput, "Temperature");
        field.is_some_and(|field| field.value().as_deref() == Some("0.07"))
    });

    action(&mut bench, &run, "Name and note…");
    bench.get_by_role_and_label(Role::TextInput, "Name").focus();
    bench.run_steps(3);
    bench.key_press_modifiers(eframe::egui::Modifiers::COMMAND, Key::A);
    bench.run_steps(2);
    bench.get_by_role_and_label(Role::TextInput, "Name").type_text("warm");
    bench.run_steps(2);
    bench.get_by_role_and_label(Role::MultilineTextInput, "Note").focus();
    bench.run_steps(3);
    bench.get_by_role_and_label(Role::MultilineTextInput, "Note").type_text("a higher temperature");
    bench.run_steps(3);
    bench.get_by_label("Keep").click();
    bench.until("the new name", |window| window.query_by_label("Open: warm").is_some());
    let record = Run::open(&folder).unwrap().record().clone();
    assert_eq!((record.name.as_str(), record.note.as_str()), ("warm", "a higher temperature"));
    assert!(bench.query_by_label("a higher temperature").is_some());

    action(&mut bench, "warm", "Move to the trash…");
    bench.until("the question", |window| window.query_by_label("Move to the trash").is_some());
    bench.get_by_label("Cancel").click();
    bench.run_steps(4);
    assert!(folder.is_dir());
    action(&mut bench, "warm", "Move to the trash…");
    bench.until("the question", |window| window.query_by_label("Move to the trash").is_some());
    bench.get_by_label("Move to the trash").click();
    bench.until("the list without it", |window| window.query_by_label("All runs (0)").is_some());
    assert!(!folder.is_dir() && bench.query_by_label("warm is in the trash.").is_some());
    assert!(bench.folder().join(format!("workspace/thrown away {run}/model/model.safetensors")).is_file());
}

#[test]
fn a_job_for_several_cards_is_described_and_left() {
    let mut bench = Bench::pictured();
    bench.until("data and device", |window| {
        window.query_by_label("24 of 24 rows").is_some() && window.query_by_label("the processor").is_some()
    });
    bench.get_by_label("Train").click();
    bench.until("the form", |window| window.query_by_label("Start training").is_some());
    bench.get_by_label("More").click();
    bench.run_steps(4);
    bench.get_by_label("Export a job…").click();
    bench.until("the dialog", |window| window.query_by_label("Choose the folder…").is_some());
    let include = "Put the base model into the folder";
    bench.get_by_label(include).click();
    bench.get_by_label("ZeRO 1").click();
    bench.run_steps(4);
    let toggled = bench.get_by_label(include).accesskit_node().toggled();
    assert_eq!(toggled, Some(eframe::egui::accesskit::Toggled::True));
    bench.picture("train_job");
    bench.get_by_label("Cancel").click();
    bench.until("the bench", |window| window.query_by_label("Choose the folder…").is_none());
}

#[test]
fn the_bench_looks_as_it_did() {
    let mut bench = Bench::pictured();
    bench.until("data and device", |window| {
        window.query_by_label("24 of 24 rows").is_some() && window.query_by_label("the processor").is_some()
    });
    // Runs that are told of, not computed, so that every picture has the same numbers.
    write_run(&bench, &config(), "first", 0.0);
    write_run(&bench, &config(), "second", 0.4);
    show_runs(&mut bench, 2);
    bench.until("the forecast", |window| window.query_by_label_contains(" steps, ").is_some());
    bench.picture("train_runs");
    bench.get_by_label("Open: second").click();
    bench.until("its curves", |window| window.query_by_label("300 / 300").is_some());
    bench.picture("train_curves");
    bench.get_by_label("Rank board").click();
    bench.run_steps(8);
    bench.picture("train_board");
    show_runs(&mut bench, 2);
    bench.get_by_label("Overlay: first").click();
    bench.get_by_label("Language · 语言").click();
    bench.run();
    bench.get_by_label("中文").click();
    bench.until("Chinese", |window| window.query_by_label("曲线").is_some());
    bench.get_by_label("曲线").click();
    bench.until("both runs", |window| window.query_all_by_label("first").next().is_some());
    bench.picture("train_curves_chinese");
    bench.get_by_label("日志").click();
    bench.run_steps(8);
    bench.picture("train_log_chinese");
}

/// Every file of a run by its name, without what is of one time or place: clock times, speeds, memory, folders.
fn folder_told(run: &Path, home: &Path) -> BTreeMap<String, Vec<u8>> {
    fn plain(value: &mut Value, home: &str) {
        match value {
            Value::Object(fields) => {
                for name in ["time", "seconds", "memory", "started", "ended", "device"] {
                    if let Some(value) = fields.get_mut(name) {
                        *value = Value::Null;
                    }
                }
                fields.values_mut().for_each(|value| plain(value, home));
            }
            Value::Array(values) => values.iter_mut().for_each(|value| plain(value, home)),
            Value::String(text) => *text = text.replace(home, "RUN"),
            _ => {}
        }
    }
    let mut told = BTreeMap::new();
    let mut folders = vec![run.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let name = path.strip_prefix(run).unwrap().to_string_lossy().into_owned();
            let mut bytes = fs::read(&path).unwrap();
            let lines = |bytes: &[u8]| {
                let text = String::from_utf8(bytes.to_vec()).unwrap();
                let values = text.lines().map(|line| {
                    let mut value: Value = serde_json::from_str(line).unwrap();
                    plain(&mut value, &run.to_string_lossy());
                    value.to_string()
                });
                values.collect::<Vec<_>>().join("\n").into_bytes()
            };
            if name == "metrics.jsonl" {
                bytes = lines(&bytes);
            } else if name == "run.json" {
                let record: Value = serde_json::from_slice(&bytes).unwrap();
                bytes = lines(record.to_string().as_bytes());
            } else if name == "log.txt" {
                // Each line begins with the time, and some end with one.
                bytes = String::from_utf8(bytes).unwrap().lines().count().to_string().into_bytes();
            } else if name.contains("tfevents") {
                told.insert("events".into(), bytes.len().to_string().into_bytes());
                continue;
            } else if name == "config.toml" {
                bytes = String::from_utf8(bytes).unwrap().replace(&*home.to_string_lossy(), "HOME").into_bytes();
            }
            told.insert(name, bytes);
        }
    }
    told
}

#[test]
fn the_command_and_the_window_leave_the_same_run_folder() {
    let config = TrainingConfig { save_steps: Some(2), ..config() };
    let mut bench = bench(&config);
    start_training(&mut bench);
    let folder = bench.folder().join("workspace/runs");
    let done = |run: &Run| run.record().state == RunState::Done;
    bench.until("the end", |_| Runs::new(&folder).list().is_ok_and(|(runs, _)| runs.iter().any(done)));
    let of_window = only_run(&bench);

    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("options.toml");
    fs::write(&file, toml::to_string(&config).unwrap()).unwrap();
    let ended = std::process::Command::new(env!("CARGO_BIN_EXE_weldbench"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("WELDBENCH_HOME", home.path())
        .args(["train", "--device", "cpu", "--config"])
        .arg(&file)
        .output()
        .unwrap();
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    let of_command = Runs::new(home.path().join("runs")).list().unwrap().0.remove(0);

    let window = folder_told(of_window.folder(), bench.folder());
    let command = folder_told(of_command.folder(), home.path());
    assert_eq!(window.keys().collect::<Vec<_>>(), command.keys().collect::<Vec<_>>());
    assert!(window.len() > 8, "{:?}", window.keys());
    for (name, bytes) in &window {
        let shown = |bytes: &[u8]| String::from_utf8_lossy(&bytes[..bytes.len().min(4000)]).into_owned();
        assert!(*bytes == command[name], "{name} differs:\n{}\n{}", shown(bytes), shown(&command[name]));
    }
}
