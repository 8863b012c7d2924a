#!/usr/bin/env python3
"""Layers that stay functions of a sequence's rows (moe.sequence), from IR to tokens.

A model of two layers, written as IR after recover, with weights from a seed: a causal convolution with state before the first
mixture of experts and another beside it, in its shared expert; a mean of all rows so far, which is given the rows themselves
(history), and behind it an attention in the second; and a function of each row by itself. The mean is multiplied by the number of
rows that the function is given, so that a prompt that is cut anywhere else gives other tokens. Checked:

  - greedy tokens and logits against NumPy, prompts of 1, 5 and 70 tokens;
  - the bytes of logits on (2,3), with other chunks, in a batch, in slots that were used before, with gate side attention,
    and when an attention or an expert instance fails: all as on (1,1);
  - options that cannot work are refused.

  sequences.py JANUS_COMPILE JANUS_RUN
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

C, VOCAB, CONTEXT, EXPERTS, INNER, HEADS = 16, 48, 96, 4, 12, 2
TOLERANCE = 2e-5  # of the largest logit

rng = np.random.default_rng(5)
weights: dict[str, np.ndarray] = {}


def weight(name: str, *shape: int, scale: float = 0.4, offset: float = 0.0) -> None:
    weights[name] = (offset + scale * rng.standard_normal(shape)).astype(np.float32)


weight("embed", VOCAB, C, scale=1.0)
for layer in ("l0", "l1"):
    weight(f"{layer}.norm1", C, scale=0.1, offset=1.0)
    weight(f"{layer}.norm2", C, scale=0.1, offset=1.0)
    weight(f"{layer}.out", C, C)
    weight(f"{layer}.router", EXPERTS, C)
    weight(f"{layer}.gate", EXPERTS, INNER, C)
    weight(f"{layer}.up", EXPERTS, INNER, C)
    weight(f"{layer}.down", EXPERTS, C, INNER)
weight("l0.conv", C, 1, 3)
weight("l0.shared.conv", C, 1, 3)
weight("l0.shared", C, C)
for name in ("q", "k", "v"):
    weight(f"l1.{name}", C if name == "q" else C // HEADS, C)
weight("norm", C, scale=0.1, offset=1.0)
weight("head", VOCAB, C)

ALIASES = f"""!x = tensor<?x{C}xf32, #onnx.dims<"S", {C}>>
!t = tensor<1x{C}x?xf32, #onnx.dims<1, {C}, "S">>
!s = tensor<?x1xf32, #onnx.dims<"S", 1>>
"""
FUNCTIONS = f"""
func.func private @conv(%x: !x, %w: tensor<{C}x1x3xf32>, %past: tensor<1x{C}x2xf32>) -> (!x, tensor<1x{C}x2xf32>) {{
  %axes = onnx.constant dense<0> : tensor<1xi64>
  %u = onnx.Unsqueeze(%x, %axes) : (!x, tensor<1xi64>) -> tensor<1x?x{C}xf32, #onnx.dims<1, "S", {C}>>
  %t = onnx.Transpose(%u) {{perm = array<i64: 0, 2, 1>}} : (tensor<1x?x{C}xf32, #onnx.dims<1, "S", {C}>>) -> !t
  %y:2 = onnx.CausalConvWithState(%t, %w, none, %past) : (!t, tensor<{C}x1x3xf32>, tensor<1x{C}x2xf32>) -> (!t, tensor<1x{C}x2xf32>)
  %z = onnx.Transpose(%y#0) {{perm = array<i64: 0, 2, 1>}} : (!t) -> tensor<1x?x{C}xf32, #onnx.dims<1, "S", {C}>>
  %r = onnx.Squeeze(%z, %axes) : (tensor<1x?x{C}xf32, #onnx.dims<1, "S", {C}>>, tensor<1xi64>) -> !x
  return %r, %y#1 : !x, tensor<1x{C}x2xf32>
}}
func.func private @mean(%x: !x, %p: tensor<?xi32, #onnx.dims<"S">>) -> !x {{
  %axis = onnx.constant dense<0> : tensor<i64>
  %sum = onnx.CumSum(%x, %axis) : (!x, tensor<i64>) -> !x
  %one = onnx.constant dense<1.0> : tensor<f32>
  %f = onnx.Cast(%p) {{to = 1 : i64}} : (tensor<?xi32, #onnx.dims<"S">>) -> tensor<?xf32, #onnx.dims<"S">>
  %n = onnx.Add(%f, %one) : (tensor<?xf32, #onnx.dims<"S">>, tensor<f32>) -> tensor<?xf32, #onnx.dims<"S">>
  %axes = onnx.constant dense<1> : tensor<1xi64>
  %c = onnx.Unsqueeze(%n, %axes) : (tensor<?xf32, #onnx.dims<"S">>, tensor<1xi64>) -> !s
  %mean = onnx.Div(%sum, %c) : (!x, !s) -> !x
  %all = onnx.constant dense<0> : tensor<1xi64>
  %rows = onnx.ReduceMax(%n, %all) {{keepdims = 0 : i64}} : (tensor<?xf32, #onnx.dims<"S">>, tensor<1xi64>) -> tensor<f32>
  %scale = onnx.constant dense<0.015625> : tensor<f32>
  %factor = onnx.Mul(%rows, %scale) : (tensor<f32>, tensor<f32>) -> tensor<f32>
  %y = onnx.Mul(%mean, %factor) : (!x, tensor<f32>) -> !x
  return %y : !x
}}
func.func private @soft(%x: !x) -> !x {{
  %y = onnx.Softsign(%x) : (!x) -> !x
  return %y : !x
}}
"""


class Writer:
    """@step in IR; values are named, all rows have C columns unless said."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.count = 0

    def add(self, text: str, results: int = 1) -> str:
        self.count += 1
        self.lines.append(f"  %{self.count}{f':{results}' if results > 1 else ''} = {text}")
        return f"%{self.count}"

    @staticmethod
    def rows(columns: int) -> str:
        return f"tensor<?x{columns}xf32>"

    @staticmethod
    def type(name: str) -> str:
        return f"tensor<{'x'.join(map(str, weights[name].shape))}xf32>"

    def get(self, name: str) -> str:
        return self.add(f"moe.get_weight @{name} : {self.type(name)}")

    def norm(self, x: str, name: str) -> str:
        return self.add(f"moe.norm rms {x}, {self.get(name)} {{epsilon = 1.0e-06 : f32}} : ({self.rows(C)}, {self.type(name)}) -> {self.rows(C)}")

    def linear(self, x: str, name: str, residual: str = "", router: bool = False) -> str:
        n = weights[name].shape[0]
        attributes = f" {{layer = {name[1]} : i64, router}}" if router else ""
        more, type_ = (f" residual {residual}", f", {self.rows(n)}") if residual else ("", "")
        return self.add(f"moe.linear {x}, {self.get(name)}{more}{attributes} : ({self.rows(C)}, {self.type(name)}{type_}) -> {self.rows(n)}")

    def sequence(self, function: str, operands: list[tuple[str, str]], attributes: str = "") -> str:
        values, types = ", ".join(v for v, _ in operands), ", ".join(t for _, t in operands)
        return self.add(f"moe.sequence @{function}({values}) {attributes} : ({types}) -> {self.rows(C)}")

    def conv(self, x: str, name: str, state: int) -> str:
        return self.sequence("conv", [(x, self.rows(C)), (self.get(name), self.type(name))], f"{{state = {state} : i64}}")

    def mixture(self, layer: int, x: str, h: str, shared: str = "") -> str:
        logits = self.linear(h, f"l{layer}.router", router=True)
        r, pair = self.rows(EXPERTS), "tensor<?x2xi32>, tensor<?x2xf32>"
        route = self.add(f"moe.route {logits} {{k = 2 : i64, layer = {layer} : i64, renormalize = true, score = #moe.score<softmax>}} : ({r}) -> ({pair})", 2)
        gate, up, down = (self.get(f"l{layer}.{n}") for n in ("gate", "up", "down"))
        activation = "#moe.activation<swiglu, alpha = 1.0 : f32, beta = 0.0 : f32, limit = 0x7F800000 : f32>"
        types = ", ".join(self.type(f"l{layer}.{n}") for n in ("gate", "up", "down"))
        y = self.add(f"moe.experts {h}, {route}#0, {route}#1 gate {gate} up {up} down {down} {{activation = {activation}, layer = {layer} : i64}}"
                     f" : ({self.rows(C)}, {pair}, {types}) -> tensor<?x2x{C}xf32>")
        return self.add(f"moe.combine {y}{f' shared {shared}' if shared else ''} residual {x}"
                        f" : (tensor<?x2x{C}xf32>{f', {self.rows(C)}' if shared else ''}, {self.rows(C)}) -> {self.rows(C)}")


def module() -> str:
    w = Writer()
    x = w.add(f"moe.embedding %ids, {w.get('embed')} : (tensor<?xi32>, {w.type('embed')}) -> {w.rows(C)}")
    x = w.linear(w.conv(w.norm(x, "l0.norm1"), "l0.conv", 0), "l0.out", residual=x)
    h = w.norm(x, "l0.norm2")
    shared = w.sequence("soft", [(w.linear(w.conv(h, "l0.shared.conv", 1), "l0.shared"), w.rows(C))])
    x = w.mixture(0, x, h, shared)
    m = w.sequence("mean", [(w.norm(x, "l1.norm2"), w.rows(C)), ("%positions", "tensor<?xi32>")], "{history = 0 : i64}")
    x = w.add(f"moe.add {m}, {x} : {w.rows(C)}")
    n = w.norm(x, "l1.norm1")
    q, k, v = (w.linear(n, f"l1.{name}") for name in ("q", "k", "v"))
    half = w.rows(C // HEADS)
    a = w.add(f"moe.attention {q}, {k}, {v}, %positions {{cache = 0 : i64, heads = {HEADS} : i64, kv_heads = 1 : i64, head_dim = {C // HEADS} : i64, "
              f"value_dim = {C // HEADS} : i64, scale = 0.35 : f32}} : ({w.rows(C)}, {half}, {half}, tensor<?xi32>) -> {w.rows(C)}")
    x = w.linear(a, "l1.out", residual=x)
    x = w.mixture(1, x, w.norm(x, "l1.norm2"))
    s = w.add(f"moe.select {w.norm(x, 'norm')}, %wanted : ({w.rows(C)}, tensor<?xi32>) -> {w.rows(C)}")
    z = w.linear(s, "head")
    stored = "".join(f'moe.weight @{name} : {w.type(name)} value dense<"0x{value.tobytes().hex().upper()}"> : {w.type(name)}\n'
                     for name, value in weights.items())
    facts = f"context = {CONTEXT} : i64, hidden = {C} : i64, layers = 2 : i64, vocab = {VOCAB} : i64"
    return (f"{ALIASES}module attributes {{moe.model = {{{facts}}}}} {{{FUNCTIONS}{stored}"
            f"func.func @step(%ids: tensor<?xi32>, %positions: tensor<?xi32>, %wanted: tensor<?xi32>) -> {w.rows(VOCAB)} {{\n"
            + "\n".join(w.lines) + f"\n  return {z} : {w.rows(VOCAB)}\n}}\n}}\n")


def reference(tokens: list[int], prompt: int) -> np.ndarray:
    """Logits of every position, in float64. Prompts are computed in pieces of 32 rows, the tokens behind one by one."""
    given = np.array([min(prompt, (i // 32 + 1) * 32) if i < prompt else i + 1 for i in range(len(tokens))])[:, None]
    w = {name: value.astype(np.float64) for name, value in weights.items()}
    norm = lambda x, name: x / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-6) * w[name]
    softmax = lambda x: np.exp(x - x.max(-1, keepdims=True)) / np.exp(x - x.max(-1, keepdims=True)).sum(-1, keepdims=True)

    def conv(x: np.ndarray, name: str) -> np.ndarray:
        padded = np.concatenate([np.zeros((2, C)), x])
        return sum(padded[i:i + len(x)] * w[name][:, 0, i] for i in range(3))

    def mixture(layer: int, h: np.ndarray) -> np.ndarray:
        out = np.zeros_like(h)
        for row, p in enumerate(softmax(h @ w[f"l{layer}.router"].T)):
            best = np.argsort(-p, kind="stable")[:2]
            for e in best:
                gate, up = w[f"l{layer}.gate"][e] @ h[row], w[f"l{layer}.up"][e] @ h[row]
                out[row] += p[e] / p[best].sum() * (w[f"l{layer}.down"][e] @ (gate / (1 + np.exp(-gate)) * up))
        return out

    x = w["embed"][tokens]
    x = x + conv(norm(x, "l0.norm1"), "l0.conv") @ w["l0.out"].T
    h = norm(x, "l0.norm2")
    shared = conv(h, "l0.shared.conv") @ w["l0.shared"].T
    x = mixture(0, h) + shared / (1 + abs(shared)) + x
    x = x + np.cumsum(norm(x, "l1.norm2"), axis=0) / np.arange(1, len(x) + 1)[:, None] * (given / 64)
    n = norm(x, "l1.norm1")
    q, k, v = n @ w["l1.q"].T, n @ w["l1.k"].T, n @ w["l1.v"].T
    mask = np.where(np.tri(len(x)) > 0, 0, -np.inf)
    a = np.concatenate([softmax(part @ k.T * 0.35 + mask) @ v for part in np.split(q, HEADS, axis=1)], axis=1)
    x = x + a @ w["l1.out"].T
    x = x + mixture(1, norm(x, "l1.norm2"))
    return norm(x, "norm") @ w["head"].T


class Report:
    passed = failed = 0

    def check(self, name: str, ok: bool, detail: str = "") -> None:
        self.passed, self.failed = self.passed + bool(ok), self.failed + (not ok)
        print(f"{'ok  ' if ok else 'FAIL'} {name}{': ' + detail if detail else ''}", flush=True)


def run(*command: object) -> subprocess.CompletedProcess:
    return subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=120)


def main() -> int:
    janus_compile, janus_run = sys.argv[1:3]
    report = Report()
    prompts = [[7], [3, 1, 4, 1, 5], [(11 * i + i * i) % VOCAB for i in range(70)]]
    new = 12
    with tempfile.TemporaryDirectory() as temporary:
        scratch = Path(temporary)
        source, artifact = scratch / "recover.mlir", scratch / "model.janus"
        source.write_text(module())
        made = run(janus_compile, source, "--from=recover", "-o", artifact, "--gate-side=auto", "--target-cpu=native")
        report.check("compiles", made.returncode == 0, made.stderr[-2000:])
        if made.returncode:
            return 1
        requests = scratch / "requests.jsonl"
        # Twice: later ones get slots that were used before.
        requests.write_text("".join(json.dumps({"prompt_ids": p, "max_new_tokens": new}) + "\n" for p in prompts * 2))

        def answers(name: str, *options: object) -> tuple[list[str], bytes] | None:
            out = run(janus_run, artifact, "--prompts", requests, "--print-ids", "--logits", scratch / "logits.npy", *options)
            report.check(f"{name} runs", out.returncode == 0, out.stderr[-800:] if out.returncode else "")
            files = sorted(scratch.glob("logits*.npy"))
            logits = [np.load(file) for file in files]
            for file in files:
                file.unlink()
            return (out.stdout.strip().splitlines(), logits)

        base_text, base = answers("(1,1)")
        for i, prompt in enumerate(prompts * 2):
            tokens = [int(t) for t in base_text[i].split(",")] if i < len(base_text) else []
            golden = reference(prompt + tokens, len(prompt))[len(prompt) - 1:-1] if tokens else np.zeros((1, VOCAB))
            error = abs(base[i] - golden).max() / abs(golden).max() if base[i].shape == golden.shape else np.inf
            report.check(f"prompt of {len(prompt)}, request {i}: logits", error <= TOLERANCE, f"{error:.1e}")
            report.check(f"prompt of {len(prompt)}, request {i}: tokens", tokens == golden.argmax(1).tolist())
        cases = {
            "(2,3)": ["--attention", 2, "--experts", 3],
            "one at a time": ["--max-batch", 1],
            "batch of 2, chunks of 5": ["--max-batch", 2, "--chunk", 5],
            "steps of 32 rows": ["--step-rows", 32],
            "steps of 41 rows": ["--step-rows", 41],
            "chunks of 50 rows": ["--chunk", 50],
            "gate side attention": ["--gate-side", "attention", "--attention", 2, "--experts", 2],
            "an expert instance fails": ["--attention", 2, "--experts", 3, "--slots", 4, "--fail", "expert:1@step=4,layer=0"],
            "in the middle of the step": ["--attention", 2, "--experts", 3, "--slots", 4, "--fail", "expert:1@step=4,layer=0,phase=result"],
            "an attention instance fails": ["--attention", 2, "--experts", 3, "--fail", "attention:1@step=9,layer=1"],
        }
        for name, options in cases.items():
            text, logits = answers(name, *options)
            equal = text == base_text and len(logits) == len(base) and all(a.tobytes() == b.tobytes() for a, b in zip(logits, base))
            report.check(f"{name}: same bytes", equal)
        small = run(janus_run, artifact, "--prompt-ids", "1", "--step-rows", 31)
        report.check("too few rows a step", small.returncode != 0 and "expected at least 32" in small.stderr, small.stderr[-300:])
    print(f"{report.passed} passed, {report.failed} failed")
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main())
