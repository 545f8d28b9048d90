//! Sheets of workbooks: XLSX, XLS and ODS.

use super::compound::{Compound, cells_of_sheets};
use super::error::ImportError;
use super::repeated::written_out;
use super::table::{COLUMNS, Table, TableFault, TableProblem, TableRow};
use calamine::{
    Data, Dimensions, Error, ExcelDateTime, Ods, OdsError, Range, Reader, SheetType, SheetVisible, Xls, XlsError, Xlsx,
    XlsxError,
};
use std::collections::BTreeMap;
use std::io::{self, Cursor, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What a workbook may unpack to, and what its sheet may hold: far more than any that people make, and little enough for
/// the memory. A few kilobytes can ask for a thousand times as much.
#[derive(Debug, Clone, Copy)]
struct Limits {
    /// Bytes of all parts together.
    unpacked: u64,
    /// Bytes of the cells' texts, and cells of the table, blank ones before others in a line among them.
    texts: usize,
    cells: usize,
    /// Regions of merged cells.
    merged: usize,
}

const LIMITS: Limits = Limits { unpacked: 1 << 30, texts: 1 << 30, cells: 32 << 20, merged: 1 << 16 };

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A ZIP archive: XLSX or ODS.
    Zip,
    /// A compound file: XLS, or an XLSX with a password.
    Compound,
}

/// What kind of workbook the bytes begin like.
pub(super) fn kind(bytes: &[u8]) -> Option<Kind> {
    if bytes.starts_with(b"PK\x03\x04") {
        Some(Kind::Zip)
    } else if bytes.starts_with(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1") {
        Some(Kind::Compound)
    } else {
        None
    }
}

/// Reads the sheet of this name, or the first one that is not hidden.
pub(super) fn read(bytes: &[u8], kind: Kind, sheet: Option<&str>) -> Result<Table, ImportError> {
    read_within(bytes, kind, sheet, LIMITS)
}

fn read_within(bytes: &[u8], kind: Kind, sheet: Option<&str>, limits: Limits) -> Result<Table, ImportError> {
    // The readers of these formats trust what a file says about itself and may panic where it lies.
    catch_unwind(AssertUnwindSafe(|| match kind {
        Kind::Zip => read_zip(bytes, sheet, limits),
        Kind::Compound => read_compound(bytes, sheet, limits),
    }))
    .unwrap_or_else(|_| Err(ImportError::DamagedWorkbook { cause: "its parts contradict each other".into() }))
}

/// The cells of a sheet that are not blank, by row and column from 0.
struct Cells {
    rows: BTreeMap<u32, BTreeMap<u32, Data>>,
    /// Bytes of texts that may still be added.
    room: usize,
}

/// Unpacks every part into nothing: what the archive says of their sizes may be wrong.
fn check_size<R: Read + io::Seek>(archive: &mut zip::ZipArchive<R>, limit: u64) -> Result<(), ImportError> {
    let mut unpacked = 0;
    for at in 0..archive.len() {
        let part = archive.by_index(at).map_err(|error| damaged(error.to_string()))?;
        let size = io::copy(&mut part.take(limit + 1 - unpacked), &mut io::sink());
        unpacked += size.map_err(|error| damaged(error.to_string()))?;
        if unpacked > limit {
            return Err(too_large(format!("unpacked it takes more than {} MiB", limit >> 20)));
        }
    }
    Ok(())
}

fn damaged(cause: String) -> ImportError {
    ImportError::DamagedWorkbook { cause }
}

fn too_large(cause: String) -> ImportError {
    ImportError::LargeWorkbook { cause }
}

