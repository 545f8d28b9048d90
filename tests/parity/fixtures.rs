//! Reading the reference's files, and comparing with them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use safetensors::{Dtype, SafeTensors};
use serde_json::Value;
use weldbench::compute::{DeviceChoice, DeviceInfo, choose};
use weldbench::model::{EmbeddingModel, TokenBatch};
use weldbench::training::{Layout, TokenizedBatch};

pub fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/flagembedding").join(name)
}

pub fn json(name: &str) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path(name)).unwrap()).unwrap()
}

/// A tensor of a reference file.
#[derive(Clone)]
pub struct Reference {
    pub shape: Vec<usize>,
    pub values: Vec<f64>,
}

pub fn tensors(name: &str) -> BTreeMap<String, Reference> {
    let bytes = std::fs::read(path(name)).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    file.iter()
        .map(|(name, view)| {
            let data = view.data();
            let values = match view.dtype() {
                Dtype::F32 => data.as_chunks::<4>().0.iter().map(|b| f64::from(f32::from_le_bytes(*b))).collect(),
                Dtype::I32 => data.as_chunks::<4>().0.iter().map(|b| f64::from(i32::from_le_bytes(*b))).collect(),
                Dtype::I64 => data.as_chunks::<8>().0.iter().map(|b| i64::from_le_bytes(*b) as f64).collect(),
                Dtype::U8 | Dtype::BOOL => data.iter().map(|b| f64::from(*b)).collect(),
                other => panic!("{name}: {other:?}"),
            };
            (name.to_owned(), Reference { shape: view.shape().to_vec(), values })
        })
        .collect()
}

/// The device under test: `WELDBENCH_TEST_DEVICE`, or the CPU.
pub fn device() -> DeviceInfo {
    let wanted = std::env::var("WELDBENCH_TEST_DEVICE").unwrap_or_else(|_| "cpu".into());
    choose(wanted.parse().unwrap()).unwrap()
}

/// How many times looser a tolerance is than on the CPU.
pub fn looser() -> f64 {
    if device().choice == DeviceChoice::Cpu { 1.0 } else { 5.0 }
}

pub fn model(folder: &str, device: &DeviceInfo) -> EmbeddingModel {
    EmbeddingModel::load(&path(folder), &device.open().unwrap()).unwrap()
}

pub fn token_batch(all: &BTreeMap<String, Reference>, name: &str) -> TokenBatch {
    let (ids, mask) = (&all[&format!("{name}.input_ids")], &all[&format!("{name}.attention_mask")]);
    TokenBatch {
        rows: ids.shape[0],
        length: ids.shape[1],
        ids: ids.values.iter().map(|&id| id as u32).collect(),
        mask: mask.values.iter().map(|&kept| kept != 0.0).collect(),
    }
}

/// The micro-batch `name` of a file, with teacher scores if given.
pub fn batch(all: &BTreeMap<String, Reference>, name: &str, teacher: Option<&Value>, in_batch: bool) -> TokenizedBatch {
    let queries = token_batch(all, &format!("{name}.queries"));
    let passages = token_batch(all, &format!("{name}.passages"));
    let teacher = teacher
        .and_then(Value::as_array)
        .map(|scores| scores.iter().map(|score| score.as_f64().unwrap() as f32).collect());
    let layout = Layout { queries: queries.rows, group: passages.rows / queries.rows, in_batch };
    TokenizedBatch { queries, passages, teacher, layout }
}

/// The largest absolute difference.
pub fn worst(ours: &[f32], theirs: &[f64]) -> f64 {
    assert_eq!(ours.len(), theirs.len());
    ours.iter().zip(theirs).map(|(a, b)| (f64::from(*a) - b).abs()).fold(0.0, f64::max)
}

pub fn norm(values: impl IntoIterator<Item = f64>) -> f64 {
    values.into_iter().map(|value| value * value).sum::<f64>().sqrt()
}

/// Relative difference of two numbers, of a loss say.
pub fn relative(ours: f64, theirs: f64) -> f64 {
    (ours - theirs).abs() / theirs.abs().max(1e-12)
}
