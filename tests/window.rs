//! The window as a user finds it: flows through the accessibility tree, and a picture of each bench.

mod window {
    #[allow(dead_code, reason = "other tests use the rest")]
    pub mod bench;
}

use std::fs;

use eframe::egui::{Key, Modifiers, accesskit::Role};
use egui_kittest::kittest::{NodeT, Queryable};

use window::bench::{Bench, TOY_DATA, TOY_MODEL, repository};

const ROWS: &str = concat!(
    "{\"query\": \"What is undercut?\", \"pos\": [\"A groove at the toe.\"], \"neg\": [\"A groove in the face.\", \"A pore.\"]}\n",
    "{\"query\": \"broken\n",
    "{\"query\": \"什么是气孔\", \"pos\": [\"焊缝中的孔洞\"], \"neg\": [\"夹渣\"]}\n",
);

fn first_row(bench: &Bench) -> String {
    fs::read_to_string(bench.folder().join("data.jsonl")).unwrap().lines().next().unwrap().to_string()
}

#[test]
fn an_edit_is_one_step_of_undo_and_saving_leaves_the_other_lines_alone() {
    let mut bench = Bench::with_data(ROWS);
    bench.until("the file open", |window| window.query_by_label("Row at line 1: What is undercut?").is_some());
    bench.get_by_role_and_label(Role::MultilineTextInput, "Query").focus();
    bench.run();
    for text in ["Please: ", "exactly "] {
        bench.get_by_role_and_label(Role::MultilineTextInput, "Query").type_text(text);
        // A quarter of a second: too short to be a pause.
        bench.step();
    }
    bench.until("the pause over", |window| {
        window.query_by_label_contains("Row at line 1: ").is_some_and(|row| format!("{row:?}").contains("exactly"))
    });
    assert!(bench.query_by_label("● unsaved").is_some());

    bench.get_by_label("Undo").click();
    bench.until("the edit undone", |window| window.query_by_label("Row at line 1: What is undercut?").is_some());
    assert!(bench.query_by_label("● unsaved").is_none());
    bench.key_press_modifiers(Modifiers::COMMAND | Modifiers::SHIFT, Key::Z);
    bench.until("the edit redone", |window| window.query_by_label("● unsaved").is_some());

    bench.key_press_modifiers(Modifiers::COMMAND, Key::S);
    bench.until("saved", |window| window.query_by_label_contains("Saved: ").is_some());
    let saved = fs::read_to_string(bench.folder().join("data.jsonl")).unwrap();
    assert!(
        first_row(&bench).contains("Please: exactly ") || first_row(&bench).contains("exactly Please: "),
        "{saved}"
    );
    assert_eq!(saved.split_once('\n').unwrap().1, ROWS.split_once('\n').unwrap().1);
}

