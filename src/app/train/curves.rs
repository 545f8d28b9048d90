//! The numbers of a run as curves: every point of them, and smoothed.

use crate::training::{Evaluation, LossParts, StepReport};

/// What belongs into one plot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Chart {
    Loss,
    Evaluation,
    LearningRate,
    GradNorm,
    Speed,
    Memory,
}

impl Chart {
    pub const ALL: [Self; 6] =
        [Self::Loss, Self::Evaluation, Self::LearningRate, Self::GradNorm, Self::Speed, Self::Memory];

    /// The key of its title.
    pub fn key(self) -> &'static str {
        match self {
            Self::Loss => "plot_loss",
            Self::Evaluation => "plot_evaluation",
            Self::LearningRate => "plot_learning_rate",
            Self::GradNorm => "plot_grad_norm",
            Self::Speed => "plot_speed",
            Self::Memory => "plot_memory",
        }
    }
}

/// Where a point stands in its run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mark {
    pub step: usize,
    pub epoch: f64,
    /// In seconds since the run began.
    pub time: f64,
}

/// One number over the marks of its table.
#[derive(Clone, Debug)]
pub struct Series {
    /// Key of its name, or the name of a metric.
    pub name: String,
    pub chart: Chart,
    /// NaN at the marks that have no such number.
    pub values: Vec<f64>,
    pub smoothed: Vec<f64>,
    average: Average,
}

/// Numbers that are taken together.
#[derive(Clone, Debug, Default)]
pub struct Table {
    pub marks: Vec<Mark>,
    pub series: Vec<Series>,
}

/// Curves of one table that are kept.
const MOST_SERIES: usize = 256;

/// All curves of a run.
#[derive(Clone, Debug, Default)]
pub struct Curves {
    pub steps: Table,
    pub evaluations: Table,
    /// Weight of the past in the smoothed curves, from 0 to below 1.
    smoothing: f64,
    /// When the run began, in seconds since 1970.
    began: Option<f64>,
}

/// An exponential average that is not drawn towards 0 at its beginning, as TensorBoard smooths its curves
/// (`tf_line_chart_data_loader`) and Adam its moments (Kingma and Ba 2015).
#[derive(Clone, Copy, Debug, Default)]
struct Average {
    sum: f64,
    weight: f64,
    /// The value of all so far, if there was but one: what never changes is not made uneven by rounding.
    constant: Option<f64>,
}

impl Average {
    fn add(&mut self, value: f64, smoothing: f64) -> f64 {
        if !value.is_finite() {
            return value;
        }
        self.constant = if self.weight == 0.0 { Some(value) } else { self.constant.filter(|known| *known == value) };
        self.sum = smoothing * self.sum + (1.0 - smoothing) * value;
        self.weight = smoothing * self.weight + (1.0 - smoothing);
        self.constant.unwrap_or(self.sum / self.weight)
    }
}

impl Series {
    fn push(&mut self, value: f64, smoothing: f64) {
        self.values.push(value);
        self.smoothed.push(self.average.add(value, smoothing));
    }

    fn smooth(&mut self, smoothing: f64) {
        self.average = Average::default();
        self.smoothed.clear();
        self.smoothed.extend(self.values.iter().map(|value| self.average.add(*value, smoothing)));
    }
}

impl Table {
    fn push<'a>(&mut self, mark: Mark, values: impl Iterator<Item = (&'a str, Chart, f64)>, smoothing: f64) {
        for (name, chart, value) in values {
            let series = match self.series.iter_mut().position(|series| series.name == name) {
                Some(known) => &mut self.series[known],
                // No run has so many; each takes a place for every mark.
                None if self.series.len() >= MOST_SERIES => continue,
                None => {
                    let (values, smoothed) = (vec![f64::NAN; self.marks.len()], vec![f64::NAN; self.marks.len()]);
                    let average = Average::default();
                    self.series.push(Series { name: name.into(), chart, values, smoothed, average });
                    let last = self.series.len() - 1;
                    &mut self.series[last]
                }
            };
            series.push(value, smoothing);
        }
        self.marks.push(mark);
        for series in self.series.iter_mut().filter(|series| series.values.len() < self.marks.len()) {
            series.push(f64::NAN, smoothing);
        }
    }

    fn cut_after(&mut self, step: usize, smoothing: f64) {
        let kept = self.marks.partition_point(|mark| mark.step <= step);
        self.marks.truncate(kept);
        for series in &mut self.series {
            series.values.truncate(kept);
            series.smooth(smoothing);
        }
        self.series.retain(|series| series.values.iter().any(|value| !value.is_nan()));
    }

    fn smooth(&mut self, smoothing: f64) {
        self.series.iter_mut().for_each(|series| series.smooth(smoothing));
    }
}

