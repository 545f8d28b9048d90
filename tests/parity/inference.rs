use std::ops::ControlFlow;

use weldbench::model::{EncodeOptions, TextKind};

use super::fixtures::{cpu, json, model, tensors, worst};

#[test]
fn vectors_and_lexical_weights_are_the_reference_s() {
    let reference = json("inference.json");
    let vectors = tensors("inference.safetensors");
    let texts: Vec<&str> = reference["texts"].as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect();
    for folder in ["model_bin", "model_safetensors"] {
        let model = model(folder, &cpu());
        let options = EncodeOptions { max_length: 64, batch_size: 4, sparse: true, colbert: true };
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
        assert!(dense < 1e-5 && lexical < 1e-5 && colbert < 1e-5);
    }
}
