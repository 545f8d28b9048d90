//! Whether the parts of a compound file, as XLS is one, come to an end ([MS-CFB]).
//!
//! Such a file is a chain of sectors for every stream in it, and a table says which sector follows which. The reader goes
//! along a chain for as long as it goes on: one that bites its own tail would fill the memory.

use std::iter::successors;

const HEADER: usize = 512;
/// Bytes of an entry of the directory, and of a small sector; streams from [`LARGE`] on have large ones.
const ENTRY: usize = 128;
const SMALL: usize = 64;
const LARGE: usize = 4096;
/// From here on a number in the table names no sector.
const RESERVED: u32 = 0xffff_fffa;
/// From here on a number in the list of the table's own sectors names none.
const NO_TABLE: u32 = 0xffff_fffc;

/// A compound file whose chains all come to an end.
pub(super) struct Compound<'a> {
    bytes: &'a [u8],
    /// Bytes of a sector.
    size: usize,
    /// For each sector the one that follows; the same of the small sectors, which lie in a stream.
    table: Vec<u32>,
    small_table: Vec<u32>,
}

impl<'a> Compound<'a> {
    /// Looks at the chains of all sectors.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn open(bytes: &'a [u8]) -> Result<Self, &'static str> {
        let header = bytes.get(..HEADER).ok_or("it is too short")?;
        let size = match u16::from_le_bytes([header[30], header[31]]) {
            9 => 512,
            12 => 4096,
            _ => return Err("its sectors have no size"),
        };
        let mut file = Self { bytes, size, table: Vec::new(), small_table: Vec::new() };
        let sectors = bytes.len() / size;
        let mut table_sectors: Vec<u32> = words(&header[76..]).filter(|number| *number < NO_TABLE).collect();
        let mut next = file.word(68);
        for _ in 0..=sectors {
            if next >= RESERVED {
                break;
            }
            let mut more: Vec<u32> = words(file.sector(next)).collect();
            next = more.pop().ok_or("its list of sectors is cut off")?;
            table_sectors.extend(more.into_iter().filter(|number| *number < NO_TABLE));
        }
        if next < RESERVED || table_sectors.len() > sectors {
            return Err("its list of sectors has no end");
        }
        file.table = table_sectors.into_iter().flat_map(|number| words(file.sector(number))).collect();
        ends(&file.table)?;
        file.small_table = words(&file.chain(file.word(60))).collect();
        ends(&file.small_table)?;
        Ok(file)
    }

    /// The bytes of a stream; none if there is no such one.
    pub fn stream(&self, name: &str) -> Vec<u8> {
        let directory = self.chain(self.word(48));
        let entries = directory.chunks_exact(ENTRY);
        let name: Vec<u8> = name.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect();
        let number = |entry: &[u8], at: usize| words(&entry[at..at + 4]).next().unwrap_or_default();
        let Some(entry) = entries.clone().find(|entry| entry[..name.len()].eq_ignore_ascii_case(&name)) else {
            return Vec::new();
        };
        let (start, length) = (number(entry, 116), number(entry, 120) as usize);
        let mut stream = if length < LARGE {
            let root = entries.clone().next().map_or_else(Vec::new, |root| self.chain(number(root, 116)));
            let small = |number: u32| root.chunks(SMALL).nth(number as usize).unwrap_or_default();
            follow(&self.small_table, start).flat_map(small).copied().collect()
        } else {
            self.chain(start)
        };
        stream.truncate(length);
        stream
    }

    fn word(&self, at: usize) -> u32 {
        words(&self.bytes[at..at + 4]).next().unwrap_or_default()
    }

    /// The header takes the place of a sector.
    fn sector(&self, number: u32) -> &'a [u8] {
        let start = (number as usize + 1) * self.size;
        self.bytes.get(start..).map_or(&[], |rest| &rest[..rest.len().min(self.size)])
    }

    fn chain(&self, start: u32) -> Vec<u8> {
        follow(&self.table, start).flat_map(|number| self.sector(number)).copied().collect()
    }
}

/// The sectors of the chain that begins at `start`.
fn follow(table: &[u32], start: u32) -> impl Iterator<Item = u32> {
    let known = |number: &u32| (*number as usize) < table.len();
    successors(Some(start).filter(known), move |number| table.get(*number as usize).copied().filter(known))
}

fn words(bytes: &[u8]) -> impl Iterator<Item = u32> {
    bytes.as_chunks().0.iter().map(|word| u32::from_le_bytes(*word))
}