impl Curves {
    pub fn push(&mut self, report: &StepReport) {
        let mark = self.mark(report.step, report.epoch, report.time, report.seconds);
        let fixed = [
            ("learning_rate", Chart::LearningRate, report.learning_rate),
            ("grad_norm", Chart::GradNorm, report.grad_norm),
        ];
        let is_timed = report.tokens > 0 && report.seconds > 0.0;
        let speed = is_timed.then(|| ("speed", Chart::Speed, report.tokens as f64 / report.seconds));
        let memory = report.memory.map(|bytes| ("memory", Chart::Memory, bytes as f64 / 1e9));
        let losses = losses(&report.loss).map(|(name, value)| (name, Chart::Loss, value));
        self.steps.push(mark, losses.chain(fixed).chain(speed).chain(memory), self.smoothing);
    }

    pub fn push_evaluation(&mut self, evaluation: &Evaluation) {
        let mark = self.mark(evaluation.step, evaluation.epoch, evaluation.time, 0.0);
        let metrics = evaluation.metrics.iter().map(|(name, value)| (name.as_str(), Chart::Evaluation, *value));
        self.evaluations.push(mark, metrics, self.smoothing);
    }

    /// Forgets what was after a step: the run goes on from there.
    pub fn cut_after(&mut self, step: usize) {
        self.steps.cut_after(step, self.smoothing);
        self.evaluations.cut_after(step, self.smoothing);
    }

    pub fn set_smoothing(&mut self, smoothing: f64) {
        if self.smoothing != smoothing {
            self.smoothing = smoothing;
            self.steps.smooth(smoothing);
            self.evaluations.smooth(smoothing);
        }
    }

    pub fn is_empty(&self) -> bool {
        self.steps.marks.is_empty() && self.evaluations.marks.is_empty()
    }

    /// The table that has a chart's numbers.
    pub fn table(&self, chart: Chart) -> &Table {
        if chart == Chart::Evaluation { &self.evaluations } else { &self.steps }
    }

    pub fn of(&self, chart: Chart) -> impl Iterator<Item = &Series> {
        self.table(chart).series.iter().filter(move |series| series.chart == chart)
    }

    fn mark(&mut self, step: usize, epoch: f64, time: f64, seconds: f64) -> Mark {
        let began = *self.began.get_or_insert(time - seconds);
        Mark { step, epoch, time: time - began }
    }
}

/// The parts of a loss that are there, by the keys of their names. A run of dense vectors alone has none but the total.
fn losses(loss: &LossParts) -> impl Iterator<Item = (&'static str, f64)> {
    let unified = loss.sparse.is_some() || loss.colbert.is_some();
    let parts = [
        ("loss_total", Some(loss.total)),
        ("loss_dense", unified.then_some(loss.dense)),
        ("loss_sparse", loss.sparse),
        ("loss_colbert", loss.colbert),
        ("loss_ensemble", loss.ensemble),
        ("loss_self_distill_dense", loss.self_distill_dense),
        ("loss_self_distill_sparse", loss.self_distill_sparse),
        ("loss_self_distill_colbert", loss.self_distill_colbert),
        ("loss_knowledge_distill", loss.knowledge_distill),
    ];
    parts.into_iter().filter_map(|(name, value)| Some((name, value?)))
}

