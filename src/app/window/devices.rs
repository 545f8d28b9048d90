//! The devices of this machine, looked up away from the window's thread: drivers take their time.

use eframe::egui;

use crate::app::background::Background;
use crate::app::error_texts;
use crate::app::texts::Texts;
use crate::compute::{ComputeError, DeviceChoice, DeviceInfo};

/// What a look-up finds: all devices, and the one that was asked for.
pub type Found = (Vec<DeviceInfo>, Result<DeviceInfo, ComputeError>);

pub struct Devices {
    all: Vec<DeviceInfo>,
    chosen: Option<DeviceInfo>,
    looking: Option<Background<Found>>,
}

impl Devices {
    pub fn look_for(context: &egui::Context, look: impl FnOnce() -> Found + Send + 'static) -> Self {
        Self { all: Vec::new(), chosen: None, looking: Some(Background::start(context, look)) }
    }

    /// Takes what was found; what is wrong with the device that was asked for, if anything is.
    pub fn drain(&mut self, texts: Texts) -> Option<String> {
        let found = self.looking.as_ref()?.poll()?;
        self.looking = None;
        match found {
            Ok((all, chosen)) => {
                let (chosen, wrong) = match chosen {
                    Ok(device) => (Some(device), None),
                    Err(error) => (all.last().cloned(), Some(error_texts::compute(texts, &error))),
                };
                (self.all, self.chosen) = (all, chosen);
                wrong
            }
            Err(_) => Some(texts.get("broke_off").into()),
        }
    }

    pub fn all(&self) -> &[DeviceInfo] {
        &self.all
    }

    pub fn chosen(&self) -> Option<&DeviceInfo> {
        self.chosen.as_ref()
    }

    pub fn choose(&mut self, choice: DeviceChoice) {
        if let Some(device) = self.all.iter().find(|device| device.choice == choice) {
            self.chosen = Some(device.clone());
        }
    }
}
