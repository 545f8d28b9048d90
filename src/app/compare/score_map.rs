//! The scores of every question with every passage, and which part of them is looked at.

use std::sync::Arc;

/// Scores `[questions, passages]` as a picture is made of them.
#[derive(Debug)]
pub struct ScoreMap {
    questions: usize,
    passages: usize,
    scores: Vec<f32>,
    right: Vec<u8>,
    range: (f32, f32),
    is_change: bool,
    /// One row from the lowest to the highest score; a scale has none itself.
    scale: Option<Arc<ScoreMap>>,
}

/// Colours of a scale.
const SHADES: usize = 128;

impl ScoreMap {
    /// Scores row by row, one row a question; `relevant` names each question's right passages.
    /// `None` if the sizes do not agree or there is nothing to show.
    pub fn new(passages: usize, scores: Vec<f32>, relevant: &[Vec<usize>]) -> Option<Self> {
        Self::build(passages, scores, relevant, false)
    }

    /// Scores of `tuned` minus those of `base`; `None` if their shapes differ.
    pub fn change(base: &Self, tuned: &Self) -> Option<Self> {
        if base.shape() != tuned.shape() {
            return None;
        }
        let scores: Vec<f32> = tuned.scores.iter().zip(&base.scores).map(|(tuned, base)| tuned - base).collect();
        let largest = scores.iter().fold(0.0_f32, |largest, score| largest.max(score.abs()));
        let (range, is_change, right) = ((-largest, largest), true, base.right.clone());
        let scale = Self::scale_of(range, is_change);
        Some(Self { scores, range, is_change, right, scale, questions: base.questions, passages: base.passages })
    }

    fn build(passages: usize, scores: Vec<f32>, relevant: &[Vec<usize>], is_change: bool) -> Option<Self> {
        let questions = relevant.len();
        if scores.is_empty() || scores.len() != questions * passages {
            return None;
        }
        let mut right = vec![0_u8; scores.len()];
        for (question, answers) in relevant.iter().enumerate() {
            for &passage in answers.iter().filter(|passage| **passage < passages) {
                right[question * passages + passage] = 1;
            }
        }
        let finite = scores.iter().copied().filter(|score| score.is_finite());
        let range =
            finite.fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), score| (low.min(score), high.max(score)));
        let scale = Self::scale_of(range, is_change);
        Some(Self { questions, passages, scores, right, range, is_change, scale })
    }

    fn scale_of(range: (f32, f32), is_change: bool) -> Option<Arc<Self>> {
        let (low, high) = range;
        let scores = (0..SHADES).map(|shade| low + (high - low) * shade as f32 / (SHADES - 1) as f32).collect();
        let (questions, passages, right) = (1, SHADES, vec![0; SHADES]);
        Some(Arc::new(Self { questions, passages, scores, right, range, is_change, scale: None }))
    }

    /// One row from the lowest to the highest score, in the map's colours.
    pub fn scale(&self) -> Option<&Arc<Self>> {
        self.scale.as_ref()
    }

    /// Questions and passages.
    pub fn shape(&self) -> [usize; 2] {
        [self.questions, self.passages]
    }

    pub fn scores(&self) -> &[f32] {
        &self.scores
    }

    /// 1 where the passage is right, in the order of the scores.
    pub fn right(&self) -> &[u8] {
        &self.right
    }

    /// Scores of the first and the last colour.
    pub fn range(&self) -> (f32, f32) {
        self.range
    }

    /// Whether these are changes around 0.
    pub fn is_change(&self) -> bool {
        self.is_change
    }

    /// The score of a cell, and whether its passage is right.
    pub fn cell(&self, question: usize, passage: usize) -> Option<(f32, bool)> {
        if question >= self.questions || passage >= self.passages {
            return None;
        }
        let cell = question * self.passages + passage;
        Some((self.scores[cell], self.right[cell] == 1))
    }
}

/// Which cells the area shows: x counts passages, y questions.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MapView {
    /// The cell at the top left corner.
    pub origin: [f32; 2],
    /// Cells across the area.
    pub extent: [f32; 2],
}

