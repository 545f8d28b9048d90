//! How much an ODS sheet holds once its repeated cells are written out, as its reader does.
//!
//! A cell may say that it is there 16,384 times, and its row a million times: a few kilobytes can ask for terabytes.

/// Bytes that a cell takes besides its text.
const CELL: u64 = 64;
const COLUMNS: u64 = 16_384;
const ROWS: u64 = 1 << 20;

/// Bytes that all cells of a `content.xml` take, without the blank ones at the ends of rows. `None` if a number of
/// repetitions is none.
pub(super) fn written_out(xml: &[u8]) -> Option<u64> {
    let (mut total, mut row, mut row_times) = (0_u64, 0_u64, 1);
    // Blank cells count once another one follows in their row.
    let mut blank = 0_u64;
    let (mut cell_begin, mut cell_times) = (0, 1);
    for tag in tags(xml) {
        match tag.name {
            b"table:table-row" => {
                (row, blank) = (0, 0);
                row_times = tag.number(b"table:number-rows-repeated")?.min(ROWS);
            }
            b"/table:table-row" => total = total.saturating_add(row.saturating_mul(row_times)),
            b"table:table-cell" | b"table:covered-table-cell" => {
                cell_times = tag.number(b"table:number-columns-repeated")?.min(COLUMNS);
                cell_begin = tag.begin;
                if tag.is_whole() && !tag.has_value() {
                    blank = blank.saturating_add(cell_times * CELL);
                } else if tag.is_whole() {
                    let size = CELL + tag.text.len() as u64;
                    row = row.saturating_add(std::mem::take(&mut blank)).saturating_add(cell_times * size);
                }
            }
            b"/table:table-cell" | b"/table:covered-table-cell" => {
                let size = CELL + (tag.begin - cell_begin) as u64;
                row = row.saturating_add(std::mem::take(&mut blank)).saturating_add(cell_times.saturating_mul(size));
            }
            _ => {}
        }
    }
    Some(total)
}

struct Tag<'a> {
    /// Where its `<` is.
    begin: usize,
    name: &'a [u8],
    /// Between `<` and `>`.
    text: &'a [u8],
}

impl<'a> Tag<'a> {
    /// Whether it ends what it begins.
    fn is_whole(&self) -> bool {
        self.text.ends_with(b"/")
    }

    fn has_value(&self) -> bool {
        self.attributes().any(|(name, _)| name.starts_with(b"office:") || name == b"table:formula")
    }

    /// What an attribute says, 1 where it is not; `None` if that is no number.
    fn number(&self, name: &[u8]) -> Option<u64> {
        match self.attributes().find(|(found, _)| *found == name) {
            None => Some(1),
            Some((_, value)) => std::str::from_utf8(value).ok()?.trim().parse().ok(),
        }
    }

    fn attributes(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
        let mut rest = &self.text[self.name.len()..];
        std::iter::from_fn(move || {
            let (name, after) = split_at(rest, b'=')?;
            let quote = after.trim_ascii_start();
            let mark = quote.first().filter(|mark| b"\"'".contains(mark))?;
            let (value, after) = split_at(&quote[1..], *mark)?;
            rest = after;
            Some((name.trim_ascii(), value))
        })
    }
}

/// The tags of a text, those in comments and the like left out.
fn tags(xml: &[u8]) -> impl Iterator<Item = Tag<'_>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            let begin = at + memchr::memchr(b'<', &xml[at..])?;
            let inside = &xml[begin + 1..];
            let end_of = |mark: &[u8]| memchr::memmem::find(inside, mark).map(|end| begin + 1 + end + mark.len());
            let skipped = [(&b"!--"[..], &b"-->"[..]), (b"![CDATA[", b"]]>"), (b"?", b"?>"), (b"!", b">")];
            if let Some((_, end)) = skipped.into_iter().find(|(mark, _)| inside.starts_with(mark)) {
                at = end_of(end)?;
                continue;
            }
            let text = &inside[..end_of_tag(inside)?];
            at = begin + 1 + text.len() + 1;
            let slash = usize::from(text.starts_with(b"/"));
            let name = text[slash..].iter().position(|byte| byte.is_ascii_whitespace() || *byte == b'/');
            return Some(Tag { begin, name: &text[..name.map_or(text.len(), |end| slash + end)], text });
        }
    })
}

/// Where the `>` is that ends a tag: not within quotation marks.
fn end_of_tag(inside: &[u8]) -> Option<usize> {
    let mut quote = None;
    inside.iter().position(|byte| {
        match (quote, byte) {
            (None, b'>') => return true,
            (None, b'"' | b'\'') => quote = Some(*byte),
            (Some(mark), byte) if mark == *byte => quote = None,
            _ => {}
        }
        false
    })
}

fn split_at(text: &[u8], mark: u8) -> Option<(&[u8], &[u8])> {
    let at = memchr::memchr(mark, text)?;
    Some((&text[..at], &text[at + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_count_as_often_as_they_say() {
        let row = |times: u64, cells: &str| {
            written_out(
                format!("<?xml?><!-- <table:table-row> --><table:table-row table:number-rows-repeated=\"{times}\">{cells}</table:table-row>")
                    .as_bytes(),
            )
        };
        let one = "<table:table-cell office:value=\"1\"/>";
        let size = CELL + one.len() as u64 - 2;
        assert_eq!(row(1, one), Some(size));
        assert_eq!(row(7, &one.repeat(2)), Some(14 * size));
        // Blank ones at the end are nothing; before another cell they are there.
        let blank = "<table:table-cell table:number-columns-repeated='16384' table:style-name=\"a>b\"/>";
        assert_eq!(row(1_048_576, blank), Some(0));
        assert_eq!(row(1, &format!("{blank}{one}")), Some(16_384 * CELL + size));
        let text = "<table:table-cell office:value-type=\"string\" table:number-columns-repeated = \"99999\"><text:p>焊</text:p></table:table-cell>";
        assert_eq!(row(2, text), Some(2 * 16_384 * (CELL + text.len() as u64 - 19)));
        // A value's text that looks like the end of a row.
        let sly =
            "<table:table-cell table:number-columns-repeated=\"9\" x=\"/></table:table-row>\" office:value=\"1\"/>";
        assert!(row(1, sly).unwrap() > 9 * CELL);
        assert_eq!(row(1, "<table:table-cell table:number-columns-repeated=\"&#49;\"/>"), None);
        assert_eq!(written_out(b"<a <b> '<table:table-row"), Some(0));
    }
}
