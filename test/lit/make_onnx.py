#!/usr/bin/env python3
"""Writes a small ONNX model from a text description, byte by byte (no onnx package), also ones that are wrong.

usage: make_onnx.py DESCRIPTION OUT.onnx

A line is one of (shell quoting; # starts a comment):
  ir N
  opset DOMAIN N
  input|output NAME TYPE DIM,DIM        DIM: an integer, a name, or ? ; a single - is a scalar
  init NAME TYPE DIM,DIM VALUES         VALUES: v,v,...  |  typed:v,v,...  |  @FILE:OFFSET:LENGTH (external data)
  node TYPE IN,IN -> OUT,OUT [name=NAME] [domain=DOMAIN] [ATTRIBUTE=VALUE ...]
                                        VALUE: 1  1.5  "text"  [1,2]  TYPE:v,v (a tensor)  graph:NAME  @NAME (of the function's call); an absent input is an empty name
  graph NAME ... end                    input, output, init and node lines of a graph that a later node names
  function DOMAIN NAME IN,IN -> OUT,OUT ATTRIBUTE,ATTRIBUTE ... end      node lines of a model-local function; - for none
  unknown N                             a field of number N that the schema does not have
"""
import shlex
import struct
import sys

TYPES = {"float": 1, "uint8": 2, "int8": 3, "int32": 6, "int64": 7, "string": 8, "bool": 9, "float16": 10, "uint4": 21, "int4": 22}
CODES = {"float": "f", "uint8": "B", "int8": "b", "int32": "i", "int64": "q", "bool": "B", "float16": "e", "uint4": "B", "int4": "B"}


def varint(value):
    value &= (1 << 64) - 1
    out = b""
    while value >= 0x80:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def number(field, value):
    return varint(field << 3) + varint(value)


def block(field, data):
    data = data.encode() if isinstance(data, str) else data
    return varint(field << 3 | 2) + varint(len(data)) + data


def split(text):
    return [] if text == "-" else text.split(",")


def value_info(name, kind, dims):
    shape = b""
    for dim in split(dims):
        shape += block(1, number(1, int(dim)) if dim.lstrip("-").isdigit() else b"" if dim == "?" else block(2, dim))
    return block(1, name) + block(2, block(1, number(1, TYPES[kind]) + block(2, shape)))


def tensor(name, kind, dims, values):
    out = b"".join(number(1, int(dim)) for dim in split(dims)) + number(2, TYPES[kind]) + block(8, name)
    if values.startswith("@"):
        location, offset, length = values[1:].rsplit(":", 2)
        for key, value in (("location", location), ("offset", offset), ("length", length)):
            out += block(13, block(1, key) + block(2, value))
        return out + number(14, 1)
    typed = values.startswith("typed:")
    read = float if kind in ("float", "float16") else int
    numbers = [read(v) for v in values.removeprefix("typed:").split(",") if v]
    if kind in ("int4", "uint4"):  # two to a byte, the first in the lower bits
        padded = [v & 15 for v in numbers] + [0] * (len(numbers) % 2)
        numbers = [low | high << 4 for low, high in zip(padded[0::2], padded[1::2])]
    if typed:
        field = {"float": 4, "float16": 5, "int64": 7}.get(kind, 5)
        if kind == "float":
            return out + block(field, struct.pack(f"<{len(numbers)}f", *numbers))
        if kind == "float16":
            numbers = [struct.unpack("<H", struct.pack("<e", v))[0] for v in numbers]
        return out + block(field, b"".join(varint(v) for v in numbers))
    return out + block(9, struct.pack(f"<{len(numbers)}{CODES[kind]}", *numbers))


graphs = {}


def attribute(name, text):
    out = block(1, name)
    if text.startswith("@"):
        return out + block(21, text[1:]) + number(20, 2)
    if text.split(":")[0] in TYPES and ":" in text:
        kind, values = text.split(":", 1)
        return out + block(5, tensor("", kind, str(values.count(",") + 1), values)) + number(20, 4)
    if text.startswith("graph:"):
        return out + block(6, graphs[text[6:]]) + number(20, 5)
    if text.startswith('"'):
        return out + block(4, text.strip('"')) + number(20, 3)
    if text.startswith("["):
        return out + b"".join(number(8, int(v)) for v in text[1:-1].split(",")) + number(20, 7)
    if text == "graph":
        return out + block(6, b"") + number(20, 5)
    if "." in text:
        return out + varint(2 << 3 | 5) + struct.pack("<f", float(text)) + number(20, 1)
    return out + number(3, int(text)) + number(20, 2)


def node(words):
    arrow = words.index("->")
    inputs, outputs = (words[1].split(",") if arrow > 1 else []), words[arrow + 1].split(",")
    out = b"".join(block(1, name) for name in inputs) + b"".join(block(2, name) for name in outputs) + block(4, words[0])
    for word in words[arrow + 2:]:
        key, text = word.split("=", 1)
        out += block(3, text) if key == "name" else block(7, text) if key == "domain" else block(5, attribute(key, text))
    return out


def function(words):
    arrow = words.index("->")
    out = block(10, words[0]) + block(1, words[1]) + block(9, block(1, "") + number(2, 22))
    out += b"".join(block(4, n) for n in split(words[2])) + b"".join(block(5, n) for n in split(words[arrow + 1]))
    return out + b"".join(block(6, n) for n in split(words[arrow + 2]))


def main(source, target):
    model, graph, opsets = b"", block(2, "graph"), 0
    ir, inner, body, field = 10, None, b"", 1  # what a `graph` or `function` collects, and the field of its nodes
    for line in open(source):
        words = shlex.split(line, comments=True, posix=False)
        if not words:
            continue
        kind, rest = words[0], words[1:]
        if kind == "ir":
            ir = int(rest[0])
        elif kind == "opset":
            model += block(8, block(1, rest[0].strip('"')) + number(2, int(rest[1])))
            opsets += 1
        elif kind in ("graph", "function"):
            inner, body, field = (rest[0], block(2, rest[0]), 1) if kind == "graph" else (None, function(rest), 7)
            outer, graph = graph, b""
        elif kind == "end":
            if inner:
                graphs[inner] = body + graph
            else:
                model += block(25, body + graph)
            graph, field = outer, 1
        elif kind == "input":
            graph += block(11, value_info(*rest))
        elif kind == "output":
            graph += block(12, value_info(*rest))
        elif kind == "init":
            graph += block(5, tensor(*rest))
        elif kind == "node":
            graph += block(field, node(rest))
        elif kind == "unknown":
            model += number(int(rest[0]), 1)
        else:
            sys.exit(f"make_onnx.py: {source}: unknown line {line!r}")
    if not opsets:
        model += block(8, block(1, "") + number(2, 22)) + block(8, block(1, "com.microsoft") + number(2, 1))
    with open(target, "wb") as out:
        out.write(number(1, ir) + block(2, "make_onnx") + model + block(7, graph))


if __name__ == "__main__":
    main(*sys.argv[1:])
