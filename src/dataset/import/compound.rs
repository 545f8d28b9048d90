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

/// Cells of all sheets of an XLS, each sheet a rectangle as its reader makes it: from the first cell to the last one, blank
/// ones among them ([MS-XLS] 2.1.4 and 2.4).
pub(super) fn cells_of_sheets(file: &Compound) -> u64 {
    let mut book = file.stream("Workbook");
    if book.is_empty() {
        book = file.stream("Book");
    }
    const SHEET: u16 = 0x85;
    const BEGIN: u16 = 0x809;
    const END: u16 = 0x0a;
    // Numbers, texts, errors and formulas: each has its row and column at its beginning.
    const CELLS: [u16; 8] = [0x203, 0x204, 0xd6, 0x205, 0x27e, 0xfd, SEVERAL, 0x06];
    const SEVERAL: u16 = 0xbd;
    let begins = records(&book).filter(|(kind, data)| *kind == SHEET && data.len() >= 4);
    let begins: Vec<u32> = begins.filter_map(|(_, data)| words(data).next()).take(MOST_SHEETS + 1).collect();
    if begins.len() > MOST_SHEETS {
        return u64::MAX;
    }
    let cells = |begin: u32| {
        // A chart within a sheet begins and ends as the sheet does.
        let mut depth = 0;
        let sheet = records(book.get(begin as usize..).unwrap_or_default()).take_while(|(kind, _)| {
            depth += i64::from(*kind == BEGIN) - i64::from(*kind == END);
            depth > 0
        });
        let places = sheet.filter(|(kind, data)| CELLS.contains(kind) && data.len() >= 6);
        let place = |data: &[u8], at: usize| u64::from(u16::from_le_bytes([data[at], data[at + 1]]));
        let (mut rows, mut columns) = ([u64::MAX, 0], [u64::MAX, 0]);
        for (kind, data) in places {
            // One record may hold several cells, and then ends with the last one's column.
            let last = if kind == SEVERAL { place(data, data.len() - 2) } else { place(data, 2) };
            let (row, first) = (place(data, 0), place(data, 2));
            rows = [rows[0].min(row), rows[1].max(row)];
            columns = [columns[0].min(first), columns[1].max(first).max(last)];
        }
        let length = |[first, last]: [u64; 2]| if first > last { 0 } else { last - first + 1 };
        length(rows) * length(columns)
    };
    begins.into_iter().map(cells).sum()
}

/// Sheets of the largest workbook that is read.
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
