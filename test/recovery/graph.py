"""Writes ONNX graphs with as little regularity as possible: names, order of nodes, order of commutative operands, and
which of several spellings of one function is used, are all drawn from a seed."""

import random

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

COMMUTATIVE = {"Add", "Mul", "And", "Or", "Max", "Min", "Equal"}
LETTERS = "abcdefghijklmnopqrstuvwxyz"


class Graph:
    def __init__(self, seed: int):
        self.random = random.Random(seed)
        self.numbers = np.random.default_rng(seed)
        self.nodes, self.initializers, self.constants, self.taken = [], [], {}, set()

    def name(self) -> str:
        while True:
            text = "".join(self.random.choice(LETTERS) for _ in range(self.random.randint(1, 8)))
            text += self.random.choice(["", "_1", "/x", ".w", "::2"])
            if text not in self.taken:
                self.taken.add(text)
                return text

    def choice(self, *options):
        return self.random.choice(options)

    def weight(self, *shape, scale=None) -> np.ndarray:
        scale = scale or 1.2 / np.sqrt(shape[-1])
        return (self.numbers.standard_normal(shape) * scale).astype(np.float32)

    def tensor(self, values: np.ndarray) -> str:
        """A stored tensor."""
        name = self.name()
        self.initializers.append(numpy_helper.from_array(np.array(values, order="C"), name))
        return name

    def constant(self, values, kind=np.int64) -> str:
        """A small constant, shared or not, as an initializer or a node."""
        array = np.asarray(values, kind)
        key = (array.tobytes(), array.dtype.str, array.shape)
        if key in self.constants and self.random.random() < 0.7:
            return self.constants[key]
        if self.random.random() < 0.5:
            name = self.tensor(array)
        else:
            name = self.name()
            self.nodes.append(helper.make_node("Constant", [], [name], value=numpy_helper.from_array(array)))
        self.constants[key] = name
        return name

    def op(self, kind: str, *inputs: str, outputs: int = 1, domain: str = "", **attributes):
        inputs = list(inputs)
        if kind in COMMUTATIVE and self.random.random() < 0.5:
            inputs.reverse()
        names = [self.name() for _ in range(outputs)]
        self.nodes.append(helper.make_node(kind, inputs, names, name=self.choice("", self.name()), domain=domain, **attributes))
        return names[0] if outputs == 1 else names

    # Spellings.
    def scalar(self, value: float) -> str:
        return self.constant(self.choice(value, [value]), np.float32)

    def reshape(self, x: str, *shape: int) -> str:
        return self.op("Reshape", x, self.constant(shape))

    def view(self, x: str, *shape: int) -> str:
        """A reshape, perhaps twice, perhaps with an Identity behind it."""
        x = self.reshape(x, *shape)
        return self.choice(lambda: x, lambda: self.reshape(x, *shape), lambda: self.op("Identity", x))()

    def sigmoid(self, x: str) -> str:
        def by_exp():
            below = self.op("Add", self.op("Exp", self.op("Neg", x)), self.scalar(1))
            return self.choice(lambda: self.op("Reciprocal", below), lambda: self.op("Div", self.scalar(1), below))()
        return self.choice(lambda: self.op("Sigmoid", x), by_exp)()

    def silu(self, x: str) -> str:
        return self.op("Mul", x, self.sigmoid(x))

    def linear(self, x: str, weight: np.ndarray, bias=None, matrix: bool = False) -> str:
        """x . weight^T + bias; `matrix`: x has two dimensions, so that a Gemm may stand."""
        if matrix and self.random.random() < 0.5:
            transposed = self.random.random() < 0.5
            stored = self.tensor(weight if transposed else weight.T)
            rest = [] if bias is None else [self.tensor(bias)]
            return self.op("Gemm", x, stored, *rest, transB=int(transposed))
        stored = self.choice(lambda: self.tensor(weight.T), lambda: self.op("Transpose", self.tensor(weight), perm=[1, 0]))()
        y = self.op("MatMul", x, stored)
        return y if bias is None else self.op("Add", y, self.tensor(self.choice(bias, bias[None])))

    def model(self, inputs, outputs) -> onnx.ModelProto:
        graph = helper.make_graph(self.shuffled(), "graph", inputs, outputs, self.initializers)
        opsets = [helper.make_opsetid("", 21), helper.make_opsetid("com.microsoft", 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=10)

    def shuffled(self):
        """The nodes in a random order that data allows."""
        made = {name: i for i, node in enumerate(self.nodes) for name in node.output}
        users = {i: [] for i in range(len(self.nodes))}
        waiting = {}
        for i, node in enumerate(self.nodes):
            needs = {made[name] for name in node.input if name in made}
            waiting[i] = len(needs)
            for need in needs:
                users[need].append(i)
        ready, order = [i for i, count in waiting.items() if count == 0], []
        while ready:
            i = ready.pop(self.random.randrange(len(ready)))
            order.append(self.nodes[i])
            for user in users[i]:
                waiting[user] -= 1
                if waiting[user] == 0:
                    ready.append(user)
        return order


def value_info(name, kind, shape):
    return helper.make_tensor_value_info(name, kind, shape)


FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64
