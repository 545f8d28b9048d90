//! A curve as an SVG picture.

use super::Curve;

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 180.0;
const LEFT: f64 = 56.0;
const BOTTOM: f64 = 24.0;
const TOP: f64 = 8.0;
/// Points that a picture of this width can show.
const MOST_POINTS: usize = 1280;

/// The picture, with the highest and lowest value and the first and last step written at its edges; nothing where
/// there are fewer than two points.
pub fn svg(curve: &Curve) -> Option<String> {
    let points: Vec<[f64; 2]> = curve.points.iter().copied().filter(|[_, value]| value.is_finite()).collect();
    let (first, last) = (points.first()?[0], points.last()?[0]);
    if points.len() < 2 || first >= last {
        return None;
    }
    let low = points.iter().map(|point| point[1]).fold(f64::INFINITY, f64::min);
    let high = points.iter().map(|point| point[1]).fold(f64::NEG_INFINITY, f64::max);
    let span = if high > low { high - low } else { 1.0 };
    let place = |[step, value]: [f64; 2]| {
        let x = LEFT + (step - first) / (last - first) * (WIDTH - LEFT - 8.0);
        let y = TOP + (high - value) / span * (HEIGHT - TOP - BOTTOM);
        format!("{x:.1},{y:.1}")
    };
    let line: Vec<String> = thinned(&points).into_iter().map(place).collect();
    let axis = HEIGHT - BOTTOM;
    Some(format!(
        "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\"><path class=\"axis\" d=\"M{LEFT},{TOP}V{axis}H{WIDTH}\"/>\
         <polyline class=\"curve\" points=\"{}\"/>\
         <text x=\"{}\" y=\"{}\" text-anchor=\"end\">{high:.4}</text>\
         <text x=\"{}\" y=\"{axis}\" text-anchor=\"end\">{low:.4}</text>\
         <text x=\"{LEFT}\" y=\"{}\">{first}</text>\
         <text x=\"{}\" y=\"{}\" text-anchor=\"end\">{last}</text></svg>",
        line.join(" "),
        LEFT - 6.0,
        TOP + 10.0,
        LEFT - 6.0,
        HEIGHT - 8.0,
        WIDTH - 8.0,
        HEIGHT - 8.0,
    ))
}

/// Of each stretch of points the lowest and the highest, in their order, so that no peak is lost.
fn thinned(points: &[[f64; 2]]) -> Vec<[f64; 2]> {
    if points.len() <= MOST_POINTS {
        return points.to_vec();
    }
    let stretch = points.len().div_ceil(MOST_POINTS / 2);
    let extremes = points.chunks(stretch).flat_map(|points| {
        let by = |one: &&[f64; 2], other: &&[f64; 2]| one[1].total_cmp(&other[1]);
        let (low, high) = (points.iter().min_by(by), points.iter().max_by(by));
        let mut both: Vec<[f64; 2]> = low.into_iter().chain(high).copied().collect();
        both.sort_by(|one, other| one[0].total_cmp(&other[0]));
        both
    });
    extremes.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_runs_from_corner_to_corner() {
        let falling = Curve { name: "loss".into(), points: vec![[1.0, 2.0], [2.0, f64::NAN], [3.0, 1.0]] };
        let picture = svg(&falling).unwrap();
        assert!(picture.contains("points=\"56.0,8.0 632.0,156.0\""), "{picture}");
        assert!(svg(&Curve { name: String::new(), points: vec![[1.0, 2.0]] }).is_none());
    }

    #[test]
    fn a_peak_survives_thinning() {
        let mut points: Vec<[f64; 2]> = (0..100_000).map(|step| [f64::from(step), 0.5]).collect();
        points[77_777][1] = 9.0;
        let thin = thinned(&points);
        assert!(thin.len() <= MOST_POINTS + 2 && thin.contains(&[77_777.0, 9.0]));
    }
}
