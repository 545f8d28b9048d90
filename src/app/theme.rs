//! Design tokens: every space, text size and colour of the window. Nothing else sets its own; a test and
//! `clippy.toml` see to that.
#![allow(clippy::disallowed_methods, reason = "this is the one place where colours and text sizes are made")]

#[cfg(test)]
mod tests;

use eframe::egui::{
    self, Color32, CornerRadius, FontFamily, FontId, Margin, Shadow, Stroke, TextStyle, Visuals, style::WidgetVisuals,
};

/// Spaces, in points. Multiples of 4, so that everything stands on one grid.
pub mod space {
    pub const TINY: f32 = 4.0;
    pub const SMALL: f32 = 8.0;
    pub const MEDIUM: f32 = 12.0;
    pub const LARGE: f32 = 16.0;
    pub const HUGE: f32 = 32.0;
}

/// Sizes of parts, in points.
pub mod size {
    pub const BAR: f32 = 44.0;
    pub const ROW: f32 = 28.0;
    pub const CONTROL: f32 = 28.0;
    pub const FORM: f32 = 400.0;
    pub const FIELD: f32 = 96.0;
    pub const UNIT: f32 = 84.0;
    pub const OPTION: f32 = 36.0;
    pub const FLAG: f32 = 250.0;
    pub const PASTE: f32 = 860.0;
    pub const EDITOR: f32 = 560.0;
    pub const EDITOR_MIN: f32 = 360.0;
    pub const PROGRESS: f32 = 140.0;
    pub const POPUP: f32 = 360.0;
    pub const PLOT: f32 = 220.0;
    pub const LOG_LINE: f32 = 20.0;
    pub const BAD_LINES: f32 = 160.0;
    pub const RANK: f32 = 64.0;
    pub const RANK_AXIS: f32 = 72.0;
    pub const MARKS: f32 = 56.0;
    pub const FINDINGS: f32 = 280.0;
    pub const SCORE_BAR: f32 = 14.0;
    pub const SCORE_WIDTH: f32 = 160.0;
    pub const LINKS: f32 = 56.0;
    pub const LIST_MIN: f32 = 280.0;
    pub const HIT_LINES: usize = 3;
    /// Corners of what is pressed or typed into.
    pub const CORNER: u8 = 5;
    /// Corners of boxes that hold something.
    pub const BOX_CORNER: u8 = 6;
    /// Corners of what lies over the bench.
    pub const WINDOW_CORNER: u8 = 8;
    /// What is larger gets no ring around it, such as a plot.
    pub const RING: f32 = 1600.0;
    pub const MENU: f32 = 220.0;
    pub const PALETTE: f32 = 560.0;
    pub const TOAST: f32 = 440.0;
    pub const GUIDE: f32 = 84.0;
    /// Lower than this, the guide is one line.
    pub const GUIDE_WINDOW: f32 = 600.0;
    /// Narrower than this, findings are chosen in the filter alone.
    pub const FINDINGS_BESIDE: f32 = 560.0;
    /// Narrower than this, the text that rows are filtered by has a line of its own.
    pub const FILTERS: f32 = 620.0;
    pub const FORM_MIN: f32 = 340.0;
    pub const FORM_MAX: f32 = 640.0;
    pub const MINIMUM_WINDOW: [f32; 2] = [800.0, 450.0];
    pub const WINDOW: [f32; 2] = [1440.0, 900.0];
}

/// Thin lines of our own drawings, in points.
pub mod line {
    pub const HAIR: f32 = 1.0;
    pub const PLOT: f32 = 1.8;
    pub const LINK: f32 = 1.6;
    /// The text cursor, and lines below words.
    pub const BOLD: f32 = 2.0;
    /// Around what has the keyboard.
    pub const FOCUS: f32 = 2.0;
    /// How close the numbers below an axis may stand.
    pub const LABELS: std::ops::RangeInclusive<f32> = 28.0..=48.0;
}

/// What colours mean. "Better" and "worse" are blue and orange, which every kind of colour-blindness
/// keeps apart (Okabe and Ito's palette), and never stand without a sign or an arrow.
#[derive(Clone, Copy, Debug)]
pub struct Palette {
    pub background: Color32,
    pub surface: Color32,
    pub raised: Color32,
    pub hovered: Color32,
    /// Lines that part one thing from another.
    pub outline: Color32,
    /// The edge of whatever can be used, which must be seen to know what it is.
    pub edge: Color32,
    pub text: Color32,
    pub weak: Color32,
    pub accent: Color32,
    pub on_accent: Color32,
    pub selection: Color32,
    pub better: Color32,
    pub worse: Color32,
    pub neutral: Color32,
    pub warning: Color32,
    pub error: Color32,
    /// Curves and bars, told apart by lightness too.
    pub series: [Color32; 6],
}

const fn rgb(hex: u32) -> Color32 {
    Color32::from_rgb((hex >> 16) as u8, (hex >> 8) as u8, hex as u8)
}