/// Whether every chain of a table comes to an end.
fn ends(table: &[u32]) -> Result<(), &'static str> {
    // For each sector the chain that came by first, from 1.
    let mut seen = vec![0_u32; table.len()];
    for (chain, start) in (1..).zip(0..table.len()) {
        let mut at = start;
        while at < table.len() && seen[at] == 0 {
            seen[at] = chain;
            at = table[at] as usize;
        }
        if at < table.len() && seen[at] == chain {
            return Err("a chain of its sectors has no end");
        }
    }
    Ok(())
}

/// Cells that the reader of an XLS makes room for: of all sheets, each a rectangle from the first cell to the last one, blank
/// ones among them, or of the largest rectangle that a sheet announces, if that is more ([MS-XLS] 2.1.4 and 2.4).
pub(super) fn cells_of_sheets(file: &Compound) -> u64 {
    let mut book = file.stream("Workbook");
    if book.is_empty() {
        book = file.stream("Book");
    }
    const SHEET: u16 = 0x85;
    let begins = records(&book).filter(|(kind, data)| *kind == SHEET && data.len() >= 4);
    let begins: Vec<u32> = begins.filter_map(|(_, data)| words(data).next()).take(MOST_SHEETS + 1).collect();
    if begins.len() > MOST_SHEETS {
        return u64::MAX;
    }
    let (mut cells, mut announced) = (0, 0);
    for begin in begins {
        let sheet = cells_of_sheet(book.get(begin as usize..).unwrap_or_default());
        cells += sheet.0;
        announced = announced.max(sheet.1);
    }
    cells.max(announced)
}

/// Cells of the sheet at the beginning of `stream`, and the most that it announces.
fn cells_of_sheet(stream: &[u8]) -> (u64, u64) {
    const BEGIN: u16 = 0x809;
    const END: u16 = 0x0a;
    const DIMENSIONS: u16 = 0x200;
    // Numbers, texts, errors and formulas: each has its row and column at its beginning. The text of a formula follows it,
    // and stands in the first cell if there is none before it.
    const CELLS: [u16; 8] = [0x203, 0x204, 0xd6, 0x205, 0x27e, 0xfd, SEVERAL, 0x06];
    const SEVERAL: u16 = 0xbd;
    const FORMULA_TEXT: u16 = 0x207;
    let (mut rows, mut columns) = ([u64::MAX, 0], [u64::MAX, 0]);
    let mut announced = 0;
    // A chart within a sheet begins and ends as the sheet does; its cells are none of the sheet's.
    let (mut begun, mut charts) = (false, 0_u32);
    for (kind, data) in records(stream) {
        match kind {
            BEGIN if begun => charts += 1,
            BEGIN => begun = true,
            END if charts == 0 => break,
            END => charts -= 1,
            _ if charts > 0 => {}
            DIMENSIONS => announced = announced.max(announced_cells(data)),
            FORMULA_TEXT => (rows[0], columns[0]) = (0, 0),
            _ if CELLS.contains(&kind) && data.len() >= 6 => {
                let place = |at: usize| u64::from(half_word(data, at));
                // One record may hold several cells, and then ends with the last one's column.
                let last = place(if kind == SEVERAL { data.len() - 2 } else { 2 });
                let (row, first) = (place(0), place(2));
                rows = [rows[0].min(row), rows[1].max(row)];
                columns = [columns[0].min(first), columns[1].max(first).max(last)];
            }
            _ => {}
        }
    }
    let length = |[first, last]: [u64; 2]| if first > last { 0 } else { last - first + 1 };
    (length(rows) * length(columns), announced)
}

/// Cells of the rectangle in a record that announces it, as the reader counts them: in 32 bits that wrap around, so that an
/// end before its beginning asks for thousands of millions ([MS-XLS] 2.4.90).
fn announced_cells(data: &[u8]) -> u64 {
    let half = |at: usize| u32::from(half_word(data, at));
    let (rows, [first, end]) = match data.len() {
        10 => ([half(0), half(2)], [half(4), half(6)]),
        14 | 16 => (std::array::from_fn(|at| half(4 * at) | half(4 * at + 2) << 16), [half(8), half(10)]),
        _ => return 0,
    };
    if rows[1] == 0 || end == 0 {
        return 1;
    }
    let first = if first > 0xff || end < first { 0 } else { first };
    let length = |first: u32, end: u32| u64::from(end.wrapping_sub(first));
    length(rows[0], rows[1]).saturating_mul(length(first, end))
}

