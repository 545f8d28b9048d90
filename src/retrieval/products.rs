//! Inner products, the work behind dense and ColBERT search.

use pulp::{Arch, Simd, WithSimd};

/// Left and right rows whose products are taken together: each value that is loaded serves several products. Their
/// sums fill the vector registers that AVX2 has, and no more.
const LEFT: usize = 3;
const RIGHT: usize = 4;

/// The inner product of two vectors of one length. Every product in this module is added up in this one
/// order, so that a score does not depend on what it was computed together with. The order follows the width of the
/// processor's vectors: two machines may differ in the last places.
pub fn product(left: &[f32], right: &[f32]) -> f32 {
    let mut out = [0.0];
    let cols = left.len();
    if cols > 0 {
        Arch::new().dispatch(Products { left, right, cols, out: &mut out });
    }
    out[0]
}

/// All products of the rows of `left` with the rows of `right`, both row-major with `cols` values a row:
/// `out[r · left rows + l]`. `cols` is above 0.
pub fn products(left: &[f32], right: &[f32], cols: usize, out: &mut [f32]) {
    Arch::new().dispatch(Products { left, right, cols, out });
}

struct Products<'a> {
    left: &'a [f32],
    right: &'a [f32],
    cols: usize,
    out: &'a mut [f32],
}

impl WithSimd for Products<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { left, right, cols, out } = self;
        let left_rows = left.len() / cols;
        let (mut groups, mut outs) = (right.chunks_exact(RIGHT * cols), out.chunks_exact_mut(RIGHT * left_rows.max(1)));
        for (group, out) in groups.by_ref().zip(outs.by_ref()) {
            let right: [&[f32]; RIGHT] = std::array::from_fn(|row| &group[row * cols..][..cols]);
            all_left(simd, left, right, cols, out);
        }
        let rest = groups.remainder().chunks_exact(cols);
        for (right, out) in rest.zip(outs.into_remainder().chunks_exact_mut(left_rows.max(1))) {
            all_left(simd, left, [right], cols, out);
        }
    }
}

#[inline(always)]
fn all_left<S: Simd, const R: usize>(simd: S, left: &[f32], right: [&[f32]; R], cols: usize, out: &mut [f32]) {
    let rows = left.len() / cols;
    let mut put = |first: usize, sums: &[[f32; R]]| {
        for (l, sums) in sums.iter().enumerate() {
            for (r, sum) in sums.iter().enumerate() {
                out[r * rows + first + l] = *sum;
            }
        }
    };
    let mut groups = left.chunks_exact(LEFT * cols);
    let mut first = 0;
    for group in groups.by_ref() {
        let left: [&[f32]; LEFT] = std::array::from_fn(|row| &group[row * cols..][..cols]);
        put(first, &block(simd, left, right));
        first += LEFT;
    }
    for left in groups.remainder().chunks_exact(cols) {
        put(first, &block(simd, [left], right));
        first += 1;
    }
}

/// One sum a lane, the lanes' sums added together, then the columns that fill no vector.
#[inline(always)]
fn block<S: Simd, const L: usize, const R: usize>(simd: S, left: [&[f32]; L], right: [&[f32]; R]) -> [[f32; R]; L] {
    let (left, left_rest) = (left.map(|row| S::as_simd_f32s(row).0), left.map(|row| S::as_simd_f32s(row).1));
    let (right, right_rest) = (right.map(|row| S::as_simd_f32s(row).0), right.map(|row| S::as_simd_f32s(row).1));
    let steps = right[0].len();
    let (left, right) = (left.map(|row| &row[..steps]), right.map(|row| &row[..steps]));
    let mut sums = [[simd.splat_f32s(0.0); R]; L];
    for step in 0..steps {
        let right = right.map(|row| row[step]);
        for l in 0..L {
            let value = left[l][step];
            for r in 0..R {
                sums[l][r] = simd.mul_add_e_f32s(value, right[r], sums[l][r]);
            }
        }
    }
    let mut products = [[0.0; R]; L];
    for l in 0..L {
        for r in 0..R {
            let rest: f32 = left_rest[l].iter().zip(right_rest[r]).map(|(left, right)| left * right).sum();
            products[l][r] = simd.reduce_sum_f32s(sums[l][r]) + rest;
        }
    }
    products
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn products_are_the_plain_sums_and_do_not_depend_on_the_company(
            (cols, left, right) in (1usize..40).prop_flat_map(|cols| {
                let rows = move |most: usize| {
                    (0..most).prop_flat_map(move |rows| prop::collection::vec(-1.0f32..1.0, rows * cols))
                };
                (Just(cols), rows(11), rows(6))
            })
        ) {
            let rows = left.len() / cols;
            let mut out = vec![f32::NAN; rows * (right.len() / cols)];
            products(&left, &right, cols, &mut out);
            for (r, right) in right.chunks_exact(cols).enumerate() {
                for (l, left) in left.chunks_exact(cols).enumerate() {
                    let plain: f64 = left.iter().zip(right).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
                    prop_assert!((f64::from(out[r * rows + l]) - plain).abs() < 1e-5);
                    prop_assert_eq!(out[r * rows + l], product(left, right));
                }
            }
        }
    }
}
