//! Where the right passages of some questions stand at each evaluation of a run.

use crate::training::Evaluation;

/// So many questions are pinned at first.
const PINNED: usize = 8;
/// Ranks beyond this are not told from one another.
pub const LAST_RANK: usize = 100;
/// Where "not found" is drawn, below the last rank.
pub const NOT_FOUND: f64 = 160.0;

/// The ranks of all questions.
#[derive(Clone, Debug, Default)]
pub struct Board {
    pub questions: Vec<String>,
    pub evaluations: Vec<Evaluation>,
    /// Indices of the questions that are drawn, once somebody has chosen.
    chosen: Option<Vec<usize>>,
}

impl Board {
    pub fn set_questions(&mut self, questions: Vec<String>) {
        if self.questions != questions {
            *self = Self { questions, ..Self::default() };
        }
    }

    pub fn push(&mut self, evaluation: Evaluation) {
        self.evaluations.retain(|known| known.step != evaluation.step);
        self.evaluations.push(evaluation);
    }

    pub fn cut_after(&mut self, step: usize) {
        self.evaluations.retain(|evaluation| evaluation.step <= step);
    }

    /// The questions that are drawn: those that were chosen, else those whose right passages stood lowest in the first
    /// evaluation.
    pub fn pinned(&self) -> Vec<usize> {
        if let Some(chosen) = &self.chosen {
            return chosen.clone();
        }
        let Some(first) = self.evaluations.first() else { return Vec::new() };
        let mut lowest: Vec<usize> = (0..first.ranks.len().min(self.questions.len())).collect();
        lowest.sort_by_key(|question| std::cmp::Reverse(first.ranks[*question].unwrap_or(usize::MAX)));
        lowest.truncate(PINNED);
        lowest
    }

    pub fn turn(&mut self, question: usize) {
        let mut pinned = self.pinned();
        match pinned.iter().position(|pinned| *pinned == question) {
            Some(place) => {
                pinned.remove(place);
            }
            None => pinned.push(question),
        }
        self.chosen = Some(pinned);
    }

    /// The present rank of a question; `None` if it was never looked for, `Some(None)` if it was not found.
    pub fn rank(&self, question: usize) -> Option<Option<usize>> {
        self.evaluations.last()?.ranks.get(question).copied()
    }
}

/// Where a rank is drawn, from 0 at the top for rank 1 to 1 at the bottom for what was not found: logarithmic, since
/// the first ranks matter most.
pub fn height(rank: Option<usize>) -> f64 {
    let rank = match rank {
        Some(rank) if rank <= LAST_RANK => rank.max(1) as f64,
        _ => NOT_FOUND,
    };
    rank.ln() / NOT_FOUND.ln()
}

/// Moves places apart until no two are nearer than `gap`, keeping their order, within `low` and `high` as far as there
/// is room. The places of labels, which follow their lines' ends.
pub fn spread(places: &[f32], gap: f32, low: f32, high: f32) -> Vec<f32> {
    let mut order: Vec<usize> = (0..places.len()).collect();
    order.sort_by(|one, other| places[*one].total_cmp(&places[*other]));
    let mut spread = places.to_vec();
    let mut least = low;
    for index in &order {
        spread[*index] = spread[*index].max(least);
        least = spread[*index] + gap;
    }
    let mut most = high;
    for index in order.iter().rev() {
        spread[*index] = spread[*index].min(most);
        most = spread[*index] - gap;
    }
    // More labels than room: from the top on, below the edge.
    let mut least = low;
    for index in &order {
        spread[*index] = spread[*index].max(least);
        least = spread[*index] + gap;
    }
    spread
}

#[cfg(test)]
mod tests {
    use super::*;

    fn board(ranks: &[Option<usize>]) -> Board {
        let mut board = Board::default();
        board.set_questions((0..ranks.len()).map(|index| format!("q{index}")).collect());
        board.push(Evaluation { ranks: ranks.to_vec(), ..Default::default() });
        board
    }

    #[test]
    fn the_lowest_are_pinned_until_somebody_chooses() {
        let ranks: Vec<_> = (0..12).map(|index| if index == 3 { None } else { Some(index + 1) }).collect();
        let mut board = board(&ranks);
        assert_eq!(board.pinned(), [3, 11, 10, 9, 8, 7, 6, 5]);
        // They stay, whatever comes later.
        board.push(Evaluation { step: 5, ranks: vec![Some(1); 12], ..Default::default() });
        assert_eq!(board.pinned()[0], 3);
        board.turn(3);
        board.turn(0);
        assert_eq!(board.pinned(), [11, 10, 9, 8, 7, 6, 5, 0]);
        assert_eq!(board.rank(3), Some(Some(1)));
        board.cut_after(4);
        assert_eq!((board.rank(3), board.rank(99)), (Some(None), None));
        // The same questions again, as after a resume, leave the board as it is.
        let questions = board.questions.clone();
        board.set_questions(questions);
        assert_eq!(board.pinned().last(), Some(&0));
    }

    #[test]
    fn the_first_rank_is_on_top_and_what_is_not_found_below_all() {
        assert_eq!((height(Some(1)), height(None)), (0.0, 1.0));
        assert_eq!(height(Some(101)), height(None));
        let heights: Vec<_> = [1, 2, 10, 100].map(|rank| height(Some(rank))).into();
        assert!(heights.is_sorted() && heights[3] < 1.0);
        assert!(heights[1] - heights[0] > heights[3] - height(Some(99)));
    }

    #[test]
    fn labels_keep_apart_and_in_order() {
        for places in [vec![5.0, 5.0, 5.0, 90.0], vec![99.0, 98.0, 99.0], vec![0.0; 5], vec![50.0]] {
            let spread = spread(&places, 10.0, 0.0, 100.0);
            let mut pairs: Vec<_> = places.iter().zip(&spread).collect();
            pairs.sort_by(|one, other| one.0.total_cmp(other.0).then(one.1.total_cmp(other.1)));
            assert!(pairs.windows(2).all(|pair| pair[1].1 - pair[0].1 >= 9.99), "{places:?} {spread:?}");
            assert!(spread.iter().all(|place| (0.0..=100.0).contains(place)), "{spread:?}");
        }
        assert_eq!(spread(&[50.0, 70.0], 10.0, 0.0, 100.0), [50.0, 70.0]);
    }
}
