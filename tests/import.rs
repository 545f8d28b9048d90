//! Tables of questions and answers as a user imports them.

#[allow(dead_code, reason = "other tests use the rest")]
mod common;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use common::weldbench;
use weldbench::dataset::encoding::{Encoding, encode};
use weldbench::dataset::{Corpus, Dataset};
use zip::write::{SimpleFileOptions, ZipWriter};

/// Writes a file as a program on Windows would, and returns its path and that of the output.
fn table(folder: &Path, name: &str, text: &str, encoding: Encoding) -> (PathBuf, PathBuf) {
    let path = folder.join(name);
    fs::write(&path, encode(text, encoding).unwrap()).unwrap();
    (path, folder.join("out.jsonl"))
}

/// Standard output and standard error.
fn import(code: i32, file: &Path, output: &Path, options: &[&str]) -> (String, String) {
    let done = weldbench().arg("import").arg(file).arg("--output").arg(output).args(options).assert().code(code);
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (text(&done.get_output().stdout), text(&done.get_output().stderr))
}

#[test]
fn a_csv_in_gbk_becomes_rows_and_what_is_skipped_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let text = "编号,问题,答案,错误答案\r\n1,什么是气孔？,\"焊缝中的孔洞,\r\n由气体形成\",夹渣\r\n2,什么是咬边？,,\r\n3,裂纹,a,b,c,d\r\n4,钨极氩弧焊,TIG焊,\r\n";
    let (file, output) = table(folder.path(), "问答.csv", text, Encoding::Gb18030);
    let (told, remarks) = import(0, &file, &output, &[]);
    assert_eq!(
        fs::read_to_string(&output).unwrap(),
        "{\"query\": \"什么是气孔？\", \"pos\": [\"焊缝中的孔洞,\\r\\n由气体形成\"], \"neg\": [\"夹渣\"]}\n\
         {\"query\": \"钨极氩弧焊\", \"pos\": [\"TIG焊\"]}\n"
    );
    assert!(told.contains("问答.csv:4: skipped: there is no positive"), "{told}");
    assert!(told.contains("问答.csv:5: skipped: the line has 6 cells, the table 4 columns"), "{told}");
    assert!(told.contains("out.jsonl: 2 rows, 2 lines skipped"), "{told}");
    for remark in ["GBK", "--query is column 问题", "--pos is column 答案", "--neg is column 错误答案"] {
        assert!(remarks.contains(remark), "{remarks}");
    }
    let opened = Dataset::open(&output).unwrap();
    assert!((0..opened.lines().len()).all(|at| opened.lines().read(at).row().is_some()));
}

#[test]
fn a_tsv_in_utf_16_is_read_with_the_columns_that_are_given() {
    let folder = tempfile::tempdir().unwrap();
    let text = "\u{feff}Frage\tRichtig\tFalsch\tQuelle\r\n什么是气孔？\t孔洞; 气泡\t夹渣\t手册\r\n";
    for (name, encoding) in [("le.tsv", Encoding::Utf16Le), ("be.tsv", Encoding::Utf16Be)] {
        let (file, output) = table(folder.path(), name, text, encoding);
        let options =
            ["--query", "Frage", "--pos", "richtig", "--neg", "3", "--split", ";", "--keep-other", "--overwrite"];
        let (_, remarks) = import(0, &file, &output, &options);
        assert!(remarks.contains("UTF-16") && !remarks.contains("guessed"), "{remarks}");
        assert_eq!(
            fs::read_to_string(&output).unwrap(),
            "{\"query\": \"什么是气孔？\", \"pos\": [\"孔洞\", \"气泡\"], \"neg\": [\"夹渣\"], \"Quelle\": \"手册\"}\n"
        );
    }
}

#[test]
fn a_table_without_header_is_read_by_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let (file, output) = table(folder.path(), "a.csv", "答1;问题\n答2;问2\n", Encoding::Utf8);
    import(0, &file, &output, &["--no-header", "--query", "2", "--pos", "1"]);
    let text = fs::read_to_string(&output).unwrap();
    assert_eq!(text.lines().next(), Some("{\"query\": \"问题\", \"pos\": [\"答1\"]}"));
    assert_eq!(text.lines().count(), 2);
}

#[test]
fn a_sheet_of_a_workbook_becomes_rows_and_a_corpus() {
    let folder = tempfile::tempdir().unwrap();
    let (file, output) = (folder.path().join("问答.xlsx"), folder.path().join("out.jsonl"));
    fs::write(&file, workbook()).unwrap();
    let (told, remarks) = import(0, &file, &output, &["--sheet", "问答"]);
    assert!(told.contains("1 rows, 1 lines skipped") && told.contains("xlsx:3: skipped"), "{told}");
    assert!(remarks.contains("sheet `问答`"), "{remarks}");
    assert_eq!(fs::read_to_string(&output).unwrap(), "{\"query\": \"什么是气孔？\", \"pos\": [\"焊缝中的孔洞\"]}\n");

    let corpus = folder.path().join("corpus.jsonl");
    let (told, _) = import(0, &file, &corpus, &["--corpus", "--sheet", "问答", "--title", "问题"]);
    assert!(told.contains("1 passages, 1 lines skipped"), "{told}");
    let opened = Corpus::open(&corpus).unwrap();
    let passage = &opened.passages()[0];
    assert_eq!((passage.id.as_str(), passage.document(true).as_ref()), ("2", "什么是气孔？ 焊缝中的孔洞"));

    let (_, why) = import(1, &file, &folder.path().join("no.jsonl"), &["--sheet", "Tabelle1"]);
    assert!(why.contains("no sheet `Tabelle1`") && why.contains("首页, 问答"), "{why}");
}

