//! Sheets of workbooks: XLSX, XLS and ODS.

use super::error::ImportError;
use super::table::{Table, TableFault, TableProblem, TableRow};
use calamine::{
    Data, Dimensions, Error, ExcelDateTime, Ods, OdsError, Range, Reader, SheetType, SheetVisible, Xls, XlsError, Xlsx,
    XlsxError,
};
use std::collections::BTreeMap;
use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};

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
    // The readers of these formats trust what a file says about itself and may panic where it lies.
    catch_unwind(AssertUnwindSafe(|| match kind {
        Kind::Zip => read_zip(bytes, sheet),
        Kind::Compound => read_compound(bytes, sheet),
    }))
    .unwrap_or_else(|_| Err(ImportError::DamagedWorkbook { cause: "its parts contradict each other".into() }))
}

/// The cells of a sheet that are not blank, by row and column from 0.
type Cells = BTreeMap<u32, BTreeMap<u32, Data>>;

fn read_zip(bytes: &[u8], sheet: Option<&str>) -> Result<Table, ImportError> {
    let archive = zip::ZipArchive::new(Cursor::new(bytes))
        .map_err(|error| ImportError::DamagedWorkbook { cause: error.to_string() })?;
    if archive.index_for_name("content.xml").is_some() {
        let mut book = Ods::new(Cursor::new(bytes)).map_err(|error| failed(error.into()))?;
        let chosen = Chosen::of(&book, sheet)?;
        let range = book.worksheet_range(chosen.name()).map_err(|error| failed(error.into()))?;
        return chosen.table(dense(&range), &[]);
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
    let mut cells = Cells::new();
    let mut reader = book.worksheet_cells_reader(chosen.name()).map_err(|error| failed(error.into()))?;
    while let Some(cell) = reader.next_cell().map_err(|error| failed(error.into()))? {
        let (row, column) = cell.get_position();
        insert(&mut cells, row, column, cell.get_value().clone().into());
    }
    drop(reader);
    let merged = book.merge_cells_by_sheet_name(chosen.name()).map_err(|error| failed(error.into()))?;
    chosen.table(cells, &merged)
}

fn read_compound(bytes: &[u8], sheet: Option<&str>) -> Result<Table, ImportError> {
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
    chosen.table(dense(&range), &merged)
}

fn failed(error: Error) -> ImportError {
    match error {
        Error::Xlsx(XlsxError::Password) | Error::Xls(XlsError::Password) | Error::Ods(OdsError::Password) => {
            ImportError::Password
        }
        error => ImportError::DamagedWorkbook { cause: error.to_string() },
    }
}

fn dense(range: &Range<Data>) -> Cells {
    let (first_row, first_column) = range.start().unwrap_or_default();
    let mut cells = Cells::new();
    for (row, column, cell) in range.used_cells() {
        insert(&mut cells, first_row + row as u32, first_column + column as u32, cell.clone());
    }
    cells
}

fn insert(cells: &mut Cells, row: u32, column: u32, cell: Data) {
    let is_blank = match &cell {
        Data::Empty => true,
        Data::String(text) => text.trim().is_empty(),
        _ => false,
    };
    if !is_blank {
        cells.entry(row).or_default().insert(column, cell);
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

    /// What stands in a cell that is merged over several rows belongs to each of them.
    fn table(self, mut cells: Cells, merged: &[Dimensions]) -> Result<Table, ImportError> {
        for Dimensions { start, end } in merged.iter().filter(|merged| merged.start.0 < merged.end.0) {
            let Some(shared) = cells.get(&start.0).and_then(|row| row.get(&start.1)).cloned() else {
                continue;
            };
            for row in cells.range_mut(start.0 + 1..=end.0).map(|(_, row)| row) {
                row.entry(start.1).or_insert_with(|| shared.clone());
            }
        }
        let (mut rows, mut problems) = (Vec::new(), Vec::new());
        for (row, row_cells) in cells {
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
