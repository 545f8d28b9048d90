#!/usr/bin/env bash
# What `cargo bench --bench performance` compares with, in a virtual environment: versions are pinned.
set -euo pipefail
folder="${WELDBENCH_PYTHON:-$HOME/weldbench-python}"
[ -x "$folder/bin/python" ] || python3 -m venv "$folder"
"$folder/bin/pip" install \
    torch==2.6.0 transformers==4.57.6 FlagEmbedding==1.3.5 sentence-transformers==5.7.0 numpy==2.4.6
echo "$folder is ready"
