//! How the window looks and is used by everybody: every control has a name, commands, keys and messages are found,
//! Chinese is typed, and every bench looks as it did in both languages and both themes.

mod window {
    #[allow(dead_code, reason = "other tests use the rest")]
    pub mod bench;
    pub mod told_run;
}

use std::fs;

use eframe::egui::accesskit::Role;
use eframe::egui::{self, Event, ImeEvent, Key, Modifiers};
use egui_kittest::kittest::{AccessKitNode, NodeT, Queryable};
use weldbench::app::texts::{Language, Texts};
use weldbench::training::TrainingConfig;
use weldbench::workspace::Settings;

use window::bench::{Bench, Look, TOY_MODEL, repository};
use window::told_run::write_run;

const OTHER: &str = "assets/starter-model";

const ROWS: &str = concat!(
    "{\"query\": \"What is undercut?\", \"pos\": [\"A groove at the toe.\"], \"neg\": [\"A groove in the face.\", \"A pore.\"]}\n",
    "{\"query\": \"broken\n",
    "{\"query\": \"什么是气孔\", \"pos\": [\"焊缝中的孔洞\"], \"neg\": [\"夹渣\"], \"pos_scores\": [0.5, 0.4]}\n",
);

/// What a person can press, type into or choose from.
fn is_control(role: Role) -> bool {
    matches!(
        role,
        Role::Button
            | Role::CheckBox
            | Role::RadioButton
            | Role::ComboBox
            | Role::Slider
            | Role::SpinButton
            | Role::TextInput
            | Role::MultilineTextInput
            | Role::Link
            | Role::MenuItem
            | Role::ListItem
            | Role::Switch
            | Role::Tab
            | Role::ColorWell
    )
}

fn walk<'a>(node: AccessKitNode<'a>, found: &mut Vec<AccessKitNode<'a>>) {
    if is_control(node.role()) {
        found.push(node);
    }
    node.children().for_each(|child| walk(child, found));
}

/// Every control has a name that says something: letters, not a sign alone.
#[track_caller]
fn all_are_named(bench: &Bench, place: &str) {
    let mut controls = Vec::new();
    walk(bench.root().accesskit_node(), &mut controls);
    assert!(!controls.is_empty(), "{place}: there is no control");
    for control in controls {
        let name = control.label().unwrap_or_default();
        assert!(
            name.chars().any(char::is_alphanumeric),
            "{place}: a {:?} is called “{name}” (value {:?}, at {:?})",
            control.role(),
            control.value(),
            control.bounding_box(),
        );
    }
}

fn click(bench: &mut Bench, label: &str) {
    bench.get_by_label(label).click();
    bench.run_steps(4);
}

fn close(bench: &mut Bench) {
    bench.key_press(Key::Escape);
    bench.run_steps(4);
}

/// Opens a menu, looks at it, and closes it.
#[track_caller]
fn menu(bench: &mut Bench, label: &str) {
    click(bench, label);
    all_are_named(bench, label);
    close(bench);
}

#[test]
fn every_control_of_the_data_bench_has_a_name() {
    let mut bench = Bench::with_data(ROWS);
    bench.until("the file open", |window| window.query_by_label("Row at line 1: What is undercut?").is_some());
    bench.until("the findings", |window| window.query_by_label("Findings").is_some());
    all_are_named(&bench, "the data bench");
    for label in ["History", "More", "Language · 语言", "Theme"] {
        menu(&mut bench, label);
    }
    for label in ["Findings: All rows", "Review: Any review", "Language: Any language"] {
        menu(&mut bench, label);
    }
    for command in ["Split into training and evaluation…", "Mine hard negatives…", "Keys"] {
        click(&mut bench, "More");
        click(&mut bench, command);
        all_are_named(&bench, command);
        close(&mut bench);
    }
    click(&mut bench, "Add positive");
    all_are_named(&bench, "a new passage");
    click(&mut bench, "More");
    click(&mut bench, "Add row");
    all_are_named(&bench, "a new row");
    bench.get_by_label_contains("Bad line 2: ").click();
    bench.run_steps(4);
    all_are_named(&bench, "a bad line");

    // What asks before it goes on, and what is imported.
    let other = bench.folder().join("table.csv");
    fs::write(&other, "question,answer\nWhat is a pore?,A hole.\n").unwrap();
    bench.drop_file(&other);
    bench.until("the import", |window| window.query_by_label("Import table.csv").is_some());
    all_are_named(&bench, "an import");
    click(&mut bench, "As a corpus…");
    bench.until("the corpus", |window| window.query_by_label_contains("Corpus from ").is_some());
    all_are_named(&bench, "an import of a corpus");
}

