//! Starting a run, through the accessibility tree: presets, commands, files of options, mistakes, and what is foretold.

mod window {
    #[allow(dead_code, reason = "other tests use the rest")]
    pub mod bench;
}

use std::fs;

use eframe::egui::{Event, accesskit::Role, vec2};
use egui_kittest::kittest::{NodeT, Queryable};

use window::bench::{Bench, TOY_DATA, TOY_MODEL, repository};

const COMMAND: &str = include_str!("fixtures/commands/weld-command.txt");

/// The train bench with the toy model and data.
fn open() -> Bench {
    let mut bench = Bench::with_paths(&[repository(TOY_MODEL), repository(TOY_DATA)]);
    show_form(&mut bench);
    bench
}

fn show_form(bench: &mut Bench) {
    bench.until("data and device", |window| {
        window.query_by_label("24 of 24 rows").is_some() && window.query_by_label("the processor").is_some()
    });
    bench.get_by_label("Train").click();
    bench.until("the forecast", |window| window.query_by_label_contains(" steps, ").is_some());
}

fn field(bench: &Bench, label: &str) -> String {
    bench.get_by_role_and_label(Role::TextInput, label).value().unwrap_or_default()
}

#[track_caller]
fn write(bench: &mut Bench, label: &str, text: &str) {
    bench.get_by_role_and_label(Role::TextInput, label).scroll_to_me();
    bench.run_steps(8);
    bench.get_by_role_and_label(Role::TextInput, label).focus();
    bench.run_steps(3);
    bench.key_press_modifiers(eframe::egui::Modifiers::COMMAND, eframe::egui::Key::A);
    bench.get_by_role_and_label(Role::TextInput, label).type_text(text);
    bench.run_steps(3);
}

fn paste(bench: &mut Bench, text: &str) {
    bench.get_by_label("Paste a command…").click();
    bench.until("the dialog", |window| window.query_by_label("Use these").is_some());
    bench.get_by_role_and_label(Role::MultilineTextInput, "Command").focus();
    bench.run_steps(3);
    bench.input_mut().events.push(Event::Paste(text.into()));
    bench.until("the fates", |window| window.query_all_by_label("√ applied").next().is_some());
    // The dialog has grown by what came; it finds its place in the middle again.
    bench.run_steps(8);
}

#[test]
fn a_preset_fills_the_form_and_keeps_model_and_data() {
    let mut bench = open();
    bench.get_by_label("Presets").click();
    bench.run_steps(3);
    bench.get_by_label("Welding recipe").click();
    bench.until("the recipe", |window| window.query_by_label_contains("15 steps, 3 an epoch, 24 rows").is_some());
    for (label, value) in [("Group size", "6"), ("Longest question", "512"), ("Longest passage", "2048")] {
        assert_eq!(field(&bench, label), value, "{label}");
    }
    assert!(bench.query_by_label("flagembedding/model_safetensors").is_some(), "the model is another");
    assert!(bench.query_by_label("data/weld_toy.jsonl").is_some(), "the data is other");
}

#[test]
fn the_published_command_becomes_a_filled_form() {
    let mut bench = open();
    paste(&mut bench, COMMAND);
    assert!(
        bench.query_by_label("√ 31 applied · - 8 not needed · ? 0 unknown · × 0 refused").is_some(),
        "{:#?}",
        bench.root()
    );
    assert!(bench.query_all_by_label("- not needed").count() >= 2);
    assert!(bench.query_by_label("one process trains on one device").is_some());
    bench.get_by_label("Use these").click();
    bench.until("the form", |window| window.query_by_label("Use these").is_none());
    assert_eq!(field(&bench, "Longest passage"), "2048");
    assert!(bench.query_by_label("BAAI/bge-m3").is_some(), "the command's model is not shown");
    assert!(bench.query_by_label("./weld_train.jsonl").is_some(), "the command's data is not shown");
    // There is no such model here, and the form says so before anything starts.
    bench.until("the reason", |window| window.query_by_label_contains("× model/BAAI/bge-m3").is_some());
}

#[test]
fn what_a_command_has_too_much_is_told() {
    let mut bench = open();
    paste(&mut bench, "torchrun --learning_rate fast --use_mrl True --seed 7");
    for label in ["× refused", "? unknown", "use_mrl", "√ applied"] {
        assert!(bench.query_by_label(label).is_some(), "{label}");
    }
    bench.get_by_label("Cancel").click();
    bench.until("the form as it was", |window| window.query_by_label("Use these").is_none());
    assert_eq!(field(&bench, "Longest passage"), "128");
}