fn read_zip(bytes: &[u8], sheet: Option<&str>, limits: Limits) -> Result<Table, ImportError> {
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).map_err(|error| damaged(error.to_string()))?;
    check_size(&mut archive, limits.unpacked)?;
    if let Some(content) = archive.index_for_name("content.xml") {
        let mut xml = Vec::new();
        let part = archive.by_index(content).map_err(|error| damaged(error.to_string()))?;
        part.take(limits.unpacked).read_to_end(&mut xml).map_err(|error| damaged(error.to_string()))?;
        match written_out(&xml) {
            None => return Err(damaged("a cell is repeated by no number".into())),
            Some(bytes) if bytes > limits.unpacked => {
                return Err(too_large(format!("its cells take more than {} MiB", limits.unpacked >> 20)));
            }
            Some(_) => {}
        }
        let mut book = Ods::new(Cursor::new(bytes)).map_err(|error| failed(error.into()))?;
        let chosen = Chosen::of(&book, sheet)?;
        let range = book.worksheet_range(chosen.name()).map_err(|error| failed(error.into()))?;
        return chosen.table(Cells::dense(&range, limits)?, &[], limits);
    }
    if archive.index_for_name("[Content_Types].xml").is_none() {
        return Err(ImportError::NotATable { reason: "it is an archive of other files" });
    }
    if archive.index_for_name("word/document.xml").is_some() {
        return Err(ImportError::NotATable { reason: "it is a text document" });
    }
    let mut book = Xlsx::new(Cursor::new(bytes)).map_err(|error| failed(error.into()))?;
    let chosen = Chosen::of(&book, sheet)?;
    // Cell by cell: the whole rectangle of a sheet with one stray cell at its far end would not fit into memory.
    let mut cells = Cells::new(limits);
    let mut reader = book.worksheet_cells_reader(chosen.name()).map_err(|error| failed(error.into()))?;
    while let Some(cell) = reader.next_cell().map_err(|error| failed(error.into()))? {
        let (row, column) = cell.get_position();
        cells.insert(row, column, cell.get_value().clone().into())?;
    }
    drop(reader);
    let merged = book.merge_cells_by_sheet_name(chosen.name()).map_err(|error| failed(error.into()))?;
    chosen.table(cells, &merged, limits)
}

fn read_compound(bytes: &[u8], sheet: Option<&str>, limits: Limits) -> Result<Table, ImportError> {
    let file = Compound::open(bytes).map_err(|cause| damaged(cause.to_owned()))?;
    let cells = cells_of_sheets(&file);
    if cells > limits.cells as u64 {
        return Err(too_large(format!("its sheets reach over {cells} cells, blank ones among them")));
    }
    let mut book = match Xls::new(Cursor::new(bytes)) {
        Ok(book) => book,
        Err(error) => {
            let encrypted = matches!(Xlsx::new(Cursor::new(bytes)), Err(XlsxError::Password));
            return Err(if encrypted { ImportError::Password } else { failed(error.into()) });
        }
    };
    let chosen = Chosen::of(&book, sheet)?;
    let range = book.worksheet_range(chosen.name()).map_err(|error| failed(error.into()))?;
    let merged = book.merge_cells_by_sheet_name(chosen.name()).map_err(|error| failed(error.into()))?;
    chosen.table(Cells::dense(&range, limits)?, &merged, limits)
}

fn failed(error: Error) -> ImportError {
    match error {
        Error::Xlsx(XlsxError::Password) | Error::Xls(XlsError::Password) | Error::Ods(OdsError::Password) => {
            ImportError::Password
        }
        error => ImportError::DamagedWorkbook { cause: error.to_string() },
    }
}

impl Cells {
    fn new(limits: Limits) -> Self {
        Self { rows: BTreeMap::new(), room: limits.texts }
    }

    fn dense(range: &Range<Data>, limits: Limits) -> Result<Self, ImportError> {
        let (first_row, first_column) = range.start().unwrap_or_default();
        let mut cells = Self::new(limits);
        for (row, column, cell) in range.used_cells() {
            cells.insert(first_row + row as u32, first_column + column as u32, cell.clone())?;
        }
        Ok(cells)
    }

    fn insert(&mut self, row: u32, column: u32, cell: Data) -> Result<(), ImportError> {
        let text = match &cell {
            Data::Empty => return Ok(()),
            Data::String(text) | Data::DateTimeIso(text) | Data::DurationIso(text) => text.as_str(),
            _ => "-",
        };
        if text.trim().is_empty() {
            return Ok(());
        }
        if column as usize >= COLUMNS {
            return Err(too_large(format!("a cell stands in column {}, of {COLUMNS} at most", u64::from(column) + 1)));
        }
        // A text that many cells share is in each of them.
        self.room = (self.room.checked_sub(text.len())).ok_or_else(|| too_large("its texts fill the memory".into()))?;
        self.rows.entry(row).or_default().insert(column, cell);
        Ok(())
    }

