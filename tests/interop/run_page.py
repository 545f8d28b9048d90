"""Runs the code of a page of the documentation in a folder, and checks what it finds there with exact searches."""

import json
import os
import re
import subprocess
import sys
from importlib.metadata import version

import numpy as np
import pyarrow.parquet as pq
from safetensors.numpy import load_file

page, place = os.path.abspath(sys.argv[1]), sys.argv[2]
os.chdir(place)
text = open(page, encoding="utf-8").read()
blocks = []
title = ""
for line, language, code in re.findall(r"^(## [^\n]*)$|^```(sh|python)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
    if line:
        title = line[3:]
    else:
        blocks.append((title, language, code))

for title, language, code in blocks:
    if language == "sh":
        subprocess.run(["bash", "-euc", code], check=True, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
passages, questions = dict(np.load("passages.npz")), dict(np.load("questions.npz"))

# The three formats say the same, and have the corpus's ids in its order.
rows = pq.read_table("passages.parquet").to_pydict()
ids = [str(json.loads(line).get("id")) for line in open("corpus.jsonl", encoding="utf-8")]
assert rows["id"] == ids == passages["ids"].tolist(), "the ids are not the corpus's"
assert np.array_equal(np.array(rows["embedding"], np.float32), passages["dense"])
assert np.array_equal(np.concatenate([np.array(row) for row in rows["sparse_indices"]]), passages["sparse_indices"])
assert np.array_equal(np.concatenate([np.array(row, np.float32) for row in rows["colbert"]]), passages["colbert"].ravel())
subprocess.run(["weldbench", "encode", "--model", "MODEL", "--input", "corpus.jsonl", "--output", "passages.safetensors"],
               check=True, capture_output=True)
tensors = load_file("passages.safetensors")
assert all(np.array_equal(tensors[name], passages[name]) for name in passages if name != "ids")
bounds = tensors["id_offsets"]
assert [bytes(tensors["id_bytes"][a:b]).decode() for a, b in zip(bounds, bounds[1:])] == ids
print(f"encoded: {len(ids)} passages, {len(questions['ids'])} questions; Parquet (pyarrow {version('pyarrow')}), NumPy {np.__version__} and safetensors say the same")


def matrix(file):
    """Lexical weights as a matrix of texts and tokens."""
    wide = np.zeros((len(file["ids"]), 1 + max(passages["sparse_indices"].max(), questions["sparse_indices"].max())))
    for text, (start, end) in enumerate(zip(file["sparse_offsets"], file["sparse_offsets"][1:])):
        wide[text, file["sparse_indices"][start:end]] = file["sparse_values"][start:end]
    return wide


exact = {"found": questions["dense"].astype(np.float64) @ passages["dense"].T.astype(np.float64), "found_sparse": matrix(questions) @ matrix(passages).T}
place_of = {name: place for place, name in enumerate(ids)}
packages = {"FAISS": "faiss-cpu", "LanceDB": "lancedb", "Qdrant": "qdrant-client", "Milvus": "milvus-lite"}
tried = set()
for title, language, code in blocks:
    if language != "python":
        continue
    names = {}
    exec(compile(code, f"{title} of {page}", "exec"), names)
    results = [name for name in ["found", "found_sparse", "found_colbert"] if name in names]
    assert results, f"the code under {title} finds nothing"
    for name in results:
        found = names[name]
        assert len(found) == len(questions["ids"]), f"{title}, {name}: {len(found)} lists"
        if name not in exact:
            print(f"{title}: {len(found)} lists")
            continue
        for question, hits in enumerate(found):
            scores = exact[name][question]
            best = np.sort(scores)[::-1][:5]
            # Sparse vectors without a token in common are no hit.
            best = best[best > 0] if name == "found_sparse" else best
            theirs = np.array([scores[place_of[hit]] for hit in hits])
            # Texts that score the same may come in any order.
            assert len(set(hits)) == len(best) == len(hits) and np.allclose(theirs, best, atol=2e-6 * max(1, scores.max())), f"{title}, {name}, question {question}: {theirs} is not {best}"
        package = packages.get(title)
        print(f"{title} ({package} {version(package)}), {name}: the same {sum(map(len, found))} hits as an exact search")
    tried.add(title)
assert tried >= packages.keys(), f"only {tried} were tried"
