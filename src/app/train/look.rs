//! How curves are looked at, and which lines that makes of one run or several.

use std::collections::BTreeSet;

use super::curves::{Chart, Curves, Mark, Series, Table};
use super::envelope;

/// What stands below the curves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Axis {
    #[default]
    Step,
    Epoch,
    /// Seconds since the run began.
    Time,
}

impl Axis {
    pub const ALL: [Self; 3] = [Self::Step, Self::Epoch, Self::Time];

    pub fn key(self) -> &'static str {
        match self {
            Self::Step => "step",
            Self::Epoch => "epoch",
            Self::Time => "wall_time",
        }
    }

    pub fn of(self, mark: &Mark) -> f64 {
        match self {
            Self::Step => mark.step as f64,
            Self::Epoch => mark.epoch,
            Self::Time => mark.time,
        }
    }

    /// A value of the axis for people.
    pub fn text(self, value: f64) -> String {
        match self {
            Self::Step => format!("{value:.0}"),
            Self::Epoch => compact(value),
            Self::Time => {
                let seconds = value.max(0.0) as u64;
                let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
                format!("{hours}:{minutes:02}:{seconds:02}")
            }
        }
    }
}

/// How the curves are looked at.
#[derive(Clone, Debug, PartialEq)]
pub struct Look {
    pub axis: Axis,
    /// Values on a logarithmic scale.
    pub logarithmic: bool,
    /// From 0 to [`Look::MOST_SMOOTHING`].
    pub smoothing: f64,
    /// The one part of the loss that is shown; all if none.
    pub part: Option<String>,
    /// The one metric that is shown; all if none.
    pub metric: Option<String>,
    /// Names of lines that are not drawn.
    pub hidden: BTreeSet<String>,
}

impl Default for Look {
    fn default() -> Self {
        Self {
            axis: Axis::Step,
            logarithmic: false,
            smoothing: 0.6,
            part: None,
            metric: Some("ndcg@10".into()),
            hidden: BTreeSet::new(),
        }
    }
}

impl Look {
    pub const MOST_SMOOTHING: f64 = 0.99;

    /// Only values above this can be drawn.
    fn floor(&self) -> f64 {
        if self.logarithmic { 0.0 } else { f64::NEG_INFINITY }
    }

    /// Where a value is drawn.
    pub fn height(&self, value: f64) -> f64 {
        if self.logarithmic { value.log10() } else { value }
    }

    /// The value that is drawn at a height.
    pub fn value(&self, height: f64) -> f64 {
        if self.logarithmic { 10_f64.powf(height) } else { height }
    }
}

/// How a line is drawn besides its colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dash {
    Solid,
    Dashed,
    Dotted,
    Long,
}

impl Dash {
    const ALL: [Self; 4] = [Self::Solid, Self::Dashed, Self::Dotted, Self::Long];

    /// Lengths of a dash and of the gap behind it, in points.
    pub fn lengths(self) -> Option<(f32, f32)> {
        match self {
            Self::Solid => None,
            Self::Dashed => Some((7.0, 4.0)),
            Self::Dotted => Some((2.0, 3.0)),
            Self::Long => Some((16.0, 5.0)),
        }
    }
}

/// The parts of a line that are drawn if dashes of `on` follow gaps of `off`, both measured along x, which never falls.
/// Along the line itself a noisy one would have thousands of dashes.
pub fn dashes(points: &[[f64; 2]], on: f64, off: f64) -> Vec<Vec<[f64; 2]>> {
    let period = on + off;
    if !(period.is_finite() && on > 0.0 && off > 0.0) {
        return vec![points.to_vec()];
    }
    let mut parts: Vec<Vec<[f64; 2]>> = Vec::new();
    let mut last_dash = None;
    let mut add = |dash: i64, point: [f64; 2]| {
        if last_dash.replace(dash) != Some(dash) {
            parts.push(Vec::new());
        }
        parts.last_mut().into_iter().for_each(|part| part.push(point));
    };
    for pair in points.windows(2) {
        let ([x0, y0], [x1, y1]) = (pair[0], pair[1]);
        for dash in (x0 / period).floor() as i64..=(x1 / period).floor() as i64 {
            let begin = dash as f64 * period;
            let (from, to) = (x0.max(begin), x1.min(begin + on));
            if from < to || (x0 == x1 && from == to) {
                let at = |x: f64| if x1 > x0 { [x, y0 + (y1 - y0) * (x - x0) / (x1 - x0)] } else { [x, y0] };
                add(dash, at(from));
                add(dash, if x1 > x0 { at(to) } else { pair[1] });
            }
        }
    }
    parts
}

