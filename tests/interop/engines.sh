#!/usr/bin/env bash
# Exports a job, lets the real FlagEmbedding train it on the processor, imports what comes back, and shows the losses of
# both engines side by side.
#
# FlagEmbedding draws rows, positives and negatives by its own generator. So that both engines see the same whatever they
# draw, each row has one positive and as many negatives as a group takes, and a batch holds all rows; dropout is 0.
# DeepSpeed wants cards: the job is exported without it, and started with gloo between processes.
set -euo pipefail
cd "$(dirname "$0")/../.."
source tests/interop/common.sh
"$python" -m pip install --quiet tensorboard

rows="$home/rows.jsonl"
"$python" - tests/fixtures/flagembedding/data/weld_toy.jsonl "$rows" <<'PYTHON'
import json, sys
with open(sys.argv[1], encoding="utf-8") as source, open(sys.argv[2], "w", encoding="utf-8") as target:
    for line in list(source)[:12]:
        row = json.loads(line)
        row = {"query": row["query"], "pos": row["pos"][:1], "neg": row["neg"][:3],
               "pos_scores": row["pos_scores"][:1], "neg_scores": row["neg_scores"][:3]}
        target.write(json.dumps(row, ensure_ascii=False) + "\n")
PYTHON

compare() { # NAME, then options
    local name="$1" job="$home/job-$1"
    shift
    local options=(--model_name_or_path tests/fixtures/flagembedding/model_bin --train_data "$rows" --train_group_size 4
        --per_device_train_batch_size 12 --num_train_epochs 15 --learning_rate 1e-3 --warmup_ratio 0.2
        --query_max_len 64 --passage_max_len 128 "$@")
    "$program" export-job --job "$job" --gpus 1 --no-deepspeed "${options[@]}" 2>"$home/log.txt" >/dev/null || { cat "$home/log.txt"; exit 1; }
    PATH="$(dirname "$python"):$PATH" bash "$job/run.sh" --use_cpu True --ddp_backend gloo --cache_path "$home/cache" \
        >"$home/log.txt" 2>&1 || { tail -n 40 "$home/log.txt"; exit 1; }
    local imported
    imported="$("$program" import-run "$job" --name "$name, FlagEmbedding" 2>/dev/null)"
    "$program" train --device cpu "${options[@]}" --trace "$home/trace.jsonl" --output_dir "$home/ours-$name" 2>/dev/null >/dev/null
    encode() { "$program" encode --device cpu --model "$1" --input "$rows" --query --output "$2" --vectors dense >/dev/null 2>&1; }
    encode "$imported/model" "$home/theirs.npy"
    encode "$home/ours-$name" "$home/ours.npy"
    "$python" tests/interop/compare_engines.py "$name" "$imported" "$home/trace.jsonl" "$home/theirs.npy" "$home/ours.npy"
}

compare dense --sentence_pooling_method mean --temperature 0.05 --weight_decay 0.1 --max_grad_norm 0.5
compare distilled --temperature 0.05 --knowledge_distillation --kd_loss_type kl_div
compare unified --unified_finetuning --use_self_distill --self_distill_start_step 4 --gradient_accumulation_steps 1
