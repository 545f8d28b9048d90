//! One map turned until it lies on another.

use super::Place;

/// `moving`, turned, mirrored, scaled and shifted so that the sum of the squared distances to the places of `still`, point by
/// point, is the least (orthogonal Procrustes analysis; Schönemann 1966, Gower 1975). Both have one point each; places that
/// all coincide are only shifted.
pub fn align(moving: &[Place], still: &[Place]) -> Vec<Place> {
    let count = moving.len().min(still.len()).max(1) as f64;
    let middle = |places: &[Place]| {
        let sum =
            places.iter().fold([0.0; 2], |sum, place| [sum[0] + f64::from(place[0]), sum[1] + f64::from(place[1])]);
        sum.map(|sum: f64| sum / count)
    };
    let (from, to) = (middle(moving), middle(still));
    let mut cross = [[0.0f64; 2]; 2];
    let mut size = 0.0;
    for (one, other) in moving.iter().zip(still) {
        let one = [f64::from(one[0]) - from[0], f64::from(one[1]) - from[1]];
        let other = [f64::from(other[0]) - to[0], f64::from(other[1]) - to[1]];
        for row in 0..2 {
            for col in 0..2 {
                cross[row][col] += one[row] * other[col];
            }
        }
        size += one[0] * one[0] + one[1] * one[1];
    }
    // In the plane the best turn has a closed form; of the best turn and the best mirrored turn the better one is taken.
    let turn = [cross[0][0] + cross[1][1], cross[0][1] - cross[1][0]];
    let mirrored = [cross[0][0] - cross[1][1], cross[0][1] + cross[1][0]];
    let length = |pair: [f64; 2]| pair[0].hypot(pair[1]);
    let is_mirrored = length(mirrored) > length(turn);
    let best = if is_mirrored { mirrored } else { turn };
    let (cos, sin) = if length(best) > 0.0 { (best[0] / length(best), best[1] / length(best)) } else { (1.0, 0.0) };
    let scale = if size > 0.0 && length(best) > 0.0 { length(best) / size } else { 1.0 };
    moving
        .iter()
        .map(|place| {
            let (x, y) = (f64::from(place[0]) - from[0], f64::from(place[1]) - from[1]);
            let y = if is_mirrored { -y } else { y };
            [(scale * (cos * x - sin * y) + to[0]) as f32, (scale * (sin * x + cos * y) + to[1]) as f32]
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_turned_mirrored_scaled_and_shifted_map_comes_back(
            places in prop::collection::vec([-1.0f32..1.0, -1.0f32..1.0], 3..20),
            angle in 0.0f32..6.3, scale in 0.2f32..5.0, shift in [-9.0f32..9.0, -9.0f32..9.0], mirror in any::<bool>(),
        ) {
            let spread = places.iter().map(|place| (place[0] - places[0][0]).abs()).fold(0.0, f32::max);
            prop_assume!(spread > 0.1);
            let moved: Vec<Place> = places.iter().map(|[x, y]| {
                let y = if mirror { -y } else { *y };
                let turned = [angle.cos() * x - angle.sin() * y, angle.sin() * x + angle.cos() * y];
                [scale * turned[0] + shift[0], scale * turned[1] + shift[1]]
            }).collect();
            for (back, place) in align(&moved, &places).iter().zip(&places) {
                prop_assert!((back[0] - place[0]).abs() < 1e-3 && (back[1] - place[1]).abs() < 1e-3, "{back:?} {place:?}");
            }
        }
    }

    #[test]
    fn what_has_no_extent_is_only_shifted() {
        assert_eq!(align(&[], &[]), Vec::<Place>::new());
        assert_eq!(align(&[[1.0, 1.0]; 2], &[[3.0, 4.0], [5.0, 6.0]]), [[4.0, 5.0]; 2]);
    }
}