const LIGHT: Palette = Palette {
    background: rgb(0xF5F6F8),
    surface: rgb(0xFFFFFF),
    raised: rgb(0xECEEF2),
    hovered: rgb(0xE0E5EC),
    outline: rgb(0xD3D8E0),
    edge: rgb(0x868F9D),
    text: rgb(0x1E2530),
    weak: rgb(0x5C6675),
    accent: rgb(0x1F5FA8),
    on_accent: rgb(0xFFFFFF),
    selection: rgb(0xD6E6F8),
    better: rgb(0x0067A3),
    worse: rgb(0xA84200),
    neutral: rgb(0x5C6675),
    warning: rgb(0x8A5A00),
    error: rgb(0xA8261B),
    series: [rgb(0x1F5FA8), rgb(0xC75B12), rgb(0x009351), rgb(0x704362), rgb(0x373F10), rgb(0x3C89FF)],
};

const DARK: Palette = Palette {
    background: rgb(0x15181D),
    surface: rgb(0x1C2027),
    raised: rgb(0x2A303A),
    hovered: rgb(0x303743),
    outline: rgb(0x363E4A),
    edge: rgb(0x6B7686),
    text: rgb(0xE4E8EE),
    weak: rgb(0xA6B0BE),
    accent: rgb(0x5BA6EE),
    on_accent: rgb(0x0B1118),
    selection: rgb(0x1D3854),
    better: rgb(0x62B5F0),
    worse: rgb(0xF09A4A),
    neutral: rgb(0xA6B0BE),
    warning: rgb(0xE0B040),
    error: rgb(0xF4978A),
    series: [rgb(0x62B5F0), rgb(0xF09A4A), rgb(0x18F59A), rgb(0xCAA6B8), rgb(0xE2F25A), rgb(0x9068FF)],
};

/// The colours of the theme that a part of the window is drawn in.
pub fn palette(ui: &egui::Ui) -> &'static Palette {
    if ui.visuals().dark_mode { &DARK } else { &LIGHT }
}

/// How strong a line is that another one explains, such as a measured one behind its smoothed one.
pub const FAINT: f32 = 0.3;

/// A colour that lets its ground shine through; `share` is from 0 (nothing of it) to 1.
pub fn faint(colour: Color32, share: f32) -> Color32 {
    colour.gamma_multiply(share)
}

/// The font of a size that is not one of the window's, for pictures on paper.
pub fn paper_font(points: f32) -> FontId {
    FontId::proportional(points)
}

/// The colours of pictures, which are on white paper.
pub fn paper() -> &'static Palette {
    &LIGHT
}

/// The ring around what has the keyboard.
pub fn focus_stroke(context: &egui::Context) -> Stroke {
    let colours = if context.global_style().visuals.dark_mode { &DARK } else { &LIGHT };
    Stroke::new(line::FOCUS, colours.accent)
}

/// A panel's frame: `surface` on `background`.
pub fn panel(ui: &egui::Ui) -> egui::Frame {
    egui::Frame::new().fill(palette(ui).surface).inner_margin(Margin::same(space::MEDIUM as i8))
}

/// A box inside a panel.
pub fn card(ui: &egui::Ui) -> egui::Frame {
    let colours = palette(ui);
    egui::Frame::new()
        .fill(colours.background)
        .stroke(Stroke::new(line::HAIR, colours.outline))
        .corner_radius(CornerRadius::same(size::BOX_CORNER))
        .inner_margin(Margin::same(space::SMALL as i8))
}

/// A box that lies over the bench.
pub fn floating(ui: &egui::Ui) -> egui::Frame {
    egui::Frame::popup(ui.style()).inner_margin(Margin::same(space::TINY as i8))
}

/// Larger letters and controls, for a projector that is read from the back of a room.
pub fn enlarge(ui: &mut egui::Ui) {
    const FACTOR: f32 = 1.5;
    let style = ui.style_mut();
    style.text_styles.values_mut().for_each(|font| font.size *= FACTOR);
    style.spacing.interact_size *= FACTOR;
    style.spacing.button_padding *= FACTOR;
}

/// A section's heading, between body text and title.
pub fn section() -> TextStyle {
    TextStyle::Name("section".into())
}

/// egui's own fonts come first, then Noto Sans SC for Chinese; characters that no font here has come from the system.
pub fn fonts() -> egui::FontDefinitions {
    const CHINESE: &str = "Noto Sans SC";
    let mut fonts = egui::FontDefinitions::default();
    let chinese = egui::FontData::from_static(include_bytes!("../../assets/fonts/NotoSansSC-Regular-gb2312.ttf"));
    fonts.font_data.insert(CHINESE.into(), chinese.into());
    for family in [FontFamily::Proportional, FontFamily::Monospace] {
        let chain = fonts.families.entry(family).or_default();
        for name in [CHINESE, "Hack"] {
            if !chain.iter().any(|font| font == name) {
                chain.push(name.into());
            }
        }
    }
    fonts
}

