//! Measuring a run's pace as a job.

use super::{Job, Jobs};
use crate::compute::DeviceInfo;
use crate::model::folder_name;
use crate::training::{Pace, TrainingConfig, TrainingFile, measure};

/// Measures how fast the run that `config` describes is on these rows; its one event is the pace.
pub fn start(jobs: &Jobs, config: TrainingConfig, device: DeviceInfo, files: Vec<TrainingFile>) -> Job<Pace> {
    let title = format!("Measure {}", folder_name(&config.model_name_or_path));
    jobs.start(&device.clone(), title, move |room, context| {
        context.stage("measuring", "micro-batches");
        // What is measured must have the memory that the run will have.
        room.clear();
        let pace = measure(&config, &device, files, &mut |done, total| {
            context.progress(done, total);
            context.ask()
        })?;
        pace.into_iter().for_each(|pace| context.send(pace));
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compute::{DeviceChoice, choose};
    use crate::jobs::Status;
    use crate::training::read_files;

    #[test]
    fn a_pace_comes_out_and_a_mistake_is_told() {
        let mut config = TrainingConfig {
            model_name_or_path: "tests/fixtures/flagembedding/model_safetensors".into(),
            train_data: vec!["tests/fixtures/flagembedding/data/weld_toy.jsonl".into()],
            train_group_size: 3,
            ..TrainingConfig::default()
        };
        let (files, _) = read_files(&config.train_data).unwrap();
        let jobs = Jobs::new(|| ());
        let device = choose(DeviceChoice::Cpu).unwrap();
        let job = start(&jobs, config.clone(), device.clone(), files.clone());
        assert!(job.next().is_some_and(|pace| pace.micro_batch > 0.0));
        assert_eq!(job.wait(), Status::Done);
        config.model_name_or_path = "no/such/model".into();
        let Status::Failed(failure) = start(&jobs, config, device, files).wait() else { panic!("it ran") };
        assert!(failure.why.contains("no/such/model"), "{failure}");
    }
}
