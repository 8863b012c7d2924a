"""The mixture block as com.microsoft.MoE, with its own router or with the logs of weights that were chosen before it."""

import numpy as np

import experts as ex

# What the fused operator calls the activations that it has.
FUSED_ACTIVATIONS = {"silu": "silu", "gelu_tanh": "gelu", "relu": "relu", "swiglu": "swiglu", "swiglu-limit": "swiglu"}
FUSED_ROUTERS = ("softmax", "softmax-renormalised", "topk-softmax", "sparse-mixer")


def fused(g, options, x, logits, renormalize, experts, mixer=False):
    """P1: the operator itself."""
    kind, layout = experts.activation, experts.layout
    attributes = {"k": options.k, "normalize_routing_weights": int(renormalize), "activation_type": FUSED_ACTIVATIONS[kind]}
    if mixer:
        attributes["use_sparse_mixer"] = 1
    third, third_bias = None, None
    if kind.startswith("swiglu"):
        attributes["activation_alpha"] = experts.alpha
        attributes["activation_beta"] = experts.beta
        if np.isfinite(experts.limit):
            attributes["swiglu_limit"] = experts.limit
        if layout == "separate":
            third, third_bias = experts.up, experts.up_bias
        else:
            attributes["swiglu_fusion"] = {"interleaved": 1, "concatenated": 2}[layout]
    first, bias = ex.fused(experts)
    put = lambda values: "" if values is None else g.tensor(values)
    inputs = [x, logits] + [put(v) for v in (first, bias, experts.down, experts.down_bias, third, third_bias)]
    while not inputs[-1] and g.random.random() < 0.5:
        inputs.pop()
    return g.op("MoE", *inputs, domain="com.microsoft", **attributes)


def logs(g, options, x, ids, weights, experts):
    """P2: the operator with the logs of the chosen weights as its logits; it renormalises, which a factor behind it undoes."""
    low = g.choice(-3.4028234e38, -10000.0)
    shape = g.op("Concat", g.op("Shape", ids, start=0, end=1), g.constant([experts.count]), axis=0)
    base = g.op("Expand", g.scalar(low), shape)
    logits = g.op("ScatterElements", base, ids, g.op("Log", weights), axis=g.choice(1, -1))
    y = fused(g, options, x, logits, True, experts)
    return g.op("Mul", y, g.op("ReduceSum", weights, g.constant([-1]), keepdims=1))
