"""Experts: their weights, what they compute in NumPy, and their nodes in every layout."""

import dataclasses
import math

import numpy as np

# name -> gated
ACTIVATIONS = {"silu": False, "gelu": False, "gelu_tanh": False, "relu2": False, "relu": False, "swiglu": True,
               "swiglu-limit": True, "geglu": True, "geglu_tanh": True, "reglu2": True}


@dataclasses.dataclass
class Experts:
    activation: str
    gate: np.ndarray  # [E, I, H]
    up: np.ndarray    # [E, I, H] or None
    down: np.ndarray  # [E, H, I]
    gate_bias: np.ndarray = None
    up_bias: np.ndarray = None
    down_bias: np.ndarray = None
    alpha: float = 1.0
    beta: float = 0.0
    limit: float = math.inf
    layout: str = "separate"  # of gate and up: separate, concatenated, interleaved

    @property
    def count(self):
        return len(self.gate)

    @property
    def width(self):
        return self.gate.shape[1]


def make(g, activation: str, count: int, width: int, hidden: int, biases: bool, layout: str = None) -> Experts:
    gated = ACTIVATIONS[activation]
    up = g.weight(count, width, hidden) if gated else None
    experts = Experts(activation, g.weight(count, width, hidden), up, g.weight(count, hidden, width))
    if biases:
        experts.gate_bias, experts.down_bias = g.weight(count, width, scale=0.3), g.weight(count, hidden, scale=0.3)
        experts.up_bias = g.weight(count, width, scale=0.3) if gated else None
    if activation == "swiglu-limit":
        experts.alpha, experts.beta, experts.limit = 1.702, 1.0, 1.5
    experts.layout = layout or (g.choice("separate", "concatenated", "interleaved") if gated else "separate")
    return experts


def erf(x):
    return np.vectorize(math.erf)(x)


def hidden_values(experts: Experts, g, u):
    kind = experts.activation
    if kind.startswith("swiglu"):
        g = np.minimum(g, experts.limit)
        return g / (1 + np.exp(-experts.alpha * g)) * (np.clip(u, -experts.limit, experts.limit) + experts.beta)
    act = {"silu": lambda: g / (1 + np.exp(-g)), "gelu": lambda: 0.5 * g * (1 + erf(g / math.sqrt(2))),
           "gelu_tanh": lambda: 0.5 * g * (1 + np.tanh(math.sqrt(2 / math.pi) * (g + 0.044715 * g**3))),
           "relu2": lambda: np.maximum(g, 0)**2, "relu": lambda: np.maximum(g, 0)}
    name = {"geglu": "gelu", "geglu_tanh": "gelu_tanh", "reglu2": "relu2"}.get(kind, kind)
    return act[name]() * (1 if u is None else u)


def apply(experts: Experts, x: np.ndarray, e: int) -> np.ndarray:
    """Expert e of rows x, in double."""
    add = lambda y, bias: y if bias is None else y + bias[e]
    g = add(x @ experts.gate[e].T.astype(np.float64), experts.gate_bias)
    u = None if experts.up is None else add(x @ experts.up[e].T.astype(np.float64), experts.up_bias)
    return add(hidden_values(experts, g, u) @ experts.down[e].T.astype(np.float64), experts.down_bias)


def fused(experts: Experts):
    """The first projection as one matrix [E, N, H] and its bias [E, N], as the layout has it; gate alone when separate."""
    pairs = [(experts.gate, experts.up), (experts.gate_bias, experts.up_bias)]
    if experts.layout == "separate":
        return pairs[0][0], pairs[1][0]
    join = (lambda a, b: np.concatenate([a, b], 1)) if experts.layout == "concatenated" else (
        lambda a, b: np.stack([a, b], 2).reshape(a.shape[0], -1, *a.shape[2:]))
    return tuple(None if a is None else join(a, b) for a, b in pairs)