#[test]
fn a_file_of_options_fills_the_form_and_mistakes_are_told() {
    let mut bench = open();
    let path = bench.folder().join("run.toml");
    fs::write(&path, "passage_max_len = 96\ntemperature = 0.05\nuse_lora = true\n").unwrap();
    bench.drop_file(&path);
    bench.until("loaded", |window| window.query_by_label_contains("The options were read from ").is_some());
    assert_eq!((field(&bench, "Longest passage").as_str(), field(&bench, "Temperature").as_str()), ("96", "0.05"));
    assert!(bench.query_by_label("flagembedding/model_safetensors").is_some());

    fs::write(&path, "passage_max_len = 64\ntempreature = 1\n").unwrap();
    bench.drop_file(&path);
    bench.until("the mistake", |window| {
        window.query_by_label_contains("run.toml: there is no option `tempreature`").is_some()
    });
    assert_eq!(field(&bench, "Longest passage"), "96");
}

#[test]
fn a_value_out_of_range_says_why_and_is_not_started_with() {
    let mut bench = open();
    write(&mut bench, "Temperature", "0");
    bench.until("the reason", |window| window.query_by_label("× must be above 0").is_some());
    assert!(bench.get_by_label("Start training").accesskit_node().is_disabled());
    write(&mut bench, "Temperature", "0.02");
    bench.until("startable", |window| !window.get_by_label("Start training").accesskit_node().is_disabled());
}

#[test]
fn options_of_what_is_off_say_what_they_need() {
    let mut bench = open();
    bench.get_by_label("More: Model").scroll_to_me();
    bench.run_steps(8);
    bench.get_by_label("More: Model").click();
    bench.until("the rest", |window| window.query_by_role_and_label(Role::TextInput, "LoRA rank").is_some());
    assert!(bench.get_by_role_and_label(Role::TextInput, "LoRA rank").accesskit_node().is_disabled());
    assert!(bench.query_all_by_label_contains("Counts only with “LoRA”.").count() >= 4);
    bench.get_by_role_and_label(Role::CheckBox, "LoRA").scroll_to_me();
    bench.run_steps(8);
    bench.get_by_role_and_label(Role::CheckBox, "LoRA").click();
    bench.until("usable", |window| {
        !window.get_by_role_and_label(Role::TextInput, "LoRA rank").accesskit_node().is_disabled()
    });
}

#[test]
fn a_measured_step_tells_how_long_the_run_takes() {
    let mut bench = open();
    assert!(bench.query_by_label("No time known yet").is_some());
    assert!(bench.query_by_label("Memory about 39 MB; the device does not say how much it has").is_some());
    bench.get_by_label("Measure a step").click();
    bench.until("measured", |window| window.query_by_label("Measure again").is_some());
    assert!(bench.query_by_label("about 1 s").is_some());
    // Another shape is another pace; a rate is not.
    write(&mut bench, "Learning rate", "0.01");
    bench.until("the forecast", |window| window.query_by_label_contains(" steps, ").is_some());
    assert!(bench.query_by_label("Measure again").is_some());
    write(&mut bench, "Longest passage", "32");
    bench.until("nothing known", |window| window.query_by_label("No time known yet").is_some());
}

#[test]
fn the_form_and_the_command_look_as_they_did() {
    let mut bench = Bench::pictured();
    bench.set_size(vec2(1280.0, 720.0));
    show_form(&mut bench);
    bench.get_by_label("Presets").click();
    bench.run_steps(3);
    bench.picture("train_presets");
    bench.get_by_label("Welding recipe").click();
    bench.until("the recipe", |window| window.query_by_label_contains("15 steps, 3 an epoch").is_some());
    paste(&mut bench, COMMAND);
    bench.picture("train_paste");
    bench.get_by_label("Cancel").click();
    bench.until("the form", |window| window.query_by_label("Use these").is_none());
    bench.get_by_label("Language · 语言").click();
    bench.run_steps(3);
    bench.get_by_label("中文").click();
    bench.until("Chinese", |window| window.query_by_label("开始训练").is_some());
    bench.picture("train_chinese");
    bench.get_by_label("更多：模型").scroll_to_me();
    bench.run_steps(8);
    bench.get_by_label("更多：模型").click();
    bench.run_steps(8);
    bench.picture("train_chinese_more");
}
