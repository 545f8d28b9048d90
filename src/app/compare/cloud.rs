//! Points of a plane: what is looked at, what lies under the pointer, what a lasso holds.

use std::sync::Arc;

use rayon::prelude::*;

use crate::retrieval::projection::Place;

/// Colours that groups have; the last one is for what belongs to none of the others.
pub const COLOURS: usize = 8;

/// Bits of a point's look beside its group, as `shaders/points.wgsl` reads them.
pub const QUESTION: u32 = 8;
pub const FAINT: u32 = 16;
pub const CHOSEN: u32 = 32;

/// For each point its place in the first and in the second model.
#[derive(Debug)]
pub struct Cloud {
    pub places: Vec<[f32; 4]>,
    /// What all places lie in: its least and its greatest corner.
    bounds: [Place; 2],
}

impl Cloud {
    /// Where there is no second model, the points stay where they are.
    pub fn new(first: &[Place], second: Option<&Vec<Place>>) -> Arc<Self> {
        let second = second.map_or(first, Vec::as_slice);
        let places: Vec<[f32; 4]> =
            first.iter().zip(second).map(|(from, to)| [from[0], from[1], to[0], to[1]]).collect();
        let each = || first.iter().chain(second);
        let edge = |axis: usize, pick: fn(f32, f32) -> f32| each().map(|place| place[axis]).reduce(pick).unwrap_or(0.0);
        let bounds = [[edge(0, f32::min), edge(1, f32::min)], [edge(0, f32::max), edge(1, f32::max)]];
        Arc::new(Self { places, bounds })
    }

    pub fn place(&self, point: usize, share: f32) -> Place {
        let [x, y, to_x, to_y] = self.places[point];
        [x + (to_x - x) * share, y + (to_y - y) * share]
    }

    /// The whole plane in an area of this size, in points of the screen.
    pub fn whole(&self, size: [f32; 2]) -> PlaneView {
        let [low, high] = self.bounds;
        let extent = |axis: usize| (high[axis] - low[axis]).max(f32::MIN_POSITIVE) * 1.08;
        let zoom = (size[0] / extent(0)).min(size[1] / extent(1));
        let middle = |axis: usize| (low[axis] + high[axis]) / 2.0;
        PlaneView { centre: [middle(0), middle(1)], zoom: if zoom.is_finite() { zoom.clamp(1e-6, 1e6) } else { 1.0 } }
    }

    /// The nearest point that is no further from `place` than `reach`, and is not faint.
    pub fn nearest(&self, looks: &[u32], place: Place, share: f32, reach: f32) -> Option<usize> {
        let distance = |point: usize| {
            let at = self.place(point, share);
            (at[0] - place[0]).powi(2) + (at[1] - place[1]).powi(2)
        };
        let near = (0..self.places.len()).into_par_iter().with_min_len(1 << 14).filter_map(|point| {
            let away = distance(point);
            (away <= reach * reach && looks.get(point).is_some_and(|look| look & FAINT == 0)).then_some((away, point))
        });
        near.min_by(|one, other| one.0.total_cmp(&other.0).then(one.1.cmp(&other.1))).map(|(_, point)| point)
    }

    /// The points inside a closed line, those that are faint left out.
    pub fn inside(&self, looks: &[u32], lasso: &[Place], share: f32) -> Vec<usize> {
        if lasso.len() < 3 {
            return Vec::new();
        }
        let points = (0..self.places.len()).into_par_iter().with_min_len(1 << 12);
        let held = points.filter(|point| {
            looks.get(*point).is_some_and(|look| look & FAINT == 0) && is_inside(lasso, self.place(*point, share))
        });
        held.collect()
    }
}

/// Whether a ray from the place crosses the line an odd number of times.
fn is_inside(lasso: &[Place], [x, y]: Place) -> bool {
    let mut inside = false;
    let mut before = lasso[lasso.len() - 1];
    for &corner in lasso {
        if (corner[1] > y) != (before[1] > y) {
            let crossing = corner[0] + (y - corner[1]) / (before[1] - corner[1]) * (before[0] - corner[0]);
            inside ^= x < crossing;
        }
        before = corner;
    }
    inside
}

/// The part of the plane that is looked at; up is up.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PlaneView {
    /// What lies in the middle.
    pub centre: Place,
    /// Points of the screen for one unit of the plane.
    pub zoom: f32,
}

