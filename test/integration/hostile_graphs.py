#!/usr/bin/env python3
"""Graphs that are larger, deeper or more entangled than any model: janus-compile compiles or refuses them within a minute of
processor time and 4 GB, with exit code 0, or 1 and an error that fits on a few screens.

  hostile_graphs.py JANUS_COMPILE [--only NAME] [--nodes N] [--keep DIR]

N (default: a million) is the size of the largest ones.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "lit"))
import make_onnx  # noqa: E402
from make_onnx import block, number, value_info, varint  # noqa: E402

SECONDS, BYTES, ERROR_BYTES = 60, 4 << 30, 300_000
MEGABYTE = "n" * 1_000_000
INTERFACE = block(11, value_info("x", "float", "B,4")) + block(12, value_info("y", "float", "B,4"))


def node(text: str) -> bytes:
    """As a line of make_onnx.py says it."""
    return make_onnx.node(text.split(" "))


def model(nodes: list[bytes], functions: list[bytes] = (), interface: bytes = INTERFACE) -> bytes:
    """`interface`: the graph's fields beside its nodes."""
    nodes = b"".join(b"\x0a" + varint(len(n)) + n for n in nodes)
    opsets = block(8, block(1, "") + number(2, 22)) + block(8, block(1, "local") + number(2, 1))
    return number(1, 10) + opsets + b"".join(block(25, f) for f in functions) + block(7, nodes + interface)


def function(name: str, *calls: str) -> bytes:
    """Calls, one of the other's result."""
    values = ["a", *(f"t{i}" for i in range(1, len(calls))), "b"]
    body = [node(f"{call} {values[i]} -> {values[i + 1]} domain={'' if call == 'Relu' else 'local'}") for i, call in enumerate(calls)]
    opsets = [block(9, block(1, "") + number(2, 22)), block(9, block(1, "local") + number(2, 1))]
    return b"".join([make_onnx.function(["local", name, "a", "->", "b", "-"]), opsets[1], *(block(7, n) for n in body)])


def chain(kind: str, count: int) -> list[bytes]:
    names = ["x", *(f"v{i}" for i in range(1, count)), "y"]
    return [node(f"{kind} {names[i]} -> {names[i + 1]}") for i in range(count)]


def nested_graphs(depth: int) -> bytes:
    """An If in an If in an If ..."""
    yielded = block(12, block(1, "out"))
    make_onnx.graphs["g"] = block(1, node("Relu x -> out")) + yielded
    for _ in range(depth):
        make_onnx.graphs["g"] = block(1, node("If flag -> out then_branch=graph:g else_branch=graph:g")) + yielded
    nodes = [node("If flag -> y then_branch=graph:g else_branch=graph:g")]
    return model(nodes, interface=INTERFACE + block(11, value_info("flag", "bool", "-")))


def counting_loop(trips: int) -> bytes:
    body = block(1, node("Relu c -> d")) + block(1, node("Identity t -> u"))
    body += b"".join(block(11, value_info(*v)) for v in (("i", "int64", "-"), ("t", "bool", "-"), ("c", "float", "B,4")))
    make_onnx.graphs["g"] = body + block(12, value_info("u", "bool", "-")) + block(12, value_info("d", "float", "B,4"))
    nodes = [node(f"Constant -> trips value=int64:{trips}"), node("Constant -> true value=bool:1"),
             node("Loop trips,true,x -> y body=graph:g")]
    return model(nodes)


def growing_extents(kind: str, times: int) -> bytes:
    """Extents whose expressions double in every step: B*B, (B*B)*(B*B) ..., or sums of products of two names."""
    nodes, last = [], "x"
    for i in range(times):
        nodes.append(node(f"Constant -> one{i} value=int64:-1"))
        nodes.append(node(f"Reshape {last},one{i} -> f{i}"))
        if kind == "products":  # [n] -> [n, n]
            nodes.append(node(f"Constant -> column{i} value_ints=[-1,1]"))
            nodes.append(node(f"Reshape f{i},column{i} -> c{i}"))
            nodes.append(node(f"Add f{i},c{i} -> s{i}"))
        else:
            nodes.append(node(f"Concat f{i},z -> k{i} axis=0"))
            nodes.append(node(f"Constant -> column{i} value_ints=[-1,1]"))
            nodes.append(node(f"Reshape k{i},column{i} -> c{i}"))
            nodes.append(node(f"Add k{i},c{i} -> s{i}"))
        last = f"s{i}"
    nodes.append(node(f"ReduceSum {last} -> y keepdims=0"))
    inputs = block(11, value_info("x", "float", "B")) + block(11, value_info("z", "float", "C"))
    return model(nodes, interface=inputs + block(12, value_info("y", "float", "-")))


