//! The commands as a user runs them: processes with arguments, output, and an exit code.

mod common;

use std::fs;

use common::{CORPUS, DATA, MODEL, questions, weldbench};
use serde_json::Value;

#[test]
fn devices_lists_the_processor_and_marks_one() {
    let done = weldbench().arg("devices").assert().success();
    let text = String::from_utf8(done.get_output().stdout.clone()).unwrap();
    assert!(text.lines().any(|line| line.starts_with("cpu ")), "{text}");
    assert_eq!(text.matches("<- auto").count(), 1, "{text}");
}

#[test]
fn validate_names_line_column_and_reason_of_each_bad_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows.jsonl");
    fs::write(&path, "{\"query\": \"气孔\", \"pos\": [\"a\"], \"neg\": [\"b\"]}\n{\"query\": \"crack\", \"pos\": [\n\n{\"pos\": [\"a\"], \"neg\": []}\n").unwrap();
    let done = weldbench().arg("validate").arg(&path).assert().code(1);
    let text = String::from_utf8(done.get_output().stdout.clone()).unwrap();
    assert!(text.contains("rows.jsonl:2:"), "{text}");
    assert!(text.contains("rows.jsonl:4:") && text.contains("query"), "{text}");
    assert!(!text.contains("rows.jsonl:1:"), "{text}");

    let done = weldbench().args(["validate", "--json"]).arg(&path).assert().code(1);
    let problems: Vec<Value> = lines(&done.get_output().stdout);
    assert!(problems.iter().any(|problem| problem["line"] == 2 && problem["reason"].is_string()), "{problems:?}");
}

#[test]
fn validate_checks_against_model_group_and_other_files() {
    let done = weldbench()
        .args(["validate", DATA, "--json", "--train_group_size", "9", "--model", MODEL, "--passage_max_len", "32"])
        .args(["--apart-from", DATA])
        .assert()
        .success();
    let findings = lines(&done.get_output().stdout);
    for kind in ["too_few_negatives", "too_long", "in_other_file"] {
        let found = findings.iter().find(|finding| finding["finding"] == kind);
        assert!(found.is_some_and(|finding| finding["kind"] == "warning"), "{kind}: {findings:?}");
    }
    // Passages of a common corpus are usual.
    assert!(findings.iter().any(|finding| {
        finding["finding"] == "passage_in_other_file"
            && finding["kind"] == "note"
            && finding["reason"].as_str().is_some_and(|reason| reason.starts_with("item 1 of `pos` is also in "))
    }));
    assert!(!findings.iter().any(|finding| {
        finding["finding"] == "in_other_file" && !finding["reason"].as_str().unwrap_or("").starts_with("the question")
    }));
}

#[test]
fn split_parts_a_file_and_refuses_what_it_cannot_part() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let rows: Vec<String> =
        (0..10).map(|n| format!("{{\"query\": \"q{n}\", \"pos\": [\"p{n}\"], \"neg\": [\"n\"]}}")).collect();
    fs::write(path("rows.jsonl"), rows.join("\n")).unwrap();
    let split = |more: &[&str]| {
        let mut command = weldbench();
        command.arg("split").arg(path("rows.jsonl")).arg("--train").arg(path("train.jsonl"));
        command.arg("--eval").arg(path("eval.jsonl")).args(["--share", "0.3"]).args(more);
        command.assert()
    };
    let done = split(&[]).code(1);
    let text = String::from_utf8(done.get_output().stderr.clone()).unwrap();
    assert!(text.contains("the largest of 10 rows") && !path("train.jsonl").exists(), "{text}");
    split(&["--shared-negatives"]).success();
    let lines = |name: &str| fs::read_to_string(path(name)).unwrap().lines().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!((lines("train.jsonl").len(), lines("eval.jsonl").len()), (7, 3));
    assert!(lines("eval.jsonl").iter().all(|line| rows.contains(line)));
    let done = split(&["--shared-negatives"]).code(1);
    assert!(String::from_utf8(done.get_output().stderr.clone()).unwrap().contains("--overwrite"));
}

