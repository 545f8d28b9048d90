//! How long a frame of the map of texts takes: 20,000 texts, drawn by the graphics adapter that is there (a software one
//! where there is none), while the slider goes from one model to the other.
//!
//!     cargo run --release --example map_frames -- [texts]

mod common;

use std::time::Instant;

use common::{repository, tell, until};
use egui_kittest::kittest::Queryable;
use weldbench::workspace::{Settings, Workspace};

const MODELS: [&str; 2] = ["tests/fixtures/flagembedding/model_safetensors", "tests/fixtures/flagembedding/model_bin"];
const FRAMES: usize = 100;

fn main() {
    let texts: usize = std::env::args().nth(1).map_or(20_000, |count| count.parse().expect("a number of texts"));
    let folder = tempfile::tempdir().expect("a folder");
    let workspace = Workspace::open(Some(folder.path())).expect("a workspace");
    let (corpus, questions) = (folder.path().join("corpus.jsonl"), folder.path().join("questions.jsonl"));
    let words = ["焊缝", "气孔", "裂纹", "undercut", "porosity", "arc", "预热", "坡口", "slag", "电流"];
    let text = |number: usize| {
        let word = |place: usize| words[number / words.len().pow(place as u32) % words.len()];
        format!("{} {} {} {} {number}", word(0), word(1), word(2), word(3))
    };
    let lines: Vec<String> = (0..texts).map(|number| serde_json::json!({ "text": text(number) }).to_string()).collect();
    std::fs::write(&corpus, lines.join("\n")).expect("a corpus");
    let row = serde_json::json!({ "query": "气孔", "pos": [text(0)], "neg": [] });
    std::fs::write(&questions, row.to_string()).expect("questions");
    let mut settings = Settings::default();
    (settings.corpus, settings.evaluation) = (Some(corpus), Some(questions));
    settings.save(&workspace.settings_file()).expect("settings");
    let mut window = common::open(workspace, MODELS.map(repository).to_vec(), true);
    let window = &mut window;
    until(window, "Compare");
    window.get_by_label("Compare").click();
    until(window, "1 questions");
    window.get_by_label("Text map").click();
    until(window, "Lay the texts out");
    let begun = Instant::now();
    window.get_by_label("Lay the texts out").click();
    until(window, "Components");
    println!(
        "{texts} texts embedded by two models and laid out along components: {:.1} s",
        begun.elapsed().as_secs_f64()
    );
    if texts <= 5_000 {
        let begun = Instant::now();
        until(window, "Lay out anew");
        println!("neighbours (t-SNE, both models): {:.1} s", begun.elapsed().as_secs_f64());
    } else {
        window.get_by_label("Cancel").click();
        until(window, "Lay out anew");
    }
    let (mut steps, mut draws) = (Vec::new(), Vec::new());
    let slider = window.get_by_label("From the base model's places to the tuned one's").rect();
    for frame in 0..FRAMES {
        let share = frame as f32 / FRAMES as f32;
        window.drag_at(eframe::egui::pos2(slider.left() + share * slider.width(), slider.center().y));
        let begun = Instant::now();
        window.step();
        steps.push(begun.elapsed());
        let begun = Instant::now();
        window.render().expect("a picture");
        draws.push(begun.elapsed());
    }
    tell("the window's own work a frame", steps);
    tell("drawing and reading the picture back", draws);
}
