#!/usr/bin/env python3
"""janus-run on a damaged artifact: a byte changed anywhere, a file cut, longer, missing or replaced by another's.

  artifact_damage.py JANUS_COMPILE JANUS_RUN MODEL_DIR [--positions N] [--seed N]

Every run must end within seconds with exit code 1 and a message that names the file and the cure; none may print text.
"""

import argparse
import random
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

FLIPS = (0x01, 0x20, 0x80, 0xFF)
TIMEOUT = 60  # seconds; a run takes a fraction of one


class Tests:
    def __init__(self, janus_run: str, artifact: Path, seed: int):
        self.janus_run, self.artifact, self.random = janus_run, artifact, random.Random(seed)
        self.passed = self.failed = 0

    def run(self) -> subprocess.CompletedProcess:
        command = [self.janus_run, str(self.artifact), "--prompt", "In the beginning ", "--max-new-tokens", "8",
                   "--attention", "1", "--experts", "2", "--quiet"]
        return subprocess.run(command, capture_output=True, timeout=TIMEOUT)

    def check(self, name: str, ok: bool, detail: object = "") -> None:
        self.passed, self.failed = self.passed + bool(ok), self.failed + (not ok)
        if not ok:
            print(f"FAIL {name}: {detail}", flush=True)

    def refused(self, name: str, file: str) -> None:
        """The run ends with exit code 1, a message about `file` and nothing on stdout."""
        try:
            result = self.run()
        except subprocess.TimeoutExpired:
            return self.check(name, False, f"no end within {TIMEOUT} s")
        message = result.stderr.decode(errors="replace")
        self.check(name, result.returncode == 1 and not result.stdout and message.startswith("janus-run: error: ")
                   and file in message and ("compile" in message),
                   (result.returncode, result.stdout[:80], message[:400]))

    def positions(self, size: int, count: int) -> list[int]:
        """The first and last bytes and some between."""
        edge = [0, 1, 7, 8, 9, size - 1, size - 2]
        return sorted({p for p in edge + self.random.choices(range(size), k=count) if 0 <= p < size})

    def damage(self, file: str, count: int) -> None:
        path, before = self.artifact / file, self.failed
        whole = path.read_bytes()
        places = self.positions(len(whole), count)
        for position in places:
            flip = self.random.choice(FLIPS)
            with path.open("r+b") as stream:
                stream.seek(position)
                stream.write(bytes([whole[position] ^ flip]))
            self.refused(f"{file}: byte {position} ^ {flip:#x}", file)
            with path.open("r+b") as stream:
                stream.seek(position)
                stream.write(whole[position : position + 1])
        for name, content in {"empty": b"", "half": whole[: len(whole) // 2], "last byte cut": whole[:-1],
                              "one byte more": whole + b"\0"}.items():
            path.write_bytes(content)
            self.refused(f"{file}: {name}", file)
        path.unlink()
        self.refused(f"{file}: missing", file)
        path.mkdir()
        self.refused(f"{file}: a folder", file)
        path.rmdir()
        path.write_bytes(whole)
        print(f"{'ok  ' if before == self.failed else 'FAIL'} {file}: {len(places)} bytes changed, cut, longer, missing", flush=True)

    def swap(self, a: str, b: str) -> None:
        """Two files of one artifact change places."""
        first, second = self.artifact / a, self.artifact / b
        one, two = first.read_bytes(), second.read_bytes()
        first.write_bytes(two)
        second.write_bytes(one)
        self.refused(f"{a} and {b} swapped", self.artifact.name)
        first.write_bytes(one)
        second.write_bytes(two)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("janus_compile")
    parser.add_argument("janus_run")
    parser.add_argument("model", type=Path)
    parser.add_argument("--positions", type=int, default=24, help="bytes changed in each file, besides the first and last")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}")
    with tempfile.TemporaryDirectory() as scratch:
        artifact = Path(scratch) / "model.janus"
        subprocess.run([arguments.janus_compile, arguments.model / "model.onnx", "-o", artifact, "--tokenizer=bytes"], check=True)
        tests = Tests(arguments.janus_run, artifact, arguments.seed)
        whole = tests.run()
        tests.check("the whole artifact runs", whole.returncode == 0 and len(whole.stdout) > 8, whole)
        files = sorted(str(p.relative_to(artifact)) for p in artifact.rglob("*") if p.is_file())
        for file in files:
            tests.damage(file, arguments.positions)
        tests.swap("attention.x86-64-v3.so", "expert.x86-64-v3.so")
        tests.swap("weights/experts.0.safetensors", "weights/experts.1.safetensors")
        again = tests.run()
        tests.check("the restored artifact gives the same text", again.stdout == whole.stdout, again)
    print(f"{tests.passed} passed, {tests.failed} failed")
    return 1 if tests.failed else 0


if __name__ == "__main__":
    sys.exit(main())