#[test]
fn validate_is_content_with_good_files_and_refuses_what_is_not_there() {
    weldbench().args(["validate", DATA, "sample_data/train.jsonl"]).assert().success();
    let done = weldbench().args(["validate", "no/such/file.jsonl"]).assert().code(1);
    let text = String::from_utf8(done.get_output().stderr.clone()).unwrap();
    assert!(text.contains("no/such/file.jsonl"), "{text}");
}

#[test]
fn a_model_is_trained_compared_and_searched() {
    let folder = tempfile::tempdir().unwrap();
    let tuned = folder.path().join("tuned");
    let done = weldbench()
        .args(["train", "--model_name_or_path", MODEL, "--train_data", DATA, "--device", "cpu", "--json"])
        .args([
            "--unified_finetuning",
            "True",
            "--use_self_distill",
            "--train-group-size",
            "4",
            "--query_max_len",
            "32",
        ])
        .args([
            "--passage_max_len",
            "64",
            "--per_device_train_batch_size",
            "4",
            "--num_train_epochs",
            "10",
            "--learning_rate",
            "1e-3",
        ])
        .args(["--report_to", "tensorboard"])
        .arg("--output_dir")
        .arg(&tuned)
        .assert()
        .success();
    let remarks = String::from_utf8(done.get_output().stderr.clone()).unwrap();
    assert!(remarks.contains("--report_to changes nothing"), "{remarks}");
    let events: Vec<Value> = lines(&done.get_output().stdout);
    let kinds: Vec<&str> = events.iter().filter_map(|event| event["event"].as_str()).collect();
    assert_eq!(kinds.first(), Some(&"started"));
    assert_eq!(kinds.iter().filter(|kind| **kind == "step").count(), 60);
    assert_eq!(kinds.last(), Some(&"finished"));
    let losses: Vec<f64> = events.iter().filter_map(|event| event["loss"]["total"].as_f64()).collect();
    let mean = |losses: &[f64]| losses.iter().sum::<f64>() / losses.len() as f64;
    // The first and the last epoch.
    assert!(mean(&losses[54..]) < 0.5 * mean(&losses[..6]), "{losses:?}");
    for file in
        ["model.safetensors", "config.json", "tokenizer.json", "sparse_linear.pt", "colbert_linear.pt", "modules.json"]
    {
        assert!(tuned.join(file).is_file(), "{file} is missing");
    }

    // A second run does not write over the first unless it is told to.
    let again = weldbench()
        .args(["train", "--model_name_or_path", MODEL, "--train_data", DATA, "--device", "cpu", "--output_dir"])
        .arg(&tuned)
        .assert()
        .code(1);
    let text = String::from_utf8(again.get_output().stderr.clone()).unwrap();
    assert!(text.contains("overwrite_output_dir"), "{text}");

    let (corpus, questions) = questions(folder.path());
    for method in ["dense", "sparse", "colbert", "hybrid"] {
        let done = weldbench()
            .args(["eval", "--base", MODEL, "--device", "cpu", "--json", "--k", "1,3", "--method", method, "--model"])
            .arg(&tuned)
            .args(["--corpus", corpus.to_str().unwrap(), "--questions", questions.to_str().unwrap()])
            .assert()
            .success();
        let result: Value = serde_json::from_slice(&done.get_output().stdout).unwrap();
        for model in ["base", "tuned"] {
            let recall = result[model]["3"]["recall"].as_f64().unwrap();
            assert!((0.0..=1.0).contains(&recall), "{method}: {result}");
        }
    }

    let sets = |flags: [&str; 2]| {
        [flags[0], corpus.to_str().unwrap(), flags[1], questions.to_str().unwrap()].map(String::from)
    };
    let compare = |command: &str| {
        let mut compare = weldbench();
        compare.args([command, "--base", MODEL, "--model", MODEL, "--device", "cpu", "--k", "1,5", "--model"]);
        compare.arg(&tuned).args(sets(["--corpus", "--questions"]));
        compare
    };
    let done = compare("compare").args(sets(["--general-corpus", "--general-questions"])).assert().success();
    let text = String::from_utf8(done.get_output().stdout.clone()).unwrap();
    assert!(text.contains("hit rate@5") && text.matches("better, ").count() == 4, "{text}");
    let done = compare("compare").arg("--json").assert().success();
    let result: Value = serde_json::from_slice(&done.get_output().stdout).unwrap();
    let row = &result["sets"][0]["comparison"]["rows"][0];
    assert_eq!((&row["metric"], &row["tuned"][0]["paired"]["p"]), (&"recall".into(), &1.0.into()), "{result}");
    assert_eq!(row["tuned"].as_array().unwrap().len(), 2);

    let map = folder.path().join("map.csv");
    weldbench()
        .args(["map", "--base", MODEL, "--device", "cpu", "--model"])
        .arg(&tuned)
        .args(sets(["--corpus", "--questions"]))
        .arg("--output")
        .arg(&map)
        .assert()
        .success();
    let points = fs::read_to_string(&map).unwrap();
    assert!(points.starts_with("\u{feff}kind,text,base_x,base_y,tuned_x,tuned_y"), "{points}");
    assert!(points.lines().any(|line| line.starts_with("question,")) && !points.contains("NaN"), "{points}");

    let report = folder.path().join("report.html");
    compare("report")
        .arg("--output")
        .arg(&report)
        .args(["--title", "<b>焊接</b>", "--language", "zh"])
        .assert()
        .success();
    let page = fs::read_to_string(&report).unwrap();
    assert!(page.contains("&lt;b&gt;焊接&lt;/b&gt;") && page.contains("置信区间"), "{page}");
    let wrong = compare("report").args(["--output", "report.docx"]).assert().code(1);
    let text = String::from_utf8(wrong.get_output().stderr.clone()).unwrap();
    assert!(text.contains("report.docx") && text.contains(".html"), "{text}");

    let done = weldbench()
        .args(["search", "--base", MODEL, "--device", "cpu", "--k", "2", "--model"])
        .arg(&tuned)
        .args(["--corpus", corpus.to_str().unwrap(), "焊缝里为什么有气孔"])
        .assert()
        .success();
    let text = String::from_utf8(done.get_output().stdout.clone()).unwrap();
    assert_eq!(text.lines().filter(|line| line.trim_start().starts_with("2 ")).count(), 2, "{text}");
}