#[test]
fn every_control_of_the_train_bench_has_a_name() {
    let mut bench = Bench::pictured();
    let config = TrainingConfig { model_name_or_path: repository(TOY_MODEL), ..TrainingConfig::default() };
    write_run(&bench, &config, "first", 0.0);
    write_run(&bench, &config, "second", 0.4);
    bench.until("data and device", |window| {
        window.query_by_label("24 of 24 rows").is_some() && window.query_by_label("the processor").is_some()
    });
    click(&mut bench, "Train");
    all_are_named(&bench, "the train bench");
    let mut folds: Vec<String> =
        bench.query_all_by_label_contains("More: ").filter_map(|fold| fold.accesskit_node().label()).collect();
    folds.reverse();
    assert!(folds.len() > 3, "{folds:?}");
    for fold in folds {
        bench.get_by_label(&fold).scroll_to_me();
        bench.run_steps(3);
        click(&mut bench, &fold);
        all_are_named(&bench, &fold);
    }
    menu(&mut bench, "Presets");
    commands(&mut bench, "export a job");
    bench.key_press(Key::Enter);
    bench.run_steps(4);
    all_are_named(&bench, "a job for other machines");
    close(&mut bench);
    click(&mut bench, "Paste a command…");
    all_are_named(&bench, "a pasted command");
    close(&mut bench);

    bench.get_by_label_contains("All runs (").click();
    bench.until("the runs", |window| window.query_by_label("All runs (2)").is_some());
    bench.run_steps(4);
    all_are_named(&bench, "all runs");
    menu(&mut bench, "Actions: first");
    click(&mut bench, "Actions: first");
    click(&mut bench, "Name and note…");
    all_are_named(&bench, "name and note");
    close(&mut bench);
    click(&mut bench, "Actions: first");
    click(&mut bench, "Move to the trash…");
    all_are_named(&bench, "a question");
    click(&mut bench, "Cancel");
    click(&mut bench, "Open: second");
    bench.until("its curves", |window| window.query_by_label("300 / 300").is_some());
    all_are_named(&bench, "curves");
    menu(&mut bench, "Export…");
    for view in ["Rank board", "Log"] {
        click(&mut bench, view);
        all_are_named(&bench, view);
    }
}

#[test]
fn every_control_of_the_compare_bench_has_a_name() {
    let mut bench = Bench::comparing(&[TOY_MODEL, OTHER, TOY_MODEL], true);
    bench.until("the device", |window| window.query_by_label("the processor").is_some());
    click(&mut bench, "Compare");
    bench.until("questions", |window| window.query_by_label("24 questions").is_some());
    for view in ["Metrics", "Groups", "Questions", "Search", "Score map", "Text map", "Mix"] {
        click(&mut bench, view);
        all_are_named(&bench, view);
    }
    click(&mut bench, "Hybrid");
    all_are_named(&bench, "weights");
    bench.get_by_role_and_label(Role::Button, "Dense").click();
    bench.run_steps(4);
    click(&mut bench, "Evaluate");
    click(&mut bench, "Metrics");
    bench.until("the metrics", |window| window.query_by_label("nDCG@10").is_some());
    all_are_named(&bench, "metrics");
    menu(&mut bench, "Report…");
    for view in ["Groups", "Questions", "Score map", "Text map", "Mix", "Search"] {
        click(&mut bench, view);
        all_are_named(&bench, view);
    }
    ask(&mut bench, "porosity");
    all_are_named(&bench, "lists");
    bench.get_all_by_label("Why").next().expect("a button").click();
    bench.until("an explanation", |window| window.query_by_label_contains("Back to the lists").is_some());
    all_are_named(&bench, "an explanation");
}

