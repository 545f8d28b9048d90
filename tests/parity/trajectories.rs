use weldbench::training::{Plan, Schedule, Trainer, TrainingConfig, learning_rate};

use super::fixtures::{batch, device, json, looser, model, norm, relative, tensors};

fn replay(folder: &str) {
    let reference = json(&format!("{folder}/trajectory.json"));
    let args = &reference["training_args"];
    let number = |name: &str| args[name].as_f64().unwrap();
    let mut config = TrainingConfig {
        learning_rate: number("lr"),
        num_train_epochs: number("num_train_epochs"),
        warmup_ratio: number("warmup_ratio"),
        weight_decay: number("weight_decay"),
        max_grad_norm: number("max_grad_norm"),
        temperature: number("temperature"),
        gradient_accumulation_steps: number("grad_accum") as usize,
        unified_finetuning: args["unified"].as_bool().unwrap(),
        use_self_distill: args["self_distill"].as_bool().unwrap(),
        self_distill_start_step: args["self_distill_start_step"].as_i64().unwrap_or(-1),
        knowledge_distillation: args["knowledge_distillation"].as_bool().unwrap(),
        lr_scheduler_type: Schedule::Linear,
        ..Default::default()
    };
    for (name, key) in [("kd_loss_type", "kd_loss_type"), ("sentence_pooling_method", "pooling")] {
        config.set(name, args[key].as_str().unwrap()).unwrap();
    }
    let steps = args["max_steps"].as_u64().unwrap() as usize;
    let micro_batches = reference["micro_batches"].as_array().unwrap();
    let tokens = tensors(&format!("{folder}/micro_batches.safetensors"));
    let mut trainer = Trainer::new(&config, model("model_bin", &device())).unwrap();
    let start = trainer.weights().unwrap();
    let (mut worst_loss, mut worst_norm, mut worst_rate) = (0f64, 0f64, 0f64);
    for (step, wanted) in reference["steps"].as_array().unwrap().iter().enumerate() {
        let window: Vec<(usize, _)> = micro_batches
            .iter()
            .enumerate()
            .filter(|(_, micro)| micro["optimizer_step"].as_u64().unwrap() as usize == step + 1)
            .collect();
        for (index, micro) in &window {
            let teacher = config.knowledge_distillation.then(|| &micro["teacher_scores"]);
            let batch = batch(&tokens, &format!("{index:03}"), teacher, true);
            trainer.micro_batch(&batch, 1.0 / window.len() as f64);
        }
        let rate = learning_rate(&config, step, steps);
        let result = trainer.step(rate).unwrap();
        for (ours, (_, micro)) in result.micro_batches.iter().zip(&window) {
            worst_loss = worst_loss.max(relative(ours.total, micro["loss"].as_f64().unwrap()));
        }
        if let Some(norm) = wanted["grad_norm_before_clip"].as_f64() {
            worst_norm = worst_norm.max(relative(result.grad_norm, norm));
        }
        worst_rate = worst_rate.max((rate - wanted["lr_used"][0].as_f64().unwrap()).abs());
    }
    let end = trainer.weights().unwrap();
    let (mut off, mut moved) = (0f64, 0f64);
    for (name, theirs) in tensors(&format!("{folder}/final_weights.safetensors")) {
        let plain = name.trim_start_matches("model.");
        let (Some(ours), Some(before)) = (end.get(plain), start.get(plain)) else {
            assert!(plain.starts_with("pooler"), "{name} is not trained");
            continue;
        };
        if plain.ends_with("attention.self.key.bias") {
            continue;
        }
        off += norm(ours.iter().zip(&theirs.values).map(|(a, b)| f64::from(*a) - b)).powi(2);
        moved += norm(before.iter().zip(&theirs.values).map(|(a, b)| f64::from(*a) - b)).powi(2);
    }
    let off = (off / moved).sqrt();
    println!(
        "{folder}: losses {worst_loss:.1e}, gradient norms {worst_norm:.1e} (relative), learning rates {worst_rate:.1e}, weights {off:.1e} of the movement"
    );
    assert!(
        worst_loss < 1e-4 * looser() && worst_norm < 1e-3 * looser() && worst_rate < 1e-12 && off < 2e-3 * looser()
    );
}

#[test]
fn twenty_unified_steps_end_where_the_reference_s_do() {
    replay("trajectory_a");
}

#[test]
fn twenty_dense_steps_with_weight_decay_end_where_the_reference_s_do() {
    replay("trajectory_b");
}

#[test]
fn the_reference_s_number_of_steps_is_planned() {
    let config = TrainingConfig { num_train_epochs: 3.0, gradient_accumulation_steps: 2, ..Default::default() };
    assert_eq!(Plan::new(&config, 11).steps, 18);
}
