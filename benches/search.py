"""Exact search as Python users write it: `search.py NAME FOLDER DIMENSIONS K QUESTION_TOKENS PASSAGE_TOKENS THREADS`.

Reads the vectors that `search.rs` wrote; for each line on standard input searches once and prints
`[seconds, [[passage, ...], ...]]`.
"""
import json
import sys
import time
from pathlib import Path

import numpy as np

name, folder = sys.argv[1], Path(sys.argv[2])
dimensions, k, question_tokens, passage_tokens, threads = map(int, sys.argv[3:8])


def floats(file):
    return np.fromfile(folder / file, dtype=np.float32)


def top(scores):
    best = np.argpartition(-scores, k, axis=1)[:, :k]
    order = np.argsort(-np.take_along_axis(scores, best, axis=1), axis=1)
    return np.take_along_axis(best, order, axis=1)


if name == "dense":
    questions = floats("questions.f32").reshape(-1, dimensions)
    passages = floats("passages.f32").reshape(-1, dimensions)

    def search():
        return top(questions @ passages.T)

elif name == "sparse":
    from scipy.sparse import csr_matrix

    def matrix(file):
        ids = np.fromfile(folder / f"{file}.ids", dtype=np.uint32).astype(np.int32)
        ends = np.fromfile(folder / f"{file}.ends", dtype=np.uint32).astype(np.int32)
        return csr_matrix((floats(f"{file}.f32"), ids, ends), shape=(len(ends) - 1, 250002))

    questions, passages = matrix("sparse_questions"), matrix("sparse_passages").T.tocsr()

    def search():
        return top((questions @ passages).toarray())

else:
    import torch

    torch.set_num_threads(threads)
    questions = torch.from_numpy(floats("colbert_questions.f32").reshape(-1, question_tokens, dimensions))
    passages = torch.from_numpy(floats("colbert_passages.f32").reshape(-1, passage_tokens, dimensions))

    # FlagEmbedding's colbert_score, for each question and all passages at once.
    def search():
        scores = [torch.einsum("qd,pnd->pqn", q, passages).max(-1).values.mean(-1) for q in questions]
        return top(torch.stack(scores).numpy())


for _ in sys.stdin:
    started = time.perf_counter()
    found = search()
    seconds = time.perf_counter() - started
    print(json.dumps([seconds, found.tolist()]), flush=True)