def cut(g, experts: Experts, z: str, rank: int):
    """Gate and up out of the fused projection's last dimension."""
    width, last = experts.width, rank - 1
    if experts.layout == "concatenated":
        def by_split():
            return g.op("Split", z, g.constant([width, width]), outputs=2, axis=g.choice(last, -1))

        def by_slice():
            ends = [(0, width), (width, g.choice(2 * width, 2**31 - 1))]
            return [g.op("Slice", z, g.constant([a]), g.constant([b]), g.constant([last]), g.constant([1])) for a, b in ends]
        return g.choice(by_split, by_slice)()
    return [g.op("Slice", z, g.constant([a]), g.constant([2**31 - 1]), g.constant([last]), g.constant([2])) for a in (0, 1)]


def activate(g, experts: Experts, gate: str, up: str) -> str:
    kind = experts.activation
    mul = lambda a, b: g.op("Mul", a, b)
    if kind == "swiglu-limit":
        gate = g.choice(lambda: g.op("Clip", gate, "", g.constant(experts.limit, np.float32)),
                        lambda: g.op("Min", gate, g.constant(experts.limit, np.float32)))()
        up = g.op("Clip", up, g.constant(-experts.limit, np.float32), g.constant(experts.limit, np.float32))
        glu = mul(gate, g.sigmoid(mul(gate, g.scalar(experts.alpha))))
        return mul(g.op("Add", up, g.scalar(experts.beta)), glu)
    name = {"swiglu": "silu", "geglu": "gelu", "geglu_tanh": "gelu_tanh", "reglu2": "relu2"}.get(kind, kind)
    if name == "silu":
        h = g.silu(gate)
    elif name == "gelu":
        def by_erf():
            inner = g.choice(lambda: g.op("Div", gate, g.scalar(math.sqrt(2))), lambda: mul(gate, g.scalar(math.sqrt(0.5))))()
            outer = g.op("Add", g.op("Erf", inner), g.scalar(1))
            return g.choice(lambda: mul(mul(gate, outer), g.scalar(0.5)), lambda: mul(mul(gate, g.scalar(0.5)), outer))()
        h = g.choice(by_erf, lambda: g.op("Gelu", gate))()
    elif name == "gelu_tanh":
        def by_tanh():
            cube = g.choice(lambda: g.op("Pow", gate, g.scalar(3)), lambda: mul(gate, mul(gate, gate)))()
            inner = mul(g.scalar(math.sqrt(2 / math.pi)), g.op("Add", gate, mul(cube, g.scalar(0.044715))))
            return mul(mul(gate, g.scalar(0.5)), g.op("Add", g.op("Tanh", inner), g.scalar(1)))
        h = g.choice(by_tanh, lambda: g.op("Gelu", gate, approximate="tanh"))()
    elif name == "relu2":
        relu = g.choice(lambda: g.op("Relu", gate), lambda: g.op("Max", gate, g.scalar(0)))()
        h = g.choice(lambda: mul(relu, relu), lambda: g.op("Pow", relu, g.scalar(2)))()
    else:
        h = g.op("Relu", gate)
    return h if up is None else mul(h, up)


def one(g, experts: Experts, x: str, e: int, rank: int = 2) -> str:
    """Expert e of x [..., H], with weights of its own or out of stacks."""
    stacked = getattr(experts, "stacks", None)
    def linear(x, weight, bias):
        if stacked is None:
            return g.linear(x, weight[e], None if bias is None else bias[e], matrix=rank == 2)
        if id(weight) not in stacked:
            transposed = g.random.random() < 0.5
            stacked[id(weight)] = (transposed, weight, g.tensor(weight.transpose(0, 2, 1) if transposed else weight))
        transposed, _, name = stacked[id(weight)]
        w = g.op("Gather", name, g.constant(e), axis=0)
        y = g.op("MatMul", x, w if transposed else g.op("Transpose", w, perm=[1, 0]))
        if bias is None:
            return y
        if id(bias) not in stacked:
            stacked[id(bias)] = (None, bias, g.tensor(bias))
        return g.op("Add", y, g.op("Gather", stacked[id(bias)][2], g.constant(e), axis=0))
    if experts.layout == "separate" or experts.up is None:
        gate = linear(x, experts.gate, experts.gate_bias)
        up = None if experts.up is None else linear(x, experts.up, experts.up_bias)
    else:
        gate, up = cut(g, experts, linear(x, *experts.__dict__.setdefault("first", fused(experts))), rank)
    return linear(activate(g, experts, gate, up), experts.down, experts.down_bias)
