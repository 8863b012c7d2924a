#!/usr/bin/env python3
"""Writes a GGUF file with random f32 weights in the shapes of `models/make_qwen3_moe.py --preset bench`.

llama.cpp reads it; speed does not depend on the values, so they are not those of the ONNX file. Needs numpy and gguf.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import gguf
import numpy as np

Tensor = tuple[str, tuple[int, ...], float]  # name, shape, standard deviation; 0: all ones


def tensors(a: argparse.Namespace) -> Iterator[Tensor]:
    q, kv = a.heads * a.head_dim, a.kv_heads * a.head_dim
    yield "token_embd.weight", (a.vocab, a.hidden), 1.0
    yield "output_norm.weight", (a.hidden,), 0.0
    yield "output.weight", (a.vocab, a.hidden), 0.02
    for layer in range(a.layers):
        for name, shape, deviation in (
            ("attn_norm", (a.hidden,), 0.0),
            ("attn_q", (q, a.hidden), 0.02),
            ("attn_k", (kv, a.hidden), 0.02),
            ("attn_v", (kv, a.hidden), 0.02),
            ("attn_output", (a.hidden, q), 0.02),
            ("attn_q_norm", (a.head_dim,), 0.0),
            ("attn_k_norm", (a.head_dim,), 0.0),
            ("ffn_norm", (a.hidden,), 0.0),
            ("ffn_gate_inp", (a.experts, a.hidden), 0.05),
            ("ffn_gate_exps", (a.experts, a.intermediate, a.hidden), 0.02),
            ("ffn_up_exps", (a.experts, a.intermediate, a.hidden), 0.02),
            ("ffn_down_exps", (a.experts, a.hidden, a.intermediate), 0.02),
        ):
            yield f"blk.{layer}.{name}.weight", shape, deviation


def write(path: Path, a: argparse.Namespace) -> None:
    writer = gguf.GGUFWriter(path, "qwen3moe")
    writer.add_name("random-qwen3moe")
    writer.add_context_length(a.context)
    writer.add_embedding_length(a.hidden)
    writer.add_block_count(a.layers)
    writer.add_feed_forward_length(a.intermediate * a.top_k)
    writer.add_expert_feed_forward_length(a.intermediate)
    writer.add_expert_count(a.experts)
    writer.add_expert_used_count(a.top_k)
    writer.add_head_count(a.heads)
    writer.add_head_count_kv(a.kv_heads)
    writer.add_key_length(a.head_dim)
    writer.add_value_length(a.head_dim)
    writer.add_rope_freq_base(10000.0)
    writer.add_rope_dimension_count(a.head_dim)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_vocab_size(a.vocab)
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    writer.add_tokenizer_model("no_vocab")
    for name, shape, _ in tensors(a):
        writer.add_tensor_info(name, shape, np.dtype(np.float32), int(np.prod(shape)) * 4)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    generator = np.random.default_rng(a.seed)
    for _, shape, deviation in tensors(a):
        if deviation:
            values = generator.standard_normal(shape, dtype=np.float32)
            values *= np.float32(deviation)
        else:
            values = np.ones(shape, np.float32)
        writer.write_tensor_data(values)
    writer.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    for name, default in (("hidden", 1024), ("layers", 16), ("experts", 64), ("top-k", 8), ("intermediate", 512), ("heads", 16),
                          ("kv-heads", 4), ("head-dim", 64), ("vocab", 8192), ("context", 8192), ("seed", 1)):
        parser.add_argument(f"--{name}", type=int, default=default)
    arguments = parser.parse_args()
    write(arguments.out, arguments)


if __name__ == "__main__":
    main()
