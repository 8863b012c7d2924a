#!/usr/bin/env python3
"""ONNX's own node tests as tensor programs.

  node_tests.py [--build DIR] [--filter REGEX] [--jobs N] [--data DIR] [--verbose] [--update]

Every case of onnx.backend.test.loader.load_node_model_tests() of the installed onnx, and with --data those of a folder
laid out as Debian's libonnx-testdata, is compiled with --contract=tensor, run, and compared at the suite's own tolerance.
Ends with a table by operator:

  pass     the outputs are right
  refused  janus-compile says why not, with a JNS-ONNX code
  fail     wrong outputs, a refusal without a code, or an error when it runs
  crash, hang

Which cases have to pass follows from what they consist of: opset 13 or later, operators of the onnx dialect (its .td
files) other than training ones, tensors of float, float16, bfloat16, double, integers of 8 to 64 bits and bool. All others have to be refused, or
to pass. node_tests.txt lists those that are not as they have to be, each with its cause; a case in that list that is as
it has to be is an error too, so that the list only shrinks.

docs/node-tests.md holds the table; a run over all cases of the package compares it, and --update writes it.
"""

import argparse
import collections
import concurrent.futures
import re
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import ml_dtypes
import numpy as np
import onnx
from onnx import numpy_helper

ROOT = Path(__file__).parents[2]
TIMEOUT = 60  # seconds for one program
TYPES = {onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16, onnx.TensorProto.BFLOAT16, onnx.TensorProto.DOUBLE, onnx.TensorProto.BOOL,
         onnx.TensorProto.INT8, onnx.TensorProto.INT16, onnx.TensorProto.INT32, onnx.TensorProto.INT64,
         onnx.TensorProto.UINT8, onnx.TensorProto.UINT16, onnx.TensorProto.UINT32, onnx.TensorProto.UINT64}
OUTCOMES = ("pass", "refused", "fail", "crash", "hang")
KNOWN = ROOT / "test/integration/node_tests.txt"
PAGE = ROOT / "docs/node-tests.md"


class Case:
    def __init__(self, name, model, data_sets, rtol, atol):
        self.name, self.model, self.data_sets, self.rtol, self.atol = name, model, data_sets, rtol, atol


def node_cases():
    from onnx.backend.test.loader import load_node_model_tests
    for case in load_node_model_tests():
        sets = [tuple([array_of(value) for value in values] for values in data) for data in case.data_sets]
        yield Case(case.name, case.model, sets, case.rtol, case.atol)


def array_of(value):
    return numpy_helper.to_array(value) if isinstance(value, onnx.TensorProto) else value


def stored_cases(folder: Path):
    for path in sorted(folder.glob("**/test_*/model.onnx")):
        model, sets = onnx.load(path), []
        for data in sorted(path.parent.glob("test_data_set_*")):
            lists = []
            for kind, values in (("input", model.graph.input), ("output", model.graph.output)):
                arrays = []
                for i in range(len(list(data.glob(f"{kind}_*.pb")))):
                    proto = onnx.TensorProto()
                    try:
                        proto.ParseFromString((data / f"{kind}_{i}.pb").read_bytes())
                        arrays.append(numpy_helper.to_array(proto))
                    except Exception:  # a sequence or an optional
                        arrays.append([])
                # Old files hold bfloat16 as uint16.
                lists.append([a.view(ml_dtypes.bfloat16) if v.type.tensor_type.elem_type == onnx.TensorProto.BFLOAT16 else a
                              for a, v in zip(arrays, values)])
            sets.append(tuple(lists))
        yield Case(f"{path.parents[1].name}/{path.parent.name}", model, sets, 1e-3, 1e-7)


def operators() -> set[tuple[str, str]]:
    """(domain, type) of the dialect's operators."""
    found = set()
    for path in (ROOT / "dialects/onnx/IR").glob("*.td"):
        text = path.read_text()
        found |= {(domain, name.removeprefix("microsoft.")) for name, domain in re.findall(r'Onnx_(?:Op|LinearAttention)<"([\w.]+)", "([\w.]*)"', text)}
        found |= {("", name) for name in re.findall(r'Onnx_(?:Unary|Binary|Compare|Reduce|Scaled)<"(\w+)"', text)}
    return found


def nodes_of(graph):
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                yield from nodes_of(attribute.g)


