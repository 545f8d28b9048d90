//! Curves as files: a picture (PNG, SVG) or numbers (CSV).
//!
//! The pictures are made of the same few shapes, so that both show the same.

mod csv;
mod page;
mod png;
mod svg;

use super::curves::{Chart, Curves};
use super::look::Look;

use page::page;

/// What curves can be written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Png,
    Svg,
    Csv,
}

impl Format {
    pub const ALL: [Self; 3] = [Self::Png, Self::Svg, Self::Csv];

    pub fn name(self) -> &'static str {
        match self {
            Self::Png => "PNG",
            Self::Svg => "SVG",
            Self::Csv => "CSV",
        }
    }

    /// The ending of its files' names.
    pub fn ending(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Svg => "svg",
            Self::Csv => "csv",
        }
    }
}

/// What is written: the curves by the names of their runs, and the names of charts and axes in the window's language.
pub struct Export {
    pub runs: Vec<(String, Curves)>,
    pub look: Look,
    pub words: Words,
}

/// How things are called.
pub struct Words {
    pub charts: Vec<(Chart, String)>,
    pub series: Vec<(String, String)>,
    pub axis: String,
}

impl Words {
    pub fn chart(&self, chart: Chart) -> &str {
        self.charts.iter().find(|(known, _)| *known == chart).map_or("", |(_, name)| name)
    }

    pub fn series(&self, name: &str) -> String {
        self.series.iter().find(|(known, _)| known == name).map_or(name, |(_, word)| word).to_string()
    }
}

impl Export {
    /// The content of a file.
    pub fn write(&self, format: Format) -> Result<Vec<u8>, image::ImageError> {
        match format {
            Format::Png => png::png(&page(self)),
            Format::Svg => Ok(svg::svg(&page(self)).into_bytes()),
            Format::Csv => Ok(csv::csv(&self.runs).into_bytes()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::curves::tests::report;
    use super::*;
    use crate::training::Evaluation;

    /// Two runs of 50 steps with names that a file format could stumble over.
    pub fn export() -> Export {
        let run = |shift: f64| {
            let mut curves = Curves::default();
            curves.set_smoothing(0.6);
            for step in 1..=50 {
                curves.push(&report(step, 2.0 + shift + 3.0 / step as f64 + (step as f64 * 1.7).sin() * 0.2, None));
            }
            for step in [0, 25, 50] {
                let metrics = [("ndcg@10".to_string(), 0.4 + shift / 10.0 + step as f64 / 200.0)].into();
                curves.push_evaluation(&Evaluation { step, time: 1000.0 + step as f64, metrics, ..Default::default() });
            }
            curves
        };
        let charts = Chart::ALL.into_iter().map(|chart| (chart, format!("{chart:?}"))).collect();
        Export {
            runs: vec![("焊接, \"A\" <1>".into(), run(0.0)), ("bge-m3 & co".into(), run(1.0))],
            look: Look::default(),
            words: Words { charts, series: vec![("loss_total".into(), "总损失".into())], axis: "步数".into() },
        }
    }

    #[test]
    fn numbers_are_written_once_a_mark_with_the_digits_they_have() {
        let text = String::from_utf8(export().write(Format::Csv).unwrap()).unwrap();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[0], "run,step,epoch,seconds,loss_total,learning_rate,grad_norm,speed,ndcg@10");
        assert_eq!(lines.len(), 1 + 2 * (50 + 3));
        assert_eq!(lines[1], "\"焊接, \"\"A\"\" <1>\",0,0,0,,,,,0.4");
        let third: Vec<_> = lines[3].rsplit(',').collect();
        assert_eq!(third[4].parse::<f64>().unwrap(), export().runs[0].1.steps.series[0].values[1]);
        assert_eq!(third[3].parse::<f64>().unwrap(), 1e-5);
    }

    /// A run's name is anybody's text.
    #[test]
    fn no_name_is_a_formula_in_a_spreadsheet() {
        let mut export = export();
        export.runs[0].0 = "=HYPERLINK(\"https://example.org\")".into();
        let text = String::from_utf8(export.write(Format::Csv).unwrap()).unwrap();
        assert!(text.lines().nth(1).unwrap().starts_with("\"'=HYPERLINK("), "{text:.300}");
    }

    #[test]
    fn a_vector_picture_has_every_line_and_name_and_is_whole_xml() {
        let text = String::from_utf8(export().write(Format::Svg).unwrap()).unwrap();
        assert!(text.starts_with("<svg ") && text.trim_end().ends_with("</svg>"));
        for word in ["焊接, &quot;A&quot; &lt;1&gt;", "bge-m3 &amp; co", "步数", "Loss", "Evaluation"] {
            assert!(text.contains(word), "{word}");
        }
        // In each of four charts a raw line and a smoothed one of two runs, in that of evaluations the raw ones alone;
        // nobody told of memory.
        assert!(text.matches("<polyline").count() >= 4 * 4 + 2, "{}", text.matches("<polyline").count());
        assert!(text.contains("stroke-dasharray"));
        assert_eq!(text.matches('<').count(), text.matches('>').count());
    }

    #[test]
    fn a_picture_has_lines_in_their_colours_on_white() {
        let bytes = export().write(Format::Png).unwrap();
        if let Some(path) = std::env::var_os("WELDBENCH_PICTURE") {
            std::fs::write(path, &bytes).unwrap();
        }
        let picture = image::load_from_memory(&bytes).unwrap().to_rgb8();
        let page = page(&export());
        assert_eq!((picture.width(), picture.height()), ((page.size[0] * 2.0) as u32, (page.size[1] * 2.0) as u32));
        assert_eq!(picture.get_pixel(0, 0).0, [255; 3]);
        for colour in [0x1F5FA8_u32, 0xC75B12, 0x1E2530] {
            let [_, red, green, blue] = colour.to_be_bytes();
            let drawn = picture.pixels().filter(|pixel| pixel.0 == [red, green, blue]).count();
            assert!(drawn > 100, "{colour:x}: {drawn} pixels");
        }
    }
}
