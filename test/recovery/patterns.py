"""The mixture block in every pattern: rows x [T, H], ids and weights [T, k] -> [T, H]."""

import numpy as np

import experts as ex
from fused import FUSED_ACTIVATIONS, FUSED_ROUTERS, fused, logs


def weigh_in(g, options, y, weight):
    """The weight of a pair times its expert's result."""
    return g.op("Mul", y, weight)


def chain(g, options, terms, like):
    """The sum of the experts, in an order and nesting of its own."""
    terms = list(terms)
    g.random.shuffle(terms)
    if g.random.random() < 0.2:
        return g.op("Sum", *terms)
    if g.random.random() < 0.3:  # a tree
        while len(terms) > 1:
            terms = [g.op("Add", *terms[i : i + 2]) if i + 1 < len(terms) else terms[i] for i in range(0, len(terms), 2)]
        return terms[0]
    total = g.op("ConstantOfShape", g.op("Shape", like)) if g.random.random() < 0.5 else None
    for term in terms:
        total = term if total is None else g.op("Add", total, term)
    return total


def numbers(g, count):
    order = list(range(count))
    g.random.shuffle(order)
    return order


def weight_of(g, ids, weights, e):
    """[T, 1]: the weight of expert e for each row, by a mask."""
    hot = g.op("Equal", ids, g.constant(e))
    if g.random.random() < 0.5:
        hot = g.op("Mul", g.op("Cast", hot, to=1), weights)
    else:
        hot = g.op("Where", hot, weights, g.scalar(0))
    return g.op("ReduceSum", hot, g.constant([-1]), keepdims=1)


def masked(g, options, x, ids, weights, experts):
    """P3: every expert for every row, times its weight for that row."""
    terms = []
    for e in numbers(g, experts.count):
        row = weight_of(g, ids, weights, e)
        if options.weigh_input:
            terms.append(ex.one(g, experts, g.op("Mul", x, row), e))
        else:
            terms.append(g.op("Mul", ex.one(g, experts, x, e), row))
    return chain(g, options, terms, x)


def where(g, options, x, ids, weights, experts):
    """Masked sums: Where(any rank chose e, result, 0) times the weight."""
    terms = []
    for e in numbers(g, experts.count):
        row = weight_of(g, ids, weights, e)
        mask = g.op("ReduceMax", g.op("Cast", g.op("Equal", ids, g.constant(e)), to=1), g.constant([-1]), keepdims=1)
        y = g.op("Where", g.op("Cast", mask, to=9), ex.one(g, experts, x, e), g.scalar(0))
        terms.append(g.op("Mul", y, row))
    return chain(g, options, terms, x)


def listed(g, options, x, ids, weights, experts):
    """P4: the rows of each expert by NonZero, scattered back."""
    k, count, hidden = options.k, experts.count, x_width(experts)
    hot = None
    if g.random.random() < 0.5:
        classes = g.choice(count, count, count + 1)  # of which the last is nobody's
        hot = g.op("OneHot", ids, g.constant(classes), g.constant([0, 1]), axis=-1)
        if classes > count and g.random.random() < 0.5:
            hot = g.op("Slice", hot, g.constant([0]), g.constant([count]), g.constant([2]))
        hot = g.op("Transpose", hot, perm=[2, 1, 0])
    zeros = g.op("ConstantOfShape", g.op("Shape", x))
    total, by_elements = None, g.random.random() < 0.5
    for e in numbers(g, count):
        if hot:  # [k, T]
            mask, row, rank = g.op("Cast", g.op("Gather", hot, g.constant(e), axis=0), to=9), 1, 0
        else:  # [T, k]
            mask, row, rank = g.op("Equal", ids, g.constant(e)), 0, 1
        places = g.op("Transpose", g.op("NonZero", mask), perm=[1, 0])
        first, second = g.op("Split", places, g.constant([1, 1]), outputs=2, axis=1)
        columns = [g.op("Squeeze", c, g.constant([1])) for c in (first, second)]
        rows, ranks = columns[row], columns[rank]
        if g.random.random() < 0.5:
            chosen = g.op("Gather", x, rows, axis=0)
            at = g.op("Add", ranks, g.op("Mul", rows, g.constant(k)))
            weight = g.op("Gather", g.reshape(weights, -1), at, axis=0)
            weight = g.op("Unsqueeze", weight, g.constant([1]))
        else:
            index = g.op("Unsqueeze", rows, g.constant([-1]))
            chosen = g.op("GatherND", x, index)
            index = g.op("Concat", index, g.op("Unsqueeze", ranks, g.constant([-1])), axis=-1)
            weight = g.op("GatherND", g.op("Unsqueeze", weights, g.constant([2])), index)
        if options.weigh_input:
            y = ex.one(g, experts, g.op("Mul", chosen, weight), e)
        else:
            y = g.op("Mul", ex.one(g, experts, chosen, e), weight)
        if by_elements:
            index = g.op("Expand", g.op("Unsqueeze", rows, g.constant([1])), g.op("Shape", y))
            part = g.op("ScatterElements", zeros, index, y, axis=0)
            total = part if total is None else g.op("Add", total, part)
        else:
            index = g.op("Unsqueeze", rows, g.constant([-1]))
            total = g.op("ScatterND", total or zeros, index, y, reduction="add")
    return total


