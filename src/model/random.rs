//! Models of random weights in the shape of real ones, for tests and benchmarks of size and speed.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

use super::config::EncoderConfig;
use super::{ModelError, torch};

/// `config.json` of BAAI/bge-m3, as far as it shapes the encoder.
pub fn bge_m3() -> Value {
    json!({
        "architectures": ["XLMRobertaModel"], "model_type": "xlm-roberta", "vocab_size": 250_002,
        "hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16, "intermediate_size": 4096,
        "max_position_embeddings": 8194, "type_vocab_size": 1, "layer_norm_eps": 1e-5, "hidden_act": "gelu",
        "hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.1, "initializer_range": 0.02,
        "pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2, "position_embedding_type": "absolute",
        "torch_dtype": "float32"
    })
}

/// Writes a folder in BGE-M3's own layout (`pytorch_model.bin`, `sparse_linear.pt`, `colbert_linear.pt`) with weights
/// drawn around 0, their standard deviation 0.02. The tokenizer is that of the folder `tokenizer`, whose vocabulary
/// may be smaller.
pub fn write_random(folder: &Path, config: &Value, tokenizer: &Path, seed: u64) -> Result<(), ModelError> {
    let failed = |path: &Path| {
        let path = path.to_path_buf();
        move |error: io::Error| ModelError::file(&path, format!("{error}; is there room on the disk?"))
    };
    fs::create_dir_all(folder).map_err(failed(folder))?;
    for name in ["tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"] {
        let from = tokenizer.join(name);
        if from.is_file() {
            fs::copy(&from, folder.join(name)).map_err(failed(&from))?;
        }
    }
    let path = folder.join("config.json");
    fs::write(&path, config.to_string()).map_err(failed(&path))?;
    let config = EncoderConfig::read(folder)?;
    // The tokenizer may be that of a model for shorter texts.
    let path = folder.join("sentence_bert_config.json");
    fs::write(&path, json!({ "max_seq_length": config.longest() }).to_string()).map_err(failed(&path))?;
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let heads = |name: &str, width: usize| {
        (
            name.to_owned(),
            vec![("weight".to_owned(), vec![width, config.hidden_size]), ("bias".to_owned(), vec![width])],
        )
    };
    let files = [
        ("pytorch_model.bin".to_owned(), tensors(&config)),
        heads("sparse_linear.pt", 1),
        heads("colbert_linear.pt", config.hidden_size),
    ];
    for (name, tensors) in files {
        let path = folder.join(&name);
        let file = BufWriter::with_capacity(1 << 20, File::create(&path).map_err(failed(&path))?);
        let archive = name.split('.').next().unwrap_or_default();
        torch::write(file, archive, &tensors, |index, out| random_values(&tensors[index], &mut rng, out))
            .map_err(failed(&path))?;
    }
    Ok(())
}

fn random_values((name, shape): &(String, Vec<usize>), rng: &mut ChaCha8Rng, out: &mut dyn Write) -> io::Result<()> {
    // Uniform within ±b has a standard deviation of b/√3.
    let bound = 0.02 * 3f32.sqrt();
    let norm = name.ends_with("LayerNorm.weight");
    let mut left: usize = shape.iter().product();
    while left > 0 {
        let values: Vec<f32> =
            (0..left.min(1 << 16)).map(|_| if norm { 1.0 } else { rng.random_range(-bound..bound) }).collect();
        torch::write_values(&values, out)?;
        left -= values.len();
    }
    Ok(())
}

/// Names and shapes of an encoder's tensors, the pooler's too.
fn tensors(config: &EncoderConfig) -> Vec<(String, Vec<usize>)> {
    let (hidden, inner) = (config.hidden_size, config.intermediate_size);
    let mut all = Vec::new();
    for (name, entries) in [
        ("word", config.vocab_size),
        ("position", config.max_position_embeddings),
        ("token_type", config.type_vocab_size),
    ] {
        all.push((format!("embeddings.{name}_embeddings.weight"), vec![entries, hidden]));
    }
    let norm = |name: &str| [(format!("{name}.weight"), vec![hidden]), (format!("{name}.bias"), vec![hidden])];
    let linear = |name: &str, to: usize, from: usize| {
        [(format!("{name}.weight"), vec![to, from]), (format!("{name}.bias"), vec![to])]
    };
    all.extend(norm("embeddings.LayerNorm"));
    for index in 0..config.num_hidden_layers {
        let name = |part: &str| format!("encoder.layer.{index}.{part}");
        for part in ["attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense"] {
            all.extend(linear(&name(part), hidden, hidden));
        }
        all.extend(norm(&name("attention.output.LayerNorm")));
        all.extend(linear(&name("intermediate.dense"), inner, hidden));
        all.extend(linear(&name("output.dense"), hidden, inner));
        all.extend(norm(&name("output.LayerNorm")));
    }
    all.extend(linear("pooler.dense", hidden, hidden));
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compute::{DeviceChoice, choose};
    use crate::model::EmbeddingModel;

    #[test]
    fn a_random_model_loads_and_has_the_shape_that_was_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let mut config = bge_m3();
        for (name, size) in [
            ("vocab_size", 50_000),
            ("hidden_size", 32),
            ("num_hidden_layers", 2),
            ("num_attention_heads", 2),
            ("intermediate_size", 64),
        ] {
            config[name] = size.into();
        }
        write_random(folder.path(), &config, Path::new("assets/starter-model"), 1).unwrap();
        let device = choose(DeviceChoice::Cpu).unwrap().open().unwrap();
        let model = EmbeddingModel::load(folder.path(), &device).unwrap();
        assert!(model.has_heads());
        assert_eq!((model.folder().hidden_size(), model.folder().layers(), model.folder().max_length()), (32, 2, 8192));
        let values = crate::model::read(model.encoder.embeddings.word.weight.val()).unwrap();
        let mean = values.iter().map(|value| f64::from(*value)).sum::<f64>() / values.len() as f64;
        let spread = values.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>() / values.len() as f64;
        assert!(mean.abs() < 1e-4 && (spread.sqrt() - 0.02).abs() < 1e-4, "{mean} {spread}");
    }

    /// BGE-M3's own size, 2.3 GB: `cargo test --release --lib -- --ignored a_model_of_bge_m3 --nocapture`
    #[test]
    #[cfg(target_os = "linux")]
    #[ignore = "writes 2.3 GB"]
    fn a_model_of_bge_m3_s_shape_loads_with_little_more_memory_than_its_file() {
        let folder = tempfile::tempdir().unwrap();
        write_random(folder.path(), &bge_m3(), Path::new("assets/starter-model"), 1).unwrap();
        let file = fs::metadata(folder.path().join("pytorch_model.bin")).unwrap().len() as f64;
        let peak = || {
            let status = fs::read_to_string("/proc/self/status").unwrap();
            let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
            line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() * 1024.0
        };
        let before = peak();
        let device = choose(DeviceChoice::Cpu).unwrap().open().unwrap();
        let model = EmbeddingModel::load(folder.path(), &device).unwrap();
        let taken = peak() - before;
        println!("file {:.2} GB, peak of loading {:.2} GB, {:.2} times", file / 1e9, taken / 1e9, taken / file);
        assert_eq!((model.folder().hidden_size(), model.folder().layers()), (1024, 24));
        assert!(taken < 1.1 * file);
    }
}
