//! What goes to other programs and comes back, as a user sees it: model cards, files of vectors, jobs, runs.

#[allow(dead_code, reason = "other tests use the rest")]
mod common;

use std::fs;
use std::path::Path;

use common::{CORPUS, DATA, MODEL, weldbench};
use serde_json::{Value, json};
use weldbench::training::{TrainingConfig, read_command};

fn train(folder: &Path, more: &[&str]) -> (String, String) {
    let mut command = weldbench();
    command.env("WELDBENCH_HOME", folder.join("workspace"));
    command.args(["train", "--device", "cpu", "--model_name_or_path", MODEL, "--train_data", DATA]);
    command.args(["--eval_data", DATA, "--train_group_size", "3", "--max_steps", "2", "--overwrite_output_dir"]);
    command.args(["--query_instruction_for_retrieval", "搜索|search: ", "--output_dir"]).arg(folder.join("焊接 model"));
    let done = command.args(more).assert().success();
    let errors = String::from_utf8(done.get_output().stderr.clone()).unwrap();
    (fs::read_to_string(folder.join("焊接 model/README.md")).unwrap(), errors)
}

#[test]
fn a_tuned_model_has_a_card_that_nobody_s_changes_are_lost_from() {
    let folder = tempfile::tempdir().unwrap();
    let (card, _) = train(folder.path(), &["--unified_finetuning"]);
    let header = card.split("---\n").nth(1).unwrap();
    for line in [
        "language:\n- zh\n- en\n",
        "pipeline_tag: sentence-similarity\n",
        "library_name: sentence-transformers\n",
        "model-index:\n- name: \"焊接 model\"\n",
    ] {
        assert!(header.contains(line), "{line} in {header}");
    }
    let events = fs::read_dir(folder.path().join("workspace/runs")).unwrap().next().unwrap().unwrap().path();
    let events = fs::read_to_string(events.join("metrics.jsonl")).unwrap();
    let metric = |step: u64| {
        let events = events.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let mut evaluated = events.filter(|event| event["event"] == "evaluated" && event["step"] == step);
        evaluated.next_back().unwrap()["metrics"]["ndcg@10"].as_f64().unwrap()
    };
    let row = format!("| nDCG@10 | {:.4} | {:.4} |\n", metric(0), metric(2));
    assert!(card.contains(&row), "{row} in {card}");
    assert!(card.contains("24 rows") && card.contains("| `unified_finetuning` | <code>true</code> |"), "{card}");
    assert!(card.contains("prompt=\"搜索|search: \"") && card.contains("BGEM3FlagModel"), "{card}");
    let rows = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(DATA)).unwrap();
    let private =
        rows.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["query"].as_str().unwrap().to_owned());
    assert!(private.into_iter().all(|text| !card.contains(&text)), "a text of the data is in the card");
    let place = folder.path().to_str().unwrap().to_owned();
    assert!(!card.contains(&place) && !card.contains("weld_toy") && !card.contains(env!("CARGO_MANIFEST_DIR")));

    // A card as we wrote it makes room for the next.
    let (card, errors) = train(folder.path(), &[]);
    assert!(!card.contains("BGEM3FlagModel") && card.contains("FlagModel(") && !errors.contains("README"), "{errors}");

    let path = folder.path().join("焊接 model/README.md");
    fs::write(&path, "# 我们的模型\n").unwrap();
    let (kept, errors) = train(folder.path(), &[]);
    assert_eq!(kept, "# 我们的模型\n");
    assert!(errors.contains("stays as it is"), "{errors}");
    assert!(fs::read_to_string(path.with_file_name("README.weldbench.md")).unwrap().contains("nDCG@10"));
}

