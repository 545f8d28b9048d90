//! Neighbours laid beside one another.

use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use bhtsne::{Neighbor, tSNE};

use super::Place;
use crate::model::{Embeddings, Matrix};
use crate::retrieval::{Index, Method, SearchError};

/// How many neighbours count, by and large (van der Maaten and Hinton 2008).
const PERPLEXITY: f32 = 30.0;
/// How coarsely far points are taken together.
const THETA: f32 = 0.5;
/// Steps from principal components, and from a layout that is already one.
const STEPS: [usize; 2] = [1000, 500];
/// By which neighbours draw at first (van der Maaten 2014), as the library has it too.
const EXAGGERATION: f32 = 12.0;
/// Standard deviation of the first axis before the first step, small enough that points find their way.
const SPREAD: f32 = 1e-4;

/// Where a layout begins.
#[derive(Clone, Copy)]
pub enum Start<'a> {
    /// At principal components.
    Components(&'a [Place]),
    /// At another layout of the same points, so that both can be laid on one another.
    Layout(&'a [Place]),
}

/// t-SNE with Barnes and Hut's approximation (van der Maaten 2014) of vectors that are compared by their angle: rows that
/// are alike come to lie together. The neighbours are exact. Fewer than five points keep the places of the start.
///
/// `progress` gets the steps done and their number; `Break` ends with [`SearchError::Stopped`]. All values are finite.
///
/// # Errors
/// If it was stopped.
pub fn tsne(
    vectors: &Matrix,
    start: Start<'_>,
    progress: &mut dyn FnMut(usize, usize) -> ControlFlow<()>,
) -> Result<Vec<Place>, SearchError> {
    let (places, steps, first) = match start {
        Start::Components(places) => (places, STEPS[0], true),
        Start::Layout(places) => (places, STEPS[1], false),
    };
    let count = vectors.rows;
    let spread = spread(places);
    if count < 5 || spread == 0.0 {
        return Ok(places.to_vec());
    }
    let perplexity = PERPLEXITY.min((count - 1) as f32 / 3.0);
    let neighbours = neighbours(vectors, (3.0 * perplexity) as usize, &mut || progress(0, steps))?;
    let scale = if first { SPREAD / spread } else { 1.0 };
    let begin: Vec<f32> = places.iter().flatten().map(|value| value * scale).collect();
    // As many points as exaggeration has parts, and no fewer than 200 (Belkina and others 2019). The library's own choice
    // divides by four once more, which belongs to gradients with their factor of four; its gradients are without.
    let rate = (count as f32 / EXAGGERATION).max(200.0);
    // The library asks nobody whether to go on; unwinding is the way out that it leaves.
    struct Stopped;
    let rows: Vec<()> = vec![(); count];
    let laid = catch_unwind(AssertUnwindSafe(|| {
        let mut layout: tSNE<'_, f32, (), 2> = tSNE::new(&rows);
        layout.perplexity(perplexity).epochs(steps).initial_embedding(begin).learning_rate(rate);
        if !first {
            // The points know their neighbourhoods; exaggeration would only tear them up.
            layout.stop_lying_epoch(0);
        }
        layout.epoch_callback(|step, _| {
            if progress(step + 1, steps).is_break() {
                resume_unwind(Box::new(Stopped));
            }
        });
        layout.barnes_hut_with_neighbors(THETA, &neighbours);
        layout.embedding()
    }));
    match laid {
        Ok(laid) => Ok(laid.chunks_exact(2).map(|place| [place[0], place[1]]).collect()),
        Err(cause) if cause.is::<Stopped>() => Err(SearchError::Stopped),
        Err(cause) => resume_unwind(cause),
    }
}

/// Standard deviation along the first axis.
fn spread(places: &[Place]) -> f32 {
    let count = places.len().max(1) as f64;
    let mean = places.iter().map(|place| f64::from(place[0])).sum::<f64>() / count;
    (places.iter().map(|place| (f64::from(place[0]) - mean).powi(2)).sum::<f64>() / count).sqrt() as f32
}

/// The nearest `k` of each row, itself left out, the nearest first: distances between the rows at length 1.
fn neighbours(
    vectors: &Matrix,
    k: usize,
    go_on: &mut dyn FnMut() -> ControlFlow<()>,
) -> Result<Vec<Vec<Neighbor<f32>>>, SearchError> {
    let mut dense = vectors.clone();
    for row in dense.values.chunks_exact_mut(vectors.cols.max(1)) {
        let length = row.iter().map(|value| value * value).sum::<f32>().sqrt();
        row.iter_mut().for_each(|value| *value /= length.max(f32::MIN_POSITIVE));
    }
    let unit = Embeddings { dense, ..Embeddings::default() };
    let index = Index::new(unit.clone());
    let hits = index.search_all(&unit, Method::Dense, k + 1, &mut |_, _| go_on())?;
    let near = hits.into_iter().enumerate().map(|(row, hits)| {
        let others = hits.into_iter().filter(|hit| hit.passage != row).take(k);
        others.map(|hit| Neighbor { index: hit.passage, distance: (2.0 - 2.0 * hit.score).max(0.0).sqrt() }).collect()
    });
    Ok(near.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::retrieval::projection::pca;

    /// Points of three bundles of directions, which differ within a bundle.
    fn bundles(each: usize) -> Matrix {
        let cols = 8;
        let value = |row: usize, col: usize| {
            let own = if col == row % 3 { 3.0 } else { 0.0 };
            own + (((row * 37 + col * 101 + row * row * 3) % 97) as f32 / 97.0 - 0.5) * 0.8
        };
        let values = (0..3 * each).flat_map(|row| (0..cols).map(move |col| value(row, col))).collect();
        Matrix { rows: 3 * each, cols, values }
    }

    fn distance(one: Place, other: Place) -> f64 {
        (f64::from(one[0]) - f64::from(other[0])).hypot(f64::from(one[1]) - f64::from(other[1]))
    }

    /// What t-SNE makes small, from its definition: affinities whose perplexity is found by bisection, Student's t in the
    /// plane, and their Kullback–Leibler divergence.
    fn divergence(vectors: &Matrix, places: &[Place], perplexity: f64) -> f64 {
        let count = vectors.rows;
        let unit = |row: usize| {
            let row = vectors.row(row);
            let length = row.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>().sqrt();
            row.iter().map(|value| f64::from(*value) / length).collect::<Vec<_>>()
        };
        let units: Vec<Vec<f64>> = (0..count).map(unit).collect();
        let squared = |one: usize, other: usize| {
            units[one].iter().zip(&units[other]).map(|(one, other)| (one - other).powi(2)).sum::<f64>()
        };
        let mut p = vec![vec![0.0; count]; count];
        for row in 0..count {
            let (mut low, mut high) = (1e-12f64, 1e12f64);
            for _ in 0..200 {
                let beta = (low * high).sqrt();
                let weights: Vec<f64> =
                    (0..count).map(|col| if col == row { 0.0 } else { (-beta * squared(row, col)).exp() }).collect();
                let sum: f64 = weights.iter().sum::<f64>().max(1e-300);
                p[row] = weights.iter().map(|weight| weight / sum).collect();
                let entropy: f64 = -p[row].iter().filter(|p| **p > 0.0).map(|p| p * p.ln()).sum::<f64>();
                if entropy > perplexity.ln() { low = beta } else { high = beta }
            }
        }
        let q = |one: usize, other: usize| 1.0 / (1.0 + distance(places[one], places[other]).powi(2));
        let pairs =
            || (0..count).flat_map(|one| (0..count).filter(move |other| *other != one).map(move |other| (one, other)));
        let whole: f64 = pairs().map(|(one, other)| q(one, other)).sum();
        pairs()
            .map(|(one, other)| {
                let p = ((p[one][other] + p[other][one]) / (2.0 * count as f64)).max(1e-300);
                p * (p / (q(one, other) / whole)).ln()
            })
            .sum()
    }

    fn lay(vectors: &Matrix, start: Start<'_>) -> Vec<Place> {
        tsne(vectors, start, &mut |_, _| ControlFlow::Continue(())).unwrap()
    }

    #[test]
    fn the_divergence_is_no_higher_than_scikit_learns() {
        let vectors = bundles(50);
        let places = lay(&vectors, Start::Components(&pca(&vectors).unwrap()));
        // scikit-learn 1.9.1, `TSNE(perplexity=30, init="pca", method="exact", random_state=0)` of the same unit vectors.
        let reference = 0.036868;
        let reached = divergence(&vectors, &places, 30.0);
        assert!(reached < reference, "{reached} where scikit-learn reaches {reference}");
    }

    #[test]
    fn bundles_lie_apart_and_a_layout_goes_on_from_another() {
        let vectors = bundles(40);
        let places = lay(&vectors, Start::Components(&pca(&vectors).unwrap()));
        let again = lay(&vectors, Start::Layout(&places));
        for places in [&places, &again] {
            for (row, place) in places.iter().enumerate() {
                let nearest = (0..places.len())
                    .filter(|other| *other != row)
                    .min_by(|one, other| distance(*place, places[*one]).total_cmp(&distance(*place, places[*other])));
                assert_eq!(nearest.unwrap() % 3, row % 3);
            }
        }
        let spread = places.iter().map(|place| distance(*place, [0.0; 2])).fold(0.0, f64::max);
        for (one, other) in places.iter().zip(&again) {
            assert!(distance(*one, *other) < 0.5 * spread, "a point left its place: {one:?} {other:?}");
        }
    }

    #[test]
    fn it_can_be_stopped_and_few_points_stay() {
        let vectors = bundles(10);
        let start = pca(&vectors).unwrap();
        let mut steps = 0;
        let stopped = tsne(&vectors, Start::Components(&start), &mut |done, _| {
            steps = done;
            if done == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        assert!(matches!(stopped, Err(SearchError::Stopped)), "{stopped:?}");
        assert_eq!(steps, 3);
        let few = Matrix { rows: 2, cols: 1, values: vec![1.0, 2.0] };
        assert_eq!(lay(&few, Start::Components(&[[0.0; 2], [1.0; 2]])), [[0.0; 2], [1.0; 2]]);
    }
}
