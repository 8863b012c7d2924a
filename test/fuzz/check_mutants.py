#!/usr/bin/env python3
"""Valid models changed at the level of their messages, and looked at by janus-compile --check: what users call, with shape
inference and recovery, which the fuzz target of the reader does not reach.

  check_mutants.py JANUS_COMPILE SEED_DIR [--seconds N] [--runs N] [--seed S] [--keep DIR]

SEED_DIR holds models (make_seeds.py). Each run ends within seconds and bounded memory with an exit code of docs/check.md and a
report that is JSON; errors have a code. The seed is printed; --keep leaves the models that failed.
"""

import argparse
import concurrent.futures
import json
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import onnx
from google.protobuf.descriptor import FieldDescriptor as F

SECONDS, BYTES = 60, 4 << 30
INTEGERS = (0, 1, -1, 2, 3, 16, 255, 1 << 20, 2**31 - 1, 2**40, 2**62, 2**63 - 1, -2**63)
FLOATS = (0.0, -1.0, 0.5, 3e38, 1e-45, float("inf"), float("nan"))


def messages(message) -> list:
    out = [message]
    for field, value in message.ListFields():
        if field.type == F.TYPE_MESSAGE:
            for inner in value if field.is_repeated else [value]:
                out += messages(inner)
    return out


def scalar(field, rng: random.Random, all_messages: list):
    if field.cpp_type in (F.CPPTYPE_FLOAT, F.CPPTYPE_DOUBLE):
        return rng.choice(FLOATS)
    if field.cpp_type == F.CPPTYPE_ENUM:
        return rng.choice(field.enum_type.values).number
    if field.cpp_type == F.CPPTYPE_STRING:
        other = rng.choice(all_messages)
        known = [v for f, v in other.ListFields() if f.cpp_type == F.CPPTYPE_STRING and f.type == field.type]
        value = rng.choice(known) if known else b"x" if field.type == F.TYPE_BYTES else "x"
        return rng.choice(list(value)) if not isinstance(value, (str, bytes)) else value
    value = rng.choice(INTEGERS) if rng.random() < 0.6 else rng.randrange(-2, 8)
    bits = 64 if field.cpp_type in (F.CPPTYPE_INT64, F.CPPTYPE_UINT64) else 32
    low, high = (0, 2**bits - 1) if field.cpp_type in (F.CPPTYPE_UINT32, F.CPPTYPE_UINT64) else (-2 ** (bits - 1), 2 ** (bits - 1) - 1)
    return min(max(value, low), high)


def mutate(model, donor, rng: random.Random) -> None:
    """One change: of a field, of a list, of a name, or a part of the donor."""
    every = messages(model)
    message = rng.choice(every)
    fields = [f for f, _ in message.ListFields()] if rng.random() < 0.75 else []
    field = rng.choice(fields or message.DESCRIPTOR.fields)
    is_message = field.type == F.TYPE_MESSAGE
    if field.is_repeated:
        values = getattr(message, field.name)
        kind = rng.randrange(5)
        if kind == 0 and len(values):
            del values[rng.randrange(len(values))]
        elif kind == 1 and len(values) > 1:
            a, b = rng.randrange(len(values)), rng.randrange(len(values))
            if is_message:
                copy = type(values[a])()
                copy.CopyFrom(values[a])
                values[a].CopyFrom(values[b])
                values[b].CopyFrom(copy)
            else:
                values[a], values[b] = values[b], values[a]
        elif is_message:
            parts = [m for m in messages(donor) if m.DESCRIPTOR is field.message_type or m.DESCRIPTOR == field.message_type]
            if parts:
                values.add().CopyFrom(rng.choice(parts))
        elif kind == 2 and len(values):
            values[rng.randrange(len(values))] = scalar(field, rng, every)
        else:
            values.append(scalar(field, rng, every))
    elif rng.random() < 0.15:
        message.ClearField(field.name)
    elif not is_message:
        setattr(message, field.name, scalar(field, rng, every))
    else:
        parts = [m for m in messages(donor) if m.DESCRIPTOR == field.message_type]
        if parts:
            copy = type(parts[0])()
            copy.CopyFrom(rng.choice(parts))
            getattr(message, field.name).CopyFrom(copy)


def limits() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (BYTES, BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def complaint(janus_compile: str, path: Path) -> tuple[int, str]:
    """The exit code, and what is wrong with the run, if anything."""
    try:
        run = subprocess.run([janus_compile, path, "--check", "--json"], capture_output=True, timeout=SECONDS, preexec_fn=limits)
    except subprocess.TimeoutExpired:
        return -1, f"no end after {SECONDS} s"
    message = run.stderr.decode(errors="replace")
    if run.returncode not in (0, 1, 3, 4):
        return run.returncode, f"exit code {run.returncode}: {message[-400:]}"
    try:
        report = json.loads(run.stdout)
    except ValueError as error:
        return run.returncode, f"no JSON: {error}; {message[-300:]}"
    errors = [p for p in report["problems"] if p["severity"] == "error"]
    if run.returncode == 1 and not any("code" in p for p in errors):
        return run.returncode, f"refused without a code: {[p['text'][:200] for p in errors][:3]}"
    return run.returncode, ""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("janus_compile")
    parser.add_argument("seeds", type=Path)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--runs", type=int, default=None)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--keep", type=Path)
    arguments = parser.parse_args()
    seed = arguments.seed if arguments.seed is not None else random.SystemRandom().randrange(1 << 31)
    models = [onnx.load(p, load_external_data=False) for p in sorted(arguments.seeds.glob("*.onnx"))]
    print(f"{len(models)} models; --seed {seed}", flush=True)
    end, failures, codes = time.monotonic() + arguments.seconds, 0, {}

    with tempfile.TemporaryDirectory() as folder, concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        def run(i: int) -> tuple[int, int, str]:
            rng = random.Random(f"{seed}/{i}")
            model, donor = onnx.ModelProto(), rng.choice(models)
            model.CopyFrom(rng.choice(models))
            for _ in range(rng.choice((1, 1, 2, 4))):
                mutate(model, donor, rng)
            path = Path(folder) / f"{i}.onnx"
            path.write_bytes(model.SerializeToString())
            code, text = complaint(arguments.janus_compile, path)
            if text and arguments.keep:
                arguments.keep.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, arguments.keep / f"mutant-{seed}-{i}.onnx")
            path.unlink()
            return i, code, text

        done = 0
        while time.monotonic() < end and (arguments.runs is None or done < arguments.runs):
            for i, code, text in pool.map(run, range(done, done + 16)):
                codes[code] = codes.get(code, 0) + 1
                if text:
                    failures += 1
                    print(f"FAIL run {i}: {text}", flush=True)
            done += 16
    print(f"{done} runs, exit codes {dict(sorted(codes.items()))}, {failures} failed")
    return 1 if failures or not done else 0


if __name__ == "__main__":
    sys.exit(main())