def pairs_of(g, x, k):
    """Each row k times, [T * k, H]."""
    return g.op(g.choice("Expand", "Tile"), g.op("Unsqueeze", x, g.constant([1])), g.constant([1, k, 1]))


def assigned(g, options, x, ids, weights, experts):
    """y[ids == e] = expert e of those pairs, then the weights."""
    k, hidden = options.k, x_width(experts)
    rows, flat = g.reshape(pairs_of(g, x, k), -1, hidden), g.reshape(ids, -1)
    total, by_elements = g.op("ConstantOfShape", g.op("Shape", rows)), g.random.random() < 0.5
    for e in numbers(g, experts.count):
        hot = g.op("Equal", flat, g.constant(e))
        places = g.op("Transpose", g.op("NonZero", hot), perm=[1, 0])
        if g.random.random() < 0.5:
            chosen = g.op("GatherND", rows, places)
        else:
            chosen = g.op("Gather", rows, g.op("Squeeze", places, g.constant([1])), axis=0)
        y = ex.one(g, experts, chosen, e)
        total = put_elements(g, total, hot, y) if by_elements else g.op("ScatterND", total, places, y)
    y = g.op("Mul", g.reshape(total, -1, k, hidden), g.op("Unsqueeze", weights, g.constant([-1])))
    return g.op("ReduceSum", y, g.constant([1]), keepdims=0)


def put_elements(g, total, hot, y):
    """total with the rows y where hot is: element by element, as exporters write total[hot] = y."""
    mask = g.op("Expand", g.op("Unsqueeze", hot, g.constant([1])), g.op("Shape", total))
    places = g.op("Transpose", g.op("NonZero", mask), perm=[1, 0])
    values = g.reshape(y, -1)
    if g.random.random() < 0.5:  # no more of them than places
        length = g.op("Gather", g.op("Shape", places), g.constant(0), axis=0)
        values = g.op("Slice", values, g.constant([0]), g.op("Unsqueeze", length, g.constant([0])), g.constant([0]))
    return g.op("ScatterND", total, places, values)


def column(g, pairs, rank):
    """[T] of [T, k]."""
    if g.random.random() < 0.5:
        return g.op("Gather", pairs, g.constant(rank), axis=1)
    return g.op("Squeeze", g.op("Slice", pairs, g.constant([rank]), g.constant([rank + 1]), g.constant([1])), g.constant([1]))


