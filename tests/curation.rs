//! An expert's work on the data, through the accessibility tree: findings, reviews, mining, search-to-add, import.

mod window {
    #[allow(dead_code, reason = "other tests use the rest")]
    pub mod bench;
}

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use eframe::egui::{Event, Key, Modifiers, ViewportCommand, ViewportEvent, accesskit::Role};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT, Queryable};

use weldbench::app::Window;
use window::bench::{Bench, TOY_DATA, TOY_MODEL, repository};

const ROWS: &str = concat!(
    "{\"query\": \"What is undercut?\", \"pos\": [\"A groove at the toe.\"], \"neg\": [\"A pore.\", \"A pore.\", \"A crack.\"]}\n",
    "{\"query\": \"什么是气孔\", \"pos\": [\"焊缝中的孔洞\"], \"neg\": [\"夹渣\", \"焊缝中的孔洞\"]}\n",
    "{\"query\": \"What is a crater pipe?\", \"pos\": [\"A hole in the crater.\"], \"neg\": [\"A pore.\"]}\n",
);

fn data(bench: &Bench) -> String {
    fs::read_to_string(bench.folder().join("data.jsonl")).unwrap()
}

fn open() -> Bench {
    let mut bench = Bench::with_data(ROWS);
    bench.until("the file open", |window| window.query_by_label("3 of 3 rows").is_some());
    bench
}

fn type_key(bench: &mut Bench, text: &str) {
    bench.input_mut().events.push(Event::Text(text.into()));
    bench.step();
    bench.step();
}

fn save(bench: &mut Bench) {
    bench.key_press_modifiers(Modifiers::COMMAND, Key::S);
    bench.until("saved", |window| window.query_by_label_contains("Saved: ").is_some());
}

#[test]
fn findings_filter_the_rows_and_are_put_right_in_one_step() {
    let mut bench = open();
    bench.get_by_label("Passage twice in a row: 1").click();
    bench.until("one row", |window| window.query_by_label("1 of 3 rows").is_some());
    assert!(bench.query_by_label("Row at line 2: 什么是气孔").is_none());
    bench.get_by_label("Passage twice in a row: 1").click();
    bench.until("all rows", |window| window.query_by_label("3 of 3 rows").is_some());

    bench.get_by_label("Fix this").click();
    bench.until("the one put right", |window| window.query_by_label("Passage twice in a row: 1").is_none());
    assert!(bench.query_by_label("Hard negatives (2)").is_some());
    bench.get_by_label("Fix all: Negative is a positive").click();
    bench.until("the other put right", |window| window.query_by_label("Negative is a positive: 1").is_none());

    bench.get_by_label("History").click();
    bench.run_steps(3);
    bench.get_by_label("As opened").click();
    bench.until("all undone", |window| window.query_by_label("Passage twice in a row: 1").is_some());
    assert!(bench.query_by_label("● unsaved").is_none());
    bench.key_press(Key::Escape);
    bench.key_press_modifiers(Modifiers::COMMAND | Modifiers::SHIFT, Key::Z);
    bench.until("redone", |window| window.query_by_label("Passage twice in a row: 1").is_none());
    save(&mut bench);
    let expected = ROWS.replacen("[\"A pore.\", \"A pore.\", ", "[\"A pore.\", ", 1);
    assert_eq!(data(&bench), expected);
}

#[test]
fn keys_that_come_in_one_frame_are_taken_in_their_order() {
    let mut bench = open();
    // With Shift a digit is another character.
    let presses = [
        (Key::Num3, Key::Num3, Modifiers::NONE),
        (Key::Num1, Key::Num1, Modifiers::NONE),
        (Key::Num1, Key::Num1, Modifiers::NONE),
        (Key::Exclamationmark, Key::Num1, Modifiers::SHIFT),
        (Key::ArrowDown, Key::ArrowDown, Modifiers::NONE),
        (Key::Num1, Key::Num1, Modifiers::NONE),
        (Key::Num9, Key::Num9, Modifiers::NONE),
        // The number pad without Num Lock, and a slash where a digit lies.
        (Key::End, Key::Num1, Modifiers::NONE),
        (Key::Slash, Key::Num1, Modifiers::SHIFT),
    ];
    for (key, physical, modifiers) in presses {
        let event = Event::Key { key, physical_key: Some(physical), pressed: true, repeat: false, modifiers };
        bench.input_mut().events.push(event);
    }
    bench.step();
    bench.until("the last row", |window| window.query_by_label("Line 3").is_some());
    save(&mut bench);
    let saved = data(&bench);
    let rows = [
        r#""pos": ["A crack.", "A pore.", "A pore."], "neg": ["A groove at the toe."]"#,
        r#""pos": ["焊缝中的孔洞", "夹渣"], "neg": ["焊缝中的孔洞"]"#,
        r#""pos": ["A hole in the crater."], "neg": ["A pore."]"#,
    ];
    assert!(rows.iter().all(|row| saved.contains(row)), "{saved}");
}

