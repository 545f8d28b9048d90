//! The report as one HTML file that needs no network.

use super::{Report, RunEntry, SetEntry, Words, curve, in_words, interval, p_value, points, rank};
use crate::retrieval::{Metric, MetricRow};

const STYLE: &str = include_str!("style.css");

/// The whole page. The policy in its head forbids scripts and anything from outside, should an escape ever fail.
pub fn page(report: &Report, words: &Words) -> String {
    let title = escaped(&report.title);
    let mut body = format!("<h1>{title}</h1>");
    body.push_str(&format!(
        "<p class=\"weak\">{}: {} · {}: {} · Weldbench {}</p>",
        words.made,
        escaped(&report.made),
        words.method,
        escaped(&report.method),
        escaped(&report.version)
    ));
    for set in &report.sets {
        body.push_str(&section(report, set, words));
    }
    for run in &report.runs {
        body.push_str(&of_run(run, words));
    }
    body.push_str(&provenance(report, words));
    format!(
        "<!DOCTYPE html>\n<html lang=\"{}\"><head><meta charset=\"utf-8\">\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>{title}</title><style>{STYLE}</style></head><body><main>{body}</main></body></html>\n",
        words.language
    )
}

fn section(report: &Report, set: &SetEntry, words: &Words) -> String {
    let mut text = format!(
        "<section><h2>{}</h2><p class=\"weak\">{} {}, {} {}</p>",
        escaped(&set.name),
        set.texts.len(),
        words.questions,
        set.passages,
        words.passages
    );
    let others: Vec<&str> = report.models.iter().skip(1).map(|model| model.name.as_str()).collect();
    if let Some(row) = set.headline(&set.comparison.rows) {
        for (name, tuned) in others.iter().zip(&row.tuned) {
            let said = in_words(&tuned.paired, words);
            let colour = colour(tuned.paired.change);
            text.push_str(&format!(
                "<p class=\"headline\"><b>{}</b> {}: <b class=\"{colour}\">{} %</b> — {said}</p>",
                escaped(name),
                row.name(),
                points(tuned.paired.change)
            ));
        }
    }
    let mut head =
        vec![words.metric.to_owned(), report.models.first().map(|model| escaped(&model.name)).unwrap_or_default()];
    for name in &others {
        head.extend([escaped(name), words.change.into(), words.interval.into(), words.better.into()]);
        head.extend([words.worse.into(), words.equal.into(), "p".to_owned()]);
    }
    let rows = set.comparison.rows_by_k(&Metric::ALL);
    text.push_str(&table(&head, rows.into_iter().map(|row| line(row.name(), row))));
    if !others.is_empty() {
        text.push_str(&format!("<p class=\"weak\">{}</p>", words.change_note));
    }
    for (tuned, name) in others.iter().enumerate() {
        text.push_str(&moved(set, tuned, name, words));
    }
    text.push_str(&groups(set, &head, words));
    text + "</section>"
}

/// The cells of a metric.
fn line(name: String, row: &MetricRow) -> Vec<String> {
    let mut cells = vec![name, format!("{:.4}", row.base)];
    for tuned in &row.tuned {
        let paired = &tuned.paired;
        cells.push(format!("{:.4}", tuned.value));
        cells.push(format!("<span class=\"{}\">{} %</span>", colour(paired.change), points(paired.change)));
        cells.push(interval(paired));
        cells.extend([paired.better, paired.worse, paired.equal].map(|count| count.to_string()));
        cells.push(p_value(paired.p));
    }
    cells
}

fn groups(set: &SetEntry, head: &[String], words: &Words) -> String {
    let mut metric = String::new();
    let mut lines = Vec::new();
    for group in &set.comparison.groups {
        let Some(row) = set.headline(&group.rows) else { continue };
        metric = row.name();
        let mut cells = line(escaped(&words.group_name(&group.name)), row);
        cells.insert(1, group.questions.len().to_string());
        lines.push(cells);
    }
    if lines.is_empty() {
        return String::new();
    }
    let mut head = head.to_vec();
    head[0] = words.group.into();
    head.insert(1, words.count.into());
    format!("<h3>{} ({metric})</h3>{}", words.groups, table(&head, lines.into_iter()))
}

