//! How long the window takes for a frame: idle, with a long run's curves, and while a run of the starter model trains
//! on the processor. What a graphics card does of a frame is not in it.
//!
//!     cargo run --release --example frame_times

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;
use weldbench::app::texts::Language;
use weldbench::app::{Setup, StartOptions, Window};
use weldbench::compute::{self, DeviceChoice};
use weldbench::model::hub::HubSettings;
use weldbench::training::{LossParts, Preset, StepReport, TrainingConfig, TrainingEvent};
use weldbench::workspace::{NewRun, RunState, Runs, Settings, Workspace, move_to_trash};

const FRAMES: usize = 600;
const FRAME: Duration = Duration::from_millis(16);
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
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let paths = vec![root.join("assets/starter-model"), root.join("sample_data/train.jsonl")];
    let setup = Setup {
        options: StartOptions { paths, device: DeviceChoice::Cpu },
        workspace,
        language: Some(Language::English),
        theme: None,
        look_for_devices: Box::new(|| {
            let device = compute::choose(DeviceChoice::Cpu);
            (device.iter().cloned().collect(), device)
        }),
        find_hub: Arc::new(HubSettings::from_env),
        trash: move_to_trash,
    };
    let mut window =
        Harness::builder().with_size([1280.0, 720.0]).build_eframe(move |creation| Window::new(creation, setup));
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

fn until(window: &mut Harness<'_, Window>, label: &str) {
    let end = Instant::now() + Duration::from_secs(60);
    while window.query_all_by_label(label).next().is_none() {
        assert!(Instant::now() < end, "`{label}` is not seen");
        window.step();
        std::thread::sleep(FRAME);
    }
    window.run_steps(4);
}

fn click(window: &mut Harness<'_, Window>, label: &str) {
    window.get_by_label(label).click();
    window.run_steps(4);
}

/// Draws frames as a screen of 60 Hz asks for them, the pointer moving over the plots.
fn measure(window: &mut Harness<'_, Window>, what: &str) {
    let mut times = Vec::with_capacity(FRAMES);
    for frame in 0..FRAMES {
        let begun = Instant::now();
        window.hover_at(eframe::egui::pos2(500.0 + (frame % 300) as f32, 400.0));
        window.step();
        let drawn = begun.elapsed();
        let output = window.output();
        let shapes = output.shapes.clone();
        let begun = Instant::now();
        let shapes = window.ctx.tessellate(shapes, output.pixels_per_point);
        let taken = drawn + begun.elapsed();
        assert!(!shapes.is_empty());
        times.push(taken.as_secs_f64() * 1e3);
        std::thread::sleep(FRAME.saturating_sub(taken));
    }
    times.sort_by(f64::total_cmp);
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
    println!(
        "{what}: half of the frames within {:.1} ms, 99 % within {:.1} ms, all within {:.1} ms",
        at(0.5),
        at(0.99),
        at(1.0)
    );
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
