//! Which of a model's files are fetched: configuration, tokenizer, what sentence-transformers and BGE-M3 add, and the
//! weights in one form. Other forms (ONNX, OpenVINO, Flax, TensorFlow) stay where they are.

use std::collections::BTreeSet;
use std::path::Path;

use serde::Deserialize;

use super::HubError;
use super::listing::{Listing, is_inside};
use crate::model::{EncoderConfig, ModelError};

/// Files that are taken where they are.
const WHERE_THERE: &[&str] = &[
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "sentencepiece.bpe.model",
    "config_sentence_transformers.json",
    "sentence_bert_config.json",
    "sentence_roberta_config.json",
    "sentence_xlm-roberta_config.json",
    "sparse_linear.pt",
    "colbert_linear.pt",
    "1_Pooling/config.json",
];

/// The weights in one file, else the list of the files that they are in; in the order in which a model is loaded.
const WEIGHTS: [&str; 4] =
    ["model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json"];

#[derive(Deserialize)]
struct Module {
    #[serde(default)]
    path: String,
}

#[derive(Deserialize)]
struct Index {
    weight_map: std::collections::BTreeMap<String, String>,
}

fn unusable(listing: &Listing, cause: impl ToString) -> HubError {
    HubError::Unusable { id: listing.id.to_string(), cause: cause.to_string() }
}

fn weights(listing: &Listing) -> Option<&'static str> {
    WEIGHTS.into_iter().find(|name| listing.has(name))
}

/// The small files that say which others are needed.
pub fn first(listing: &Listing) -> Result<Vec<&'static str>, HubError> {
    if !listing.has("config.json") {
        return Err(unusable(listing, "it has no config.json, so it is no model that transformers loads"));
    }
    let Some(weights) = weights(listing) else {
        return Err(unusable(listing, "it has no weights as safetensors or for PyTorch"));
    };
    if !["tokenizer.json", "vocab.txt"].iter().any(|name| listing.has(name)) {
        return Err(unusable(listing, "it has no tokenizer.json"));
    }
    let index = weights.ends_with(".json").then_some(weights);
    Ok(["config.json"].into_iter().chain(listing.has("modules.json").then_some("modules.json")).chain(index).collect())
}

/// All files that are needed, from what the first ones in `folder` say; the first ones are among them.
pub fn all(listing: &Listing, folder: &Path) -> Result<Vec<String>, HubError> {
    EncoderConfig::read(folder).map_err(|error| match error {
        ModelError::File { cause, .. } => unusable(listing, cause),
        other => unusable(listing, other),
    })?;
    let mut names: BTreeSet<String> = first(listing)?.into_iter().map(str::to_owned).collect();
    names.extend(WHERE_THERE.iter().filter(|name| listing.has(name)).map(|name| (*name).to_owned()));
    if listing.has("modules.json") {
        for Module { path } in read::<Vec<Module>>(listing, folder, "modules.json")? {
            let name = format!("{}/config.json", path.trim_matches('/'));
            if !path.is_empty() && listing.has(&name) {
                names.insert(inside(listing, name)?);
            }
        }
    }
    match weights(listing) {
        Some(index) if index.ends_with(".json") => {
            for name in read::<Index>(listing, folder, index)?.weight_map.into_values() {
                let name = inside(listing, name)?;
                if !listing.has(&name) {
                    return Err(unusable(listing, format!("{index} names {name}, which is not there")));
                }
                names.insert(name);
            }
        }
        whole => names.extend(whole.map(str::to_owned)),
    }
    Ok(names.into_iter().collect())
}

fn inside(listing: &Listing, name: String) -> Result<String, HubError> {
    if is_inside(&name) { Ok(name) } else { Err(HubError::Outside { id: listing.id.to_string(), name }) }
}

fn read<T: for<'de> Deserialize<'de>>(listing: &Listing, folder: &Path, name: &str) -> Result<T, HubError> {
    let path = folder.join(name);
    let text = std::fs::read_to_string(&path).map_err(HubError::io(&path, "read"))?;
    serde_json::from_str(&text).map_err(|error| unusable(listing, format!("{name}: {error}")))
}
