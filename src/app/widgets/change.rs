//! Better or worse: a colour, and always an arrow and a sign with it.

use eframe::egui;

use crate::app::theme::{Palette, palette};

/// Which way a number went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    Better,
    Worse,
    Same,
}

impl Direction {
    /// More is better. A change that would be shown as 0 is none.
    pub fn of(change: f64, decimals: usize) -> Self {
        let shown = (change * 10_f64.powi(decimals as i32)).round();
        if shown > 0.0 {
            Self::Better
        } else if shown < 0.0 {
            Self::Worse
        } else {
            Self::Same
        }
    }

    pub fn arrow(self) -> &'static str {
        match self {
            Self::Better => "▲",
            Self::Worse => "▼",
            Self::Same => "=",
        }
    }

    pub fn colour(self, palette: &Palette) -> egui::Color32 {
        match self {
            Self::Better => palette.better,
            Self::Worse => palette.worse,
            Self::Same => palette.neutral,
        }
    }
}

/// A change as `▲ +0.031`, `▼ −0.020` or `= 0.000`.
pub fn change_text(change: f64, decimals: usize) -> String {
    let direction = Direction::of(change, decimals);
    let sign = match direction {
        Direction::Better => "+",
        Direction::Worse => "−",
        Direction::Same => "",
    };
    format!("{} {sign}{:.decimals$}", direction.arrow(), change.abs())
}

/// Shows a change in its colour.
pub fn change(ui: &mut egui::Ui, change: f64, decimals: usize) -> egui::Response {
    let colour = Direction::of(change, decimals).colour(palette(ui));
    ui.label(egui::RichText::new(change_text(change, decimals)).color(colour).monospace())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_has_a_sign_and_an_arrow() {
        assert_eq!(change_text(0.0314, 3), "▲ +0.031");
        assert_eq!(change_text(-0.02, 3), "▼ −0.020");
        assert_eq!(change_text(0.0004, 3), "= 0.000");
        assert_eq!(change_text(-0.0004, 3), "= 0.000");
    }
}