impl PlaneView {
    /// The place under a point of the screen, which is given from the middle of the area.
    pub fn place_at(&self, [x, y]: [f32; 2]) -> Place {
        [self.centre[0] + x / self.zoom, self.centre[1] - y / self.zoom]
    }

    /// Where a place is on the screen, from the middle of the area.
    pub fn on_screen(&self, [x, y]: Place) -> [f32; 2] {
        [(x - self.centre[0]) * self.zoom, (self.centre[1] - y) * self.zoom]
    }

    pub fn pan(&mut self, [x, y]: [f32; 2]) {
        self.centre = [self.centre[0] - x / self.zoom, self.centre[1] + y / self.zoom];
    }

    /// Nearer by this factor; what lies at `at` (from the middle of the area) stays there.
    pub fn zoom(&mut self, factor: f32, at: [f32; 2]) {
        let held = self.place_at(at);
        self.zoom = (self.zoom * factor).clamp(1e-6, 1e9);
        let moved = self.place_at(at);
        self.centre = [self.centre[0] + held[0] - moved[0], self.centre[1] + held[1] - moved[1]];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn square() -> Arc<Cloud> {
        let first = vec![[0.0, 0.0], [4.0, 0.0], [4.0, 2.0], [0.0, 2.0]];
        let second = first.iter().map(|[x, y]| [x + 10.0, *y]).collect();
        Cloud::new(&first, Some(&second))
    }

    #[test]
    fn points_go_straight_from_one_place_to_the_other() {
        assert_eq!(square().place(2, 0.5), [9.0, 2.0]);
        assert_eq!(Cloud::new(&[[1.0, 2.0]], None).place(0, 1.0), [1.0, 2.0]);
    }

    #[test]
    fn the_whole_is_seen_and_places_go_to_the_screen_and_back() {
        let cloud = square();
        let mut view = cloud.whole([700.0, 400.0]);
        for corner in [[0.0, 0.0], [14.0, 2.0]] {
            let [x, y] = view.on_screen(corner);
            assert!(x.abs() < 350.0 && y.abs() < 200.0, "{x} {y}");
            assert!(view.place_at([x, y]).iter().zip(corner).all(|(back, place)| (back - place).abs() < 1e-4));
        }
        assert!(view.on_screen([7.0, 2.0])[1] < 0.0, "up is up");
        let before = view.place_at([100.0, -50.0]);
        view.zoom(3.0, [100.0, -50.0]);
        let after = view.place_at([100.0, -50.0]);
        assert!((before[0] - after[0]).abs() < 1e-4 && (before[1] - after[1]).abs() < 1e-4);
        view.pan([30.0, 0.0]);
        assert!(view.place_at([130.0, -50.0])[0] - before[0] < 1e-4);
        // One point alone, or none, has a view too.
        for cloud in [Cloud::new(&[], None), Cloud::new(&[[3.0, 3.0]], None)] {
            assert!(cloud.whole([700.0, 400.0]).zoom.is_finite());
        }
    }

    #[test]
    fn the_nearest_within_reach_is_hovered_and_faint_ones_are_not() {
        let cloud = square();
        let looks = [0, 0, 0, FAINT];
        assert_eq!(cloud.nearest(&looks, [3.8, 0.1], 0.0, 0.5), Some(1));
        assert_eq!(cloud.nearest(&looks, [13.8, 0.1], 1.0, 0.5), Some(1));
        assert_eq!(cloud.nearest(&looks, [2.0, 1.0], 0.0, 0.5), None);
        assert_eq!(cloud.nearest(&looks, [0.0, 2.0], 0.0, 0.5), None);
    }

    #[test]
    fn a_lasso_holds_what_lies_inside_even_where_it_bends_inwards() {
        let cloud = square();
        // An L that leaves the corner at (4, 2) out.
        let lasso = [[-1.0, -1.0], [5.0, -1.0], [5.0, 1.0], [1.0, 1.0], [1.0, 3.0], [-1.0, 3.0]];
        assert_eq!(cloud.inside(&[0; 4], &lasso, 0.0), [0, 1, 3]);
        assert_eq!(cloud.inside(&[FAINT, 0, 0, 0], &lasso, 0.0), [1, 3]);
        assert_eq!(cloud.inside(&[0; 4], &lasso, 1.0), [0usize; 0]);
        assert_eq!(cloud.inside(&[0; 4], &lasso[..2], 0.0), [0usize; 0]);
    }
}
