//! Scores of every query with every passage of a micro-batch, all differentiable.

use std::collections::HashMap;

use burn::tensor::{Device, IndexingUpdateOp, Int, Tensor, TensorData};

use crate::model::{TokenBatch, Tokenizer};

/// Inner products, `[queries, passages]`, of `[queries, hidden]` and `[passages, hidden]`.
pub fn dense(queries: Tensor<2>, passages: Tensor<2>) -> Tensor<2> {
    queries.matmul(passages.transpose())
}

/// Values of a block of token pairs: 16 MiB in 32 bits.
const PAIRS: usize = 1 << 22;

/// ColBERT scores, and what their gradient needs.
pub struct Colbert {
    /// `[queries, passages]`.
    pub scores: Tensor<2>,
    /// `[queries · tokens, passages]`: each query token's best token of each passage.
    best: Tensor<2, Int>,
}

/// Late interaction (Khattab and Zaharia 2020; BGE-M3): for each query token its best passage token, averaged over the
/// query's tokens. Some passages at a time: the similarities of all tokens are never kept. Without a graph;
/// [`colbert_backward`] has the gradients.
///
/// `queries` `[queries, tokens, size]` and `passages` `[passages, tokens, size]` are zero at padding, which
/// takes part in the maximum with a similarity of 0, as in FlagEmbedding. `counts` `[queries, 1]`: the
/// query's own tokens.
pub fn colbert(queries: &Tensor<3>, passages: &Tensor<3>, counts: &Tensor<2>) -> Colbert {
    let [rows, query_tokens, size] = queries.dims();
    let [columns, passage_tokens, _] = passages.dims();
    let queries = queries.clone().reshape([rows * query_tokens, size]);
    let (values, places): (Vec<Tensor<2>>, Vec<Tensor<2, Int>>) = blocks(rows * query_tokens, columns, passage_tokens)
        .map(|(first, count)| {
            let block = passages.clone().narrow(0, first, count).reshape([count * passage_tokens, size]);
            let pairs = queries.clone().matmul(block.transpose());
            let (best, place) = pairs.reshape([rows * query_tokens, count, passage_tokens]).max_dim_with_indices(2);
            (best.squeeze_dim(2), place.squeeze_dim(2))
        })
        .unzip();
    let sums: Tensor<2> = Tensor::cat(values, 1).reshape([rows, query_tokens, columns]).sum_dim(1).squeeze_dim(1);
    Colbert { scores: sums / counts.clone(), best: Tensor::cat(places, 1) }
}

/// Gradients of `queries` and `passages` from that of [`colbert`]'s scores: each pair of a query token and its best
/// passage token has the score's share.
pub fn colbert_backward(
    queries: &Tensor<3>,
    passages: &Tensor<3>,
    counts: &Tensor<2>,
    scores: &Colbert,
    dscores: Tensor<2>,
) -> (Tensor<3>, Tensor<3>) {
    let [rows, query_tokens, size] = queries.dims();
    let [columns, passage_tokens, _] = passages.dims();
    let tokens = rows * query_tokens;
    let flat = queries.clone().reshape([tokens, size]);
    let shares = (dscores / counts.clone()).reshape([rows, 1, columns]).repeat_dim(1, query_tokens);
    let shares = shares.reshape([tokens, columns, 1]);
    let mut dqueries: Option<Tensor<2>> = None;
    let mut dpassages = Vec::new();
    for (first, count) in blocks(tokens, columns, passage_tokens) {
        let places = scores.best.clone().narrow(1, first, count).unsqueeze_dim(2);
        let pairs = Tensor::<3>::zeros([tokens, count, passage_tokens], &flat.device())
            .scatter(2, places, shares.clone().narrow(1, first, count), IndexingUpdateOp::Add)
            .reshape([tokens, count * passage_tokens]);
        let block = passages.clone().narrow(0, first, count).reshape([count * passage_tokens, size]);
        let part = pairs.clone().matmul(block);
        dqueries = Some(match dqueries {
            Some(sum) => sum + part,
            None => part,
        });
        dpassages.push(pairs.transpose().matmul(flat.clone()).reshape([count, passage_tokens, size]));
    }
    let dqueries = dqueries.unwrap_or_else(|| flat.zeros_like());
    (dqueries.reshape([rows, query_tokens, size]), Tensor::cat(dpassages, 0))
}

/// First passage and number of passages of each block.
fn blocks(query_tokens: usize, passages: usize, passage_tokens: usize) -> impl Iterator<Item = (usize, usize)> {
    let count = (PAIRS / (query_tokens * passage_tokens).max(1)).clamp(1, passages.max(1));
    (0..passages).step_by(count).map(move |first| (first, count.min(passages - first)))
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
