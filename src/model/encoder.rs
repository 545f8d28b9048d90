//! BERT and XLM-RoBERTa encoders: token ids in, one vector a token out.

use burn::module::Module;
use burn::tensor::ops::AttentionModuleOptions;
use burn::tensor::{Bool, Device, Distribution, Int, Tensor, TensorData, activation, module};

use super::ModelError;
use super::config::EncoderConfig;
use super::layers::{Embedding, LayerNorm, Linear, Loader};
use super::tokenizer::TokenBatch;

/// Added to the attention scores of padding. Far below any score, and within reach of 16-bit floats.
const MASKED: f64 = -3e4;

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
    /// Inverted dropout: kept values are scaled by `1 / (1 - chance)`. `place` numbers the use within the pass.
    fn apply<const D: usize>(&self, x: Tensor<D>, chance: f64, place: u64) -> Tensor<D> {
        if chance == 0.0 {
            return x;
        }
        let device = x.device();
        device.seed(mix(self.key, place));
        let kept = Tensor::<D>::random(x.dims(), Distribution::Bernoulli(1.0 - chance), (&device, x.dtype()));
        x * kept.div_scalar(1.0 - chance)
    }
}

/// One number from two, far apart for neighbours (the finaliser of SplitMix64, Steele et al. 2014).
pub fn mix(key: u64, value: u64) -> u64 {
    let mut z = key ^ value.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// A batch on a device.
#[derive(Clone, Debug)]
pub struct TokenTensors {
    /// `[batch, seq]`.
    pub ids: Tensor<2, Int>,
    /// `[batch, seq]`; 1 for the text's tokens, 0 for padding.
    pub mask: Tensor<2>,
    /// `[batch, 1, 1, seq]`, true for padding; none if nothing is padded.
    pub padding: Option<Tensor<4, Bool>>,
    /// `[batch, seq]`: rows of the position table.
    positions: Tensor<2, Int>,
    /// `[batch, seq]`: rows of the token type table; none if all are of type 0.
    types: Option<Tensor<2, Int>>,
    /// `[batch, seq, 1]`: 0 where the text itself holds the padding token, which has no gradient.
    trained: Option<Tensor<3>>,
}

impl TokenTensors {
    pub fn new(batch: &TokenBatch, embeddings: &Embeddings, device: &Device) -> Self {
        let shape = [batch.rows, batch.length];
        let padding_id = embeddings.padding_id as u32;
        let ids: Vec<i64> = batch.ids.iter().map(|&id| i64::from(id)).collect();
        let mask: Vec<f32> = batch.mask.iter().map(|&kept| f32::from(u8::from(kept))).collect();
        let mut positions = Vec::with_capacity(ids.len());
        for row in batch.ids.chunks(batch.length.max(1)) {
            let mut count = 0;
            positions.extend(row.iter().enumerate().map(|(place, &id)| {
                if !embeddings.counts_from_padding {
                    return place as i64;
                }
                // RoBERTa counts the tokens that are not padding, by id.
                count += i64::from(id != padding_id);
                if id == padding_id { i64::from(padding_id) } else { count + i64::from(padding_id) }
            }));
        }
        let padding = batch.mask.contains(&false).then(|| {
            let padded: Vec<bool> = batch.mask.iter().map(|kept| !kept).collect();
            Tensor::from_data(TensorData::new(padded, [batch.rows, 1, 1, batch.length]), device)
        });
        let spelled_out = batch.ids.iter().zip(&batch.mask).any(|(&id, &kept)| kept && id == padding_id);
        let trained = spelled_out.then(|| {
            let trained: Vec<f32> = batch.ids.iter().map(|&id| f32::from(u8::from(id != padding_id))).collect();
            Tensor::from_data(TensorData::new(trained, [batch.rows, batch.length, 1]), device)
        });
        Self {
            ids: Tensor::from_data(TensorData::new(ids, shape), device),
            mask: Tensor::from_data(TensorData::new(mask, shape), device),
            padding,
            positions: Tensor::from_data(TensorData::new(positions, shape), device),
            types: None,
            trained,
        }
    }

    /// The same batch with token types, `[batch, seq]` row by row.
    pub fn with_types(self, types: &[u32]) -> Self {
        let values: Vec<i64> = types.iter().map(|&kind| i64::from(kind)).collect();
        let types = Tensor::from_data(TensorData::new(values, self.ids.dims()), &self.ids.device());
        Self { types: Some(types), ..self }
    }
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

    /// Hidden states `[batch, seq, hidden]` of the last layer.
    pub fn forward(&self, tokens: &TokenTensors, dropout: Option<Dropout>) -> Tensor<3> {
        let embedded = self.embeddings.forward(tokens, dropout);
        self.forward_layers(0, embedded, tokens, dropout)
    }

    /// The layers from `first` on.
    pub fn forward_layers(
        &self,
        first: usize,
        hidden: Tensor<3>,
        tokens: &TokenTensors,
        dropout: Option<Dropout>,
    ) -> Tensor<3> {
        self.layers[first..].iter().enumerate().fold(hidden, |hidden, (index, layer)| {
            let dropout = dropout.map(|dropout| Dropout { key: mix(dropout.key, (first + index) as u64), ..dropout });
            layer.forward(hidden, tokens.padding.clone(), dropout)
        })
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

    /// Normalised sum of word, position and token type embeddings, `[batch, seq, hidden]`.
    pub fn forward(&self, tokens: &TokenTensors, dropout: Option<Dropout>) -> Tensor<3> {
        let mut embedded = self.word.forward(tokens.ids.clone()) + self.position.forward(tokens.positions.clone());
        if let Some(trained) = &tokens.trained {
            let still = embedded.clone().detach();
            embedded = still.clone() + (embedded - still) * trained.clone();
        }
        let types = match &tokens.types {
            Some(types) => self.token_type.forward(types.clone()),
            None => self.token_type.weight.val().narrow(0, 0, 1).unsqueeze::<3>(),
        };
        let normed = self.norm.forward(embedded + types);
        match dropout {
            Some(dropout) => dropout.apply(normed, dropout.hidden, u64::MAX),
            None => normed,
        }
    }
}

impl Layer {
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

    /// `[batch, seq, hidden]` to the same; `padding` `[batch, 1, 1, seq]`.
    pub fn forward(&self, x: Tensor<3>, padding: Option<Tensor<4, Bool>>, dropout: Option<Dropout>) -> Tensor<3> {
        let drop_hidden = |x: Tensor<3>, place| match dropout {
            Some(dropout) => dropout.apply(x, dropout.hidden, place),
            None => x,
        };
        let context = self.attend(x.clone(), padding, dropout);
        let attended = drop_hidden(self.attention_output.forward(context), 1);
        let x = self.attention_norm.forward(attended + x);
        let inner = gelu(self.intermediate.forward(x.clone()));
        let output = drop_hidden(self.output.forward(inner), 2);
        self.output_norm.forward(output + x)
    }

    fn attend(&self, x: Tensor<3>, padding: Option<Tensor<4, Bool>>, dropout: Option<Dropout>) -> Tensor<3> {
        let [batch, seq, hidden] = x.dims();
        let size = hidden / self.heads;
        // [batch, heads, seq, size]
        let split = |x: Tensor<3>| x.reshape([batch, seq, self.heads, size]).swap_dims(1, 2);
        let query = split(self.query.forward(x.clone()));
        let key = split(self.key.forward(x.clone()));
        let value = split(self.value.forward(x.clone()));
        let context = if x.is_autodiff() {
            let scores = query.mul_scalar(1.0 / (size as f64).sqrt()).matmul(key.transpose());
            let scores = match padding {
                Some(padding) => scores.mask_fill(padding.expand([batch, self.heads, seq, seq]), MASKED),
                None => scores,
            };
            let chances = activation::softmax(scores, 3);
            let chances = match dropout {
                Some(dropout) => dropout.apply(chances, dropout.attention, 0),
                None => chances,
            };
            chances.matmul(value)
        } else {
            let padding = padding.map(|padding| padding.expand([batch, self.heads, seq, seq]));
            module::attention(query, key, value, padding, None, AttentionModuleOptions::default())
        };
        context.swap_dims(1, 2).reshape([batch, seq, hidden])
    }
}

/// `x · Φ(x)` (Hendrycks and Gimpel 2016).
///
/// burn differentiates its own gelu, off the CPU, as if it were the tanh approximation, which is wrong in the
/// fourth digit; so where a gradient is needed the function is spelled out.
fn gelu(x: Tensor<3>) -> Tensor<3> {
    if !x.is_autodiff() {
        return activation::gelu(x);
    }
    let chance = x.clone().div_scalar(std::f64::consts::SQRT_2).erf().add_scalar(1.0).mul_scalar(0.5);
    x * chance
}
