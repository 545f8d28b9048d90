#!/usr/bin/env bash
# Runs what docs/VECTOR_DATABASES.md shows, block by block, with the embedded or local version of each database, and
# compares what is found with an exact search. Packages go into a virtual environment of their own.
set -euo pipefail
cd "$(dirname "$0")/../.."
WELDBENCH_PYTHON="${WELDBENCH_VECTORS:-$HOME/weldbench-vectors}"
if [ ! -x "$WELDBENCH_PYTHON/bin/python" ]; then
    python3 -m venv "$WELDBENCH_PYTHON"
fi
"$WELDBENCH_PYTHON/bin/pip" install --quiet numpy pyarrow safetensors faiss-cpu qdrant-client "pymilvus[milvus-lite]" lancedb
source tests/interop/common.sh
place="$home/place"
mkdir "$place"
ln -s "$PWD/${MODEL:-tests/fixtures/flagembedding/model_bin}" "$place/MODEL"
cp sample_data/corpus.jsonl "$place/corpus.jsonl"
head -n 40 sample_data/eval.jsonl >"$place/questions.jsonl"
mkdir "$home/bin"
ln -s "$program" "$home/bin/weldbench"
PATH="$home/bin:$PATH" WELDBENCH_ASSETS="$PWD" "$python" tests/interop/run_page.py docs/VECTOR_DATABASES.md "$place"