impl MapView {
    /// The whole map.
    pub fn whole([questions, passages]: [usize; 2]) -> Self {
        Self { origin: [0.0; 2], extent: [passages as f32, questions as f32] }
    }

    /// `[question, passage]` at a place given as a part (0 to 1) of the area.
    pub fn cell_at(&self, place: [f32; 2]) -> [usize; 2] {
        let [x, y] = [0, 1].map(|axis| (self.origin[axis] + place[axis] * self.extent[axis]).max(0.0) as usize);
        [y, x]
    }

    /// Shows `1 / factor` of what was shown, with the cell under `place` staying where it is.
    pub fn zoom(&mut self, factor: f32, place: [f32; 2], shape: [usize; 2]) {
        let whole = Self::whole(shape);
        for (axis, place) in place.into_iter().enumerate() {
            let kept = self.origin[axis] + place * self.extent[axis];
            self.extent[axis] = (self.extent[axis] / factor).clamp(whole.extent[axis].min(4.0), whole.extent[axis]);
            self.origin[axis] = kept - place * self.extent[axis];
        }
        self.keep_inside(shape);
    }

    /// Moves by parts of the area.
    pub fn pan(&mut self, by: [f32; 2], shape: [usize; 2]) {
        for (axis, by) in by.into_iter().enumerate() {
            self.origin[axis] -= by * self.extent[axis];
        }
        self.keep_inside(shape);
    }

    fn keep_inside(&mut self, shape: [usize; 2]) {
        let whole = Self::whole(shape);
        for axis in 0..2 {
            self.origin[axis] = self.origin[axis].clamp(0.0, whole.extent[axis] - self.extent[axis]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map() -> ScoreMap {
        ScoreMap::new(3, vec![0.1, 0.9, 0.2, 0.4, 0.3, 0.8], &[vec![1], vec![0, 2]]).unwrap()
    }

    #[test]
    fn a_cell_tells_its_score_and_whether_it_is_right() {
        let map = map();
        assert_eq!(map.cell(0, 1), Some((0.9, true)));
        assert_eq!(map.cell(1, 1), Some((0.3, false)));
        assert_eq!(map.cell(1, 2), Some((0.8, true)));
        assert_eq!(map.cell(2, 0), None);
        assert_eq!(map.range(), (0.1, 0.9));
    }

    #[test]
    fn a_scale_runs_from_the_lowest_score_to_the_highest() {
        let map = map();
        let scale = map.scale().unwrap();
        assert_eq!((scale.range(), scale.shape()), (map.range(), [1, SHADES]));
        assert_eq!((scale.scores()[0], scale.scores()[SHADES - 1]), (0.1, 0.9));
        assert!(scale.scores().is_sorted() && scale.scale().is_none());
    }

    #[test]
    fn sizes_that_do_not_agree_are_refused() {
        assert!(ScoreMap::new(3, vec![0.0; 5], &[vec![], vec![]]).is_none());
        assert!(ScoreMap::new(0, vec![], &[]).is_none());
    }

    #[test]
    fn a_change_is_tuned_less_base_around_nought() {
        let tuned = ScoreMap::new(3, vec![0.1, 0.5, 0.2, 0.4, 0.3, 1.0], &[vec![1], vec![0, 2]]).unwrap();
        let change = ScoreMap::change(&map(), &tuned).unwrap();
        assert!((change.cell(0, 1).unwrap().0 + 0.4).abs() < 1e-6);
        assert!((change.range().0 + change.range().1).abs() < 1e-6 && change.range().1 > 0.39);
    }

    #[test]
    fn zooming_keeps_the_cell_under_the_pointer_and_stays_inside() {
        let shape = [100, 200];
        let mut view = MapView::whole(shape);
        let place = [0.25, 0.5];
        let before = view.cell_at(place);
        view.zoom(4.0, place, shape);
        assert_eq!(view.cell_at(place), before);
        assert_eq!(view.extent, [50.0, 25.0]);
        view.pan([9.0, 9.0], shape);
        assert_eq!(view.origin, [0.0, 0.0]);
        view.zoom(1e-3, place, shape);
        assert_eq!(view, MapView::whole(shape));
    }
}