    /// What stands in a cell that is merged over several rows belongs to each of them.
    fn share(&mut self, Dimensions { start, end }: &Dimensions) -> Result<(), ImportError> {
        let Some(shared) = self.rows.get(&start.0).and_then(|row| row.get(&start.1)).cloned() else {
            return Ok(());
        };
        let below = self.rows.range(start.0.saturating_add(1)..=end.0);
        let blank = below.filter(|(_, row)| !row.contains_key(&start.1)).map(|(row, _)| *row);
        blank.collect::<Vec<_>>().into_iter().try_for_each(|row| self.insert(row, start.1, shared.clone()))
    }
}

/// The sheets of a workbook and which of them is read.
struct Chosen {
    sheets: Vec<String>,
    at: usize,
}

impl Chosen {
    fn of<'a, R: Reader<Cursor<&'a [u8]>>>(book: &R, name: Option<&str>) -> Result<Self, ImportError> {
        let found = book.sheets_metadata().iter().filter(|sheet| sheet.typ == SheetType::WorkSheet);
        let found: Vec<_> = found.collect();
        let sheets: Vec<_> = found.iter().map(|sheet| sheet.name.clone()).collect();
        let at = match name {
            Some(name) => sheets.iter().position(|sheet| sheet == name),
            None => found.iter().position(|sheet| sheet.visible == SheetVisible::Visible).or(Some(0)),
        };
        match at.filter(|at| *at < sheets.len()) {
            Some(at) => Ok(Self { sheets, at }),
            None if sheets.is_empty() => Err(ImportError::NotATable { reason: "it is a workbook without sheets" }),
            None => Err(ImportError::NoSuchSheet { sheet: name.unwrap_or_default().to_owned(), sheets }),
        }
    }

    fn name(&self) -> &str {
        &self.sheets[self.at]
    }

    fn table(self, mut cells: Cells, merged: &[Dimensions], limits: Limits) -> Result<Table, ImportError> {
        if merged.len() > limits.merged {
            return Err(too_large(format!("{} regions of its cells are merged", merged.len())));
        }
        let over_rows = merged.iter().filter(|merged| merged.start.0 < merged.end.0);
        let covered = over_rows.clone().map(|merged| (merged.end.0 - merged.start.0) as usize).sum::<usize>();
        if covered > limits.cells {
            return Err(too_large("merged cells lie over one another".into()));
        }
        over_rows.into_iter().try_for_each(|merged| cells.share(merged))?;
        let widths = cells.rows.values().filter_map(|row| row.keys().next_back());
        let count: usize = widths.map(|last| *last as usize + 1).sum();
        if count > limits.cells {
            return Err(too_large(format!("it has {count} cells, blank ones among them")));
        }
        let (mut rows, mut problems) = (Vec::new(), Vec::new());
        for (row, row_cells) in cells.rows {
            let line = row as usize + 1;
            let mut texts = Vec::new();
            for (column, cell) in row_cells {
                let column = column as usize;
                texts.resize(column, String::new());
                texts.push(text(cell).unwrap_or_else(|error| {
                    problems.push(TableProblem { line, fault: TableFault::CellError { column, error } });
                    String::new()
                }));
            }
            rows.push(TableRow { line, cells: texts });
        }
        let width = rows.iter().map(|row| row.cells.len()).max().unwrap_or_default();
        if rows.is_empty() {
            return Err(ImportError::EmptySheet { sheet: self.name().to_owned(), sheets: self.sheets });
        }
        Ok(Table { sheets: self.sheets, sheet: Some(self.at), width, rows, problems, encoding: None })
    }
}