/// Types a question in the compare bench's search, and searches.
fn ask(bench: &mut Bench, question: &str) {
    bench.get_by_role_and_label(Role::TextInput, "Question").focus();
    bench.run_steps(2);
    bench.get_by_role_and_label(Role::TextInput, "Question").type_text(question);
    bench.run_steps(2);
    bench.key_press(Key::Enter);
    bench.until("the lists", |window| window.query_all_by_label_contains(" ms").count() > 0);
}

/// Waits until the settings on the disk are so.
fn kept(bench: &mut Bench, holds: impl Fn(&Settings) -> bool) {
    let file = bench.folder().join("workspace/settings.toml");
    bench.until("the settings kept", |_| holds(&Settings::load(&file).0));
}

fn commands(bench: &mut Bench, typed: &str) {
    bench.key_press_modifiers(Modifiers::COMMAND, Key::K);
    bench.run_steps(4);
    bench.get_by_role_and_label(Role::TextInput, "What do you want to do?").type_text(typed);
    bench.run_steps(4);
}

#[test]
fn commands_are_given_by_name_in_either_language_and_their_keys_are_listed() {
    let mut bench = Bench::with_data(ROWS);
    bench.until("the file open", |window| window.query_by_label("Row at line 1: What is undercut?").is_some());
    commands(&mut bench, "redo");
    all_are_named(&bench, "the commands");
    assert!(bench.get_by_label("Data: Redo").accesskit_node().is_disabled(), "nothing was undone");
    bench.key_press(Key::Enter);
    bench.run_steps(4);
    assert!(bench.query_by_label("Data: Redo").is_some(), "what cannot be done does not close the list");
    close(&mut bench);

    commands(&mut bench, "深色");
    bench.key_press(Key::Enter);
    bench.until("the dark theme", |window| window.ctx.theme() == egui::Theme::Dark);
    commands(&mut bench, "compare");
    bench.key_press(Key::ArrowDown);
    bench.run_steps(2);
    bench.key_press(Key::ArrowUp);
    bench.run_steps(2);
    bench.key_press(Key::Enter);
    bench.until("the compare bench", |window| window.query_by_label("Evaluate").is_some());
    bench.key_press_modifiers(Modifiers::COMMAND, Key::Num1);
    bench.until("the data bench", |window| window.query_by_label("Undo").is_some());

    bench.key_press(Key::F1);
    bench.run_steps(4);
    for what in ["Ctrl+Shift+S", "Ctrl+K", "F11", "Ctrl+S"] {
        assert!(bench.query_by_label(what).is_some(), "{what} is not on the sheet");
    }
    close(&mut bench);
    assert!(bench.query_by_label("Ctrl+Shift+S").is_none());
    kept(&mut bench, |settings| settings.theme == "dark");
}

#[test]
fn a_message_can_be_read_again_once_it_is_put_away() {
    let mut bench = Bench::with_data(ROWS);
    bench.until("the file open", |window| window.query_by_label("Hard negatives (2)").is_some());
    bench.get_by_label("Delete: Negative 1").click();
    bench.until("deleted", |window| window.query_by_label("Hard negatives (1)").is_some());
    bench.key_press_modifiers(Modifiers::COMMAND, Key::S);
    bench.until("saved", |window| window.query_by_label_contains("Saved: ").is_some());
    click(&mut bench, "Put away");
    assert!(bench.query_by_label_contains("Saved: ").is_none());
    click(&mut bench, "Messages");
    all_are_named(&bench, "the messages");
    assert!(bench.query_by_label_contains("Saved: ").is_some());
    assert!(bench.query_by_label_contains(" ago").is_some());
    click(&mut bench, "Close");
    assert!(bench.query_by_label_contains("Saved: ").is_none());
}

