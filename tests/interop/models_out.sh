#!/usr/bin/env bash
# Trains a few steps from three bases and lets FlagEmbedding, sentence-transformers and transformers load the tuned
# folders as they are; their vectors are compared with those of `weldbench encode`.
# The packages are those of benches/setup_python.sh.
set -euo pipefail
cd "$(dirname "$0")/../.."
source tests/interop/common.sh

train() { # NAME, then options
    local name="$1"
    shift
    "$program" train --device cpu --train_group_size 3 --max_steps 5 --learning_rate 1e-4 \
        --output_dir "$home/$name" "$@" 2>>"$home/log.txt" >/dev/null || { cat "$home/log.txt"; exit 1; }
    for kind in passage query; do
        "$program" encode --device cpu --model "$home/$name" --input "$texts" --output "$home/$name.$kind.safetensors" \
            $([ "$kind" = query ] && echo --query) >/dev/null 2>&1
    done
    "$python" tests/interop/compare_models.py "$home/$name" "$texts" \
        "$home/$name.query.safetensors" "$home/$name.passage.safetensors"
}

texts="$home/texts.jsonl"
"$python" - "$texts" <<'PYTHON'
import json, sys
texts = ["焊缝气孔是怎么产生的？", "Porosity comes from gas that is trapped in the weld pool.", "咬边 undercut", "",
         "TIG 焊时钨极烧损的原因", "气体保护不良、工件表面有油污或水分。" * 12, "crack", "未熔合 " * 40]
with open(sys.argv[1], "w", encoding="utf-8") as file:
    for text in texts:
        file.write(json.dumps({"text": text, "query": text}, ensure_ascii=False) + "\n")
PYTHON

tiny=tests/fixtures/flagembedding
train starter-dense --model_name_or_path assets/starter-model --train_data sample_data/train.jsonl \
    --query_max_len 32 --passage_max_len 64 --per_device_train_batch_size 2
train starter-unified --model_name_or_path assets/starter-model --train_data sample_data/train.jsonl \
    --query_max_len 32 --passage_max_len 64 --per_device_train_batch_size 2 --unified_finetuning --use_self_distill
train m3 --model_name_or_path $tiny/model_bin --train_data $tiny/data/weld_toy.jsonl \
    --unified_finetuning --use_self_distill --knowledge_distillation