def ranked(g, options, x, ids, weights, experts):
    """Rank by rank: ids[:, r] == e."""
    parts, zeros = [], g.op("ConstantOfShape", g.op("Shape", x))
    kind = g.choice("masks", "where", "rows", "assigned")
    if getattr(experts, "stacks", None) is None:
        experts.stacks = {}  # the weights of an expert are stored once, whatever the rank
    for rank in numbers(g, options.k):
        chosen, weight = column(g, ids, rank), g.op("Unsqueeze", column(g, weights, rank), g.constant([1]))
        y = zeros
        for e in numbers(g, experts.count):
            hot = g.op("Equal", chosen, g.constant(e))
            places = g.op("Transpose", g.op("NonZero", hot), perm=[1, 0]) if kind in ("rows", "assigned") else None
            if kind == "masks":
                mask = g.op("Unsqueeze", g.op("Cast", hot, to=1), g.constant([1]))
                parts.append(g.op("Mul", ex.one(g, experts, x, e), g.op("Mul", mask, weight)))
            elif kind == "where":
                y = g.op("Where", g.op("Unsqueeze", hot, g.constant([1])), ex.one(g, experts, x, e), y)
            elif kind == "rows":
                part = g.op("Mul", ex.one(g, experts, g.op("GatherND", x, places), e), g.op("GatherND", weight, places))
                zeros = g.op("ScatterND", zeros, places, part, reduction="add")
            else:
                y = put_elements(g, y, hot, ex.one(g, experts, g.op("GatherND", x, places), e))
        if kind in ("where", "assigned"):
            parts.append(g.op("Mul", y, weight))
    return zeros if kind == "rows" else chain(g, options, parts, x)


def placed(g, options, x, ids, weights, experts):
    """Pairs sorted by expert, each expert's found by comparing the sorted ids."""
    k, hidden, flat = options.k, x_width(experts), g.reshape(ids, -1)
    size = g.op("Shape", flat)
    sorted_ids, order = g.op("TopK", flat, size, outputs=2, axis=-1, largest=0, sorted=1)
    rows = g.op("Div", order, g.constant(k))
    if g.random.random() < 0.3:  # a division of floats that rounds to 0
        quotient = g.op("Div", g.op("Cast", order, to=1), g.scalar(k))
        rows = g.op("Cast", g.op("Mul", g.op("Floor", g.op("Abs", quotient)), g.op("Sign", quotient)), to=7)
    chosen, weight = g.op("Gather", x, rows, axis=0), g.op("Gather", g.reshape(weights, -1), order, axis=0)
    weight = g.op("Unsqueeze", weight, g.constant([1]))
    kind, zeros = g.choice("masks", "put", "elements", "rows"), g.op("ConstantOfShape", g.op("Shape", chosen))
    if kind == "rows":
        zeros = g.op("ConstantOfShape", g.op("Shape", x))
    parts = []
    for e in numbers(g, experts.count):
        hot = g.op("Equal", sorted_ids, g.constant(e))
        if kind == "masks":
            mask = g.op("Unsqueeze", g.op("Cast", hot, to=1), g.constant([1]))
            parts.append(g.op("Mul", ex.one(g, experts, chosen, e), mask))
            continue
        places = g.op("Transpose", g.op("NonZero", hot), perm=[1, 0])
        if g.random.random() < 0.5:
            y = ex.one(g, experts, g.op("GatherND", chosen, places), e)
        else:
            y = ex.one(g, experts, g.op("Gather", chosen, g.op("Squeeze", places, g.constant([1])), axis=0), e)
        if kind == "put":
            zeros = g.op("ScatterND", zeros, places, y)
        elif kind == "elements":
            zeros = put_elements(g, zeros, hot, y)
        else:
            y = g.op("Mul", y, g.op("GatherND", weight, places))
            zeros = g.op("ScatterND", zeros, g.op("Unsqueeze", g.op("GatherND", rows, places), g.constant([1])), y, reduction="add")
    if kind == "rows":
        return zeros
    y = chain(g, options, parts, chosen) if kind == "masks" else zeros
    if g.random.random() < 0.5:
        like = g.op("ConstantOfShape", g.op("Shape", x))
        return g.op("ScatterND", like, g.op("Unsqueeze", rows, g.constant([-1])), g.op("Mul", y, weight), reduction="add")
    y = g.op("ScatterND", g.op("ConstantOfShape", g.op("Shape", y)), g.op("Unsqueeze", order, g.constant([-1])), y)
    y = g.op("Mul", g.reshape(y, -1, k, hidden), g.op("Unsqueeze", weights, g.constant([-1])))
    return g.op("ReduceSum", y, g.constant([1]), keepdims=0)


