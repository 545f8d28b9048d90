//! Takes the pictures in `docs/pictures` anew, from the sample data, so that they show the window as it is.
//!
//!     cargo run --release --example pictures [WORKSPACE [DEVICE]]
//!
//! The starter model is trained on the sample data first, for minutes on a processor. With a workspace named, that run
//! is kept there, and the next time only the pictures are taken. Drawn by whichever adapter wgpu finds; a software one
//! will do.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use eframe::egui::accesskit::Role;
use eframe::egui::{self, Key};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT, Queryable};
use weldbench::app::texts::{Language, Texts};
use weldbench::app::{Setup, StartOptions, Window};
use weldbench::compute::{self, DeviceChoice};
use weldbench::training::{Preset, TrainingConfig};
use weldbench::workspace::{RunState, Runs, Settings, Workspace, move_to_trash};

const PATIENCE: Duration = Duration::from_secs(3600);
const SIZE: [f32; 2] = [1440.0, 900.0];
const QUESTION: &str = "酸洗膏泡多久，硝酸氢氟酸";

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let passing = tempfile::tempdir()?;
    let home = arguments.next().map_or_else(|| passing.path().to_path_buf(), PathBuf::from);
    let device: DeviceChoice = arguments.next().as_deref().unwrap_or("cpu").parse()?;
    let studio = Studio { home, device };

    // One after another: the workspace is one window's at a time.
    let (english, chinese, light) = (Language::English, Language::Chinese, egui::Theme::Light);
    guide(&mut studio.window(english, light, true)?)?;
    data(&mut studio.window(english, light, false)?)?;
    train(&mut studio.window(chinese, light, false)?, &studio)?;
    compare(&mut studio.window(english, light, false)?)?;
    search(&mut studio.window(chinese, egui::Theme::Dark, false)?)?;
    Ok(())
}

fn guide(window: &mut Photographed) -> Result<(), Box<dyn Error>> {
    window.until_label_contains(window.texts.get("finding_too_long"));
    window.picture("guide")
}

fn data(window: &mut Photographed) -> Result<(), Box<dyn Error>> {
    let texts = window.texts;
    let too_long = texts.get("finding_too_long");
    window.until_label_contains(too_long);
    window.get_by_label_contains(too_long).click();
    window.settle();
    window.picture("data")?;
    window.click(texts.get("more"));
    window.click(texts.get("score_rows"));
    window.click(texts.get("score_model"));
    let suspected = texts.get("finding_suspected");
    window.until("scores", |window| window.query_by_label_contains(&format!("{suspected}: ")).is_some());
    window.get_by_label_contains(&format!("{suspected}: ")).click();
    window.settle();
    window.key_press(Key::ArrowDown);
    window.settle();
    window.picture("data_scores")
}

/// Trains unless there is a model already.
fn train(window: &mut Photographed, studio: &Studio) -> Result<(), Box<dyn Error>> {
    let texts = window.texts;
    window.until_label(texts.get("train_start"), "bench_train");
    if studio.tuned()?.is_none() {
        window.until("the form", |window| {
            let button = window.query_by_label(texts.get("train_start"));
            button.is_some_and(|button| !button.accesskit_node().is_disabled())
        });
        window.click(texts.get("train_start"));
        window.until("the run", |_| studio.tuned().ok().flatten().is_some());
        window.until("its end", |window| window.query_by_label(texts.get("train_compare")).is_some());
    } else {
        window.open_run();
    }
    window.picture("train")?;
    window.click(texts.get("view_board"));
    window.picture("rank_board")
}

fn compare(window: &mut Photographed) -> Result<(), Box<dyn Error>> {
    let texts = window.texts;
    window.compare_run();
    window.until("questions", |window| {
        let button = window.query_by_label(texts.get("evaluate"));
        button.is_some_and(|button| !button.accesskit_node().is_disabled())
    });
    window.click(texts.get("evaluate"));
    window.until("the metrics", |window| window.query_by_label("nDCG@10").is_some());
    window.picture("metrics")?;
    window.click(texts.get("view_groups"));
    window.picture("groups")?;
    window.click(texts.get("view_map"));
    window.picture("score_map")?;
    window.click(texts.get("view_points"));
    window.click(texts.get("points_lay_out"));
    window.until("the map", |window| window.query_by_label(texts.get("points_lay_out_anew")).is_some());
    window.click(texts.get("points_neighbours"));
    window.click(texts.get("points_by_language"));
    window.picture("text_map")?;
    window.click(texts.get("view_mix"));
    window.click(texts.get("mix_measure"));
    window.until("the mixes", |window| {
        window.query_all_by_label_contains("recall@10 ").next().is_some()
            && window.query_by_role_and_label(Role::Button, texts.get("mix_measure")).is_some()
    });
    window.picture("mix")?;
    window.ask(QUESTION);
    // Of the tuned model's first passage.
    let first = window.get_all_by_label(texts.get("why")).min_by_key(|why| {
        let place = why.rect().min;
        (-place.x as i64, place.y as i64)
    });
    first.ok_or("there is no passage")?.click();
    window.until("the explanation", |window| window.query_by_label_contains(texts.get("why_close")).is_some());
    window.until("both models", |window| window.query_all_by_label(texts.get("tuned_model")).count() >= 2);
    window.picture("why")
}

fn search(window: &mut Photographed) -> Result<(), Box<dyn Error>> {
    let texts = window.texts;
    window.compare_run();
    window.until(texts.get("search"), |window| window.query_by_label(texts.get("view_search")).is_some());
    window.ask(QUESTION);
    window.picture("search")?;
    window.key_press(Key::F11);
    window.settle();
    window.picture("presentation")
}