#[test]
fn the_keyboard_turns_judges_and_moves() {
    let mut bench = open();
    bench.key_press(Key::Num3);
    bench.until("the third negative a positive", |window| window.query_by_label("Positives (2)").is_some());
    bench.key_press_modifiers(Modifiers::SHIFT, Key::Num1);
    bench.until("the first positive a negative", |window| window.query_by_label("Positives (1)").is_some());
    bench.key_press(Key::A);
    bench.key_press(Key::ArrowDown);
    bench.until("the next row", |window| window.query_by_label("Line 2").is_some());
    bench.key_press(Key::U);
    let reviews = bench.folder().join("data.review.jsonl");
    bench.until("both verdicts on the disk", move |_| {
        fs::read_to_string(&reviews).is_ok_and(|text| text.contains("\"unsure\"") && text.contains("\"accepted\""))
    });
    // The data itself has nothing of it.
    save(&mut bench);
    let saved = data(&bench);
    assert!(
        !saved.contains("accepted")
            && saved.contains(r#""pos": ["A crack."], "neg": ["A pore.", "A pore.", "A groove at the toe."]"#),
        "{saved}"
    );

    type_key(&mut bench, "?");
    bench.until("the sheet of keys", |window| window.query_by_label("Make that negative a positive").is_some());
    // What is behind the sheet does not hear the keys.
    bench.key_press(Key::Delete);
    bench.run_steps(3);
    assert!(bench.query_by_label("3 of 3 rows").is_some());
    bench.key_press(Key::Escape);
    bench.until("put away", |window| window.query_by_label("Make that negative a positive").is_none());
    type_key(&mut bench, "/");
    bench.get_by_role_and_label(Role::TextInput, "Filter rows by text").type_text("CRATER");
    bench.until("the filter", |window| window.query_by_label("1 of 3 rows").is_some());
}

#[test]
fn marked_rows_are_deleted_together_and_come_back_together() {
    let mut bench = open();
    bench.key_press(Key::M);
    bench.key_press(Key::ArrowDown);
    bench.key_press(Key::M);
    bench.until("two marked", |window| window.query_by_label("2 marked").is_some());
    bench.key_press(Key::Delete);
    bench.until("one row left", |window| window.query_by_label("1 of 1 rows").is_some());
    bench.key_press_modifiers(Modifiers::COMMAND, Key::Z);
    bench.until("both back", |window| window.query_by_label("3 of 3 rows").is_some());
    bench.key_press_modifiers(Modifiers::COMMAND | Modifiers::SHIFT, Key::Z);
    bench.until("both gone", |window| window.query_by_label("1 of 1 rows").is_some());

    let mut bench = bench.crash_and_open_again();
    bench.until("the question", |window| window.query_by_label("Recover").is_some());
    bench.get_by_label("Recover").click();
    bench.until("recovered", |window| window.query_by_label("1 of 1 rows").is_some());
}

/// With a tiny model: scores, suspects, proposals, passages found and added.
#[test]
fn a_model_scores_mines_and_finds() {
    let mut bench = Bench::with_paths(&[repository(TOY_MODEL), repository(TOY_DATA)]);
    bench.until("data and device", |window| {
        window.query_by_label("24 of 24 rows").is_some() && window.query_by_label("the processor").is_some()
    });
    bench.score_rows();
    assert!(bench.query_all_by_label_contains(" to the best positive)").next().is_some(), "no score is shown");
    assert!(bench.query_by_label_contains("Suspected false negatives: ").is_some());
    bench.key_press(Key::Escape);

    bench.get_by_label("More").click();
    bench.run_steps(3);
    bench.get_by_label("Mine hard negatives…").click();
    bench.until("the view", |window| window.query_by_label("Propose").is_some());
    bench.get_by_label("Propose").click();
    bench.until("proposals", |window| {
        window.query_by_label("Take the negatives for line 1").is_some()
            && window.query_by_label_contains("24 rows, ").is_some()
    });
    // The view has grown by what came; it finds its place in the middle again.
    bench.run_steps(8);
    bench.get_by_label("Take the negatives for line 1").click();
    bench.until("taken", |window| window.query_by_label("● unsaved").is_some());
    bench.get_by_label("Take all").click();
    bench.run_steps(3);
    bench.get_by_label("Close").click();
    bench
        .until("the first row with its new negatives", |window| window.query_by_label("Hard negatives (15)").is_some());
    bench.key_press_modifiers(Modifiers::COMMAND, Key::Z);
    bench.key_press_modifiers(Modifiers::COMMAND, Key::Z);
    bench.until("both steps undone", |window| window.query_by_label("● unsaved").is_none());

    // Below the passages, out of sight.
    bench.get_by_label("By words").scroll_to_me();
    bench.run_steps(8);
    bench.get_by_label("By words").click();
    bench.until("found", |window| window.query_all_by_label_contains("+ negative: passage ").next().is_some());
    let add = bench.query_all_by_label_contains("+ negative: passage ").next().unwrap();
    add.scroll_to_me();
    bench.run_steps(8);
    bench.query_all_by_label_contains("+ negative: passage ").next().unwrap().click();
    bench.until("added", |window| window.query_by_label("Hard negatives (8)").is_some());
}

#[test]
fn a_table_is_shown_imported_and_opened() {
    let mut bench = open();
    let table = bench.folder().join("问答.csv");
    // As Excel on a Chinese Windows writes it.
    let (gbk, _, _) = encoding_rs::GBK.encode("问题,答案,负例\r\n什么是咬边,焊趾处的沟槽,焊缝表面的沟槽\r\n,无题,\r\n");
    fs::write(&table, &gbk).unwrap();
    bench.drop_file(&table);
    bench.until("the dialog", |window| window.query_by_label_contains("什么是咬边").is_some());
    bench.get_by_label("Import").click();
    bench.until("the rows open", |window| window.query_by_label("Row at line 1: 什么是咬边").is_some());
    assert!(bench.query_by_label("1 rows imported, 1 lines left out.\nLine 3: there is no question").is_some());
    let written = fs::read_to_string(bench.folder().join("问答.jsonl")).unwrap();
    assert_eq!(written, "{\"query\": \"什么是咬边\", \"pos\": [\"焊趾处的沟槽\"], \"neg\": [\"焊缝表面的沟槽\"]}\n");
}

#[test]
fn rows_are_parted_for_training_and_evaluation() {
    let rows: String = (0..20).map(|n| format!("{{\"query\": \"q{n}\", \"pos\": [\"p{n}\"]}}\n")).collect();
    let mut bench = Bench::with_data(&rows);
    bench.until("the file open", |window| window.query_by_label("20 of 20 rows").is_some());
    bench.get_by_label("More").click();
    bench.run_steps(3);
    bench.get_by_label("Split into training and evaluation…").click();
    bench.run_steps(3);
    bench.get_by_label("Split").click();
    bench.until("written", |window| window.query_all_by_label_contains("Written: ").count() == 2);
    let lines = |name: &str| fs::read_to_string(bench.folder().join(name)).unwrap().lines().count();
    assert_eq!((lines("data.train.jsonl"), lines("data.eval.jsonl")), (18, 2));
}

#[test]
fn scores_and_proposals_look_as_they_did() {
    let mut bench = Bench::pictured();
    bench.until("data and device", |window| {
        window.query_by_label_contains("Too long for the model: ").is_some()
            && window.query_by_label("the processor").is_some()
    });
    bench.score_rows();
    bench.picture("data_scored");
    bench.get_by_label("More").click();
    bench.run_steps(3);
    bench.get_by_label("Mine hard negatives…").click();
    bench.until("the view", |window| window.query_by_label("Propose").is_some());
    bench.get_by_label("Propose").click();
    bench.until("proposals", |window| window.query_by_label_contains("24 rows, ").is_some());
    bench.picture("mining");
}

#[test]
fn saving_while_another_file_opens_says_why_it_waits() {
    let mut bench = open();
    bench.get_by_label("Delete: Negative 1").click();
    bench.until("an edit", |window| window.query_by_label("● unsaved").is_some());
    let other = bench.folder().join("other.jsonl");
    fs::write(&other, "{\"query\": \"other\", \"pos\": [\"x\"]}\n").unwrap();
    bench.drop_file(&other);
    // The opening begins in the very frame that sees the key.
    let pressed =
        Event::Key { key: Key::S, physical_key: None, pressed: true, repeat: false, modifiers: Modifiers::COMMAND };
    bench.input_mut().events.push(pressed);
    bench.step();
    bench.until("the reason", |window| {
        window.query_by_label_contains("data.jsonl is not saved yet: another file is being opened").is_some()
    });
    assert_eq!(data(&bench), ROWS);
    bench.until("the other file", |window| window.query_by_label("Row at line 1: other").is_some());
    bench.get_by_label("data.jsonl ●").click();
    bench.until("the first file again", |window| window.query_by_label("3 of 3 rows").is_some());
    save(&mut bench);
    assert_ne!(data(&bench), ROWS);
}

/// A file that is large enough to have its first rows shown before the rest. Its reviews, which are read last, are a
/// pipe: until something is written there, the file is still being opened.
#[cfg(unix)]
fn large_file(bench: &Bench, name: &str) -> (PathBuf, PathBuf) {
    let row = |at| format!("{{\"query\": \"q {at}\", \"pos\": [\"{}\"], \"neg\": [\"n\", \"m\"]}}\n", "焊".repeat(250));
    let (path, reviews) =
        (bench.folder().join(format!("{name}.jsonl")), bench.folder().join(format!("{name}.review.jsonl")));
    fs::write(&path, (0..LARGE_ROWS).map(row).collect::<String>()).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(&reviews).status().unwrap().success());
    (path, reviews)
}