#[test]
fn without_an_output_folder_the_run_lies_in_the_workspace() {
    let home = tempfile::tempdir().unwrap();
    let done = weldbench()
        .env("WELDBENCH_HOME", home.path())
        .args(["train", "--model_name_or_path", MODEL, "--train_data", DATA, "--device", "cpu", "--max_steps", "1"])
        .args(["--train_group_size", "2", "--per_device_train_batch_size", "2"])
        .assert()
        .success();
    let text = String::from_utf8(done.get_output().stdout.clone()).unwrap();
    let model = std::path::Path::new(text.trim());
    assert!(model.starts_with(home.path()) && model.join("model.safetensors").is_file(), "{text}");
    assert!(model.parent().unwrap().join("metrics.jsonl").is_file(), "{text}");
}

/// Training of the tiny model on its rows, on the processor.
const TRAIN: [&str; 7] = ["train", "--model_name_or_path", MODEL, "--train_data", DATA, "--device", "cpu"];

/// The same numbers twice, and no model.
#[test]
fn a_dry_run_shows_every_loss_and_writes_nothing() {
    let run = || -> Vec<Value> {
        let done = weldbench()
            .args(TRAIN)
            .args(["--dry-run", "2", "--no-shuffle", "--json"])
            .args(["--unified_finetuning", "--use_self_distill", "--train_group_size", "3"])
            .assert()
            .success();
        lines(&done.get_output().stdout)
    };
    let batches = run();
    assert_eq!(batches.len(), 2);
    for part in ["total", "dense", "sparse", "colbert", "ensemble", "self_distill_dense"] {
        assert!(batches[1]["loss"][part].as_f64().is_some_and(|loss| loss > 0.0), "{part}: {batches:?}");
    }
    assert!(batches[0]["grad_norm"].as_f64().is_some_and(|norm| norm > 0.0));
    assert_eq!(batches, run());
}

