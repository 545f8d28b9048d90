use std::collections::BTreeMap;

use serde_json::Value;
use weldbench::compute::DeviceInfo;
use weldbench::training::{LossParts, Trainer, TrainingConfig, Window};

use super::fixtures::{batch, device, json, looser, model, norm, relative, tensors, worst};

/// A trainer with a setting of `losses.json`.
fn trainer(settings: &Value, mode: &str, device: &DeviceInfo) -> Trainer {
    let mut config = TrainingConfig {
        unified_finetuning: true,
        kd_loss_type: weldbench::training::KdLossType::M3KdLoss,
        knowledge_distillation: mode.starts_with("kd"),
        fix_encoder: mode == "kd_fix",
        temperature: 0.02,
        ..Default::default()
    };
    for (name, value) in settings.as_object().into_iter().flatten() {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        config.set(name, &text).unwrap();
    }
    Trainer::new(&config, model("model_bin", device)).unwrap()
}

fn window(case: &Value, device: &DeviceInfo) -> (Trainer, Window, LossParts, f64) {
    let mode = case["mode"].as_str().unwrap();
    let name = case["batch"].as_str().unwrap();
    let texts = json("batches.json");
    let teacher = mode.starts_with("kd").then(|| &texts[name]["teacher_scores"]);
    let batch = batch(&tensors("batches.safetensors"), name, teacher, !mode.ends_with("nib"));
    let mut trainer = trainer(&case["settings"], mode, device);
    trainer.micro_batch(&batch, 1.0);
    let window = trainer.take_window();
    let (losses, grad_norm) = window.read(&trainer).unwrap();
    (trainer, window, losses[0], grad_norm)
}

#[test]
fn score_matrices_are_the_reference_s() {
    let cases = json("losses.json");
    let (reference, micro_batches) = (tensors("losses.safetensors"), tensors("batches.safetensors"));
    let device = &device();
    let mut found = [0f64; 2];
    // One setting of each way to score; the losses check the others.
    for name in [
        "unified_t002__b4",
        "unified_sd_t1__b4",
        "unified_t1_mean__b1",
        "unified_sd_kd_m3_t005_lasttok__b1",
        "unified_sd_t002_noinbatch__b4",
        "unified_sd_kd_m3_t002__b2g3_prompt",
    ] {
        let case = &cases[name];
        let mode = case["mode"].as_str().unwrap();
        let mut trainer = trainer(&case["settings"], mode, device);
        let batch = batch(&micro_batches, case["batch"].as_str().unwrap(), None, !mode.ends_with("nib"));
        let ours = trainer.scores(&batch).unwrap();
        let temperature = case["settings"]["temperature"].as_f64().unwrap_or(0.02);
        let mut compared = 0;
        for term in case["terms"].as_array().unwrap() {
            let ours = match term["arg"].as_str().unwrap() {
                "compute_dense_score" => &ours.dense,
                "compute_sparse_score" => ours.sparse.as_ref().unwrap(),
                "compute_colbert_score" => ours.colbert.as_ref().unwrap(),
                _ => continue,
            };
            let off = worst(ours, &reference[term["scores_key"].as_str().unwrap()].values);
            assert!(off < 1e-5 / temperature * looser(), "{name}, {}: {off}", term["arg"]);
            let kind = usize::from(temperature < 1.0);
            found[kind] = found[kind].max(off);
            compared += 1;
        }
        assert_eq!(compared, 3, "{name}");
    }
    println!("scores: {:.1e} at temperature 1, {:.1e} below (absolute)", found[0], found[1]);
}

