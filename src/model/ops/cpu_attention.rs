//! Attention on the processor, a head of a text at a time, some questions' rows at a time: the scores of all
//! tokens with all tokens are never kept.

use rayon::prelude::*;

use super::cpu::{Drop, View, dot, multiply, vectorized};
use super::{AttentionDropout, Span, vector};

/// Rows of scores computed at a time.
const BLOCK: usize = 128;

/// Queries, keys and values `[tokens, hidden]`, head beside head.
#[derive(Clone, Copy)]
pub struct Heads<'a> {
    pub query: &'a [f32],
    pub key: &'a [f32],
    pub value: &'a [f32],
    pub hidden: usize,
    pub heads: usize,
}

impl<'a> Heads<'a> {
    fn size(self) -> usize {
        self.hidden / self.heads
    }

    fn view(self, values: &'a [f32], span: Span, head: usize) -> View<'a> {
        View::new(values, self.hidden).rows(span.start, span.len).columns(head * self.size(), self.size())
    }

    /// Chances of a block of query rows `[rows, keys]`, before dropout.
    fn chances(self, block: View<'a>, keys: View<'a>, rows: usize, len: usize) -> Vec<f32> {
        let scale = 1.0 / (self.size() as f32).sqrt();
        let mut scores = vec![0.0; rows * len];
        multiply(&mut scores, block, keys.transposed(), false, false);
        vectorized(|| {
            for row in scores.chunks_exact_mut(len) {
                softmax(row, scale);
            }
        });
        scores
    }
}

#[inline(always)]
fn softmax(row: &mut [f32], scale: f32) {
    let mut lanes = [f32::MIN; 16];
    let (chunks, rest) = row.as_chunks::<16>();
    for chunk in chunks {
        lanes.iter_mut().zip(chunk).for_each(|(lane, value)| *lane = if *value > *lane { *value } else { *lane });
    }
    let most = lanes.iter().chain(rest).fold(f32::MIN, |most, value| most.max(*value)) * scale;
    for value in row.iter_mut() {
        *value = vector::exp(*value * scale - most);
    }
    let total = 1.0 / super::cpu::sum(row);
    for value in row.iter_mut() {
        *value *= total;
    }
}

fn blocks(len: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..len).step_by(BLOCK).map(move |first| (first, BLOCK.min(len - first)))
}

/// What each token takes from the tokens of its text, `[tokens, hidden]`.
pub fn forward(parts: Heads, spans: &[Span], dropout: Option<&AttentionDropout>) -> Vec<f32> {
    let size = parts.size();
    let tasks: Vec<(usize, usize)> =
        (0..spans.len()).flat_map(|text| (0..parts.heads).map(move |head| (text, head))).collect();
    let found: Vec<Vec<f32>> = tasks
        .par_iter()
        .map(|&(text, head)| {
            let span = spans[text];
            let (query, key, value) = (
                parts.view(parts.query, span, head),
                parts.view(parts.key, span, head),
                parts.view(parts.value, span, head),
            );
            let mut context = vec![0.0; span.len * size];
            for (first, rows) in blocks(span.len) {
                let mut chances = parts.chances(query.rows(first, rows), key, rows, span.len);
                drop(dropout, &mut chances, span, head, first);
                let into = &mut context[first * size..(first + rows) * size];
                multiply(into, View::new(&chances, span.len), value, false, false);
            }
            context
        })
        .collect();
    side_by_side(parts, spans, |text, head| &found[text * parts.heads + head])
}

fn drop(dropout: Option<&AttentionDropout>, chances: &mut [f32], span: Span, head: usize, first: usize) {
    if let Some(dropout) = dropout {
        let draw = Drop::new(dropout.chance);
        vectorized(|| {
            for (row, chances) in chances.chunks_exact_mut(span.len).enumerate() {
                draw.row(chances, dropout.key(span.start + first + row, head));
            }
        });
    }
}

/// Gradients of queries, keys and values from that of the context.
pub fn backward(
    parts: Heads,
    context: &[f32],
    dcontext: &[f32],
    spans: &[Span],
    dropout: Option<&AttentionDropout>,
) -> [Vec<f32>; 3] {
    let size = parts.size();
    let scale = 1.0 / (size as f32).sqrt();
    let tasks: Vec<(usize, usize)> =
        (0..spans.len()).flat_map(|text| (0..parts.heads).map(move |head| (text, head))).collect();
    let found: Vec<[Vec<f32>; 3]> = tasks
        .par_iter()
        .map(|&(text, head)| {
            let span = spans[text];
            let view = |values| parts.view(values, span, head);
            let (query, key, value) = (view(parts.query), view(parts.key), view(parts.value));
            let (context, dcontext) = (view(context), view(dcontext));
            let [mut dquery, mut dkey, mut dvalue] = [(); 3].map(|()| vec![0.0; span.len * size]);
            for (first, rows) in blocks(span.len) {
                let block = query.rows(first, rows);
                let above = dcontext.rows(first, rows);
                let chances = parts.chances(block, key, rows, span.len);
                let mut dchances = vec![0.0; rows * span.len];
                multiply(&mut dchances, above, value.transposed(), false, false);
                match dropout {
                    Some(_) => {
                        let mut kept = chances.clone();
                        drop(dropout, &mut kept, span, head, first);
                        drop(dropout, &mut dchances, span, head, first);
                        multiply(&mut dvalue, View::new(&kept, span.len).transposed(), above, true, false);
                    }
                    None => multiply(&mut dvalue, View::new(&chances, span.len).transposed(), above, true, false),
                }
                vectorized(|| {
                    let pairs = dchances.chunks_exact_mut(span.len).zip(chances.chunks_exact(span.len));
                    for (row, (dscores, chances)) in pairs.enumerate() {
                        // Σ_j P_ij dP_ij, by the product of context and its gradient (Dao et al. 2022).
                        let level = dot(context.row(first + row), above.row(row));
                        for (dscore, chance) in dscores.iter_mut().zip(chances) {
                            *dscore = chance * (*dscore - level) * scale;
                        }
                    }
                });
                let dscores = View::new(&dchances, span.len);
                multiply(&mut dquery[first * size..(first + rows) * size], dscores, key, false, false);
                multiply(&mut dkey, dscores.transposed(), block, true, false);
            }
            [dquery, dkey, dvalue]
        })
        .collect();
    [0, 1, 2].map(|part| side_by_side(parts, spans, |text, head| &found[text * parts.heads + head][part]))
}

/// Heads of texts, each `[tokens, size]`, into `[tokens, hidden]`. Rows of no text are 0.
fn side_by_side<'a>(parts: Heads, spans: &[Span], head_of: impl Fn(usize, usize) -> &'a Vec<f32> + Sync) -> Vec<f32> {
    let size = parts.size();
    let mut joined = vec![0.0; parts.query.len()];
    let mut rest = joined.as_mut_slice();
    let mut places = Vec::with_capacity(spans.len());
    let mut taken = 0;
    for span in spans {
        let (_, from_start) = rest.split_at_mut((span.start - taken) * parts.hidden);
        let (mine, after) = from_start.split_at_mut(span.len * parts.hidden);
        places.push(mine);
        rest = after;
        taken = span.start + span.len;
    }
    places.into_par_iter().enumerate().for_each(|(text, rows)| {
        for head in 0..parts.heads {
            let values = head_of(text, head);
            for (row, values) in rows.chunks_exact_mut(parts.hidden).zip(values.chunks_exact(size)) {
                row[head * size..(head + 1) * size].copy_from_slice(values);
            }
        }
    });
    joined
}
