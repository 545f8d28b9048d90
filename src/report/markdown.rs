//! The report as Markdown, and its tables as terminals show them too.

use super::{Report, SetEntry, Words, in_words, interval, p_value, points, rank};
use crate::retrieval::{Metric, MetricRow};
use crate::training::card::escaped;

/// The metrics as a table in columns; the change is in points of a hundred. Without a tuned model there is one
/// column of values, with one the table has the layout of the published one, with more each has its change.
pub fn table(rows: &[&MetricRow], names: &[String], words: &Words) -> String {
    let others = rows.first().map_or(0, |row| row.tuned.len());
    let mut lines = vec![vec![words.metric.to_owned(), names.first().cloned().unwrap_or_else(|| words.base.into())]];
    for name in names.iter().skip(1).take(others) {
        lines[0].extend([name.clone(), words.change.to_owned()]);
    }
    for row in rows {
        let mut line = vec![row.name(), format!("{:.4}", row.base)];
        for tuned in &row.tuned {
            line.extend([format!("{:.4}", tuned.value), format!("{} %", points(tuned.paired.change))]);
        }
        lines.push(line);
    }
    columns(&lines)
}

/// Cells in columns of equal width; a Chinese character is two wide.
fn columns(lines: &[Vec<String>]) -> String {
    let width = |text: &str| -> usize { text.chars().map(|letter| if letter >= '\u{2e80}' { 2 } else { 1 }).sum() };
    let count = lines.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..count)
        .map(|at| lines.iter().filter_map(|line| line.get(at)).map(|cell| width(cell)).max().unwrap_or(0).max(3))
        .collect();
    let mut text = String::new();
    for (number, line) in lines.iter().enumerate() {
        let cells = line.iter().zip(&widths).enumerate().map(|(at, (cell, wide))| {
            let padding = " ".repeat(wide - width(cell));
            if at == 0 { format!("{cell}{padding}") } else { format!("{padding}{cell}") }
        });
        text.push_str(&format!("| {} |\n", cells.collect::<Vec<_>>().join(" | ")));
        if number == 0 {
            let rule = widths.iter().enumerate().map(|(at, wide)| {
                let rule = "-".repeat(wide - 1);
                if at == 0 { format!("{rule}-") } else { format!("{rule}:") }
            });
            text.push_str(&format!("| {} |\n", rule.collect::<Vec<_>>().join(" | ")));
        }
    }
    text
}

/// The whole report.
pub fn document(report: &Report, words: &Words) -> String {
    let names: Vec<String> = report.models.iter().map(|model| escaped(&model.name)).collect();
    let mut text = format!(
        "# {}\n\n{}: {} · {}: {} · Weldbench {}\n",
        escaped(&report.title),
        words.made,
        report.made,
        words.method,
        escaped(&report.method),
        escaped(&report.version)
    );
    for set in &report.sets {
        text.push_str(&format!("\n## {}\n\n", escaped(&set.name)));
        text.push_str(&format!("{} {}, {} {}\n\n", set.texts.len(), words.questions, set.passages, words.passages));
        text.push_str(&table(&set.comparison.rows_by_k(&Metric::ALL), &names, words));
        if names.len() > 1 {
            text.push_str(&format!("\n{}\n", words.change_note));
        }
        for (tuned, name) in names.iter().skip(1).enumerate() {
            text.push_str(&findings(set, tuned, name, words));
            text.push_str(&moved(set, tuned, words));
        }
        text.push_str(&groups(set, &names, words));
    }
    text.push_str(&format!("\n## {}\n\n", words.models));
    let mut lines = vec![[words.model, words.folder, words.fingerprint].map(String::from).to_vec()];
    lines.extend(
        report.models.iter().map(|model| vec![escaped(&model.name), escaped(&model.folder), model.fingerprint.clone()]),
    );
    text.push_str(&columns(&lines));
    text.push_str(&format!("\n## {}\n\n", words.data));
    let mut lines = vec![[words.data, words.folder, words.fingerprint].map(String::from).to_vec()];
    for set in &report.sets {
        for (what, file) in [(words.questions, &set.questions), (words.corpus, &set.corpus)] {
            lines.push(vec![format!("{}: {what}", escaped(&set.name)), escaped(&file.path), file.fingerprint.clone()]);
        }
    }
    text.push_str(&columns(&lines));
    for run in &report.runs {
        text.push_str(&format!("\n## {}: {}\n\n", words.configuration, escaped(&run.name)));
        // A single carriage return ends a line, too, and what stands behind it would be outside.
        for line in run.configuration.split(['\r', '\n']) {
            text.push_str(&format!("    {line}\n"));
        }
        for curve in &run.curves {
            if let (Some(first), Some(last)) = (curve.points.first(), curve.points.last()) {
                let told = format!(
                    "\n{}: {:.4} ({} {}) → {:.4} ({} {})\n",
                    escaped(&curve.name),
                    first[1],
                    words.step,
                    first[0],
                    last[1],
                    words.step,
                    last[0]
                );
                text.push_str(&told);
            }
        }
    }
    text
}

