#!/usr/bin/env python3
"""Keeps docs/walkthrough.md equal to what the tools do: one tiny model through every stage, then run.

  walkthrough.py BUILD_DIR            compares; a difference is printed and is an error
  walkthrough.py BUILD_DIR --write    writes the document

The text is walkthrough.template.md beside this file. A block in it

  <<< STAGE                           <<< COMMAND ARGUMENT
  REGEX                               >>>
  REGEX .. REGEX
  >>>

becomes code: of the stage's dump the lines that the expressions match, one after the other (a range from the first to
the second), with `...` for what lies between; or the output of a command of class Walkthrough. An expression that
matches nothing is an error: the text around it speaks of something that is no longer there.
"""

import difflib
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "docs" / "walkthrough.md"
TEMPLATE = Path(__file__).with_suffix(".template.md")
STAGES = ("import", "recover", "partition", "communicate", "schedule", "lower")
LIMIT = 200  # columns of the document
MODEL = ("--preset tiny --layers 1 --hidden 16 --experts 4 --top-k 2 --intermediate 8 --heads 2 --kv-heads 1 --head-dim 16 "
         "--vocab 256 --context 64").split()
PROMPT = ("--prompt", "Janus", "--max-new-tokens", "8", "--print-ids")


def run(*command: object) -> str:
    result = subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=120)
    if result.returncode:
        sys.exit(f"walkthrough.py: {' '.join(map(str, command))}\nexit code {result.returncode}\n{result.stderr[-4000:]}")
    return result.stdout + result.stderr


def shorten(line: str) -> str:
    """What makes a line longer than the document's width goes, the least telling first."""
    line = re.sub(r"schemes = \[.*\]>\]", "schemes = [...]", line)
    line = re.sub(r"^module attributes \{.*\} \{$", "module attributes {...} {", line)
    for pattern, text in ((r"\{[^{}]{40,}\} :", "{...} :"), (r" : \(.*\) -> ", " : (...) -> "), (r"\(%arg0.*\) -> .* \{$", "(...) -> ... {")):
        if len(line) > LIMIT:
            line = re.sub(pattern, text, line)
    return line if len(line) <= LIMIT else line[: LIMIT - 4] + " ..."


