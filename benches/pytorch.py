"""The Python side of `cargo bench --bench performance`: one measurement a process, printed as JSON.

usage: pytorch.py MEASUREMENT MODEL_FOLDER TEXTS.json THREADS
"""

import json
import resource
import statistics
import sys
import time

measurement, folder, texts_file, threads = sys.argv[1:5]

import torch  # noqa: E402

torch.set_num_threads(int(threads))
texts = json.load(open(texts_file, encoding="utf-8"))
started = time.perf_counter()


def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def report(seconds):
    print(json.dumps({"seconds": seconds, "peak": peak()}))


def median(work, times):
    work()
    seconds = []
    for _ in range(times):
        begun = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - begun)
    return statistics.median(seconds)


def tokens(tokenizer, some, longest):
    return tokenizer(some, max_length=longest, truncation=True, padding=True, return_tensors="pt")


def m3(recompute):
    """FlagEmbedding's model for fine-tuning BGE-M3, as its runner makes it."""
    from FlagEmbedding.finetune.embedder.encoder_only.m3 import EncoderOnlyEmbedderM3Model
    from transformers import AutoModel, AutoTokenizer

    base = AutoModel.from_pretrained(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    size = base.config.hidden_size
    heads = {"colbert_linear": torch.nn.Linear(size, size), "sparse_linear": torch.nn.Linear(size, 1)}
    model = EncoderOnlyEmbedderM3Model(
        {"model": base, **heads},
        tokenizer=tokenizer,
        temperature=0.02,
        normalize_embeddings=True,
        unified_finetuning=True,
        use_self_distill=True,
    )
    if recompute:
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    return model.train(), tokenizer


def step(recompute, queries, passages, times):
    model, tokenizer = m3(recompute)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-5)
    batch = [dict(tokens(tokenizer, texts["long"][:queries], 64))]
    batch.append(dict(tokens(tokenizer, texts["long"][queries : queries + passages], 128)))

    def work():
        model(queries=batch[0], passages=batch[1]).loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()

    return median(work, times)


if measurement in ("step", "step_vocabulary"):
    report(step(False, 2, 12, 5))
elif measurement in ("step_recompute", "step_vocabulary_recompute"):
    report(step(True, 2, 12, 5))
elif measurement == "step_bge":
    report(step(True, 1, 2, 1))
elif measurement == "encode":
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(folder, device="cpu")
    report(median(lambda: model.encode(texts["short"], batch_size=32), 2))
elif measurement in ("load_bge", "forward_bge"):
    from transformers import AutoModel, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    started = time.perf_counter()
    model = AutoModel.from_pretrained(folder).eval()
    if measurement == "load_bge":
        # A file that is mapped into memory is read when its values are asked for.
        sum(float(parameter.detach().sum()) for parameter in model.parameters())
        report(time.perf_counter() - started)
    else:
        batch = tokens(tokenizer, texts["long"][:4], 128)
        with torch.no_grad():
            report(median(lambda: model(**batch), 3))
else:
    sys.exit(f"no measurement {measurement}")
