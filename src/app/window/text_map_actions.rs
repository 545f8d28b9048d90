//! What the map of texts asks for.

use std::sync::Arc;

use super::{Bench, Window};
use crate::app::compare::PointsAction;
use crate::app::data;
use crate::jobs::map::{self, MapRequest};

impl Window {
    pub(super) fn apply_points(&mut self, action: PointsAction) {
        let map = &mut self.compare.text_map;
        match action {
            PointsAction::LayOut => self.lay_out(),
            PointsAction::Cancel => map.cancel(),
            PointsAction::Choose(layout) => map.choose(layout),
            PointsAction::SetShare(share) => map.share = share,
            PointsAction::ColourBy(colour_by) => map.colour_by(colour_by),
            PointsAction::Isolate(colour) => map.isolate(colour),
            PointsAction::Lassoing(lassoing) => map.is_lassoing = lassoing,
            PointsAction::SetView(view) => map.view = Some(view),
            PointsAction::Hover(point) => map.hovered = point,
            PointsAction::Draw(line) => map.lasso = line,
            PointsAction::CloseLasso => map.close_lasso(),
            PointsAction::Unchoose => map.unchoose(),
            PointsAction::ShowRows => {
                let (texts, _) = map.chosen_texts();
                let filter = data::view::Filter { among: Some(Arc::new(texts)), ..data::view::Filter::default() };
                self.apply_data(data::Action::Filter(filter));
                self.bench = Bench::Data;
            }
        }
    }

    fn lay_out(&mut self) {
        let (Some(device), Some(source)) = (self.devices.chosen().cloned(), self.compare.sources().into_iter().next())
        else {
            return;
        };
        let (models, set) = (self.compare.models(), source.set);
        let cache = Some(self.workspace.cache());
        let request = MapRequest { device, models: models.clone(), set: set.clone(), cache };
        self.compare.text_map.begin(map::start(&self.jobs, request), models, set);
    }

    /// What is there at once is shown; the neighbours come when they are found.
    pub(super) fn drain_text_map(&mut self) {
        if let Some(laid) = self.compare.text_map.drain() {
            self.compare.text_map.near(map::start_neighbours(&self.jobs, laid));
        }
        let compare = &mut self.compare;
        compare.text_map.prepare(compare.shown[1], compare.result.as_ref());
    }
}