#[test]
fn the_first_start_is_guided_until_that_is_put_away_for_good() {
    let mut bench = Bench::first_start(Look::default());
    bench.until("the sample project", |window| window.query_by_label("582 of 582 rows").is_some());
    bench.until("the device", |window| window.query_by_label("the processor").is_some());
    all_are_named(&bench, "the guide");
    click(&mut bench, "Show me one");
    bench.until("a bad negative", |window| window.query_by_label_contains("answers the question, too").is_some());
    assert!(bench.query_by_label("√  Look at a bad negative").is_some());
    let told = bench.get_by_label_contains("answers the question, too").value().unwrap();
    let line: String = told.chars().skip_while(|c| !c.is_ascii_digit()).take_while(char::is_ascii_digit).collect();
    assert!(bench.query_by_label(&format!("Line {line}")).is_some(), "{told}");
    click(&mut bench, "To the training bench");
    assert!(bench.query_by_label("Start training").is_some());
    assert!(bench.query_by_label("Leave empty: Evaluation questions").is_some(), "without questions no passage climbs");
    let mut every = bench.query_all_by_label("Evaluate every");
    assert!(every.any(|field| field.value().as_deref() == Some("25")));
    drop(every);
    click(&mut bench, "To the comparison");
    assert!(bench.query_by_label("Text map").is_some());
    click(&mut bench, "Never show again");
    assert!(bench.query_by_label("First steps").is_none());
    kept(&mut bench, |settings| settings.guide_put_away);
    let mut bench = bench.crash_and_open_again();
    bench.until("the sample project", |window| window.query_by_label("582 of 582 rows").is_some());
    assert!(bench.query_by_label("First steps").is_none());
    commands(&mut bench, "first steps");
    bench.key_press(Key::Enter);
    bench.until("the guide again", |window| window.query_by_label("Show me one").is_some());
}

#[test]
fn an_audience_sees_the_question_and_two_columns_alone() {
    let mut bench = Bench::comparing(&[TOY_MODEL, OTHER, TOY_MODEL], false);
    bench.until("the device", |window| window.query_by_label("the processor").is_some());
    click(&mut bench, "Compare");
    bench.until("questions", |window| window.query_by_label("24 questions").is_some());
    click(&mut bench, "Data");
    bench.key_press(Key::F11);
    bench.run_steps(4);
    all_are_named(&bench, "before an audience");
    for gone in ["Data", "Theme", "Evaluate", "Choose a question", "Messages"] {
        assert!(bench.query_by_label(gone).is_none(), "{gone} is shown");
    }
    // The question's field has the keyboard at once.
    bench.get_by_role_and_label(Role::TextInput, "Question").type_text("porosity");
    bench.run_steps(2);
    bench.key_press(Key::Enter);
    bench.until("two lists", |window| window.query_all_by_label_contains(" ms").count() == 2);
    assert!(bench.query_by_label("Why").is_none());
    bench.key_press(Key::Escape);
    bench.until("the benches again", |window| window.query_by_label("Evaluate").is_some());
    assert_eq!(bench.query_all_by_label_contains(" ms").count(), 3);
}

fn preedit(bench: &mut Bench, text: &str) {
    bench.event(Event::Ime(ImeEvent::Preedit { text: text.to_owned(), active_range_chars: None }));
    bench.run_steps(2);
}

fn commit(bench: &mut Bench, text: &str) {
    preedit(bench, "");
    bench.event(Event::Ime(ImeEvent::Commit(text.to_owned())));
    bench.run_steps(2);
}

fn value(bench: &Bench, role: Role, label: &str) -> String {
    bench.get_by_role_and_label(role, label).value().unwrap_or_default()
}

