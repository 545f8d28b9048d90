"""Writes the model in this folder as ONNX, encoder and heads together, and checks it with ONNX Runtime.

    pip install torch transformers onnx onnxruntime
    python export_onnx.py [FOLDER] [--output model.onnx]

FOLDER is the one that this script lies in if none is given. Weights of more than 1.5 GB go into `model.onnx.data` beside
the graph, since a file of ONNX ends at 2 GB. The model takes `input_ids` and `attention_mask`
[texts, tokens], padded on the right, and gives

    dense    [texts, hidden]            pooled and scaled as the folder says
    sparse   [texts, tokens]            lexical weight of every token (a model with heads); the weight of a token id is
                                        the largest of its places, special tokens have none
    colbert  [texts, tokens - 1, size]  one vector for every token but the first, zero for padding (likewise)
"""

import argparse
import json
import tempfile
from pathlib import Path

import numpy as np
import torch
import transformers


class Model(torch.nn.Module):
    def __init__(self, folder: Path):
        super().__init__()
        read = lambda name, default: json.loads(path.read_text("utf-8")) if (path := folder / name).is_file() else default
        self.encoder = transformers.AutoModel.from_pretrained(folder, attn_implementation="eager").eval()
        modules = read("modules.json", [])
        pooling = next((module["path"] for module in modules if module["type"].endswith("Pooling")), None)
        pooling = read(f"{pooling}/config.json", {}) if pooling is not None else {"pooling_mode_cls_token": True}
        self.pooling = next(name for name in ["cls_token", "mean_tokens", "lasttoken"] if pooling.get(f"pooling_mode_{name}"))
        self.normalize = not modules or any(module["type"].endswith("Normalize") for module in modules)
        self.heads = None
        files = [folder / f"{name}_linear.pt" for name in ("sparse", "colbert")]
        if all(file.is_file() for file in files):
            self.heads = torch.nn.ModuleList(map(self.head, files))

    @staticmethod
    def head(file: Path) -> torch.nn.Linear:
        tensors = torch.load(file, map_location="cpu", weights_only=True)
        linear = torch.nn.Linear(tensors["weight"].shape[1], tensors["weight"].shape[0])
        linear.load_state_dict(tensors)
        return linear

    def scaled(self, vectors):
        if not self.normalize:
            return vectors
        return vectors / vectors.norm(dim=-1, keepdim=True).clamp_min(1e-12)

    def forward(self, input_ids, attention_mask):
        hidden = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        mask = attention_mask.unsqueeze(-1).to(hidden.dtype)
        if self.pooling == "cls_token":
            pooled = hidden[:, 0]
        elif self.pooling == "mean_tokens":
            pooled = (hidden * mask).sum(1) / mask.sum(1)
        else:
            last = torch.nn.functional.one_hot(attention_mask.sum(1) - 1, attention_mask.shape[1])
            pooled = (hidden * last.unsqueeze(-1).to(hidden.dtype)).sum(1)
        dense = self.scaled(pooled)
        if self.heads is None:
            return (dense,)
        sparse, colbert = self.heads
        weights = torch.relu(sparse(hidden)).squeeze(-1) * mask.squeeze(-1)
        return dense, weights, self.scaled(colbert(hidden[:, 1:]) * mask[:, 1:])


def main():
    parser = argparse.ArgumentParser(description="Write a model folder as ONNX.")
    parser.add_argument("folder", nargs="?", type=Path, default=Path(__file__).resolve().parent)
    parser.add_argument("--output", type=Path, help="model.onnx in the folder, if not given")
    parser.add_argument("--opset", type=int, default=17)
    parser.add_argument("--external-data", action="store_true", help="put the weights into a file beside it in any case")
    arguments = parser.parse_args()
    output = arguments.output or arguments.folder / "model.onnx"

    model = Model(arguments.folder).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(arguments.folder)
    names = ["dense"] + (["sparse", "colbert"] if model.heads is not None else [])
    batch = tokenizer(["焊缝气孔", "porosity in the weld metal"], padding=True, return_tensors="pt")
    axes = {"input_ids": {0: "texts", 1: "tokens"}, "attention_mask": {0: "texts", 1: "tokens"}, "dense": {0: "texts"}}
    if model.heads is not None:
        axes |= {"sparse": {0: "texts", 1: "tokens"}, "colbert": {0: "texts", 1: "tokens_but_first"}}
    size = sum(weight.numel() * weight.element_size() for weight in model.parameters())
    with tempfile.TemporaryDirectory(prefix=".onnx-", dir=output.parent) as place:
        exported = Path(place) / "exported" / output.name
        exported.parent.mkdir()
        with torch.no_grad():
            torch.onnx.export(
                model,
                (batch["input_ids"], batch["attention_mask"]),
                str(exported),
                input_names=["input_ids", "attention_mask"],
                output_names=names,
                dynamic_axes=axes,
                opset_version=arguments.opset,
                dynamo=False,
            )
        weights = None
        if arguments.external_data or size > 1.5e9:
            import onnx

            weights = f"{output.name}.data"
            graph, exported = onnx.load(str(exported)), Path(place) / output.name
            onnx.save_model(graph, str(exported), save_as_external_data=True, all_tensors_to_one_file=True, location=weights)
        check(model, tokenizer, names, exported)
        # The weights first: a graph without them cannot be read.
        if weights:
            (exported.parent / weights).replace(output.with_name(weights))
        exported.replace(output)
    print(output)


def check(model, tokenizer, names, exported):
    """Runs texts of another number and length than those that it was exported with."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(exported), providers=["CPUExecutionProvider"])
    texts = ["气孔", "A much longer text about lack of fusion between the passes of a weld. " * 3, "咬边 undercut"]
    batch = tokenizer(texts, padding=True, truncation=True, max_length=64, return_tensors="pt")
    with torch.no_grad():
        wanted = model(batch["input_ids"], batch["attention_mask"])
    found = session.run(names, {name: batch[name].numpy() for name in ("input_ids", "attention_mask")})
    for name, ours, theirs in zip(names, wanted, found):
        difference = float(np.abs(ours.numpy() - theirs).max())
        if ours.shape != theirs.shape or difference > 1e-4:
            raise SystemExit(f"{name} of ONNX Runtime differs by {difference}; nothing was written")
        print(f"{name} {list(theirs.shape)}: ONNX Runtime {onnxruntime.__version__} differs by {difference:.1e} at most")


if __name__ == "__main__":
    main()
