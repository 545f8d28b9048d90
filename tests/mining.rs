//! Mining and scoring as a user runs them.

// Other tests use the rest of it.
#[allow(dead_code)]
mod common;

use std::fs;
use std::path::Path;

use common::{DATA, MODEL, weldbench};
use serde_json::{Value, json};

const INPUT: &str = "tests/fixtures/flagembedding/data/mine_input.jsonl";
const POOL: &str = "tests/fixtures/flagembedding/data/candidate_pool.jsonl";
const RERANKER: &str = "tests/fixtures/reranker/xlm_roberta";

fn rows(path: &Path) -> Vec<Value> {
    fs::read_to_string(path).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn texts(row: &Value, key: &str) -> Vec<String> {
    row[key].as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}

fn remarks(done: &assert_cmd::assert::Assert) -> String {
    String::from_utf8(done.get_output().stderr.clone()).unwrap()
}

#[test]
fn negatives_come_from_the_pool_and_all_else_stays() {
    let folder = tempfile::tempdir().unwrap();
    let (input, output) = (folder.path().join("in.jsonl"), folder.path().join("out.jsonl"));
    let mut lines: Vec<String> = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(INPUT))
        .unwrap()
        .lines()
        .map(str::to_owned)
        .collect();
    let mut first: Value = serde_json::from_str(&lines[0]).unwrap();
    first["topic"] = json!("预热");
    first["pos_scores"] = json!([1.0]);
    first["neg_scores"] = json!([0.5, 0.25]);
    const BIG: &str = "123456789012345678901234567890";
    lines[0] = first.to_string().replacen('{', &format!("{{\"big\" : {BIG}, "), 1);
    lines.insert(1, "{\"query\": \"broken\", ".into());
    lines.insert(2, String::new());
    fs::write(&input, format!("{}\n", lines.join("\n"))).unwrap();

    let mine = |model: &str, seed: &str, output: &Path| {
        let mut command = weldbench();
        command.args(["mine", "--device", "cpu", "--range_for_sampling", "2-12", "--negative-number", "4"]);
        command.args([
            model,
            MODEL,
            "--candidate_pool",
            POOL,
            "--use_gpu_for_searching",
            "--seed",
            seed,
            "--input_file",
        ]);
        command.arg(&input).arg("--output-file").arg(output);
        command
    };
    let done = mine("--model", "1", &output).assert().success();
    let told = remarks(&done);
    assert!(told.contains("--use_gpu_for_searching changes nothing"), "{told}");
    assert!(told.contains("1 lines cannot be used"), "{told}");

    let pool: Vec<String> = rows(&Path::new(env!("CARGO_MANIFEST_DIR")).join(POOL))
        .iter()
        .map(|row| row["text"].as_str().unwrap().to_owned())
        .collect();
    let written: Vec<String> = fs::read_to_string(&output).unwrap().lines().map(str::to_owned).collect();
    assert_eq!(written.len(), lines.len());
    assert_eq!((&written[1], &written[2]), (&lines[1], &lines[2]), "lines that are no rows have changed");
    assert!(
        written[0].starts_with(&format!("{{\"big\" : {BIG}, ")),
        "a field that has nothing to do with it has changed"
    );
    for (before, after) in lines.iter().zip(&written).filter(|(before, _)| before.ends_with('}')) {
        let (before, after): (Value, Value) =
            (serde_json::from_str(before).unwrap(), serde_json::from_str(after).unwrap());
        let negatives = texts(&after, "neg");
        assert_eq!(negatives.len(), 4);
        assert!(negatives.iter().all(|text| pool.contains(text) && !texts(&before, "pos").contains(text)));
        assert_eq!(
            (&after["query"], &after["pos"], &after["topic"]),
            (&before["query"], &before["pos"], &before["topic"])
        );
        assert!(after.get("pos_scores").is_none() && after.get("neg_scores").is_none());
    }

    mine("--model", "1", &output).assert().code(1);
    let again = folder.path().join("again.jsonl");
    mine("--embedder_name_or_path", "1", &again).assert().success();
    assert_eq!(fs::read(&again).unwrap(), fs::read(&output).unwrap(), "the same seed gave other negatives");
    mine("--model", "2", &again).arg("--overwrite").assert().success();
    assert_ne!(fs::read(&again).unwrap(), fs::read(&output).unwrap());
}

