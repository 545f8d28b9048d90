//! Sound files of every kind, from which broken ones are made by chance. The fuzz targets begin with them, too.

use std::fs;
use std::path::Path;

use safetensors::tensor::{Dtype, TensorView};
use serde_json::json;

/// What reads a kind of file, by the name of its fuzz target, and files that it can read.
pub struct Kind {
    pub name: &'static str,
    pub read: fn(&[u8]),
    pub seeds: Vec<Vec<u8>>,
}

pub fn kinds() -> Vec<Kind> {
    use crate::read;
    let kind = |name, read, seeds| Kind { name, read, seeds };
    vec![
        kind("jsonl", read::jsonl, jsonl()),
        kind("command", read::command, vec![fixture("commands/weld-command.txt"), COMMAND.into()]),
        kind("settings", read::settings, vec![SETTINGS.into(), OPTIONS.into()]),
        kind("run_folder", read::run_folder, vec![RECORD.into(), EVENTS.into(), STATE.into(), OPTIONS.into()]),
        kind("journal", read::journal, vec![read::JOURNAL.into()]),
        kind(
            "safetensors",
            read::safetensors,
            vec![safetensors(), fixture("flagembedding/model_safetensors/heads.safetensors")],
        ),
        kind("pytorch", read::pytorch, vec![fixture("flagembedding/model_bin/sparse_linear.pt")]),
        kind("tokenizer", read::tokenizer, vec![fixture("reranker/bert/tokenizer.json"), UNIGRAM.into(), BPE.into()]),
        kind("table", read::table, tables()),
        kind("workbook", read::workbook, vec![SHEET.into()]),
    ]
}

fn fixture(name: &str) -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)).unwrap()
}

fn jsonl() -> Vec<Vec<u8>> {
    let rows = fixture("flagembedding/data/weld_toy.jsonl");
    let first = rows.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    vec![fixture("dataset/broken.jsonl"), rows[..first].to_vec(), ROW.into()]
}

fn tables() -> Vec<Vec<u8>> {
    let text = "问题,答案,\"负例\"\r\n什么是气孔？,\"焊缝中的\n孔洞\",夹渣\r\n\"a \"\"b\"\"\",c\r\n";
    let encoded = weldbench::dataset::encoding::encode(text, weldbench::dataset::encoding::Encoding::Gb18030);
    vec![
        text.into(),
        encoded.unwrap().into_owned(),
        b"q\ta\nx\ty\n".into(),
        fixture("tables/questions.xlsx"),
        fixture("tables/questions.xls"),
    ]
}

/// A file with every type that weights may have.
pub fn safetensors() -> Vec<u8> {
    let bytes = [0u8, 0, 128, 63].repeat(8);
    let view = |dtype, shape: Vec<usize>, size: usize| TensorView::new(dtype, shape, &bytes[..size]).unwrap();
    let tensors = [
        ("embeddings.word_embeddings.weight", view(Dtype::F32, vec![4, 2], 32)),
        ("half", view(Dtype::F16, vec![3], 6)),
        ("brain", view(Dtype::BF16, vec![2, 2], 8)),
        ("double", view(Dtype::F64, vec![1], 8)),
        ("small", view(Dtype::I8, vec![2, 3], 6)),
        ("small_scale", view(Dtype::F32, vec![2, 1], 8)),
        ("none", view(Dtype::F32, vec![0, 7], 0)),
    ];
    safetensors::serialize(tensors, None).unwrap()
}

const ROW: &str = r#"{"query": "什么是咬边\u0000", "pos": ["焊趾处的沟槽"], "neg": ["a", "a", ""], "pos_scores": [1e2], "neg_scores": [1, 2, 3], "pos_ids": [7], "neg_ids": [null, "b", "c"], "prompt": "p", "type": "normal", "x": {"y": [1, {"z": null}]}}
"#;

const COMMAND: &str = "CUDA_VISIBLE_DEVICES=0,1 torchrun --nproc_per_node 2 \\\n-m FlagEmbedding.finetune.embedder.encoder_only.m3 --train_data ./a ./b.jsonl --fp16 \\\n--query_instruction_for_retrieval '“为 这个\"' --deepspeed ds.json # remark\n—learning_rate=1e-5 ; echo done > log";

const SETTINGS: &str = "recent_data = [\"a.jsonl\"]\nmodel = 'm'\ntheme = \"dark\"\nfuture = 3\npaces = [[\"k\", { micro_batch = 1.5, update = 0.5 }]]\n[training]\nlearning_rate = 1e-5\n[panel]\nwidth = 2.5\n";

