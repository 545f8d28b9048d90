//! Every gradient against finite differences, and every operation on a graphics adapter against the processor's.

use burn::tensor::{Bool, Device, Tensor, TensorData};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::compute::{DeviceChoice, choose, run_apart};

fn random<const D: usize>(seed: u64, shape: [usize; D]) -> Tensor<D> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let values = (0..shape.iter().product()).map(|_| rng.random_range(-1.0f32..1.0)).collect();
    cpu::tensor(values, shape)
}

fn values<const D: usize>(tensor: &Tensor<D>) -> Vec<f32> {
    crate::model::read(tensor.clone()).unwrap()
}

fn sum_of_products<const D: usize>(left: &Tensor<D>, right: &Tensor<D>) -> f64 {
    values(left).iter().zip(values(right)).map(|(left, right)| f64::from(*left) * f64::from(right)).sum()
}

/// The slope of `f · weights` along a direction, by a step to either side.
fn slope<const D: usize, const E: usize>(
    f: impl Fn(Tensor<D>) -> Tensor<E>,
    at: &Tensor<D>,
    direction: &Tensor<D>,
    weights: &Tensor<E>,
) -> f64 {
    let step = 1e-2;
    let [above, below] =
        [step, -step].map(|step| sum_of_products(&f(at.clone() + direction.clone().mul_scalar(step)), weights));
    (above - below) / (2.0 * step)
}

fn close(found: f64, wanted: f64, what: &str) {
    assert!((found - wanted).abs() < 2e-3 * (1.0 + wanted.abs()), "{what}: {found}, by differences {wanted}");
}

const TEXTS: [usize; 3] = [5, 2, 7];
const HIDDEN: usize = 24;
const HEADS: usize = 3;

fn packed() -> Grouping {
    let mut start = 0;
    let spans = TEXTS.iter().map(|len| {
        start += len;
        Span { start: start - len, len: *len }
    });
    Grouping::Packed(spans.collect())
}

fn padded(device: &Device) -> Grouping {
    let longest = 7;
    let padding: Vec<bool> = TEXTS.iter().flat_map(|len| (0..longest).map(move |place| place >= *len)).collect();
    let padding = Tensor::<4, Bool>::from_data(TensorData::new(padding, [TEXTS.len(), 1, 1, longest]), device);
    Grouping::Padded { texts: TEXTS.len(), longest, padding: Some(Box::new(padding)) }
}

/// `[14, hidden]` of packed tokens to `[21, hidden]` with padding, or numbers of the tokens likewise.
fn spread<T: Copy + Default>(packed: &[T], width: usize) -> Vec<T> {
    let mut rest = packed;
    let mut all = Vec::new();
    for len in TEXTS {
        let (mine, others) = rest.split_at(len * width);
        all.extend_from_slice(mine);
        all.resize(all.len() + (7 - len) * width, T::default());
        rest = others;
    }
    all
}

fn keys() -> Vec<u32> {
    (0..14).map(|token| hash(token * 77 + 5)).collect()
}

#[test]
fn gradients_of_rows_are_their_differences() {
    let (x, dy) = (random(1, [9, HIDDEN]), random(2, [9, HIDDEN]));
    let along = random(3, [9, HIDDEN]);
    let found = gelu_backward(&x, dy.clone());
    close(sum_of_products(&found, &along), slope(|x| gelu(&x), &x, &along, &dy), "gelu");

    let (weight, bias) = (random(4, [HIDDEN]), random(5, [HIDDEN]));
    let found = layer_norm_backward(&x, &weight, 1e-5, dy.clone());
    let norm = |x: &Tensor<2>, weight: &Tensor<1>, bias: &Tensor<1>| layer_norm(x, weight, bias, 1e-5);
    close(sum_of_products(&found.input, &along), slope(|x| norm(&x, &weight, &bias), &x, &along, &dy), "norm");
    let along = random(6, [HIDDEN]);
    close(sum_of_products(&found.weight, &along), slope(|w| norm(&x, &w, &bias), &weight, &along, &dy), "weight");
    close(sum_of_products(&found.bias, &along), slope(|b| norm(&x, &weight, &b), &bias, &along, &dy), "bias");
}