#[test]
fn a_trace_has_a_line_for_every_step() {
    let folder = tempfile::tempdir().unwrap();
    let trace = folder.path().join("trace.jsonl");
    weldbench()
        .args(TRAIN)
        .args(["--max_steps", "3", "--train_group_size", "2"])
        .arg("--trace")
        .arg(&trace)
        .arg("--output_dir")
        .arg(folder.path().join("tuned"))
        .assert()
        .success();
    let steps = lines(&fs::read(&trace).unwrap());
    assert_eq!(steps.len(), 3);
    assert!(
        steps
            .iter()
            .all(|step| step["grad_norm"].is_f64() && step["learning_rate"].is_f64() && step["loss"]["total"].is_f64())
    );
}

#[test]
fn texts_are_encoded_and_pairs_scored() {
    let folder = tempfile::tempdir().unwrap();
    let texts = folder.path().join("texts.txt");
    fs::write(&texts, "气孔\n{\"text\": \"crater pipe\"}\n\n").unwrap();
    let vectors = folder.path().join("vectors.safetensors");
    weldbench()
        .args(["encode", "--model", MODEL, "--device", "cpu", "--input"])
        .arg(&texts)
        .arg("--output")
        .arg(&vectors)
        .assert()
        .success();
    let bytes = fs::read(&vectors).unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    assert_eq!(file.tensor("dense").unwrap().shape(), [2, 64]);
    assert_eq!(file.tensor("sparse_offsets").unwrap().shape(), [3]);
    assert_eq!(file.tensor("colbert_offsets").unwrap().shape(), [3]);

    let pairs = folder.path().join("pairs.jsonl");
    fs::write(&pairs, "{\"query\": \"气孔\", \"passage\": \"气孔\"}\n").unwrap();
    let done = weldbench()
        .args(["score-pairs", "--model", MODEL, "--device", "cpu", "--input"])
        .arg(&pairs)
        .assert()
        .success();
    let scores = &lines(&done.get_output().stdout)[0];
    // A text with itself, without prefixes: the same vector twice.
    assert!((scores["dense"].as_f64().unwrap() - 1.0).abs() < 1e-5, "{scores}");
    assert!((scores["colbert"].as_f64().unwrap() - 1.0).abs() < 1e-5, "{scores}");

    fs::write(&pairs, "{\"query\": \"气孔\"}\n").unwrap();
    let done =
        weldbench().args(["score-pairs", "--model", MODEL, "--device", "cpu", "--input"]).arg(&pairs).assert().code(1);
    let text = String::from_utf8(done.get_output().stderr.clone()).unwrap();
    assert!(text.contains("line 1") && text.contains("passage"), "{text}");
}

fn reference(name: &str) -> Value {
    serde_json::from_slice(&fs::read(format!("{REFERENCE}/{name}")).unwrap()).unwrap()
}

const REFERENCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/flagembedding");

fn floats(file: &safetensors::SafeTensors, name: &str) -> Vec<f32> {
    file.tensor(name).unwrap().data().as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
}

fn integers(file: &safetensors::SafeTensors, name: &str) -> Vec<usize> {
    let view = file.tensor(name).unwrap();
    let width = view.data().len() / view.shape()[0];
    let number = |bytes: &[u8]| bytes.iter().rev().fold(0, |number, byte| number << 8 | usize::from(*byte));
    view.data().chunks(width).map(number).collect()
}