/// The reference's losses by what they are of.
fn terms(case: &Value) -> LossParts {
    let mut parts = LossParts { total: case["total_loss"].as_f64().unwrap(), ..Default::default() };
    let mut distilled = Vec::new();
    let terms = case["terms"].as_array().unwrap();
    for (index, term) in terms.iter().enumerate() {
        let loss = term["loss"].as_f64().unwrap();
        match term["arg"].as_str().unwrap() {
            "compute_dense_score" => parts.dense = loss,
            "compute_sparse_score" => parts.sparse = Some(loss),
            "compute_colbert_score" => parts.colbert = Some(loss),
            "ensemble_score" => parts.ensemble = Some(loss),
            // A distillation right before a score's loss is a part of that loss.
            _ if terms.get(index + 1).is_some_and(|next| next["fn"] != "distill_loss") => {}
            _ => distilled.push(loss),
        }
    }
    if let [dense, sparse, colbert] = distilled[..] {
        parts.self_distill_dense = Some(dense);
        parts.self_distill_sparse = Some(sparse);
        parts.self_distill_colbert = Some(colbert);
    }
    parts
}

fn by_name(parts: &LossParts) -> [(&'static str, Option<f64>); 8] {
    [
        ("total", Some(parts.total)),
        ("dense", Some(parts.dense)),
        ("sparse", parts.sparse),
        ("colbert", parts.colbert),
        ("ensemble", parts.ensemble),
        ("self_distill_dense", parts.self_distill_dense),
        ("self_distill_sparse", parts.self_distill_sparse),
        ("self_distill_colbert", parts.self_distill_colbert),
    ]
}

#[test]
fn every_setting_has_the_reference_s_losses_and_gradient_norms() {
    let cases = json("losses.json");
    let device = &device();
    let (mut worst_loss, mut worst_norm, mut checked) = (0f64, 0f64, 0);
    for (name, case) in cases.as_object().unwrap() {
        if case["total_loss"].is_null() {
            continue;
        }
        let (trainer, window, ours, grad_norm) = window(case, device);
        let unified_bug = name.contains("noinbatch");
        for ((part, ours), (_, theirs)) in by_name(&ours).into_iter().zip(by_name(&terms(case))) {
            // The reference's ensemble is wrong without in-batch negatives, and what follows from it.
            if unified_bug && !matches!(part, "dense" | "sparse" | "colbert") {
                continue;
            }
            let (Some(ours), Some(theirs)) = (ours, theirs) else {
                assert_eq!(ours.is_some(), theirs.is_some(), "{name}: {part}");
                continue;
            };
            let off = relative(ours, theirs);
            assert!(off < 1e-4 * looser(), "{name}: {part} is {ours}, the reference's {theirs}");
            worst_loss = worst_loss.max(off);
        }
        if unified_bug {
            continue;
        }
        let off = relative(grad_norm, case["grad_norm"].as_f64().unwrap());
        assert!(off < 1e-3 * looser(), "{name}: gradient norm {grad_norm}, the reference's {}", case["grad_norm"]);
        worst_norm = worst_norm.max(off);
        let gradients = window.gradients(&trainer).unwrap();
        for (parameter, theirs) in case["grads"].as_object().unwrap() {
            let ours = gradients.get(parameter.trim_start_matches("model."));
            let Some(norms) = theirs["norm"].as_f64() else {
                assert!(
                    ours.is_none_or(|values| values.iter().all(|value| *value == 0.0)),
                    "{name}: {parameter} has a gradient"
                );
                continue;
            };
            if norms < 1e-6 * grad_norm || parameter.ends_with("attention.self.key.bias") {
                continue;
            }
            let ours = norm(
                ours.unwrap_or_else(|| panic!("{name}: {parameter} has no gradient"))
                    .iter()
                    .map(|value| f64::from(*value)),
            );
            assert!(relative(ours, norms) < 1e-3 * looser(), "{name}: {parameter} {ours} {norms}");
        }
        checked += 1;
    }
    assert!(checked > 25, "{checked}");
    println!("{checked} settings; worst loss {worst_loss:.1e}, worst gradient norm {worst_norm:.1e} (relative)");
}

#[test]
fn every_parameter_s_gradient_is_the_reference_s() {
    let cases = json("losses.json");
    let (trainer, window, _, _) = window(&cases["unified_sd_kd_m3_t002__b4"], &device());
    let ours = window.gradients(&trainer).unwrap();
    compare_gradients(&ours, 1e-3 * looser());
}

/// The same gradients, with less memory: layers run again, and pieces of the micro-batch.
#[test]
fn options_that_save_memory_leave_the_gradient_the_reference_s() {
    let mut case = json("losses.json")["unified_sd_kd_m3_t002__b4"].clone();
    for (checkpointing, pieces) in [(true, None), (true, Some(5)), (false, Some(5))] {
        case["settings"]["gradient_checkpointing"] = checkpointing.into();
        if let Some(pieces) = pieces {
            case["settings"]["sub_batch_size"] = pieces.into();
        }
        let (trainer, window, ours, grad_norm) = window(&case, &device());
        assert!(relative(ours.total, case["total_loss"].as_f64().unwrap()) < 1e-4);
        assert!(relative(grad_norm, case["grad_norm"].as_f64().unwrap()) < 1e-4);
        compare_gradients(&window.gradients(&trainer).unwrap(), 1e-4);
    }
}

/// What is trained has the gradient that it has when all is trained.
#[test]
fn frozen_layers_leave_the_others_gradients_the_reference_s() {
    let mut case = json("losses.json")["unified_sd_kd_m3_t002__b4"].clone();
    case["settings"]["trainable_layers"] = 1.into();
    let (trainer, window, _, _) = window(&case, &device());
    let ours = window.gradients(&trainer).unwrap();
    let reference = tensors("grads_unified_sd_kd_m3_t002__b4.safetensors");
    let mut compared = 0;
    for (name, theirs) in &reference {
        let plain = name.trim_start_matches("model.");
        let trained = plain.starts_with("encoder.layer.1.") || plain.contains("_linear.");
        assert_eq!(ours.contains_key(plain), trained, "{name}");
        let size = norm(theirs.values.iter().copied());
        if trained && size > 1e-6 && !name.ends_with("attention.self.key.bias") {
            let off = norm(ours[plain].iter().zip(&theirs.values).map(|(a, b)| f64::from(*a) - b));
            assert!(off / size < 1e-3 * looser(), "{name}: {off} of {size}");
            compared += 1;
        }
    }
    assert!(compared > 15, "{compared}");
}

fn compare_gradients(ours: &BTreeMap<String, Vec<f32>>, tolerance: f64) {
    let reference = tensors("grads_unified_sd_kd_m3_t002__b4.safetensors");
    let total = norm(reference.values().flat_map(|tensor| tensor.values.iter().copied()));
    let mut all = 0.0;
    let mut compared = 0;
    for (name, theirs) in &reference {
        let Some(ours) = ours.get(name.trim_start_matches("model.")) else {
            assert!(norm(theirs.values.iter().copied()) == 0.0, "{name} has no gradient");
            continue;
        };
        let difference = norm(ours.iter().zip(&theirs.values).map(|(a, b)| f64::from(*a) - b));
        let size = norm(theirs.values.iter().copied());
        all += difference * difference;
        if size > 1e-6 * total && !name.ends_with("attention.self.key.bias") {
            assert!(difference / size < tolerance, "{name}: {difference} of {size}");
            compared += 1;
        }
    }
    assert!(compared > 30, "{compared}");
    println!("whole gradient: difference over norm {:.1e}", all.sqrt() / total);
    assert!(all.sqrt() / total < tolerance);
}

#[test]
fn self_distillation_begins_after_its_start_step() {
    let wanted = &json("losses.json")["self_distill_start_step_0"]["losses_of_three_consecutive_forwards"];
    let texts = json("batches.json");
    let batch = batch(&tensors("batches.safetensors"), "b4", Some(&texts["b4"]["teacher_scores"]), true);
    let settings = serde_json::json!({ "use_self_distill": true, "self_distill_start_step": 0 });
    let mut trainer = trainer(&settings, "kd", &device());
    for wanted in wanted.as_array().unwrap() {
        trainer.micro_batch(&batch, 1.0);
        let (losses, _) = trainer.take_window().read(&trainer).unwrap();
        assert!(relative(losses[0].total, wanted.as_f64().unwrap()) < 1e-4 * looser());
    }
}