fn findings(set: &SetEntry, tuned: usize, name: &str, words: &Words) -> String {
    let mut lines = vec![vec![
        name.to_owned(),
        words.interval.into(),
        words.better.into(),
        words.worse.into(),
        words.equal.into(),
        "p".into(),
    ]];
    for row in set.comparison.rows_by_k(&Metric::ALL) {
        let paired = row.tuned[tuned].paired;
        let counts = [paired.better, paired.worse, paired.equal].map(|count| count.to_string());
        let mut line = vec![row.name(), interval(&paired)];
        line.extend(counts);
        line.push(p_value(paired.p));
        lines.push(line);
    }
    let headline = set.headline(&set.comparison.rows);
    let said = headline.map(|row| format!("\n{}: {}\n", row.name(), in_words(&row.tuned[tuned].paired, words)));
    format!("{}\n{}", said.unwrap_or_default(), columns(&lines))
}

fn groups(set: &SetEntry, names: &[String], words: &Words) -> String {
    if set.comparison.groups.is_empty() {
        return String::new();
    }
    let mut head = vec![words.group.to_owned(), words.count.into(), names.first().cloned().unwrap_or_default()];
    for name in names.iter().skip(1) {
        head.extend([name.clone(), words.change.to_owned(), "p".to_owned()]);
    }
    let mut lines = vec![head];
    let mut metric = String::new();
    for group in &set.comparison.groups {
        let Some(row) = set.headline(&group.rows) else { continue };
        metric = row.name();
        let name = escaped(&words.group_name(&group.name));
        let mut line = vec![name, group.questions.len().to_string(), format!("{:.4}", row.base)];
        for tuned in &row.tuned {
            let paired = &tuned.paired;
            line.extend([format!("{:.4}", tuned.value), format!("{} %", points(paired.change)), p_value(paired.p)]);
        }
        lines.push(line);
    }
    format!("\n### {} ({metric})\n\n{}", words.groups, columns(&lines))
}

fn moved(set: &SetEntry, tuned: usize, words: &Words) -> String {
    let moved = set.moved(tuned);
    if moved.is_empty() {
        return format!("\n{}\n", words.nothing_moved);
    }
    let mut lines = vec![[words.question, words.base, words.tuned, words.gain].map(String::from).to_vec()];
    for one in moved {
        let (base, tuned) = (rank(one.outcome.base), rank(one.outcome.tuned));
        lines.push(vec![escaped(one.question), base, tuned, format!("{:+.3}", one.outcome.gain())]);
    }
    format!("\n### {}\n\n{}\n\n{}", words.moved, words.moved_note, columns(&lines))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::report;
    use crate::retrieval::{Paired, Tuned};

    #[test]
    fn the_table_reads_like_the_published_one() {
        let row = |metric, k, base, value: f64| {
            let paired = Paired { change: value - base, ..Paired::default() };
            MetricRow { metric, k, base, tuned: vec![Tuned { value, paired }] }
        };
        let rows = [
            row(Metric::Recall, 1, 0.44989, 0.48952),
            row(Metric::Mrr, 1, 0.89977, 0.97903),
            row(Metric::Ndcg, 10, 0.5, 0.49999999),
        ];
        let names = ["base", "tuned"].map(String::from);
        let text = table(&rows.iter().collect::<Vec<_>>(), &names, &Words::ENGLISH);
        let expected = "\
| metric   |   base |  tuned |  change |
| -------- | -----: | -----: | ------: |
| recall@1 | 0.4499 | 0.4895 | +3.96 % |
| MRR@1    | 0.8998 | 0.9790 | +7.93 % |
| nDCG@10  | 0.5000 | 0.5000 | +0.00 % |
";
        assert_eq!(text, expected);
        let alone: Vec<MetricRow> = rows.into_iter().map(|row| MetricRow { tuned: vec![], ..row }).collect();
        let text = table(&alone.iter().collect::<Vec<_>>(), &names[..1], &Words::ENGLISH);
        assert!(text.contains("| recall@1 | 0.4499 |\n") && !text.contains("tuned"), "{text}");
    }

    /// The configuration is what stands in a run's folder, which somebody else may have written.
    #[test]
    fn a_configuration_stays_within_its_block() {
        let mut report = report();
        report.runs[0].configuration = "# \r<script>\r\n\n<b>\nseed = 1".into();
        let text = document(&report, &Words::ENGLISH);
        let at = text.split(['\r', '\n']).filter(|line| line.contains("<script>") || line.contains("<b>"));
        assert!(at.clone().count() == 2 && at.clone().all(|line| line.starts_with("    ")), "{text}");
    }

    #[test]
    fn texts_are_neither_markup_nor_new_lines() {
        let text = document(&report(), &Words::ENGLISH);
        assert!(!text.contains("<script>") && text.contains("&lt;script&gt;alert('咬边')"), "{text}");
        assert!(text.contains("a \\| b =1+1 &amp; \\`c\\`"), "{text}");
        assert!(text.contains("2 questions better, 1 worse, the rest (1) equal"), "{text}");
        assert!(text.contains("loss: 2.0000 (step 1) → 1.0000 (step 2)"), "{text}");
        let chinese = document(&report(), &Words::CHINESE);
        assert!(chinese.contains("2 个问题变好，1 个变差") && chinese.contains("拉丁字母"), "{chinese}");
    }
}
