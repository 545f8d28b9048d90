//! Where passages went between two rankings.

/// What became of a passage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Move {
    /// So many ranks higher in the second ranking.
    Up(usize),
    Down(usize),
    Same,
    /// Only in the second ranking.
    New,
    /// Only in the first ranking.
    Lost,
}

/// The moves of the passages of `before` and of `after`, each in its own order.
pub fn moves(before: &[usize], after: &[usize]) -> (Vec<Move>, Vec<Move>) {
    let place = |ranking: &[usize], passage: usize| ranking.iter().position(|other| *other == passage);
    let went = |from: usize, to: usize| match from.cmp(&to) {
        std::cmp::Ordering::Greater => Move::Up(from - to),
        std::cmp::Ordering::Less => Move::Down(to - from),
        std::cmp::Ordering::Equal => Move::Same,
    };
    let first = before.iter().enumerate().map(|(from, passage)| place(after, *passage).map_or(Move::Lost, |to| went(from, to)));
    let second = after.iter().enumerate().map(|(to, passage)| place(before, *passage).map_or(Move::New, |from| went(from, to)));
    (first.collect(), second.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_passage_tells_where_it_went() {
        let (before, after) = moves(&[7, 3, 9, 4], &[3, 7, 8, 4]);
        assert_eq!(before, [Move::Down(1), Move::Up(1), Move::Lost, Move::Same]);
        assert_eq!(after, [Move::Up(1), Move::Down(1), Move::New, Move::Same]);
    }

    #[test]
    fn without_a_second_ranking_all_are_lost() {
        assert_eq!(moves(&[1, 2], &[]), (vec![Move::Lost, Move::Lost], vec![]));
    }
}
