#!/usr/bin/env bash
# Trains the tiny model, kills the run, goes on with it, and lets the real `tensorboard` read what it wrote.
# Installs tensorboard from PyPI into a virtual environment of its own.
set -euo pipefail
cd "$(dirname "$0")/../.."
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$HOME/weldbench-target}"
cargo build --release
program="$CARGO_TARGET_DIR/release/weldbench"
place="${WELDBENCH_INTEROP:-$HOME/weldbench-interop}"
[ -x "$place/bin/python" ] || python3 -m venv "$place"
"$place/bin/pip" install --quiet tensorboard

home="$(mktemp -d)"
trap 'rm -rf "$home"' EXIT
export WELDBENCH_HOME="$home"
data=tests/fixtures/flagembedding/data/weld_toy.jsonl
options=(--device cpu --model_name_or_path tests/fixtures/flagembedding/model_bin --train_data "$data" --eval_data "$data"
    --unified_finetuning --use_self_distill --knowledge_distillation --train_group_size 3 --save_steps 5 --eval_steps 10)
"$program" train "${options[@]}" --max_steps 4000 &
run=$!
until [ -n "$(ls "$home"/runs/*/checkpoints 2>/dev/null)" ] && grep -q '"step":32,' "$home"/runs/*/metrics.jsonl; do sleep 0.02; done
kill -9 "$run"
wait "$run" 2>/dev/null || true
"$program" train --device cpu --resume "$home"/runs/* --max_steps 60
"$place/bin/python" tests/interop/read_events.py "$home"/runs/*