/// Fonts and styles.
pub fn install(context: &egui::Context) {
    context.set_fonts(fonts());
    for (theme, colours) in [(egui::Theme::Light, &LIGHT), (egui::Theme::Dark, &DARK)] {
        context.style_mut_of(theme, |style| apply(style, colours, theme == egui::Theme::Dark));
    }
}

fn apply(style: &mut egui::Style, colours: &Palette, dark: bool) {
    use FontFamily::{Monospace, Proportional};
    style.text_styles = [
        (TextStyle::Small, FontId::new(12.0, Proportional)),
        (TextStyle::Body, FontId::new(14.0, Proportional)),
        (TextStyle::Button, FontId::new(14.0, Proportional)),
        (TextStyle::Monospace, FontId::new(13.0, Monospace)),
        (section(), FontId::new(15.0, Proportional)),
        (TextStyle::Heading, FontId::new(18.0, Proportional)),
    ]
    .into();
    style.spacing.item_spacing = egui::vec2(space::SMALL, space::SMALL);
    style.spacing.button_padding = egui::vec2(space::MEDIUM, space::TINY);
    style.spacing.interact_size = egui::vec2(size::CONTROL, size::CONTROL);
    style.spacing.menu_margin = Margin::same(space::SMALL as i8);
    style.spacing.window_margin = Margin::same(space::LARGE as i8);
    style.spacing.icon_width = space::LARGE;
    style.spacing.tooltip_width = size::POPUP;
    style.interaction.selectable_labels = false;
    style.visuals = visuals(colours, dark);
}

fn visuals(colours: &Palette, dark: bool) -> Visuals {
    let mut visuals = if dark { Visuals::dark() } else { Visuals::light() };
    let radius = CornerRadius::same(size::CORNER);
    let part = |fill: Color32, outline: Color32, text: Color32| WidgetVisuals {
        bg_fill: fill,
        weak_bg_fill: fill,
        bg_stroke: Stroke::new(line::HAIR, outline),
        corner_radius: radius,
        fg_stroke: Stroke::new(line::HAIR, text),
        expansion: 0.0,
    };
    visuals.widgets.noninteractive = part(colours.surface, colours.outline, colours.text);
    visuals.widgets.inactive = part(colours.raised, colours.edge, colours.text);
    visuals.widgets.hovered = part(colours.hovered, colours.weak, colours.text);
    visuals.widgets.active = part(colours.selection, colours.accent, colours.text);
    visuals.widgets.open = part(colours.hovered, colours.edge, colours.text);
    visuals.selection.bg_fill = colours.selection;
    visuals.selection.stroke = Stroke::new(line::HAIR, colours.text);
    visuals.text_cursor.stroke = Stroke::new(line::BOLD, colours.accent);
    visuals.weak_text_color = Some(colours.weak);
    visuals.hyperlink_color = colours.accent;
    visuals.faint_bg_color = colours.background;
    visuals.extreme_bg_color = colours.background;
    visuals.text_edit_bg_color = Some(colours.background);
    visuals.code_bg_color = colours.raised;
    visuals.warn_fg_color = colours.warning;
    visuals.error_fg_color = colours.error;
    visuals.panel_fill = colours.surface;
    visuals.window_fill = colours.surface;
    visuals.window_stroke = Stroke::new(line::HAIR, colours.outline);
    visuals.window_corner_radius = CornerRadius::same(size::WINDOW_CORNER);
    visuals.menu_corner_radius = CornerRadius::same(size::WINDOW_CORNER);
    let shadow =
        Shadow { offset: [0, 4], blur: 16, spread: 0, color: Color32::from_black_alpha(if dark { 96 } else { 32 }) };
    visuals.window_shadow = shadow;
    visuals.popup_shadow = shadow;
    visuals
}

/// A button for the one thing that a view is for.
pub fn primary_button<'a>(ui: &egui::Ui, text: &'a str) -> egui::Button<'a> {
    let colours = palette(ui);
    egui::Button::new(egui::RichText::new(text).color(colours.on_accent)).fill(colours.accent)
}

/// A button beside small text.
pub fn small_button(ui: &mut egui::Ui, text: &str) -> egui::Response {
    ui.scope(|ui| {
        ui.spacing_mut().button_padding = egui::vec2(space::SMALL, space::TINY / 2.0);
        ui.spacing_mut().interact_size.y = 0.0;
        ui.button(egui::RichText::new(text).small())
    })
    .inner
}

/// A bar from 0 to 1, of a height that only shows how far something is.
pub fn progress_bar(ui: &egui::Ui, fraction: f32) -> egui::ProgressBar {
    egui::ProgressBar::new(fraction).desired_height(space::SMALL).fill(palette(ui).accent)
}