#[test]
fn a_chinese_question_is_searched_for_once_it_is_composed() {
    let mut bench = Bench::comparing(&[TOY_MODEL, OTHER], false);
    bench.until("the device", |window| window.query_by_label("the processor").is_some());
    click(&mut bench, "Compare");
    bench.until("questions", |window| window.query_by_label("24 questions").is_some());
    click(&mut bench, "Search");
    ask(&mut bench, "pore");
    assert!(bench.query_by_label("pore").is_some(), "what was searched for");
    bench.get_by_role_and_label(Role::TextInput, "Question").focus();
    bench.run_steps(2);
    for text in ["h", "ha", "han", "han'jie"] {
        preedit(&mut bench, text);
        assert_eq!(value(&bench, Role::TextInput, "Question"), format!("pore{text}"));
    }
    // Longer than the pause after which typing is searched for.
    for _ in 0..60 {
        bench.step();
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    assert!(bench.query_by_label("pore").is_some() && bench.query_by_label("porehan'jie").is_none());
    // The keys of the input method are no shortcuts.
    bench.key_press_modifiers(Modifiers::COMMAND, Key::Num1);
    bench.run_steps(2);
    commit(&mut bench, "焊接");
    assert_eq!(value(&bench, Role::TextInput, "Question"), "pore焊接");
    bench.until("the new question's lists", |window| window.query_by_label("pore焊接").is_some());
    preedit(&mut bench, "qi");
    preedit(&mut bench, "");
    assert_eq!(value(&bench, Role::TextInput, "Question"), "pore焊接", "what was given up leaves nothing");
}

#[test]
fn chinese_is_typed_into_a_row_as_one_edit_without_what_was_composed() {
    let mut bench = Bench::with_data(ROWS);
    bench.until("the file open", |window| window.query_by_label("Row at line 1: What is undercut?").is_some());
    bench.get_by_role_and_label(Role::MultilineTextInput, "Query").focus();
    bench.run_steps(2);
    bench.key_press_modifiers(Modifiers::COMMAND, Key::End);
    bench.run_steps(2);
    for text in ["y", "yao", "yao'bian"] {
        preedit(&mut bench, text);
    }
    // Somebody looks for the right candidate, longer than a pause in typing.
    bench.run_steps(40);
    assert!(bench.query_by_label("● unsaved").is_none(), "what is composed is no edit yet");
    assert_eq!(value(&bench, Role::MultilineTextInput, "Query"), "What is undercut?yao'bian");
    // Letters that would be commands: N a new row, A accepted.
    for key in [Key::N, Key::A] {
        bench.key_press(key);
    }
    bench.run_steps(2);
    commit(&mut bench, "咬边");
    bench.until("the edit", |window| window.query_by_label("Row at line 1: What is undercut?咬边").is_some());
    assert_eq!(value(&bench, Role::MultilineTextInput, "Query"), "What is undercut?咬边");
    click(&mut bench, "Undo");
    bench.until("undone at once", |window| window.query_by_label("Row at line 1: What is undercut?").is_some());
    assert!(bench.query_by_label("● unsaved").is_none());
}

#[test]
fn a_chinese_filter_filters_once_it_is_composed() {
    let mut bench = Bench::with_data(ROWS);
    bench.until("the file open", |window| window.query_by_label("2 of 2 rows").is_some());
    bench.get_by_role_and_label(Role::TextInput, "Filter rows by text").focus();
    bench.run_steps(2);
    preedit(&mut bench, "qi'kong");
    bench.run_steps(10);
    assert!(bench.query_by_label("2 of 2 rows").is_some());
    commit(&mut bench, "气孔");
    bench.until("the row", |window| window.query_by_label("1 of 2 rows").is_some());
    // Leaving the field gives up what is composed.
    preedit(&mut bench, "x");
    bench.get_by_role_and_label(Role::MultilineTextInput, "Query").focus();
    bench.run_steps(4);
    assert_eq!(value(&bench, Role::TextInput, "Filter rows by text"), "气孔");
    bench.key_press_modifiers(Modifiers::COMMAND, Key::Num2);
    bench.until("keys are heard again", |window| window.query_by_label("Start training").is_some());
    bench.key_press_modifiers(Modifiers::COMMAND, Key::Num1);
    bench.until("the data bench", |window| window.query_by_label("Undo").is_some());
    bench.get_by_role_and_label(Role::TextInput, "Filter rows by text").focus();
    bench.run_steps(2);
    bench.get_by_role_and_label(Role::TextInput, "Filter rows by text").type_text("无");
    bench.until("no row", |window| window.query_by_label("No row fits the filters.").is_some());
    click(&mut bench, "Show all rows");
    bench.until("all rows", |window| window.query_by_label("2 of 2 rows").is_some());
}

#[test]
fn controls_stay_within_the_window_from_720_lines_to_4k() {
    for (size, pixels_per_point) in [
        ([1280.0, 720.0], 1.0),
        // 4K at 100 and at 200 %.
        ([3840.0, 2160.0], 1.0),
        ([1920.0, 1080.0], 2.0),
        // The smallest window that there is.
        ([800.0, 450.0], 1.5),
    ] {
        for language in Language::ALL {
            let texts = Texts::new(language);
            let look = Look { size, pixels_per_point, language, ..Look::default() };
            let mut bench = Bench::looking(&[TOY_MODEL, OTHER], look);
            bench.until("the device", |window| window.query_by_label("the processor").is_some());
            bench.run_steps(10);
            for name in ["bench_data", "bench_train", "bench_compare"] {
                click(&mut bench, texts.get(name));
                let mut controls = Vec::new();
                walk(bench.root().accesskit_node(), &mut controls);
                for control in controls {
                    let Some(place) = control.bounding_box() else { continue };
                    let (left, right) =
                        (place.x0 / f64::from(pixels_per_point), place.x1 / f64::from(pixels_per_point));
                    assert!(
                        left >= -0.5 && right <= f64::from(size[0]) + 0.5,
                        "{size:?} {language:?} {name}: {:?} reaches from {left} to {right}",
                        control.label()
                    );
                }
            }
        }
    }
}

#[test]
fn a_window_of_1080_lines_at_200_per_cent_keeps_its_parts_apart() {
    for language in Language::ALL {
        let texts = Texts::new(language);
        let look = Look { size: [960.0, 540.0], pixels_per_point: 2.0, language, ..Look::default() };
        let mut bench = Bench::first_start(look);
        let rows = texts.with("rows_shown", &[("shown", &582), ("rows", &582)]);
        bench.until("the sample project", |window| window.query_by_label(&rows).is_some());
        bench.run_steps(10);
        let place = |label: &str| bench.get_by_label(label).rect();
        let (open, more) = (place(texts.get("open")), place(texts.get("more")));
        assert!((open.height() - more.height()).abs() < 0.5, "{more:?} is broken into lines");
        let editor = place(&texts.with("row_title", &[("line", &1)]));
        assert!(more.right() < editor.left(), "{more:?} reaches into {editor:?}");
        // The guide is one line.
        assert!(bench.query_by_label(texts.get("guide_look_do")).is_none());
        let step = place(&format!("1  {}", texts.get("guide_look")));
        assert!(step.bottom() <= 540.0, "{step:?}");
    }
}

#[test]
fn a_panel_keeps_the_width_that_it_was_drawn_to() {
    let mut bench = Bench::comparing(&[TOY_MODEL, OTHER], false);
    bench.until("the device", |window| window.query_by_label("the processor").is_some());
    click(&mut bench, "Compare");
    let left = |bench: &Bench| bench.get_by_label("Metrics").rect().left();
    let before = left(&bench);
    // The edge of the panel lies a little left of what stands beside it.
    let edge = bench.get_by_label("Evaluate").rect().right() + 12.0;
    bench.drag_at(egui::pos2(edge, 500.0));
    bench.run_steps(2);
    bench.hover_at(egui::pos2(edge + 80.0, 500.0));
    bench.run_steps(2);
    bench.drop_at(egui::pos2(edge + 80.0, 500.0));
    bench.run_steps(4);
    let after = left(&bench);
    assert!((after - before - 80.0).abs() < 4.0, "from {before} to {after}");
    click(&mut bench, "Data");
    click(&mut bench, "Compare");
    assert_eq!(left(&bench), after);
}

/// A picture of each bench.
fn looks(language: Language, theme: egui::Theme) {
    let texts = Texts::new(language);
    let look = Look { language, theme, size: [1280.0, 720.0], pictured: true, ..Look::default() };
    let mut bench = Bench::looking(&[TOY_MODEL, OTHER], look);
    let name = |bench: &str| format!("look_{bench}_{}_{}", language.code(), format!("{theme:?}").to_lowercase());
    write_run(&bench, &TrainingConfig::default(), "first", 0.0);
    bench.until("the device", |window| window.query_by_label("the processor").is_some());
    let too_long = texts.get("finding_too_long");
    bench.until("the lengths checked", |window| window.query_by_label_contains(too_long).is_some());
    bench.picture(&name("data"));

    click(&mut bench, texts.get("bench_train"));
    let runs = format!("{} (", texts.get("view_runs"));
    bench.get_by_label_contains(&runs).click();
    bench.until("the run", |window| window.query_by_label(&format!("{runs}1)")).is_some());
    bench.run_steps(4);
    click(&mut bench, &texts.with("run_open", &[("run", &"first")]));
    bench.until("its curves", |window| window.query_by_label("300 / 300").is_some());
    let forecast = texts.get("forecast_none");
    bench.until("the forecast", |window| window.query_by_label(forecast).is_none());
    bench.picture(&name("train"));

    click(&mut bench, texts.get("bench_compare"));
    let questions = texts.with("questions_size", &[("questions", &24)]);
    bench.until("questions", |window| window.query_by_label(&questions).is_some());
    click(&mut bench, texts.get("evaluate"));
    bench.until("the metrics", |window| window.query_by_label("nDCG@10").is_some());
    bench.picture(&name("compare"));
    click(&mut bench, texts.get("view_map"));
    bench.picture(&name("map"));
}

#[test]
fn every_bench_looks_as_it_did_in_english_and_light() {
    looks(Language::English, egui::Theme::Light);
}

#[test]
fn every_bench_looks_as_it_did_in_english_and_dark() {
    looks(Language::English, egui::Theme::Dark);
}

#[test]
fn every_bench_looks_as_it_did_in_chinese_and_light() {
    looks(Language::Chinese, egui::Theme::Light);
}

#[test]
fn every_bench_looks_as_it_did_in_chinese_and_dark() {
    looks(Language::Chinese, egui::Theme::Dark);
}

/// What lies over the benches, and what a newcomer and an audience see.
#[test]
fn the_rest_of_the_window_looks_as_it_did() {
    let look = Look { language: Language::Chinese, size: [1280.0, 720.0], pictured: true, ..Look::default() };
    let texts = Texts::new(look.language);
    let mut bench = Bench::first_start(look);
    bench.until("the sample project", |window| window.query_by_label_contains("582").is_some());
    bench.until("the device", |window| window.query_by_label("the processor").is_some());
    let too_long = texts.get("finding_too_long");
    bench.until("the lengths checked", |window| window.query_by_label_contains(too_long).is_some());
    click(&mut bench, texts.get("guide_look_do"));
    bench.until("a bad negative", |window| window.query_by_label_contains("其实也能回答").is_some());
    bench.picture("look_guide");
    bench.key_press_modifiers(Modifiers::COMMAND, Key::K);
    bench.run_steps(4);
    bench.picture("look_commands");
}
