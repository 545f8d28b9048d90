//! Scores of every query with every passage of a micro-batch, all differentiable.

use std::collections::{BTreeMap, HashMap};

use burn::tensor::{Device, IndexingUpdateOp, Int, Tensor, TensorData};

use crate::model::{TokenBatch, Tokenizer};

/// Inner products, `[queries, passages]`, of `[queries, hidden]` and `[passages, hidden]`.
pub fn dense(queries: Tensor<2>, passages: Tensor<2>) -> Tensor<2> {
    queries.matmul(passages.transpose())
}

/// Values of a block of token pairs: 16 MiB in 32 bits. Few in unit tests, so that there are several blocks.
const PAIRS: usize = if cfg!(test) { 1 << 10 } else { 1 << 22 };

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
    let tokens = rows * query_tokens;
    let queries = queries.clone().reshape([tokens, size]);
    let of_queries = |(start, count): (usize, usize)| {
        let some = queries.clone().narrow(0, start, count);
        passage_blocks(count, columns, passage_tokens)
            .map(|(first, passages_of_block)| {
                let block = passages.clone().narrow(0, first, passages_of_block);
                let block = block.reshape([passages_of_block * passage_tokens, size]);
                let pairs = some.clone().matmul(block.transpose());
                let (best, place) = pairs.reshape([count, passages_of_block, passage_tokens]).max_dim_with_indices(2);
                (best.squeeze_dim(2), place.squeeze_dim(2))
            })
            .unzip()
    };
    let (values, places): (Vec<Tensor<2>>, Vec<Tensor<2, Int>>) = query_blocks(tokens, passage_tokens)
        .map(|block| {
            let (values, places): (Vec<Tensor<2>>, Vec<Tensor<2, Int>>) = of_queries(block);
            (Tensor::cat(values, 1), Tensor::cat(places, 1))
        })
        .unzip();
    let sums: Tensor<2> = Tensor::cat(values, 0).reshape([rows, query_tokens, columns]).sum_dim(1).squeeze_dim(1);
    Colbert { scores: sums / counts.clone(), best: Tensor::cat(places, 0) }
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
    let mut dqueries = Vec::new();
    let mut dpassages: Option<Tensor<3>> = None;
    for (start, count) in query_blocks(tokens, passage_tokens) {
        let some = flat.clone().narrow(0, start, count);
        let mut of_queries: Option<Tensor<2>> = None;
        let mut of_passages = Vec::new();
        for (first, passages_of_block) in passage_blocks(count, columns, passage_tokens) {
            let places = scores.best.clone().narrow(0, start, count).narrow(1, first, passages_of_block);
            let shares = shares.clone().narrow(0, start, count).narrow(1, first, passages_of_block);
            let pairs = Tensor::<3>::zeros([count, passages_of_block, passage_tokens], &flat.device())
                .scatter(2, places.unsqueeze_dim(2), shares, IndexingUpdateOp::Add)
                .reshape([count, passages_of_block * passage_tokens]);
            let block = passages.clone().narrow(0, first, passages_of_block);
            let part = pairs.clone().matmul(block.reshape([passages_of_block * passage_tokens, size]));
            of_queries = Some(match of_queries {
                Some(sum) => sum + part,
                None => part,
            });
            let part = pairs.transpose().matmul(some.clone());
            of_passages.push(part.reshape([passages_of_block, passage_tokens, size]));
        }
        dqueries.extend(of_queries);
        let part = Tensor::cat(of_passages, 0);
        dpassages = Some(match dpassages {
            Some(sum) => sum + part,
            None => part,
        });
    }
    let dpassages = dpassages.unwrap_or_else(|| passages.zeros_like());
    (Tensor::cat(dqueries, 0).reshape([rows, query_tokens, size]), dpassages)
}

/// First query token and number of query tokens of each block, so that a block with one passage is small enough.
fn query_blocks(tokens: usize, passage_tokens: usize) -> impl Iterator<Item = (usize, usize)> {
    parts(tokens, PAIRS / passage_tokens.max(1))
}

/// First passage and number of passages of each block of so many query tokens.
fn passage_blocks(query_tokens: usize, passages: usize, passage_tokens: usize) -> impl Iterator<Item = (usize, usize)> {
    parts(passages, PAIRS / (query_tokens * passage_tokens).max(1))
}