#[test]
fn positive_aware_mining_leaves_nothing_above_a_positive() {
    let folder = tempfile::tempdir().unwrap();
    let (mined, scored) = (folder.path().join("mined.jsonl"), folder.path().join("scored.jsonl"));
    let mine = |output: &Path, limit: &[&str]| {
        let mut command = weldbench();
        command.args([
            "mine",
            "--device",
            "cpu",
            "--model",
            MODEL,
            "--input_file",
            INPUT,
            "--range_for_sampling",
            "0-25",
        ]);
        command.args(limit).arg("--output_file").arg(output);
        command
    };
    let told = remarks(&mine(&mined, &["--margin", "0", "--negative_number", "5"]).assert().success());
    assert!(!told.contains("; 0 passages were left out"), "{told}");
    let score = |input: &Path, output: &Path| {
        let mut command = weldbench();
        command
            .args(["score", "--device", "cpu", "--model", MODEL, "--input_file"])
            .arg(input)
            .arg("--output_file")
            .arg(output);
        command.assert().success()
    };
    score(&mined, &scored);
    let numbers = |row: &Value, key: &str| -> Vec<f64> {
        row[key].as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
    };
    let mut seen = 0;
    for row in rows(&scored) {
        let lowest = numbers(&row, "pos_scores").into_iter().fold(f64::INFINITY, f64::min);
        let negatives = numbers(&row, "neg_scores");
        assert!(negatives.iter().all(|negative| *negative <= lowest + 1e-6), "{row}");
        seen += negatives.len();
    }
    assert!(seen > 20, "hardly any negatives: {seen}");

    mine(&mined, &["--margin", "0", "--max_share_of_positive", "0.9"]).assert().code(2);
    mine(&mined, &["--max-share-of-positive", "1.9", "--overwrite"]).assert().code(2);
    mine(&mined, &["--margin", "-1", "--overwrite"]).assert().code(2);
    mine(&mined, &["--range-for-sampling", "9-3"]).assert().code(2);
}

#[test]
fn the_highest_are_taken_when_asked_for_whatever_the_seed() {
    let folder = tempfile::tempdir().unwrap();
    let mine = |name: &str, more: &[&str]| {
        let output = folder.path().join(name);
        let mut command = weldbench();
        command.args(["mine", "--device", "cpu", "--model", MODEL, "--input_file", INPUT, "--candidate_pool", POOL]);
        command.args(["--range_for_sampling", "2-20", "--negative_number", "3"]);
        command.args(more).arg("--output_file").arg(&output).assert().success();
        let negatives = rows(&output).iter().map(|row| texts(row, "neg")).collect::<Vec<_>>();
        (negatives, output)
    };
    let (first, output) = mine("first.jsonl", &["--draw", "highest", "--seed", "1"]);
    assert_eq!(first, mine("second.jsonl", &["--draw", "highest", "--seed", "2"]).0);
    let drawn = mine("drawn.jsonl", &["--seed", "1"]).0;
    assert_ne!(first, drawn);

    // What was taken stands in the order of its scores, and a draw is never better as a whole.
    let score = |input: &Path, name: &str| {
        let output = folder.path().join(name);
        let mut command = weldbench();
        command.args(["score", "--device", "cpu", "--model", MODEL, "--input_file"]).arg(input);
        command.arg("--output_file").arg(&output).assert().success();
        let numbers = |row: &Value| -> Vec<f64> {
            row["neg_scores"].as_array().unwrap().iter().map(|score| score.as_f64().unwrap()).collect()
        };
        rows(&output).iter().map(numbers).collect::<Vec<_>>()
    };
    let highest = score(&output, "highest_scored.jsonl");
    let drawn = score(&folder.path().join("drawn.jsonl"), "drawn_scored.jsonl");
    let mut compared = 0;
    for (highest, drawn) in highest.iter().zip(&drawn).filter(|(highest, drawn)| highest != drawn) {
        assert!(highest.is_sorted_by(|one, other| one >= &(other - 1e-6)), "{highest:?}");
        assert!(highest.iter().sum::<f64>() >= drawn.iter().sum::<f64>() - 1e-6);
        compared += 1;
    }
    assert!(compared > 2, "hardly any row was drawn for");
}

