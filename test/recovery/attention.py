"""Attention in front of a mixture: what it computes in NumPy, and its nodes, with a KV cache in the interface or without."""

import dataclasses

import numpy as np

from graph import FLOAT, INT64, value_info

# name -> has a cache in its interface
KINDS = {"cached": True, "plain": False}
CONTEXT = 32


@dataclasses.dataclass
class Attention:
    kind: str
    heads: int
    kv_heads: int
    head: int
    q: np.ndarray  # [heads * head, H]
    k: np.ndarray
    v: np.ndarray
    o: np.ndarray  # [H, heads * head]
    rotary: bool = False

    @property
    def group(self):
        return self.heads // self.kv_heads


def make(g, kind: str, hidden: int) -> Attention:
    heads = g.choice(2, 4)
    kv_heads = g.choice(heads, heads // 2) if kind == "cached" else heads
    rotary, head = kind == "cached" and g.random.random() < 0.5, g.choice(16, 32)
    return Attention(kind, heads, kv_heads, head, g.weight(heads * head, hidden, scale=0.5), g.weight(kv_heads * head, hidden, scale=0.5),
                     g.weight(kv_heads * head, hidden), g.weight(hidden, heads * head), rotary)


def tables(attention: Attention):
    """cos and sin, [CONTEXT, head / 2]."""
    angles = np.outer(np.arange(CONTEXT), 100.0 ** -(np.arange(attention.head // 2) * 2 / attention.head))
    return np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32)


def turn(x, cos, sin):
    """Pairs (i, i + half) of x [T, heads, head] by the tables' rows."""
    a, b = np.split(x, 2, axis=-1)
    cos, sin = cos[: len(x), None].astype(np.float64), sin[: len(x), None].astype(np.float64)
    return np.concatenate([a * cos - b * sin, b * cos + a * sin], -1)


def attend(q, k, v, scale):
    """Causal, q [T, heads, head], k and v [T, kv_heads, head] -> [T, heads * head]."""
    group = q.shape[1] // k.shape[1]
    k, v = np.repeat(k, group, 1), np.repeat(v, group, 1)
    scores = np.einsum("qhd,khd->hqk", q, k) * scale
    scores = np.where(np.tri(len(q), dtype=bool), scores, -np.inf)
    scores = np.exp(scores - scores.max(-1, keepdims=True))
    return np.einsum("hqk,khd->qhd", scores / scores.sum(-1, keepdims=True), v).reshape(len(q), -1)


def apply(attention: Attention, x: np.ndarray) -> np.ndarray:
    """Rows x [T, H] of one sequence, in double."""
    a = attention
    project = lambda w, heads: (x @ w.T.astype(np.float64)).reshape(len(x), heads, a.head)
    q, k, v = project(a.q, a.heads), project(a.k, a.kv_heads), project(a.v, a.kv_heads)
    if a.rotary:
        q, k = turn(q, *tables(a)), turn(k, *tables(a))
    return attend(q, k, v, a.head**-0.5) @ a.o.T.astype(np.float64)


class Interface:
    """Inputs and outputs besides tokens and logits, and what all cached layers share."""

    def __init__(self, g):
        self.g, self.inputs, self.outputs, self.lengths, self.layers = g, [], [], None, 0

    def shared_lengths(self):
        g = self.g
        if self.lengths is None:
            self.inputs.append(value_info("attention_mask", INT64, ["batch", "total"]))
            last = g.op("Sub", g.op("ReduceSum", "attention_mask", g.constant([1]), keepdims=0), g.constant([1]))
            total = g.op("Gather", g.op("Shape", "attention_mask"), g.constant(1), axis=0)
            self.lengths = [g.op("Cast", v, to=6) for v in (last, total)]
        return self.lengths

    def cache(self, attention: Attention):
        names = [(f"past_key_values.{self.layers}.{part}", f"present.{self.layers}.{part}") for part in ("key", "value")]
        self.layers += 1
        for past, present in names:
            self.inputs.append(value_info(past, FLOAT, ["batch", attention.kv_heads, "past", attention.head]))
            self.outputs.append(value_info(present, FLOAT, ["batch", attention.kv_heads, "total", attention.head]))
        return [past for past, _ in names], [present for _, present in names]


def build(g, attention: Attention, interface: Interface, x: str) -> str:
    """x [B, S, H] -> [B, S, H]."""
    q, k, v = (g.linear(x, w) for w in (attention.q, attention.k, attention.v))
    y = (cached if attention.kind == "cached" else plain)(g, attention, interface, x, q, k, v)
    return g.linear(y, attention.o)


def cached(g, a, interface, x, q, k, v):
    past, present = interface.cache(a)
    rotary = [g.tensor(table) for table in tables(a)] if a.rotary else []
    result, *caches = g.op("GroupQueryAttention", q, k, v, *past, *interface.shared_lengths(), *rotary, outputs=3, domain="com.microsoft",
                 num_heads=a.heads, kv_num_heads=a.kv_heads, do_rotary=int(a.rotary))
    g.nodes[-1].output[1:] = present
    return result


def plain(g, a, interface, x, q, k, v):
    def split(t, perm):
        return g.op("Transpose", g.op("Reshape", t, g.constant([0, 0, a.heads, a.head])), perm=perm)
    scores = g.op("MatMul", split(q, [0, 2, 1, 3]), split(k, [0, 2, 3, 1]))
    scores = g.op("Mul", scores, g.scalar(a.head**-0.5))
    length = g.op("Shape", x, start=1, end=2)
    square = g.op("Concat", length, length, axis=0)
    if g.random.random() < 0.5:
        mask = g.op("Trilu", g.op("Expand", g.constant([[-3.0e38]], np.float32), square), g.constant(1), upper=1)
        scores = g.op("Add", scores, mask)
    else:
        places = g.op("Range", g.constant(0), g.op("Squeeze", length), g.constant(1))
        kept = g.op("LessOrEqual", g.op("Unsqueeze", places, g.constant([0])), g.op("Unsqueeze", places, g.constant([1])))
        scores = g.op("Where", kept, scores, g.scalar(-3.0e38))
    y = g.op("MatMul", g.op("Softmax", scores, axis=-1), split(v, [0, 2, 1, 3]))
    return g.op("Reshape", g.op("Transpose", y, perm=[0, 2, 1, 3]), g.constant([0, 0, a.heads * a.head]))
