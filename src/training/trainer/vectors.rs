//! The vectors of a micro-batch's texts: from hidden states, into scores, and the gradients back.

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{Gradients as Graph, Int, Tensor, TensorData};

use super::pieces::{Piece, Side};
use super::{Pass, TrainedModel, Trainer};
use crate::model::gradients::Gradients;
use crate::model::heads::{Heads, normalized, pool};
use crate::training::batches::TokenizedBatch;
use crate::training::scores;

/// Vectors of some texts, or the gradients of such vectors.
#[derive(Clone)]
pub struct TextVectors {
    /// `[texts, hidden]`.
    pub dense: Tensor<2>,
    pub heads: Option<HeadVectors>,
}

#[derive(Clone)]
pub struct HeadVectors {
    /// `[texts, tokens]`: weights by place.
    pub sparse: Tensor<2>,
    /// `[texts, tokens - 1, size]`.
    pub colbert: Tensor<3>,
}

/// Vectors that the losses' graph begins at.
pub struct Leaves {
    dense: Tensor<2>,
    sparse: Option<Tensor<2>>,
}

/// ColBERT scores, whose gradients are our own, at which the losses' graph begins; none without heads.
pub struct ColbertScores(Option<(scores::Colbert, Tensor<2>, Tensor<2>)>);

impl Leaves {
    pub fn of(vectors: &TextVectors) -> Self {
        Self {
            dense: leaf(vectors.dense.clone()),
            sparse: vectors.heads.as_ref().map(|heads| leaf(heads.sparse.clone())),
        }
    }

    pub fn dense(&self) -> Tensor<2> {
        self.dense.clone()
    }

    pub fn sparse(&self) -> Option<Tensor<2>> {
        self.sparse.clone()
    }
}

fn leaf<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    Tensor::from_inner(x).require_grad()
}

/// A leaf's gradient; 0 where the loss does not depend on it.
fn gradient<const D: usize>(leaf: &Tensor<D>, graph: &mut Graph) -> Tensor<D> {
    leaf.grad_remove(graph).unwrap_or_else(|| leaf.clone().inner().zeros_like())
}

impl ColbertScores {
    /// `counts` `[queries, 1]`: the query's tokens that have a vector.
    pub fn of(sides: &[TextVectors; 2], counts: Tensor<2>) -> Self {
        let [Some(queries), Some(passages)] = sides.each_ref().map(|side| side.heads.as_ref()) else {
            return Self(None);
        };
        let found = scores::colbert(&queries.colbert, &passages.colbert, &counts);
        let start = leaf(found.scores.clone());
        Self(Some((found, start, counts)))
    }

    /// `[queries, passages]`.
    pub fn scores(&self) -> Option<Tensor<2>> {
        self.0.as_ref().map(|(_, start, _)| start.clone())
    }

    /// Gradients of both sides' vectors, after the losses' backward pass.
    pub fn gradients(self, leaves: [Leaves; 2], sides: &[TextVectors; 2], graph: &mut Graph) -> [TextVectors; 2] {
        let [queries, passages] = sides.each_ref().map(|side| side.heads.as_ref());
        let mut colbert = [None, None];
        if let (Some((found, start, counts)), Some(queries), Some(passages)) = (self.0, queries, passages) {
            let dscores = gradient(&start, graph);
            let (dqueries, dpassages) =
                scores::colbert_backward(&queries.colbert, &passages.colbert, &counts, &found, dscores);
            colbert = [Some(dqueries), Some(dpassages)];
        }
        let mut colbert = colbert.into_iter();
        leaves.map(|Leaves { dense, sparse }| TextVectors {
            dense: gradient(&dense, graph),
            heads: sparse
                .zip(colbert.next().flatten())
                .map(|(sparse, colbert)| HeadVectors { sparse: gradient(&sparse, graph), colbert }),
        })
    }
}

impl TextVectors {
    /// Those of a piece's texts, no longer than the piece.
    pub fn of(&self, piece: &Piece) -> Self {
        let longest = piece.tokens.longest;
        if piece.whole {
            return self.clone();
        }
        let texts = indices(&piece.texts, &self.dense);
        Self {
            dense: self.dense.clone().select(0, texts.clone()),
            heads: self.heads.as_ref().map(|heads| HeadVectors {
                sparse: heads.sparse.clone().select(0, texts.clone()).narrow(1, 0, longest),
                colbert: heads.colbert.clone().select(0, texts).narrow(1, 0, longest - 1),
            }),
        }
    }
}