def must_pass(case: Case, known: set[tuple[str, str]]) -> bool:
    opsets = {o.domain: o.version for o in case.model.opset_import}
    if opsets.get("", 0) < 13 or case.model.functions:
        return False
    for value in list(case.model.graph.input) + list(case.model.graph.output):
        if not value.type.HasField("tensor_type") or value.type.tensor_type.elem_type not in TYPES:
            return False
    for node in nodes_of(case.model.graph):
        if (node.domain, node.op_type) not in known or (node.op_type == "Dropout" and len(node.input) > 2):
            return False  # a Dropout that is told whether it trains draws random numbers
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.TENSOR and attribute.t.data_type not in TYPES:
                return False
            if attribute.name in ("to", "dtype") and attribute.i not in TYPES:
                return False
            if attribute.name in ("value_string", "value_strings", "sparse_value"):
                return False
    return True


def operator_of(case: Case) -> str:
    """What the case is about: its node, or for the expansion of an operator that operator."""
    name = case.name.split("_expanded")[0]
    types = {n.op_type for n in case.model.graph.node}
    return types.pop() if len(types) == 1 and name == case.name else f"({name.removeprefix('test_').split('_')[0]})"


def save(path: Path, array: np.ndarray) -> None:
    array = np.asarray(array)
    np.save(path, array.view("V2") if array.dtype.name == "bfloat16" else array)


def load(path: Path, like: np.ndarray) -> np.ndarray:
    array = np.load(path)
    return array.view(like.dtype) if array.dtype.kind == "V" and like.dtype.name == "bfloat16" else array


def differs(found: np.ndarray, wanted: np.ndarray, rtol: float, atol: float) -> str:
    """The suite's comparison (onnx.backend.test.runner); empty when equal enough."""
    if found.dtype != wanted.dtype or found.shape != wanted.shape:
        return f"found {found.dtype}{list(found.shape)}, expected {wanted.dtype}{list(wanted.shape)}"
    if found.dtype.name == "bfloat16":
        found, wanted, rtol = found.astype(np.float32), wanted.astype(np.float32), max(rtol, 2**-6)
    try:
        np.testing.assert_allclose(found, wanted, rtol=rtol, atol=atol)
    except AssertionError as error:
        return " ".join(str(error).split())[:300]
    return ""


def outcome_of(result: subprocess.CompletedProcess) -> tuple[str, str]:
    if result.returncode < 0 or result.returncode > 2:
        return "crash", f"exit code {result.returncode}: {result.stderr[-300:]}"
    lines = [line for line in result.stderr.splitlines() if "error" in line] or result.stderr.splitlines() or ["no message"]
    return ("refused" if re.search(r"JNS-ONNX-\d\d\d", result.stderr) else "fail"), lines[0][:300]


def run_case(case: Case, build: Path) -> tuple[str, str]:
    with tempfile.TemporaryDirectory() as temporary:
        scratch = Path(temporary)
        (scratch / "model.onnx").write_bytes(case.model.SerializeToString())
        tool = [build / "tools/janus-compile/janus-compile", scratch / "model.onnx", "-o", scratch / "a.janus", "--contract=tensor", "--target-cpu=native"]
        try:
            result = subprocess.run(tool, capture_output=True, text=True, timeout=TIMEOUT)
            if result.returncode:
                return outcome_of(result)
            initialized = {t.name for t in case.model.graph.initializer}
            names = [v.name for v in case.model.graph.input if v.name not in initialized]
            for inputs, outputs in case.data_sets:
                arguments = []
                for i, (name, array) in enumerate(zip(names, inputs)):
                    save(scratch / f"in{i}.npy", array)
                    arguments += ["--input", f"{name}={scratch / f'in{i}.npy'}"]
                result = subprocess.run([build / "tools/janus-run/janus-run", scratch / "a.janus", *arguments, "--output-dir", scratch / "out", "--threads", "1"],
                                        capture_output=True, text=True, timeout=TIMEOUT)
                if result.returncode:
                    kind, why = outcome_of(result)
                    return ("crash" if kind == "crash" else "fail"), why
                for value, wanted in zip(case.model.graph.output, outputs):
                    wanted = np.asarray(wanted)
                    why = differs(load(scratch / "out" / (value.name.replace("/", "_") + ".npy"), wanted), wanted, case.rtol, case.atol)
                    if why:
                        return "fail", f"output {value.name}: {why}"
        except subprocess.TimeoutExpired as error:
            return "hang", f"{Path(error.cmd[0]).name} has not ended after {TIMEOUT} s"
    return "pass", ""


