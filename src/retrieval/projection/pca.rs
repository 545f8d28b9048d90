//! The two directions in which vectors differ most.

use super::Place;
use crate::model::Matrix;
use crate::model::ops::cpu::{View, multiply};

/// Directions that are sought together; more than two, so that the first two are soon exact.
const TOGETHER: usize = 8;
const MOST_ROUNDS: usize = 60;
/// The two directions stand still.
const STILL: f64 = 1e-7;

/// Principal component analysis (Pearson 1901): each vector's place along the two directions of greatest variance, found
/// by subspace iteration with a Rayleigh–Ritz step each round. A direction's sign is that of its value of greatest size.
/// `None` where a value is not finite.
pub fn pca(vectors: &Matrix) -> Option<Vec<Place>> {
    let (rows, cols) = (vectors.rows, vectors.cols);
    if vectors.values.iter().any(|value| !value.is_finite()) {
        return None;
    }
    if rows == 0 || cols == 0 {
        return Some(vec![[0.0; 2]; rows]);
    }
    let mut mean = vec![0.0f64; cols];
    for row in vectors.values.chunks_exact(cols) {
        mean.iter_mut().zip(row).for_each(|(mean, value)| *mean += f64::from(*value));
    }
    mean.iter_mut().for_each(|mean| *mean /= rows as f64);
    let mut centred = vectors.values.clone();
    for row in centred.chunks_exact_mut(cols) {
        row.iter_mut().zip(&mean).for_each(|(value, mean)| *value -= *mean as f32);
    }
    let count = TOGETHER.min(cols);
    // Any directions will do to begin with; these are the same each time.
    let mut basis: Vec<Vec<f64>> = (0..count)
        .map(|at| {
            (0..cols).map(|col| (((col * 2 + 1) * (at * 7 + 3)) as f64 * 0.618_033_988_75).fract() - 0.5).collect()
        })
        .collect();
    orthonormal(&mut basis);
    let mut before = 0.0;
    for _ in 0..MOST_ROUNDS {
        // The covariance times the basis, without the covariance.
        let along = project(&centred, cols, &basis);
        let mut next = vec![0.0f32; count * cols];
        multiply(&mut next, View::new(&along, count).transposed(), View::new(&centred, cols), false, true);
        let turned: Vec<Vec<f64>> =
            next.chunks_exact(cols).map(|row| row.iter().map(|value| f64::from(*value)).collect()).collect();
        // Within the subspace: eigenvectors of basisᵀ · covariance · basis, the largest first.
        let small: Vec<Vec<f64>> =
            basis.iter().map(|one| turned.iter().map(|other| dot(one, other)).collect()).collect();
        let (values, vectors) = eigen(small);
        basis = vectors
            .iter()
            .map(|weights| {
                let mut sum = vec![0.0; cols];
                for (weight, direction) in weights.iter().zip(&turned) {
                    sum.iter_mut().zip(direction).for_each(|(sum, value)| *sum += weight * value);
                }
                sum
            })
            .collect();
        orthonormal(&mut basis);
        let now: f64 = values.iter().take(2).sum();
        if (now - before).abs() <= STILL * now.abs() {
            break;
        }
        before = now;
    }
    for direction in &mut basis {
        let largest =
            direction.iter().copied().fold(0.0f64, |one, other| if other.abs() > one.abs() { other } else { one });
        if largest < 0.0 {
            direction.iter_mut().for_each(|value| *value = -*value);
        }
    }
    let along = project(&centred, cols, &basis);
    Some(along.chunks_exact(count).map(|row| [row[0], row.get(1).copied().unwrap_or(0.0)]).collect())
}

/// `[rows, directions]`.
fn project(centred: &[f32], cols: usize, basis: &[Vec<f64>]) -> Vec<f32> {
    let flat: Vec<f32> = basis.iter().flatten().map(|value| *value as f32).collect();
    let mut along = vec![0.0; centred.len() / cols * basis.len()];
    multiply(&mut along, View::new(centred, cols), View::new(&flat, cols).transposed(), false, true);
    along
}

fn dot(one: &[f64], other: &[f64]) -> f64 {
    one.iter().zip(other).map(|(one, other)| one * other).sum()
}

