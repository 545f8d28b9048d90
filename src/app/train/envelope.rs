//! Which of many points are worth drawing.

use std::ops::Range;

/// The indices of points whose `x`, which never falls, lies between two bounds, and one beyond on each side, so that
/// lines go on to the edge.
pub fn visible(count: usize, x: impl Fn(usize) -> f64, bounds: (f64, f64)) -> Range<usize> {
    let first_not = |holds: &dyn Fn(f64) -> bool| {
        let (mut low, mut high) = (0, count);
        while low < high {
            let middle = (low + high) / 2;
            if holds(x(middle)) { low = middle + 1 } else { high = middle }
        }
        low
    };
    let start = first_not(&|x| x < bounds.0).saturating_sub(1);
    let end = (first_not(&|x| x <= bounds.1) + 1).min(count);
    start.min(end)..end
}

/// Indices within `range`, rising: the least and the greatest of each of about `buckets` parts, and both ends. Only
/// finite values above `floor` count. Parts begin at multiples of a power of two, so that a line does not flicker while
/// it grows.
pub fn extremes(values: &[f64], range: Range<usize>, buckets: usize, floor: f64) -> Vec<usize> {
    let range = range.start.min(values.len())..range.end.min(values.len());
    let counts = |index: &usize| values[*index] > floor && values[*index] < f64::INFINITY;
    let width = range.len().div_ceil(buckets.max(1)).next_power_of_two();
    if width <= 2 {
        return range.filter(counts).collect();
    }
    let mut kept = Vec::with_capacity(2 * range.len() / width + 4);
    kept.extend(range.clone().find(counts));
    let mut start = range.start;
    while start < range.end {
        let end = ((start / width + 1) * width).min(range.end);
        let part = &values[start..end];
        let (least, greatest) = least_and_greatest(part, floor);
        let place = |value: f64| part.iter().position(|other| *other == value);
        if let (Some(least), Some(greatest)) = (place(least), place(greatest)) {
            kept.extend([start + least.min(greatest), start + least.max(greatest)]);
        }
        start = end;
    }
    kept.extend(range.rev().find(counts));
    kept.dedup();
    kept
}

/// Infinite if there is no finite value above `floor`, and then in the wrong order. Side by side in lanes, which
/// compilers turn into vector instructions: a frame may look at millions of values.
fn least_and_greatest(values: &[f64], floor: f64) -> (f64, f64) {
    const LANES: usize = 8;
    let (mut least, mut greatest) = ([f64::INFINITY; LANES], [f64::NEG_INFINITY; LANES]);
    let mut take = |lane: usize, value: f64| {
        let low = if value > floor { value } else { f64::INFINITY };
        let high = if value > floor && value < f64::INFINITY { value } else { f64::NEG_INFINITY };
        least[lane] = if low < least[lane] { low } else { least[lane] };
        greatest[lane] = if high > greatest[lane] { high } else { greatest[lane] };
    };
    let (eights, rest) = values.as_chunks::<LANES>();
    for eight in eights {
        (0..LANES).for_each(|lane| take(lane, eight[lane]));
    }
    rest.iter().for_each(|value| take(0, *value));
    (least.into_iter().fold(f64::INFINITY, f64::min), greatest.into_iter().fold(f64::NEG_INFINITY, f64::max))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Noise with lonely peaks.
    fn noisy(count: usize) -> Vec<f64> {
        let mut state = 7_u64;
        let noise = (0..count).map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 40) as f64 / 1e7
        });
        let mut values: Vec<f64> = noise.collect();
        values[count / 3] = 100.0;
        values[count / 2] = -100.0;
        values
    }

    fn bounds(values: &[f64]) -> (f64, f64) {
        values
            .iter()
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), value| (least.min(*value), most.max(*value)))
    }

    #[test]
    fn few_points_keep_every_part_s_extremes() {
        let values = noisy(100_000);
        for range in [0..100_000, 17..99_001, 33_000..50_001] {
            let kept = extremes(&values, range.clone(), 800, f64::NEG_INFINITY);
            assert!(kept.len() <= 2 * 800 + 4, "{}", kept.len());
            assert!(kept.is_sorted_by(|one, other| one < other));
            assert_eq!((kept[0], kept[kept.len() - 1]), (range.start, range.end - 1));
            let width = range.len().div_ceil(800).next_power_of_two();
            for part in (range.start / width)..=((range.end - 1) / width) {
                let part = (part * width).max(range.start)..((part + 1) * width).min(range.end);
                let drawn: Vec<f64> =
                    kept.iter().filter(|index| part.contains(index)).map(|index| values[*index]).collect();
                assert_eq!(bounds(&drawn), bounds(&values[part]));
            }
        }
    }

    #[test]
    fn few_values_are_all_kept_and_missing_ones_are_not_drawn() {
        let values = [1.0, f64::NAN, 3.0, -2.0];
        assert_eq!(extremes(&values, 0..4, 100, f64::NEG_INFINITY), [0, 2, 3]);
        assert_eq!(extremes(&values, 0..4, 100, 0.0), [0, 2]);
        let infinite: Vec<f64> = (0..100).map(|index| if index == 50 { f64::INFINITY } else { index as f64 }).collect();
        assert!(!extremes(&infinite, 0..100, 5, f64::NEG_INFINITY).contains(&50));
        assert_eq!(extremes(&infinite, 0..100, 5, 90.0), [91, 95, 96, 99]);
        let mut sparse = vec![f64::NAN; 10_000];
        sparse[5_000] = 1.0;
        assert_eq!(extremes(&sparse, 0..10_000, 10, f64::NEG_INFINITY), [5_000]);
        assert!(extremes(&sparse, 0..5_000, 10, f64::NEG_INFINITY).is_empty());
    }

    #[test]
    fn a_growing_line_keeps_the_points_it_had() {
        let values = noisy(4096 + 500);
        let before = extremes(&values, 0..4096, 64, f64::NEG_INFINITY);
        let after = extremes(&values, 0..4096 + 10, 64 + 32, f64::NEG_INFINITY);
        assert!(before[..before.len() - 1].iter().all(|index| after.contains(index)));
    }

    #[test]
    fn what_is_seen_has_a_neighbour_on_each_side() {
        let x = |index: usize| index as f64 * 10.0;
        assert_eq!(visible(100, x, (205.0, 230.0)), 20..25);
        assert_eq!(visible(100, x, (-5.0, 2000.0)), 0..100);
        assert_eq!(visible(100, x, (2000.0, 3000.0)), 99..100);
        assert_eq!(visible(0, x, (0.0, 1.0)), 0..0);
    }
}