/// First and number of each part of so many things, `most` in each, at least one.
fn parts(all: usize, most: usize) -> impl Iterator<Item = (usize, usize)> {
    let most = most.max(1);
    (0..all).step_by(most).map(move |first| (first, most.min(all - first)))
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
    // By how often they occur, to the next power of 2: tables of like rows take memory as the tokens do.
    let mut repeated: BTreeMap<usize, Vec<Vec<i64>>> = BTreeMap::new();
    for row in 0..rows {
        let mut seen: HashMap<u32, Vec<i64>> = HashMap::new();
        for (place, id) in (row * batch.length..).zip(batch.row(row)) {
            if let Some(column) = columns.get(id) {
                targets[place] = (row * columns.len() + column) as i64;
                seen.entry(*id).or_default().push(place as i64);
            }
        }
        for places in seen.into_values() {
            match places[..] {
                [only] => kept[only as usize] = 1.0,
                _ => repeated.entry(places.len().next_power_of_two()).or_default().push(places),
            }
        }
    }
    let flat: Tensor<1> = weights.reshape([places]);
    let mut kept = Tensor::<1>::from_data(TensorData::new(kept, [places]), &device);
    if !repeated.is_empty() {
        let weights = flat.clone().detach();
        let winners = repeated.values().map(|lists| largest(lists, weights.clone(), &device)).collect();
        let ones = Tensor::ones([repeated.values().map(Vec::len).sum::<usize>()], &device);
        kept = kept.select_assign(0, Tensor::cat(winners, 0), ones, IndexingUpdateOp::Add);
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
    use super::*;
    use crate::model::ops::hash;
    use crate::model::read;

    /// Values that look random, one a place.
    fn values(shape: [usize; 3], seed: u32) -> (Vec<f32>, Tensor<3>) {
        let value = |place: usize| hash(place as u32 ^ seed) as f32 / (1u64 << 31) as f32 - 1.0;
        let values: Vec<f32> = (0..shape.iter().product()).map(value).collect();
        (values.clone(), Tensor::from_data(TensorData::new(values, shape), &Device::flex()))
    }

    #[test]
    fn colbert_in_many_blocks_is_what_it_is_by_hand() {
        // Neither all query tokens with one passage nor all passages fit in a block.
        let ([rows, asked, size], [columns, told]) = ([3, 700, 4], [4, 2100]);
        assert!(query_blocks(rows * asked, told).count() > 1);
        let (query, queries) = values([rows, asked, size], 1 << 20);
        let (passage, passages) = values([columns, told, size], 2 << 20);
        let counts = Tensor::from_data(TensorData::new(vec![700f32, 350.0, 70.0], [rows, 1]), &Device::flex());
        let above: Vec<f32> = (0..rows * columns).map(|place| place as f32 - 4.5).collect();
        let found = colbert(&queries, &passages, &counts);
        let dscores = Tensor::from_data(TensorData::new(above.clone(), [rows, columns]), &Device::flex());
        let (dqueries, dpassages) = colbert_backward(&queries, &passages, &counts, &found, dscores);

        let mut scores = vec![0f64; rows * columns];
        let (mut dquery, mut dpassage) = (vec![0f64; query.len()], vec![0f64; passage.len()]);
        for token in 0..rows * asked {
            let mine = &query[token * size..][..size];
            let (row, count) = (token / asked, [700.0, 350.0, 70.0][token / asked]);
            for column in 0..columns {
                let product = |place: usize| -> f32 {
                    let theirs = &passage[(column * told + place) * size..][..size];
                    mine.iter().zip(theirs).map(|(left, right)| left * right).sum()
                };
                let best = (0..told).fold(0, |best, place| if product(place) > product(best) { place } else { best });
                scores[row * columns + column] += f64::from(product(best)) / count;
                let share = f64::from(above[row * columns + column]) / count;
                for part in 0..size {
                    let at = (column * told + best) * size + part;
                    dquery[token * size + part] += share * f64::from(passage[at]);
                    dpassage[at] += share * f64::from(mine[part]);
                }
            }
        }
        for (found, wanted) in [
            (read(found.scores).unwrap(), scores),
            (read(dqueries).unwrap(), dquery),
            (read(dpassages).unwrap(), dpassage),
        ] {
            let scale = wanted.iter().fold(0f64, |most, value| most.max(value.abs()));
            assert_eq!(found.len(), wanted.len());
            for (found, wanted) in found.iter().zip(wanted) {
                assert!((f64::from(*found) - wanted).abs() < 1e-5 * scale, "{found} {wanted}");
            }
        }
    }
}