def gathered_sums(g, options, x, ids, weights, experts):
    """out[mask] = out[mask] + expert e of x[mask] times its weight."""
    total = g.op("ConstantOfShape", g.op("Shape", x))
    for e in numbers(g, experts.count):
        hit = g.op("Equal", ids, g.constant(e))
        mask = g.op("Cast", g.op("ReduceMax", g.op("Cast", hit, to=g.choice(1, 7)), g.constant([-1]), keepdims=0), to=9)
        places = g.op("Transpose", g.op("NonZero", mask), perm=[1, 0])
        weight = g.op("GatherND", weight_of(g, ids, weights, e), places)
        y = g.op("Mul", ex.one(g, experts, g.op("GatherND", x, places), e), weight)
        total = g.op("ScatterND", total, places, g.op("Add", g.op("GatherND", total, places), y))
    return total


def collected(g, options, x, ids, weights, experts):
    """Every expert for every row, side by side; the chosen ones are looked up."""
    parts = [g.op("Unsqueeze", ex.one(g, experts, x, e), g.constant([1])) for e in range(experts.count)]
    index = g.op("Expand", g.op("Unsqueeze", ids, g.constant([-1])), g.constant([1, 1, x_width(experts)]))
    y = g.op("GatherElements", g.op("Concat", *parts, axis=1), index, axis=1)
    return g.op("ReduceSum", g.op("Mul", y, g.op("Unsqueeze", weights, g.constant([-1]))), g.constant([1]), keepdims=0)


def x_width(experts):
    return experts.gate.shape[2]


def stacks(g, experts):
    """Projections [E, N, K] with biases [E, N]: the first ones, and the second."""
    if experts.layout == "separate" or experts.up is None:
        first = [(experts.gate, experts.gate_bias)] + ([] if experts.up is None else [(experts.up, experts.up_bias)])
    else:
        first = [ex.fused(experts)]
    return first, (experts.down, experts.down_bias)


def hidden_of(g, experts, parts, rank):
    if len(parts) == 2 or experts.up is None:
        return ex.activate(g, experts, parts[0], parts[1] if len(parts) == 2 else None)
    return ex.activate(g, experts, *ex.cut(g, experts, parts[0], rank))


def gathered(g, options, x, ids, weights, experts):
    """P5: the weights of each pair's expert."""
    k, hidden = options.k, x_width(experts)
    rows = g.reshape(g.op("Tile", g.op("Unsqueeze", x, g.constant([1])), g.constant([1, k, 1])), -1, hidden)
    flat, weight = g.reshape(ids, -1), g.op("Unsqueeze", g.reshape(weights, -1), g.constant([-1]))
    by_nd, on_left = g.random.random() < 0.5, g.random.random() < 0.5

    def pick(stack):
        if by_nd:
            return g.op("GatherND", stack, g.op("Unsqueeze", flat, g.constant([-1])))
        return g.op("Gather", stack, flat, axis=0)

    def project(v, matrix, bias):
        if on_left:
            y = g.op("MatMul", pick(g.tensor(matrix)), g.op("Unsqueeze", v, g.constant([-1])))
            y = g.op("Squeeze", y, g.constant([-1]))
        else:
            y = g.op("MatMul", g.op("Unsqueeze", v, g.constant([1])), pick(g.tensor(matrix.transpose(0, 2, 1))))
            y = g.op("Squeeze", y, g.constant([1]))
        return y if bias is None else g.op("Add", y, pick(g.tensor(bias)))

    if options.weigh_input:
        rows = g.op("Mul", rows, weight)
    first, second = stacks(g, experts)
    y = project(hidden_of(g, experts, [project(rows, *part) for part in first], 2), *second)
    if not options.weigh_input:
        y = g.op("Mul", y, weight)
    return g.op("ReduceSum", g.reshape(y, -1, k, hidden), g.constant([1]), keepdims=0)


