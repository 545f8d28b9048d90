//! Scores of every query with every passage of a micro-batch, all differentiable.

use std::collections::HashMap;

use burn::tensor::{Device, IndexingUpdateOp, Int, Tensor, TensorData};

use crate::model::{TokenBatch, Tokenizer};

/// Inner products, `[queries, passages]`, of `[queries, hidden]` and `[passages, hidden]`.
pub fn dense(queries: Tensor<2>, passages: Tensor<2>) -> Tensor<2> {
    queries.matmul(passages.transpose())
}

/// Late interaction (Khattab and Zaharia 2020; BGE-M3): for each query token its best passage token,
/// averaged over the query's tokens.
///
/// `queries` `[queries, tokens, size]` and `passages` `[passages, tokens, size]` are zero at padding, which
/// takes part in the maximum with a similarity of 0, as in FlagEmbedding. `counts` `[queries, 1]`: the
/// query's own tokens.
pub fn colbert(queries: Tensor<3>, passages: Tensor<3>, counts: Tensor<2>) -> Tensor<2> {
    let [rows, query_tokens, size] = queries.dims();
    let [columns, passage_tokens, _] = passages.dims();
    let pairs = queries
        .reshape([rows * query_tokens, size])
        .matmul(passages.reshape([columns * passage_tokens, size]).transpose());
    let best = pairs.reshape([rows * query_tokens, columns, passage_tokens]).max_dim(2);
    let sums: Tensor<2> = best.reshape([rows, query_tokens, columns]).sum_dim(1).squeeze_dim(1);
    sums / counts
}

/// Lexical scores, `[queries, passages]`: products of the largest weights of common tokens.
///
/// Nothing of the vocabulary's size is built: columns are the tokens that the micro-batch has.
/// A token's weight is the largest at its places in the text, and only that place gets a gradient.
pub fn sparse(
    tokenizer: &Tokenizer,
    queries: (&TokenBatch, Tensor<2>),
    passages: (&TokenBatch, Tensor<2>),
) -> Tensor<2> {
    let mut columns = HashMap::new();
    for &id in queries.0.ids.iter().chain(&passages.0.ids) {
        if !tokenizer.is_special(id) {
            let next = columns.len();
            columns.entry(id).or_insert(next);
        }
    }
    if columns.is_empty() {
        return Tensor::zeros([queries.0.rows, passages.0.rows], &queries.1.device());
    }
    let queries = by_token(&columns, queries.0, queries.1);
    let passages = by_token(&columns, passages.0, passages.1);
    queries.matmul(passages.transpose())
}

/// `[texts, tokens]` weights by place into `[texts, columns]` weights by token.
fn by_token(columns: &HashMap<u32, usize>, batch: &TokenBatch, weights: Tensor<2>) -> Tensor<2> {
    let device = weights.device();
    let (rows, places) = (batch.rows, batch.rows * batch.length);
    let mut targets = vec![0i64; places];
    let mut kept = vec![0f32; places];
    let mut repeated: Vec<Vec<i64>> = Vec::new();
    for row in 0..rows {
        let mut seen: HashMap<u32, Vec<i64>> = HashMap::new();
        for (place, id) in (row * batch.length..).zip(batch.row(row)) {
            if let Some(column) = columns.get(id) {
                targets[place] = (row * columns.len() + column) as i64;
                seen.entry(*id).or_default().push(place as i64);
            }
        }
        for places in seen.into_values() {
            if let [only] = places[..] { kept[only as usize] = 1.0 } else { repeated.push(places) }
        }
    }
    let flat: Tensor<1> = weights.reshape([places]);
    let mut kept = Tensor::<1>::from_data(TensorData::new(kept, [places]), &device);
    if !repeated.is_empty() {
        let winners = largest(&repeated, flat.clone().detach(), &device);
        let ones = Tensor::ones([repeated.len()], &device);
        kept = kept.select_assign(0, winners, ones, IndexingUpdateOp::Add);
    }
    let targets = Tensor::<1, Int>::from_data(TensorData::new(targets, [places]), &device);
    let by_token = Tensor::<1>::zeros([rows * columns.len()], &device).select_assign(
        0,
        targets,
        flat * kept,
        IndexingUpdateOp::Add,
    );
    by_token.reshape([rows, columns.len()])
}

