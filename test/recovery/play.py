"""Plays the step of a recovered model, as text, in NumPy: what the moe operators mean, written from dialects/moe/IR/MoEOps.td."""

import math
import re
import struct
from pathlib import Path

import numpy as np

import attention

NUMBER = r"[-+0-9.eEx A-Fa-f]+"


def number(text: str) -> float:
    text = text.split(":")[0].strip()
    return struct.unpack(">f", bytes.fromhex(text[2:]))[0] if text.startswith("0x") else float(text)


def attribute(text: str, name: str, otherwise):
    match = re.search(rf"\b{name} = ([^,}}>]+)", text)
    return number(match.group(1)) if match else otherwise


def read_view(folder: Path, text: str) -> np.ndarray:
    file, kind, offset, shape, strides = re.match(
        r'"([^"]*)", (\w+), offset = (\d+), shape = \[([^\]]*)\], strides = \[([^\]]*)\]', text).groups()
    kind = {"f32": np.float32, "f16": np.float16}[kind]
    shape, strides = ([int(n) for n in part.split(",")] for part in (shape, strides))
    raw = np.memmap(folder / file, np.uint8, "r")
    count = sum((size - 1) * stride for size, stride in zip(shape, strides)) + 1
    flat = raw[int(offset) : int(offset) + count * kind().itemsize].view(kind)
    return np.lib.stride_tricks.as_strided(flat, shape, [s * flat.itemsize for s in strides]).astype(np.float32)


def read_weight(folder: Path, line: str):
    name, shape, rest = re.match(r'\s*moe\.weight @("[^"]*"|[\w.$-]+) : tensor<([\dx]+)xf32>(.*)', line).groups()
    shape = [int(n) for n in shape.split("x")]
    views = re.findall(r"#moe\.view<([^>]*)>", rest)
    if views:
        return name, np.concatenate([read_view(folder, view) for view in views])
    values = re.search(r"dense<(.*)> : tensor", rest).group(1)
    if values.startswith('"0x'):
        return name, np.frombuffer(bytes.fromhex(values[3:-1]), np.float32).reshape(shape)
    flat = [number(v) for v in re.findall(NUMBER, values)]
    return name, np.broadcast_to(np.float32(flat[0]), shape) if len(flat) == 1 else np.float32(flat).reshape(shape)


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def mix_sparsely(logits, jitter, k):
    ids, weights, left = [], [], logits.astype(np.float64)
    for _ in range(k):
        top = left.max(1, keepdims=True)
        near = (top - logits) / np.maximum(np.abs(logits), top) <= 2 * jitter
        shares = softmax(np.where(near, left, -np.inf))
        ids.append(left.argmax(1)[:, None])
        weights.append(np.take_along_axis(shares, ids[-1], 1))
        np.put_along_axis(left, ids[-1], -np.inf, 1)
    return np.concatenate(ids, 1), np.concatenate(weights, 1)


def attend(q, k, v, text: str):
    heads, kv_heads = int(attribute(text, "heads", 1)), int(attribute(text, "kv_heads", 1))
    split = lambda x, n: x.reshape(len(x), n, -1)
    return attention.attend(split(q, heads), split(k, kv_heads), split(v, kv_heads), attribute(text, "scale", 1.0))


def rotate(x, positions, cos, sin, text: str):
    if "interleaved = true" in text or attribute(text, "offset", 0):
        raise ValueError("cannot play this moe.rotary")
    heads = x.reshape(len(x), -1, int(attribute(text, "head_dim", 0)))
    dim = int(attribute(text, "rotary_dim", 0))
    turned = attention.turn(heads[:, :, :dim], cos[positions], sin[positions])
    return np.concatenate([turned, heads[:, :, dim:]], -1).reshape(x.shape)


def route(logits, bias, expert_scale, text: str):
    kind = re.search(r"#moe\.score<(\w+)>", text).group(1)
    if kind == "sparse_mixer":
        return mix_sparsely(logits, attribute(text, "jitter", 0.0), int(attribute(text, "k", 1)))
    scores = {"softmax": softmax, "sigmoid": lambda l: 1 / (1 + np.exp(-l)),
              "sqrt_softplus": lambda l: np.sqrt(np.logaddexp(l, 0))}[kind](logits)
    select = scores if bias is None else scores + bias
    if groups := re.search(r"#moe\.groups<count = (\d+), kept = (\d+), score = (\w+), fill = ([^>]*)>", text):
        count, kept = int(groups[1]), int(groups[2])
        parts = select.reshape(len(select), count, -1)
        order = -np.sort(-parts, axis=2)
        value = order[:, :, 0] + (order[:, :, 1] if groups[3] == "top2_sum" else 0)
        rank = np.argsort(np.argsort(-value, axis=1, kind="stable"), axis=1, kind="stable")
        select = np.where((rank < kept)[:, :, None], parts, number(groups[4])).reshape(select.shape)
    ids = np.argsort(-select, axis=1, kind="stable")[:, : int(attribute(text, "k", 1))]
    weights = np.take_along_axis(scores, ids, 1)
    if expert_scale is not None:
        weights = weights * expert_scale[ids]
    if "renormalize = true" in text:
        weights = weights / (weights.sum(1, keepdims=True) + attribute(text, "epsilon", 0.0))
    return ids, weights * attribute(text, "scale", 1.0)


