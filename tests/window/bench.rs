//! A window for tests: a workspace of its own, the processor as its only device, English.

use std::ops::{Deref, DerefMut};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use eframe::egui;
use egui_kittest::kittest::Queryable;
use egui_kittest::{Harness, SnapshotOptions};
use tempfile::TempDir;
use weldbench::app::texts::Language;
use weldbench::app::{Setup, StartOptions, Window};
use weldbench::compute::{DeviceChoice, DeviceInfo, DeviceKind};
use weldbench::model::hub::{HubSettings, Patience};
use weldbench::training::TrainingConfig;
use weldbench::workspace::{Settings, Workspace};

/// A tiny model of BGE-M3's shape, and rows for it.
pub const TOY_MODEL: &str = "tests/fixtures/flagembedding/model_safetensors";
pub const TOY_DATA: &str = "tests/fixtures/flagembedding/data/weld_toy.jsonl";

/// Software Vulkan on a busy machine takes its time.
const PATIENCE: Duration = Duration::from_secs(120);

pub fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// How a window is shown.
#[derive(Clone, Copy)]
pub struct Look {
    pub language: Language,
    pub theme: egui::Theme,
    /// In points.
    pub size: [f32; 2],
    pub pixels_per_point: f32,
    /// Drawn on software Vulkan, to take pictures of.
    pub pictured: bool,
}

impl Default for Look {
    fn default() -> Self {
        Self {
            language: Language::English,
            theme: egui::Theme::Light,
            size: [1280.0, 800.0],
            pixels_per_point: 1.0,
            pictured: false,
        }
    }
}

fn plain(pictured: bool) -> Look {
    Look { pictured, ..Look::default() }
}

pub struct Bench {
    harness: Harness<'static, Window>,
    folder: Arc<TempDir>,
    /// What it was opened with.
    paths: Vec<PathBuf>,
}

