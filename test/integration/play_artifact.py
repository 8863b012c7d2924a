#!/usr/bin/env python3
"""Plays an artifact without the runtime: role programs through ctypes, kernels in NumPy.

Independent of runtime/ and kernels/: what it checks is the compiler (generated code, packed weights, programs, manifest)
against ONNX Runtime's golden prefill logits, and the documents (docs/artifact.md, include/janus/ABI) it was written from.
One attention and one expert instance; every gate side and every target CPU that this machine runs.

  play_artifact.py JANUS_COMPILE MODEL_DIR...
"""

import argparse
import ctypes as C
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

import safetensors

TOLERANCE = 2e-4
PROGRAM_ABI = 2
KERNEL_ABI = 4
P, I64, I32, U32, U64, F32 = C.c_void_p, C.c_int64, C.c_int32, C.c_uint32, C.c_uint64, C.c_float
TASK = C.CFUNCTYPE(None, P, I64, I64, U32)
COUNT = C.CFUNCTYPE(I64, P)
PARALLEL = C.CFUNCTYPE(None, P, P, P, I64, I64)
FAIL = C.CFUNCTYPE(None, P, I64, C.c_char_p)


def struct(name, fields):
    return type(name, (C.Structure,), {"_fields_": [(field, kind) for kind, names in fields for field in names.split()]})


Linear = struct("Linear", [(I64, "rows k n"), (P, "x"), (I64, "x_stride"), (P, "weight bias residual"),
                           (I64, "residual_stride"), (P, "y"), (I64, "y_stride bits block zeros")])
Experts = struct("Experts", [(I64, "hidden intermediate gated activation"), (F32, "alpha beta limit"), (I32, "weigh_input"),
                             (I64, "groups"), (P, "group_slot group_begin pair_row pair_weight x"), (I64, "x_stride"),
                             (P, "up down up_bias down_bias h y"),
                             (I64, "up_bits up_block up_zeros down_bits down_block down_zeros")])
Attention = struct("Attention", [(I64, "rows heads kv_heads head_dim value_dim window"), (F32, "scale softcap"),
                                 (P, "q"), (I64, "q_stride"), (P, "k"), (I64, "k_stride"), (P, "v"), (I64, "v_stride"),
                                 (P, "sinks positions kv y"), (I64, "y_stride chunk")])
Route = struct("Route", [(I64, "rows experts k score renormalize"), (F32, "epsilon scale"), (P, "logits"),
                         (I64, "logits_stride"), (P, "select_bias ids weights"), (I64, "groups kept_groups group_score"),
                         (F32, "group_fill jitter"), (P, "expert_scale")])
KvView = struct("KvView", [(P, "base"), (I64, "page_stride page_tokens"), (P, "pages row_sequence")])
Kernels = struct("Kernels", [(U32, "version size"), (C.c_char_p, "name")] + [(P, f"{n}_count {n}_run") for n in (
    "linear", "experts_up", "experts_down", "kv_append", "attention", "route")])
Host = struct("Host", [(U32, "version size"), (P, "kernels parallel fail allocate release")])
Call = struct("Call", [(P, "host context symbols operands weights workspace kv assignment")])
Assignment = struct("Assignment", [(I64, "groups pairs"), (P, "group_slot group_begin pair_row pair_rank pair_weight")])
Fragment = struct("Fragment", [(C.c_char_p, "name"), (P, "run workspace"), (U32, "operands weights")])
Program = struct("Program", [(U32, "magic version size kernel_version"), (U64, "program_hash"), (C.c_char_p, "target"),
                             (U32, "fragment_count reserved"), (P, "fragments")])
PANEL = 32


def view(pointer, rows, columns, stride=None, kind=np.float32):
    """A NumPy view of memory that generated code owns."""
    stride = stride or columns
    count = (rows - 1) * stride + columns if rows else 0
    flat = np.ctypeslib.as_array(C.cast(pointer, C.POINTER(C.c_int32 if kind == np.int32 else C.c_float)), (max(count, 1),))
    return np.lib.stride_tricks.as_strided(flat, (rows, columns), (stride * 4, 4))