#[test]
fn encode_writes_the_reference_s_vectors() {
    let wanted = reference("inference.json");
    let folder = tempfile::tempdir().unwrap();
    let (texts, vectors) = (folder.path().join("texts.jsonl"), folder.path().join("vectors.safetensors"));
    let inputs = wanted["texts"].as_array().unwrap();
    let input: String = inputs.iter().map(|text| format!("{}\n", serde_json::json!({ "text": text }))).collect();
    fs::write(&texts, input).unwrap();
    weldbench()
        .args(["encode", "--model", MODEL, "--device", "cpu", "--max-length", "64", "--input"])
        .arg(&texts)
        .arg("--output")
        .arg(&vectors)
        .assert()
        .success();
    let (ours, theirs) = (fs::read(&vectors).unwrap(), fs::read(format!("{REFERENCE}/inference.safetensors")).unwrap());
    let ours = safetensors::SafeTensors::deserialize(&ours).unwrap();
    let theirs = safetensors::SafeTensors::deserialize(&theirs).unwrap();
    let near = |ours: &[f32], theirs: &[f32]| {
        assert_eq!(ours.len(), theirs.len());
        assert!(ours.iter().zip(theirs).all(|(a, b)| (a - b).abs() < 1e-5));
    };
    near(&floats(&ours, "dense"), &floats(&theirs, "dense_vecs"));
    let (colbert, bounds) = (floats(&ours, "colbert"), integers(&ours, "colbert_offsets"));
    let (ids, weights) = (integers(&ours, "sparse_indices"), floats(&ours, "sparse_values"));
    let offsets = integers(&ours, "sparse_offsets");
    for text in 0..inputs.len() {
        near(&colbert[bounds[text] * 64..bounds[text + 1] * 64], &floats(&theirs, &format!("colbert_vecs.{text}")));
        let wanted = wanted["lexical_weights"][text].as_object().unwrap();
        let ours = offsets[text]..offsets[text + 1];
        assert_eq!(ours.len(), wanted.len());
        for place in ours {
            let theirs = wanted[&ids[place].to_string()].as_f64().unwrap();
            assert!((f64::from(weights[place]) - theirs).abs() < 1e-5);
        }
    }
}

#[test]
fn score_pairs_gives_the_reference_s_scores() {
    let folder = tempfile::tempdir().unwrap();
    let pairs = folder.path().join("pairs.jsonl");
    for case in reference("inference.json")["compute_score"].as_array().unwrap() {
        let line = |pair: &Value| format!("{}\n", serde_json::json!({ "query": pair[0], "passage": pair[1] }));
        fs::write(&pairs, case["pairs"].as_array().unwrap().iter().map(line).collect::<String>()).unwrap();
        let weights = case["weights_dense_sparse_colbert"]
            .as_array()
            .map_or("1,1,1".into(), |weights| weights.iter().map(Value::to_string).collect::<Vec<_>>().join(","));
        let done = weldbench()
            .args(["score-pairs", "--model", MODEL, "--device", "cpu", "--weights", &weights])
            .args(["--batch-size", &case["batch_size"].to_string()])
            .args(["--max-query-length", "64", "--max-passage-length", "64", "--input"])
            .arg(&pairs)
            .assert()
            .success();
        let ours = lines(&done.get_output().stdout);
        for (name, wanted) in case["scores"].as_object().unwrap() {
            for (ours, wanted) in ours.iter().zip(wanted.as_array().unwrap()) {
                let off = ours[name].as_f64().unwrap() - wanted.as_f64().unwrap();
                assert!(off.abs() < 1e-5, "{name}, {case}: {off}");
            }
        }
    }
}