def cases(n: int):
    """Name, file, and what the error has to say; nothing where compiling it is as good."""
    few = [node("Relu x -> y")]
    fixed = block(11, value_info("x", "float", "3,4")) + block(12, value_info("y", "float", "3,4"))
    yield "a chain of nodes", lambda: model(chain("Relu", n)), "20000 operations"
    yield "beyond the limit of nodes", lambda: model([node("Relu x -> y")] * (2 * n + 1)), "2000000"
    yield "unknown operators", lambda: model([node(f"Frob{i % 300_000} x -> v{i} name=n{i}") for i in range(n // 2)] + few), "more, of other causes"
    yield "operands that do not fit", lambda: model([node(f"MatMul x,x -> v{i} name=n{i}") for i in range(n // 2)] + few, interface=fixed), "inner extents"
    yield "a name of a megabyte", lambda: model([node(f"MatMul x,x -> y name={MEGABYTE}"), node(f"Frob x -> z name={MEGABYTE}")]), "1000000 bytes"
    yield "an operator with a name of a megabyte", lambda: model([node(f"Frob{MEGABYTE} x -> y"), node(f"Relu ghost{MEGABYTE} -> z")]), "JNS-ONNX-001"
    yield "a value with a name of a megabyte", lambda: model([node(f"Relu x -> {MEGABYTE}"), node(f"Relu {MEGABYTE} -> y")]), None
    yield "an extent with a name of a megabyte", lambda: model(few, interface=block(11, value_info("x", "float", f"{MEGABYTE},4")) +
                                                               block(12, value_info("y", "float", f"{MEGABYTE},4"))), None
    yield "nested functions", lambda: model([node("f0 x -> y domain=local")], [
        function(f"f{i}", f"f{i + 1}" if i < 9999 else "Relu") for i in range(10_000)]), "depth of more than 64"
    yield "functions that call each other", lambda: model([node("f0 x -> y domain=local")], [function("f0", "f1"), function("f1", "f0")]), "no end"
    yield "functions that double", lambda: model([node("f0 x -> y domain=local")], [
        *(function(f"f{i}", f"f{i + 1}", f"f{i + 1}") for i in range(50)), function("f50", "Relu")]), "2000000"
    yield "functions that just fit", lambda: model([node("f0 x -> y domain=local")], [
        *(function(f"f{i}", f"f{i + 1}", f"f{i + 1}") for i in range(18)), function("f18", "Relu", "Relu")]), "20000 operations"
    yield "functions that are not called", lambda: model(few, [function(f"f{i}", "Relu") for i in range(n // 10)]), None
    yield "nested graphs", lambda: nested_graphs(12), None
    yield "graphs nested deeper", lambda: nested_graphs(15), None
    yield "a loop of 2^62 rounds", lambda: counting_loop(2**62), None
    yield "a loop of 90,000 rounds", lambda: counting_loop(90_000), None
    yield "extents multiplied with themselves", lambda: growing_extents("products", 40), None
    yield "extents of ever more terms", lambda: growing_extents("sums", 40), None
    yield "an operator of very many inputs", lambda: model([node(f"Concat {','.join(['x'] * 90_000)} -> c axis=0"), *few]), None
    yield "an operator of too many inputs", lambda: model([node(f"Concat {','.join(['x'] * n)} -> y axis=0")]), "JNS-ONNX-00"
    yield "initializers", lambda: model(few, interface=INTERFACE + b"".join(
        block(5, make_onnx.tensor(f"w{i}", "float", "1", "1")) for i in range(n // 4))), None
    yield "inputs", lambda: model(few, interface=INTERFACE + b"".join(
        block(11, value_info(f"i{i}", "float", f"S{i},4")) for i in range(n // 10))), "4096 inputs"


class Watched:
    """A process with the most memory it had; ended when it takes too long."""

    def __init__(self, arguments: list[str], log: Path):
        with log.open("wb") as out:
            process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=out, preexec_fn=lambda: resource.setrlimit(
                resource.RLIMIT_CPU, (SECONDS, SECONDS)))
        begin = time.monotonic()
        while True:
            pid, status, usage = os.wait4(process.pid, os.WNOHANG)
            if pid:
                break
            if time.monotonic() - begin > 10 * SECONDS: # it waits, or others leave it no processor
                process.kill()
                _, status, usage = os.wait4(process.pid, 0)
                break
            time.sleep(0.02)
        self.code = os.waitstatus_to_exitcode(status)
        process.returncode = self.code
        self.seconds = usage.ru_utime + usage.ru_stime
        self.bytes = usage.ru_maxrss * 1024
        self.error = log.read_bytes()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("janus_compile")
    parser.add_argument("--only", default="")
    parser.add_argument("--nodes", type=int, default=1_000_000)
    parser.add_argument("--keep", type=Path, help="folder for the models that failed")
    options = parser.parse_args()
    failed = count = 0
    with tempfile.TemporaryDirectory() as scratch:
        path, output = Path(scratch, "model.onnx"), Path(scratch, "model.janus")
        for name, make, expected in cases(options.nodes):
            if options.only not in name:
                continue
            data = make()
            path.write_bytes(data)
            run = Watched([options.janus_compile, str(path), "-o", str(output)], Path(scratch, "log"))
            refused = run.code == 1 and b"error" in run.error and (expected or "").encode() in run.error
            wrong = [what for what, is_wrong in (
                (f"exit code {run.code}", run.code not in (0, 1)),
                ("compiled, expected an error", run.code == 0 and expected is not None),
                (f"expected '{expected}' in {run.error[-300:]}", run.code == 1 and not refused),
                (f"more than {BYTES >> 30} GB", run.bytes > BYTES),
                (f"{len(run.error)} bytes of errors", len(run.error) > ERROR_BYTES)) if is_wrong]
            count, failed = count + 1, failed + bool(wrong)
            print(f"{'FAIL' if wrong else 'ok  '} {name}: {len(data) >> 10} KB, {run.seconds:.1f} s, {run.bytes >> 20} MB, "
                  f"{'compiled' if run.code == 0 else 'refused'}{'; ' if wrong else ''}{'; '.join(wrong)}", flush=True)
            if wrong and options.keep:
                options.keep.mkdir(parents=True, exist_ok=True)
                (options.keep / f"{name.replace(' ', '-')}.onnx").write_bytes(data)
            subprocess.run(["rm", "-rf", output], check=True)
    print(f"{count - failed} of {count} hostile graphs compiled or refused as they should be")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