#[test]
fn gradients_of_products_are_their_differences() {
    let (x, weight, bias) = (random(1, [9, 8]), random(2, [5, 8]), random(3, [5]));
    let dy = random(4, [9, 5]);
    let along = random(5, [9, 8]);
    let found = multiply(&dy, &weight, Some(x.clone())) - x.clone();
    close(sum_of_products(&found, &along), slope(|x| linear(&x, &weight, &bias), &x, &along, &dy), "input");
    let along = random(6, [5, 8]);
    let twice = outer(&dy, &x, Some(outer(&dy, &x, None))).reshape([5, 8]).div_scalar(2.0);
    close(sum_of_products(&twice, &along), slope(|w| linear(&x, &w, &bias), &weight, &along, &dy), "weight");
    let along = random(7, [5]);
    close(sum_of_products(&column_sums(&dy), &along), slope(|b| linear(&x, &weight, &b), &bias, &along, &dy), "bias");
}

#[test]
fn gradients_of_attention_are_their_differences_with_and_without_dropout() {
    let parts: [Tensor<2>; 3] = [1, 2, 3].map(|seed| random(seed, [14, HIDDEN]).mul_scalar(2.0));
    let dy = random(4, [14, HIDDEN]);
    let rows = RowKeys::new(keys(), Device::flex());
    for dropout in [None, Some(AttentionDropout { chance: 0.3, rows: &rows })] {
        let attend = |parts: [&Tensor<2>; 3]| attention(parts, HEADS, &packed(), dropout.as_ref());
        let [query, key, value] = &parts;
        let context = attend([query, key, value]);
        let found = attention_backward([query, key, value], &context, dy.clone(), HEADS, &packed(), dropout.as_ref());
        let along = random(5, [14, HIDDEN]);
        let wanted = [
            slope(|query| attend([&query, key, value]), query, &along, &dy),
            slope(|key| attend([query, &key, value]), key, &along, &dy),
            slope(|value| attend([query, key, &value]), value, &along, &dy),
        ];
        for (found, wanted) in found.iter().zip(wanted) {
            close(sum_of_products(found, &along), wanted, "attention");
        }
    }
}

#[test]
fn long_texts_are_attended_to_in_blocks() {
    let parts: [Tensor<2>; 3] = [1, 2, 3].map(|seed| random(seed, [300, 8]));
    let whole = Grouping::Packed(vec![Span { start: 0, len: 300 }]);
    let [query, key, value] = &parts;
    let found = values(&attention([query, key, value], 2, &whole, None));
    // By the definition, in 64 bits.
    let [query, key, value] = parts.each_ref().map(values);
    for (head, row) in [(0, 0), (1, 127), (0, 128), (1, 299)] {
        let at = |values: &[f32], row: usize, place: usize| f64::from(values[row * 8 + head * 4 + place]);
        let scores: Vec<f64> =
            (0..300).map(|other| (0..4).map(|i| at(&query, row, i) * at(&key, other, i)).sum::<f64>() / 2.0).collect();
        let total: f64 = scores.iter().map(|score| score.exp()).sum();
        for place in 0..4 {
            let wanted: f64 =
                scores.iter().enumerate().map(|(other, score)| score.exp() / total * at(&value, other, place)).sum();
            assert!((at(&found, row, place) - wanted).abs() < 1e-6);
        }
    }
}

#[test]
fn dropout_keeps_its_share_and_scales_it() {
    let rows = RowKeys::new((0..500).map(hash).collect(), Device::flex());
    let kept = values(&dropout(Tensor::ones([500, 100], &Device::flex()), &rows, 0.1));
    let dropped = kept.iter().filter(|value| **value == 0.0).count() as f64 / 50_000.0;
    assert!((dropped - 0.1).abs() < 0.005, "{dropped}");
    assert!(kept.iter().all(|value| *value == 0.0 || (value - 1.0 / 0.9).abs() < 1e-6));
}

fn adapter() -> Device {
    choose(DeviceChoice::Wgpu(None)).unwrap().open().unwrap()
}

