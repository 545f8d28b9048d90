# For the scripts beside it: builds the program and finds Python, with a workspace of their own that is deleted at the end.
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$HOME/weldbench-target}"
program="${WELDBENCH:-}"
if [ -z "$program" ]; then
    cargo build --release
    program="$CARGO_TARGET_DIR/release/weldbench"
fi
python="${WELDBENCH_PYTHON:-$HOME/weldbench-python}/bin/python"
[ -x "$python" ] || { echo "there is no $python; run benches/setup_python.sh first" >&2; exit 1; }
home="$(mktemp -d)"
trap 'rm -rf "$home"' EXIT
export WELDBENCH_HOME="$home/workspace"
# Nothing is fetched: what the packages load lies in folders.
export HF_HUB_OFFLINE=1 TOKENIZERS_PARALLELISM=false TRANSFORMERS_VERBOSITY=error