def sorted_rows(g, options, x, ids, weights, experts):
    """P6: pairs sorted by expert, a stretch of rows for each, sorted back."""
    k, count, hidden = options.k, experts.count, x_width(experts)
    flat = g.reshape(ids, -1)
    size = g.op("Shape", flat)
    order_ids, order = g.op("TopK", flat, size, outputs=2, axis=-1, largest=0, sorted=1)
    rows = g.op("Div", order, g.constant(k))
    chosen = g.op("Gather", x, rows, axis=0)
    weight = g.op("Gather", g.reshape(weights, -1), order, axis=0)
    if g.random.random() < 0.5:
        ones = g.op("Expand", g.scalar(1), size)
        zeros = g.constant(np.zeros(count), np.float32)
        counts = g.op("ScatterElements", zeros, order_ids, ones, axis=0, reduction="add")
    else:
        hot = g.op("OneHot", flat, g.constant(count), g.constant([0, 1], np.float32), axis=-1)
        counts = g.op("ReduceSum", hot, g.constant([0]), keepdims=0)
    ends = g.op("CumSum", g.op("Cast", counts, to=7), g.constant(0))
    ends = g.op("Split", ends, outputs=count, axis=0, num_outputs=count)
    zero = g.constant([0])
    by_range = g.random.random() < 0.5
    pieces_of = {} if g.random.random() < 0.3 else None

    def stretch(v, e):
        if pieces_of is not None:
            if v not in pieces_of:
                pieces_of[v] = g.op("Split", v, g.op("Cast", counts, to=7), outputs=count, axis=0)
            return pieces_of[v][e]
        begin, end = (ends[e - 1] if e else zero), ends[e]
        if by_range:
            places = g.op("Range", *(g.op("Squeeze", p, g.constant([0])) for p in (begin, end)), g.constant(1))
            return g.op("Gather", v, places, axis=0)
        return g.op("Slice", v, begin, end, g.constant([0]))

    def project(v, matrix, bias):
        stored, parts = g.tensor(matrix.transpose(0, 2, 1)), []
        pieces = g.op("Split", stored, outputs=count, axis=0, num_outputs=count)
        for e in range(count):
            y = g.op("MatMul", stretch(v, e), g.op("Squeeze", pieces[e], g.constant([0])))
            parts.append(y if bias is None else g.op("Add", y, g.tensor(bias[e])))
        return g.op("Concat", *parts, axis=0)

    if options.weigh_input:
        chosen = g.op("Mul", chosen, g.op("Unsqueeze", weight, g.constant([-1])))
    first, second = stacks(g, experts)
    y = project(hidden_of(g, experts, [project(chosen, *part) for part in first], 2), *second)
    if not options.weigh_input:
        y = g.op("Mul", y, g.op("Unsqueeze", weight, g.constant([-1])))
    back = g.random.random()
    if back < 0.4:
        zeros = g.op("ConstantOfShape", g.op("Shape", x))
        return g.op("ScatterND", zeros, g.op("Unsqueeze", rows, g.constant([-1])), y, reduction="add")
    if back < 0.7:
        places = g.op("Range", g.constant(0), g.op("Squeeze", size, g.constant([0])), g.constant(1))
        empty = g.op("Expand", g.constant(0), size)
        inverse = g.op("ScatterND", empty, g.op("Unsqueeze", order, g.constant([-1])), places)
    else:
        _, inverse = g.op("TopK", order, size, outputs=2, axis=-1, largest=0, sorted=1)
    y = g.op("Gather", y, inverse, axis=0)
    return g.op("ReduceSum", g.reshape(y, -1, k, hidden), g.constant([1]), keepdims=0)


def combine_matrix(g, x, ids, weights, count):
    """[T, E]: the weight of each expert for each row."""
    def by_scatter():
        shape = g.op("Concat", g.op("Shape", ids, start=0, end=1), g.constant([count]), axis=0)
        return g.op("ScatterElements", g.op("ConstantOfShape", shape), ids, weights, axis=g.choice(1, -1))

    def by_hot():
        hot = g.op("OneHot", ids, g.constant(count), g.constant([0, 1], np.float32), axis=-1)
        if g.random.random() < 0.5:
            return g.op("Einsum", hot, weights, equation="abc,ab->ac")
        return g.op("ReduceSum", g.op("Mul", hot, g.op("Unsqueeze", weights, g.constant([-1]))), g.constant([1]), keepdims=0)

    def by_equal():
        hot = g.op("Equal", g.op("Unsqueeze", ids, g.constant([-1])), g.constant(np.arange(count)))
        hot = g.op("Cast", hot, to=1)
        return g.op("ReduceSum", g.op("Mul", hot, g.op("Unsqueeze", weights, g.constant([2]))), g.constant([1]), keepdims=0)

    def by_index():  # matrix[arange, ids] = weights
        shape = g.op("Concat", g.op("Shape", ids, start=0, end=1), g.constant([count]), axis=0)
        rows = g.op("Range", g.constant(0), g.op("Squeeze", g.op("Shape", ids, start=0, end=1)), g.constant(1))
        rows = g.op("Expand", g.op("Unsqueeze", rows, g.constant([1])), g.op("Shape", ids))
        at = g.op("Concat", *(g.op("Unsqueeze", v, g.constant([-1])) for v in (rows, ids)), axis=-1)
        return g.op("ScatterND", g.op("ConstantOfShape", shape), at, weights)
    return g.choice(by_scatter, by_hot, by_equal, by_index)()


