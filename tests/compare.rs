//! The compare bench: numbers, groups, questions by gain, and several models side by side.

mod window {
    #[allow(dead_code, reason = "other tests use the rest")]
    pub mod bench;
}

use eframe::egui::accesskit::Role;
use egui_kittest::kittest::{NodeT, Queryable};

use window::bench::{Bench, TOY_MODEL};

const OTHER: &str = "assets/starter-model";

fn evaluated(models: &[&str], pictured: bool) -> Bench {
    let mut bench = Bench::comparing(models, pictured);
    bench.until("the device", |window| window.query_by_label("the processor").is_some());
    bench.get_by_label("Compare").click();
    bench.until("questions", |window| window.query_by_label("24 questions").is_some());
    bench.get_by_label("Evaluate").click();
    bench.until("the metrics", |window| window.query_by_label("nDCG@10").is_some());
    bench
}

#[test]
fn the_numbers_say_what_is_more_than_chance_and_lead_to_the_questions() {
    let mut bench = evaluated(&[TOY_MODEL, OTHER], false);
    assert!(bench.query_by_label_contains("questions better, ").is_some(), "no finding in words");
    assert!(bench.query_by_label("hit rate@3").is_none());
    bench.get_by_label("All metrics").click();
    bench.until("all metrics", |window| window.query_by_label("hit rate@3").is_some());

    bench.get_by_label("Groups").click();
    bench.until("groups", |window| window.query_by_label("By length of the question").is_some());
    bench.get_by_label("Questions").click();
    bench.until("questions by gain", |window| window.query_by_label("Losses first").is_some());
    bench.get_by_label("Losses first").click();
    bench.run_steps(3);

    // The first question of the list, side by side.
    let first = bench.query_all_by_label_contains(" → ").count();
    assert!(first > 3, "{first} questions are shown");
    let rows = std::fs::read_to_string(window::bench::repository(window::bench::TOY_DATA)).unwrap();
    let texts: Vec<String> = rows
        .lines()
        .map(|row| serde_json::from_str::<serde_json::Value>(row).unwrap()["query"].as_str().unwrap().to_owned())
        .collect();
    let shown = texts.iter().find(|text| bench.query_by_label(text.as_str()).is_some()).expect("a question").clone();
    bench.get_by_label(&shown).click();
    bench.until("both lists", |window| window.query_by_label_contains("Tuned model · ").is_some());
    assert!(bench.query_all_by_label_contains("★").count() > 0, "no right passage is marked");
}

#[test]
fn typing_searches_once_the_corpus_is_embedded() {
    let mut bench = Bench::comparing(&[TOY_MODEL, OTHER, TOY_MODEL], false);
    bench.until("the device", |window| window.query_by_label("the processor").is_some());
    bench.get_by_label("Compare").click();
    bench.until("questions", |window| window.query_by_label("24 questions").is_some());
    bench.get_by_label("Search").click();
    bench.run();
    let field = |bench: &mut Bench, text: &str| {
        bench.get_by_role_and_label(Role::TextInput, "Question").focus();
        bench.run_steps(2);
        bench.get_by_role_and_label(Role::TextInput, "Question").type_text(text);
        bench.run_steps(2);
    };
    field(&mut bench, "pore");
    let search = bench.get_all_by_label("Search").last().expect("a button");
    search.click();
    bench.until("three lists", |window| window.query_by_label_contains("starter-model · ").is_some());
    assert_eq!(bench.query_all_by_label_contains(" ms").count(), 3);
    assert!(bench.query_by_label("pore").is_some());
    field(&mut bench, "s");
    bench.until("the new question's lists", |window| window.query_by_label("pores").is_some());
}

/// Searches for a question and asks why the first passage of the base model scores what it scores.
fn explained(bench: &mut Bench) {
    bench.until("the device", |window| window.query_by_label("the processor").is_some());
    bench.get_by_label("Compare").click();
    bench.until("questions", |window| window.query_by_label("24 questions").is_some());
    bench.get_by_label("Search").click();
    bench.run();
    bench.get_by_role_and_label(Role::TextInput, "Question").focus();
    bench.run_steps(2);
    bench.get_by_role_and_label(Role::TextInput, "Question").type_text("气孔 porosity 焊接");
    bench.run_steps(2);
    bench.get_all_by_label("Search").last().expect("a button").click();
    bench.until("both lists", |window| window.query_by_label_contains("Tuned model · ").is_some());
    bench.get_all_by_label("Why").next().expect("a button").click();
    bench.until("both explanations", |window| {
        window.query_all_by_label("Tuned model").count() == 2
            && window.query_by_label_contains("has no heads").is_some()
    });
}

