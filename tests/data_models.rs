//! What models say of the rows, and the corpus that they search, through the accessibility tree.

mod window {
    #[allow(dead_code, reason = "other tests use the rest")]
    pub mod bench;
}

use std::fs;

use eframe::egui::{Key, Modifiers, accesskit::Role};
use egui_kittest::kittest::{NodeT, Queryable};

use window::bench::{Bench, TOY_DATA, TOY_MODEL, repository};

/// With the toy model and a copy of its rows, scored.
fn scored() -> Bench {
    let mut bench = Bench::with_paths(&[repository(TOY_MODEL), repository(TOY_DATA)]);
    bench.until("data and device", |window| {
        window.query_by_label("24 of 24 rows").is_some() && window.query_by_label("the processor").is_some()
    });
    bench.score_rows();
    bench.key_press(Key::Escape);
    bench.run_steps(3);
    bench
}

/// The bars of the chosen row, as they are read out.
fn bars(bench: &Bench) -> Vec<String> {
    let bars = bench.query_all_by_role(Role::Label).filter_map(|node| {
        let text = node.accesskit_node().label().or(node.accesskit_node().value())?;
        (text.contains(" to the best positive)") || text.contains("perhaps this does answer it")).then_some(text)
    });
    bars.collect()
}

#[test]
fn all_methods_lie_beside_each_other_and_the_order_changes_without_computing() {
    let mut bench = scored();
    let dense = bars(&bench);
    assert_eq!(dense.len(), bench.query_all_by_label_contains("Sparse ").count(), "{dense:?}");
    for other in ["Sparse ", "ColBERT ", "Hybrid "] {
        assert_eq!(bench.query_all_by_label_contains(other).count(), dense.len(), "{other}");
    }
    let suspected = |bench: &Bench| {
        let label = bench.get_by_label_contains("Suspected false negatives: ");
        label.accesskit_node().label().unwrap()
    };
    let by_dense = suspected(&bench);
    bench.get_by_role_and_label(Role::ComboBox, "Judge by").click();
    bench.run_steps(3);
    bench.get_by_role_and_label(Role::Button, "Sparse").click();
    // At once: no job is waited for.
    bench.run_steps(4);
    assert_ne!(by_dense, suspected(&bench));
    let sparse = bars(&bench);
    assert_eq!(dense.len(), sparse.len());
    assert_ne!(dense, sparse);
    assert_eq!(bench.query_all_by_label_contains("Dense ").count(), dense.len());
}

#[test]
fn an_edited_row_keeps_its_bars_and_is_scored_again_by_itself() {
    let mut bench = scored();
    let before = bars(&bench);
    assert!(before.len() > 2);
    bench.get_by_label("Delete: Negative 1").click();
    bench.run_steps(3);
    assert_eq!(bars(&bench).len(), before.len() - 1, "the others keep theirs");
    bench.key_press_modifiers(Modifiers::COMMAND, Key::Z);
    bench.run_steps(3);
    assert_eq!(bars(&bench), before, "undoing brings the score back");

    // A negative that is written anew has none, until the editing pauses.
    let first = "Negative 1";
    bench.get_by_role_and_label(Role::MultilineTextInput, first).focus();
    bench.run_steps(2);
    bench.get_by_role_and_label(Role::MultilineTextInput, first).type_text("Undercut. ");
    bench.until("the edit made", |window| window.query_by_label("● unsaved").is_some());
    let fewer = before.len() - 1;
    bench.until("scored again", move |window| {
        window.query_all_by_label_contains("Sparse ").count() > fewer
            && window.query_by_label_contains("Scored: in ").is_some()
    });
    let after = bars(&bench);
    assert_eq!(after.len(), before.len());
    assert_eq!(after.iter().filter(|bar| !before.contains(bar)).count(), 1, "{before:?} {after:?}");

    // Another question: none of the old scores holds.
    bench.get_by_role_and_label(Role::MultilineTextInput, "Query").focus();
    bench.run_steps(2);
    bench.get_by_role_and_label(Role::MultilineTextInput, "Query").type_text("Why? ");
    bench.until("the scores gone", |window| window.query_all_by_label_contains("Sparse ").count() == 0);
    bench.until("scored again", move |window| window.query_all_by_label_contains("Sparse ").count() > fewer);
    assert_eq!(bars(&bench).len(), before.len());
}

fn corpus_in_use(bench: &mut Bench, passages: &str) {
    bench.get_by_label("Compare").click();
    let passages = passages.to_owned();
    bench.until("the corpus in use", move |window| window.query_by_label(&passages).is_some());
    bench.get_by_label("Data").click();
    bench.run_steps(3);
}