fn moved(set: &SetEntry, tuned: usize, name: &str, words: &Words) -> String {
    let moved = set.moved(tuned);
    let title = format!("{}: {} ({})", words.moved, escaped(name), moved.len());
    if moved.is_empty() {
        return format!("<h3>{title}</h3><p>{}</p>", words.nothing_moved);
    }
    let head = [words.question, words.base, words.tuned, words.gain].map(String::from);
    let lines = moved.iter().map(|one| {
        let gain = one.outcome.gain();
        let gain = format!("<span class=\"{}\">{gain:+.3}</span>", colour(gain));
        vec![escaped(one.question), rank(one.outcome.base), rank(one.outcome.tuned), gain]
    });
    format!(
        "<h3>{title}</h3><p class=\"weak\">{}</p><div class=\"scroll\">{}</div>",
        words.moved_note,
        table(&head, lines)
    )
}

fn of_run(run: &RunEntry, words: &Words) -> String {
    let mut text = format!("<section><h2>{}: {}</h2>", words.curves, escaped(&run.name));
    for curve in &run.curves {
        if let Some(picture) = curve::svg(curve) {
            text.push_str(&format!("<figure><figcaption>{}</figcaption>{picture}</figure>", escaped(&curve.name)));
        }
    }
    let configuration = escaped(&run.configuration);
    text + &format!("<details><summary>{}</summary><pre>{configuration}</pre></details></section>", words.configuration)
}

fn provenance(report: &Report, words: &Words) -> String {
    let head = [words.model, words.folder, words.fingerprint].map(String::from);
    let code = |text: &str| format!("<code>{}</code>", escaped(text));
    let models = report.models.iter();
    let models = models.map(|model| vec![escaped(&model.name), code(&model.folder), code(&model.fingerprint)]);
    let mut text = format!("<section><h2>{}</h2>{}", words.models, table(&head, models));
    let files = report.sets.iter().flat_map(|set| {
        [(words.questions, &set.questions), (words.corpus, &set.corpus)].map(|(what, file)| {
            vec![format!("{}: {what}", escaped(&set.name)), code(&file.path), code(&file.fingerprint)]
        })
    });
    let head = [words.data, words.folder, words.fingerprint].map(String::from);
    text.push_str(&format!("<h2>{}</h2>{}", words.data, table(&head, files)));
    text + "</section>"
}

/// Cells are HTML already.
fn table(head: &[String], lines: impl Iterator<Item = Vec<String>>) -> String {
    let row = |cells: &[String], name: &str| {
        let cells: String = cells.iter().map(|cell| format!("<{name}>{cell}</{name}>")).collect();
        format!("<tr>{cells}</tr>")
    };
    let body: String = lines.map(|cells| row(&cells, "td")).collect();
    format!("<table><thead>{}</thead><tbody>{body}</tbody></table>", row(head, "th"))
}

fn colour(change: f64) -> &'static str {
    match change {
        change if change > 0.0 => "better",
        change if change < 0.0 => "worse",
        _ => "weak",
    }
}

/// A text that shows as it is, in an element or an attribute.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            letter => escaped.push(letter),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::report;

    #[test]
    fn texts_show_as_texts_and_nothing_comes_from_outside() {
        for words in [Words::ENGLISH, Words::CHINESE] {
            let page = page(&report(), &words);
            assert!(!page.contains("<script") && page.contains("&lt;script&gt;alert(&#39;咬边&#39;)"), "{page}");
            assert!(page.contains("tuned &lt;b&gt;") && page.contains("seed = 1 # &lt;x&gt;"), "{page}");
            assert!(!page.contains("http:") && !page.contains("https:") && !page.contains("url("), "{page}");
            assert_eq!(page.matches("<table>").count(), page.matches("</table>").count());
            assert!(page.contains("<polyline") && page.contains("cafe") && page.contains("f00d"));
        }
    }
}
