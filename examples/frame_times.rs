//! How long the window takes for a frame: idle, with a long run's curves, and while a run of the starter model trains
//! on the processor. What a graphics card does of a frame is not in it.
//!
//!     cargo run --release --example frame_times

mod common;

use std::path::Path;

use common::{Driven, FRAME, click, draw, repository, tell, until};
use weldbench::training::{LossParts, Preset, StepReport, TrainingConfig, TrainingEvent};
use weldbench::workspace::{NewRun, RunState, Runs, Settings, Workspace};

const FRAMES: usize = 600;
const LONG: usize = 100_000;

fn main() {
    let folder = tempfile::tempdir().expect("a folder");
    let workspace = Workspace::open(Some(folder.path())).expect("a workspace");
    write_long_run(&workspace);
    let mut settings = Settings::default();
    let mut config = TrainingConfig::default();
    Preset::QuickLook.put_into(&mut config);
    config.max_steps = Some(100_000);
    settings.training = toml::Table::try_from(config).expect("options");
    settings.save(&workspace.settings_file()).expect("settings");
    let paths = vec![repository("assets/starter-model"), repository("sample_data/train.jsonl")];
    let mut window = common::open(workspace, paths, false);
    let window = &mut window;
    until(window, "Train");
    click(window, "Train");
    until(window, "Start training");
    measure(window, "idle");

    until(window, "All runs (1)");
    click(window, "All runs (1)");
    until(window, "Open: long");
    click(window, "Open: long");
    until(window, "100000 / 100000");
    measure(window, "100,000 steps");

    click(window, "Start training");
    until(window, "Running");
    until(window, "Loss");
    for _ in 0..50 {
        window.step();
        std::thread::sleep(FRAME);
    }
    measure(window, "while a run trains");
    click(window, "All runs (2)");
    window.run_steps(4);
    click(window, "Overlay: long");
    window.run_steps(4);
    click(window, "Curves");
    for _ in 0..100 {
        window.step();
        std::thread::sleep(FRAME);
    }
    measure(window, "while a run trains, 100,000 steps over it");
}

/// Draws frames as a screen of 60 Hz asks for them, the pointer moving over the plots.
fn measure(window: &mut Driven, what: &str) {
    let mut times = Vec::with_capacity(FRAMES);
    for frame in 0..FRAMES {
        window.hover_at(eframe::egui::pos2(500.0 + (frame % 300) as f32, 400.0));
        let taken = draw(window);
        times.push(taken);
        std::thread::sleep(FRAME.saturating_sub(taken));
    }
    tell(what, times);
}

fn write_long_run(workspace: &Workspace) {
    let new = NewRun {
        name: "bge-m3",
        base_model: Path::new("bge-m3"),
        data: &[],
        device: "cpu",
        seed: 42,
        config: "",
        model: None,
    };
    let mut run = Runs::new(workspace.runs()).create(&new).expect("a run");
    let mut lines = String::new();
    for step in 1..=LONG {
        let total = 5.0 / (step as f64).sqrt() + (step as f64 * 0.7).sin();
        let loss = LossParts {
            total,
            dense: total,
            sparse: Some(total * 1.2),
            colbert: Some(total * 0.8),
            ensemble: Some(total * 0.7),
            self_distill_dense: Some(total * 0.3),
            self_distill_sparse: Some(total * 0.2),
            self_distill_colbert: Some(total * 0.1),
            knowledge_distill: Some(total * 0.5),
        };
        let event = TrainingEvent::Step(StepReport {
            step,
            steps: LONG,
            epoch: step as f64 / 1000.0,
            loss,
            learning_rate: 1e-5,
            grad_norm: total.abs(),
            tokens: 4000,
            seconds: 0.5,
            time: step as f64 * 0.5,
            memory: Some(3_000_000_000),
        });
        lines += &serde_json::to_string(&event).expect("an event");
        lines.push('\n');
    }
    std::fs::write(run.folder().join("metrics.jsonl"), lines).expect("written");
    run.update(|record| record.steps = LONG).expect("written");
    run.set_state(RunState::Done).expect("written");
    weldbench::workspace::Run::describe(run.folder(), "long", "").expect("written");
}