#[cfg(unix)]
const LARGE_ROWS: usize = 22_000;

#[cfg(unix)]
#[test]
fn the_first_rows_of_a_large_file_are_there_to_look_at_before_the_rest() {
    let query = |bench: &Bench| {
        let field = bench.get_by_role_and_label(Role::MultilineTextInput, "Query");
        field.accesskit_node().value().unwrap_or_default()
    };
    let mut bench = open();
    bench.get_by_label("Delete: Negative 1").click();
    bench.until("an edit", |window| window.query_by_label("● unsaved").is_some());
    let (path, _) = large_file(&bench, "given_up");
    bench.drop_file(&path);
    bench.until("the first rows", |window| window.query_by_label("Row at line 1: q 0").is_some());
    bench.get_by_label_contains("to look at until the whole file is there");
    bench.get_by_label("Cancel: Opening the file…").click();
    bench.until("the file before", |window| window.query_by_label("3 of 3 rows").is_some());
    assert!(bench.query_by_label("● unsaved").is_some());

    let (path, reviews) = large_file(&bench, "large");
    bench.drop_file(&path);
    bench.until("the first rows", |window| window.query_by_label("Row at line 1: q 0").is_some());
    (0..5).for_each(|_| {
        bench.key_press(Key::PageDown);
        bench.step();
    });
    bench.until("rows further down", |window| window.query_by_label("Row at line 101: q 100").is_some());
    assert_eq!(query(&bench), "q 100");
    // Nothing can be edited or saved yet, and what is typed is not taken.
    bench.key_press(Key::Num1);
    bench.key_press(Key::Delete);
    bench.key_press(Key::A);
    bench.get_by_role_and_label(Role::MultilineTextInput, "Query").focus();
    bench.step();
    bench.get_by_role_and_label(Role::MultilineTextInput, "Query").type_text("x");
    bench.step();
    bench.key_press_modifiers(Modifiers::COMMAND, Key::S);
    bench.until("the reason", |window| window.query_by_label_contains("large.jsonl is not all there yet").is_some());
    assert!(bench.query_by_label("● unsaved").is_none() && bench.query_by_label("large.jsonl ●").is_none());
    assert!(bench.query_by_label("data.jsonl ●").is_some());

    fs::write(reviews, "").unwrap();
    let all = format!("{LARGE_ROWS} of {LARGE_ROWS} rows");
    bench.until("the whole file", |window| window.query_by_label(&all).is_some());
    assert!(bench.query_by_label("Row at line 101: q 100").is_some(), "the table has moved");
    assert_eq!(query(&bench), "q 100");
    bench.get_by_label("Delete: Negative 1").click();
    bench.until("an edit", |window| window.query_by_label("● unsaved").is_some());
    bench.key_press_modifiers(Modifiers::COMMAND, Key::S);
    bench.until("saved", |window| window.query_by_label_contains("Saved: ").is_some());
    let saved = fs::read_to_string(path).unwrap();
    let changed: Vec<_> = saved.lines().enumerate().filter(|(_, line)| !line.contains("\"n\"")).collect();
    assert_eq!(changed.iter().map(|(at, _)| *at).collect::<Vec<_>>(), [100]);
}

