"""Loads a model folder in other people's packages and compares their vectors with those that Weldbench wrote."""

import json
import sys
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import load_file

LEAST = 0.99999
folder, texts_file, *vector_files = sys.argv[1:]
texts = [json.loads(line)["text"] for line in open(texts_file, encoding="utf-8")]
ours = dict(zip(["query", "passage"], map(load_file, vector_files)))


def read(name, default):
    path = Path(folder) / name
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else default


prompts = read("config_sentence_transformers.json", {}).get("prompts", {})
pooling = read("1_Pooling/config.json", {})
longest = read("sentence_bert_config.json", {})["max_seq_length"]
method = next(name for name, key in [("cls", "cls_token"), ("mean", "mean_tokens"), ("last_token", "lasttoken")]
              if pooling[f"pooling_mode_{key}"])
prefixed = {kind: [prompts.get(kind, "") + text for text in texts] for kind in ours}


def alike(who, what, mine, theirs):
    """Rows of both point in the same direction and are equally long."""
    mine, theirs = np.asarray(mine, np.float64), np.asarray(theirs, np.float64)
    assert mine.shape == theirs.shape, f"{who}, {what}: {mine.shape} is not {theirs.shape}"
    lengths = np.linalg.norm(mine, axis=-1) * np.linalg.norm(theirs, axis=-1)
    cosine = (mine * theirs).sum(-1) / np.where(lengths == 0, 1, lengths)
    cosine = np.where(lengths == 0, (np.abs(mine).sum(-1) == 0) & (np.abs(theirs).sum(-1) == 0), cosine)
    furthest = np.abs(mine - theirs).max()
    assert cosine.min() >= LEAST, f"{who}, {what}: cosine {cosine.min()}"
    assert furthest < 1e-4, f"{who}, {what}: a value is {furthest} away"
    return cosine.min(), furthest


def say(who, what, least, furthest):
    print(f"  {who:<46} {what:<24} least cosine {least:.8f}, furthest value {furthest:.1e}")


print(Path(folder).name)

import sentence_transformers
import transformers

st = sentence_transformers.SentenceTransformer(folder, device="cpu")
for kind in ours:
    prompt = {"prompt_name": kind} if prompts else {}
    found = alike("sentence-transformers", kind, ours[kind]["dense"], st.encode(texts, **prompt))
    say(f"sentence-transformers {sentence_transformers.__version__}", f"{kind}, dense", *found)

tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
encoder = transformers.AutoModel.from_pretrained(folder).eval()
for kind in ours:
    batch = tokenizer(prefixed[kind], padding=True, truncation=True, max_length=longest, return_tensors="pt")
    with torch.no_grad():
        hidden = encoder(**batch).last_hidden_state
    mask = batch["attention_mask"].unsqueeze(-1)
    pooled = hidden[:, 0] if method == "cls" else (hidden * mask).sum(1) / mask.sum(1)
    pooled = torch.nn.functional.normalize(pooled, dim=-1)
    say(f"transformers {transformers.__version__}", f"{kind}, dense", *alike("transformers", kind, ours[kind]["dense"], pooled))

from importlib.metadata import version

import FlagEmbedding

has_heads = (Path(folder) / "sparse_linear.pt").is_file()
common = dict(pooling_method=method, normalize_embeddings=True, use_fp16=False, devices=["cpu"])
if not has_heads:
    flag = FlagEmbedding.FlagModel(folder, **common)
    for kind in ours:
        theirs = flag.encode(prefixed[kind], max_length=longest)
        say(f"FlagModel of FlagEmbedding {version('FlagEmbedding')}", f"{kind}, dense",
            *alike("FlagModel", kind, ours[kind]["dense"], theirs))
    sys.exit()

flag = FlagEmbedding.BGEM3FlagModel(folder, **common)
for kind, mine in ours.items():
    theirs = flag.encode(prefixed[kind], max_length=longest, return_sparse=True, return_colbert_vecs=True)
    who = f"BGEM3FlagModel of FlagEmbedding {version('FlagEmbedding')}"
    say(who, f"{kind}, dense", *alike(who, kind, mine["dense"], theirs["dense_vecs"]))
    furthest, count = 0.0, 0
    for text, weights in enumerate(theirs["lexical_weights"]):
        start, end = mine["sparse_offsets"][text : text + 2]
        found = dict(zip(map(str, mine["sparse_indices"][start:end]), mine["sparse_values"][start:end]))
        assert found.keys() == weights.keys(), f"text {text} has other lexical weights"
        furthest = max([furthest] + [abs(float(found[token]) - float(weight)) for token, weight in weights.items()])
        count += len(found)
    assert furthest < 1e-4, f"a lexical weight is {furthest} away"
    print(f"  {who:<46} {kind + ', sparse':<24} {count} weights of the same tokens, furthest {furthest:.1e}")
    bounds = mine["colbert_offsets"]
    rows = [alike(who, f"{kind}, ColBERT of text {text}", mine["colbert"][bounds[text] : bounds[text + 1]], vectors)
            for text, vectors in enumerate(theirs["colbert_vecs"])]
    say(who, f"{kind}, {len(mine['colbert'])} ColBERT", min(row[0] for row in rows), max(row[1] for row in rows))
