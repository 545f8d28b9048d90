//! Options of FlagEmbedding, Hugging Face's Trainer and torchrun that need nothing here, and why.
//!
//! The command line takes them, and a pasted command names them, with the same reasons.

/// An option that changes nothing here.
#[derive(Debug, PartialEq, Eq)]
pub struct Idle {
    pub name: &'static str,
    /// Why, in English.
    pub why: &'static str,
}

const fn idle(name: &'static str, why: &'static str) -> Idle {
    Idle { name, why }
}

const ONE_PROCESS: &str = "one process trains on one device";
const OWN_FOLDER: &str = "losses go to the run's own folder";

/// Options that [`OPTIONS`](super::OPTIONS) does not have.
pub const FOREIGN: &[Idle] = &[
    idle(
        "deepspeed",
        "one process trains on one device; for DeepSpeed's learning rate add --lr_scheduler_type warmup_decay_log",
    ),
    idle("nproc_per_node", ONE_PROCESS),
    idle("nnodes", ONE_PROCESS),
    idle("node_rank", ONE_PROCESS),
    idle("master_addr", ONE_PROCESS),
    idle("master_port", ONE_PROCESS),
    idle("rdzv_backend", ONE_PROCESS),
    idle("rdzv_endpoint", ONE_PROCESS),
    idle("rdzv_id", ONE_PROCESS),
    idle("standalone", ONE_PROCESS),
    idle("local_rank", ONE_PROCESS),
    idle("ddp_find_unused_parameters", ONE_PROCESS),
    idle("ddp_timeout", ONE_PROCESS),
    idle("dataloader_num_workers", "texts are cut into tokens faster than a device can use them"),
    idle("dataloader_pin_memory", "texts are cut into tokens faster than a device can use them"),
    idle("remove_unused_columns", "a row's other fields are never taken for texts"),
    idle(
        "report_to",
        "losses go to the terminal, to the run's metrics.jsonl, to TensorBoard's events beside it and, with --json, to standard output",
    ),
    idle("run_name", OWN_FOLDER),
    idle("logging_dir", OWN_FOLDER),
    idle("logging_strategy", "losses are reported every --logging_steps steps"),
    idle("save_strategy", "checkpoints are saved every --save_steps steps, or at the end of each epoch"),
    idle("do_train", "`weldbench train` always trains"),
    idle("trust_remote_code", "no code is ever taken from a model folder"),
    idle("use_fast_tokenizer", "there is one tokenizer, the fast one"),
    idle("token", "models are read where they lie"),
];

/// Options that [`OPTIONS`](super::OPTIONS) has and no run looks at.
pub const UNUSED: &[Idle] = &[
    idle("negatives_cross_device", "there is one device, whose negatives are shared within each batch anyway"),
    idle("cache_dir", "models are read where they lie"),
    idle("cache_path", "prepared data is not kept"),
];

/// What there is to say of an option that changes nothing here.
pub fn idle_option(name: &str) -> Option<&'static Idle> {
    FOREIGN.iter().chain(UNUSED).find(|idle| idle.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::training::OPTIONS;

    #[test]
    fn foreign_options_are_not_in_the_table_and_unused_ones_are() {
        let known = |idle: &Idle| OPTIONS.iter().any(|option| option.name == idle.name);
        assert!(!FOREIGN.iter().any(known));
        assert!(UNUSED.iter().all(known));
    }
}
