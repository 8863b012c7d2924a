#!/usr/bin/env python3
"""What a user sees of placements: --rebalance, --placement, --save-placement, --stats and --explain-step.

  rebalance.py JANUS_COMPILE JANUS_RUN MODEL_DIR

Numbers are compared with what --record-routing wrote and with the placement. Closes with 'N passed, N failed'.
"""

import json
import re
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from counters import Trace

SPLIT = ("--attention", "2", "--experts", "3", "--threads", "1", "--kv-memory", "16M")
PROMPT = ("--prompt", "In the beginning ", "--max-new-tokens", "100")
RANDOM = "every=3,plan=random,budget=1000000"


class Tests:
    def __init__(self, runner: str, artifact: Path, slots: int, scratch: Path):
        self.base = [runner, str(artifact), *SPLIT, "--slots", str(slots)]
        self.scratch = scratch
        self.passed = self.failed = 0

    def check(self, name: str, good: bool, detail: object = "") -> None:
        self.passed, self.failed = self.passed + good, self.failed + (not good)
        if not good:
            print(f"FAIL {name}: {detail}", flush=True)

    def run(self, *options: str, prompt=PROMPT) -> subprocess.CompletedProcess:
        return subprocess.run([*self.base, *prompt, *options], capture_output=True, text=True, timeout=120)

    def same_text(self) -> None:
        expected = self.run("--rebalance=off").stdout
        self.check("text", len(expected) >= 100, expected)
        for how in ("auto", "auto,price=0,plan=inline", "every=7,price=0", RANDOM, RANDOM + ",from=artifact"):
            result = self.run(f"--rebalance={how}", "--stats=json")
            self.check(f"{how}: text", (result.returncode, result.stdout) == (0, expected), result.stdout or result.stderr)
            of = json.loads(result.stderr)["rebalance"]
            self.check(f"{how}: mode, no failures", (of["mode"], of["failed"]) == (how, 0), of)
            if "random" in how:
                self.check(f"{how}: moves", of["epochs"] > 5 and of["moves"] > 20, of)

    def save_and_load(self) -> None:
        first, second = self.scratch / "first.json", self.scratch / "second.json"
        even = json.loads(self.run("--stats=json").stderr)["placement"]
        moved = self.run(f"--rebalance={RANDOM}", "--save-placement", str(first), "--stats=json")
        saved = json.loads(first.read_text())
        self.check("saved is reported", saved == json.loads(moved.stderr)["placement"] and saved != even, moved.stderr[-500:])
        loaded = self.run("--placement", str(first), "--save-placement", str(second), "--stats=json")
        self.check("loaded: text", loaded.stdout == moved.stdout, loaded.stderr[-500:])
        self.check("loaded is saved", second.read_text() == first.read_text(), second.read_text())
        self.check("nothing else is left", {path.name for path in self.scratch.glob("*.json*")} == {"first.json", "second.json"})
        wrong = self.run("--placement", str(first), "--experts", "2")
        self.check("of other instances", wrong.returncode != 0 and "expected 2" in wrong.stderr and str(first) in wrong.stderr, wrong.stderr)
        nowhere = self.run("--save-placement", str(self.scratch / "none" / "p.json"))
        self.check("told before the run", nowhere.returncode != 0 and not nowhere.stdout and "--save-placement" in nowhere.stderr, nowhere.stderr)
        failed = self.run("--save-placement", str(first), "--fail", "expert:0@step=3", "--fail", "expert:1@step=3", "--stall-timeout", "0")
        self.check("a run that lost instances saves, too", failed.returncode != 0 and "layers" in json.loads(first.read_text()), failed.stderr)

    def statistics(self) -> None:
        folder = self.scratch / "routing"
        result = self.run("--stats=json", "--record-routing", str(folder))
        stats, trace = json.loads(result.stderr), Trace(folder)
        self.check("schedule", not trace.check_schedule(stats), trace.check_schedule(stats))
        steps, n = len(trace.steps), 3
        for layer, of in enumerate(stats["layers"]):
            name, placement = f"layer {layer}", stats["placement"]["layers"][layer]
            serving = [[i for i in trace.serving[step, layer] if i < n] for step, *_ in trace.steps]
            loads = sorted(max(Counter(by).values()) for by in serving)
            distinct = sum(map(len, serving)) / steps
            p99 = loads[-(-99 * steps // 100) - 1]
            self.check(f"{name}: a_max", of["a_max"]["p99"] == p99 and of["a_max"]["worst"] == loads[-1], of)
            self.check(f"{name}: limit", abs(of["a_max"]["limit_mean"] - sum(-(-len(by) // n) for by in serving) / steps) < 1e-9, of)
            self.check(f"{name}: distinct", abs(of["distinct_mean"] - distinct) < 1e-9, of)
            self.check(f"{name}: imbalance", abs(of["imbalance"] - sum(loads) / steps * n / distinct) < 1e-9, of)
            used = sum(expert >= 0 for held in placement for expert in held)
            self.check(f"{name}: slots", of["slots"] == {"all": sum(map(len, placement)), "used": used}, of)
            # Every expert instance schedules; those of one process find what the first made, or the step before had.
            made = of["schedules"]["all"] - of["schedules"]["reused"]
            self.check(f"{name}: schedules", of["schedules"]["all"] == n * steps and 0 < made <= steps, of)
            self.check(f"{name}: schedule time", 0 < of["schedule_us_mean"] < 1e4, of)
            self.check(f"{name}: nothing moved", (of["epochs"], of["moves"], of["moved_bytes"], of["retries"]) == (0, 0, 0, 0), of)
        for how in ("off", "every=20,price=1000000,plan=inline"):
            text = self.run("--stats", f"--rebalance={how}").stderr
            table = re.search(r"experts by layer:\n.*\n  layer .*\n((?:  \d+ .*\n)+)", text)
            self.check(f"{how}: table", table and len(table[1].splitlines()) == len(stats["layers"]), text)
            self.check(f"{how}: decision", ("nothing gains more" in text) == (how != "off"), text)

    def explanation(self) -> None:
        folder, step = self.scratch / "explained", 12
        result = self.run("--stats=json", "--record-routing", str(folder), "--explain-step", str(step))
        stats, trace = json.loads(result.stderr), Trace(folder)
        self.check("layers", [of["layer"] for of in stats["explained"]] == [*range(len(stats["layers"]))], stats.get("explained"))
        for of in stats["explained"]:
            layer = of["layer"]
            name, ids, by = f"explained layer {layer}", Counter(trace.ids[step, layer]), trace.serving[step, layer]
            holders = stats["placement"]["layers"][layer]
            self.check(f"{name}: experts", {(e["expert"], e["rows"], e["instance"]) for e in of["experts"]} ==
                       {(expert, rows, by[expert]) for expert, rows in ids.items()}, of)
            self.check(f"{name}: slots", all(holders[e["instance"]][e["slot"]] == e["expert"] for e in of["experts"]), of)
            load = max(Counter(e["instance"] for e in of["experts"]).values())
            self.check(f"{name}: a_max", (of["a_max"], of["limit"]) == (load, -(-len(ids) // 3)), of)
            for e in of["experts"]:
                on = [i for i, held in enumerate(holders) if e["expert"] in held]
                named = [int(i) for i in re.findall(r"(\d+) \(\d+\)", e["why"])]
                self.check(f"{name}: why", on == [e["instance"]] if e["why"] == "only replica" else sorted(named) == on and len(on) > 1, e)
        text = self.run("--quiet", "--explain-step", str(step)).stderr
        self.check("explained as text", text.count(f"step {step}, layer ") == len(stats["layers"]) and "only replica" in text, text)
        late = self.run("--quiet", "--explain-step", "100000").stderr
        self.check("a step that does not come", "--explain-step 100000: the run had" in late, late)

    def bad_options(self) -> None:
        for wrong in ("sometimes", "every=0", "auto,price=-1", "auto,from=elsewhere", ""):
            result = self.run(f"--rebalance={wrong}")
            self.check(f"--rebalance={wrong}", result.returncode != 0 and "--rebalance" in result.stderr and "expected" in result.stderr, result.stderr)


def main() -> int:
    if len(sys.argv) != 4:
        print(__doc__, file=sys.stderr)
        return 2
    compiler, runner, model = sys.argv[1], sys.argv[2], Path(sys.argv[3])
    config = json.loads((model / "config.json").read_text())
    experts = config.get("num_local_experts") or config["num_experts"]
    with tempfile.TemporaryDirectory() as directory:
        scratch = Path(directory)
        artifact = scratch / "model.janus"
        subprocess.run([compiler, model / "model.onnx", "-o", artifact, "--tokenizer=bytes"], check=True, timeout=300)
        tests = Tests(runner, artifact, -(-3 * experts // 6), scratch)
        tests.same_text()
        tests.save_and_load()
        tests.statistics()
        tests.explanation()
        tests.bad_options()
    print(f"{tests.passed} passed, {tests.failed} failed")
    return 1 if tests.failed or not tests.passed else 0


if __name__ == "__main__":
    sys.exit(main())
