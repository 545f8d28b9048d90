//! The curves of a run, as they grow.

use egui_plot::PlotPoint;

use crate::training::{Evaluation, LossParts, StepReport};

/// Weight of the past in the smoothed loss.
const SMOOTHING: f64 = 0.9;
/// A curve keeps at most this many points; then every second one goes.
const MOST_POINTS: usize = 4096;

/// The metrics that are drawn.
const SHOWN_METRICS: [&str; 3] = ["recall@1", "mrr@10", "ndcg@10"];

/// One named curve over the steps.
#[derive(Clone, Debug, Default)]
pub struct Curve {
    /// Key of its name, or a metric's own name.
    pub name: &'static str,
    pub points: Vec<PlotPoint>,
}

/// All curves of a run.
#[derive(Clone, Debug)]
pub struct Curves {
    /// Total loss of each step, and smoothed.
    pub total: Curve,
    pub smoothed: Curve,
    /// The parts that the run has.
    pub parts: Vec<Curve>,
    pub learning_rate: Curve,
    pub grad_norm: Curve,
    /// Evaluation metrics, at each evaluation.
    pub metrics: Vec<Curve>,
    average: Average,
    steps: usize,
    /// Only every so manieth step is kept.
    stride: usize,
}

/// An exponential average that is not drawn towards 0 at its beginning (as Adam's, Kingma and Ba 2015).
#[derive(Clone, Copy, Debug, Default)]
struct Average {
    sum: f64,
    weight: f64,
}

impl Average {
    fn add(&mut self, value: f64) -> f64 {
        self.sum = SMOOTHING * self.sum + (1.0 - SMOOTHING) * value;
        self.weight = SMOOTHING * self.weight + (1.0 - SMOOTHING);
        self.sum / self.weight
    }
}

impl Default for Curves {
    fn default() -> Self {
        let curve = |name| Curve { name, points: Vec::new() };
        Self {
            total: curve("loss_total"),
            smoothed: curve("loss_smoothed"),
            parts: Vec::new(),
            learning_rate: curve("learning_rate"),
            grad_norm: curve("grad_norm"),
            metrics: Vec::new(),
            average: Average::default(),
            steps: 0,
            stride: 1,
        }
    }
}

impl Curves {
    pub fn push(&mut self, report: &StepReport) {
        let smoothed = self.average.add(report.loss.total);
        self.steps += 1;
        if !(self.steps - 1).is_multiple_of(self.stride) {
            return;
        }
        let step = report.step as f64;
        let at = |value: f64| PlotPoint::new(step, value);
        self.total.points.push(at(report.loss.total));
        self.smoothed.points.push(at(smoothed));
        self.learning_rate.points.push(at(report.learning_rate));
        self.grad_norm.points.push(at(report.grad_norm));
        for (name, value) in parts(&report.loss) {
            match self.parts.iter_mut().find(|curve| curve.name == name) {
                Some(curve) => curve.points.push(at(value)),
                None => self.parts.push(Curve { name, points: vec![at(value)] }),
            }
        }
        if self.total.points.len() > MOST_POINTS {
            self.thin_out();
        }
    }

    pub fn evaluated(&mut self, evaluation: &Evaluation) {
        for name in SHOWN_METRICS {
            let Some(value) = evaluation.metrics.get(name) else { continue };
            let point = PlotPoint::new(evaluation.step as f64, *value);
            match self.metrics.iter_mut().find(|curve| curve.name == name) {
                Some(curve) => curve.points.push(point),
                None => self.metrics.push(Curve { name, points: vec![point] }),
            }
        }
    }

    pub fn is_empty(&self) -> bool {
        self.total.points.is_empty()
    }

    fn thin_out(&mut self) {
        self.stride *= 2;
        let fixed = [&mut self.total, &mut self.smoothed, &mut self.learning_rate, &mut self.grad_norm];
        for curve in fixed.into_iter().chain(&mut self.parts) {
            let mut index = 0;
            curve.points.retain(|_| {
                index += 1;
                index % 2 == 1
            });
        }
    }
}

/// The parts of a loss that are there, by the keys of their names. A run of dense vectors alone has none.
fn parts(loss: &LossParts) -> impl Iterator<Item = (&'static str, f64)> {
    let unified = loss.sparse.is_some() || loss.colbert.is_some();
    let parts = [
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
mod tests {
    use super::*;

    fn report(step: usize, total: f64, sparse: Option<f64>) -> StepReport {
        let loss = LossParts { total, dense: total, sparse, ..Default::default() };
        StepReport {
            step,
            steps: 100_000,
            epoch: 0.0,
            loss,
            learning_rate: 1e-5,
            grad_norm: 1.0,
            tokens: 10,
            seconds: 1.0,
            time: 0.0,
            memory: None,
        }
    }

    #[test]
    fn the_smoothed_loss_begins_at_the_first_loss_and_follows_slowly() {
        let mut curves = Curves::default();
        curves.push(&report(1, 4.0, None));
        assert!((curves.smoothed.points[0].y - 4.0).abs() < 1e-9);
        curves.push(&report(2, 2.0, None));
        // (0.9 · 0.1 · 4 + 0.1 · 2) / (1 - 0.9²)
        assert!((curves.smoothed.points[1].y - 0.56 / 0.19).abs() < 1e-9);
        assert!(curves.parts.is_empty());
    }

    #[test]
    fn parts_appear_with_the_step_that_has_them() {
        let mut curves = Curves::default();
        curves.push(&report(1, 4.0, None));
        curves.push(&report(2, 3.0, Some(5.0)));
        let names: Vec<_> = curves.parts.iter().map(|curve| (curve.name, curve.points.len())).collect();
        assert_eq!(names, [("loss_dense", 1), ("loss_sparse", 1)]);
    }

    #[test]
    fn a_long_run_keeps_few_points_evenly() {
        let mut curves = Curves::default();
        for step in 1..=20_000 {
            curves.push(&report(step, 1.0, Some(2.0)));
        }
        let points = &curves.total.points;
        assert!(points.len() <= MOST_POINTS && points.len() > MOST_POINTS / 4, "{}", points.len());
        let gaps: Vec<_> = points.windows(2).map(|pair| pair[1].x - pair[0].x).collect();
        assert!(gaps.iter().all(|gap| *gap == gaps[0]), "uneven");
        assert_eq!(curves.parts[1].points.len(), points.len());
    }
}