def batched(g, options, x, ids, weights, experts):
    """P7: all rows for all experts in one product."""
    count, hidden = experts.count, x_width(experts)
    matrix = combine_matrix(g, x, ids, weights, count)
    by_expert = g.op("Unsqueeze", g.op("Transpose", matrix, perm=[1, 0]), g.constant([-1]))
    rows = g.choice(lambda: g.reshape(g.op("Tile", x, g.constant([count, 1])), count, -1, hidden),
                    lambda: g.op("Expand", g.op("Unsqueeze", x, g.constant([0])), g.constant([count, 1, 1])),
                    lambda: g.op("Unsqueeze", x, g.constant([0])))()

    def project(v, matrix, bias):
        y = g.op("MatMul", v, g.tensor(matrix.transpose(0, 2, 1)))
        return y if bias is None else g.op("Add", y, g.tensor(bias[:, None]))

    if options.weigh_input:
        rows = g.op("Mul", rows, by_expert)
    first, second = stacks(g, experts)
    y = project(hidden_of(g, experts, [project(rows, *part) for part in first], 3), *second)
    if not options.weigh_input:
        y = g.op("Mul", y, by_expert)
    return g.op("ReduceSum", y, g.constant([0]), keepdims=0)


def einsums(g, options, x, ids, weights, experts):
    """One-hot dispatch and combine: rows that an expert does not get are 0."""
    count = experts.count
    hot = g.op("OneHot", ids, g.constant(count), g.constant([0, 1], np.float32), axis=-1)
    dispatch = g.choice(lambda: g.op("ReduceSum", hot, g.constant([1]), keepdims=0),
                        lambda: g.op("ReduceMax", hot, g.constant([1]), keepdims=0))()
    matrix = g.op("Einsum", hot, weights, equation="tke,tk->te")
    rows = g.op("Einsum", dispatch, x, equation="te,th->eth")
    if g.random.random() < 0.5:
        results = [g.op("Unsqueeze", ex.one(g, experts, g.op("Gather", rows, g.constant(e), axis=0), e), g.constant([0]))
                   for e in range(count)]
        y = g.op("Concat", *results, axis=0)
    else:
        first, second = stacks(g, experts)

        def project(v, matrix, bias):
            y = g.op("Einsum", v, g.tensor(matrix), equation="eti,eoi->eto")
            return y if bias is None else g.op("Add", y, g.tensor(bias[:, None]))
        y = project(hidden_of(g, experts, [project(rows, *part) for part in first], 3), *second)
    return g.op("Einsum", matrix, y, equation="te,eth->th")


def slots(g, options, x, ids, weights, experts):
    """GShard, Switch, Mesh: running positions give every pair a slot in a buffer of its expert that has one for each row."""
    count, k, hidden = experts.count, options.k, x_width(experts)
    rows = g.op("Shape", x, start=0, end=1)
    capacity = g.choice(lambda: rows, lambda: g.op("Mul", rows, g.constant([k])))()
    kind = g.choice("rows", "pairs", "ranks", "places")
    if kind == "places":
        return placed_in_slots(g, options, x, ids, weights, experts, capacity)
    dispatch, combine = {"rows": slots_of_rows, "pairs": slots_of_pairs, "ranks": slots_of_ranks}[kind](g, options, ids, weights, count, capacity)
    if kind != "rows" and options.positive and g.random.random() < 0.4:
        dispatch = g.op("Cast", g.op("Cast", combine, to=9), to=1)
    if g.random.random() < 0.5:
        buffer = g.op("Einsum", dispatch, x, equation=g.choice("tec,th->ech", "bxy,bz->xyz"))
    else:
        buffer = g.op("MatMul", g.op("Transpose", dispatch, perm=[1, 2, 0]), x)
    y = of_slots(g, experts, buffer)
    if g.random.random() < 0.5:
        return g.op("Einsum", combine, y, equation="tec,ech->th")
    flat = g.op("Reshape", combine, g.op("Concat", rows, g.constant([-1]), axis=0))
    return g.op("MatMul", flat, g.reshape(y, -1, hidden))