def unpack(pointer, n, k):
    """W[n, k] of layout panel32.f32."""
    panels = -(-n // PANEL)
    packed = view(pointer, panels * k, PANEL).reshape(panels, k, PANEL)
    return packed.transpose(0, 2, 1).reshape(panels * PANEL, k)[:n]


def sigmoid(x):
    return 1 / (1 + np.exp(-x.astype(np.float64)))


def linear(a):
    y = view(a.x, a.rows, a.k, a.x_stride).astype(np.float64) @ unpack(a.weight, a.n, a.k).T
    if a.bias:
        y = y + view(a.bias, 1, a.n)
    if a.residual:
        y = y + view(a.residual, a.rows, a.n, a.residual_stride)
    view(a.y, a.rows, a.n, a.y_stride)[:] = y


def groups(a):
    begin = view(a.group_begin, 1, a.groups + 1, kind=np.int32)[0]
    slots = view(a.group_slot, 1, a.groups, kind=np.int32)[0]
    return [(int(slots[g]), int(begin[g]), int(begin[g + 1])) for g in range(a.groups)]


def table(pointer, slot):
    return C.cast(pointer, C.POINTER(P))[slot] if pointer else None


def experts_up(a):
    width, panels = -(-a.intermediate // 16) * 16, -(-a.intermediate // 16)
    for slot, begin, end in groups(a):
        rows = view(a.pair_row, 1, end, kind=np.int32)[0][begin:]
        x = np.stack([view(a.x + 4 * a.x_stride * int(r), 1, a.hidden)[0] for r in rows]).astype(np.float64)
        both = view(table(a.up, slot), panels * a.hidden, PANEL).reshape(panels, a.hidden, PANEL)
        gate, up = (both[:, :, s].transpose(0, 2, 1).reshape(-1, a.hidden)[: a.intermediate]
                    for s in (slice(0, 16), slice(16, 32)))
        g, u = x @ gate.T, x @ up.T
        if bias := table(a.up_bias, slot):
            bias = view(bias, 2, a.intermediate)
            g, u = g + bias[0], u + bias[1]
        assert a.activation == 0 and a.gated == 1 and not a.weigh_input, "the models of the repository use SwiGLU"
        assert a.up_bits == 0 and a.down_bits == 0, "their weights are f32"
        g, u = np.minimum(g, a.limit), np.clip(u, -a.limit, a.limit)
        view(a.h, end, width)[begin:, : a.intermediate] = g * sigmoid(a.alpha * g) * (u + a.beta)


def experts_down(a):
    width = -(-a.intermediate // 16) * 16
    for slot, begin, end in groups(a):
        y = view(a.h, end, width)[begin:, : a.intermediate].astype(np.float64) @ unpack(
            table(a.down, slot), a.hidden, a.intermediate).T
        if bias := table(a.down_bias, slot):
            y = y + view(bias, 1, a.hidden)
        view(a.y, end, a.hidden)[begin:] = y * view(a.pair_weight, 1, end)[0][begin:, None]


def attention(a, expected_cache):
    """One sequence from position 0, so that the keys are the rows themselves."""
    assert C.cast(a.kv, C.POINTER(KvView))[0].page_tokens == expected_cache, "the call got the cache of another layer"
    q = view(a.q, a.rows, a.heads * a.head_dim, a.q_stride).reshape(a.rows, a.heads, a.head_dim).astype(np.float64)
    k = view(a.k, a.rows, a.kv_heads * a.head_dim, a.k_stride).reshape(a.rows, a.kv_heads, a.head_dim)
    v = view(a.v, a.rows, a.kv_heads * a.value_dim, a.v_stride).reshape(a.rows, a.kv_heads, a.value_dim)
    k, v = (np.repeat(t.astype(np.float64), a.heads // a.kv_heads, axis=1) for t in (k, v))
    s = np.einsum("qhd,khd->hqk", q, k) * a.scale
    if a.softcap:
        s = a.softcap * np.tanh(s / a.softcap)
    distance = np.arange(a.rows)[:, None] - np.arange(a.rows)[None, :]
    s[:, (distance < 0) | ((distance >= a.window) if a.window else False)] = -np.inf
    sinks = view(a.sinks, 1, a.heads)[0].astype(np.float64) if a.sinks else np.full(a.heads, -np.inf)
    top = np.maximum(s.max(axis=2), sinks[:, None])
    e = np.exp(s - top[:, :, None])
    p = e / (e.sum(axis=2) + np.exp(sinks[:, None] - top))[:, :, None]
    view(a.y, a.rows, a.heads * a.value_dim, a.y_stride)[:] = np.einsum("hqk,khd->qhd", p, v).reshape(a.rows, -1)


def route(a):
    logits = view(a.logits, a.rows, a.experts, a.logits_stride).astype(np.float64)
    softmax = lambda x: np.exp(x - x.max(1, keepdims=True)) / np.exp(x - x.max(1, keepdims=True)).sum(1, keepdims=True)
    scores = sigmoid(logits) if a.score == 2 else softmax(logits)
    order = scores + view(a.select_bias, 1, a.experts) if a.select_bias else scores
    ids = np.argsort(-order, axis=1, kind="stable")[:, : a.k]
    weights = softmax(np.take_along_axis(logits, ids, 1)) if a.score == 1 else np.take_along_axis(scores, ids, 1)
    assert a.groups == 1 and not a.expert_scale, "the models of the repository have no groups of experts"
    if a.renormalize:
        weights = weights / (weights.sum(1, keepdims=True) + a.epsilon)
    view(a.ids, a.rows, a.k, kind=np.int32)[:] = ids
    view(a.weights, a.rows, a.k)[:] = weights * a.scale


def aligned(count, kind=np.float32):
    raw = np.full(count * 4 + 64, 0xFF, np.uint8)  # NaN where nothing writes
    offset = -raw.ctypes.data % 64
    return raw[offset : offset + count * 4].view(kind)


class Player:
    """One attention and one expert instance of an artifact."""

    def __init__(self, directory, gate_side, target):
        self.directory, self.keep = Path(directory), []
        self.manifest = json.loads((self.directory / "manifest.json").read_text())
        self.programs = self.manifest["programs"][gate_side]
        self.weights = {w["name"]: w for w in self.manifest["weights"]}
        self.files = {w["file"]: np.memmap(self.directory / w["file"], np.uint8, "r") for w in self.manifest["weights"]}
        self.code = {c["role"]: self.load(c) for c in self.manifest["code"] if c["target"] == target}
        kernels = Kernels(KERNEL_ABI, C.sizeof(Kernels), b"numpy")
        bodies = {"linear": (Linear, linear), "experts_up": (Experts, experts_up), "experts_down": (Experts, experts_down),
                  "kv_append": (Attention, lambda a: None), "attention": (Attention, lambda a: attention(a, self.cache)),
                  "route": (Route, route)}
        for name, (kind, body) in bodies.items():
            run = TASK(lambda args, begin, end, worker, kind=kind, body=body: body(C.cast(args, C.POINTER(kind))[0]))
            setattr(kernels, f"{name}_count", self.pointer(COUNT(lambda args: 1)))
            setattr(kernels, f"{name}_run", self.pointer(run))
        parallel = PARALLEL(lambda context, task, args, count, grain: self.parallel(task, args, count))
        fail = FAIL(lambda context, code, message: print(f"fragment failed: {message}"))
        self.keep.append(kernels)
        self.host = Host(PROGRAM_ABI, C.sizeof(Host), C.addressof(kernels), self.pointer(parallel), self.pointer(fail), None, None)

    def pointer(self, function):
        self.keep.append(function)
        return C.cast(function, P).value

    def parallel(self, task, args, count):
        function = TASK(task)
        middle = count // 2  # two tasks in the wrong order: rows do not depend on each other
        function(args, middle, count, 1)
        function(args, 0, middle, 0)

    def load(self, entry):
        library = C.CDLL(str(self.directory / entry["file"]))
        program = Program.in_dll(library, "janus_program")
        assert (program.magic, program.version, program.size) == (0x534E414A, PROGRAM_ABI, 48)
        rows = C.cast(program.fragments, C.POINTER(Fragment))
        self.keep.append(library)
        return {rows[i].name.decode(): rows[i] for i in range(program.fragment_count)}

    def weight(self, name):
        entry = self.weights[name]
        base = self.files[entry["file"]].ctypes.data
        if "experts" not in entry:
            return base + entry["offset"]
        slots = (P * len(entry["experts"]))(*[base + e["offset"] for e in entry["experts"]])
        self.keep.append(slots)
        return C.addressof(slots)

    def run(self, ids):
        """Logits of every row of one prompt."""
        rows = len(ids)
        self.sizes = {"rows": rows, "step_rows": rows, "pairs": 0, "wanted": rows}
        position = {"attention": 0, "expert": 0}
        self.values = {role: {} for role in position}
        inputs = {"ids": np.asarray(ids), "positions": np.arange(rows), "wanted": np.arange(rows)}
        for name, index in self.programs["attention"]["inputs"].items():
            self.buffer("attention", index)[:] = inputs[name].astype(np.int32)
        self.mail, self.work = {}, None
        steps = {role: self.programs[role]["steps"] for role in position}
        while any(position[role] < len(steps[role]) for role in steps):
            moved = False
            for role in steps:
                while position[role] < len(steps[role]) and self.play(role, steps[role][position[role]]):
                    position[role] += 1
                    moved = True
            assert moved, "the role programs wait for each other"
        logits = self.programs["attention"]["outputs"]["logits"]
        columns = self.programs["attention"]["values"][logits]["columns"]
        return self.buffer("attention", logits)[: rows * columns].reshape(rows, columns)

    def buffer(self, role, index):
        value = self.programs[role]["values"][index]
        rows = self.sizes[value["rows"]] if isinstance(value["rows"], str) else value["rows"]
        kind = np.int32 if value["type"] == "i32" else np.float32
        held = self.values[role].get(index)
        if held is None or held.size < rows * value["columns"]:
            held = self.values[role][index] = aligned(rows * value["columns"], kind)
        return held

    def play(self, role, step):
        op = step["op"]
        if op == "call":
            self.call(role, step)
        elif op == "dispatch":
            self.mail["dispatch"] = [self.buffer(role, v).copy() for v in step["values"]]
        elif op == "receive":
            if "dispatch" not in self.mail:
                return False
            for index, data in zip(step["values"], self.mail.pop("dispatch")):
                self.buffer(role, index)[:] = data
        elif op == "schedule":
            self.schedule(role, step)
        elif op == "return":
            self.mail["return"] = self.buffer(role, step["value"]).copy()
        elif op == "collect":
            if "return" not in self.mail:
                return False
            self.collect(role, step, self.mail.pop("return"))
        return True

    def schedule(self, role, step):
        ids, weights = self.buffer(role, step["ids"]), self.buffer(role, step["weights"])
        order = np.lexsort((np.arange(ids.size), ids))
        slots, begins = np.unique(ids[order], return_index=True)
        self.work = [slots.astype(np.int32), np.append(begins, ids.size).astype(np.int32),
                     (order // step["k"]).astype(np.int32), (order % step["k"]).astype(np.int32), weights[order].copy()]
        self.sizes["pairs"] = ids.size

    def collect(self, role, step, y):
        out = self.buffer(role, step["value"])
        pairs = self.sizes["pairs"]
        y = y.reshape(pairs, -1)
        k = out.size // (self.sizes["rows"] * y.shape[1])
        out.reshape(self.sizes["rows"], k, -1)[self.work[2], self.work[3]] = y

    def call(self, role, step):
        fragment = self.code[role][self.programs[role]["fragments"][step["fragment"]]["name"]]
        assert (fragment.operands, fragment.weights) == (len(step["operands"]), len(step["weights"]))
        symbols = (I64 * 4)(*[self.sizes[name] for name in ("rows", "step_rows", "pairs", "wanted")])
        operands = (P * len(step["operands"]))(*[self.buffer(role, v).ctypes.data for v in step["operands"]])
        weights = (P * max(1, len(step["weights"])))(*[self.weight(name) for name in step["weights"]])
        bytes_needed = C.CFUNCTYPE(I64, P)(fragment.workspace)(C.addressof(symbols))
        workspace = aligned(bytes_needed // 4 + 16)
        workspace[bytes_needed // 4 :] = 77.0  # nothing is written behind it
        count = len(self.manifest["model"]["kv_caches"])
        caches = (KvView * count)(*[KvView(0, 0, cache) for cache in range(count)])
        self.cache = step.get("cache", 0)
        work = Assignment()
        if self.work:
            work = Assignment(len(self.work[0]), len(self.work[2]), *[array.ctypes.data for array in self.work])
        call = Call(C.addressof(self.host), None, C.addressof(symbols), C.addressof(operands), C.addressof(weights),
                    workspace.ctypes.data, C.addressof(caches) + C.sizeof(KvView) * self.cache, C.addressof(work))
        C.CFUNCTYPE(None, P)(fragment.run)(C.addressof(call))
        assert (workspace[bytes_needed // 4 :] == 77.0).all(), "a fragment wrote behind its workspace"


def targets():
    flags = Path("/proc/cpuinfo").read_text()
    return ["x86-64-v3"] + (["x86-64-v4"] if "avx512vl" in flags and "avx512dq" in flags else [])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("compiler")
    parser.add_argument("models", nargs="+", type=Path)
    arguments = parser.parse_args()
    failed = passed = 0
    for model in arguments.models:
        golden = safetensors.load(model / "golden.safetensors")
        ids, expected = golden["prefill.input_ids"][0], golden["prefill.logits"][0].astype(np.float64)
        with tempfile.TemporaryDirectory() as scratch:
            subprocess.run([arguments.compiler, model / "model.onnx", "-o", f"{scratch}/model.janus", "--gate-side=auto"],
                           check=True)
            results = {}
            for side in ("expert", "attention"):
                for target in targets():
                    logits = Player(f"{scratch}/model.janus", side, target).run(ids)
                    error = np.abs(logits - expected).max() / np.abs(expected).max()
                    results[side, target] = logits.tobytes()
                    ok = error < TOLERANCE and results[side, target] == next(iter(results.values()))
                    passed, failed = passed + ok, failed + (not ok)
                    print(f"{'ok  ' if ok else 'FAIL'} {model.name} {side} {target}: {error:.2e} of the largest logit", flush=True)
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