fn near<const D: usize>(found: Tensor<D>, wanted: &[f32], what: &str) {
    let found = values(&found);
    assert_eq!(found.len(), wanted.len());
    for (place, (found, wanted)) in found.iter().zip(wanted).enumerate() {
        assert!((found - wanted).abs() < 2e-5, "{what} at {place}: {found}, on the processor {wanted}");
    }
}

#[test]
fn a_graphics_adapter_computes_what_the_processor_computes() {
    run_apart("model::ops::tests::on_a_graphics_adapter");
}

#[test]
#[ignore = "the test above runs it in a process of its own"]
fn on_a_graphics_adapter() {
    let device = adapter();
    let up = |tensor: &Tensor<2>| {
        let data = TensorData::new(spread(&values(tensor), HIDDEN), [21, HIDDEN]);
        Tensor::<2>::from_data(data, &device)
    };
    let (x, dy) = (random(1, [14, HIDDEN]), random(2, [14, HIDDEN]));
    near(gelu_backward(&up(&x), up(&dy)), &spread(&values(&gelu_backward(&x, dy.clone())), HIDDEN), "gelu");

    let (rows, uploaded) = (RowKeys::new(keys(), Device::flex()), RowKeys::new(spread(&keys(), 1), device.clone()));
    near(dropout(up(&x), &uploaded, 0.4), &spread(&values(&dropout(x.clone(), &rows, 0.4)), HIDDEN), "dropout");

    let weight = random(4, [HIDDEN]);
    let uploaded_weight = Tensor::<1>::from_data(TensorData::new(values(&weight), [HIDDEN]), &device);
    let (here, there) = (
        layer_norm_backward(&x, &weight, 1e-5, dy.clone()),
        layer_norm_backward(&up(&x), &uploaded_weight, 1e-5, up(&dy)),
    );
    near(there.input, &spread(&values(&here.input), HIDDEN), "norm");
    near(there.weight, &values(&here.weight), "norm's weight");
    near(there.bias, &values(&here.bias), "norm's bias");

    let update =
        AdamW { factor: 0.5, beta1: 0.9, beta2: 0.99, epsilon: 1e-8, decay: 0.99, rate: 0.01, correction: 0.1 };
    for size in [device::PIECE, 2 * device::PIECE + 9] {
        let parts: [Tensor<1>; 4] = [8, 9, 10, 11].map(|seed| random(seed, [size]).abs());
        let [value, gradient, first, second] =
            parts.each_ref().map(|part| Tensor::<1>::from_data(TensorData::new(values(part), [size]), &device));
        let mean = |x: &Tensor<1>| sum_of_squares(x).div_scalar(size as f32);
        near(mean(&gradient), &values(&mean(&parts[1])), "mean of squares");
        let there = update.apply(value, gradient, first, second);
        let [value, gradient, first, second] = parts;
        let here = update.apply(value, gradient, first, second);
        near(there.0, &values(&here.0), "AdamW's value");
        near(there.1, &values(&here.1), "AdamW's mean");
        near(there.2, &values(&here.2), "AdamW's mean of squares");
    }

    let parts: [Tensor<2>; 3] = [5, 6, 7].map(|seed| random(seed, [14, HIDDEN]).mul_scalar(2.0));
    let away = parts.each_ref().map(up);
    for chance in [None, Some(0.3)] {
        let near_by = chance.map(|chance| AttentionDropout { chance, rows: &rows });
        let far_off = chance.map(|chance| AttentionDropout { chance, rows: &uploaded });
        let here = attention(parts.each_ref(), HEADS, &packed(), near_by.as_ref());
        let there = attention(away.each_ref(), HEADS, &padded(&device), far_off.as_ref());
        let own: Vec<f32> = spread(&[1.0f32; 14], 1);
        let own = Tensor::<2>::from_data(TensorData::new(own, [21, 1]), &device);
        near(there.clone() * own.clone(), &spread(&values(&here), HIDDEN), "attention");
        let here = attention_backward(parts.each_ref(), &here, dy.clone(), HEADS, &packed(), near_by.as_ref());
        let there = attention_backward(away.each_ref(), &there, up(&dy), HEADS, &padded(&device), far_off.as_ref());
        for (here, there) in here.iter().zip(there) {
            near(there * own.clone(), &spread(&values(here), HIDDEN), "attention's gradients");
        }
    }
}