def of_slots(g, experts, buffer):
    """Each expert's results for its slots, [E, C, H]."""
    if g.random.random() < 0.5:
        results = [g.op("Unsqueeze", ex.one(g, experts, g.op("Gather", buffer, g.constant(e), axis=0), e), g.constant([0]))
                   for e in range(experts.count)]
        return g.op("Concat", *results, axis=0)

    def project(v, matrix, bias):
        y = g.op("MatMul", v, g.tensor(matrix.transpose(0, 2, 1)))
        return y if bias is None else g.op("Add", y, g.tensor(bias[:, None]))
    first, second = stacks(g, experts)
    return project(hidden_of(g, experts, [project(buffer, *part) for part in first], 3), *second)


def in_slot(g, position, capacity):
    """[..., C]: 1 where a position is."""
    size = g.op("Squeeze", capacity, g.constant([0]))
    position = g.op("Cast", position, to=7)
    if g.random.random() < 0.5:
        return g.op("OneHot", position, size, g.constant([0, 1], np.float32), axis=-1)
    places = g.op("Range", g.constant(0), size, g.constant(1))
    return g.op("Cast", g.op("Equal", g.op("Unsqueeze", position, g.constant([-1])), places), to=1)


def running(g, hot, clipped=True):
    """How many there were before each one, where it is one."""
    counts, one = g.op("CumSum", hot, g.constant(0)), g.constant(1, np.float32)
    if clipped and g.random.random() < 0.3:
        return g.op("Max", g.op("Sub", g.op("Mul", counts, hot), one), g.constant(0, np.float32))
    return g.op("Mul", g.op("Sub", counts, g.choice(one, hot)), hot)


def kept(g, hot, position, capacity):
    """What no slot was left for, had there been fewer."""
    if g.random.random() < 0.5:
        return hot
    fits = g.op("Less", position, g.op("Cast", capacity, to=1))
    return g.op("Mul", hot, g.op("Cast", fits, to=1))


def hot_of(g, ids, count):
    return g.op("OneHot", ids, g.constant(count), g.constant([0, 1], np.float32), axis=-1)


def slots_of_rows(g, options, ids, weights, count, capacity):
    """Positions of rows, whichever rank chose the expert."""
    hot = hot_of(g, ids, count)
    mask = g.op("ReduceSum", hot, g.constant([1]), keepdims=0)
    matrix = g.op("ReduceSum", g.op("Mul", hot, g.op("Unsqueeze", weights, g.constant([-1]))), g.constant([1]), keepdims=0)
    position = running(g, mask)
    dispatch = g.op("Mul", in_slot(g, position, capacity), g.op("Unsqueeze", kept(g, mask, position, capacity), g.constant([-1])))
    return dispatch, g.op("Mul", dispatch, g.op("Unsqueeze", matrix, g.constant([2])))


def slots_of_pairs(g, options, ids, weights, count, capacity):
    """Positions of pairs, row by row or rank by rank."""
    hot, k = hot_of(g, ids, count), options.k
    by_rank = g.random.random() < 0.5
    if by_rank:
        hot, weights = g.op("Transpose", hot, perm=[1, 0, 2]), g.op("Transpose", weights, perm=[1, 0])
    shape = (k, -1) if by_rank else (-1, k)
    flat = g.reshape(hot, -1, count)
    each = running(g, flat, clipped=False)
    hot = g.reshape(kept(g, flat, each, capacity), *shape, count)
    position = g.op("ReduceSum", each, g.constant([-1]), keepdims=0)
    slot = g.op("Unsqueeze", in_slot(g, g.reshape(position, *shape), capacity), g.constant([2]))
    pairs = g.op("Mul", g.op("Unsqueeze", hot, g.constant([-1])), slot)
    weighted = g.op("Mul", pairs, g.op("Unsqueeze", weights, g.constant([2, 3])))
    axis = g.constant([0 if by_rank else 1])
    return g.op("ReduceSum", pairs, axis, keepdims=0), g.op("ReduceSum", weighted, axis, keepdims=0)


