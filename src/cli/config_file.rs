//! Options of a run in a TOML file, by the same names as on the command line.

use std::path::Path;

use toml::{Table, Value};

use super::Ending;
use crate::jobs::Failure;
use crate::training::TrainingConfig;

/// Sets every option that the file names.
pub fn apply(path: &Path, config: &mut TrainingConfig) -> Result<(), Ending> {
    let fail = |cause: String| {
        Ending::Failed(Failure::new(
            format!("{}: {cause}", path.display()),
            "correct the file; `weldbench train --help` lists all options",
        ))
    };
    let text = std::fs::read_to_string(path).map_err(|error| fail(error.to_string()))?;
    let table: Table = text.parse().map_err(|error: toml::de::Error| fail(error.to_string()))?;
    for (name, value) in &table {
        let text = as_text(value)
            .ok_or_else(|| fail(format!("option `{name}` must be a text, a number, true, false or a list of texts")))?;
        config.set(name, &text).map_err(|error| fail(error.to_string()))?;
    }
    Ok(())
}

fn as_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Integer(number) => Some(number.to_string()),
        Value::Float(number) => Some(number.to_string()),
        Value::Boolean(switch) => Some(switch.to_string()),
        Value::Array(items) => Some(items.iter().map(Value::as_str).collect::<Option<Vec<_>>>()?.join("\n")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<TrainingConfig, Ending> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.toml");
        std::fs::write(&path, text).unwrap();
        let mut config = TrainingConfig::default();
        apply(&path, &mut config).map(|()| config)
    }

    #[test]
    fn every_kind_of_value_is_read() {
        let text = "train_data = [\"a.jsonl\", \"b.jsonl\"]\nlearning_rate = 1e-5\ntrain-group-size = 4\nfp16 = true\nkd_loss_type = \"m3_kd_loss\"";
        let config = read(text).unwrap();
        assert_eq!(config.train_data.len(), 2);
        assert_eq!((config.learning_rate, config.train_group_size, config.fp16), (1e-5, 4, true));
    }

    #[test]
    fn a_saved_run_is_read_back() {
        let config = TrainingConfig { learning_rate: 3e-5, train_data: vec!["a.jsonl".into()], ..Default::default() };
        assert_eq!(read(&toml::to_string(&config).unwrap()).unwrap(), config);
    }

    #[test]
    fn mistakes_are_told_with_file_and_option() {
        for (text, part) in
            [("tempreature = 1", "`tempreature`"), ("fp16 = \"sometimes\"", "`fp16`"), ("a = [", "run.toml")]
        {
            let Err(Ending::Failed(failure)) = read(text) else { panic!("{text}") };
            assert!(failure.why.contains(part) && failure.why.contains("run.toml"), "{failure}");
        }
    }
}
