"""Losses of FlagEmbedding's run, as imported, beside those of our own run from the same start."""

import json
import sys

import numpy as np

name, imported, trace, theirs_file, ours_file = sys.argv[1:]
events = [json.loads(line) for line in open(f"{imported}/metrics.jsonl")]
theirs = {event["step"]: event for event in events if event["event"] == "step"}
ours = {step["step"]: step for step in map(json.loads, open(trace))}
assert theirs.keys() == ours.keys(), f"steps {sorted(theirs)} and {sorted(ours)}"
assert all(event["seconds"] >= 0 and event["time"] > 0 for event in theirs.values()), "TensorBoard's times are missing"

print(f"{name}\n  step  FlagEmbedding       ours   difference   grad norm there and here")
worst = 0.0
for step in sorted(ours):
    there, here = theirs[step], ours[step]
    loss = there["loss"]["total"], here["loss"]["total"]
    worst = max(worst, abs(loss[0] - loss[1]))
    # The Trainer rounds what it logs to four places.
    assert abs(loss[0] - loss[1]) < 1.5e-4 * max(1, loss[1]), f"step {step}: {loss}"
    norms = there["grad_norm"], here["grad_norm"]
    assert abs(norms[0] - norms[1]) < 2e-3 * norms[1], f"step {step}: gradient norms {norms}"
    assert abs(there["learning_rate"] - here["learning_rate"]) < 1e-12, f"step {step}: learning rates"
    print(f"  {step:4}  {loss[0]:13.4f}  {loss[1]:9.6f}  {loss[0] - loss[1]:+.1e}   {norms[0]:9.5f} {norms[1]:9.5f}")
first, last = ours[min(ours)]["loss"]["total"], ours[max(ours)]["loss"]["total"]
assert last < 0.9 * first, "nothing was learnt, so nothing is shown"
there, here = np.load(theirs_file), np.load(ours_file)
cosine = (there * here).sum(1) / np.linalg.norm(there, axis=1) / np.linalg.norm(here, axis=1)
assert cosine.min() > 0.9999, f"the tuned models differ: cosine {cosine.min()}"
print(f"  losses differ by {worst:.1e} at most (logged with 4 places); the tuned models' vectors: least cosine {cosine.min():.7f}")
