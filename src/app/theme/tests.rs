use std::fs;
use std::path::{Path, PathBuf};

use eframe::egui::epaint::text::{Fonts, LayoutJob, TextFormat, TextOptions};
use regex::Regex;

use super::*;

const THEMES: [(&str, &Palette); 2] = [("light", &LIGHT), ("dark", &DARK)];

/// Red, green and blue, linear, from 0 to 1 (IEC 61966-2-1).
fn linear(colour: Color32) -> [f64; 3] {
    [colour.r(), colour.g(), colour.b()].map(|byte| {
        let part = f64::from(byte) / 255.0;
        if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
    })
}

/// The contrast of WCAG 2.2, from 1 to 21: <https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio>.
fn contrast(one: Color32, other: Color32) -> f64 {
    let luminance = |colour| {
        let [red, green, blue] = linear(colour);
        0.2126 * red + 0.7152 * green + 0.0722 * blue
    };
    let (one, other) = (luminance(one), luminance(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

/// How a colour is seen without one of the three kinds of cones: Machado, Oliveira and Fernandes, "A
/// Physiologically-based Model for Simulation of Color Vision Deficiency" (2009), severity 1.0.
const SIGHTS: [(&str, [[f64; 3]; 3]); 4] = [
    ("full", [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]),
    ("protanopia", [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]),
    (
        "deuteranopia",
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    ),
    ("tritanopia", [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]),
];

fn product(matrix: &[[f64; 3]; 3], vector: [f64; 3]) -> [f64; 3] {
    matrix.map(|row| row.iter().zip(vector).map(|(factor, part)| factor * part).sum())
}

/// CIELAB under D65, of linear red, green and blue.
fn lab(colour: [f64; 3]) -> [f64; 3] {
    const TO_XYZ: [[f64; 3]; 3] =
        [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]];
    const WHITE: [f64; 3] = [0.95047, 1.0, 1.08883];
    let xyz = product(&TO_XYZ, colour);
    let [x, y, z] = std::array::from_fn(|at| {
        let part = xyz[at] / WHITE[at];
        if part > 216.0 / 24389.0 { part.cbrt() } else { (24389.0 / 27.0 * part + 16.0) / 116.0 }
    });
    [116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)]
}

/// ΔE of CIE 1976 between two colours as somebody sees them; 2.3 can just be noticed.
fn difference(sight: &[[f64; 3]; 3], one: Color32, other: Color32) -> f64 {
    let seen = |colour| lab(product(sight, linear(colour)).map(|part| part.clamp(0.0, 1.0)));
    seen(one).iter().zip(seen(other)).map(|(one, other)| (one - other).powi(2)).sum::<f64>().sqrt()
}

#[test]
fn contrast_is_that_of_the_standard() {
    assert!((contrast(rgb(0x000000), rgb(0xFFFFFF)) - 21.0).abs() < 1e-9);
    // The grey that is known for just reaching 4.5 on white.
    assert!((contrast(rgb(0x767676), rgb(0xFFFFFF)) - 4.54).abs() < 0.005);
}

#[test]
fn every_text_can_be_read_on_every_ground() {
    for (theme, colours) in THEMES {
        let grounds = [
            ("background", colours.background),
            ("surface", colours.surface),
            ("raised", colours.raised),
            ("hovered", colours.hovered),
            ("selection", colours.selection),
        ];
        let texts = [
            ("text", colours.text),
            ("weak", colours.weak),
            ("accent", colours.accent),
            ("better", colours.better),
            ("worse", colours.worse),
            ("neutral", colours.neutral),
            ("warning", colours.warning),
            ("error", colours.error),
        ];
        for (text, ink) in texts {
            for (ground, paper) in grounds {
                let ratio = contrast(ink, paper);
                assert!(ratio >= 4.5, "{theme}: {text} on {ground} has a contrast of {ratio:.2}");
            }
        }
        let ratio = contrast(colours.on_accent, colours.accent);
        assert!(ratio >= 4.5, "{theme}: text on the accent has a contrast of {ratio:.2}");
    }
}

#[test]
fn edges_and_lines_can_be_seen() {
    for (theme, colours) in THEMES {
        for (ground, paper) in [("background", colours.background), ("surface", colours.surface)] {
            let parts = [("edge", colours.edge), ("accent", colours.accent)];
            let series = colours.series.iter().map(|colour| ("a series", *colour));
            for (part, ink) in parts.into_iter().chain(series) {
                let ratio = contrast(ink, paper);
                assert!(ratio >= 3.0, "{theme}: {part} {ink:?} on {ground} has a contrast of {ratio:.2}");
            }
        }
    }
}

#[test]
fn styles_take_their_colours_from_the_palette() {
    let context = egui::Context::default();
    install(&context);
    for (theme, colours) in [(egui::Theme::Light, &LIGHT), (egui::Theme::Dark, &DARK)] {
        let visuals = &context.style_of(theme).visuals;
        for widget in [&visuals.widgets.inactive, &visuals.widgets.hovered, &visuals.widgets.active] {
            assert!(contrast(widget.fg_stroke.color, widget.weak_bg_fill) >= 4.5);
            // What has the keyboard or the pointer has an edge, too.
            assert!(contrast(widget.bg_stroke.color, colours.surface) >= 3.0);
        }
        assert!(contrast(visuals.weak_text_color(), visuals.text_edit_bg_color()) >= 4.5);
    }
}

#[test]
fn better_worse_and_neutral_are_told_apart_by_every_sight() {
    for (theme, colours) in THEMES {
        let (better, worse, neutral) = (colours.better, colours.worse, colours.neutral);
        for (sight, matrix) in &SIGHTS {
            for (names, one, other) in [
                ("better and worse", better, worse),
                ("better and neutral", better, neutral),
                ("worse and neutral", worse, neutral),
            ] {
                let apart = difference(matrix, one, other);
                assert!(apart >= 18.0, "{theme}, {sight}: {names} are {apart:.1} apart");
            }
            for (at, one) in colours.series.iter().enumerate() {
                for other in &colours.series[at + 1..] {
                    let apart = difference(matrix, *one, *other);
                    assert!(apart >= 12.0, "{theme}, {sight}: series {one:?} and {other:?} are {apart:.1} apart");
                }
            }
        }
    }
}

fn sources(folder: &Path, all: &mut Vec<(PathBuf, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, all);
        } else {
            let text = fs::read_to_string(&path).unwrap();
            all.push((path, text.split("#[cfg(test)]").next().unwrap_or_default().to_owned()));
        }
    }
}