#[test]
fn a_score_is_explained_and_the_lists_come_back() {
    let mut bench = Bench::comparing(&[TOY_MODEL, OTHER], false);
    explained(&mut bench);
    assert_eq!(bench.query_all_by_label("Dense").count(), 3, "one in each model, and the method");
    assert!(bench.query_all_by_role_and_label(Role::Image, "Scale of the colours").count() == 1);
    bench.get_by_label_contains("Back to the lists").click();
    bench.until("the lists again", |window| window.query_by_label_contains("Tuned model · ").is_some());
}

#[test]
fn an_explanation_looks_as_it_did() {
    let mut bench = Bench::comparing(&[TOY_MODEL, OTHER], true);
    explained(&mut bench);
    bench.picture("compare_why");
}

#[test]
fn wrong_numbers_of_passages_are_told_and_nothing_starts() {
    let mut bench = Bench::comparing(&[TOY_MODEL], false);
    bench.until("the device", |window| window.query_by_label("the processor").is_some());
    bench.get_by_label("Compare").click();
    bench.until("questions", |window| window.query_by_label("24 questions").is_some());
    bench.get_by_role_and_label(Role::TextInput, "Look at the first").focus();
    bench.run();
    bench.get_by_role_and_label(Role::TextInput, "Look at the first").type_text(", x");
    bench.until("the reason", |window| window.query_by_label_contains("Give numbers from 1 on").is_some());
    assert!(bench.get_by_label("Evaluate").accesskit_node().is_disabled());
}

#[test]
fn the_compare_bench_looks_as_it_did() {
    let mut bench = evaluated(&[TOY_MODEL, OTHER], true);
    bench.picture("compare_metrics");
    bench.get_by_label("Groups").click();
    bench.run();
    bench.picture("compare_groups");
    bench.get_by_label("Questions").click();
    bench.run();
    bench.picture("compare_questions");
    bench.get_by_label("Score map").click();
    bench.run();
    bench.picture("compare_map");
}

/// Lays the texts out and waits for both layouts.
fn laid_out(pictured: bool) -> Bench {
    let mut bench = Bench::comparing(&[TOY_MODEL, OTHER], pictured);
    bench.until("the device", |window| window.query_by_label("the processor").is_some());
    bench.get_by_label("Compare").click();
    bench.until("questions", |window| window.query_by_label("24 questions").is_some());
    bench.get_by_label("Text map").click();
    bench.run_steps(3);
    bench.get_by_label("Lay the texts out").click();
    bench.until("the neighbours", |window| {
        window.query_by_label("Neighbours").is_some_and(|button| !button.accesskit_node().is_disabled())
    });
    bench.until("the end", |window| window.query_by_label("Lay out anew").is_some());
    bench
}

#[test]
fn a_lasso_on_the_map_shows_the_rows_of_its_texts() {
    // What is not drawn cannot be pointed at.
    let mut bench = laid_out(true);
    bench.get_by_label("Neighbours").click();
    bench.get_by_label("Language").click();
    bench.run_steps(3);
    assert!(bench.query_by_label_contains("● Chinese ").is_some(), "no legend");
    bench.get_by_label_contains("● Chinese ").click();
    bench.run_steps(2);
    bench.get_by_label("Select").click();
    bench.run_steps(2);
    let area = bench.get_by_role_and_label(Role::Image, "Text map").rect().shrink(4.0);
    bench.drag_at(area.left_top());
    for corner in [area.right_top(), area.right_bottom(), area.left_bottom(), area.left_top()] {
        bench.hover_at(corner);
        bench.run_steps(2);
    }
    bench.drop_at(area.left_top());
    bench.until("a choice", |window| window.query_by_label_contains("questions chosen").is_some());
    bench.get_by_label("Show their rows").click();
    bench.until("the data bench", |window| window.query_by_label_contains("Chosen texts: ").is_some());
    bench.get_by_label_contains("Chosen texts: ").click();
    bench.until("all rows", |window| window.query_by_label_contains("Chosen texts: ").is_none());
}

#[test]
fn the_text_map_looks_as_it_did() {
    let mut bench = laid_out(true);
    bench.picture("compare_points");
}

#[test]
fn a_second_set_shows_what_was_forgotten() {
    let base = window::bench::repository(TOY_MODEL);
    let mut bench = Bench::comparing_twice(&[("base", &base), ("tuned", &base)], false);
    bench.until("the device", |window| window.query_by_label("the processor").is_some());
    bench.get_by_label("Compare").click();
    bench.until("questions of both sets", |window| window.query_all_by_label("24 questions").count() == 2);
    bench.get_by_label("Evaluate").click();
    bench.until("both sets", |window| window.query_all_by_label("weld_toy").count() == 2);
    bench.query_all_by_label("weld_toy").last().expect("the second set").click();
    bench.run_steps(3);
    assert!(bench.query_by_label("nDCG@10").is_some());
    bench.get_by_label("Without a second set").click();
    bench.until("one set", |window| window.query_all_by_label("24 questions").count() == 1);
}