#[test]
fn vectors_are_written_in_every_format_with_their_ids() {
    let folder = tempfile::tempdir().unwrap();
    let corpus = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(CORPUS)).unwrap();
    let input = folder.path().join("corpus.jsonl");
    fs::write(&input, corpus.lines().take(40).collect::<Vec<_>>().join("\n")).unwrap();
    let encode = |output: &str, more: &[&str]| {
        let mut command = weldbench();
        command.args(["encode", "--device", "cpu", "--model", MODEL, "--input"]).arg(&input).arg("--output");
        command.arg(folder.path().join(output)).args(more).assert()
    };
    for output in ["a.safetensors", "a.npz", "a.npy", "a.parquet"] {
        let done = encode(output, &[]).success();
        assert!(String::from_utf8_lossy(&done.get_output().stdout).contains(output));
    }
    let size = |name: &str| fs::metadata(folder.path().join(name)).unwrap().len();
    encode("b.npz", &["--vectors", "dense"]).success();
    assert!(size("b.npz") < size("a.npz") / 2, "{} and {}", size("b.npz"), size("a.npz"));
    assert!(size("a.npy") < size("b.npz"));
    for (output, more) in [("a.csv", &[][..]), ("a.npy", &["--vectors", "sparse"])] {
        let done = encode(output, more).code(2);
        assert!(String::from_utf8_lossy(&done.get_output().stderr).contains(".npz"));
    }
}

#[test]
fn a_job_goes_out_and_a_run_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let job = folder.path().join("job");
    let export = || {
        let mut command = weldbench();
        command.args([
            "export-job",
            "--gpus",
            "4",
            "--zero-stage",
            "1",
            "--model_name_or_path",
            MODEL,
            "--train_data",
            DATA,
        ]);
        command.args(["--use_lora", "--unified_finetuning", "--learning_rate", "2e-5", "--job"]).arg(&job).assert()
    };
    let done = export().success();
    let errors = String::from_utf8(done.get_output().stderr.clone()).unwrap();
    assert!(errors.contains("not carried over: --use_lora true"), "{errors}");
    let config = read_command(&fs::read_to_string(job.join("run.sh")).unwrap(), &TrainingConfig::default()).config;
    assert!(config.unified_finetuning && !config.use_lora && config.learning_rate == 2e-5);
    assert_eq!(fs::read_to_string(job.join(&config.train_data[0])).unwrap().lines().count(), 24);
    export().code(1);

    // What FlagEmbedding would leave.
    let output = job.join("output");
    fs::create_dir_all(output.join("checkpoint-2")).unwrap();
    for name in ["config.json", "model.safetensors", "tokenizer.json", "sparse_linear.pt", "colbert_linear.pt"] {
        fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join(MODEL).join(name), output.join(name)).unwrap();
    }
    let history: Vec<Value> = (1..=2)
        .map(|step| json!({ "step": step, "loss": 1.5, "grad_norm": 2.0, "learning_rate": 2e-5, "epoch": step }))
        .collect();
    let state = json!({ "global_step": 2, "max_steps": 2, "log_history": history });
    fs::write(output.join("checkpoint-2/trainer_state.json"), state.to_string()).unwrap();
    let mut import = weldbench();
    import.env("WELDBENCH_HOME", folder.path().join("workspace"));
    let done = import.args(["import-run", "--json", "--name", "四卡"]).arg(&job).assert().success();
    let told: Value = serde_json::from_slice(&done.get_output().stdout).unwrap();
    assert_eq!(told["steps"], 2);
    let run = Path::new(told["run"].as_str().unwrap());
    let record: Value = serde_json::from_slice(&fs::read(run.join("run.json")).unwrap()).unwrap();
    assert_eq!((&record["name"], &record["state"]), (&json!("四卡"), &json!("done")));
    assert!(fs::read_to_string(run.join("model/README.md")).unwrap().contains("24 rows"));
    weldbench().args(["import-run"]).arg(folder.path()).assert().code(1);
}

#[test]
fn a_script_for_onnx_is_put_beside_a_model_once() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["config.json", "model.safetensors", "tokenizer.json"] {
        fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join(MODEL).join(name), folder.path().join(name)).unwrap();
    }
    let script = folder.path().join("export_onnx.py");
    for _ in 0..2 {
        weldbench().arg("export-onnx").arg(folder.path()).assert().success();
    }
    assert!(fs::read_to_string(&script).unwrap().contains("torch.onnx.export"));
    fs::write(&script, "mine").unwrap();
    weldbench().arg("export-onnx").arg(folder.path()).assert().code(1);
    weldbench().args(["export-onnx", "assets/starter-model"]).assert().code(1);
    assert_eq!(fs::read_to_string(script).unwrap(), "mine");
}