fn half_word(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

/// How many sheets the largest workbook that is read has.
const MOST_SHEETS: usize = 1000;

/// The records of a stream: each has a kind, a length and as many bytes.
fn records(stream: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    let mut rest = stream;
    std::iter::from_fn(move || {
        let (head, after) = rest.split_first_chunk::<4>()?;
        let length = usize::from(u16::from_le_bytes([head[2], head[3]]));
        let (data, after) = after.split_at_checked(length)?;
        rest = after;
        Some((u16::from_le_bytes([head[0], head[1]]), data))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chains_end_or_are_refused() {
        assert!(ends(&[1, 2, 0xffff_fffe, 2, 9]).is_ok());
        assert!(ends(&[]).is_ok());
        for table in [&[0][..], &[1, 0], &[3, 2, 1, 0xffff_fffe], &[1, 2, 3, 1]] {
            assert_eq!(ends(table), Err("a chain of its sectors has no end"), "{table:?}");
        }
    }

    fn record(kind: u16, data: &[u8]) -> Vec<u8> {
        [&kind.to_le_bytes()[..], &(data.len() as u16).to_le_bytes(), data].concat()
    }

    /// A rectangle of 16 bits each: first row, row after the last, first column, column after the last.
    fn dimensions(rectangle: [u16; 4]) -> Vec<u8> {
        record(0x200, &rectangle.iter().chain(&[0]).flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>())
    }

    #[test]
    fn a_sheet_s_cells_and_what_it_announces_are_counted_as_its_reader_counts_them() {
        let begin = record(0x809, &[0; 16]);
        let number = |row: u16, column: u16| record(0x203, &[row.to_le_bytes(), column.to_le_bytes(), [0; 2]].concat());
        let end = record(0x0a, &[]);
        let sheet =
            [&begin[..], &dimensions([0, 3, 0, 5]), &number(2, 1), &number(4, 3), &end, &number(900, 900)].concat();
        assert_eq!(cells_of_sheet(&sheet), (9, 15));
        // Cells before the sheet begins are its reader's too, those of a chart are not.
        assert_eq!(cells_of_sheet(&[&number(0, 0)[..], &begin, &number(9, 9), &end].concat()).0, 100);
        assert_eq!(cells_of_sheet(&[&begin[..], &begin, &number(9, 9), &end, &number(1, 1), &end].concat()).0, 1);
        assert_eq!(cells_of_sheet(&[&begin[..], &number(9, 9), &record(0x207, &[]), &end].concat()).0, 100);
        // The rows end before they begin.
        let wrapped = cells_of_sheet(&[&begin[..], &dimensions([9, 8, 0, 5]), &end].concat()).1;
        assert_eq!(wrapped, u64::from(u32::MAX) * 5);
        assert_eq!(cells_of_sheet(&[&begin[..], &dimensions([9, 0, 0, 5]), &end].concat()).1, 1);
        assert_eq!(cells_of_sheet(&[&begin[..], &record(0x200, &[0; 11]), &end].concat()).1, 0);
    }

    /// A changed byte of the rows that a sheet announces made its reader ask for 800 GB.
    #[test]
    fn a_sheet_that_announces_more_than_there_is_room_for_is_refused() {
        let mut bytes = std::fs::read("tests/fixtures/tables/questions.xls").unwrap();
        let record = bytes.windows(4).position(|window| window == [0, 2, 14, 0]).unwrap();
        bytes[record + 4..][..4].copy_from_slice(&0x00ff_0000_u32.to_le_bytes());
        let error = super::super::Table::from_bytes(&bytes, None).unwrap_err().to_string();
        assert!(error.contains("cells, blank ones among them"), "{error}");
    }

    #[test]
    fn a_file_whose_directory_leads_back_to_itself_is_refused() {
        let sound = std::fs::read("tests/fixtures/tables/questions.xls").unwrap();
        let check = |bytes: &[u8]| Compound::open(bytes).map(|_| ());
        let file = Compound::open(&sound).unwrap();
        let cells = cells_of_sheets(&file);
        assert!((4..1000).contains(&cells), "{cells}");
        let table = (u32::from_le_bytes(sound[76..80].try_into().unwrap()) as usize + 1) * 512;
        let directory = u32::from_le_bytes(sound[48..52].try_into().unwrap());
        let mut broken = sound.clone();
        broken[table + directory as usize * 4..][..4].copy_from_slice(&directory.to_le_bytes());
        assert_eq!(check(&broken), Err("a chain of its sectors has no end"));
        let error = super::super::Table::from_bytes(&broken, None).unwrap_err().to_string();
        assert!(error.contains("the workbook is damaged: a chain of its sectors has no end"), "{error}");
        // The list of the table's sectors, leading to itself.
        let mut broken = sound.clone();
        broken[68..72].copy_from_slice(&0_u32.to_le_bytes());
        broken[512 + 508..512 + 512].copy_from_slice(&0_u32.to_le_bytes());
        assert_eq!(check(&broken), Err("its list of sectors has no end"));
        for end in [0, 8, 511] {
            assert!(check(&sound[..end]).is_err());
        }
    }
}