def slots_of_ranks(g, options, ids, weights, count, capacity):
    """The pairs of a rank come behind all of the ranks before."""
    dispatch, combine, before = [], [], None
    for rank in range(options.k):
        hot = hot_of(g, column(g, ids, rank), count)
        position = g.op("Sub", g.op("CumSum", hot, g.constant(0)), g.constant(1, np.float32))
        total = g.op("ReduceSum", hot, g.constant([0]), keepdims=1)
        if before is not None:
            position = g.op("Add", position, before)
        before = total if before is None else g.op("Add", before, total)
        mask = kept(g, hot, position, capacity)
        place = g.op("ReduceSum", g.op("Mul", position, mask), g.constant([1]), keepdims=0)
        pair = g.op("Mul", g.op("Unsqueeze", mask, g.constant([2])), g.op("Unsqueeze", in_slot(g, place, capacity), g.constant([1])))
        weight = g.op("Unsqueeze", column(g, weights, rank), g.constant([1, 2]))
        dispatch.append(pair)
        combine.append(g.op("Mul", pair, weight))
    total = lambda parts: parts[0] if len(parts) == 1 else chain(g, options, parts, parts[0])
    return total(dispatch), total(combine)


def placed_in_slots(g, options, x, ids, weights, experts, capacity):
    """Every pair put where its expert and its position are, and looked up there."""
    k, count, hidden, flat = options.k, experts.count, x_width(experts), g.reshape(ids, -1)
    hot = hot_of(g, flat, count)
    counts = g.op("Sub", g.op("CumSum", hot, g.constant(0)), g.constant(1, np.float32))
    position = g.choice(lambda: g.op("ReduceSum", g.op("Mul", counts, hot), g.constant([1]), keepdims=0),
                        lambda: g.op("Squeeze", g.op("GatherElements", counts, g.op("Unsqueeze", flat, g.constant([1])), axis=1), g.constant([1])))()
    position, rows = g.op("Cast", position, to=7), g.reshape(pairs_of(g, x, k), -1, hidden)
    column = lambda v: g.op("Unsqueeze", v, g.constant([1]))
    if g.random.random() < 0.5:
        empty = g.op("ConstantOfShape", g.op("Concat", g.constant([count]), capacity, g.constant([hidden]), axis=0))
        at = g.op("Concat", column(flat), column(position), axis=1)
        y = g.op("GatherND", of_slots(g, experts, g.op("ScatterND", empty, at, rows)), at)
    else:
        at = g.op("Add", g.op("Mul", flat, g.op("Squeeze", capacity, g.constant([0]))), position)
        empty = g.op("ConstantOfShape", g.op("Concat", g.op("Mul", capacity, g.constant([count])), g.constant([hidden]), axis=0))
        buffer = g.reshape(g.op("ScatterND", empty, column(at), rows), count, -1, hidden)
        y = g.op("Gather", g.reshape(of_slots(g, experts, buffer), -1, hidden), at, axis=0)
    y = g.op("Mul", g.reshape(y, -1, k, hidden), g.op("Unsqueeze", weights, g.constant([-1])))
    return g.op("ReduceSum", y, g.constant([1]), keepdims=0)


PATTERNS = {"fused": fused, "logs": logs, "masked": masked, "where": where, "listed": listed, "gathered": gathered,
            "sorted": sorted_rows, "batched": batched, "einsums": einsums, "assigned": assigned, "gathered-sums": gathered_sums,
            "collected": collected, "ranked": ranked, "placed": placed,
            "slots": slots}
UNWEIGHED_INPUT = ("fused", "logs", "where", "einsums", "assigned", "gathered-sums", "collected", "ranked", "placed",
                   "slots")  # the weight is on the result


def exists(pattern: str, router: str, activation: str) -> bool:
    """Can the pattern express it?"""
    if pattern in ("fused", "logs") and activation not in FUSED_ACTIVATIONS:
        return False
    return pattern != "fused" or router in FUSED_ROUTERS
