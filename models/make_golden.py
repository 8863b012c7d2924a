#!/usr/bin/env python3
"""Golden outputs of a language model in ONNX, made with ONNX Runtime on the CPU without graph optimisation.

Writes MODEL_DIR/golden.safetensors (with --language: prefill, batch and greedy generation through the KV cache) and
MODEL_DIR/tensor.safetensors (named inputs `in.NAME` and outputs `out.NAME` of one call with a past of 5 positions).
Needs onnxruntime, numpy and safetensors; the tests only read what is written here.
"""

import argparse
from pathlib import Path

import numpy as np
import onnxruntime as ort
from safetensors.numpy import save_file


def session_of(folder: Path) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    return ort.InferenceSession(str(folder / "model.onnx"), options, providers=["CPUExecutionProvider"])


def kv_inputs(session: ort.InferenceSession, batch: int, past: int, rng=None) -> dict[str, np.ndarray]:
    feeds = {}
    for entry in session.get_inputs():
        if entry.name.startswith("past_key_values."):
            heads = entry.shape[1]
            size = next((i.shape[3] for i in session.get_outputs() if i.name.startswith("present") and isinstance(i.shape[3], int)), entry.shape[3])
            size = size if isinstance(size, int) else head_size(session)
            shape = (batch, heads, past, size)
            feeds[entry.name] = (rng.standard_normal(shape) if rng else np.zeros(shape)).astype(np.float32)
    return feeds


def head_size(session: ort.InferenceSession) -> int:
    import onnx

    model = onnx.load(session._model_path, load_external_data=False)
    node = next(n for n in model.graph.node if n.op_type == "GroupQueryAttention")
    tables = {t.name: list(t.dims) for t in model.graph.initializer}
    return 2 * tables[node.input[7]][1]  # rotary over the whole head


def run(session, ids, past_feeds, past):
    batch, length = ids.shape
    feeds = {"input_ids": ids.astype(np.int64), "attention_mask": np.ones((batch, past + length), np.int64), **past_feeds}
    names = [o.name for o in session.get_outputs()]
    return feeds, dict(zip(names, session.run(names, feeds)))


def language_golden(session, vocab, rng) -> dict[str, np.ndarray]:
    golden = {}
    for name, shape in (("prefill", (1, 13)), ("batch", (3, 9))):
        ids = rng.integers(0, vocab, shape)
        _, out = run(session, ids, kv_inputs(session, shape[0], 0), 0)
        golden[f"{name}.input_ids"], golden[f"{name}.logits"] = ids.astype(np.int64), out["logits"]
    prompt = rng.integers(0, vocab, (1, 7))
    ids, past, state, tokens, logits = prompt, 0, kv_inputs(session, 1, 0), [], []
    for _ in range(12):
        _, out = run(session, ids, state, past)
        past += ids.shape[1]
        row = out["logits"][0, -1]
        logits.append(row)
        tokens.append(int(row.argmax()))
        state = {k.replace("present", "past_key_values"): v for k, v in out.items() if k.startswith("present")}
        ids = np.array([[tokens[-1]]])
    golden |= {"gen.prompt": prompt.astype(np.int64), "gen.tokens": np.array(tokens, np.int64), "gen.logits": np.stack(logits)}
    return golden


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model_dir", type=Path)
    parser.add_argument("--vocab", type=int, required=True)
    parser.add_argument("--language", action="store_true", help="also write golden.safetensors")
    parser.add_argument("--seed", type=int, default=7)
    arguments = parser.parse_args()
    session, rng = session_of(arguments.model_dir), np.random.default_rng(arguments.seed)
    if arguments.language:
        save_file(language_golden(session, arguments.vocab, rng), str(arguments.model_dir / "golden.safetensors"))
    ids = rng.integers(0, arguments.vocab, (1, 3))
    feeds, out = run(session, ids, kv_inputs(session, 1, 5, rng), 5)
    tensors = {f"in.{k}": np.ascontiguousarray(v) for k, v in feeds.items()}
    tensors |= {f"out.{k}": np.ascontiguousarray(v) for k, v in out.items()}
    save_file(tensors, str(arguments.model_dir / "tensor.safetensors"))


if __name__ == "__main__":
    main()