impl Bench {
    /// As a newcomer finds it: nothing is opened but the sample project.
    pub fn first_start(look: Look) -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { harness: open(&folder, Vec::new(), look), folder: folder.into(), paths: Vec::new() }
    }

    /// With the toy rows and these models to compare, the base model first.
    pub fn looking(models: &[&str], look: Look) -> Self {
        let folder = tempfile::tempdir().unwrap();
        write_settings(&folder, None, false);
        let paths: Vec<PathBuf> = models.iter().chain([&TOY_DATA]).map(|path| repository(path)).collect();
        Self { harness: open(&folder, paths.clone(), look), folder: folder.into(), paths }
    }

    /// With a file of these rows open.
    pub fn with_data(rows: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("data.jsonl"), rows).unwrap();
        let paths = vec![folder.path().join("data.jsonl")];
        Self { harness: open(&folder, paths.clone(), plain(false)), folder: folder.into(), paths }
    }

    /// With these opened, and the toy rows to compare on.
    pub fn with_paths(paths: &[PathBuf]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        write_settings(&folder, None, false);
        Self { harness: open(&folder, paths.to_vec(), plain(false)), folder: folder.into(), paths: paths.to_vec() }
    }

    /// With the toy model and rows, and a form that begins with these options.
    pub fn with_options(config: &TrainingConfig) -> Self {
        let folder = tempfile::tempdir().unwrap();
        write_settings(&folder, Some(config), false);
        let paths = vec![repository(TOY_MODEL), repository(TOY_DATA)];
        Self { harness: open(&folder, paths.clone(), plain(false)), folder: folder.into(), paths }
    }

    /// Drawn on software Vulkan, to take pictures of.
    pub fn pictured() -> Self {
        let folder = tempfile::tempdir().unwrap();
        write_settings(&folder, None, false);
        let paths = vec![repository(TOY_MODEL), repository(TOY_DATA)];
        Self { harness: open(&folder, paths.clone(), plain(true)), folder: folder.into(), paths }
    }

    /// As [`Self::pictured`], with a hub at this address.
    pub fn with_hub(endpoint: &str, pictured: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        write_settings(&folder, None, false);
        let paths = vec![repository(TOY_MODEL), repository(TOY_DATA)];
        Self { harness: open_with_hub(&folder, paths.clone(), plain(pictured), endpoint), folder: folder.into(), paths }
    }

    /// With the toy rows and these models to compare, the base model first; drawn on software Vulkan if pictures are to be
    /// taken.
    pub fn comparing(models: &[&str], pictured: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        write_settings(&folder, None, false);
        let paths: Vec<PathBuf> = models.iter().chain([&TOY_DATA]).map(|path| repository(path)).collect();
        Self { harness: open(&folder, paths.clone(), plain(pictured)), folder: folder.into(), paths }
    }

    /// As [`Self::comparing`], with copies of these model folders, and the toy rows as the second, general set as well.
    pub fn comparing_twice(models: &[(&str, &Path)], pictured: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        write_settings(&folder, None, true);
        let mut paths = Vec::new();
        for (name, model) in models {
            let copy = folder.path().join("toy").join(name);
            copy_folder(model, &copy);
            paths.push(copy);
        }
        paths.push(repository(TOY_DATA));
        Self { harness: open(&folder, paths.clone(), plain(pictured)), folder: folder.into(), paths }
    }

    /// The same workspace in a new window; the old one had no time to tidy up.
    pub fn crash_and_open_again(self) -> Self {
        let Self { harness, folder, paths } = self;
        drop(harness);
        Self { harness: open(&folder, paths.clone(), plain(false)), folder, paths }
    }

    /// A second window on the same workspace, with the same open.
    pub fn second_window(&self) -> Self {
        let (folder, paths) = (Arc::clone(&self.folder), self.paths.clone());
        Self { harness: open(&folder, paths.clone(), plain(false)), folder, paths }
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Scores the rows with the model by every method, from the menu.
    #[track_caller]
    pub fn score_rows(&mut self) {
        self.get_by_label("More").click();
        self.run_steps(3);
        self.get_by_label_contains("Score the rows").click();
        self.run_steps(3);
        self.get_by_label("With the model, every method").click();
        self.until("scored", |window| window.query_by_label_contains("Scored: in ").is_some());
    }

    /// Goes on until something is seen, while other threads work.
    #[track_caller]
    pub fn until(&mut self, what: &str, holds: impl Fn(&Harness<'static, Window>) -> bool) {
        let end = Instant::now() + PATIENCE;
        loop {
            self.harness.step();
            if holds(&self.harness) {
                // What has just appeared finds its place in the next frames.
                self.harness.run_steps(3);
                return;
            }
            assert!(Instant::now() < end, "not seen: {what}\n{:#?}", self.harness.root());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    pub fn drop_file(&mut self, path: &Path) {
        self.harness.input_mut().dropped_files.push(Arc::new(Dropped(path.to_path_buf())));
        self.harness.step();
    }

    /// Compares with the picture in `tests/snapshots`. Anti-aliasing differs a little between versions of
    /// the software renderer; a moved or missing part differs in far more pixels.
    #[track_caller]
    pub fn picture(&mut self, name: &str) {
        self.harness.remove_cursor();
        self.harness.run_steps(8);
        assert!(self.harness.query_by_label("…").is_none(), "a text is missing");
        let options =
            SnapshotOptions::new().threshold(1.0).max_failed_pixels(60).output_path(repository("tests/snapshots"));
        self.harness.snapshot_options(name, &options);
    }
}

impl Deref for Bench {
    type Target = Harness<'static, Window>;

    fn deref(&self) -> &Self::Target {
        &self.harness
    }
}

impl DerefMut for Bench {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.harness
    }
}

/// With a hub that cannot be reached.
fn open(folder: &TempDir, paths: Vec<PathBuf>, look: Look) -> Harness<'static, Window> {
    open_with_hub(folder, paths, look, "http://127.0.0.1:9")
}

fn open_with_hub(folder: &TempDir, paths: Vec<PathBuf>, look: Look, endpoint: &str) -> Harness<'static, Window> {
    let hub = HubSettings {
        endpoint: endpoint.to_owned(),
        cache: folder.path().join("hub"),
        token: None,
        offline: false,
        certificates: None,
        patience: Patience { attempts: 2, pause: Duration::from_millis(50), silence: Duration::from_secs(10) },
    };
    let find_hub = Arc::new(move || Ok(hub.clone()));
    let workspace = Workspace::open(Some(&folder.path().join("workspace"))).unwrap();
    let setup = Setup {
        options: StartOptions { paths, device: DeviceChoice::Cpu },
        workspace,
        language: Some(look.language),
        theme: Some(look.theme.into()),
        // Longer than any test.
        information_stays: Duration::from_secs(86_400),
        look_for_devices: Box::new(|_| {
            let device = DeviceInfo {
                choice: DeviceChoice::Cpu,
                name: "the processor".into(),
                kind: DeviceKind::Cpu,
                api: "CPU".into(),
                limits: Default::default(),
            };
            (vec![device.clone()], Ok(device))
        }),
        find_hub,
        // Not the trash of whoever runs the tests.
        trash: |folder| {
            let name = format!("thrown away {}", folder.file_name().unwrap().to_string_lossy());
            std::fs::rename(folder, folder.with_file_name("..").join(name)).unwrap();
            Ok(())
        },
    };
    let builder = Harness::builder().with_size(look.size).with_theme(look.theme).with_max_steps(20);
    let builder = builder.with_pixels_per_point(look.pixels_per_point);
    let builder = if look.pictured { builder.wgpu() } else { builder };
    builder.build_eframe(move |creation| Window::new(creation, setup))
}