/// Where pictures are taken.
struct Studio {
    home: PathBuf,
    device: DeviceChoice,
}

impl Studio {
    /// The model of the newest run that is done.
    fn tuned(&self) -> Result<Option<PathBuf>, Box<dyn Error>> {
        let (runs, _) = Runs::new(self.home.join("runs")).list()?;
        let done = runs.iter().find(|run| run.record().state == RunState::Done);
        Ok(done.map(|run| run.folder().join("model")).filter(|model| model.is_dir()))
    }

    fn window(&self, language: Language, theme: egui::Theme, guided: bool) -> Result<Photographed, Box<dyn Error>> {
        let workspace = Workspace::open(Some(&self.home))?;
        let settings = workspace.settings_file();
        let (mut known, _) = Settings::load(&settings);
        known.guide_put_away = !guided;
        if known.training.is_empty() {
            let config = TrainingConfig {
                eval_data: workspace.sample("eval.jsonl").into_iter().collect(),
                eval_corpus: workspace.sample("corpus.jsonl"),
                eval_steps: Some(15),
                unified_finetuning: true,
                ..Preset::QuickLook.config()
            };
            known.training = toml::Table::try_from(config)?;
        }
        known.save(&settings)?;
        let device = self.device;
        let setup = Setup {
            options: StartOptions { paths: Vec::new(), device },
            workspace,
            language: Some(language),
            theme: Some(theme.into()),
            information_stays: Duration::from_secs(8),
            look_for_devices: Box::new(move |_| (compute::devices(), compute::choose(device))),
            find_hub: std::sync::Arc::new(weldbench::model::hub::HubSettings::from_env),
            trash: move_to_trash,
        };
        let builder = Harness::builder().with_size(SIZE).with_theme(theme).with_max_steps(20).wgpu();
        let window = builder.build_eframe(move |creation| Window::new(creation, setup));
        Ok(Photographed { window, texts: Texts::new(language) })
    }
}

struct Photographed {
    window: Harness<'static, Window>,
    texts: Texts,
}

impl std::ops::Deref for Photographed {
    type Target = Harness<'static, Window>;

    fn deref(&self) -> &Self::Target {
        &self.window
    }
}

impl std::ops::DerefMut for Photographed {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.window
    }
}

impl Photographed {
    fn settle(&mut self) {
        self.window.run_steps(8);
    }

    fn click(&mut self, label: &str) {
        // Headings may have the same words.
        self.window.get_by_role_and_label(Role::Button, label).click();
        self.settle();
    }

    fn until(&mut self, what: &str, holds: impl Fn(&Harness<'static, Window>) -> bool) {
        let end = Instant::now() + PATIENCE;
        while !holds(&self.window) {
            assert!(Instant::now() < end, "not seen: {what}");
            self.window.step();
            std::thread::sleep(Duration::from_millis(20));
        }
        self.settle();
    }

    fn until_label_contains(&mut self, label: &str) {
        self.until(label, |window| window.query_by_label_contains(label).is_some());
    }

    /// Goes to a bench once the devices are known, and waits for something there.
    fn until_label(&mut self, label: &str, bench: &str) {
        let looking = self.texts.get("device_looking");
        self.until("the device", |window| window.query_by_label(looking).is_none());
        let bench = self.texts.get(bench);
        self.click(bench);
        self.until(label, |window| window.query_by_label(label).is_some());
    }

    /// Shows the run that is on the disk.
    fn open_run(&mut self) {
        let texts = self.texts;
        self.until_label(texts.get("train_start"), "bench_train");
        let runs = format!("{} (", texts.get("view_runs"));
        self.until("runs", |window| window.query_by_label(&format!("{runs}0)")).is_none());
        self.window.get_by_label_contains(&runs).click();
        self.settle();
        let open = texts.with("run_open", &[("run", &"")]);
        self.window.get_by_label_contains(open.trim_end()).click();
        self.until("the run", |window| window.query_by_label(texts.get("train_compare")).is_some());
    }

    /// Puts the run's model beside its base model.
    fn compare_run(&mut self) {
        self.open_run();
        self.click(self.texts.get("train_compare"));
    }

    /// Searches for a question with both models.
    fn ask(&mut self, question: &str) {
        let texts = self.texts;
        self.click(texts.get("view_search"));
        // A view has the field's name in Chinese.
        self.window.get_by_role_and_label(Role::TextInput, texts.get("question")).focus();
        self.settle();
        self.window.get_by_role_and_label(Role::TextInput, texts.get("question")).type_text(question);
        self.settle();
        self.window.key_press(Key::Enter);
        self.until("the lists", |window| window.query_all_by_label(texts.get("why")).count() >= 20);
    }

    fn picture(&mut self, name: &str) -> Result<(), Box<dyn Error>> {
        self.window.remove_cursor();
        // Messages that lie over the bench go by themselves.
        let end = Instant::now() + Duration::from_secs(9);
        while Instant::now() < end {
            self.window.step();
            std::thread::sleep(Duration::from_millis(100));
        }
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("docs/pictures/{name}.png"));
        let picture = self.window.render()?;
        // What is seen through is nothing: the window has a ground of its own.
        image::DynamicImage::ImageRgba8(picture).to_rgb8().save(&path)?;
        println!("{}", path.display());
        Ok(())
    }
}
