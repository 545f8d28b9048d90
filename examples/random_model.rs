//! Writes a model folder of random weights in BGE-M3's shape and layout, 2.3 GB, to measure memory and speed with:
//! `cargo run --release --example random_model -- FOLDER`. A number after the folder takes the starter model's shape
//! instead, with so many words in its vocabulary.

use std::path::Path;

use weldbench::model::random::{bge_m3, write_random};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut words = std::env::args().skip(1);
    let folder = words.next().ok_or("say which folder to write")?;
    let starter = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/starter-model");
    let config = match words.next() {
        None => bge_m3(),
        Some(vocabulary) => {
            let text = std::fs::read_to_string(starter.join("config.json"))?;
            let mut config: serde_json::Value = serde_json::from_str(&text)?;
            config["vocab_size"] = vocabulary.parse::<usize>()?.into();
            if let Some(config) = config.as_object_mut() {
                config.remove("quantization_config");
            }
            config
        }
    };
    write_random(Path::new(&folder), &config, &starter, 1)?;
    Ok(())
}
