//! Inner products, the work behind dense and ColBERT search.

/// Partial sums an inner product is split into, so that the compiler can use vector registers.
const LANES: usize = 8;

/// Left rows whose products with one right row are taken together: a right value is loaded once for all.
const TOGETHER: usize = 4;

/// The inner product of two vectors of one length. Every product in this module is added up in this one
/// order, so that a score does not depend on what it was computed together with.
pub fn product(left: &[f32], right: &[f32]) -> f32 {
    let mut sums = [[0.0; 1]; 1];
    block([left], right, &mut sums[0]);
    sums[0][0]
}

/// All products of the rows of `left` with the rows of `right`, both row-major with `cols` values a row:
/// `out[r · left rows + l]`. `cols` is above 0.
pub fn products(left: &[f32], right: &[f32], cols: usize, out: &mut [f32]) {
    let left_rows = left.len() / cols;
    for (right, out) in right.chunks_exact(cols).zip(out.chunks_exact_mut(left_rows.max(1))) {
        let (mut groups, mut outs) = (left.chunks_exact(TOGETHER * cols), out.chunks_exact_mut(TOGETHER));
        for (group, out) in groups.by_ref().zip(outs.by_ref()) {
            let rows: [&[f32]; TOGETHER] = std::array::from_fn(|row| &group[row * cols..(row + 1) * cols]);
            block(rows, right, out);
        }
        for (row, out) in groups.remainder().chunks_exact(cols).zip(outs.into_remainder().chunks_exact_mut(1)) {
            block([row], right, out);
        }
    }
}

fn block<const ROWS: usize>(left: [&[f32]; ROWS], right: &[f32], out: &mut [f32]) {
    let whole = right.len() / LANES * LANES;
    let mut sums = [[0.0f32; LANES]; ROWS];
    let left = left.map(|row| &row[..right.len()]);
    for start in (0..whole).step_by(LANES) {
        let right: &[f32] = &right[start..start + LANES];
        for (sums, row) in sums.iter_mut().zip(left) {
            let row = &row[start..start + LANES];
            for lane in 0..LANES {
                sums[lane] += row[lane] * right[lane];
            }
        }
    }
    for ((out, sums), row) in out.iter_mut().zip(sums).zip(left) {
        let rest: f32 = row[whole..].iter().zip(&right[whole..]).map(|(left, right)| left * right).sum();
        *out = sums.iter().sum::<f32>() + rest;
    }
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
