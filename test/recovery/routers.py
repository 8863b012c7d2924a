"""Routers: what each computes in NumPy, and its nodes."""

import dataclasses

import numpy as np


@dataclasses.dataclass
class Router:
    name: str
    k: int
    weight: np.ndarray  # [E, H]
    bias: np.ndarray = None  # of the logits
    select_bias: np.ndarray = None
    expert_scale: np.ndarray = None
    groups: int = 1
    kept: int = 1
    group_score: str = "top2"
    fill: float = -np.inf
    renormalize: bool = False
    epsilon: float = 0.0
    scale: float = 1.0
    score: str = "softmax"
    jitter: float = 0.0


# name -> score, renormalize, has selection bias, grouped, has per-expert scales, k where it is fixed, norm that renormalises
KINDS = {
    "softmax": dict(score="softmax"),
    "softmax-renormalised": dict(score="softmax", renormalize=True),
    "topk-softmax": dict(score="softmax", renormalize=True),  # the same numbers, in the other order
    "sigmoid": dict(score="sigmoid"),
    "sigmoid-bias": dict(score="sigmoid", renormalize=True, select_bias=True, epsilon=1e-20, scale=2.5),
    "groups-top2": dict(score="sigmoid", renormalize=True, select_bias=True, grouped="top2", scale=1.5),
    "groups-max": dict(score="softmax", grouped="max", scale=4.0),
    "expert-scale": dict(score="softmax", renormalize=True, expert_scale=True),
    "topk-sigmoid": dict(score="sigmoid"),
    "softmax-l1": dict(score="softmax", renormalize=True),  # divided by the L1 norm
    "argmax-twice": dict(score="softmax", renormalize=True, k=2),  # the best, and the best of the rest
    "sparse-mixer": dict(score="sparse_mixer", k=2),
    "sqrt-softplus": dict(score="sqrt_softplus", renormalize=True, select_bias=True, scale=1.5),
}


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def make(g, kind: str, experts: int, k: int, hidden: int) -> Router:
    facts = KINDS[kind]
    k = facts.get("k", k)
    router = Router(kind, k, g.weight(experts, hidden, scale=1.0))
    router.score = facts["score"]
    router.renormalize, router.epsilon = facts.get("renormalize", False), facts.get("epsilon", 0.0)
    router.scale = facts.get("scale", 1.0)
    if g.random.random() < 0.4:
        router.bias = g.weight(experts, scale=0.3)
    if facts.get("select_bias"):
        router.select_bias = g.weight(experts, scale=0.2)
    if facts.get("expert_scale"):
        router.expert_scale = (0.5 + g.numbers.random(experts)).astype(np.float32)
    if router.score == "sparse_mixer":
        router.jitter = g.choice(0.01, 0.05, 0.2)
    if facts.get("grouped"):
        router.group_score = facts["grouped"]
        router.groups = g.choice(*[n for n in (2, 4) if experts % n == 0 and experts // n >= 2])
        router.kept = g.random.randint(1, router.groups - 1)
        if experts // router.groups * router.kept < k:
            router.kept = router.groups
        router.fill = g.choice(-np.inf, 0.0) if facts["score"] == "sigmoid" else -np.inf
    return router


def route(router: Router, x: np.ndarray):
    """ids and weights [T, k], and the smallest gap between a chosen score and one that was not."""
    logits = x @ router.weight.T.astype(np.float64)
    if router.bias is not None:
        logits = logits + router.bias
    if router.score == "sparse_mixer":
        return mix_sparsely(router, logits)
    scores = {"softmax": softmax, "sigmoid": lambda l: 1 / (1 + np.exp(-l)),
              "sqrt_softplus": lambda l: np.sqrt(np.log1p(np.exp(l)))}[router.score](logits)
    select = scores + (0 if router.select_bias is None else router.select_bias)
    gap = np.inf
    if router.groups > 1:
        members = np.sort(select.reshape(len(x), router.groups, -1))[:, :, ::-1]
        group = members[:, :, :2].sum(-1) if router.group_score == "top2" else members[:, :, 0]
        order = np.argsort(-group, kind="stable")
        ranked = np.take_along_axis(group, order, 1)
        if router.kept < router.groups:
            gap = min(gap, (ranked[:, router.kept - 1] - ranked[:, router.kept]).min())
        keep = np.zeros_like(group, bool)
        np.put_along_axis(keep, order[:, : router.kept], True, 1)
        select = np.where(np.repeat(keep, select.shape[1] // router.groups, 1), select, router.fill)
    order = np.argsort(-select, kind="stable")
    ids = order[:, : router.k]
    if router.k < select.shape[1]:
        ranked = np.take_along_axis(select, order, 1)
        with np.errstate(invalid="ignore"):
            gap = min(gap, np.nanmin(ranked[:, router.k - 1] - ranked[:, router.k]))
    weights = np.take_along_axis(scores, ids, 1)
    if router.expert_scale is not None:
        weights = weights * router.expert_scale[ids]
    if router.renormalize:
        weights = weights / (weights.sum(1, keepdims=True) + router.epsilon)
    return ids, weights * router.scale, gap


def mix_sparsely(router: Router, logits: np.ndarray):
    """Round by round the largest logit of those left, with its softmax over those near it."""
    left, rows, ids, weights, gap = logits.copy(), np.arange(len(logits)), [], [], np.inf
    for _ in range(router.k):
        best, top = left.argmax(1), left.max(1, keepdims=True)
        gap = min(gap, np.diff(np.sort(left)[:, -2:]).min())
        distance = (top - logits) / np.maximum(np.abs(logits), top)
        gap = min(gap, np.abs(distance - 2 * router.jitter)[np.isfinite(left)].min())
        kept = np.exp(np.where(distance > 2 * router.jitter, -np.inf, left) - top)
        ids.append(best)
        weights.append((kept / kept.sum(1, keepdims=True))[rows, best])
        left[rows, best] = -np.inf
    return np.stack(ids, 1), np.stack(weights, 1), gap


def scores_of(g, router: Router, logits: str) -> str:
    if router.score == "softmax":
        return g.op("Softmax", logits, axis=-1)
    if router.score == "sigmoid":
        return g.sigmoid(logits)
    return g.op("Sqrt", g.op("Softplus", logits))


def mask_groups(g, router: Router, select: str, experts: int) -> str:
    size = experts // router.groups
    grouped = g.reshape(select, -1, router.groups, size)
    if router.group_score == "top2":
        values, _ = g.op("TopK", grouped, g.constant([2]), outputs=2, axis=-1)
        group = g.op("ReduceSum", values, g.constant([-1]), keepdims=0)
    else:
        group = g.op("ReduceMax", grouped, g.constant([-1]), keepdims=0)
    _, kept = g.op("TopK", group, g.constant([router.kept]), outputs=2, axis=-1, sorted=g.choice(0, 1))
    if g.random.random() < 0.5:
        hot = g.op("OneHot", kept, g.constant(router.groups), g.constant([0, 1], np.float32), axis=-1)
        mask = g.op("ReduceMax", hot, g.constant([1]), keepdims=0)
    else:
        zeros = g.op("ConstantOfShape", g.op("Shape", group))
        mask = g.op("ScatterElements", zeros, kept, g.op("Expand", g.scalar(1), g.op("Shape", kept)), axis=1)
    mask = g.op("Expand", g.op("Unsqueeze", mask, g.constant([-1])), g.constant([1, router.groups, size]))
    mask = g.reshape(mask, -1, experts)
    if g.random.random() < 0.5:
        return g.op("Where", g.op("Greater", mask, g.scalar(0)), select, g.scalar(router.fill))
    return g.op("Where", g.op("Not", g.op("Cast", mask, to=9)), g.scalar(router.fill), select)


def project(g, router: Router, x: str) -> str:
    """logits [T, E] of rows x [T, H]."""
    return g.linear(x, router.weight, router.bias, matrix=True)


def largest(g, x: str):
    """The largest of each row and where it is, [T, 1] both."""
    if g.random.random() < 0.5:
        return g.op("TopK", x, g.constant([1]), outputs=2, axis=-1)
    at = g.op("ArgMax", x, axis=-1, keepdims=1)
    return g.op("ReduceMax", x, g.constant([-1]), keepdims=1), at


def without(g, x: str, ids: str, experts: int) -> str:
    """x [T, E] with -inf where ids [T, 1] point."""
    low = g.scalar(-np.inf)
    if g.random.random() < 0.5:
        return g.op("ScatterElements", x, ids, g.op("Expand", low, g.op("Shape", ids)), axis=g.choice(1, -1))
    hot = g.op("OneHot", g.op("Squeeze", ids, g.constant([1])), g.constant(experts), g.constant([0, 1], np.float32), axis=-1)
    return g.op("Where", g.op("Cast", hot, to=9), low, x)


def twice(g, router: Router, logits: str):
    """The best, and the best of the rest: a sparse mixer, or top-2 of a softmax."""
    experts, ids, weights = len(router.weight), [], []
    before = router.score == "softmax" and g.random.random() < 0.5
    logits = left = g.op("Softmax", logits, axis=-1) if before else logits
    for turn in range(2):
        top, best = largest(g, left)
        ids.append(best)
        if router.score == "sparse_mixer":
            distance = g.op("Div", g.op("Sub", top, logits), g.op("Max", g.op("Abs", logits), top))
            far = g.op("Greater", distance, g.scalar(2 * router.jitter))
            gates = g.op("Softmax", g.op("Where", far, g.scalar(-np.inf), left), axis=-1)
            weights.append(g.op("GatherElements", gates, best, axis=g.choice(1, -1)))
        else:
            weights.append(top)
        if turn == 0:
            left = without(g, left, best, experts)
    ids, weights = (g.op("Concat", *parts, axis=g.choice(1, -1)) for parts in (ids, weights))
    if router.score == "sparse_mixer":
        return ids, weights
    if not before:
        return ids, g.op("Softmax", weights, axis=-1)
    return ids, g.op("Div", weights, g.op("ReduceSum", weights, g.constant([-1]), keepdims=1))


def top(g, x: str, k: int, experts: int, **attributes):
    """The k largest of each row and where they are: by TopK, or the first of all in order."""
    how = g.random.random()
    if how < 0.7:
        return g.op("TopK", x, g.constant([k]), outputs=2, axis=-1, **attributes)
    if how < 0.85:
        parts = g.op("TopK", x, g.constant([experts]), outputs=2, axis=-1, sorted=1)
    else:
        values, ids = g.op("TopK", g.op("Neg", x), g.constant([experts]), outputs=2, axis=g.choice(1, -1), largest=0, sorted=1)
        parts = g.op("Neg", values), ids
    return [g.op("Slice", part, g.constant([0]), g.constant([k]), g.constant([g.choice(1, -1)])) for part in parts]


def build(g, router: Router, x: str):
    """ids, weights [T, k] of rows x [T, H]."""
    experts = len(router.weight)
    logits = project(g, router, x)
    if router.name == "topk-softmax":
        values, ids = top(g, logits, router.k, experts)
        return ids, g.op("Softmax", values, axis=g.choice(1, -1))
    if router.name == "topk-sigmoid":
        values, ids = top(g, logits, router.k, experts)
        return ids, g.sigmoid(values)
    if router.name in ("argmax-twice", "sparse-mixer"):
        return twice(g, router, logits)
    scores = scores_of(g, router, logits)
    select = scores
    if router.select_bias is not None:
        select = g.op("Add", scores, g.tensor(g.choice(router.select_bias, router.select_bias[None])))
    if router.groups > 1:
        select = mask_groups(g, router, select, experts)
    values, ids = top(g, select, router.k, experts, sorted=g.choice(0, 1))
    plain = select is scores
    weights = values if plain and g.random.random() < 0.5 else g.op("GatherElements", scores, ids, axis=g.choice(1, -1))
    if router.expert_scale is not None:
        weights = g.op("Mul", weights, g.op("Gather", g.tensor(router.expert_scale), ids))
    if router.renormalize:
        total = g.op("ReduceL1" if router.name == "softmax-l1" else "ReduceSum", weights, g.constant([-1]), keepdims=1)
        if router.epsilon:
            total = g.op("Add", total, g.scalar(router.epsilon))
        weights = g.op("Div", weights, total)
    if router.scale != 1:
        weights = g.op("Mul", weights, g.scalar(router.scale))
    return ids, weights