def activation(text: str, g, u):
    kind = re.search(r"#moe\.activation<(\w+)", text).group(1)
    if kind == "swiglu":
        alpha, beta, limit = (attribute(text, name, None) for name in ("alpha", "beta", "limit"))
        g = np.minimum(g, limit)
        return g / (1 + np.exp(-alpha * g)) * (np.clip(u, -limit, limit) + beta)
    h = {"silu": lambda: g / (1 + np.exp(-g)), "relu": lambda: np.maximum(g, 0), "relu2": lambda: np.maximum(g, 0) ** 2,
         "identity": lambda: g, "gelu": lambda: 0.5 * g * (1 + np.vectorize(math.erf)(g / math.sqrt(2))),
         "gelu_tanh": lambda: 0.5 * g * (1 + np.tanh(math.sqrt(2 / math.pi) * (g + 0.044715 * g**3)))}[kind]()
    return h if u is None else h * u


def experts(x, ids, weights, parts, text: str):
    weigh_input = "weigh_input" in text
    y = np.zeros((*ids.shape, x.shape[1]))
    for row, rank in np.ndindex(*ids.shape):
        e, v = ids[row, rank], x[row] * (weights[row, rank] if weigh_input else 1)
        at = lambda name: parts[name][e].astype(np.float64) if name in parts else None
        add = lambda value, bias: value if bias is None else value + bias
        g = add(at("gate") @ v, at("gate_bias"))
        u = add(at("up") @ v, at("up_bias")) if "up" in parts else None
        y[row, rank] = add(at("down") @ activation(text, g, u), at("down_bias")) * (1 if weigh_input else weights[row, rank])
    return y


def play(text: str, folder: Path, tokens: np.ndarray):
    """Logits of every row, and the lines of the moe.route and moe.experts operators."""
    weights = dict(read_weight(folder, line) for line in text.splitlines() if line.lstrip().startswith("moe.weight @"))
    values, found = {}, []
    body = text[text.index("func.func @step") :]
    names = re.findall(r"%(\w+): tensor", body.splitlines()[0])
    for i, argument in enumerate((tokens, np.arange(len(tokens)), np.arange(len(tokens)))):
        values[f"%{names[i]}"] = argument
    for line in body.splitlines()[1:]:
        line = line.strip()
        if line.startswith("return"):
            return values[line.split()[1]], found
        results, rest = line.split(" = ", 1)
        kind, rest = rest.split(" ", 1)
        head = rest.split(" {")[0].split(" : ")[0]
        tail = rest[len(head) :]
        args = {"": []}
        word = ""
        for token in re.findall(r"[%\w.]+|@\S+", head):
            if token.startswith("%"):
                args.setdefault(word, []).append(values[token])
            else:
                word = token
        operands = [v for group in args.values() for v in group]
        one = lambda name: args[name][0] if name in args else None
        if kind == "moe.get_weight":
            out = [weights[rest.split(" : ")[0].strip()[1:]].astype(np.float64)]
        elif kind == "moe.embedding":
            out = [operands[1][operands[0]]]
        elif kind == "moe.linear":
            x, w = args[""][:2]
            out = [x @ w.T + (0 if one("bias") is None else one("bias")) + (0 if one("residual") is None else one("residual"))]
        elif kind == "moe.norm":
            word = line.split("moe.norm ")[1].split()[0]
            x, scale = args[word]
            x = x - x.mean(1, keepdims=True) if word == "layer" else x
            x = x / np.sqrt((x**2).mean(1, keepdims=True) + attribute(tail, "epsilon", 0.0)) * scale
            out = [x if one("bias") is None else x + one("bias")]
        elif kind == "moe.add":
            out = [operands[0] + operands[1]]
        elif kind == "moe.select":
            out = [operands[0][operands[1]]]
        elif kind == "moe.columns":
            begin = int(attribute(tail, "offset", 0))
            width = int(re.search(r"-> tensor<\?x(\d+)xf32>", tail).group(1))
            out = [operands[0][:, begin : begin + width]]
        elif kind == "moe.route":
            found.append(line)
            out = list(route(args[""][0], one("bias"), one("expert_scale"), tail))
        elif kind == "moe.experts":
            found.append(line)
            parts = {name: group[0] for name, group in args.items() if name}
            out = [experts(*args[""][:3], parts, tail)]
        elif kind == "moe.combine":
            y = args[""][0].sum(1)
            out = [y + sum(group[0] for name, group in args.items() if name)]
        elif kind == "moe.gate":
            out = [args[""][0] / (1 + np.exp(-one("by")))]
        elif kind == "moe.rotary":
            out = [rotate(*operands[:4], tail)]
        elif kind == "moe.attention":
            if any(word in tail for word in ("window", "softcap", "chunk")) or one("sinks") is not None:
                raise ValueError("cannot play this moe.attention")
            out = [attend(*operands[:3], tail)]
        elif kind == "moe.activate":
            out = [activation(tail, args[""][0], one("up"))]
        else:
            raise ValueError(f"cannot play {kind}")
        for name, value in zip(results.split(", "), out):
            values[name] = value
    raise ValueError("the step does not return")
