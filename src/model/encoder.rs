//! BERT and XLM-RoBERTa encoders: token ids in, one vector a token out, and the gradients back.
//!
//! There is no graph: a forward pass keeps what the backward pass needs, as little as it is asked to, and the rest is
//! computed again (Chen et al. 2016, "Training deep nets with sublinear memory cost").

use burn::module::Module;
use burn::tensor::Tensor;

use super::ModelError;
use super::config::EncoderConfig;
use super::gradients::Gradients;
use super::layers::{Embedding, LayerNorm, Linear, Loader};
use super::ops::{self, AttentionDropout, RowKeys};
use super::texts::TokenTensors;
use crate::compute::drawing;

/// A transformer encoder with post-layer normalisation (Devlin et al. 2019; Conneau et al. 2020).
#[derive(Module, Debug)]
pub struct Encoder {
    pub embeddings: Embeddings,
    pub layers: Vec<Layer>,
}

#[derive(Module, Debug)]
pub struct Embeddings {
    pub word: Embedding,
    pub position: Embedding,
    pub token_type: Embedding,
    pub norm: LayerNorm,
    #[module(skip)]
    pub padding_id: usize,
    #[module(skip)]
    pub counts_from_padding: bool,
}

#[derive(Module, Debug)]
pub struct Layer {
    pub query: Linear,
    pub key: Linear,
    pub value: Linear,
    pub attention_output: Linear,
    pub attention_norm: LayerNorm,
    pub intermediate: Linear,
    pub output: Linear,
    pub output_norm: LayerNorm,
    #[module(skip)]
    pub heads: usize,
}

/// Which values a forward pass drops. The same key drops the same values again.
#[derive(Clone, Copy, Debug)]
pub struct Dropout {
    pub hidden: f64,
    pub attention: f64,
    pub key: u64,
}

impl Dropout {
    fn of_layer(self, layer: usize) -> Self {
        Self { key: mix(self.key, layer as u64), ..self }
    }

    fn rows(self, place: u64, tokens: &TokenTensors) -> RowKeys {
        tokens.row_keys(mix(self.key, place))
    }
}

/// Places of a layer that drop values.
const ATTENTION: u64 = 0;
const ATTENDED: u64 = 1;
const OUTPUT: u64 = 2;
/// The first of the layer's linear maps, whose low-rank changes drop values of their own.
const LORA: u64 = 3;
/// The embeddings' place, beside the layers.
const EMBEDDINGS: u64 = u64::MAX;

/// One number from two, far apart for neighbours (the finaliser of SplitMix64, Steele et al. 2014).
pub fn mix(key: u64, value: u64) -> u64 {
    let mut z = key ^ value.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// How much a forward pass keeps for its backward pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// Nothing: there will be none.
    Nothing,
    /// The input of every layer; the layer is run again.
    Inputs,
    /// All that the gradients are made of, but for what is cheap to compute again.
    All,
}

/// What a forward pass kept.
pub struct Trace {
    dropout: Option<Dropout>,
    /// The layer from which on something is trained, and what each from there on kept.
    first: usize,
    layers: Vec<LayerTrace>,
}

struct LayerTrace {
    input: Tensor<2>,
    inner: Option<LayerInner>,
}

/// What a layer computes on its way, all `[tokens, ...]`.
struct LayerInner {
    query: Tensor<2>,
    key: Tensor<2>,
    value: Tensor<2>,
    context: Tensor<2>,
    /// Before the first normalisation.
    attended: Tensor<2>,
    /// Before the activation.
    intermediate: Tensor<2>,
    /// Before the second normalisation.
    output: Tensor<2>,
}

impl Encoder {
    pub fn load(config: &EncoderConfig, loader: &mut Loader) -> Result<Self, ModelError> {
        Ok(Self {
            embeddings: Embeddings::load(config, loader)?,
            layers: (0..config.num_hidden_layers)
                .map(|index| Layer::load(config, index, loader))
                .collect::<Result<_, _>>()?,
        })
    }

    /// Hidden states `[tokens, hidden]` of the last layer.
    pub fn forward(&self, tokens: &TokenTensors) -> Tensor<2> {
        self.below(self.layers.len(), tokens, None)
    }

    /// The input of the layer `first`, `[tokens, hidden]`.
    pub fn below(&self, first: usize, tokens: &TokenTensors, dropout: Option<Dropout>) -> Tensor<2> {
        let embedded = self.embeddings.forward(tokens, dropout);
        self.layers[..first].iter().enumerate().fold(embedded, |hidden, (index, layer)| {
            drawing::make_way(&hidden.device());
            layer.forward(&hidden, tokens, dropout.map(|dropout| dropout.of_layer(index))).0
        })
    }