/// A cell as a spreadsheet shows it without a format; the error that it shows.
fn text(cell: Data) -> Result<String, String> {
    Ok(match cell {
        Data::Empty => String::new(),
        Data::String(text) | Data::DateTimeIso(text) | Data::DurationIso(text) => text,
        Data::Int(number) => number.to_string(),
        Data::Float(number) => number.to_string(),
        Data::Bool(value) => if value { "TRUE" } else { "FALSE" }.to_owned(),
        Data::DateTime(time) => time_text(time),
        Data::Error(error) => return Err(error.to_string()),
    })
}

fn time_text(time: ExcelDateTime) -> String {
    let (year, month, day, hour, minute, second, _) = time.to_ymd_hms_milli();
    if time.is_duration() {
        let seconds = (time.as_f64() * 86_400.0).round() as i64;
        return format!("{}:{:02}:{:02}", seconds / 3600, (seconds / 60 % 60).abs(), (seconds % 60).abs());
    }
    let clock = format!("{hour:02}:{minute:02}:{second:02}");
    let date = format!("{year:04}-{month:02}-{day:02}");
    match (time.as_f64() < 1.0, (hour, minute, second)) {
        (true, _) => clock,
        (false, (0, 0, 0)) => date,
        _ => format!("{date} {clock}"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Table;
    use super::*;
    use proptest::prelude::*;
    use std::io::Write;
    use zip::write::{SimpleFileOptions, ZipWriter};

    fn archive(parts: &[(&str, &str)]) -> Vec<u8> {
        let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, text) in parts {
            archive.start_file(*name, SimpleFileOptions::default()).unwrap();
            archive.write_all(text.as_bytes()).unwrap();
        }
        archive.finish().unwrap().into_inner()
    }

    /// A workbook as small as Excel would open it, with the XML of each sheet.
    fn xlsx(sheets: &[(&str, &str)]) -> Vec<u8> {
        let list = |item: &dyn Fn(usize, &str) -> String| -> String {
            (1..).zip(sheets).map(|(number, (name, _))| item(number, name)).collect()
        };
        let types = list(&|number, _| {
            format!(
                r#"<Override PartName="/xl/worksheets/sheet{number}.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/>"#
            )
        });
        let names = list(&|number, name| format!(r#"<sheet name="{name}" sheetId="{number}" r:id="rId{number}"/>"#));
        let links = list(&|number, _| {
            format!(
                r#"<Relationship Id="rId{number}" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet{number}.xml"/>"#
            )
        });
        let mut parts = vec![
            (
                "[Content_Types].xml".to_owned(),
                format!(
                    r#"<?xml version="1.0" encoding="UTF-8"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/>{types}</Types>"#
                ),
            ),
            (
                "_rels/.rels".to_owned(),
                r#"<?xml version="1.0" encoding="UTF-8"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>"#.to_owned(),
            ),
            (
                "xl/workbook.xml".to_owned(),
                format!(
                    r#"<?xml version="1.0" encoding="UTF-8"?><workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets>{names}</sheets></workbook>"#
                ),
            ),
            (
                "xl/_rels/workbook.xml.rels".to_owned(),
                format!(
                    r#"<?xml version="1.0" encoding="UTF-8"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">{links}</Relationships>"#
                ),
            ),
        ];
        for (number, (_, xml)) in (1..).zip(sheets) {
            parts.push((
                format!("xl/worksheets/sheet{number}.xml"),
                format!(
                    r#"<?xml version="1.0" encoding="UTF-8"?><worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">{xml}</worksheet>"#
                ),
            ));
        }
        let parts: Vec<_> = parts.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        archive(&parts)
    }

    fn text_cell(place: &str, text: &str) -> String {
        format!(r#"<c r="{place}" t="inlineStr"><is><t>{text}</t></is></c>"#)
    }

    /// A question merged over two answers, a number, an error, and a gap in the rows.
    fn questions() -> Vec<u8> {
        let rows = [
            format!(r#"<row r="1">{}{}</row>"#, text_cell("A1", "问题"), text_cell("B1", "答案")),
            format!(r#"<row r="2">{}{}</row>"#, text_cell("A2", "什么是气孔？"), text_cell("B2", "孔洞 &amp; 气泡")),
            format!(r#"<row r="3">{}</row>"#, text_cell("B3", "焊缝中的孔洞")),
            format!(
                r#"<row r="5">{}<c r="B5"><v>1.5</v></c><c r="C5" t="e"><v>#N/A</v></c></row>"#,
                text_cell("A5", "裂纹")
            ),
        ];
        let sheet = format!(
            r#"<sheetData>{}</sheetData><mergeCells count="1"><mergeCell ref="A2:A3"/></mergeCells>"#,
            rows.concat()
        );
        xlsx(&[("问答", &sheet), ("空", "<sheetData/>")])
    }

    #[test]
    fn a_sheet_is_read_with_its_row_numbers() {
        let table = Table::from_bytes(&questions(), None).unwrap();
        assert_eq!(table.sheets, ["问答", "空"]);
        assert_eq!((table.sheet, table.width, table.encoding), (Some(0), 3, None));
        let rows: Vec<_> = table.rows.iter().map(|row| (row.line, row.cells.join("|"))).collect();
        let expected =
            [(1, "问题|答案"), (2, "什么是气孔？|孔洞 & 气泡"), (3, "什么是气孔？|焊缝中的孔洞"), (5, "裂纹|1.5|")];
        assert_eq!(rows, expected.map(|(line, text)| (line, text.to_owned())));
        assert_eq!(table.problems.len(), 1);
        assert_eq!(table.problems[0].to_string(), "line 5: column 3 holds the error #N/A");
    }

    #[test]
    fn a_sheet_is_chosen_by_name() {
        let error = Table::from_bytes(&questions(), Some("空")).unwrap_err().to_string();
        assert!(error.contains("`空` is empty") && error.contains("问答"), "{error}");
        let error = Table::from_bytes(&questions(), Some("x")).unwrap_err().to_string();
        assert!(error.contains("no sheet `x`") && error.contains("问答, 空"), "{error}");
        assert_eq!(Table::from_bytes(&questions(), Some("问答")).unwrap().sheet, Some(0));
    }

    #[test]
    fn a_stray_cell_far_away_costs_nothing() {
        let sheet = format!(
            "<sheetData><row r=\"1\">{}</row><row r=\"1048576\"><c r=\"XFD1048576\"><v>1</v></c></row></sheetData>",
            text_cell("A1", "a")
        );
        let table = Table::from_bytes(&xlsx(&[("a", &sheet)]), None).unwrap();
        assert_eq!((table.rows.len(), table.width), (2, 16384));
        assert_eq!(table.rows[1].line, 1_048_576);
    }

    #[test]
    fn an_open_document_sheet_is_read() {
        let content = r#"<?xml version="1.0" encoding="UTF-8"?><office:document-content xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"><office:body><office:spreadsheet><table:table table:name="问答"><table:table-row><table:table-cell office:value-type="string"><text:p>问题</text:p></table:table-cell><table:table-cell office:value-type="string"><text:p>答案</text:p></table:table-cell></table:table-row><table:table-row table:number-rows-repeated="2"><table:table-cell table:number-columns-repeated="2"/></table:table-row><table:table-row><table:table-cell office:value-type="string"><text:p>气孔</text:p></table:table-cell><table:table-cell office:value-type="float" office:value="3"><text:p>3</text:p></table:table-cell></table:table-row></table:table></office:spreadsheet></office:body></office:document-content>"#;
        let bytes = archive(&[
            ("mimetype", "application/vnd.oasis.opendocument.spreadsheet"),
            ("content.xml", content),
            (
                "META-INF/manifest.xml",
                r#"<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"/>"#,
            ),
        ]);
        let table = Table::from_bytes(&bytes, None).unwrap();
        let rows: Vec<_> = table.rows.iter().map(|row| (row.line, row.cells.join("|"))).collect();
        assert_eq!(rows, [(1, "问题|答案".to_owned()), (4, "气孔|3".to_owned())]);
    }

    #[test]
    fn archives_of_other_things_are_refused() {
        for (parts, reason) in [
            (&[("a.txt", "a")][..], "an archive of other files"),
            (&[("[Content_Types].xml", "<Types/>"), ("word/document.xml", "<a/>")], "a text document"),
            (&[("[Content_Types].xml", "<Types/>")], "the workbook is damaged"),
        ] {
            let error = Table::from_bytes(&archive(parts), None).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
    }

    const SMALL: Limits = Limits { unpacked: 200_000, texts: 10_000, cells: 1000, merged: 3 };

    fn refused(bytes: &[u8]) -> String {
        let error = read_within(bytes, Kind::Zip, None, SMALL).unwrap_err();
        assert!(matches!(error, ImportError::LargeWorkbook { .. }), "{error}");
        error.to_string()
    }

    fn sheet(cells: &str) -> String {
        format!(
            r#"<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>{cells}</sheetData></worksheet>"#
        )
    }

    #[test]
    fn a_workbook_that_would_fill_the_memory_is_refused() {
        let text = |place: &str, text: &str| format!(r#"<c r="{place}" t="inlineStr"><is><t>{text}</t></is></c>"#);
        let rows = |cell: &dyn Fn(usize) -> String| -> String {
            (1..=100).map(|row| format!(r#"<row r="{row}">{}</row>"#, cell(row))).collect()
        };
        let fits = sheet(&rows(&|row| text(&format!("A{row}"), "焊")));
        assert!(read_within(&xlsx(&[("QA", &fits)]), Kind::Zip, None, SMALL).is_ok());

        // A few hundred bytes that unpack to far more.
        let bomb = xlsx(&[("QA", &format!("{fits}{}", " ".repeat(300_000)))]);
        assert!(bomb.len() < 20_000 && refused(&bomb).contains("unpacked it takes more than 0 MiB"));
        let texts = sheet(&rows(&|row| text(&format!("A{row}"), &"a".repeat(101))));
        assert!(refused(&xlsx(&[("QA", &texts)])).contains("its texts fill the memory"));
        // One cell far to the right in every row.
        let wide = sheet(&rows(&|row| text(&format!("ZZ{row}"), "a")));
        assert!(refused(&xlsx(&[("QA", &wide)])).contains("it has 70200 cells"));
        let beyond = sheet(&rows(&|row| text(&format!("ZZZZ{row}"), "a")));
        assert!(refused(&xlsx(&[("QA", &beyond)])).contains("of 16384 at most"));
        let merged = |regions: usize, end: usize| {
            let region = format!(r#"<mergeCell ref="A1:A{end}"/>"#).repeat(regions);
            fits.replace("</sheetData>", &format!("</sheetData><mergeCells>{region}</mergeCells>"))
        };
        assert!(refused(&xlsx(&[("QA", &merged(4, 2))])).contains("4 regions"));
        assert!(refused(&xlsx(&[("QA", &merged(3, 900))])).contains("over one another"));
        // An ODS sheet's cell that is there as often as a sheet has room for.
        let repeated = r#"<table:table-row table:number-rows-repeated="1000000"><table:table-cell table:number-columns-repeated="16384" office:value-type="string"><text:p>a</text:p></table:table-cell></table:table-row>"#;
        assert!(refused(&archive(&[("content.xml", repeated)])).contains("its cells take more than"));
    }

    #[test]
    fn times_are_written_as_dates() {
        use calamine::ExcelDateTimeType::{DateTime, TimeDelta};
        let text = |value, kind| time_text(ExcelDateTime::new(value, kind, false));
        assert_eq!(text(45943.0, DateTime), "2025-10-13");
        assert_eq!(text(45943.5, DateTime), "2025-10-13 12:00:00");
        assert_eq!(text(0.25, DateTime), "06:00:00");
        assert_eq!(text(1.5, TimeDelta), "36:00:00");
    }

    proptest! {
        #[test]
        fn a_damaged_workbook_never_breaks_the_program(
            cut in any::<prop::sample::Index>(),
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        ) {
            // What does not begin as an archive is no workbook at all.
            const START: usize = 4;
            let mut bytes = questions();
            for (at, byte) in changes {
                let at = START + at.index(bytes.len() - START);
                bytes[at] = byte;
            }
            let _ = Table::from_bytes(&bytes, None);
            bytes.truncate(START + cut.index(bytes.len() - START));
            prop_assert!(Table::from_bytes(&bytes, None).is_err());
        }
    }
}