#[cfg(test)]
pub mod tests {
    use super::*;

    pub fn report(step: usize, total: f64, sparse: Option<f64>) -> StepReport {
        let loss = LossParts { total, dense: total, sparse, ..Default::default() };
        StepReport {
            step,
            steps: 100_000,
            epoch: step as f64 / 10.0,
            loss,
            learning_rate: 1e-5,
            grad_norm: 1.0,
            tokens: 10,
            seconds: 1.0,
            time: 1000.0 + step as f64,
            memory: None,
        }
    }

    fn values<'a>(curves: &'a Curves, name: &str) -> &'a Series {
        curves.steps.series.iter().find(|series| series.name == name).unwrap()
    }

    /// What TensorBoard's own loop gives for these values and weight, computed by hand.
    #[test]
    fn curves_are_smoothed_as_tensorboard_does() {
        let mut curves = Curves::default();
        curves.set_smoothing(0.9);
        for (step, value) in [(1, 4.0), (2, 2.0), (3, f64::NAN), (4, 1.0)] {
            curves.push(&report(step, value, None));
        }
        let expected = [4.0, 0.56 / 0.19, f64::NAN, (0.9 * 0.56 + 0.1) / (1.0 - 0.9_f64.powi(3))];
        let smoothed = values(&curves, "loss_total").smoothed.clone();
        for (found, expected) in smoothed.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-12 || (found.is_nan() && expected.is_nan()), "{smoothed:?}");
        }
        assert!(values(&curves, "learning_rate").smoothed.iter().all(|rate| *rate == 1e-5));
        // The slider gives the same as if it had stood there from the beginning.
        curves.set_smoothing(0.0);
        assert_eq!(values(&curves, "loss_total").smoothed[..2], [4.0, 2.0]);
        curves.set_smoothing(0.9);
        assert_eq!(values(&curves, "loss_total").smoothed[3], smoothed[3]);
    }

    #[test]
    fn parts_appear_with_the_step_that_has_them() {
        let mut curves = Curves::default();
        curves.push(&report(1, 4.0, None));
        curves.push(&report(2, 3.0, Some(5.0)));
        curves.push(&report(3, 2.0, None));
        let names: Vec<_> = curves.of(Chart::Loss).map(|series| series.name.as_str()).collect();
        assert_eq!(names, ["loss_total", "loss_dense", "loss_sparse"]);
        let sparse = &values(&curves, "loss_sparse").values;
        assert!(sparse[0].is_nan() && sparse[1] == 5.0 && sparse[2].is_nan());
        assert_eq!(curves.steps.marks[2], Mark { step: 3, epoch: 0.3, time: 3.0 });
    }

    #[test]
    fn a_run_that_goes_on_from_a_step_forgets_what_came_after_it() {
        let mut curves = Curves::default();
        curves.set_smoothing(0.5);
        for step in 1..=4 {
            curves.push(&report(step, step as f64, (step > 2).then_some(1.0)));
            let metrics = [("ndcg@10".to_string(), 0.5)].into();
            curves.push_evaluation(&Evaluation { step, time: 1000.5 + step as f64, metrics, ..Default::default() });
        }
        curves.cut_after(2);
        assert_eq!((curves.steps.marks.len(), curves.evaluations.marks.len()), (2, 2));
        assert!(curves.of(Chart::Loss).all(|series| series.name != "loss_sparse"));
        curves.push(&report(3, 9.0, None));
        let mut straight = Curves::default();
        straight.set_smoothing(0.5);
        for (step, loss) in [(1, 1.0), (2, 2.0), (3, 9.0)] {
            straight.push(&report(step, loss, None));
        }
        assert_eq!(values(&curves, "loss_total").smoothed, values(&straight, "loss_total").smoothed);
    }

    #[test]
    fn every_point_of_a_long_run_is_kept() {
        let mut curves = Curves::default();
        for step in 1..=100_000 {
            curves.push(&report(step, 1.0, Some(2.0)));
        }
        assert!(curves.steps.series.iter().all(|series| series.values.len() == 100_000));
    }
}