/// Of each list of places, the one with the largest weight.
fn largest(lists: &[Vec<i64>], weights: Tensor<1>, device: &Device) -> Tensor<1, Int> {
    let width = lists.iter().map(Vec::len).max().unwrap_or(1);
    let places: Vec<i64> =
        lists.iter().flat_map(|list| (0..width).map(|index| *list.get(index).unwrap_or(&list[0]))).collect();
    let places = Tensor::<2, Int>::from_data(TensorData::new(places, [lists.len(), width]), device);
    let values = weights.select(0, places.clone().reshape([lists.len() * width])).reshape([lists.len(), width]);
    places.gather(1, values.argmax(1)).squeeze_dim(1)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::PathBuf;

    use super::*;
    use crate::compute::{DeviceChoice, choose};
    use crate::model::{EmbeddingModel, HostTensor, Weights, heads::Heads, layers::Linear};
    use crate::training::{KdLossType, Layout, TokenizedBatch, Trainer, TrainingConfig};
    use burn::module::Param;

    fn fixture(name: &str) -> PathBuf {
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/flagembedding").join(name)
    }

    fn device() -> Device {
        choose(DeviceChoice::Cpu).unwrap().open().unwrap()
    }

    fn tensor<const D: usize>(host: HostTensor) -> Tensor<D> {
        let shape: [usize; D] = host.shape.try_into().unwrap();
        Tensor::from_data(TensorData::new(host.values, shape), &device())
    }

    /// Integer tensors of the reference, which are no weights.
    fn tokens(side: &str) -> TokenBatch {
        let bytes = std::fs::read(fixture("colbert_padding.safetensors")).unwrap();
        let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
        let read = |name: &str| -> Vec<i64> {
            let view = file.tensor(&format!("{side}.{name}")).unwrap();
            let size = view.data().len() / view.shape().iter().product::<usize>();
            view.data()
                .chunks(size)
                .map(|bytes| bytes.iter().rev().fold(0i64, |number, byte| number << 8 | i64::from(*byte)))
                .collect()
        };
        let shape = file.tensor(&format!("{side}.input_ids")).unwrap().shape().to_vec();
        TokenBatch {
            rows: shape[0],
            length: shape[1],
            ids: read("input_ids").into_iter().map(|id| id as u32).collect(),
            mask: read("attention_mask").into_iter().map(|kept| kept != 0).collect(),
        }
    }

    #[test]
    fn padding_takes_part_in_colbert_s_maximum() {
        let reference = Weights::open_file(&fixture("colbert_padding.safetensors")).unwrap();
        let queries = tokens("queries");
        let counts = (0..queries.rows).map(|row| {
            queries.mask[row * queries.length + 1..(row + 1) * queries.length].iter().filter(|kept| **kept).count()
                as f32
        });
        let counts =
            Tensor::<2>::from_data(TensorData::new(counts.collect::<Vec<f32>>(), [queries.rows, 1]), &device());
        let read = |name: &str| tensor::<3>(reference.any_shape(name).unwrap());
        let ours = colbert(read("queries.colbert"), read("passages.colbert"), counts);
        let ours = crate::model::read(ours).unwrap();
        let off = |name: &str| {
            let theirs = reference.any_shape(name).unwrap().values;
            ours.iter().zip(theirs).map(|(a, b)| (a - b).abs()).fold(0f32, f32::max)
        };
        assert!(off("colbert_scores_T1") < 1e-5, "{}", off("colbert_scores_T1"));
        assert!(off("WRONG_scores_if_padding_masked_with_minus_inf") > 0.1);
    }

    #[test]
    fn losses_follow_where_padding_wins() {
        let reference = Weights::open_file(&fixture("colbert_padding.safetensors")).unwrap();
        let text = std::fs::read_to_string(fixture("colbert_padding.json")).unwrap();
        let wanted: BTreeMap<String, serde_json::Value> = serde_json::from_str(&text).unwrap();
        for temperature in [1.0, 0.02] {
            let mut model = EmbeddingModel::load(&fixture("model_bin"), &device()).unwrap();
            let sparse = model.heads.unwrap().sparse;
            let weight = tensor::<2>(reference.any_shape("colbert_linear.weight").unwrap());
            let bias = tensor::<1>(reference.any_shape("colbert_linear.bias").unwrap());
            model.heads = Some(Heads {
                sparse,
                colbert: Linear { weight: Param::from_tensor(weight), bias: Param::from_tensor(bias) },
            });
            let config = TrainingConfig {
                temperature,
                unified_finetuning: true,
                use_self_distill: true,
                knowledge_distillation: true,
                kd_loss_type: KdLossType::M3KdLoss,
                ..Default::default()
            };
            let (queries, passages) = (tokens("queries"), tokens("passages"));
            let teacher = wanted["teacher_scores"]
                .as_array()
                .unwrap()
                .iter()
                .map(|score| score.as_f64().unwrap() as f32)
                .collect();
            let layout = Layout { queries: 2, group: 3, in_batch: true };
            let mut trainer = Trainer::new(&config, model).unwrap();
            trainer.micro_batch(&TokenizedBatch { queries, passages, teacher: Some(teacher), layout }, 1.0);
            let (losses, norm) = trainer.take_window().read(&trainer).unwrap();
            let case = &wanted[&format!("T{temperature:?}")];
            let near = |ours: f64, theirs: &serde_json::Value, tolerance: f64| {
                let theirs = theirs.as_f64().unwrap();
                assert!(
                    (ours - theirs).abs() / theirs < tolerance,
                    "temperature {temperature}: {ours}, the reference's {theirs}"
                );
            };
            near(losses[0].total, &case["total_loss"], 1e-4);
            near(norm, &case["grad_norm"], 1e-3);
        }
    }
}