/// The reference's micro-batch as a file of rows, computed from the file.
#[test]
fn a_dry_run_gives_the_reference_s_losses() {
    let (texts, case) = (reference("batches.json"), &reference("losses.json")["unified_sd_kd_m3_t002__b4"]);
    let batch = &texts["b4"];
    let list = |name: &str| batch[name].as_array().unwrap();
    let rows = list("queries").iter().zip(list("passages").chunks(6)).zip(list("teacher_scores").chunks(6));
    let rows: String = rows
        .map(|((query, passages), scores)| {
            let row = serde_json::json!({
                "query": query, "pos": [passages[0]], "neg": passages[1..],
                "pos_scores": [scores[0]], "neg_scores": scores[1..],
            });
            format!("{row}\n")
        })
        .collect();
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("rows.jsonl");
    fs::write(&data, rows).unwrap();
    let done = weldbench()
        .args(["train", "--dry-run", "1", "--no-shuffle", "--json", "--device", "cpu", "--model_name_or_path", MODEL])
        .args(["--unified_finetuning", "True", "--use_self_distill", "True", "--knowledge_distillation", "True"])
        .args(["--kd_loss_type", "m3_kd_loss", "--per_device_train_batch_size", "4", "--train_group_size", "6"])
        .args(["--query_max_len", "32", "--passage_max_len", "64", "--pad_to_multiple_of", "8"])
        .args(["--temperature", "0.02", "--sentence_pooling_method", "cls", "--normalize_embeddings", "True"])
        .arg("--train_data")
        .arg(&data)
        .assert()
        .success();
    let ours = &lines(&done.get_output().stdout)[0];
    let near = |ours: &Value, theirs: &Value, tolerance: f64| {
        let (ours, theirs) = (ours.as_f64().unwrap(), theirs.as_f64().unwrap());
        assert!((ours - theirs).abs() / theirs < tolerance, "{ours}, the reference's {theirs}");
    };
    near(&ours["loss"]["total"], &case["total_loss"], 1e-4);
    near(&ours["grad_norm"], &case["grad_norm"], 1e-3);
    for (part, function) in [
        ("dense", "compute_dense_score"),
        ("sparse", "compute_sparse_score"),
        ("colbert", "compute_colbert_score"),
        ("ensemble", "ensemble_score"),
    ] {
        let term = case["terms"].as_array().unwrap().iter().find(|term| term["arg"] == function).unwrap();
        near(&ours["loss"][part], &term["loss"], 1e-4);
    }
}

/// Standard output that is closed early (`weldbench … | head -1`) is no failure to report.
#[cfg(unix)]
#[test]
fn a_reader_that_goes_away_is_no_panic() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows.jsonl");
    fs::write(&path, "{\n".repeat(50_000)).unwrap();
    let command = format!("'{}' validate '{}' | head -1", env!("CARGO_BIN_EXE_weldbench"), path.display());
    let done = std::process::Command::new("sh").args(["-c", &command]).output().unwrap();
    let (out, remarks) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(out.contains("rows.jsonl:1:") && remarks.is_empty(), "{out}{remarks}");
}

#[test]
fn mistakes_in_the_call_end_with_2_and_name_the_option() {
    for (words, part) in [
        (vec!["train", "--tempreature", "0.02"], "--temperature"),
        (
            vec!["train", "--model_name_or_path", MODEL, "--train_data", DATA, "--train_group_size", "1"],
            "train_group_size",
        ),
        (vec!["train"], "model_name_or_path"),
        (vec!["trian"], "`trian` is neither a file nor a command"),
        (vec!["eval", "--model", MODEL], "--corpus"),
        (vec!["eval", "--model", MODEL, "--corpus", CORPUS, "--questions", DATA, "--device", "toaster"], "toaster"),
        (vec!["search", "--model", MODEL, "--corpus", CORPUS, "--method", "guessing", "what"], "guessing"),
    ] {
        let done = weldbench().args(&words).assert().code(2);
        let text = String::from_utf8(done.get_output().stderr.clone()).unwrap();
        assert!(text.contains(part), "{words:?}: {text}");
    }
}

