use super::fixtures::{batch, json, path, tensors};
use weldbench::model::{ModelFolder, TextKind};
use weldbench::training::{Layout, MicroBatch, TrainingConfig};

#[test]
fn every_text_gets_the_reference_s_token_ids() {
    let folder = ModelFolder::open(&path("model_safetensors")).unwrap();
    let cases = json("tokenization.json");
    let cases = cases.as_array().unwrap();
    assert!(cases.len() > 20);
    for case in cases {
        let text = case["text"].as_str().unwrap();
        let wanted: Vec<u32> =
            case["input_ids"].as_array().unwrap().iter().map(|id| id.as_u64().unwrap() as u32).collect();
        let longest = case["max_length"].as_u64().map(|length| length as usize);
        assert_eq!(folder.tokenizer().ids(text, longest).unwrap(), wanted, "{text:?}, {longest:?}");
    }
    assert_eq!(folder.prefix(TextKind::Query), "");
}

#[test]
fn micro_batches_are_cut_and_padded_as_the_reference_s() {
    let folder = ModelFolder::open(&path("model_bin")).unwrap();
    let texts = json("batches.json");
    let reference = tensors("batches.safetensors");
    for (name, case) in texts.as_object().unwrap() {
        let list = |key: &str| -> Vec<String> {
            case[key].as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
        };
        let (queries, passages) = (list("queries"), list("passages"));
        let wanted = batch(&reference, name, None, true);
        let config = TrainingConfig {
            query_max_len: 32,
            passage_max_len: 64,
            pad_to_multiple_of: (name != "b2g3_prompt").then_some(8),
            ..Default::default()
        };
        let layout = Layout { queries: queries.len(), group: passages.len() / queries.len(), in_batch: true };
        let ours = MicroBatch { queries, passages, teacher: None, layout }
            .tokenize(folder.tokenizer(), &config, folder.max_length())
            .unwrap();
        assert_eq!(ours.queries, wanted.queries, "{name}");
        assert_eq!(ours.passages, wanted.passages, "{name}");
    }
}
