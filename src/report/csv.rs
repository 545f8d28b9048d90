//! The report's numbers for a spreadsheet: RFC 4180 with a byte order mark, without which Excel misreads Chinese.

use super::Report;
use crate::retrieval::MetricRow;

/// A line for each set, group, metric, k and model.
pub fn metrics(report: &Report) -> String {
    let head = "set,group_kind,group,questions,metric,k,model,value,base,change,interval_low,interval_high,better,worse,equal,p";
    let mut text = format!("\u{feff}{head}\r\n");
    for set in &report.sets {
        let all = ("all", String::new(), set.texts.len(), &set.comparison.rows);
        let groups = set.comparison.groups.iter();
        let groups =
            groups.map(|group| (group.name.kind(), group.name.to_string(), group.questions.len(), &group.rows));
        for (kind, group, questions, rows) in std::iter::once(all).chain(groups) {
            for row in rows {
                let place = [cell(&set.name), kind.to_owned(), cell(&group), questions.to_string()].join(",");
                lines(&mut text, &place, row, report);
            }
        }
    }
    text
}

fn lines(text: &mut String, place: &str, row: &MetricRow, report: &Report) {
    let name = |model: usize| cell(report.models.get(model).map_or("", |model| &model.name));
    let (metric, k, base) = (row.metric.key(), row.k, row.base);
    text.push_str(&format!("{place},{metric},{k},{},{base},{base},,,,,,,\r\n", name(0)));
    for (at, tuned) in row.tuned.iter().enumerate() {
        let paired = &tuned.paired;
        let [low, high] = paired.interval;
        text.push_str(&format!(
            "{place},{metric},{k},{},{},{base},{},{low},{high},{},{},{},{}\r\n",
            name(at + 1),
            tuned.value,
            paired.change,
            paired.better,
            paired.worse,
            paired.equal,
            paired.p
        ));
    }
}

/// A line for each question, with the rank of its first right passage in each model.
pub fn questions(report: &Report) -> String {
    let names: Vec<String> = report.models.iter().map(|model| cell(&format!("rank: {}", model.name))).collect();
    let mut text = format!("\u{feff}set,question,{}\r\n", names.join(","));
    for set in &report.sets {
        for (at, question) in set.texts.iter().enumerate() {
            let ranks = set.comparison.ranks.iter().map(|ranks| ranks.get(at).copied().flatten());
            let ranks: Vec<String> = ranks.map(|rank| rank.map(|rank| rank.to_string()).unwrap_or_default()).collect();
            text.push_str(&format!("{},{},{}\r\n", cell(&set.name), cell(question), ranks.join(",")));
        }
    }
    text
}

/// A text as a cell. One that a spreadsheet would take for a formula gets an apostrophe before it (OWASP, "CSV
/// injection").
pub fn cell(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let text = if formula { format!("'{text}") } else { text.to_owned() };
    if text.contains(['"', ',', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::report;

    #[test]
    fn every_line_has_every_column_and_no_text_is_a_formula() {
        let text = metrics(&report());
        let mut lines = text.trim_start_matches('\u{feff}').lines();
        let columns = lines.next().unwrap().split(',').count();
        let lines: Vec<&str> = lines.collect();
        assert!(lines.iter().all(|line| line.split(',').count() == columns), "{text}");
        assert!(lines[0].starts_with("weld,all,,4,recall,1,base,0.5,0.5,"), "{text}");
        assert!(lines[1].starts_with("weld,all,,4,recall,1,tuned <b>,0.5,0.5,0,"), "{text}");
        let text = questions(&report());
        assert!(text.contains("weld,\"a | b\n=1+1 & `c`\",2,1\r\n"), "{text}");
        assert!(text.contains("weld,\"'=HYPERLINK(\"\"x\"\")\",,2\r\n"), "{text}");
    }
}
