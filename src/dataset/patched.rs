//! A long list of which little changes. What stood in it at first is known by its number and kept elsewhere; only
//! the pieces that were changed hold their items. A clone is cheap, and so is a change while clones are about.

use std::ops::Range;
use std::sync::Arc;

/// Items that a change copies, at most, when a clone sees them.
const PIECE: usize = 1024;

/// An item that keeps its number wherever it stands; at first the item at `n` has the number `n`.
pub(super) trait Numbered: Clone {
    fn number(&self) -> u64;
}

#[derive(Debug, Clone)]
pub(super) struct Patched<T> {
    pieces: Arc<Vec<Piece<T>>>,
    len: usize,
}

#[derive(Debug, Clone)]
struct Piece<T> {
    /// Place of its first item.
    start: usize,
    len: usize,
    /// None while the piece is as it was at first.
    items: Option<Arc<Vec<T>>>,
    /// Items that did not stand in this piece at first.
    strangers: usize,
}

/// What stands at a place.
pub(super) enum Item<'a, T> {
    /// What had this number at first, unchanged.
    First(usize),
    Changed(&'a T),
}

impl<T> Default for Patched<T> {
    fn default() -> Self {
        Self { pieces: Arc::default(), len: 0 }
    }
}

impl<T> Patched<T> {
    /// So many items, none changed.
    pub fn new(len: usize) -> Self {
        let piece = |start| Piece { start, len: PIECE.min(len - start), items: None, strangers: 0 };
        Self { pieces: Arc::new((0..len).step_by(PIECE).map(piece).collect()), len }
    }

    pub fn len(&self) -> usize {
        self.len
    }

    pub fn get(&self, at: usize) -> Option<Item<'_, T>> {
        let number = self.piece_at(at)?;
        let piece = &self.pieces[number];
        let within = at - piece.start;
        Some(match &piece.items {
            Some(items) => Item::Changed(items.get(within)?),
            None => Item::First(number * PIECE + within),
        })
    }

    /// The places of the pieces.
    pub fn pieces(&self) -> impl ExactSizeIterator<Item = Range<usize>> {
        self.pieces.iter().map(|piece| piece.start..piece.start + piece.len)
    }

    /// A list with other items of the same numbers, those of each piece given.
    pub fn filled<U>(&self, items: impl IntoIterator<Item = Vec<U>>) -> Patched<U> {
        let fill = |(piece, items): (&Piece<T>, Vec<U>)| Piece {
            start: piece.start,
            len: piece.len,
            items: Some(Arc::new(items)),
            strangers: piece.strangers,
        };
        Patched { pieces: Arc::new(self.pieces.iter().zip(items).map(fill).collect()), len: self.len }
    }

    /// The pieces that hold their items, each with the place where it starts.
    pub fn held(&self) -> impl Iterator<Item = (usize, &[T])> {
        self.pieces.iter().filter_map(|piece| Some((piece.start, piece.items.as_deref()?.as_slice())))
    }

    /// The piece that an item is in; none past the end.
    fn piece_at(&self, at: usize) -> Option<usize> {
        (at < self.len).then(|| self.pieces.partition_point(|piece| piece.start <= at) - 1)
    }
}

impl<T: Numbered> Patched<T> {
    /// Where the item with this number stands.
    pub fn find(&self, number: u64) -> Option<usize> {
        let within = |piece: &Piece<T>, items: &[T]| {
            let place = items.iter().position(|item| item.number() == number)?;
            Some(piece.start + place)
        };
        let home = home(number).and_then(|home| self.pieces.get(home));
        let at_home = home.and_then(|piece| match &piece.items {
            Some(items) => within(piece, items),
            None => {
                let place = (number % PIECE as u64) as usize;
                (place < piece.len).then_some(piece.start + place)
            }
        });
        at_home.or_else(|| {
            let away = self.pieces.iter().filter(|piece| piece.strangers > 0);
            away.filter_map(|piece| within(piece, piece.items.as_deref()?)).next()
        })
    }

    /// The item at a place, to be changed, but not in its number; `first` makes those that were there at first.
    ///
    /// # Panics
    /// If there is no such place.
    pub fn change(&mut self, at: usize, first: impl Fn(usize) -> T) -> &mut T {
        let number = self.piece_at(at).unwrap_or_else(|| panic!("no place {at} among {}", self.len));
        let (start, items) = self.items(number, first);
        &mut items[at - start]
    }

