#!/usr/bin/env python3
"""Language models with quantised weights, against the same models with their weights unpacked.

  quantised.py JANUS_COMPILE JANUS_RUN [--only NAME] [--keep DIR]

Each model is written twice from a seed: with com.microsoft QMoE, MatMulNBits and GatherBlockQuantized, and with MoE,
MatMul and Gather over the f32 numbers that NumPy computes from integers, scales and zero points. Both have to be
recovered with all their MoE layers and give the same bytes of logits, on one instance of each kind as on (2, 3); the
quantised artifact has to keep its integers.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper

HIDDEN, HEADS, KV_HEADS, HEAD, EXPERTS, INNER, VOCAB, LAYERS, CONTEXT = 64, 4, 2, 16, 4, 48, 96, 2, 32
CONTRIB = "com.microsoft"


@dataclass(frozen=True)
class Config:
    name: str
    bits: int = 4
    block: int = 32  # of MatMulNBits and GatherBlockQuantized
    expert_block: int = 32  # of QMoE; 0: a scale for each row
    zeros: str = ""  # "", "packed" or "float", which QMoE does not have
    fusion: int = 1  # swiglu_fusion
    bias: bool = False
    router_weights: bool = False
    embedding: bool = False  # quantised, too, and shared with the head
    half: bool = False  # f16
    inside: bool = False  # weights in model.onnx
    router: bool = True  # quantised


CONFIGS = (
    Config("int4"),
    Config("int4-zeros", zeros="packed", bias=True, fusion=2, expert_block=16, inside=True),
    Config("int8-rows", bits=8, expert_block=0, bias=True, zeros="packed", block=16),
    Config("int8-float-zeros", bits=8, zeros="float", expert_block=16),
    Config("int2", bits=2, expert_block=16, zeros="packed", fusion=2),
    Config("router-weights", router_weights=True, fusion=2, router=False),
    Config("shared-embedding", embedding=True, expert_block=0),
    Config("f16-scales", half=True, zeros="packed", bias=True),
)


def pack(fields: np.ndarray, bits: int) -> np.ndarray:
    """Fields of `bits` bits along the last dimension in bytes, the first in the lowest bits."""
    per = 8 // bits
    padded = np.zeros((*fields.shape[:-1], -(-fields.shape[-1] // per) * per), np.uint8)
    padded[..., : fields.shape[-1]] = fields
    parts = padded.reshape(*padded.shape[:-1], -1, per)
    return sum((parts[..., i] << (i * bits) for i in range(per)), np.zeros(parts.shape[:-1], np.uint8)).astype(np.uint8)


class Model:
    def __init__(self, config: Config, plain: bool):
        self.c, self.plain = config, plain
        self.numbers = np.random.default_rng(sum(config.name.encode()))
        self.nodes, self.tensors, self.count = [], [], 0
        self.float = np.float16 if config.half and not plain else np.float32

    def name(self) -> str:
        self.count += 1
        return f"t{self.count}"

    def op(self, kind, *inputs, domain="", outputs=1, **attributes):
        names = [self.name() for _ in range(outputs)]
        self.nodes.append(helper.make_node(kind, inputs, names, domain=domain, **attributes))
        return names[0] if outputs == 1 else names

    def stored(self, values) -> str:
        name = self.name()
        self.tensors.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def real(self, values) -> str:
        """A float tensor, rounded as the quantised model stores it."""
        rounded = values.astype(np.float16) if self.c.half else values
        return self.stored(rounded.astype(self.float))

    def random(self, *shape, scale=1.0):
        return (self.numbers.standard_normal(shape) * scale).astype(np.float32)

    def matrix(self, shape, block, zeros):
        """Integers, scales, zero points (or None) and the numbers [..., N, K] that they stand for."""
        *rows, k = shape
        block = block or k
        blocks, top = -(-k // block), 1 << self.c.bits
        q = self.numbers.integers(0, top, shape).astype(np.uint8)
        spread = 3.0 / np.sqrt(k) / top
        scales = self.numbers.uniform(0.5, 1.5, (*rows, blocks)).astype(np.float32) * np.float32(spread)
        scales *= np.where(self.numbers.random(scales.shape) < 0.2, -1, 1).astype(np.float32)
        if self.c.half:
            scales = scales.astype(np.float16).astype(np.float32)
        points = None
        if zeros == "packed":
            points = self.numbers.integers(top // 2 - top // 8, top // 2 + top // 8 + 1, (*rows, blocks)).astype(np.uint8)
        elif zeros == "float":
            points = (top / 2 + self.random(*rows, blocks)).astype(np.float32)
        each = lambda values: np.repeat(values, block, -1)[..., :k].astype(np.float32)
        zero = each(points) if points is not None else np.float32(top // 2)
        return q, scales, points, (q.astype(np.float32) - zero) * each(scales)

    def packed_points(self, points):
        if points is None:
            return ""
        return self.stored(pack(points, self.c.bits)) if points.dtype == np.uint8 else self.real(points)

    def linear(self, x, n, k, bias=False, table=None):
        """x . W^T + bias"""
        q, scales, points, numbers = table or self.matrix((n, k), self.c.block, self.c.zeros)
        vector = self.random(n, scale=0.1) if bias else None
        if self.plain:
            y = self.op("MatMul", x, self.stored(numbers.T))
            return self.op("Add", y, self.real(vector)) if bias else y
        blocks, block = scales.shape[-1], self.c.block
        whole = np.zeros((n, blocks * block), np.uint8)
        whole[:, :k] = q
        b = pack(whole.reshape(n, blocks, block), self.c.bits)
        inputs = [x, self.stored(b), self.real(scales.reshape(-1)), self.packed_points(points), "", self.real(vector) if bias else ""]
        while not inputs[-1]:
            inputs.pop()
        return self.op("MatMulNBits", *inputs, domain=CONTRIB, K=k, N=n, bits=self.c.bits, block_size=block)

    def norm(self, x):
        return self.op("SimplifiedLayerNormalization", x, self.real(1 + self.random(HIDDEN, scale=0.1)), axis=-1, epsilon=1e-6)

    def attention(self, x, layer, lengths, tables):
        widths = [HEADS * HEAD, KV_HEADS * HEAD, KV_HEADS * HEAD]
        q, k, v = (self.linear(x, width, HIDDEN, bias=self.c.bias) for width in widths)
        y, key, value = self.op("GroupQueryAttention", q, k, v, f"past_key_values.{layer}.key", f"past_key_values.{layer}.value", *lengths,
                                *tables, domain=CONTRIB, outputs=3, num_heads=HEADS, kv_num_heads=KV_HEADS, do_rotary=1)
        self.nodes[-1].output[1:] = [f"present.{layer}.key", f"present.{layer}.value"]
        return self.linear(y, HIDDEN, HEADS * HEAD)

    def experts(self, x):
        zeros = self.c.zeros and "packed"
        first = self.matrix((EXPERTS, 2 * INNER, HIDDEN), self.c.expert_block, zeros)
        second = self.matrix((EXPERTS, HIDDEN, INNER), self.c.expert_block, zeros)
        biases = [self.random(EXPERTS, n, scale=0.1) for n in (2 * INNER, HIDDEN)] if self.c.bias else [None, None]
        if self.c.router:
            logits = self.linear(x, EXPERTS, HIDDEN, table=self.matrix((EXPERTS, HIDDEN), self.c.block, self.c.zeros))
        else:
            logits = self.op("MatMul", x, self.real(self.random(HIDDEN, EXPERTS, scale=0.3)))
        attributes = dict(activation_type="swiglu", swiglu_fusion=self.c.fusion, k=2, normalize_routing_weights=1)
        given = ""
        if self.c.router_weights:
            given = self.op("Sigmoid", logits)
            logits = self.op("Add", given, self.real(self.random(EXPERTS, scale=0.2)))
            if self.plain:
                return self.loop(x, logits, given, first[3], second[3])
        rows = self.op("Reshape", logits, self.stored(np.array([-1, EXPERTS])))
        if given:
            given = self.op("Reshape", given, self.stored(np.array([-1, EXPERTS])))
        bias = [self.real(b) if b is not None else "" for b in biases]
        if self.plain:
            return self.op("MoE", x, rows, self.stored(first[3]), bias[0], self.stored(second[3]), bias[1], domain=CONTRIB, **attributes)
        inputs = [x, rows]
        for (q, scales, _, _), b in zip((first, second), bias):
            inputs += [self.stored(pack(q, self.c.bits)), self.real(scales if self.c.expert_block else scales[..., 0]), b]
        row = lambda points: points if points is None or self.c.expert_block else points[..., 0]  # 8 bits
        inputs += ["", "", "", self.packed_points(row(first[2])), self.packed_points(row(second[2])), "", given]
        while not inputs[-1]:
            inputs.pop()
        return self.op("QMoE", *inputs, domain=CONTRIB, expert_weight_bits=self.c.bits, block_size=self.c.expert_block,
                       weights_prepacked=0, **attributes)

    def loop(self, x, scores, given, first, second):
        """The same experts in ordinary operators, each over all tokens."""
        _, ids = self.op("TopK", scores, self.stored(np.array([2])), outputs=2, axis=-1)
        weights = self.op("GatherElements", given, ids, axis=-1)
        axis = self.stored(np.array([-1]))
        weights = self.op("Div", weights, self.op("ReduceSum", weights, axis, keepdims=1))
        total = None
        for e in range(EXPERTS):
            gate, up = (first[e][0::2], first[e][1::2]) if self.c.fusion == 1 else (first[e][:INNER], first[e][INNER:])
            g, u = (self.op("MatMul", x, self.stored(w.T)) for w in (gate, up))
            y = self.op("MatMul", self.op("Mul", self.op("Mul", g, self.op("Sigmoid", g)), u), self.stored(second[e].T))
            mask = self.op("Cast", self.op("Equal", ids, self.stored(np.array(e))), to=TensorProto.FLOAT)
            y = self.op("Mul", y, self.op("ReduceSum", self.op("Mul", mask, weights), axis, keepdims=1))
            total = self.op("Add", total, y) if total else y
        return total

    def build(self):
        one = self.stored(np.array([1]))
        length = self.op("Cast", self.op("Sub", self.op("ReduceSum", "attention_mask", one, keepdims=0), one), to=TensorProto.INT32)
        total = self.op("Cast", self.op("Gather", self.op("Shape", "attention_mask"), self.stored(np.array(1)), axis=0), to=TensorProto.INT32)
        angles = np.outer(np.arange(CONTEXT), 10000.0 ** -(np.arange(0, HEAD, 2) / HEAD))
        tables = [self.real(f(angles).astype(np.float32)) for f in (np.cos, np.sin)]
        table = self.matrix((VOCAB, HIDDEN), self.c.block, self.c.zeros and "packed") if self.c.embedding else None
        if table and not self.plain:
            inputs = [self.stored(pack(table[0], self.c.bits)), "input_ids", self.real(table[1]), self.packed_points(table[2])]
            x = self.op("GatherBlockQuantized", *(inputs if inputs[-1] else inputs[:-1]), domain=CONTRIB, bits=self.c.bits,
                        block_size=self.c.block, gather_axis=0, quantize_axis=1)
        else:
            values = self.stored(table[3]) if table else self.real(self.random(VOCAB, HIDDEN))
            x = self.op("Gather", values, "input_ids", axis=0)
        for layer in range(LAYERS):
            x = self.op("Add", x, self.attention(self.norm(x), layer, [length, total], tables))
            x = self.op("Add", x, self.experts(self.norm(x)))
        table = table or self.matrix((VOCAB, HIDDEN), self.c.block, self.c.zeros)
        self.head = table[3]
        logits = self.linear(self.norm(x), VOCAB, HIDDEN, table=table)
        self.nodes.append(helper.make_node("Identity", [logits], ["logits"]))
        kind = helper.np_dtype_to_tensor_dtype(np.dtype(self.float))
        info = helper.make_tensor_value_info
        inputs = [info(n, TensorProto.INT64, ["batch", d]) for n, d in (("input_ids", "seq"), ("attention_mask", "total"))]
        outputs = [info("logits", kind, ["batch", "seq", VOCAB])]
        for layer in range(LAYERS):
            for part in ("key", "value"):
                inputs.append(info(f"past_key_values.{layer}.{part}", kind, ["batch", KV_HEADS, "past", HEAD]))
                outputs.append(info(f"present.{layer}.{part}", kind, ["batch", KV_HEADS, "total", HEAD]))
        graph = helper.make_graph(self.nodes, "model", inputs, outputs, self.tensors)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21), helper.make_opsetid(CONTRIB, 1)], ir_version=10)

    def write(self, folder: Path) -> Path:
        folder.mkdir(parents=True)
        model = self.build()
        if not self.c.inside:
            data = bytearray()
            for tensor in model.graph.initializer:
                if tensor.data_type == TensorProto.INT64:  # shapes and axes
                    continue
                data += bytes(-len(data) % 64)
                offset, content = len(data), tensor.raw_data
                data += content
                tensor.ClearField("raw_data")
                tensor.data_location = TensorProto.EXTERNAL
                for key, value in (("location", "weights"), ("offset", offset), ("length", len(content))):
                    tensor.external_data.add(key=key, value=str(value))
            (folder / "weights").write_bytes(data)
        (folder / "model.onnx").write_bytes(model.SerializeToString())
        return folder / "model.onnx"


class Failure(Exception):
    pass


def run(*command) -> str:
    result = subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=120)
    if result.returncode:
        raise Failure(f"{' '.join(map(str, command))}\nexit code {result.returncode}\n{result.stderr[-3000:]}")
    return result.stderr


def logits(janus_run, artifact: Path, split, file: Path) -> np.ndarray:
    ids = ",".join(str(i * 37 % VOCAB) for i in range(1, 12))
    run(janus_run, artifact, "--attention", split[0], "--experts", split[1], "--prompt-ids", ids, "--max-new-tokens", 6, "--print-ids",
        "--logits", file)
    return np.load(file)


def weights_of(artifact: Path, part: str):
    return [w for w in json.loads((artifact / "manifest.json").read_text())["weights"] if w["layout"].startswith(part)]


def panels(artifact: Path, weight: dict) -> np.ndarray:
    """[N, K] of a quantised panel32 weight, as docs/artifact.md describes it."""
    bits, block, zeros = re.fullmatch(r"panel32\.q(\d)b(\d+)(zi|zf|)", weight["layout"]).groups()
    bits, block, (n, k) = int(bits), int(block), weight["shape"]
    data = (artifact / weight["file"]).read_bytes()[weight["offset"] : weight["offset"] + weight["bytes"]]
    columns, at = np.zeros((-(-n // 32) * 32, k), np.float32), 0

    def take(kind, count):
        nonlocal at
        at += np.dtype(kind).itemsize * count
        return np.frombuffer(data, kind, count, at - np.dtype(kind).itemsize * count)

    for first in range(0, len(columns), 32):
        for begin in range(0, k, block):
            scale = take("<f4", 32)
            zero = take("u1", 32) if zeros == "zi" else take("<f4", 32) if zeros == "zf" else np.full(32, 1 << (bits - 1))
            for row in range(begin, min(k, begin + block)):
                whole = take("u1", bits * 4)
                q = np.concatenate([whole >> (i * bits) & ((1 << bits) - 1) for i in range(8 // bits)])
                columns[first : first + 32, row] = (q.astype(np.float32) - zero.astype(np.float32)) * scale
    if at != len(data):
        raise Failure(f"{weight['name']}: {len(data)} bytes, expected {at}")
    return columns[:n]


def check(config: Config, janus_compile, janus_run, folder: Path) -> str:
    results = {}
    for plain in (False, True):
        kind = "plain" if plain else "quantised"
        source = Model(config, plain)
        model, artifact = source.write(folder / kind), folder / f"{kind}.janus"
        run(janus_compile, model, "-o", artifact, "--target-cpu=x86-64-v3")
        manifest = json.loads((artifact / "manifest.json").read_text())
        if manifest["contract"] != "language-model" or len(manifest["model"]["moe_layers"]) != LAYERS:
            raise Failure(f"{kind}: is no language model of {LAYERS} MoE layers")
        results[kind] = [logits(janus_run, artifact, split, folder / "logits.npy") for split in ((1, 1), (2, 3))]
    artifact = folder / "quantised.janus"
    head = next(w for w in weights_of(artifact, "panel32.q") if w["shape"] == [VOCAB, HIDDEN])
    if not np.array_equal(panels(artifact, head), source.head):
        raise Failure(f"the packed {head['name']} holds other numbers")
    ups, others = weights_of(artifact, "expert-up32."), weights_of(artifact, "panel32.")
    packed = [w for w in ups + others if f".q{config.bits}b" in w["layout"]]
    if len(packed) < len(ups) + len(others) - (0 if config.router else LAYERS):
        raise Failure(f"weights that should be kept as integers: {[(w['name'], w['layout']) for w in ups + others]}")
    one = results["quantised"][0]
    if not np.isfinite(one).all() or one.std() < 1e-3:
        raise Failure(f"logits that say nothing: deviation {one.std()}")
    for kind, both in results.items():
        for split, other in zip(("(1,1)", "(2,3)"), both):
            if one.tobytes() != other.tobytes():
                raise Failure(f"{kind} at {split} differs from quantised at (1,1) by {np.abs(one - other).max()}")
    size = lambda name: sum(e["bytes"] for w in weights_of(folder / f"{name}.janus", "expert-up32.") for e in w["experts"])
    return f"{one.shape[0]} rows of logits; first projections of experts {size('quantised')} bytes, in f32 {size('plain')}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("janus_compile", type=Path)
    parser.add_argument("janus_run", type=Path)
    parser.add_argument("--only", help="models whose name contains this")
    parser.add_argument("--keep", type=Path, help="write the models below this folder and keep them")
    arguments = parser.parse_args()
    failed = 0
    for config in CONFIGS:
        if arguments.only and arguments.only not in config.name:
            continue
        with tempfile.TemporaryDirectory() as temporary:
            folder = (arguments.keep or Path(temporary)) / config.name
            try:
                print(f"ok   {config.name}: {check(config, arguments.janus_compile, arguments.janus_run, folder)}", flush=True)
            except (Failure, subprocess.TimeoutExpired) as error:
                failed += 1
                print(f"FAIL {config.name}: {error}", flush=True)
    print(f"{failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