const OPTIONS: &str = "train_data = [\"a.jsonl\", \"b.jsonl\"]\nlearning_rate = 1e-5\ntrain-group-size = 4\nfp16 = true\nkd_loss_type = \"m3_kd_loss\"\nseed = 42\nmax_steps = 3\n";

const RECORD: &str = r#"{"name": "焊接", "state": "running", "started": "2026-11-23T14:50:15Z", "ended": null, "base_model": "models/bge-m3", "data": ["a.jsonl"], "device": "cpu", "seed": 42, "failure": null, "model": "/out", "steps": 3, "best": {"step": 2, "metric": "ndcg@10", "value": 0.5}, "note": "n", "future": [1]}"#;

const EVENTS: &str = concat!(
    r#"{"event": "step", "step": 1, "steps": 2, "epoch": 0.5, "loss": {"total": 1.5, "dense": 1.5}, "learning_rate": 1e-5, "grad_norm": 2.0, "tokens": 100, "seconds": 0.5, "time": 1.0}"#,
    "\n",
    r#"{"event": "evaluated", "step": 2, "epoch": 1.0, "metrics": {"ndcg@10": 0.5}, "time": 2.0}"#,
    "\n"
);

const STATE: &str = r#"{"step": 2, "counters": {"micro_batches": 4, "updates": 2, "loss_scale": 65536.0, "good_steps": 2}, "learning_rate": 1e-5, "loss_sum": 2.5, "losses": 2, "skipped": 0, "best": {"step": 2, "value": 0.5}, "worse": 0, "base_model": "a", "data": "b"}"#;

const UNIGRAM: &str = r#"{"version": "1.0", "truncation": null, "padding": null, "added_tokens": [{"id": 0, "content": "<s>", "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true}], "normalizer": {"type": "Sequence", "normalizers": [{"type": "NFKC"}, {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "}]}, "pre_tokenizer": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": true}, "post_processor": {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}], "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}], "special_tokens": {"<s>": {"id": "<s>", "ids": [0], "tokens": ["<s>"]}}}, "decoder": null, "model": {"type": "Unigram", "unk_id": 1, "vocab": [["<s>", 0.0], ["<unk>", 0.0], ["▁", -2.0], ["焊", -3.0], ["a", -3.5], ["咬边", -4.0]], "byte_fallback": false}}"#;

const BPE: &str = r#"{"version": "1.0", "truncation": {"direction": "Right", "max_length": 8, "strategy": "LongestFirst", "stride": 0}, "padding": null, "added_tokens": [], "normalizer": {"type": "Lowercase"}, "pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "Split", "pattern": {"Regex": "\\p{N}|(?=a)b|\\s+"}, "behavior": "Isolated", "invert": false}, {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true}]}, "post_processor": {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": false, "use_regex": true}, "decoder": {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true}, "model": {"type": "BPE", "dropout": null, "unk_token": "u", "continuing_subword_prefix": null, "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false, "ignore_merges": false, "vocab": {"u": 0, "a": 1, "b": 2, "ab": 3, "n": 4, "an": 5}, "merges": [["a", "b"], ["a", "n"]]}}"#;

const SHEET: &[u8] = b"<worksheet xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\"><dimension ref=\"A1:C3\"/><sheetData><row r=\"1\"><c r=\"A1\" t=\"s\"><v>0</v></c><c r=\"B1\" t=\"inlineStr\"><is><t>answer</t></is></c></row><row r=\"2\"><c r=\"A2\" t=\"s\"><v>1</v></c><c r=\"B2\" s=\"0\"><v>45943.5</v></c><c r=\"C2\" t=\"e\"><v>#N/A</v></c></row></sheetData><mergeCells><mergeCell ref=\"A2:A3\"/></mergeCells></worksheet>\0<sst xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\"><si><t>question</t></si><si><r><t>a</t></r><r><t>b</t></r></si></sst>\0<styleSheet xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\"><numFmts><numFmt numFmtId=\"164\" formatCode=\"yyyy\"/></numFmts><cellXfs><xf numFmtId=\"164\"/></cellXfs></styleSheet>";

/// Every seed can be read, and the fuzz targets find them.
#[test]
fn the_seeds_are_read() {
    let corpus = std::env::var_os("WELDBENCH_FUZZ_CORPUS").map(std::path::PathBuf::from);
    for kind in kinds() {
        for (number, seed) in kind.seeds.iter().enumerate() {
            (kind.read)(seed);
            if let Some(corpus) = &corpus {
                let folder = corpus.join(kind.name);
                fs::create_dir_all(&folder).unwrap();
                fs::write(folder.join(format!("seed-{number}")), seed).unwrap();
            }
        }
    }
    let record: serde_json::Value = serde_json::from_str(RECORD).unwrap();
    assert_eq!(record["seed"], json!(42));
}