    /// Hidden states of the last layer from the input of the layer `first`, and what [`backward`](Self::backward)
    /// needs to reach the layers from there on; 0 reaches the embeddings, too.
    pub fn forward_from(
        &self,
        first: usize,
        mut hidden: Tensor<2>,
        tokens: &TokenTensors,
        dropout: Option<Dropout>,
        keep: Keep,
    ) -> (Tensor<2>, Trace) {
        let mut layers = Vec::new();
        for (index, layer) in self.layers.iter().enumerate().skip(first) {
            drawing::make_way(&hidden.device());
            let (output, inner) = layer.forward(&hidden, tokens, dropout.map(|dropout| dropout.of_layer(index)));
            if keep != Keep::Nothing {
                layers.push(LayerTrace { input: hidden, inner: (keep == Keep::All).then_some(inner) });
            }
            hidden = output;
        }
        (hidden, Trace { dropout, first, layers })
    }

    /// Adds the gradients of all parameters that `gradients` wants, from that of the hidden states.
    pub fn backward(&self, trace: Trace, tokens: &TokenTensors, dhidden: Tensor<2>, gradients: &mut Gradients) {
        let Trace { dropout, first, layers } = trace;
        let mut above = dhidden;
        for (offset, LayerTrace { input, inner }) in layers.into_iter().enumerate().rev() {
            drawing::make_way(&above.device());
            let index = first + offset;
            let layer = &self.layers[index];
            let dropout = dropout.map(|dropout| dropout.of_layer(index));
            let inner = inner.unwrap_or_else(|| layer.forward(&input, tokens, dropout).1);
            above = layer.backward(&input, inner, above, tokens, dropout, gradients);
        }
        if first == 0 {
            self.embeddings.backward(tokens, dropout, above, gradients);
        }
    }
}

impl Embeddings {
    fn load(config: &EncoderConfig, loader: &mut Loader) -> Result<Self, ModelError> {
        let size = config.hidden_size;
        Ok(Self {
            word: loader.embedding("embeddings.word_embeddings", config.vocab_size, size)?,
            position: loader.embedding("embeddings.position_embeddings", config.max_position_embeddings, size)?,
            token_type: loader.embedding("embeddings.token_type_embeddings", config.type_vocab_size, size)?,
            norm: loader.layer_norm("embeddings.LayerNorm", size, config.layer_norm_eps)?,
            padding_id: config.padding_id(),
            counts_from_padding: config.counts_from_padding(),
        })
    }

    /// Sum of word, position and token type embeddings, `[tokens, hidden]`.
    fn sum(&self, tokens: &TokenTensors) -> Tensor<2> {
        let like = self.norm.weight.val();
        let words = self.word.forward(&tokens.ids(), &like);
        let positions = self.position.forward(&tokens.positions(), &like);
        let types = self.token_type.forward(&tokens.types(), &like);
        ops::add(ops::add(words, &positions), &types)
    }

    /// Their normalised sum.
    fn forward(&self, tokens: &TokenTensors, dropout: Option<Dropout>) -> Tensor<2> {
        drop_hidden(self.norm.forward(&self.sum(tokens)), dropout, EMBEDDINGS, tokens)
    }

    fn backward(&self, tokens: &TokenTensors, dropout: Option<Dropout>, above: Tensor<2>, gradients: &mut Gradients) {
        let parameters = [&self.word.weight, &self.position.weight, &self.token_type.weight].map(|table| table.id);
        if !gradients.wants_any(&parameters) && !gradients.wants_any(&[self.norm.weight.id, self.norm.bias.id]) {
            return;
        }
        let above = drop_hidden(above, dropout, EMBEDDINGS, tokens);
        let dsum = self.norm.backward(&self.sum(tokens), above, gradients);
        self.token_type.backward(&tokens.types(), dsum.clone(), gradients);
        // PyTorch's `padding_idx`: of the words always, of RoBERTa's positions as well.
        let trained = match tokens.trained(self.padding_id) {
            Some(trained) => dsum.clone() * trained.cast(dsum.dtype()),
            None => dsum.clone(),
        };
        let positions = if self.counts_from_padding { trained.clone() } else { dsum };
        self.position.backward(&tokens.positions(), positions, gradients);
        self.word.backward(&tokens.ids(), trained, gradients);
    }
}

/// Dropout of hidden states or of their gradients, which lose the same values.
fn drop_hidden(x: Tensor<2>, dropout: Option<Dropout>, place: u64, tokens: &TokenTensors) -> Tensor<2> {
    match dropout {
        Some(dropout) if dropout.hidden > 0.0 => ops::dropout(x, &dropout.rows(place, tokens), dropout.hidden),
        _ => x,
    }
}