#[test]
fn workbooks_that_other_programs_wrote_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let first = "{\"query\": \"什么是气孔？\", \"pos\": [\"焊缝中的孔洞\"], \"neg\": [\"夹渣\"], \"编号\": \"1\", \"来源\": \"2025-10-13\"}\n\
                 {\"query\": \"钨极氩弧焊\", \"pos\": [\"TIG焊\", \"一种气体保护焊\"], \"编号\": \"3\", \"来源\": \"TRUE\"}\n";
    let merged = "{\"query\": \"焊接裂纹有哪些？\", \"pos\": [\"热裂纹\"], \"编号\": \"4\"}\n\
                  {\"query\": \"焊接裂纹有哪些？\", \"pos\": [\"冷裂纹\"]}\n";
    for (name, expected) in [("questions.xls", first.to_owned()), ("questions.xlsx", format!("{first}{merged}"))] {
        let file = Path::new("tests/fixtures/tables").join(name);
        let output = folder.path().join(name).with_extension("jsonl");
        let (told, _) = import(0, &file, &output, &["--split", "\\n", "--keep-other", "--overwrite"]);
        assert!(told.contains(&format!("{name}:3: skipped: there is no positive")), "{told}");
        assert_eq!(fs::read_to_string(&output).unwrap(), expected, "{name}");
    }
}

#[test]
fn what_cannot_be_imported_is_refused_and_nothing_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let (good, output) = table(folder.path(), "good.csv", "问题,答案\nq,a\n", Encoding::Utf8);
    import(0, &good, &output, &[]);
    let before = fs::read(&output).unwrap();
    let (_, why) = import(1, &good, &output, &[]);
    assert!(why.contains("out.jsonl is there already") && why.contains("what to do"), "{why}");
    assert_eq!(fs::read(&output).unwrap(), before);

    let mut cut = workbook();
    cut.truncate(cut.len() / 2);
    let new = folder.path().join("new.jsonl");
    for (name, bytes, why_not) in [
        ("cut.xlsx", cut, "the workbook is damaged"),
        ("rows.csv", b"{\"query\": \"q\", \"pos\": [\"a\"]}\n".to_vec(), "JSON already"),
        ("empty.csv", Vec::new(), "the file is empty"),
        ("one.csv", "问题\n什么是气孔\n".into(), "no column is the positive"),
        ("binary.xls", b"\x7fELF\0\0\0\x01".to_vec(), "no table"),
    ] {
        let file = folder.path().join(name);
        fs::write(&file, bytes).unwrap();
        let (_, why) = import(1, &file, &new, &[]);
        assert!(why.contains(why_not) && why.contains("what to do"), "{why}");
        assert!(!new.exists());
    }
    let (_, why) = import(1, &good, &new, &["--query", "题"]);
    assert!(why.contains("no column `题`") && why.contains("问题, 答案"), "{why}");
    import(2, &good, &new, &["--corpus", "--query", "1"]);
    let (_, why) = import(1, &folder.path().join("none.csv"), &new, &[]);
    assert!(why.contains("none.csv"), "{why}");
}

/// A workbook with a first sheet of no interest and a second one of questions.
fn workbook() -> Vec<u8> {
    let texts = |number: u32, cells: &[&str]| -> String {
        let cells = ('A'..)
            .zip(cells)
            .map(|(column, text)| format!("<c r=\"{column}{number}\" t=\"inlineStr\"><is><t>{text}</t></is></c>"));
        format!("<row r=\"{number}\">{}</row>", cells.collect::<String>())
    };
    let sheet = |rows: String| {
        format!(
            "<worksheet xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\"><sheetData>{rows}</sheetData></worksheet>"
        )
    };
    let relationship = |id: &str, kind: &str, target: &str| {
        format!(
            "<Relationship Id=\"{id}\" Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/{kind}\" Target=\"{target}\"/>"
        )
    };
    let relationships = |inner: String| {
        format!(
            "<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\">{inner}</Relationships>"
        )
    };
    let parts = [
        ("[Content_Types].xml", "<Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\"/>".to_owned()),
        ("_rels/.rels", relationships(relationship("r1", "officeDocument", "xl/workbook.xml"))),
        (
            "xl/workbook.xml",
            "<workbook xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\" xmlns:r=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships\"><sheets><sheet name=\"首页\" sheetId=\"1\" r:id=\"r1\"/><sheet name=\"问答\" sheetId=\"2\" r:id=\"r2\"/></sheets></workbook>".to_owned(),
        ),
        (
            "xl/_rels/workbook.xml.rels",
            relationships(
                relationship("r1", "worksheet", "worksheets/sheet1.xml")
                    + &relationship("r2", "worksheet", "worksheets/sheet2.xml"),
            ),
        ),
        ("xl/worksheets/sheet1.xml", sheet(texts(1, &["焊接问答", "二〇二五"]))),
        (
            "xl/worksheets/sheet2.xml",
            sheet(texts(1, &["问题", "答案"]) + &texts(2, &["什么是气孔？", "焊缝中的孔洞"]) + &texts(3, &["什么是咬边？"])),
        ),
    ];
    let mut archive = ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, text) in parts {
        archive.start_file(name, SimpleFileOptions::default()).unwrap();
        archive.write_all(text.as_bytes()).unwrap();
    }
    archive.finish().unwrap().into_inner()
}
