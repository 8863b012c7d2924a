"""Turns the example of every operator in the td files into a function, so that the documentation is code that works.

usage: examples.py documented|unknown FILE.td ...

`documented` writes the examples as they stand. `unknown` writes them with results of unknown type, and with constants for
the operands whose values decide a shape, so that inference has to find the types that the example states.
"""
import re
import sys

# Operands whose values decide the result's type: the constant that gives what the example states.
VALUES = {
    "Reshape": {"%s": "[-1, 64]"}, "Squeeze": {"%axes": "[1]"}, "Unsqueeze": {"%axes": "[1]"}, "Expand": {"%s": "[3, 4]"},
    "Tile": {"%r": "[2, 1]"}, "Split": {"%s": "[4, 2]"}, "Slice": {"%b": "[1]", "%e": "[5]", "%a": "[0]"},
    "ConstantOfShape": {"%s": "[4]"}, "TopK": {"%k": "[3]"}, "ReduceSum": {"%axes": "[1]"}, "ReduceMean": {"%axes": "[1]"},
    "ReduceMax": {"%axes": "[1]"}, "ReduceMin": {"%axes": "[1]"}, "ReduceProd": {"%axes": "[0]"},
    "ReduceL1": {"%axes": "[1]"}, "ReduceL2": {"%axes": "[1]"}, "ReduceSumSquare": {"%axes": "[1]"}, "ReduceLogSum": {"%axes": "[1]"},
    "ReduceLogSumExp": {"%axes": "[1]"}, "GroupQueryAttention": {"%total": "8"}, "OneHot": {"%n": "8"}, "Pad": {"%p": "[0, 1, 0, 0]"},
}
EXAMPLE = re.compile(r"Example: `((%[^=`]+) = onnx\.([\w.]+)\((.*?)\)((?: \{.*?\})?) : \((.*?)\) -> (.*?))`", re.S)


def split(text):
    """Types at the top level of a comma-separated list."""
    parts, depth = [""], 0
    for c in text:
        depth += (c in "<([") - (c in ">)]")
        if c == "," and not depth:
            parts.append("")
        else:
            parts[-1] += c
    return [p.strip() for p in parts if p.strip()]


def function(example, unknown):
    _, names, op, operands, attributes, inputs, results = example
    operands, inputs = split(operands), split(inputs)
    results = split(results[1:-1]) if results.startswith("(") else [results]
    types = dict(zip([o for o in operands if o != "none"], inputs))
    values = VALUES.get(op, {}) if unknown else {}
    stated = ["!onnx.unknown" if unknown and r != "none" else r for r in results]
    names = names.strip()
    returned = [f"{names.split(':')[0]}#{i}" for i in range(int(names.split(":")[1]))] if ":" in names else split(names)
    kept = [r for r in stated if r != "none"]
    lines = [f"func.func @{op}({', '.join(f'{n}: {t}' for n, t in types.items() if n not in values)}) -> ({', '.join(kept)}) {{"]
    lines += [f"  {n} = onnx.constant dense<{v}> : {types[n]}" for n, v in values.items()]
    lines += [f"  {names} = onnx.{op}({', '.join(operands)}){attributes} : ({', '.join(inputs)}) -> ({', '.join(stated)})",
              f"  return {', '.join(returned)} : {', '.join(kept)}", "}"]
    return "\n".join(lines)


def main(kind, *paths):
    text = "\n".join(open(p).read() for p in paths)
    operators = set(re.findall(r'Onnx_(?:Op|Unary|Binary|Compare|Reduce|Scaled|LinearAttention)<"([\w.]+)"', text))
    examples = EXAMPLE.findall(text)
    missing = operators - {e[2] for e in examples} - {"If", "Loop"}  # these are documented as blocks
    assert not missing, f"operators without an example that can be parsed: {sorted(missing)}"
    # A Constant without operands has no shape to infer, and a Range's extent is a symbol of the graph around it.
    skipped = {"Constant", "Range", "If", "Loop"} if kind == "unknown" else set()
    print("\n".join(function(e, kind == "unknown") for e in examples if e[2] not in skipped))


if __name__ == "__main__":
    main(*sys.argv[1:])