#[test]
fn passages_in_gbk_become_the_corpus_and_are_found() {
    let mut bench = Bench::with_data("{\"query\": \"什么是气孔\", \"pos\": [\"孔洞\"]}\n");
    bench.until("the file open", |window| window.query_by_label("1 of 1 rows").is_some());
    let file = bench.folder().join("手册.txt");
    let (gbk, _, _) = encoding_rs::GBK.encode("焊缝中的气孔是气体形成的孔洞\r\n\r\n咬边是焊趾处的沟槽\r\n");
    fs::write(&file, &gbk).unwrap();
    bench.drop_file(&file);
    bench.until("the table dialog", |window| window.query_by_label("As a corpus…").is_some());
    bench.get_by_label("As a corpus…").click();
    bench.until("the corpus dialog", |window| window.query_by_label("Corpus from 手册.txt").is_some());
    assert!(bench.query_by_label("咬边是焊趾处的沟槽").is_some(), "the first passages are shown");
    assert!(bench.query_by_label("One passage a line · GBK (GB18030) · 2 passages, 0 lines left out").is_some());
    assert!(bench.query_by_label_contains("手册.corpus.jsonl, which becomes the current corpus").is_some());
    bench.get_by_label("Use as the corpus").click();
    bench.until("in use", |window| window.query_by_label_contains("The corpus is now ").is_some());
    let written = fs::read_to_string(bench.folder().join("手册.corpus.jsonl")).unwrap();
    assert_eq!(
        written.lines().next(),
        Some("{\"id\": \"1\", \"title\": \"\", \"text\": \"焊缝中的气孔是气体形成的孔洞\"}")
    );
    corpus_in_use(&mut bench, "2 passages");

    bench.get_by_label("By words").click_accesskit();
    bench.until("found", |window| window.query_by_label("+ negative: passage 1").is_some());
}

#[test]
fn a_corpus_of_objects_is_told_from_rows_and_stays_as_it_is() {
    let mut bench = Bench::with_data("{\"query\": \"q\", \"pos\": [\"p\"]}\n");
    bench.until("the file open", |window| window.query_by_label("1 of 1 rows").is_some());
    let file = bench.folder().join("corpus.jsonl");
    let text = "{\"id\": \"a\", \"title\": \"咬边\", \"text\": \"焊趾处的沟槽\"}\n{broken\n{\"id\": \"b\"}\n";
    fs::write(&file, text).unwrap();
    bench.drop_file(&file);
    bench.until("the corpus dialog", |window| window.query_by_label("Corpus from corpus.jsonl").is_some());
    assert!(bench.query_by_label("JSON objects · UTF-8 · 1 passages, 2 lines left out").is_some());
    assert!(bench.query_by_label("咬边").is_some() && bench.query_by_label("焊趾处的沟槽").is_some());
    assert!(bench.query_by_label_contains("Line 2: Column 2: the line is not JSON").is_some());
    assert!(bench.query_by_label_contains("Line 3: `text` is missing").is_some());
    bench.get_by_label("Use as the corpus").click();
    bench.until("in use", |window| window.query_by_label_contains("The corpus is now ").is_some());
    assert_eq!(fs::read_to_string(&file).unwrap(), text);
    assert!(bench.query_by_label("1 of 1 rows").is_some(), "the rows are still open");
    corpus_in_use(&mut bench, "1 passages");

    // Nothing usable: it cannot become the corpus.
    fs::write(&file, "{\"text\": \"\"}\n").unwrap();
    bench.drop_file(&file);
    bench.until("the dialog again", |window| window.query_by_label("There is no passage in it.").is_some());
    assert!(bench.get_by_label("Use as the corpus").accesskit_node().is_disabled());
    bench.get_by_label("Cancel").click();
    bench.until("left", |window| window.query_by_label("There is no passage in it.").is_none());
}

#[test]
fn the_chinese_window_tells_in_chinese_what_was_left_out_and_what_failed() {
    let mut bench = Bench::with_data("{\"query\": \"q\", \"pos\": [\"p\"]}\n");
    bench.until("the file open", |window| window.query_by_label("1 of 1 rows").is_some());
    bench.get_by_label("Language · 语言").click();
    bench.run();
    bench.get_by_label("中文").click();
    bench.until("Chinese", |window| window.query_by_label("数据").is_some());
    let table = bench.folder().join("表.csv");
    fs::write(&table, "问题,答案\n什么是咬边,沟槽\n,无题\n什么是气孔,\n").unwrap();
    bench.drop_file(&table);
    bench.until("the dialog", |window| window.query_by_label("导入 表.csv").is_some());
    bench.get_by_label("导入").click();
    bench.until("what was left out", |window| {
        window.query_by_label_contains("第 3 行：没有问题\n第 4 行：没有正例").is_some()
    });
    bench.drop_file(&table);
    bench.until("the dialog again", |window| window.query_by_label("导入 表.csv").is_some());
    bench.get_by_label("导入").click();
    bench.until("the failure", |window| window.query_by_label_contains("表.jsonl 已经存在。").is_some());
    bench.drop_file(&bench.folder().join("没有.jsonl"));
    bench.until("the failure", |window| window.query_by_label_contains("没有.jsonl：找不到文件。").is_some());
}