/// What clippy cannot see: spaces and colours written as numbers or names.
#[test]
fn nothing_sets_its_own_sizes_and_colours() {
    let app = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/app");
    let mut files = Vec::new();
    sources(&app, &mut files);
    assert!(files.len() > 50);
    let number = r"[0-9]*[1-9][0-9]*(\.[0-9]+)?|0\.[0-9]*[1-9][0-9]*";
    let forbidden = [
        // No colour but that of nothing.
        r"Color32::(BLACK|WHITE|GRAY|[A-Z]*_GRAY|RED|[A-Z]*_RED|[A-Z]*GREEN|[A-Z]*BLUE|YELLOW|ORANGE|GOLD|BROWN|CYAN|MAGENTA|PURPLE|KHAKI)".to_owned(),
        r"Color32\(".to_owned(),
        format!(r"(add_space|set_width|set_height|set_min_width|set_max_width|desired_width|Margin::same|CornerRadius::same|rounding|corner_radius|strong_size)\(({number})\)"),
        format!(r"(item_spacing|button_padding|interact_size|icon_width|indent)(\.[xy])? = ({number})"),
        format!(r"(Stroke::new|stroke)\(({number}),"),
    ];
    let forbidden = forbidden.map(|pattern| Regex::new(&pattern).unwrap());
    for (path, text) in
        files.iter().filter(|(path, _)| !path.starts_with(app.join("theme")) && *path != app.join("theme.rs"))
    {
        for (at, line) in text.lines().enumerate() {
            for pattern in &forbidden {
                assert!(!pattern.is_match(line), "{}:{}: {}", path.display(), at + 1, line.trim());
            }
        }
    }
}

