//! Where the marks of an axis stand.

use std::ops::RangeInclusive;

use egui_plot::{GridInput, GridMark};

/// Marks of a plot's upright axis, about; more of them would be too near to each other to be read.
const MARKS: usize = 4;

/// Marks of a plot's upright axis. egui_plot's own fade where they are near to each other.
pub fn grid(input: GridInput) -> Vec<GridMark> {
    let marks = linear(input.bounds.0, input.bounds.1, MARKS);
    let step_size = marks.first_chunk().map_or(1.0, |[one, next]| next - one);
    marks.into_iter().map(|value| GridMark { value, step_size }).collect()
}

/// The number at a mark of [`grid`]: as many places as tell it from its neighbours.
pub fn label(mark: GridMark, _: &RangeInclusive<f64>) -> String {
    let places = (-mark.step_size.log10() - 1e-9).ceil().clamp(0.0, 12.0) as usize;
    // Not -0.
    format!("{:.places$}", mark.value + 0.0)
}

/// Round numbers between two bounds, about `most` of them: 1, 2 or 5 times a power of ten apart.
pub fn linear(low: f64, high: f64, most: usize) -> Vec<f64> {
    let span = high - low;
    if span.is_nan() || span <= 0.0 || !span.is_finite() {
        return Vec::new();
    }
    let rough = span / most.max(1) as f64;
    let power = 10_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|factor| factor * power).find(|step| *step >= rough * 0.999);
    let step = step.unwrap_or(10.0 * power);
    // Of numbers at the ends of what floats hold.
    if !step.is_normal() {
        return Vec::new();
    }
    let (first, last) = ((low / step - 1e-9).ceil() as i64, (high / step + 1e-9).floor() as i64);
    (first..=last).take(10 * most.max(1)).map(|number| number as f64 * step).collect()
}

/// Logarithms to base 10 between two bounds of 1, 2, 5 times powers of ten; whether each is a power of ten. Ranges of
/// many decades have the powers alone, narrow ones round values.
pub fn logarithmic(low: f64, high: f64) -> Vec<(f64, bool)> {
    if !(low.is_finite() && high.is_finite()) || high - low <= 0.0 {
        return Vec::new();
    }
    if high - low < 0.7 {
        let values = linear(10_f64.powf(low), 10_f64.powf(high), 5);
        return values.into_iter().filter(|value| *value > 0.0).map(|value| (value.log10(), false)).collect();
    }
    let factors: &[f64] = if high - low > 4.0 { &[1.0] } else { &[1.0, 2.0, 5.0] };
    let decades = low.floor() as i64..=high.ceil() as i64;
    let marks =
        decades.flat_map(|decade| factors.iter().map(move |factor| (decade as f64 + factor.log10(), *factor == 1.0)));
    marks.filter(|(height, _)| (low..=high).contains(height)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_have_the_places_that_tell_them_apart() {
        let shown = |low, high| {
            let marks = grid(GridInput { bounds: (low, high), base_step_size: 1.0 });
            marks.into_iter().map(|mark| label(mark, &(low..=high))).collect::<Vec<_>>()
        };
        assert_eq!(shown(-0.2, 1.1), ["0.0", "0.5", "1.0"]);
        assert_eq!(shown(0.0, 100.0), ["0", "50", "100"]);
        assert_eq!(shown(0.48, 0.57), ["0.50", "0.55"]);
        assert_eq!(shown(-4.0, 4.0), ["-4", "-2", "0", "2", "4"]);
    }

    #[test]
    fn marks_are_round_and_within() {
        assert_eq!(linear(0.0, 100.0, 5), [0.0, 20.0, 40.0, 60.0, 80.0, 100.0]);
        let near = |found: Vec<f64>, expected: &[f64]| {
            assert_eq!(found.len(), expected.len(), "{found:?}");
            found.iter().zip(expected).for_each(|(found, expected)| assert!((found - expected).abs() < 1e-9));
        };
        near(linear(0.31, 0.52, 5), &[0.35, 0.4, 0.45, 0.5]);
        for (low, high) in [(0.0, 5e-324), (-1e308, 1e308), (1e300, 1e300_f64.next_up()), (0.0, 1e308), (9e18, 1e19)] {
            assert!(linear(low, high, 5).len() <= 50);
        }
        assert!(linear(1.0, 1.0, 5).is_empty() && linear(f64::NAN, 1.0, 5).is_empty());
        assert_eq!(logarithmic(-6.0, 0.0), [-6.0, -5.0, -4.0, -3.0, -2.0, -1.0, 0.0].map(|height| (height, true)));
        let two = logarithmic(0.0, 2.0);
        assert_eq!(two.len(), 7);
        assert!(two.contains(&(2_f64.log10(), false)) && two.contains(&(2.0, true)));
        near(
            logarithmic(0.4_f64.log10(), 0.6_f64.log10()).iter().map(|mark| 10_f64.powf(mark.0)).collect(),
            &[0.4, 0.45, 0.5, 0.55, 0.6],
        );
    }
}