/// Rows of more than is edited within a frame, each with a fault that has a fix.
fn many_rows() -> String {
    let row = |at| {
        format!("{{\"query\": \"q {at}\", \"pos\": [\"p {at} {}\"], \"neg\": [\"n\", \"n\"]}}\n", "焊".repeat(100))
    };
    (0..6000).map(row).collect()
}

#[test]
fn many_rows_are_put_right_away_from_the_window_and_come_back_in_one_step() {
    let rows = many_rows();
    let mut bench = Bench::with_data(&rows);
    bench.until("the findings", |window| {
        window.query_by_label("Fix all: Passage twice in a row").is_some()
            && window.query_by_label("6000 of 6000 rows").is_some()
    });
    bench.get_by_label("Fix all: Passage twice in a row").click();
    bench.until("all put right", |window| window.query_by_label_contains("6000 edits made").is_some());
    bench.until("editable again", |window| window.query_by_label("Hard negatives (1)").is_some());
    save(&mut bench);
    assert!(data(&bench) == rows.replace("[\"n\", \"n\"]", "[\"n\"]"));
    bench.key_press_modifiers(Modifiers::COMMAND, Key::Z);
    bench.until("all taken back", |window| window.query_by_label("Hard negatives (2)").is_some());
    bench.until("saveable", |window| window.query_by_label("● unsaved").is_some());
    bench.key_press_modifiers(Modifiers::COMMAND, Key::S);
    // What was said of the first saving may still be there.
    let file = bench.folder().join("data.jsonl");
    bench.until("saved again", |_| fs::read_to_string(&file).is_ok_and(|text| text == rows));
}