#[test]
fn a_rows_prompt_and_a_given_instruction_stand_before_questions() {
    let folder = tempfile::tempdir().unwrap();
    let row = |query: &str, prompt: Option<&str>| {
        let mut row = json!({"query": query, "pos": ["a groove at the toe"], "neg": ["a pore", "夹渣"]});
        if let Some(prompt) = prompt {
            row["prompt"] = json!(prompt);
        }
        row.to_string() + "\n"
    };
    let score = |name: &str, rows_in: String, more: &[&str]| -> Vec<Value> {
        let (input, output) = (folder.path().join(name), folder.path().join(format!("scored_{name}")));
        fs::write(&input, rows_in).unwrap();
        let mut command = weldbench();
        command.args(["score", "--device", "cpu", "--model", MODEL, "--method", "hybrid", "--input_file"]).arg(&input);
        command.arg("--output_file").arg(&output).args(more).assert().success();
        rows(&output).iter().flat_map(|row| [row["pos_scores"].clone(), row["neg_scores"].clone()]).collect()
    };
    let given = ["--query_instruction_for_retrieval", "Search: ", "--query_instruction_format_for_retrieval", "{}>{}"];
    let prompted = score("a.jsonl", row("undercut", None) + &row("undercut", Some("Find: ")), &given);
    let written = score("b.jsonl", row("Search: >undercut", None) + &row("Find: >undercut", None), &[]);
    assert_eq!(prompted, written);
    assert_ne!(prompted[..2], prompted[2..], "a prompt changes nothing");
    let mut command = weldbench();
    command.args(["score", "--model", MODEL, "--input_file", INPUT, "--output_file", "no.jsonl"]);
    command.args(["--query_instruction_format", "{}"]).assert().code(2);
}

#[test]
fn a_reranker_scores_every_passage_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let (logits, shares) = (folder.path().join("logits.jsonl"), folder.path().join("shares.jsonl"));
    let score = |output: &Path, more: &[&str]| {
        let mut command = weldbench();
        command.args(["score", "--device", "cpu", "--reranker_name_or_path", RERANKER, "--input_file", DATA]);
        command.args(["--reranker_max_length", "64", "--reranker-batch-size", "4"]).args(more);
        command.arg("--output_file").arg(output);
        command.assert().success()
    };
    score(&logits, &[]);
    score(&shares, &["--normalize", "True"]);
    let before = rows(&Path::new(env!("CARGO_MANIFEST_DIR")).join(DATA));
    let (logits, shares) = (rows(&logits), rows(&shares));
    assert_eq!((before.len(), logits.len(), shares.len()), (24, 24, 24));
    for ((before, logits), shares) in before.iter().zip(&logits).zip(&shares) {
        for (texts, scores) in [("pos", "pos_scores"), ("neg", "neg_scores")] {
            assert_eq!(logits[texts], before[texts]);
            let (logits, shares) = (logits[scores].as_array().unwrap(), shares[scores].as_array().unwrap());
            assert_eq!(logits.len(), before[texts].as_array().unwrap().len());
            for (logit, share) in logits.iter().zip(shares) {
                let expected = 1.0 / (1.0 + (-logit.as_f64().unwrap()).exp());
                assert!((share.as_f64().unwrap() - expected).abs() < 1e-5);
            }
        }
    }
}

#[test]
fn what_cannot_be_done_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("out.jsonl");
    let run = |command: &str, model: &str, input: &str| {
        let mut program = weldbench();
        program
            .args([command, "--device", "cpu", "--model", model, "--input_file", input, "--output_file"])
            .arg(&output);
        program.assert().code(1)
    };
    for (command, model, input) in [
        ("mine", MODEL, "no/such/file.jsonl"),
        ("mine", "no/such/model", INPUT),
        ("mine", RERANKER, INPUT),
        ("score", "no/such/model", INPUT),
        ("score", MODEL, "sample_data/README.md"),
    ] {
        let told = remarks(&run(command, model, input));
        assert!(told.contains("what to do"), "{command} {model} {input}: {told}");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}
