#!/usr/bin/env python3
"""Measures how the importer and recovery grow with the graph, on one core.

  benchmarks/compiler/scale.py JANUS_COMPILE [--nodes N,N,...] [--to STAGE] [--files N] [--keep DIR]

Writes models whose experts are unrolled (for each expert: its mask, its MLP over all rows, an addition), 25 nodes an
expert, 128 experts a layer and as many layers as give about N nodes; 94 layers are 300,000. Weights are holes in
sparse files, 200 GB at 300,000 nodes, spread over --files files: whoever reads them takes minutes. Prints processor
time, peak memory and time per node, and exits with 1 when a limit is missed: 60 s and 4 GB at 300,000 nodes, time per
node at most 1.5 times that of the smallest graph.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from onnx import TensorProto, helper

HIDDEN, INTERMEDIATE, EXPERTS, TOP_K, HEADS, KV_HEADS, HEAD, VOCAB, CONTEXT = 2048, 768, 128, 8, 32, 4, 64, 1024, 4096
NODES_PER_EXPERT = 25
MOST_SECONDS, MOST_BYTES, MOST_GROWTH = 60, 4 << 30, 1.5
FLOAT, INT64, INT32 = TensorProto.FLOAT, TensorProto.INT64, TensorProto.INT32


class Model:
    def __init__(self, files: int):
        self.nodes, self.initializers, self.ends = [], [], [0] * files

    def weight(self, name: str, *dims: int) -> str:
        size = 4
        for dim in dims:
            size *= dim
        file = len(self.initializers) % len(self.ends)
        tensor = TensorProto(name=name, data_type=FLOAT, dims=dims, data_location=TensorProto.EXTERNAL)
        for key, value in (("location", f"weights.{file}"), ("offset", self.ends[file]), ("length", size)):
            tensor.external_data.add(key=key, value=str(value))
        self.ends[file] += size
        self.initializers.append(tensor)
        return name

    def op(self, kind: str, *inputs: str, domain: str = "", outputs: tuple = (), **attributes) -> str:
        outputs = outputs or (f"v{len(self.nodes)}",)
        self.nodes.append(helper.make_node(kind, inputs, outputs, domain=domain, **attributes))
        return outputs[0]

    def constant(self, values: list) -> str:
        return self.op("Constant", value=helper.make_tensor("", INT64, [len(values)], values))

    def linear(self, x: str, name: str, rows: int, columns: int) -> str:
        return self.op("MatMul", x, self.op("Transpose", self.weight(name, rows, columns), perm=[1, 0]))

    def norm(self, x: str, name: str) -> str:
        return self.op("SimplifiedLayerNormalization", x, self.weight(name, HIDDEN), axis=-1, epsilon=1e-6)

    def expert(self, x: str, chosen: str, weights: str, prefix: str, e: int) -> str:
        mask = self.op("Cast", self.op("Equal", chosen, self.constant([e])), to=FLOAT)
        share = self.op("ReduceSum", self.op("Mul", self.op("Identity", mask), weights), self.constant([-1]), keepdims=0)
        share = self.op("Unsqueeze", share, self.constant([-1]))
        x = self.op("Reshape", self.op("Identity", x), self.constant([-1, HIDDEN]))
        gate = self.linear(x, f"{prefix}.gate", INTERMEDIATE, HIDDEN)
        inner = self.op("Mul", self.op("Mul", gate, self.op("Sigmoid", gate)), self.linear(x, f"{prefix}.up", INTERMEDIATE, HIDDEN))
        out = self.linear(self.op("Identity", inner), f"{prefix}.down", HIDDEN, INTERMEDIATE)
        return self.op("Mul", self.op("Identity", out), self.op("Identity", share))

    def mixture(self, x: str, prefix: str, shape: str) -> str:
        x = self.op("Reshape", x, self.constant([-1, HIDDEN]))
        scores = self.op("Softmax", self.linear(x, f"{prefix}.router", EXPERTS, HIDDEN), axis=-1)
        values, chosen = f"{prefix}.values", f"{prefix}.chosen"
        self.op("TopK", scores, self.constant([TOP_K]), outputs=(values, chosen), axis=-1)
        weights = self.op("Div", values, self.op("ReduceSum", values, self.constant([-1]), keepdims=1))
        total = self.expert(x, chosen, weights, f"{prefix}.0", 0)
        for e in range(1, EXPERTS):
            total = self.op("Add", total, self.expert(x, chosen, weights, f"{prefix}.{e}", e))
        return self.op("Reshape", total, shape)

    def attention(self, x: str, layer: int, lengths: list) -> str:
        q, k, v = (self.linear(x, f"{layer}.{name}", heads * HEAD, HIDDEN) for name, heads in (("q", HEADS), ("k", KV_HEADS), ("v", KV_HEADS)))
        out = self.op("GroupQueryAttention", q, k, v, f"past.{layer}.key", f"past.{layer}.value", *lengths, "cos", "sin", domain="com.microsoft",
                      outputs=(f"{layer}.attended", f"present.{layer}.key", f"present.{layer}.value"), num_heads=HEADS, kv_num_heads=KV_HEADS, do_rotary=1)
        return self.linear(out, f"{layer}.o", HIDDEN, HEADS * HEAD)

    def write(self, folder: Path, layers: int) -> int:
        info, rows = helper.make_tensor_value_info, ["batch", "sequence"]
        inputs, outputs = [info("input_ids", INT64, rows), info("attention_mask", INT64, ["batch", "total"])], [info("logits", FLOAT, [*rows, VOCAB])]
        one = self.constant([1])
        last = self.op("Cast", self.op("Sub", self.op("ReduceSum", "attention_mask", one, keepdims=0), one), to=INT32)
        total = self.op("Gather", self.op("Shape", "attention_mask"), self.op("Constant", value=helper.make_tensor("", INT64, [], [1])))
        lengths = [last, self.op("Cast", total, to=INT32)]
        residual = self.op("Gather", self.weight("embedding", VOCAB, HIDDEN), "input_ids")
        shape = self.op("Shape", residual)
        for table in ("cos", "sin"):
            self.weight(table, CONTEXT, HEAD // 2)
        for layer in range(layers):
            residual = self.op("Add", residual, self.attention(self.norm(residual, f"{layer}.norm1"), layer, lengths))
            residual = self.op("Add", residual, self.mixture(self.norm(residual, f"{layer}.norm2"), f"{layer}.moe", shape))
            for part in ("key", "value"):
                inputs.append(info(f"past.{layer}.{part}", FLOAT, ["batch", KV_HEADS, "past", HEAD]))
                outputs.append(info(f"present.{layer}.{part}", FLOAT, ["batch", KV_HEADS, "total", HEAD]))
        self.op("MatMul", self.norm(residual, "norm"), self.weight("head", HIDDEN, VOCAB), outputs=("logits",))
        graph = helper.make_graph(self.nodes, "main", inputs, outputs, self.initializers)
        model = helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 21), helper.make_opsetid("com.microsoft", 1)])
        (folder / "model.onnx").write_bytes(model.SerializeToString())
        for file, end in enumerate(self.ends):
            with open(folder / f"weights.{file}", "wb") as handle:
                handle.truncate(end)
        return len(self.nodes)


def measure(command: list) -> tuple[float, int]:
    """Processor seconds and peak resident bytes. (What wait4 calls the peak would include this program's own.)"""
    before, start, peak = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic(), 0
    with tempfile.TemporaryFile("w+") as said:  # not a pipe, which fills up while nobody reads
        process = subprocess.Popen(["taskset", "-c", "0", *map(str, command)], stdout=subprocess.DEVNULL, stderr=said)
        while process.poll() is None:
            try:
                status = Path(f"/proc/{process.pid}/status").read_text()
                peak = max([peak] + [int(line.split()[1]) << 10 for line in status.splitlines() if line.startswith("VmHWM")])
            except OSError:
                pass
            time.sleep(0.05)
            if time.monotonic() - start > 1200:
                process.kill()
        if process.returncode:
            said.seek(0)
            raise SystemExit(f"{' '.join(map(str, command))}: exit code {process.returncode}\n{said.read()[-2000:]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, peak


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("compiler", type=Path)
    parser.add_argument("--nodes", default="30000,100000,300000", type=lambda text: [int(n) for n in text.split(",")])
    parser.add_argument("--to", default="recover", metavar="STAGE")
    parser.add_argument("--files", type=int, default=1)
    parser.add_argument("--keep", type=Path, metavar="DIR", help="write the models here and keep them")
    arguments = parser.parse_args()
    missed, first = False, None
    print("| nodes | layers | GB of weights | processor s | us a node | peak GB |\n|---|---|---|---|---|---|")
    for wanted in arguments.nodes:
        layers = max(1, round(wanted / (NODES_PER_EXPERT * EXPERTS)))
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(arguments.keep / str(wanted) if arguments.keep else scratch)
            folder.mkdir(parents=True, exist_ok=True)
            model = Model(arguments.files)
            nodes = model.write(folder, layers)
            seconds, peak = measure([arguments.compiler, folder / "model.onnx", f"--to={arguments.to}", "-o", folder / "out.mlir"])
        per_node = seconds / nodes
        first = first or per_node
        missed |= per_node > MOST_GROWTH * first or peak > MOST_BYTES or seconds > MOST_SECONDS * max(1, nodes / 300000)
        print(f"| {nodes} | {layers} | {sum(model.ends) / 1e9:.0f} | {seconds:.1f} | {per_node * 1e6:.0f} | {peak / (1 << 30):.2f} |", flush=True)
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
