use weldbench::model::EmbeddingModel;
use weldbench::training::{KdLossType, Layout, TokenizedBatch, Trainer, TrainingConfig};

use super::fixtures::{device, json, looser, path, relative, tensors, token_batch, worst};

/// The toy model with a ColBERT head of rank 2, for which the similarity 0 of padding wins some maxima.
fn model() -> EmbeddingModel {
    let folder = tempfile::tempdir().unwrap();
    for name in ["pytorch_model.bin", "tokenizer.json", "config.json", "sparse_linear.pt"] {
        std::fs::copy(path("model_bin").join(name), folder.path().join(name)).unwrap();
    }
    let head = "colbert_linear.pt";
    std::fs::copy(path("colbert_padding").join(head), folder.path().join(head)).unwrap();
    EmbeddingModel::load(folder.path(), &device().open().unwrap()).unwrap()
}

#[test]
fn padding_takes_part_in_colbert_s_maximum() {
    let reference = tensors("colbert_padding.safetensors");
    let wanted = json("colbert_padding.json");
    let scores = wanted["teacher_scores"].as_array().unwrap();
    let batch = TokenizedBatch {
        queries: token_batch(&reference, "queries"),
        passages: token_batch(&reference, "passages"),
        teacher: Some(scores.iter().map(|score| score.as_f64().unwrap() as f32).collect()),
        layout: Layout { queries: 2, group: 3, in_batch: true },
    };
    for temperature in [1.0, 0.02] {
        let config = TrainingConfig {
            temperature,
            unified_finetuning: true,
            use_self_distill: true,
            knowledge_distillation: true,
            kd_loss_type: KdLossType::M3KdLoss,
            ..Default::default()
        };
        let mut trainer = Trainer::new(&config, model()).unwrap();
        if temperature == 1.0 {
            let ours = trainer.scores(&batch).unwrap().colbert.unwrap();
            let off = worst(&ours, &reference["colbert_scores_T1"].values);
            println!("ColBERT scores where padding wins: {off:.1e} (absolute)");
            assert!(off < 1e-5 * looser(), "{off}");
            assert!(worst(&ours, &reference["WRONG_scores_if_padding_masked_with_minus_inf"].values) > 0.1);
        }
        trainer.micro_batch(&batch, 1.0);
        let (losses, norm) = trainer.take_window().read(&trainer).unwrap();
        let case = &wanted[&format!("T{temperature:?}")];
        assert!(relative(losses[0].total, case["total_loss"].as_f64().unwrap()) < 1e-4 * looser());
        assert!(relative(norm, case["grad_norm"].as_f64().unwrap()) < 1e-3 * looser());
    }
}