fn indices(places: &[usize], like: &Tensor<2>) -> Tensor<1, Int> {
    let places: Vec<i64> = places.iter().map(|place| *place as i64).collect();
    let count = places.len();
    Tensor::from_data(TensorData::new(places, [count]), &like.device())
}

/// `[texts, tokens, ..]` to so many tokens, the further ones 0.
fn lengthened<const D: usize>(x: Tensor<D>, tokens: usize) -> Tensor<D> {
    let mut shape = x.dims();
    if shape[1] == tokens {
        return x;
    }
    shape[1] = tokens - shape[1];
    let further = Tensor::zeros(shape, &x.device());
    Tensor::cat(vec![x, further], 1)
}

impl Trainer {
    /// Vectors from hidden states `[texts, longest, hidden]`; with a graph where these have one.
    pub(super) fn head_vectors(&self, heads: Option<&Heads>, hidden: Tensor<3>, mask: Tensor<2>) -> TextVectors {
        let normalize = self.config.normalize_embeddings;
        let pooled = pool(hidden.clone(), mask.clone(), self.folder.pooling());
        TextVectors {
            dense: if normalize { normalized(pooled) } else { pooled },
            heads: heads.map(|heads| HeadVectors {
                sparse: heads.token_weights(hidden.clone()),
                colbert: heads.colbert_vectors(hidden, mask, normalize),
            }),
        }
    }

    /// All vectors of both sides, in the texts' order and of the batch's length.
    pub(super) fn sides(&self, batch: &TokenizedBatch, passes: &[Pass]) -> [TextVectors; 2] {
        [(Side::Query, &batch.queries), (Side::Passage, &batch.passages)].map(|(side, texts)| {
            let passes: Vec<&Pass> = passes.iter().filter(|pass| pass.piece.side == side).collect();
            if let [Pass { piece, vectors, .. }] = passes[..]
                && piece.whole
            {
                return vectors.of(piece);
            }
            let mut order = vec![0; texts.rows];
            let places = passes.iter().flat_map(|pass| &pass.piece.texts);
            places.enumerate().for_each(|(now, &place)| order[place] = now);
            let dense = Tensor::cat(passes.iter().map(|pass| pass.vectors.dense.clone()).collect(), 0);
            let order = indices(&order, &dense);
            let heads: Option<Vec<&HeadVectors>> = passes.iter().map(|pass| pass.vectors.heads.as_ref()).collect();
            TextVectors {
                dense: dense.select(0, order.clone()),
                heads: heads.map(|heads| {
                    let sparse = heads.iter().map(|heads| lengthened(heads.sparse.clone(), texts.length));
                    let colbert = heads.iter().map(|heads| lengthened(heads.colbert.clone(), texts.length - 1));
                    HeadVectors {
                        sparse: Tensor::cat(sparse.collect(), 0).select(0, order.clone()),
                        colbert: Tensor::cat(colbert.collect(), 0).select(0, order),
                    }
                }),
            }
        })
    }

    /// The hidden states' gradient from that of the vectors; the heads' own go to `gradients`.
    pub(super) fn heads_backward(
        &self,
        model: &TrainedModel,
        piece: &Piece,
        hidden: Tensor<3>,
        above: TextVectors,
        gradients: &mut Gradients,
    ) -> Tensor<3> {
        let hidden = leaf(hidden);
        let heads = model.heads.clone().map(|heads| heads.map(&mut Track));
        let vectors = self.head_vectors(heads.as_ref(), hidden.clone(), Tensor::from_inner(piece.tokens.mask.clone()));
        // A sum whose gradient with respect to the vectors is the one that is known.
        let mut sum = (vectors.dense * Tensor::from_inner(above.dense)).sum();
        if let (Some(vectors), Some(above)) = (vectors.heads, above.heads) {
            sum = sum + (vectors.sparse * Tensor::from_inner(above.sparse)).sum();
            sum = sum + (vectors.colbert * Tensor::from_inner(above.colbert)).sum();
        }
        let mut graph = sum.backward();
        for linear in heads.iter().flat_map(|heads| [&heads.sparse, &heads.colbert]) {
            if let Some(gradient) = linear.weight.val().grad(&graph) {
                gradients.add(linear.weight.id, gradient);
            }
            if let Some(gradient) = linear.bias.val().grad(&graph) {
                gradients.add(linear.bias.id, gradient);
            }
        }
        gradient(&hidden, &mut graph)
    }
}

/// Puts parameters on the device that keeps a graph.
struct Track;

impl ModuleMapper for Track {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let (id, value, mapper) = param.consume();
        Param::from_mapped_value(id, leaf(value), mapper)
    }
}
