//! The texts of a micro-batch, in pieces that are encoded one at a time.

use std::cmp::Reverse;

use super::{TrainedModel, Trainer};
use crate::model::TokenBatch;
use crate::model::encoder::{Dropout, mix};
use crate::model::texts::TokenTensors;
use crate::training::batches::TokenizedBatch;

/// Which side of the scores a text stands on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Query,
    Passage,
}

impl Side {
    pub const ALL: [Self; 2] = [Self::Query, Self::Passage];
}

/// Some texts of one side.
pub struct Piece {
    pub side: Side,
    /// Their places in the side's batch.
    pub texts: Vec<usize>,
    /// Whether these are all texts of the side, in their order.
    pub whole: bool,
    pub tokens: TokenTensors,
    pub dropout: Option<Dropout>,
}

impl Trainer {
    /// All texts of the micro-batch: a piece a side, or `sub_batch_size` texts of like length at a time.
    pub(super) fn pieces(&self, model: &TrainedModel, batch: &TokenizedBatch) -> Vec<Piece> {
        let mut pieces = Vec::new();
        for (side, texts) in Side::ALL.into_iter().zip([&batch.queries, &batch.passages]) {
            let dropout = self.dropout(side);
            let tensors = |batch: &TokenBatch| TokenTensors::new(batch, &model.encoder.embeddings, &self.device);
            let size = self.config.sub_batch_size.unwrap_or(texts.rows).max(1);
            if size >= texts.rows {
                pieces.push(Piece {
                    side,
                    texts: (0..texts.rows).collect(),
                    whole: true,
                    tokens: tensors(texts),
                    dropout,
                });
                continue;
            }
            let mut order: Vec<usize> = (0..texts.rows).collect();
            // The longest first: too large a piece shows at once.
            order.sort_by_key(|&text| Reverse(texts.length_of(text)));
            for places in order.chunks(size) {
                let numbers = places.iter().map(|&place| place as u32).collect();
                let tokens = tensors(&texts.select(places)).with_numbers(numbers);
                pieces.push(Piece { side, texts: places.to_vec(), whole: false, tokens, dropout });
            }
        }
        pieces
    }

    fn dropout(&self, side: Side) -> Option<Dropout> {
        let config = self.folder.config();
        let dropout = Dropout {
            hidden: config.hidden_dropout_prob,
            attention: config.attention_probs_dropout_prob,
            key: mix(mix(self.config.seed, self.micro_batches), side as u64),
        };
        // A low-rank change drops values of its own, by its own chance.
        let lora = self.config.use_lora && self.config.lora_dropout > 0.0;
        let any = dropout.hidden > 0.0 || dropout.attention > 0.0 || lora;
        any.then_some(dropout)
    }

    /// What the frozen layers below the trained ones drop: a frozen encoder keeps its dropout, as FlagEmbedding's
    /// does; below trained top layers there is none.
    pub(super) fn dropout_below(&self, dropout: Option<Dropout>) -> Option<Dropout> {
        dropout.filter(|_| self.first_trained == 0 || self.config.fix_encoder)
    }
}