fn bundled() -> Fonts {
    Fonts::new(TextOptions::default(), fonts())
}

/// All characters that may come to be shown without a font of the system's: the window's texts and sample data, and GB 2312.
#[test]
fn the_fonts_have_every_character() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut texts = Vec::new();
    for part in ["sample_data", "assets/translations", "src/app"] {
        sources(&folder.join(part), &mut texts);
    }
    let mut characters: std::collections::BTreeSet<char> = texts.iter().flat_map(|(_, text)| text.chars()).collect();
    characters.retain(|character| !character.is_whitespace());
    for (first, second) in (0xA1..=0xF7_u8).flat_map(|first| (0xA1..=0xFE_u8).map(move |second| (first, second))) {
        // The Han characters begin in row 0xB0; the first of their two levels ends within row 0xD7.
        if first >= 0xB0 && !(first == 0xD7 && second > 0xF9) {
            let bytes = [first, second];
            let (text, _, wrong) = encoding_rs::GBK.decode(&bytes);
            assert!(!wrong);
            characters.extend(text.chars());
        }
    }
    assert!(characters.len() > 6763);
    let mut fonts = bundled();
    for family in [FontFamily::Proportional, FontFamily::Monospace] {
        let font = FontId::new(14.0, family.clone());
        let missing: String = characters.iter().filter(|character| !fonts.has_glyph(&font, **character)).collect();
        assert!(missing.is_empty(), "{family:?} lacks {missing}");
    }
}

fn rows(fonts: &mut Fonts, text: &str, width: f32, most: usize) -> Vec<String> {
    let format = TextFormat::simple(FontId::new(14.0, FontFamily::Proportional), LIGHT.text);
    let mut job = LayoutJob::single_section(text.to_owned(), format);
    job.wrap.max_width = width;
    job.wrap.max_rows = most;
    let galley = fonts.with_pixels_per_point(1.0).layout_job(job);
    galley.rows.iter().map(|row| row.text()).collect()
}

#[test]
fn no_line_begins_with_a_mark_that_closes_and_words_stay_whole() {
    let text = "碱性低氢焊条（如E5015、J507）焊前350～400 ℃烘1～2 h，放100～150 ℃保温，出筒4 h未用完回收；重复烘干最多两次。\
                The welder's gloves (dry!) matter，too：see “ISO 6520-1”、《焊接手册》。";
    let mut fonts = bundled();
    // A column narrower than its longest word, “E5015、J507）焊”, tears it anywhere.
    for width in (150..400).step_by(7) {
        for row in rows(&mut fonts, text, width as f32, usize::MAX).iter().skip(1) {
            let first = row.chars().next().unwrap_or(' ');
            assert!(!"，。、；：？！）》”’】」』…".contains(first), "{width} points: a line is {row}");
        }
        let words = ["welder's", "matter", "E5015", "gloves"];
        let rows = rows(&mut fonts, text, width as f32, usize::MAX);
        for word in words {
            assert!(rows.iter().any(|row| row.contains(word)), "{width} points: {word} is torn apart");
        }
    }
}

#[test]
fn what_is_cut_off_ends_with_dots_within_its_width() {
    let mut fonts = bundled();
    for text in ["三层板点焊最薄那层焊不上，怎么办？", "What does undercut 咬边 look like in a fillet weld?"]
    {
        for width in [60.0, 97.0, 140.0] {
            let format = TextFormat::simple(FontId::new(14.0, FontFamily::Proportional), LIGHT.text);
            let mut job = LayoutJob::single_section(text.to_owned(), format);
            job.wrap = egui::text::TextWrapping::truncate_at_width(width);
            let galley = fonts.with_pixels_per_point(1.0).layout_job(job);
            assert!(galley.elided && galley.rows.len() == 1);
            assert!(galley.rows[0].text().ends_with('…'), "{}", galley.rows[0].text());
            assert!(galley.size().x <= width, "{} > {width}", galley.size().x);
        }
    }
}