def known_failures() -> dict[str, str]:
    """Name of a case -> why it is not as it has to be."""
    lines = [line for line in KNOWN.read_text().splitlines() if line and not line.startswith("#")]
    return dict(line.split(": ", 1) for line in lines)


class Table:
    """Outcomes by operator: of the cases that have to pass, and of all others."""

    def __init__(self):
        self.rows = collections.defaultdict(collections.Counter)

    def add(self, operator: str, has_to_pass: bool, outcome: str) -> None:
        for row in (operator, "all"):
            self.rows[row][has_to_pass, outcome] += 1

    def lines(self) -> list[str]:
        columns = [(True, o) for o in OUTCOMES] + [(False, o) for o in OUTCOMES]
        columns = [c for c in columns if self.rows["all"][c] or c in ((True, "pass"), (False, "refused"))]
        title = ["operator"] + [("" if must else "other: ") + outcome for must, outcome in columns]
        rows = sorted((r for r in self.rows if r != "all"), key=lambda n: (n[0] == "(", n))
        body = [[name] + [str(self.rows[name][c] or "") for c in columns] for name in rows + ["all"]]
        widths = [max(len(row[i]) for row in [title] + body) for i in range(len(title))]
        pad = lambda row: "| " + " | ".join(cell.ljust(w) if not i else cell.rjust(w) for i, (cell, w) in enumerate(zip(row, widths))) + " |"
        return [pad(title), "|" + "|".join("-" * (w + 2) for w in widths) + "|"] + [pad(row) for row in body]


def page(table: Table, known: dict[str, str]) -> str:
    text = f"""# ONNX's node tests

Written by `test/integration/node_tests.py --update`: the {sum(table.rows["all"].values())} cases of `onnx` {onnx.__version__} as tensor programs, by operator. Expansions of an
operator into others stand in parentheses. The first columns count cases of opset 13 or later whose operators and types
Janus has, compared at the suite's own tolerance; those of `other` have operators, types or opsets that it does not have.

""" + "\n".join(table.lines()) + "\n"
    if known:
        text += "\nNot yet as they have to be:\n\n" + "".join(f"- `{name}`: {why}\n" for name, why in known.items())
    return text


def compare_page(table: Table, known: dict[str, str], update: bool) -> int:
    text = page(table, known)
    if update:
        PAGE.write_text(text)
    elif not PAGE.exists() or PAGE.read_text() != text:
        print(f"{PAGE.relative_to(ROOT)} does not hold this table; node_tests.py --update writes it")
        return 1
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, default=Path("build"), help="build folder with the tools")
    parser.add_argument("--filter", default="", help="only cases whose name this regular expression is found in")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--data", type=Path, help="a folder of stored cases, as /usr/share/libonnx-testdata/data")
    parser.add_argument("--verbose", action="store_true", help="say so too where node_tests.txt lists the case")
    parser.add_argument("--update", action="store_true", help=f"write {PAGE.relative_to(ROOT)}")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    np.seterr(all="ignore")
    cases = list(node_cases())
    if arguments.data and arguments.data.is_dir():
        cases += stored_cases(arguments.data)
    elif arguments.data:
        print(f"{arguments.data}: skipped: no data")
    cases = [c for c in cases if re.search(arguments.filter, c.name)]
    known, listed = operators(), known_failures()
    table, wrong, right = Table(), 0, 0
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        for case, (outcome, why) in zip(cases, pool.map(lambda c: run_case(c, arguments.build.resolve()), cases)):
            has_to_pass = must_pass(case, known)
            table.add(operator_of(case), has_to_pass, outcome)
            good = outcome == "pass" or (outcome == "refused" and not has_to_pass)
            right += good
            if good and case.name in listed:
                print(f"{case.name}: {outcome}, as it has to be: take it out of {KNOWN.name}")
            elif not good and (case.name not in listed or arguments.verbose):
                print(f"{case.name}: {outcome}, expected {'pass' if has_to_pass else 'refused'}: {why}", flush=True)
            wrong += good == (case.name in listed)
    print("\n".join(table.lines()))
    print(f"{right} of {len(cases)} as they have to be; {wrong} not as {KNOWN.name} says")
    if not arguments.filter and not arguments.data and cases:
        names = {c.name for c in cases}
        wrong += compare_page(table, {name: why for name, why in listed.items() if name in names}, arguments.update)
    return 1 if wrong or not cases else 0


if __name__ == "__main__":
    sys.exit(main())
