//! Models between two models: their weights averaged (LM-Cocktail, Xiao et al. 2023, "LM-Cocktail: Resilient Tuning of
//! Language Models via Model Merging").

use std::path::Path;

use super::embedding_model::save_folder;
use super::folder::ModelFolder;
use super::heads::{COLBERT, SPARSE};
use super::tensor_file::TensorFile;
use super::weights::{HostTensor, Weights};
use super::{ModelError, torch};

/// Writes the model whose weights are `(1 − alpha) · base + alpha · tuned`, tensor by tensor in 32-bit floats, as a
/// whole folder; tokenizer and configuration are the tuned model's. Few tensors are in memory at a time.
///
/// Heads are mixed where both models have them, else left out. `alpha` below 0 or above 1 goes beyond a model.
///
/// # Errors
/// The models differ in shape, tokenizer, pooling or normalisation, or a file cannot be read or written. A folder
/// that is there is replaced only when the new one is whole.
pub fn mix(base: &ModelFolder, tuned: &ModelFolder, alpha: f32, folder: &Path) -> Result<(), ModelError> {
    check(base, tuned)?;
    check_place(folder, [base, tuned])?;
    let (of_base, of_tuned) = (Weights::open(base.path())?, Weights::open(tuned.path())?);
    let names = common(&of_base, base, &of_tuned, tuned)?;
    let mut heads = Vec::new();
    if base.has_heads() && tuned.has_heads() {
        for name in [SPARSE, COLBERT] {
            let file = format!("{name}.pt");
            let base = Weights::open_file(&base.path().join(&file))?;
            let tuned = Weights::open_file(&tuned.path().join(&file))?;
            let tensors = [mixed(&base, &tuned, "weight", alpha)?, mixed(&base, &tuned, "bias", alpha)?];
            heads.push((name, tensors));
        }
    }
    save_folder(tuned, folder, |new| {
        let mut file = TensorFile::default();
        for name in names {
            let (of_base, of_tuned) = (&of_base, &of_tuned);
            let shape = of_tuned.shape(&name)?;
            file.made(&name.clone(), shape, move || Ok(mixed(of_base, of_tuned, &name, alpha)?.values));
        }
        file.write(&new.join("model.safetensors"))?;
        for (name, [weight, bias]) in &heads {
            torch::save(&new.join(format!("{name}.pt")), name, &[("weight", weight), ("bias", bias)])?;
        }
        Ok(())
    })
}

/// Refuses to replace one of the two models, and what is no model at all.
fn check_place(folder: &Path, models: [&ModelFolder; 2]) -> Result<(), ModelError> {
    let Ok(place) = folder.canonicalize() else { return Ok(()) };
    if models.iter().any(|model| model.path().canonicalize().is_ok_and(|path| path == place)) {
        return Err(ModelError::file(folder, "this is one of the two models; choose another folder"));
    }
    let is_empty = std::fs::read_dir(&place).is_ok_and(|mut entries| entries.next().is_none());
    if !is_empty && !place.join("config.json").is_file() {
        return Err(ModelError::file(folder, "this is there and holds no model; choose a new folder"));
    }
    Ok(())
}

/// Refuses models that do not turn texts into vectors in the same way.
fn check(base: &ModelFolder, tuned: &ModelFolder) -> Result<(), ModelError> {
    let refuse = |what: &str| {
        Err(ModelError::Mix {
            base: base.path().to_path_buf(),
            tuned: tuned.path().to_path_buf(),
            difference: what.to_owned(),
        })
    };
    if base.tokenizer().content()? != tuned.tokenizer().content()? {
        return refuse("their tokenizers differ");
    }
    if base.pooling() != tuned.pooling() {
        return refuse(&format!("one pools by {:?}, the other by {:?}", base.pooling(), tuned.pooling()));
    }
    if base.normalize() != tuned.normalize() {
        return refuse("one scales its vectors to length 1, the other does not");
    }
    Ok(())
}

/// The encoder's tensors, of the same shapes in both models; the pooler's if both have them.
fn common(
    base_weights: &Weights,
    base: &ModelFolder,
    tuned_weights: &Weights,
    tuned: &ModelFolder,
) -> Result<Vec<String>, ModelError> {
    let refuse = |difference: String| ModelError::Mix {
        base: base.path().to_path_buf(),
        tuned: tuned.path().to_path_buf(),
        difference,
    };
    let of_encoder = |name: &&str| {
        ["embeddings.", "encoder.", "pooler."].iter().any(|prefix| name.starts_with(prefix))
            && [".weight", ".bias"].iter().any(|ending| name.ends_with(ending))
    };
    let has = |weights: &Weights, name: &str| weights.names().any(|known| known == name);
    for (one, other, what) in
        [(base_weights, tuned_weights, "the base model"), (tuned_weights, base_weights, "the tuned model")]
    {
        let mut names = one.names().filter(of_encoder).filter(|name| !name.starts_with("pooler."));
        if let Some(name) = names.find(|name| !has(other, name)) {
            return Err(refuse(format!("only {what} has the tensor `{name}`")));
        }
    }
    let mut names = Vec::new();
    for name in tuned_weights.names().filter(of_encoder).filter(|name| has(base_weights, name)) {
        let (found, wanted) = (tuned_weights.shape(name)?, base_weights.shape(name)?);
        if found != wanted {
            return Err(refuse(format!(
                "the tensor `{name}` is {wanted:?} in the base and {found:?} in the tuned model"
            )));
        }
        names.push(name.to_owned());
    }
    Ok(names)
}

