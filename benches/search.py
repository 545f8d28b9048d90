"""The Python side of `cargo bench --bench search`: reads a name a line, does that search once, prints JSON.

usage: search.py FOLDER THREADS
"""

import json
import os
import sys
import time

folder, threads = sys.argv[1:3]
for name in ["OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"]:
    os.environ[name] = threads

import numpy  # noqa: E402
import scipy.sparse  # noqa: E402
import torch  # noqa: E402

torch.set_num_threads(int(threads))
sizes = json.load(open(os.path.join(folder, "sizes.json")))
K = sizes["k"]


def array(name, dtype, *shape):
    return numpy.fromfile(os.path.join(folder, name), dtype=dtype).reshape(shape)


def best(scores):
    """The K best columns of every row, best first."""
    some = numpy.argpartition(scores, -K, axis=1)[:, -K:]
    order = numpy.argsort(-numpy.take_along_axis(scores, some, axis=1), axis=1)
    return numpy.take_along_axis(some, order, axis=1)


corpus = array("dense.passages", "<f4", -1, sizes["dimensions"])
questions = array("dense.questions", "<f4", -1, sizes["dimensions"])


def csr(side, tokens):
    ids, weights = array(f"sparse.{side}.ids", "<u4", -1), array(f"sparse.{side}.weights", "<f4", -1)
    rows = len(ids) // tokens
    starts = numpy.arange(rows + 1) * tokens
    return scipy.sparse.csr_matrix((weights, ids, starts), shape=(rows, sizes["vocabulary"]))


by_token = csr("passages", sizes["passage_tokens"]).T.tocsr()
words = csr("questions", sizes["question_tokens"])


def tokens(side, length):
    return torch.from_numpy(array(f"colbert.{side}", "<f4", -1, length, sizes["dimensions"]))


late_passages = tokens("passages", sizes["late_passage_tokens"])
late_questions = tokens("questions", sizes["late_question_tokens"])


def colbert_score(q_reps, p_reps):
    """As FlagEmbedding's `BGEM3FlagModel.colbert_score`, which has it for one pair."""
    token_scores = torch.einsum("in,jn->ij", q_reps, p_reps)
    scores, _ = token_scores.max(-1)
    return torch.sum(scores) / q_reps.size(0)


def colbert():
    scores = [[colbert_score(question, passage).item() for passage in late_passages] for question in late_questions]
    return best(numpy.array(scores, dtype=numpy.float32))


WORK = {
    "dense": lambda: best(questions @ corpus.T),
    "sparse": lambda: best((words @ by_token).toarray()),
    "colbert": colbert,
}
print("ready", flush=True)
for line in sys.stdin:
    begun = time.perf_counter()
    found = WORK[line.strip()]()
    seconds = time.perf_counter() - begun
    print(json.dumps({"seconds": seconds, "found": found.tolist()}), flush=True)