#[test]
fn what_is_missing_ends_with_1_and_is_named() {
    for (words, part) in [
        (
            vec!["train", "--model_name_or_path", "no/such/model", "--train_data", DATA, "--device", "cpu"],
            "no/such/model",
        ),
        (
            vec!["train", "--model_name_or_path", MODEL, "--train_data", "no/such/rows.jsonl", "--device", "cpu"],
            "no/such/rows.jsonl",
        ),
        (vec!["train", "--config", "no/such/run.toml"], "no/such/run.toml"),
        (
            vec!["search", "--model", MODEL, "--corpus", "no/such/corpus.jsonl", "--device", "cpu", "what"],
            "no/such/corpus.jsonl",
        ),
        (vec!["search", "--model", MODEL, "--corpus", CORPUS, "--device", "wgpu:99", "what"], "wgpu:99"),
    ] {
        let done = weldbench().args(&words).assert().code(1);
        let text = String::from_utf8(done.get_output().stderr.clone()).unwrap();
        assert!(text.contains(part), "{words:?}: {text}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn without_a_display_the_demo_is_named() {
    let done = weldbench().env_remove("DISPLAY").env_remove("WAYLAND_DISPLAY").assert().code(2);
    let text = String::from_utf8(done.get_output().stderr.clone()).unwrap();
    assert!(text.contains("weldbench demo"), "{text}");
}

#[cfg(unix)]
#[test]
fn ctrl_c_ends_a_run_cleanly() {
    use std::io::{BufRead, BufReader};
    use std::process::Stdio;

    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("tuned");
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_weldbench"));
    let mut run = command
        .env("WELDBENCH_HOME", folder.path())
        .args(["train", "--model_name_or_path", MODEL, "--train_data", DATA, "--device", "cpu", "--json"])
        .args(["--num_train_epochs", "10000", "--train_group_size", "2", "--output_dir"])
        .arg(&output)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(run.stdout.take().unwrap()).lines();
    assert!(lines.by_ref().map_while(Result::ok).any(|line| line.contains("\"step\"")), "no step was told");
    let killed = std::process::Command::new("kill").args(["-INT", &run.id().to_string()]).status().unwrap();
    assert!(killed.success());
    lines.for_each(drop);
    assert_eq!(run.wait().unwrap().code(), Some(130));
    assert!(!output.exists(), "a cancelled run left a model");
}

fn lines(bytes: &[u8]) -> Vec<Value> {
    let text = std::str::from_utf8(bytes).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

#[test]
fn options_come_from_presets_files_and_commands_in_that_order() {
    let folder = tempfile::tempdir().unwrap();
    let saved = folder.path().join("run.toml");
    let article = "tests/fixtures/commands/weld-command.txt";
    let done = weldbench()
        .args(["train", "--preset", "quick-look", "--from-command", article, "--learning_rate", "3e-5", "--seed", "7"])
        .arg("--save-config")
        .arg(&saved)
        .assert()
        .success();
    let told = String::from_utf8(done.get_output().stderr.clone()).unwrap();
    for line in [
        "applied     --train_group_size 6",
        "applied     --gradient_checkpointing ",
        "not needed  --deepspeed …/ds_stage0.json (one process",
    ] {
        assert!(told.contains(line), "{line}: {told}");
    }
    let table: toml::Table = fs::read_to_string(&saved).unwrap().parse().unwrap();
    assert_eq!(table["passage_max_len"].as_integer(), Some(2048));
    assert_eq!(table["trainable_layers"].as_integer(), Some(4), "of the preset");
    assert_eq!((table["learning_rate"].as_float(), table["seed"].as_integer()), (Some(3e-5), Some(7)));

    // The file is read back, and a run goes on from there.
    let output = folder.path().join("tuned");
    let done = weldbench()
        .args(["train", "--device", "cpu", "--max_steps", "1", "--passage_max_len", "32", "--trainable_layers", "1"])
        .args(["--fp16", "false", "--model_name_or_path", MODEL, "--train_data", DATA])
        .arg("--config")
        .arg(&saved)
        .arg("--output_dir")
        .arg(&output)
        .assert();
    done.success();
    assert!(output.join("model.safetensors").is_file());
}

#[test]
fn a_command_that_cannot_be_used_is_refused_with_its_flag() {
    let done = weldbench()
        .args(["train", "--from-command", "-"])
        .write_stdin("torchrun -m FlagEmbedding.finetune.embedder.encoder_only.m3 —learning_rate fast --use_mrl True")
        .assert()
        .code(2);
    let told = String::from_utf8(done.get_output().stderr.clone()).unwrap();
    assert!(told.contains("unknown     --use_mrl True") && told.contains("`learning_rate` cannot be `fast`"), "{told}");
    let done = weldbench().args(["train", "--preset", "welding", "--train_data", DATA]).assert().code(2);
    assert!(String::from_utf8(done.get_output().stderr.clone()).unwrap().contains("model_name_or_path"));
    weldbench().args(["train", "--preset", "brazing"]).assert().code(2);
}

#[test]
fn mixes_are_measured_and_one_is_saved() {
    let folder = tempfile::tempdir().unwrap();
    let tuned = folder.path().join("tuned");
    let config: Value = serde_json::from_str(&fs::read_to_string(format!("{MODEL}/config.json")).unwrap()).unwrap();
    weldbench::model::random::write_random(&tuned, &config, MODEL.as_ref(), 7).unwrap();
    let (corpus, questions) = questions(folder.path());
    let (corpus, questions) = (corpus.to_str().unwrap(), questions.to_str().unwrap());
    let mixed = folder.path().join("mixed");
    let measured = |model: &std::path::Path, more: &[&str]| -> Value {
        let done = weldbench()
            .env("XDG_CACHE_HOME", folder.path())
            .args(["mix", "--base", MODEL, "--device", "cpu", "--json", "--k", "1,3", "--model"])
            .arg(model)
            .args(["--corpus", corpus, "--questions", questions])
            .args(more)
            .assert()
            .success();
        serde_json::from_slice(&done.get_output().stdout).unwrap()
    };
    let general = ["--general-corpus", corpus, "--general-questions", questions];
    let table = measured(&tuned, &[&["--alphas", "0,0.5,1"], &general[..]].concat());
    let alphas: Vec<f64> = table.as_array().unwrap().iter().map(|one| one["alpha"].as_f64().unwrap()).collect();
    assert_eq!(alphas, [0.0, 0.5, 1.0]);
    assert!(table.as_array().unwrap().iter().all(|one| one["domain"] == one["general"]));
    assert!(table[0]["domain"]["3"]["ndcg"].as_f64().unwrap() > 0.0);

    weldbench()
        .args(["mix", "--base", MODEL, "--alpha", "0.5", "--model"])
        .arg(&tuned)
        .arg("--output")
        .arg(&mixed)
        .assert()
        .success();
    assert_eq!(
        measured(&mixed, &["--alpha", "1"])[0]["domain"],
        table[1]["domain"],
        "the saved mix is the measured one"
    );
    let refused = weldbench().args(["mix", "--base", MODEL, "--model", MODEL, "--output", "x"]).assert().code(2);
    assert!(String::from_utf8(refused.get_output().stderr.clone()).unwrap().contains("--alpha"));
}

#[test]
fn help_has_no_colours_where_nobody_wants_them_and_completions_are_written() {
    let help = |variables: &[(&str, &str)]| {
        let mut command = weldbench();
        command.arg("--help").env_remove("NO_COLOR").envs(variables.iter().copied());
        String::from_utf8(command.assert().success().get_output().stdout.clone()).unwrap()
    };
    assert!(help(&[("CLICOLOR_FORCE", "1")]).contains("\u{1b}["), "it can show colours");
    let plain = help(&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]);
    assert!(!plain.contains("\u{1b}["));
    for word in ["weldbench fetch", "75", "NO_COLOR", "RUST_LOG"] {
        assert!(plain.contains(word), "{word}");
    }
    let done = weldbench().args(["completions", "bash"]).assert().success();
    assert!(String::from_utf8_lossy(&done.get_output().stdout).contains("_weldbench"));
}

#[test]
fn devices_are_listed_for_programs_and_notes_are_written_as_asked() {
    // Mesa complains without that folder.
    let of_user = std::env::temp_dir();
    let devices = |level: &str| {
        let mut command = weldbench();
        command.args(["devices", "--json"]).env("RUST_LOG", level).env("XDG_RUNTIME_DIR", &of_user);
        command.assert().success()
    };
    let quiet = devices("error");
    let listed = lines(&quiet.get_output().stdout);
    assert!(listed.iter().any(|device| device["device"] == "cpu"), "{listed:?}");
    assert_eq!(listed.iter().filter(|device| device["auto"] == true).count(), 1);
    // Other crates note through `log`, which is shown as well.
    let notes = devices("wgpu_hal=trace,wgpu_core=trace,naga=trace");
    let notes = String::from_utf8_lossy(&notes.get_output().stderr).into_owned();
    assert!(notes.contains("wgpu") && notes.contains("TRACE"), "{notes}");
    assert!(quiet.get_output().stderr.is_empty(), "{:?}", String::from_utf8_lossy(&quiet.get_output().stderr));
}