fn mixed(base: &Weights, tuned: &Weights, name: &str, alpha: f32) -> Result<HostTensor, ModelError> {
    let mut base = base.any_shape(name)?;
    let tuned = tuned.tensor(name, &base.shape)?;
    for (base, tuned) in base.values.iter_mut().zip(&tuned.values) {
        *base = (1.0 - alpha) * *base + alpha * tuned;
    }
    Ok(base)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::ops::ControlFlow;
    use std::path::PathBuf;

    use super::*;
    use crate::compute::{DeviceChoice, choose};
    use crate::model::random::write_random;
    use crate::model::{EmbeddingModel, Embeddings, EncodeOptions, TextKind};

    const BASE: &str = "tests/fixtures/flagembedding/model_safetensors";

    /// A model of the base model's shape and other weights.
    fn tuned(folder: &Path) -> PathBuf {
        let path = folder.join("tuned");
        let config = fs::read_to_string(Path::new(BASE).join("config.json")).unwrap();
        write_random(&path, &serde_json::from_str(&config).unwrap(), Path::new(BASE), 7).unwrap();
        path
    }

    fn vectors(folder: &Path) -> Embeddings {
        let device = choose(DeviceChoice::Cpu).unwrap().open().unwrap();
        let options = EncodeOptions { sparse: true, colbert: true, ..EncodeOptions::default() };
        let texts = ["气孔是气体留在焊缝里", "a crack in the heat-affected zone"];
        let model = EmbeddingModel::load(folder, &device).unwrap();
        model.encode(&texts, TextKind::Passage, &options, &mut |_, _| ControlFlow::Continue(())).unwrap()
    }

    #[test]
    fn the_ends_are_the_two_models_and_the_middle_is_the_mean() {
        let folder = tempfile::tempdir().unwrap();
        let tuned = tuned(folder.path());
        let open = |path: &Path| ModelFolder::open(path).unwrap();
        let make = |alpha: f32| {
            let path = folder.path().join(format!("mix-{alpha}"));
            mix(&open(Path::new(BASE)), &open(&tuned), alpha, &path).unwrap();
            path
        };
        let (of_base, of_tuned) = (vectors(Path::new(BASE)), vectors(&tuned));
        assert_ne!(of_base, of_tuned);
        assert_eq!(vectors(&make(0.0)), of_base);
        assert_eq!(vectors(&make(1.0)), of_tuned);

        let half = make(0.5);
        let models = [Path::new(BASE), &tuned, &half];
        let files = ["sparse_linear.pt", "colbert_linear.pt"];
        let heads = files.map(|file| models.map(|model| Weights::open_file(&model.join(file)).unwrap()));
        let encoders = models.map(|model| Weights::open(model).unwrap());
        for [base, tuned, half] in heads.iter().chain([&encoders]) {
            assert!(half.names().count() > 1);
            for name in half.names() {
                let [base, tuned, half] = [base, tuned, half].map(|weights| weights.any_shape(name).unwrap());
                assert_eq!(half.shape, base.shape);
                assert_eq!(tuned.shape, base.shape);
                for ((base, tuned), half) in base.values.iter().zip(&tuned.values).zip(&half.values) {
                    assert_eq!(*half, 0.5 * base + 0.5 * tuned, "{name}");
                }
            }
        }
    }

    #[test]
    fn nothing_else_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let tuned = ModelFolder::open(&tuned(folder.path())).unwrap();
        let base = ModelFolder::open(Path::new(BASE)).unwrap();
        fs::write(folder.path().join("thesis.txt"), "years of work").unwrap();
        for (place, told) in [(folder.path(), "holds no model"), (tuned.path(), "one of the two")] {
            let error = mix(&base, &tuned, 0.5, place).unwrap_err().to_string();
            assert!(error.contains(told), "{error}");
        }
        assert!(folder.path().join("thesis.txt").is_file() && tuned.path().join("pytorch_model.bin").is_file());
    }

    #[test]
    fn models_that_do_not_fit_are_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let base = ModelFolder::open(Path::new(BASE)).unwrap();
        let other = folder.path().join("other");
        let weights = Weights::open(base.path()).unwrap();
        let changed = "encoder.layer.0.attention.self.query.weight";
        for (leave_out, told) in [(true, "only the base model has"), (false, "in the base and")] {
            save_folder(&base, &other, |new| {
                let mut file = TensorFile::default();
                for name in weights.names().filter(|name| !(leave_out && *name == changed)).map(str::to_owned) {
                    let weights = &weights;
                    let mut shape = weights.shape(&name)?;
                    if name == changed {
                        shape = vec![shape.iter().product()];
                    }
                    file.made(&name.clone(), shape, move || Ok(weights.any_shape(&name)?.values));
                }
                file.write(&new.join("model.safetensors"))
            })
            .unwrap();
            let into = folder.path().join("mix");
            let error = mix(&base, &ModelFolder::open(&other).unwrap(), 0.5, &into).unwrap_err().to_string();
            assert!(error.contains(told) && error.contains(changed), "{error}");
            assert!(!into.exists());
        }
        let tokenizer = fs::read_to_string(other.join("tokenizer.json")).unwrap();
        let mut tokenizer: serde_json::Value = serde_json::from_str(&tokenizer).unwrap();
        tokenizer["normalizer"] = serde_json::Value::Null;
        fs::write(other.join("tokenizer.json"), tokenizer.to_string()).unwrap();
        let other = ModelFolder::open(&other).unwrap();
        let error = mix(&base, &other, 0.5, &folder.path().join("mix")).unwrap_err().to_string();
        assert!(error.contains("tokenizers differ"), "{error}");
    }
}