impl Layer {
    /// The layer's linear maps, each with its name in a weight file.
    pub fn linears_mut(&mut self) -> [(&'static str, &mut Linear); 6] {
        [
            ("attention.self.query", &mut self.query),
            ("attention.self.key", &mut self.key),
            ("attention.self.value", &mut self.value),
            ("attention.output.dense", &mut self.attention_output),
            ("intermediate.dense", &mut self.intermediate),
            ("output.dense", &mut self.output),
        ]
    }

    fn load(config: &EncoderConfig, index: usize, loader: &mut Loader) -> Result<Self, ModelError> {
        let (size, inner, eps) = (config.hidden_size, config.intermediate_size, config.layer_norm_eps);
        let name = |part: &str| format!("encoder.layer.{index}.{part}");
        Ok(Self {
            query: loader.linear(&name("attention.self.query"), size, size)?,
            key: loader.linear(&name("attention.self.key"), size, size)?,
            value: loader.linear(&name("attention.self.value"), size, size)?,
            attention_output: loader.linear(&name("attention.output.dense"), size, size)?,
            attention_norm: loader.layer_norm(&name("attention.output.LayerNorm"), size, eps)?,
            intermediate: loader.linear(&name("intermediate.dense"), size, inner)?,
            output: loader.linear(&name("output.dense"), inner, size)?,
            output_norm: loader.layer_norm(&name("output.LayerNorm"), size, eps)?,
            heads: config.num_attention_heads,
        })
    }

    /// `[tokens, hidden]` to the same, and what was computed on the way.
    fn forward(&self, x: &Tensor<2>, tokens: &TokenTensors, dropout: Option<Dropout>) -> (Tensor<2>, LayerInner) {
        let [query, key, value] = [(&self.query, 0), (&self.key, 1), (&self.value, 2)]
            .map(|(linear, place)| linear.forward(x, lora_rows(linear, dropout, place, tokens).as_ref()));
        let rows = attention_rows(dropout, tokens);
        let drawn = rows.as_ref().map(|(chance, rows)| AttentionDropout { chance: *chance, rows });
        let context = ops::attention([&query, &key, &value], self.heads, &tokens.grouping, drawn.as_ref());
        let attended =
            self.attention_output.forward(&context, lora_rows(&self.attention_output, dropout, 3, tokens).as_ref());
        let attended = ops::add(drop_hidden(attended, dropout, ATTENDED, tokens), x);
        let normed = self.attention_norm.forward(&attended);
        let intermediate =
            self.intermediate.forward(&normed, lora_rows(&self.intermediate, dropout, 4, tokens).as_ref());
        let active = ops::gelu(&intermediate);
        let output = self.output.forward(&active, lora_rows(&self.output, dropout, 5, tokens).as_ref());
        let output = ops::add(drop_hidden(output, dropout, OUTPUT, tokens), &normed);
        let y = self.output_norm.forward(&output);
        (y, LayerInner { query, key, value, context, attended, intermediate, output })
    }

    /// The gradient of the input `x`; those of the parameters go to `gradients`.
    fn backward(
        &self,
        x: &Tensor<2>,
        inner: LayerInner,
        dy: Tensor<2>,
        tokens: &TokenTensors,
        dropout: Option<Dropout>,
        gradients: &mut Gradients,
    ) -> Tensor<2> {
        let LayerInner { query, key, value, context, attended, intermediate, output } = inner;
        let doutput = self.output_norm.backward(&output, dy, gradients);
        drop(output);
        let dinner = drop_hidden(doutput.clone(), dropout, OUTPUT, tokens);
        let rows = lora_rows(&self.output, dropout, 5, tokens);
        let dactive = self.output.backward(&ops::gelu(&intermediate), &dinner, rows.as_ref(), gradients, None);
        let dintermediate = ops::gelu_backward(&intermediate, dactive);
        drop(intermediate);
        let normed = self.attention_norm.forward(&attended);
        let rows = lora_rows(&self.intermediate, dropout, 4, tokens);
        let dnormed = self.intermediate.backward(&normed, &dintermediate, rows.as_ref(), gradients, Some(doutput));
        let dattended = self.attention_norm.backward(&attended, dnormed, gradients);
        drop(attended);
        let dinner = drop_hidden(dattended.clone(), dropout, ATTENDED, tokens);
        let rows = lora_rows(&self.attention_output, dropout, 3, tokens);
        let dcontext = self.attention_output.backward(&context, &dinner, rows.as_ref(), gradients, None);
        let rows = attention_rows(dropout, tokens);
        let drawn = rows.as_ref().map(|(chance, rows)| AttentionDropout { chance: *chance, rows });
        let parts = [&query, &key, &value];
        let dparts = ops::attention_backward(parts, &context, dcontext, self.heads, &tokens.grouping, drawn.as_ref());
        [&self.query, &self.key, &self.value].into_iter().zip(&dparts).enumerate().fold(
            dattended,
            |sum, (place, (linear, dy))| {
                let rows = lora_rows(linear, dropout, place as u64, tokens);
                linear.backward(x, dy, rows.as_ref(), gradients, Some(sum))
            },
        )
    }
}

/// What attention's dropout draws with, and its chance.
fn attention_rows(dropout: Option<Dropout>, tokens: &TokenTensors) -> Option<(f64, RowKeys)> {
    let dropout = dropout.filter(|dropout| dropout.attention > 0.0)?;
    Some((dropout.attention, dropout.rows(ATTENTION, tokens)))
}

/// What the dropout of a linear map's low-rank change draws with.
fn lora_rows(linear: &Linear, dropout: Option<Dropout>, place: u64, tokens: &TokenTensors) -> Option<RowKeys> {
    linear.lora.as_ref().filter(|lora| lora.dropout > 0.0)?;
    Some(dropout?.rows(LORA + place, tokens))
}