/// A run whose curves are drawn.
#[derive(Clone, Copy)]
pub struct Source<'a> {
    /// Empty if it is the only one.
    pub name: &'a str,
    pub curves: &'a Curves,
}

/// One line of a plot.
#[derive(Clone)]
pub struct Line<'a> {
    pub name: String,
    /// Index into the colours of series.
    pub colour: usize,
    pub dash: Dash,
    pub table: &'a Table,
    pub series: &'a Series,
}

/// Lines of fewer points, as of evaluations, are shown as they are.
const FEW: usize = 20;

impl Line<'_> {
    /// Whether each of its points is worth a mark.
    pub fn has_few_points(&self) -> bool {
        self.table.marks.len() < FEW
    }

    /// Whether its smoothed values are drawn, over the raw ones.
    pub fn is_smoothed(&self, look: &Look) -> bool {
        look.smoothing > 0.0 && !self.has_few_points()
    }

    /// Points to draw between two bounds of the axis, the raw values or the smoothed ones, by about `columns` parts.
    pub fn points(&self, look: &Look, smoothed: bool, bounds: (f64, f64), columns: usize) -> Vec<[f64; 2]> {
        let values = if smoothed { &self.series.smoothed } else { &self.series.values };
        let x = |index: usize| look.axis.of(&self.table.marks[index]);
        let range = envelope::visible(self.table.marks.len(), x, bounds);
        let kept = envelope::extremes(values, range, columns, look.floor());
        kept.into_iter().map(|index| [x(index), look.height(values[index])]).collect()
    }

    /// The value whose mark is nearest to a place on the axis, if it is within the run.
    pub fn nearest(&self, look: &Look, place: f64) -> Option<(Mark, f64)> {
        let marks = &self.table.marks;
        let x = |index: usize| look.axis.of(&marks[index]);
        let after = envelope::visible(marks.len(), x, (place, f64::INFINITY)).start;
        let near = (after..(after + 2).min(marks.len())).filter(|index| self.series.values[*index].is_finite());
        let index = near.min_by(|one, other| (x(*one) - place).abs().total_cmp(&(x(*other) - place).abs()))?;
        Some((marks[index], self.series.values[index]))
    }
}

/// The lines of a chart, hidden ones too. Of one run all that is chosen, dashed where colours run out; of several one
/// line a run, in its own colour and dash. `name` puts a series into words.
pub fn lines<'a>(chart: Chart, sources: &[Source<'a>], look: &Look, name: impl Fn(&str) -> String) -> Vec<Line<'a>> {
    let chosen = match chart {
        Chart::Loss => look.part.as_deref(),
        Chart::Evaluation => look.metric.as_deref(),
        _ => None,
    };
    let mut lines = Vec::new();
    if let [source] = sources {
        let series = source.curves.of(chart).filter(|series| chosen.is_none_or(|chosen| series.name == chosen));
        for (index, series) in series.enumerate() {
            let (colour, dash) = (index % COLOURS, Dash::ALL[index / COLOURS % Dash::ALL.len()]);
            lines.push(Line { name: name(&series.name), colour, dash, table: source.curves.table(chart), series });
        }
        return lines;
    }
    for (index, source) in sources.iter().enumerate() {
        let mut of = source.curves.of(chart);
        let series = match chosen {
            Some(chosen) => of.find(|series| series.name == chosen),
            None => of.next(),
        };
        if let Some(series) = series {
            let (colour, dash) = (index % COLOURS, Dash::ALL[index % Dash::ALL.len()]);
            lines.push(Line { name: source.name.into(), colour, dash, table: source.curves.table(chart), series });
        }
    }
    lines
}

/// So many colours the theme has for series.
const COLOURS: usize = 6;

/// Small and large numbers short: `1e-5`, `0.25`, `12`.
pub fn compact(value: f64) -> String {
    let size = value.abs();
    if size == 0.0 {
        "0".into()
    } else if !(1e-3..1e5).contains(&size) {
        let text = format!("{value:.2e}");
        text.replace(".00e", "e").replace("0e", "e")
    } else {
        let decimals = if size < 1.0 { 4 } else { 2 };
        let text = format!("{value:.decimals$}");
        text.trim_end_matches('0').trim_end_matches('.').into()
    }
}

