use std::ops::ControlFlow;

use weldbench::model::{EncodeOptions, TextKind};

use super::fixtures::{device, json, looser, model, tensors, worst};

#[test]
fn vectors_and_lexical_weights_are_the_reference_s() {
    let reference = json("inference.json");
    let vectors = tensors("inference.safetensors");
    let texts: Vec<&str> = reference["texts"].as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect();
    for folder in ["model_bin", "model_safetensors"] {
        let model = model(folder, &device());
        let options = EncodeOptions { max_length: Some(64), batch_size: 4, sparse: true, colbert: true };
        let ours = model.encode(&texts, TextKind::Passage, &options, &mut |_, _| ControlFlow::Continue(())).unwrap();
        let dense = worst(&ours.dense.values, &vectors["dense_vecs"].values);
        let mut colbert = 0f64;
        for (index, ours) in ours.colbert.iter().enumerate() {
            colbert = colbert.max(worst(&ours.values, &vectors[&format!("colbert_vecs.{index}")].values));
        }
        let mut lexical = 0f64;
        for (ours, theirs) in ours.sparse.iter().zip(reference["lexical_weights"].as_array().unwrap()) {
            let theirs = theirs.as_object().unwrap();
            assert_eq!(ours.ids.len(), theirs.len());
            for (id, weight) in ours.ids.iter().zip(&ours.weights) {
                lexical = lexical.max((f64::from(*weight) - theirs[&id.to_string()].as_f64().unwrap()).abs());
            }
        }
        println!("{folder}: dense {dense:.1e}, lexical weights {lexical:.1e}, ColBERT {colbert:.1e} (absolute)");
        let tolerance = 1e-5 * looser();
        assert!(dense < tolerance && lexical < tolerance && colbert < tolerance);
    }
}

#[test]
fn pair_scores_are_the_reference_s_in_every_batch_size() {
    let model = model("model_bin", &device());
    for case in json("inference.json")["compute_score"].as_array().unwrap() {
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        let pairs: Vec<(String, String)> =
            case["pairs"].as_array().unwrap().iter().map(|pair| (text(&pair[0]), text(&pair[1]))).collect();
        let pairs: Vec<(&str, &str)> =
            pairs.iter().map(|(question, passage)| (question.as_str(), passage.as_str())).collect();
        let weights = case["weights_dense_sparse_colbert"]
            .as_array()
            .map_or([1.0; 3], |weights| [0, 1, 2].map(|index| weights[index].as_f64().unwrap() as f32));
        let batch_size = case["batch_size"].as_u64().unwrap() as usize;
        let ours = model.score_pairs(&pairs, (64, 64), batch_size, &mut |_, _| ControlFlow::Continue(())).unwrap();
        for (name, ours) in [
            ("dense", ours.dense.clone()),
            ("sparse", ours.sparse.clone()),
            ("colbert", ours.colbert.clone()),
            ("sparse+dense", ours.sparse_dense(weights)),
            ("colbert+sparse+dense", ours.colbert_sparse_dense(weights)),
        ] {
            let theirs: Vec<f64> =
                case["scores"][name].as_array().unwrap().iter().map(|score| score.as_f64().unwrap()).collect();
            let off = worst(&ours, &theirs);
            assert!(off < 1e-5 * looser(), "{name}, batch size {batch_size}: {off}");
        }
    }
}
