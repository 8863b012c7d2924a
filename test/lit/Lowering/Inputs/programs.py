"""Prints the role programs in a module's `janus.programs`, one line an instruction, so that tests can check them.

usage: programs.py FILE.mlir
"""
import json
import re
import sys

TEXT = r'"((?:[^"\\]|\\.)*)"'


def attribute(module, name):
    """The JSON text of a string attribute; MLIR writes a quote as \\22."""
    return json.loads(re.sub(r"\\([0-9A-F]{2})", lambda m: chr(int(m[1], 16)), re.search(name + " = " + TEXT, module)[1]))


def main(path):
    module = open(path).read()
    for side, roles in attribute(module, "janus.programs").items():
        for role, program in roles.items():
            print(f"{side}.{role} inputs {program['inputs']} outputs {program['outputs']}")
            for i, value in enumerate(program["values"]):
                print(f"  value {i}: {value['type']} [{value['rows']}, {value['columns']}]")
            for step in program["steps"]:
                name = program["fragments"][step["fragment"]]["name"] if step["op"] == "call" else ""
                rest = {k: v for k, v in sorted(step.items()) if k not in ("op", "fragment")}
                print("  " + " ".join([step["op"], *([name] if name else []), *(f"{k}={v}" for k, v in rest.items())]))


if __name__ == "__main__":
    main(*sys.argv[1:])