/// The user closes the window.
fn close(bench: &mut Bench) {
    let input = bench.input_mut();
    let viewport = input.viewport_id;
    input.viewports.entry(viewport).or_default().events.push(ViewportEvent::Close);
    bench.step();
    bench.input_mut().viewports.entry(viewport).or_default().events.clear();
}

fn is_closed(window: &Harness<'static, Window>) -> bool {
    let output = window.output().viewport_output.values();
    output.flat_map(|viewport| &viewport.commands).any(|command| *command == ViewportCommand::Close)
}

#[test]
fn a_window_closed_during_edits_saves_them_first() {
    for (answer, is_saved) in [("Save", true), ("Discard", false)] {
        let rows = many_rows().repeat(24);
        let mut bench = Bench::with_data(&rows);
        bench.until("the findings", |window| window.query_by_label("Fix all: Passage twice in a row").is_some());
        bench.get_by_label("Fix all: Passage twice in a row").click();
        bench.step();
        close(&mut bench);
        bench.until("the question", |window| window.query_by_label("Discard").is_some());
        let edited = bench.query_all_by_label("Rows are being edited…").next();
        assert!(edited.is_some(), "the edits are over too soon");
        // The bar has a button of that name, too; the question comes after it.
        bench.get_all_by_label(answer).last().unwrap().click();
        bench.step();
        let end = Instant::now() + Duration::from_secs(60);
        while !is_closed(&bench) {
            assert!(Instant::now() < end, "{answer} does not close the window");
            bench.step();
        }
        assert!(data(&bench) == if is_saved { rows.replace("[\"n\", \"n\"]", "[\"n\"]") } else { rows });
        assert!(
            fs::read_dir(bench.folder().join("workspace/journals")).ok().is_none_or(|mut left| left.next().is_none())
        );
    }
}