#[test]
fn a_negative_moves_to_the_positives_and_back() {
    let mut bench = Bench::with_data(ROWS);
    bench.until("the file open", |window| window.query_by_label("Hard negatives (2)").is_some());
    bench.get_by_label("To positives: Negative 2").click();
    bench.until("moved", |window| {
        window.query_by_label("Positives (2)").is_some() && window.query_by_label("Hard negatives (1)").is_some()
    });
    bench.key_press_modifiers(Modifiers::COMMAND, Key::S);
    bench.until("saved", |window| window.query_by_label_contains("Saved: ").is_some());
    assert!(
        first_row(&bench).contains(r#""pos": ["A groove at the toe.", "A pore."], "neg": ["A groove in the face."]"#)
    );
    bench.get_by_label("To negatives: Positive 2").click();
    bench.until("moved back", |window| window.query_by_label("Hard negatives (2)").is_some());
}

#[test]
fn a_bad_line_is_listed_with_its_reason_and_can_be_repaired() {
    let mut bench = Bench::with_data(ROWS);
    bench.until("the bad line listed", |window| {
        window.query_by_label_contains("Bad line 2: the line is not JSON").is_some()
    });
    bench.get_by_label_contains("Bad line 2: ").click();
    bench.run();
    let field = bench.get_by_role_and_label(Role::MultilineTextInput, "Line as it stands in the file");
    assert_eq!(field.value().as_deref(), Some("{\"query\": \"broken"));
    field.focus();
    bench.run();
    bench.key_press(Key::End);
    bench
        .get_by_role_and_label(Role::MultilineTextInput, "Line as it stands in the file")
        .type_text("\", \"pos\": [\"mended\"]}");
    bench.run();
    bench.get_by_label("Repair").click();
    bench.until("the line a row", |window| window.query_by_label("Row at line 2: broken").is_some());
    assert!(bench.query_by_label_contains("Bad line").is_none());
}

#[test]
fn edits_of_a_crash_are_offered_at_the_next_opening() {
    let mut bench = Bench::with_data(ROWS);
    bench.until("the file open", |window| window.query_by_label("Hard negatives (2)").is_some());
    bench.get_by_label("Delete: Negative 1").click();
    bench.until("deleted", |window| window.query_by_label("Hard negatives (1)").is_some());
    let mut bench = bench.crash_and_open_again();
    bench.until("the question", |window| window.query_by_label_contains("1 edits that were not saved").is_some());
    bench.get_by_label("Recover").click();
    bench.until("recovered", |window| window.query_by_label("Hard negatives (1)").is_some());
    assert!(bench.query_by_label("● unsaved").is_some());
}

#[test]
fn a_second_window_on_the_workspace_looks_and_changes_nothing() {
    let mut first = Bench::with_data(ROWS);
    first.until("the file open", |window| window.query_by_label("Hard negatives (2)").is_some());
    first.get_by_label("Delete: Negative 1").click();
    first.until("deleted", |window| window.query_by_label("Hard negatives (1)").is_some());
    let mut second = first.second_window();
    // As it is in the file; the first one's edits are its own.
    second.until("the file open", |window| window.query_by_label("Hard negatives (2)").is_some());
    let looks = |window: &Bench| window.query_by_label_contains("this one can only look").is_some();
    assert!(looks(&second) && !looks(&first));
    second.get_by_label("Put away").click();
    second.run_steps(3);
    assert!(!looks(&second));
    second.get_by_label("Delete: Negative 1").click();
    second.run_steps(3);
    assert!(looks(&second) && second.query_by_label("Hard negatives (2)").is_some());
    assert!(second.query_by_label("● unsaved").is_none());
    second.get_by_label("Row at line 3: 什么是气孔").click();
    second.until("another row", |window| window.query_by_label("Hard negatives (1)").is_some());
    // Nothing that it does reaches the first one's journal.
    drop(second);
    first.get_by_label("Undo").click();
    first.until("undone", |window| window.query_by_label("Hard negatives (2)").is_some());
    let path = first.folder().join("workspace/settings.toml");
    first.until("the settings kept", |_| path.exists());
    drop(first);
}

#[test]
fn a_file_that_is_dropped_is_opened_beside_and_unsaved_edits_are_asked_about() {
    let mut bench = Bench::with_data(ROWS);
    bench.until("the file open", |window| window.query_by_label("Hard negatives (2)").is_some());
    bench.get_by_label("Delete: Negative 1").click();
    bench.until("deleted", |window| window.query_by_label("Hard negatives (1)").is_some());
    let other = bench.folder().join("other.jsonl");
    fs::write(&other, "{\"query\": \"other\", \"pos\": [\"x\"]}\n").unwrap();
    bench.drop_file(&other);
    bench.until("the other file open", |window| window.query_by_label("Row at line 1: other").is_some());
    // The first one waits with its edit.
    bench.get_by_label("data.jsonl ●").click();
    bench.until("the first file again", |window| window.query_by_label("Hard negatives (1)").is_some());
    bench.get_by_label("More").click();
    bench.run_steps(3);
    bench.get_by_label("Close this file").click();
    bench.until("the question", |window| window.query_by_label("Unsaved edits").is_some());
    bench.get_by_label("Discard").click();
    bench.until("the other file again", |window| window.query_by_label("Row at line 1: other").is_some());
    assert_eq!(fs::read_to_string(bench.folder().join("data.jsonl")).unwrap(), ROWS);
}

#[test]
fn the_language_changes_at_once_and_is_remembered() {
    let mut bench = Bench::with_data(ROWS);
    bench.get_by_label("Language · 语言").click();
    bench.run();
    bench.get_by_label("中文").click();
    bench
        .until("Chinese", |window| window.query_by_label("训练").is_some() && window.query_by_label("Train").is_none());
    let settings = bench.folder().join("workspace/settings.toml");
    bench.until("remembered", move |_| {
        fs::read_to_string(&settings).is_ok_and(|text| text.contains("language = \"zh\""))
    });
}

#[test]
fn a_wrong_option_is_told_at_its_field_and_nothing_starts() {
    let mut bench = Bench::with_paths(&[repository(TOY_MODEL), repository(TOY_DATA)]);
    bench.until("the file open", |window| window.query_by_label("24 of 24 rows").is_some());
    bench.get_by_label("Train").click();
    bench.until("the form", |window| window.query_by_role_and_label(Role::TextInput, "Temperature").is_some());
    bench.get_by_role_and_label(Role::TextInput, "Temperature").focus();
    bench.run();
    bench.get_by_role_and_label(Role::TextInput, "Temperature").type_text("warm");
    bench.until("the reason", |window| window.query_by_label_contains("cannot be read as a value").is_some());
    assert!(bench.get_by_label("Start training").accesskit_node().is_disabled());
}

/// The way of the whole program with a tiny model: train, watch, evaluate, search.
#[test]
fn a_model_is_trained_compared_and_searched_with() {
    let mut bench = Bench::with_paths(&[repository(TOY_MODEL), repository(TOY_DATA)]);
    bench.until("data and device", |window| {
        window.query_by_label("24 of 24 rows").is_some() && window.query_by_label("the processor").is_some()
    });
    bench.get_by_label("Train").click();
    bench.until("the form", |window| {
        window.query_by_label("Start training").is_some_and(|button| !button.accesskit_node().is_disabled())
    });
    bench.get_by_label("Start training").click();
    bench.until("the run done", |window| window.query_by_label("Done").is_some());
    for label in ["Loss", "Learning rate", "Gradient norm", "Speed", "3 / 3"] {
        assert!(bench.query_all_by_label(label).next().is_some(), "{label} is not shown");
    }
    assert!(bench.query_by_label_contains("The tuned model was saved in ").is_some());

    bench.get_by_label("Compare with the base model").click();
    bench.until("the compare bench", |window| window.query_by_label("24 questions").is_some());
    bench.get_by_label("Evaluate").click();
    bench.until("the metrics", |window| window.query_by_label("nDCG@6").is_some());
    bench.get_by_label("Search").click();
    bench.run();
    bench.get_by_role_and_label(Role::TextInput, "Question").focus();
    bench.run();
    bench.get_by_role_and_label(Role::TextInput, "Question").type_text("porosity");
    bench.run();
    bench.key_press(Key::Enter);
    bench.until("both lists", |window| {
        window.query_by_label_contains("Tuned model · ").is_some()
            && window.query_by_label_contains("Base model · ").is_some()
    });
    bench.get_by_label("Score map").click();
    bench.run();
    assert!(bench.query_by_label_contains("not drawn by wgpu").is_some(), "without wgpu the map says so");
}

#[test]
fn the_mixes_of_a_base_and_a_tuned_model_are_measured() {
    let mut bench = Bench::pictured();
    bench.until("data and device", |window| {
        window.query_by_label("24 of 24 rows").is_some() && window.query_by_label("the processor").is_some()
    });
    bench.get_by_label("Compare").click();
    bench.until("questions", |window| window.query_by_label("24 questions").is_some());
    bench.get_by_label("Mix").click();
    bench.run_steps(3);
    assert!(bench.get_by_label("Measure the mixes").accesskit_node().is_disabled(), "there is no tuned model yet");
    bench.get_by_label("Train").click();
    bench.until("the form", |window| {
        window.query_by_label("Start training").is_some_and(|button| !button.accesskit_node().is_disabled())
    });
    bench.get_by_label("Start training").click();
    bench.until("the run done", |window| window.query_by_label("Done").is_some());
    bench.get_by_label("Compare with the base model").click();
    bench.until("the compare bench", |window| {
        window.query_by_label("Measure the mixes").is_some_and(|button| !button.accesskit_node().is_disabled())
    });
    bench.get_by_label("Measure the mixes").click();
    bench.until("measuring", |window| window.query_by_role_and_label(Role::Button, "Cancel").is_some());
    bench.until("the mixes measured", |window| {
        window.query_by_role_and_label(Role::Button, "Measure the mixes").is_some()
            && window.query_all_by_label("nDCG@10 over the share of the tuned model").next().is_some()
    });
    assert!(bench.query_by_label_contains("recall@10 ").is_some(), "the chosen mix has its numbers");
    assert!(!bench.get_by_label("Save the mix as…").accesskit_node().is_disabled());
    // Of other models they say nothing.
    let tuned = std::fs::read_dir(bench.folder().join("workspace/runs")).unwrap().next().unwrap().unwrap().path();
    bench.get_by_label("Base model alone").click();
    bench.until("no mixes", |window| window.query_by_label_contains("recall@10 ").is_none());

    let (base, tuned) = (repository(TOY_MODEL), tuned.join("model"));
    let mut bench = Bench::comparing_twice(&[("base", &base), ("tuned", &tuned)], true);
    bench.until("the device", |window| window.query_by_label("the processor").is_some());
    bench.get_by_label("Compare").click();
    bench.until("questions of both sets", |window| window.query_all_by_label("24 questions").count() == 2);
    bench.get_by_label("Mix").click();
    bench.run_steps(3);
    bench.get_by_label("Measure the mixes").click();
    bench.until("all mixes measured", |window| {
        window.query_by_role_and_label(Role::Button, "Measure the mixes").is_some()
            && window.query_all_by_label_contains("recall@10 ").count() == 2
    });
    bench.picture("compare_mix");
}

#[test]
fn every_bench_looks_as_it_did() {
    let mut bench = Bench::pictured();
    bench.until("data and device", |window| {
        window.query_by_label("24 of 24 rows").is_some() && window.query_by_label("the processor").is_some()
    });
    bench.until("the lengths checked", |window| window.query_by_label_contains("Too long for the model: ").is_some());
    bench.picture("data");
    bench.get_by_label("Train").click();
    bench.until("the form", |window| window.query_by_label("Start training").is_some());
    bench.picture("train");
    bench.get_by_label("Compare").click();
    bench.run();
    bench.get_by_label("Language · 语言").click();
    bench.run();
    bench.get_by_label("中文").click();
    bench.until("Chinese", |window| window.query_by_label("数据").is_some());
    bench.get_by_label("数据").click();
    bench.run();
    bench.picture("data_chinese");
}
