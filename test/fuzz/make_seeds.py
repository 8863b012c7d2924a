#!/usr/bin/env python3
"""Small valid models to start fuzzing from: a mixture of experts in every pattern of test/recovery, and a node of every
kind of tensor and attribute.

  make_seeds.py OUT_DIR
"""

import sys
import tempfile
from pathlib import Path

import onnx
from onnx import TensorProto as T
from onnx import helper

sys.path.insert(0, str(Path(__file__).parents[1] / "recovery"))
import experts
import patterns
import routers
import run

LIMIT = 65536  # bytes, what the fuzzer takes


def control_flow() -> onnx.ModelProto:
    """Graphs in nodes, functions, references to attributes, every way to store a tensor."""
    branch = helper.make_graph([helper.make_node("Relu", ["x"], ["r"])], "then", [], [helper.make_empty_tensor_value_info("r")])
    other = helper.make_graph([helper.make_node("Neg", ["x"], ["n"])], "else", [], [helper.make_empty_tensor_value_info("n")])
    leaky = helper.make_node("LeakyRelu", ["a"], ["b"])
    leaky.attribute.append(onnx.AttributeProto(name="alpha", ref_attr_name="slope", type=onnx.AttributeProto.FLOAT))
    function = helper.make_function("local", "twice", ["a"], ["b"], [leaky], [helper.make_opsetid("", 22)], ["slope"])
    nodes = [helper.make_node("If", ["flag"], ["y"], then_branch=branch, else_branch=other),
             helper.make_node("twice", ["y"], ["z"], domain="local", slope=0.5),
             helper.make_node("Constant", [], ["shape"], value=helper.make_tensor("t", T.INT64, [2], [-1, 2])),
             helper.make_node("Reshape", ["z", "shape"], ["w"]),
             helper.make_node("Add", ["w", "half"], ["out"])]
    half = T(name="half", data_type=T.FLOAT16, dims=[2], int32_data=[0x3800, 0x3C00])
    nodes.insert(4, helper.make_node("Cast", ["half"], ["halves"], to=T.FLOAT))
    nodes[-1].input[1] = "halves"
    graph = helper.make_graph(nodes, "g", [helper.make_tensor_value_info("x", T.FLOAT, ["B", 4]), helper.make_tensor_value_info("flag", T.BOOL, [])],
                              [helper.make_tensor_value_info("out", T.FLOAT, None)], [half])
    return helper.make_model(graph, functions=[function], opset_imports=[helper.make_opsetid("", 22), helper.make_opsetid("local", 1)], ir_version=10)


def main() -> int:
    out = Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    (out / "control-flow.onnx").write_bytes(control_flow().SerializeToString())
    made = 1
    for pattern in patterns.PATTERNS:
        with tempfile.TemporaryDirectory() as folder:
            router, activation = next((r, a) for r in routers.KINDS for a in experts.ACTIVATIONS if patterns.exists(pattern, r, a))
            run.draw(7, pattern, router, activation, Path(folder))
            content = onnx.load(Path(folder) / "model.onnx").SerializeToString()
        if len(content) <= LIMIT:
            (out / f"{pattern}.onnx").write_bytes(content)
            made += 1
    print(f"{made} seeds")
    return 0


if __name__ == "__main__":
    sys.exit(main())