class Walkthrough:
    def __init__(self, build: Path, scratch: Path):
        tool = {name: build / "tools" / name / name for name in ("janus-compile", "janus-run", "janus-opt")}
        self.janus_run, self.artifact = tool["janus-run"], scratch / "tiny.janus"
        run(sys.executable, ROOT / "models" / "make_qwen3_moe.py", "--out", scratch, *MODEL)
        run(tool["janus-compile"], scratch / "model.onnx", "-o", self.artifact, "--tokenizer=bytes", f"--dump-stages-to={scratch}")
        # Read back by janus-opt, which checks the dump and prints it without locations.
        self.dumps = {stage: run(tool["janus-opt"], scratch / f"{stage}.mlir").splitlines() for stage in STAGES}

    def block(self, head: str, body: list[str]) -> str:
        name, *arguments = head.split()
        if name in STAGES:
            return "```mlir\n" + "\n".join(self.cut(name, body)) + "\n```"
        return getattr(self, name)(*arguments)

    def cut(self, stage: str, wanted: list[str]) -> list[str]:
        lines, at, result = self.dumps[stage], 0, []

        def find(pattern: str, start: int) -> int:
            for i in range(start, len(lines)):
                if re.search(pattern, lines[i]):
                    return i
            sys.exit(f"walkthrough.py: nothing after line {start} of the {stage} stage's dump matches '{pattern}'")

        for entry in wanted:
            first, _, last = entry.partition(" .. ")
            begin = find(first, at)
            end = find(last, begin) if last else begin
            if begin > at and result:
                result.append(re.match(" *", lines[begin]).group() + "...")
            result += map(shorten, lines[begin : end + 1])
            at = end + 1
        return result

    def schemes(self, operation: str) -> str:
        """The schemes of a transfer, a phase a line."""
        line = next(line for line in self.dumps["communicate"] if f"= janus.{operation} " in line)
        text = re.search(r"schemes = (\[.*\]>\])", line).group(1)
        text = text.replace("#janus.scheme", "\n  #janus.scheme").replace('[<"', '[\n    <"').replace('>, <"', '>,\n    <"').replace(", \n", ",\n")
        return "```mlir\nschemes = " + text[:-1] + "\n]\n```"

    def attribute(self, name: str) -> object:
        """A module attribute of the lower stage that holds JSON."""
        text = re.search(rf'{name} = "((?:[^"\\]|\\.)*)"', self.dumps["lower"][0]).group(1)
        return json.loads(text.replace("\\22", '"'))

    def program(self, role: str) -> str:
        """A role's program, a step a line."""
        program = self.attribute("janus.programs")["expert"][role]
        rows = [f"  {json.dumps(step)}" for step in program["steps"]]
        values = [f"  {i}: {v['name']:9} {v['type']} [{v['rows']}, {v['columns']}]" for i, v in enumerate(program["values"])]
        return "\n".join(("```", "values", *values, "steps", *rows, "```"))

    def files(self) -> str:
        names = sorted(str(p.relative_to(self.artifact.parent)) for p in self.artifact.rglob("*") if p.is_file())
        return "\n".join(("```", *names, "```"))

    def weight(self, name: str) -> str:
        """A weight's entry in the manifest."""
        entry = next(w for w in json.loads((self.artifact / "manifest.json").read_text())["weights"] if w["name"] == name)
        experts = ",\n  ".join(json.dumps(e) for e in entry.pop("experts"))
        return "```json\n" + json.dumps(entry)[:-1] + f', "experts": [\n  {experts}]}}\n```'

    def symbols(self, file: str) -> str:
        lines = run("nm", "-D", self.artifact / file).split("\n")
        return "\n".join(("```", f"$ nm -D tiny.janus/{file}", *(re.sub("^[0-9a-f]+ ", "", line) for line in lines if line), "```"))

    def played(self, m: str, n: str, nodes: str = "") -> str:
        """The tokens of a run, and after a run over nodes what its messages were."""
        arguments = [*PROMPT, "--attention", m, "--experts", n, *(["--nodes", nodes, "--stats"] if nodes else ["--quiet"])]
        text = run(self.janus_run, self.artifact, *arguments)
        ids = re.search(r"^[\d,]+$", text, re.MULTILINE).group()
        if not nodes:
            self.ids = ids
        elif ids != self.ids:
            sys.exit(f"walkthrough.py: {ids} over {m} attention and {n} expert instances, {self.ids} over 1 and 1")
        table = re.search(r"^messages and bytes by phase:\n(?: .*\n)*", text, re.MULTILINE).group().rstrip() if nodes else ""
        command = "$ janus-run tiny.janus " + " ".join(f"'{a}'" if ";" in a else a for a in arguments)
        return "\n".join(("```", command, ids, *([table] if table else []), "```"))


def fresh(build: Path) -> str:
    with tempfile.TemporaryDirectory() as scratch:
        walkthrough = Walkthrough(build, Path(scratch))
        result = TEMPLATE.read_text().replace("<<<model>>>", " ".join(MODEL))
        return re.sub(r"^<<< (.*)\n((?:.*\n)*?)>>>$", lambda m: walkthrough.block(m[1], m[2].splitlines()), result, flags=re.MULTILINE)


def main(build: str, write: str = "") -> int:
    text, command = fresh(Path(build).resolve()), f"{Path(sys.argv[0])} {build} --write"
    if write:
        DOCUMENT.write_text(text)
        return 0
    committed = DOCUMENT.read_text() if DOCUMENT.exists() else ""
    sys.stdout.writelines(difflib.unified_diff(committed.splitlines(True), text.splitlines(True), "docs/walkthrough.md", "what the tools say"))
    if committed != text:
        print(f"docs/walkthrough.md is not what the tools say. Read the difference; if it is meant, run\n  {sys.executable} {command}")
    else:
        print("ok   docs/walkthrough.md is what the tools say")
    return committed != text


if __name__ == "__main__":
    if not 2 <= len(sys.argv) <= 3 or sys.argv[2:] not in ([], ["--write"]):
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
