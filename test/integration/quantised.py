#!/usr/bin/env python3
"""Language models with quantised weights, against the same models with their weights unpacked.

  quantised.py JANUS_COMPILE JANUS_RUN [--only NAME] [--keep DIR]

Each model is written twice from a seed: with com.microsoft QMoE, MatMulNBits and GatherBlockQuantized, and with MoE,
MatMul and Gather over the f32 numbers that NumPy computes from integers, scales and zero points. Both have to be
recovered with all their MoE layers and give the same bytes of logits, on one instance of each kind as on (2, 3); the
quantised artifact has to keep its integers. Linear layers may also be MatMul of what DequantizeLinear makes of stored
integers. GatherBlockQuantized and DequantizeLinear as operators of a tensor program are compared with NumPy.
"""

import argparse
import functools
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
    embedding: str = ""  # "bytes": quantised, too, and shared with the head; "int4", "uint4": a table of its own of such elements
    linear: str = ""  # DequantizeLinear and MatMul: "rows" [N, K], which is transposed, "columns" [K, N], "tensor" with one scale
    signed: bool = False  # integers of DequantizeLinear
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
    Config("shared-embedding", embedding="bytes", expert_block=0),
    Config("int4-table", embedding="int4"),
    Config("uint4-table", embedding="uint4", inside=True),
    Config("uint4-table-zeros", embedding="uint4", zeros="packed", linear="columns"),
    Config("int4-table-zeros", embedding="int4", zeros="packed", linear="rows", signed=True, bias=True),
    Config("dequantised-columns", linear="columns", signed=True, inside=True, router=False),
    Config("dequantised-axis", bits=8, linear="columns", block=0, signed=True, zeros="packed"),
    Config("dequantised-tensor", bits=8, linear="tensor", block=0, bias=True, half=True),
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

    def narrow(self, fields, bits, signed) -> str:
        """Integers of `bits` bits as elements; those with a sign are given from the middle."""
        if bits == 8:
            return self.stored(fields if not signed else (fields.astype(np.int16) - 128).astype(np.int8))
        name = self.name()
        raw = pack(fields.reshape(-1) ^ (8 if signed else 0), bits).tobytes()
        self.tensors.append(helper.make_tensor(name, TensorProto.INT4 if signed else TensorProto.UINT4, fields.shape, raw, raw=True))
        return name

    def dequantised(self, x, n, k, table):
        """x . W^T of stored integers"""
        q, scales, points, _ = table
        signed, axis = self.c.signed, 0
        if points is None and not signed:  # the middle is no default there
            points = np.full(scales.shape, 1 << (self.c.bits - 1), np.uint8)
        if self.c.linear == "tensor":
            scales, points = scales.reshape(-1)[0], points.reshape(-1)[0:1].reshape(())
        elif self.c.block == 0:
            scales, points = scales[:, 0], points[:, 0] if points is not None else None
        columns = self.c.linear == "columns"
        turn = lambda a: np.ascontiguousarray(a.T) if columns else a
        inputs = [self.narrow(turn(q), self.c.bits, signed), self.real(turn(scales))]
        if points is not None:
            inputs.append(self.narrow(turn(points), self.c.bits, signed))
        attributes = dict(axis=0 if columns else 1, block_size=self.c.block) if self.c.block else dict(axis=1 if columns else 0)
        w = self.op("DequantizeLinear", *inputs, **attributes)
        return self.op("MatMul", x, w if columns else self.op("Transpose", w, perm=[1, 0]))

    def matrix(self, shape, block, zeros):
        """Integers, scales, zero points (or None) and the numbers [..., N, K] that they stand for; zeros = "none": 0."""
        *rows, k = shape
        block = block or k
        blocks, top = -(-k // block), 1 << self.c.bits
        q = self.numbers.integers(0, top, shape).astype(np.uint8)
        spread = 3.0 / np.sqrt(k) / top
        scales = self.numbers.uniform(0.5, 1.5, (*rows, blocks)).astype(np.float32) * np.float32(spread)
        scales *= np.where(self.numbers.random(scales.shape) < 0.2, -1, 1).astype(np.float32)
        if self.c.linear == "tensor" and len(shape) == 2:
            scales[:] = scales.reshape(-1)[0]
        if self.c.half:
            scales = scales.astype(np.float16).astype(np.float32)
        points = None
        if zeros == "packed":
            points = self.numbers.integers(top // 2 - top // 8, top // 2 + top // 8 + 1, (*rows, blocks)).astype(np.uint8)
        elif zeros == "float":
            points = (top / 2 + self.random(*rows, blocks)).astype(np.float32)
        each = lambda values: np.repeat(values, block, -1)[..., :k].astype(np.float32)
        zero = each(points) if points is not None else np.float32(0 if zeros == "none" else top // 2)
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
        if self.c.linear:
            y = self.dequantised(x, n, k, (q, scales, points, numbers))
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
        kind, zeros = self.c.embedding, self.c.zeros and "packed"
        table = self.matrix((VOCAB, HIDDEN), self.c.block, zeros or ("none" if kind == "uint4" else "")) if kind else None
        if table and not self.plain:
            elements = kind != "bytes"
            fields = lambda values: self.narrow(values, 4, kind == "int4")
            inputs = [fields(table[0]) if elements else self.stored(pack(table[0], self.c.bits)), "input_ids", self.real(table[1]),
                      fields(table[2]) if elements and zeros else self.packed_points(table[2])]
            x = self.op("GatherBlockQuantized", *(inputs if inputs[-1] else inputs[:-1]), domain=CONTRIB, bits=self.c.bits,
                        block_size=self.c.block, gather_axis=0, quantize_axis=1)
        else:
            values = self.stored(table[3]) if table else self.real(self.random(VOCAB, HIDDEN))
            x = self.op("Gather", values, "input_ids", axis=0)
        for layer in range(LAYERS):
            x = self.op("Add", x, self.attention(self.norm(x), layer, [length, total], tables))
            x = self.op("Add", x, self.experts(self.norm(x)))
        table = table if kind == "bytes" else self.matrix((VOCAB, HIDDEN), self.c.block, self.c.zeros)
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
                if tensor.data_type == TensorProto.INT64 or not tensor.dims:  # shapes and axes
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


class Operators(Model):
    """One tensor program of operators over integers, each with its result by NumPy."""

    def __init__(self):
        super().__init__(Config("operators"), False)
        self.wanted = []

    def result(self, value, name):
        self.nodes.append(helper.make_node("Identity", [name], [f"y{len(self.wanted)}"]))
        self.wanted.append(value.astype(np.float32))

    def gather(self, kind, bits, gather_axis, quantize_axis, zeros, indices):
        shape, block = [5, 6, 7], 16
        shape[quantize_axis] = 40
        signed, top = kind == "int4", 1 << bits
        if kind == "uint8":
            shape[-1] = -(-shape[-1] * bits // 8) * 8 // bits
        q = self.numbers.integers(0, top, shape).astype(np.uint8)
        blocks = [-(-d // block) if i == quantize_axis % 3 else d for i, d in enumerate(shape)]
        scales = self.random(*blocks)
        points = self.numbers.integers(0, top, blocks).astype(np.uint8) if zeros else np.full(blocks, 0 if kind == "uint4" else top // 2)
        each = lambda a: np.repeat(a, block, quantize_axis).take(np.arange(shape[quantize_axis]), quantize_axis).astype(np.float32)
        numbers = (q.astype(np.float32) - each(points)) * each(scales)
        extent = shape[gather_axis]
        inside = (indices >= -extent) & (indices < extent)
        value = np.take(numbers, np.where(inside, indices, 0), gather_axis)
        axis = gather_axis % 3
        value *= inside.reshape((1,) * axis + indices.shape + (1,) * (2 - axis))
        stored = (lambda a: self.stored(pack(a, bits))) if kind == "uint8" else (lambda a: self.narrow(a, 4, signed))
        inputs = [stored(q), self.stored(indices), self.stored(scales)] + ([stored(points)] if zeros else [])
        self.result(value, self.op("GatherBlockQuantized", *inputs, domain=CONTRIB, bits=bits, block_size=block, gather_axis=gather_axis,
                                   quantize_axis=quantize_axis))

    def linear_of(self, dtype, bits, how, zeros):
        shape, signed = (6, 35), np.dtype(dtype).kind == "i"
        low, high = (-(1 << (bits - 1)), 1 << (bits - 1)) if signed else (0, 1 << bits)
        scale_shape, axis, block = {"tensor": ((), 1, 0), "axis": ((6,), 0, 0), "last": ((35,), -1, 0), "blocks": ((6, 3), 1, 16),
                                    "rows": ((2, 35), 0, 4)}[how]
        q = self.numbers.integers(low, high, shape)
        scales, points = self.random(*scale_shape), self.numbers.integers(low, high, scale_shape)
        if block:
            each = lambda a: np.repeat(a, block, axis).take(np.arange(shape[axis]), axis)
        else:
            each = lambda a: a if not scale_shape else np.expand_dims(a, 1 - axis if axis == 0 else 0)
        difference = q - (each(points) if zeros else 0)
        kind = {4: TensorProto.INT4 if signed else TensorProto.UINT4}.get(bits)

        def stored(a):
            return self.stored(np.asarray(a, dtype)) if kind is None else self.narrow(np.asarray(a & 15, np.uint8) ^ (8 if signed else 0), 4, signed)

        inputs = [stored(q), self.stored(np.asarray(scales, np.float32))] + ([stored(points)] if zeros else [])
        attributes = dict(axis=axis, block_size=block) if block else dict(axis=axis)
        self.result(difference.astype(np.float32) * each(np.asarray(scales, np.float32)), self.op("DequantizeLinear", *inputs, **attributes))

    def build(self):
        near, far = np.array([[0, 3, -1], [4, 2, -5]]), np.array([1, 7, -8, 1 << 40, 4])
        for kind, bits in (("int4", 4), ("uint4", 4), ("uint8", 4), ("uint8", 8), ("uint8", 2)):
            for zeros in (False, True):
                self.gather(kind, bits, 0, 2, zeros, near)
                self.gather(kind, bits, 1, -1, zeros, far)
                if bits == 8 or kind != "uint8":
                    self.gather(kind, bits, 2, 0, zeros, far.reshape(1, -1))
                    self.gather(kind, bits, -2, 0, not zeros, near)
                    self.gather(kind, bits, 0, 1, zeros, far.astype(np.int32))
        for dtype, bits in ((np.int8, 4), (np.uint8, 4), (np.int8, 8), (np.uint8, 8), (np.int16, 16), (np.uint16, 16), (np.int32, 31)):
            for how in ("tensor", "axis", "last", "blocks", "rows"):
                for zeros in (False, True):
                    self.linear_of(dtype, bits, how, zeros)
        outputs = [helper.make_tensor_value_info(f"y{i}", TensorProto.FLOAT, w.shape) for i, w in enumerate(self.wanted)]
        graph = helper.make_graph(self.nodes, "operators", [], outputs, self.tensors)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21), helper.make_opsetid(CONTRIB, 1)], ir_version=10)


def check_operators(janus_compile, janus_run, folder: Path) -> str:
    source = Operators()
    folder.mkdir(parents=True)
    (folder / "model.onnx").write_bytes(source.build().SerializeToString())
    run(janus_compile, folder / "model.onnx", "-o", folder / "model.janus", "--contract=tensor")
    run(janus_run, folder / "model.janus", "--output-dir", folder)
    wrong = [f"{i} ({source.nodes[2 * i].op_type}): {np.abs(np.load(folder / f'y{i}.npy') - wanted).max()}"
             for i, wanted in enumerate(source.wanted) if not np.array_equal(np.load(folder / f"y{i}.npy"), wanted)]
    if wrong:
        raise Failure(f"results that differ from NumPy's: {wrong}")
    return f"{len(source.wanted)} results are NumPy's"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("janus_compile", type=Path)
    parser.add_argument("janus_run", type=Path)
    parser.add_argument("--only", help="models whose name contains this")
    parser.add_argument("--keep", type=Path, help="write the models below this folder and keep them")
    arguments = parser.parse_args()
    failed = 0
    tests = {"operators": check_operators}
    tests |= {config.name: functools.partial(check, config) for config in CONFIGS}
    for name, test in tests.items():
        if arguments.only and arguments.only not in name:
            continue
        with tempfile.TemporaryDirectory() as temporary:
            folder = (arguments.keep or Path(temporary)) / name
            try:
                print(f"ok   {name}: {test(arguments.janus_compile, arguments.janus_run, folder)}", flush=True)
            except (Failure, subprocess.TimeoutExpired) as error:
                failed += 1
                print(f"FAIL {name}: {error}", flush=True)
    print(f"{failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