/// Gram–Schmidt, twice over for its rounding. A direction that the ones before it make up becomes 0.
fn orthonormal(basis: &mut [Vec<f64>]) {
    for at in 0..basis.len() {
        let (before, rest) = basis.split_at_mut(at);
        let this = &mut rest[0];
        let whole = dot(this, this).sqrt();
        for _ in 0..2 {
            for other in before.iter() {
                let share = dot(this, other);
                this.iter_mut().zip(other).for_each(|(value, other)| *value -= share * other);
            }
        }
        let length = dot(this, this).sqrt();
        let scale = if length > 1e-12 * whole.max(f64::MIN_POSITIVE) { 1.0 / length } else { 0.0 };
        this.iter_mut().for_each(|value| *value *= scale);
    }
}

/// Eigenvalues, the largest first, and eigenvectors of a small symmetric matrix (Jacobi's rotations).
fn eigen(mut matrix: Vec<Vec<f64>>) -> (Vec<f64>, Vec<Vec<f64>>) {
    let size = matrix.len();
    let mut vectors: Vec<Vec<f64>> =
        (0..size).map(|row| (0..size).map(|col| f64::from(u8::from(row == col))).collect()).collect();
    for _ in 0..50 {
        for p in 0..size {
            for q in p + 1..size {
                if matrix[p][q].abs() <= 1e-14 * (matrix[p][p].abs() + matrix[q][q].abs()) {
                    continue;
                }
                let theta = (matrix[q][q] - matrix[p][p]) / (2.0 * matrix[p][q]);
                let t = theta.signum() / (theta.abs() + (theta * theta + 1.0).sqrt());
                let cos = 1.0 / (t * t + 1.0).sqrt();
                let sin = t * cos;
                for row in &mut matrix {
                    (row[p], row[q]) = (cos * row[p] - sin * row[q], sin * row[p] + cos * row[q]);
                }
                // Rows of `vectors` are the eigenvectors.
                turn(&mut matrix, p, q, cos, sin);
                turn(&mut vectors, p, q, cos, sin);
            }
        }
    }
    let mut order: Vec<usize> = (0..size).collect();
    order.sort_by(|one, other| matrix[*other][*other].total_cmp(&matrix[*one][*one]));
    (order.iter().map(|&at| matrix[at][at]).collect(), order.iter().map(|&at| vectors[at].clone()).collect())
}

/// Turns rows `p` and `q`, the first of which stands before the second.
fn turn(rows: &mut [Vec<f64>], p: usize, q: usize, cos: f64, sin: f64) {
    let (before, rest) = rows.split_at_mut(q);
    for (of_p, of_q) in before[p].iter_mut().zip(&mut rest[0]) {
        (*of_p, *of_q) = (cos * *of_p - sin * *of_q, sin * *of_p + cos * *of_q);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 40 vectors of 6 values, and what `numpy.linalg.svd` makes of them.
    fn sample() -> Matrix {
        let value =
            |row: usize, col: usize| ((row * 37 + col * 101 + row * row * 3) % 97) as f32 / 97.0 * (6 - col) as f32;
        let values = (0..40).flat_map(|row| (0..6).map(move |col| value(row, col))).collect();
        Matrix { rows: 40, cols: 6, values }
    }

    #[test]
    fn places_are_numpys_up_to_the_sign() {
        let reference: Vec<[f64; 2]> = serde_json::from_str(include_str!("../../../tests/fixtures/pca.json")).unwrap();
        let places = pca(&sample()).unwrap();
        for axis in 0..2 {
            let sign = (f64::from(places[0][axis]) * reference[0][axis]).signum();
            for (place, expected) in places.iter().zip(&reference) {
                assert!((f64::from(place[axis]) * sign - expected[axis]).abs() < 1e-4, "{place:?} {expected:?}");
            }
        }
    }

    #[test]
    fn few_or_equal_vectors_have_places_too() {
        let of = |rows: usize, cols: usize, values: &[f32]| pca(&Matrix { rows, cols, values: values.to_vec() });
        assert_eq!(of(0, 3, &[]), Some(vec![]));
        assert_eq!(of(1, 3, &[1.0, 2.0, 3.0]), Some(vec![[0.0; 2]]));
        assert_eq!(of(3, 2, &[1.0, 2.0, 1.0, 2.0, 1.0, 2.0]), Some(vec![[0.0; 2]; 3]));
        let line = of(3, 1, &[1.0, 2.0, 6.0]).unwrap();
        assert!((line[2][0] - line[0][0] - 5.0).abs() < 1e-5 && line.iter().all(|place| place[1] == 0.0));
        assert_eq!(of(1, 1, &[f32::NAN]), None);
    }
}
