"""Reads a run's event files with TensorBoard's own reader and compares every number with metrics.jsonl."""

import json
import struct
import sys
from pathlib import Path

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

run = Path(sys.argv[1])
expected = {}
for line in (run / "metrics.jsonl").read_text().splitlines():
    event = json.loads(line)
    if event["event"] == "resumed":
        for steps in expected.values():
            for step in [step for step in steps if step > event["step"]]:
                del steps[step]
    elif event["event"] == "step":
        values = {"learning_rate": event["learning_rate"], "grad_norm": event["grad_norm"], "epoch": event["epoch"]}
        for part, value in event["loss"].items():
            if value is not None:
                values["loss" if part == "total" else f"loss_{part}"] = value
        for name, value in values.items():
            expected.setdefault(f"train/{name}", {})[event["step"]] = value
    elif event["event"] == "evaluated":
        for name, value in event["metrics"].items():
            expected.setdefault(f"eval/{name}", {})[event["step"]] = value

accumulator = EventAccumulator(str(run), size_guidance={"scalars": 0})
accumulator.Reload()
tags = accumulator.Tags()["scalars"]
compared = 0
for tag, steps in sorted(expected.items()):
    assert tag in tags, f"TensorBoard has no {tag}"
    found = {event.step: event.value for event in accumulator.Scalars(tag)}
    assert list(found) == sorted(found), f"{tag}: steps out of order"
    # TensorBoard keeps 32-bit floats.
    narrow = {step: struct.unpack("f", struct.pack("f", value))[0] for step, value in steps.items()}
    assert found == narrow, f"{tag}: {found} is not {narrow}"
    compared += len(found)
files = len(list(run.glob("events.out.tfevents.*")))
print(f"TensorBoard reads {compared} values of {len(expected)} tags from {files} files, all as in metrics.jsonl")