/// Settings that compare on the toy rows: their questions, and their passages as corpus; `twice` as second set, too.
fn write_settings(folder: &TempDir, training: Option<&TrainingConfig>, twice: bool) {
    let rows = std::fs::read_to_string(repository(TOY_DATA)).unwrap();
    let mut corpus = Vec::new();
    for row in rows.lines() {
        let row: serde_json::Value = serde_json::from_str(row).unwrap();
        for text in ["pos", "neg"].into_iter().flat_map(|side| row[side].as_array().cloned().unwrap_or_default()) {
            let line = serde_json::json!({ "text": text }).to_string();
            if !corpus.contains(&line) {
                corpus.push(line);
            }
        }
    }
    let path = folder.path().join("toy/corpus.jsonl");
    std::fs::create_dir_all(folder.path().join("toy")).unwrap();
    std::fs::write(&path, corpus.join("\n")).unwrap();
    let workspace = Workspace::open(Some(&folder.path().join("workspace"))).unwrap();
    let mut settings = Settings::default();
    if twice {
        (settings.general_corpus, settings.general_evaluation) = (Some(path.clone()), Some(repository(TOY_DATA)));
    }
    (settings.corpus, settings.evaluation) = (Some(path), Some(repository(TOY_DATA)));
    settings.training = training.map(|config| toml::Table::try_from(config).unwrap()).unwrap_or_default();
    settings.save(&workspace.settings_file()).unwrap();
}

#[derive(Debug)]
struct Dropped(PathBuf);

impl egui::DroppedFile for Dropped {
    fn path(&self) -> &Path {
        &self.0
    }

    fn bytes(&self) -> Result<Vec<u8>, String> {
        std::fs::read(&self.0).map_err(|error| error.to_string())
    }
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    for path in std::fs::read_dir(from).unwrap().map(|entry| entry.unwrap().path()) {
        let to = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy_folder(&path, &to);
        } else {
            std::fs::copy(&path, to).unwrap();
        }
    }
}
