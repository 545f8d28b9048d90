#!/usr/bin/env bash
# The cache of the hub is shared: what `weldbench fetch` lays into it is found by the real `huggingface_hub`, and what
# that downloads is found by `weldbench models` and used by name. Both fetch from a small hub on this computer.
# Installs huggingface_hub from PyPI into a virtual environment of its own, unless WELDBENCH_INTEROP names one.
set -euo pipefail
cd "$(dirname "$0")/../.."
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$HOME/weldbench-target}"
[ -n "${WELDBENCH_PROGRAM:-}" ] || cargo build --release
program="${WELDBENCH_PROGRAM:-$CARGO_TARGET_DIR/release/weldbench}"
place="${WELDBENCH_INTEROP:-$HOME/weldbench-interop}"
[ -x "$place/bin/python" ] || python3 -m venv "$place"
# The small hub speaks as much of the protocol as this version asks for.
"$place/bin/pip" install --quiet huggingface_hub==0.36.2
"$place/bin/python" tests/interop/hub.py "$program"