#[cfg(test)]
mod tests {
    use super::super::curves::tests::report;
    use super::*;

    fn run(losses: &[f64]) -> Curves {
        let mut curves = Curves::default();
        losses.iter().enumerate().for_each(|(index, loss)| curves.push(&report(index + 1, *loss, Some(1.0))));
        curves
    }

    #[test]
    fn numbers_stay_short() {
        let shown: Vec<_> = [0.0, 5e-5, 2.5e-6, 0.25, 0.0312, 2.345, 123.4].map(compact).into();
        assert_eq!(shown, ["0", "5e-5", "2.5e-6", "0.25", "0.0312", "2.35", "123.4"]);
        assert_eq!(Axis::Time.text(3725.4), "1:02:05");
    }

    #[test]
    fn one_run_shows_its_parts_and_several_one_line_each() {
        let (one, other) = (run(&[3.0, 2.0]), run(&[4.0, 1.0]));
        let look = Look::default();
        let alone = lines(Chart::Loss, &[Source { name: "", curves: &one }], &look, str::to_uppercase);
        let names: Vec<_> = alone.iter().map(|line| line.name.as_str()).collect();
        assert_eq!(names, ["LOSS_TOTAL", "LOSS_DENSE", "LOSS_SPARSE"]);
        let sources = [Source { name: "one", curves: &one }, Source { name: "other", curves: &other }];
        let both = lines(Chart::Loss, &sources, &look, str::to_uppercase);
        let drawn: Vec<_> = both.iter().map(|line| (line.name.as_str(), line.series.name.as_str())).collect();
        assert_eq!(drawn, [("one", "loss_total"), ("other", "loss_total")]);
        assert!(both[0].colour != both[1].colour && both[0].dash != both[1].dash);
        let sparse = Look { part: Some("loss_sparse".into()), ..look };
        assert!(
            lines(Chart::Loss, &sources, &sparse, str::to_uppercase)
                .iter()
                .all(|line| line.series.name == "loss_sparse")
        );
    }

    #[test]
    fn a_logarithmic_look_leaves_out_what_has_no_logarithm() {
        let curves = run(&[100.0, 0.0, 0.01]);
        let look = Look { logarithmic: true, axis: Axis::Epoch, ..Look::default() };
        let line = &lines(Chart::Loss, &[Source { name: "", curves: &curves }], &look, str::to_string)[0];
        let points = line.points(&look, false, (f64::NEG_INFINITY, f64::INFINITY), 10);
        assert_eq!(points.len(), 2);
        assert!((points[0][1] - 2.0).abs() < 1e-12 && (points[1][1] + 2.0).abs() < 1e-12);
        assert_eq!((points[0][0], points[1][0]), (0.1, 0.3));
        assert!((look.value(look.height(0.05)) - 0.05).abs() < 1e-12);
    }

    #[test]
    fn dashes_lie_on_their_line_and_are_as_long_as_they_should_be() {
        let line: Vec<[f64; 2]> = (0..=100).map(|x| [x as f64 * 0.7, x as f64 * 1.4]).collect();
        let parts = dashes(&line, 7.0, 3.0);
        assert_eq!(parts.len(), 7);
        for (number, part) in parts.iter().enumerate() {
            let (first, last) = (part[0], part[part.len() - 1]);
            assert!((first[0] - number as f64 * 10.0).abs() < 1e-9, "{first:?}");
            assert!((last[0] - (number as f64 * 10.0 + 7.0)).abs() < 1e-9, "{last:?}");
            assert!(part.iter().all(|[x, y]| (y - 2.0 * x).abs() < 1e-9));
        }
        // A steep piece belongs to its dash as a whole.
        assert_eq!(dashes(&[[1.0, 0.0], [1.0, 9.0]], 7.0, 3.0), [[[1.0, 0.0], [1.0, 9.0]]]);
        assert_eq!(dashes(&line, f64::NAN, 3.0).concat(), line);
    }

    #[test]
    fn the_value_under_the_pointer_is_the_nearest_one_s() {
        let curves = run(&[5.0, 6.0, 7.0]);
        let look = Look::default();
        let line = &lines(Chart::Loss, &[Source { name: "", curves: &curves }], &look, str::to_string)[0];
        for (place, expected) in [(0.0, 5.0), (1.4, 5.0), (1.6, 6.0), (9.0, 7.0)] {
            assert_eq!(line.nearest(&look, place).unwrap().1, expected, "at {place}");
        }
    }
}