    /// Puts an item before the one at `at`.
    ///
    /// # Panics
    /// If `at` is past the end.
    pub fn insert(&mut self, at: usize, item: T, first: impl Fn(usize) -> T) {
        assert!(at <= self.len, "no place {at} among {}", self.len);
        if self.pieces.is_empty() {
            *self = Self { pieces: Arc::new(vec![Piece { start: 0, len: 0, items: None, strangers: 0 }]), len: 0 };
        }
        let home = home(item.number());
        let is_near = |piece: &Piece<T>| (piece.start..=piece.start + piece.len).contains(&at);
        let number = home
            .filter(|home| self.pieces.get(*home).is_some_and(is_near))
            .or_else(|| self.piece_at(at))
            .unwrap_or(self.pieces.len() - 1);
        let (start, items) = self.items(number, first);
        items.insert(at - start, item);
        let pieces = Arc::make_mut(&mut self.pieces);
        pieces[number].len += 1;
        pieces[number].strangers += usize::from(home != Some(number));
        pieces[number + 1..].iter_mut().for_each(|piece| piece.start += 1);
        self.len += 1;
    }

    /// Takes the item at a place out.
    ///
    /// # Panics
    /// If there is no such place.
    pub fn remove(&mut self, at: usize, first: impl Fn(usize) -> T) -> T {
        let number = self.piece_at(at).unwrap_or_else(|| panic!("no place {at} among {}", self.len));
        let (start, items) = self.items(number, first);
        let item = items.remove(at - start);
        let pieces = Arc::make_mut(&mut self.pieces);
        pieces[number].len -= 1;
        pieces[number].strangers -= usize::from(home(item.number()) != Some(number));
        pieces[number + 1..].iter_mut().for_each(|piece| piece.start -= 1);
        self.len -= 1;
        item
    }

    /// Where a piece starts, and its items to be changed.
    fn items(&mut self, number: usize, first: impl Fn(usize) -> T) -> (usize, &mut Vec<T>) {
        let Piece { start, len, items, .. } = &mut Arc::make_mut(&mut self.pieces)[number];
        let all = number * PIECE..number * PIECE + *len;
        (*start, Arc::make_mut(items.get_or_insert_with(|| Arc::new(all.map(first).collect()))))
    }
}

/// The piece that the item with this number was in at first.
fn home(number: u64) -> Option<usize> {
    usize::try_from(number).ok().map(|number| number / PIECE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Debug, Clone, PartialEq)]
    struct Numeral(u64, char);

    impl Numbered for Numeral {
        fn number(&self) -> u64 {
            self.0
        }
    }

    fn first(number: usize) -> Numeral {
        Numeral(number as u64, 'a')
    }

    fn all(list: &Patched<Numeral>) -> Vec<Numeral> {
        let item = |at| match list.get(at).unwrap() {
            Item::First(number) => first(number),
            Item::Changed(item) => item.clone(),
        };
        (0..list.len()).map(item).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn it_is_what_a_plain_list_would_be(
            len in prop_oneof![0..3usize, PIECE - 1..PIECE + 2, 3 * PIECE - 1..3 * PIECE + 2],
            changes in prop::collection::vec((0..4u8, any::<prop::sample::Index>()), 0..40)
        ) {
            let mut list = Patched::new(len);
            let mut plain: Vec<Numeral> = (0..len).map(first).collect();
            let (mut next, mut gone, mut seen) = (len as u64, Vec::new(), Vec::new());
            for (kind, place) in changes {
                seen.push((list.clone(), plain.clone()));
                match kind {
                    0 => {
                        let at = place.index(plain.len() + 1);
                        list.insert(at, Numeral(next, 'b'), first);
                        plain.insert(at, Numeral(next, 'b'));
                        next += 1;
                    }
                    1 if !plain.is_empty() => {
                        let at = place.index(plain.len());
                        prop_assert_eq!(list.remove(at, first), plain[at].clone());
                        gone.push((at, plain.remove(at)));
                    }
                    2 if !plain.is_empty() => {
                        let at = place.index(plain.len());
                        list.change(at, first).1 = 'c';
                        plain[at].1 = 'c';
                    }
                    // What was taken out may come back anywhere.
                    _ => if let Some((at, item)) = gone.pop() {
                        let at = at.min(plain.len());
                        list.insert(at, item.clone(), first);
                        plain.insert(at, item);
                    }
                }
                prop_assert_eq!(list.len(), plain.len());
            }
            prop_assert_eq!(all(&list), plain.clone());
            for (at, item) in plain.iter().enumerate() {
                prop_assert_eq!(list.find(item.0), Some(at));
            }
            for (_, item) in gone {
                prop_assert_eq!(list.find(item.0), None);
            }
            for (list, plain) in seen.into_iter().rev().take(3) {
                prop_assert_eq!(all(&list), plain);
            }
        }
    }
}
