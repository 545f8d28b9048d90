//! What a run survives and a person should know.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::forecast::Concern;

/// Something can be survived but should be known. Its text is English; the window has others.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Warning {
    /// Lines of a data file that cannot be used, the first of them by its number.
    LinesLeftOut {
        file: PathBuf,
        lines: usize,
        first: usize,
    },
    /// A run that goes on keeps its model, whatever its record says of a place elsewhere.
    ModelStays {
        elsewhere: PathBuf,
    },
    /// The run may not fit its device.
    Concern(Concern),
    /// An option asks for longer texts than the model reads, in tokens.
    LongerThanModel {
        option: String,
        wanted: usize,
        longest: usize,
    },
    /// The device has no numbers of this precision, `fp16` or `bf16`; the run goes on in 32 bits.
    NoPrecision {
        wanted: String,
    },
    /// The device had no memory left at this step; from here on so many texts are encoded at a time.
    SmallerPieces {
        step: usize,
        texts: usize,
    },
    /// The run's folder cannot be written to.
    NoRecord {
        cause: String,
    },
    /// The model's card was changed by somebody and stays; the new one is beside it.
    CardStays {
        card: PathBuf,
        beside: String,
    },
    NoCard {
        cause: String,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LinesLeftOut { file, lines, first } => write!(
                f,
                "{}: {lines} line(s) cannot be used and are left out, the first is line {first}; `weldbench validate` \
                 lists them",
                file.display()
            ),
            Self::ModelStays { elsewhere } => write!(
                f,
                "the model goes into the run's folder now, not to {}; give output_dir again if it is to go there",
                elsewhere.display()
            ),
            Self::Concern(concern) => concern.fmt(f),
            Self::LongerThanModel { option, wanted, longest } => {
                write!(f, "{option} is {wanted}, but the model reads {longest} tokens; longer texts are cut there")
            }
            Self::NoPrecision { wanted } => {
                write!(f, "this device does not compute in {wanted}; the run goes on in 32-bit floats")
            }
            Self::SmallerPieces { step, texts } => write!(
                f,
                "the device had no memory left at step {step}: {texts} texts at a time from here on, which changes no \
                 gradient; set sub_batch_size to {texts} next time"
            ),
            Self::NoRecord { cause } => write!(f, "the run's record is not kept: {cause}"),
            Self::CardStays { card, beside } => write!(
                f,
                "{} was changed by somebody and stays as it is; the new card is {beside} beside it",
                card.display()
            ),
            Self::NoCard { cause } => write!(f, "the model has no card: {cause}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::TrainingEvent;
    use super::*;

    #[test]
    fn a_warning_is_read_as_it_was_written_and_one_of_an_earlier_version_by_its_text() {
        let event = TrainingEvent::warning(Warning::SmallerPieces { step: 3, texts: 2 });
        let line = serde_json::to_string(&event).unwrap();
        assert!(line.contains("\"text\":\"the device had no memory left at step 3: 2 texts"), "{line}");
        assert_eq!(serde_json::from_str::<TrainingEvent>(&line).unwrap(), event);
        let earlier = serde_json::from_str(r#"{"event": "warning", "text": "it is cold"}"#).unwrap();
        assert_eq!(TrainingEvent::Warning { text: "it is cold".into(), what: None }, earlier);
    }
}
