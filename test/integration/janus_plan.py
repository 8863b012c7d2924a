#!/usr/bin/env python3
"""janus-plan on small traces of both versions that this test makes, against counts and an exact matching of its own.

  janus_plan.py JANUS_PLAN [--seed N]

a_max: by augmenting paths in the graph of active experts and instances, written here and checked against all assignments
of small cases. Also: what is refused, with which words; outputs whole or not at all; nothing that depends on threads.
Closes with 'N passed, N failed'.
"""

import argparse
import gzip
import itertools
import json
import random
import resource
import struct
import subprocess
import sys
import tempfile
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

TIMEOUT = 120  # seconds; a command takes a fraction of one


# Traces


def npy(shape: tuple, data: bytes, descr: str = "|u1") -> bytes:
    header = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}"
    header += " " * (-(11 + len(header)) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + data


class Sequences:
    """Version 1: rows[token][layer], a list of ids; each domain has its own favourite experts."""

    def __init__(self, generator: random.Random, counts: dict[str, int], length: int, layers=(1, 3), experts=16, k=3):
        self.layers, self.experts, self.k, self.rows, self.table = layers, experts, k, [], []
        favourites = {d: [generator.sample(range(experts), experts // 2) for _ in layers] for d in counts}
        for domain, count in counts.items():
            for _ in range(count):
                self.table.append((len(self.rows), length, domain))
                for _ in range(length):
                    self.rows.append([generator.sample(favourites[domain][l], k) if generator.random() < 0.9
                                      else generator.sample(range(experts), k) for l in range(len(layers))])

    def write(self, folder: Path) -> Path:
        folder.mkdir()
        meta = {"model": "toy", "experts": self.experts, "layer_ids": self.layers, "tokens": len(self.rows),
                "layers": len(self.layers), "top_k": self.k}
        (folder / "meta.json").write_text(json.dumps(meta))
        lines = [f"{i}\t{start}\t{length}\t{domain}\tdecode" for i, (start, length, domain) in enumerate(self.table)]
        (folder / "seqs.tsv").write_text("\n".join(["seq\tstart\tlen\tdomain\tphase", *lines]) + "\n")
        ids = bytes(i for row in self.rows for layer in row for i in layer)
        (folder / "topk.npy.gz").write_bytes(gzip.compress(npy((len(self.rows), len(self.layers), self.k), ids)))
        return folder


class Run:
    """Version 2: steps[step] is a list of (source, position, prefill, ids by layer)."""

    def __init__(self, generator: random.Random, steps: int, layers=((0, 12, 2), (2, 300, 3))):
        self.layers, self.steps = layers, []
        position: dict[int, int] = {}
        for _ in range(steps):
            rows = []
            for source in generator.sample(range(1, 20), generator.randint(1, 8)):
                for _ in range(1 if source in position else 3):
                    at = position[source] = position.get(source, -1) + 1
                    # Squared: low ids are chosen more often.
                    ids = [[*itertools.islice(dict.fromkeys(int(e * generator.random() ** 2) for _ in range(200)), k)] for _, e, k in layers]
                    rows.append((source, at, at < 3, ids))
            self.steps.append(rows)

    def write(self, folder: Path) -> Path:
        folder.mkdir()
        data = b""
        for number, rows in enumerate(self.steps):
            data += struct.pack("<QII", number + 1, len(rows), len(self.layers))
            for field, code in enumerate("IIB"):
                data += struct.pack(f"<{len(rows)}{code}", *(row[field] for row in rows))
            for layer, (_, experts, k) in enumerate(self.layers):
                data += struct.pack(f"<{len(rows) * k}{'H' if experts > 256 else 'B'}", *(i for row in rows for i in row[3][layer]))
        layers = [dict(zip(("layer", "experts", "k"), layer)) for layer in self.layers]
        meta = {"format": "janus-routing", "version": 2, "layers": layers, "steps": len(self.steps),
                "rows": sum(map(len, self.steps)), "dropped_steps": 0}
        (folder / "meta.json").write_text(json.dumps(meta))
        (folder / "routing.gz").write_bytes(gzip.compress(data))
        return folder

    def active(self, layer: int, keep=lambda row: True) -> list[set[int]]:
        """Of the steps that have rows to keep."""
        return [{i for row in rows if keep(row) for i in row[3][layer]} for rows in self.steps if any(map(keep, rows))]


# The reference


def least_maximum(active: set[int], hosts: dict[int, list[int]], instances: int) -> int:
    """The smallest c for which every active expert gets one of its hosts and no host more than c."""
    for capacity in range(-(-len(active) // instances), len(active) + 1):
        serves: dict[int, list[int]] = {g: [] for g in range(instances)}

        def place(expert: int, seen: set[int]) -> bool:
            for host in hosts[expert]:
                if host in seen:
                    continue
                seen.add(host)
                if len(serves[host]) < capacity:
                    serves[host].append(expert)
                    return True
                for other in list(serves[host]):
                    serves[host].remove(other)
                    if place(other, seen):
                        serves[host].append(expert)
                        return True
                    serves[host].append(other)
            return False

        if all(place(expert, set()) for expert in active):
            return capacity
    return 0


def check_reference(generator: random.Random) -> bool:
    for _ in range(200):
        hosts = {e: generator.sample(range(3), generator.randint(1, 3)) for e in range(5)}
        best = min(max(choice.count(g) for g in range(3)) for choice in itertools.product(*hosts.values()))
        if least_maximum(set(hosts), hosts, 3) != best:
            return False
    return True


def hosts_of(layer: list[list[int]]) -> dict[int, list[int]]:
    hosts: dict[int, list[int]] = {}
    for instance, held in enumerate(layer):
        for expert in held:
            if expert >= 0:
                hosts.setdefault(expert, []).append(instance)
    return hosts


def unsound(file: dict, layers: dict[int, int], slots: list[int]) -> str:
    """What is wrong with a placement for experts by layer, or nothing."""
    if set(file) - {"model"} != {"format", "version", "layers"} or len(file["layers"]) != max(layers) + 1:
        return f"fields {list(file)}, {len(file.get('layers', []))} layers"
    for number, layer in enumerate(file["layers"]):
        hosts = hosts_of(layer)
        if set(hosts) != set(range(layers.get(number, 0))):
            return f"layer {number} holds {sorted(hosts)}"
        if any(len(set(h)) != len(h) for h in hosts.values()) or [len(held) > c for held, c in zip(layer, slots, strict=True)].count(True):
            return f"layer {number}: {layer}"
    return ""


class Page(HTMLParser):
    """Tags in balance, and nothing that comes from elsewhere."""

    def __init__(self, text: str):
        super().__init__()
        self.stack, self.problems, self.count = [], [], {}
        self.feed(text)
        self.problems += [f"left open: {self.stack}"] if self.stack else []

    def handle_starttag(self, tag, attributes):
        self.count[tag] = self.count.get(tag, 0) + 1
        if tag in ("script", "link", "iframe", "object"):
            self.problems.append(tag)
        for name, value in attributes:
            if name in ("href", "src") and not value.startswith("data:"):
                self.problems.append(f"{name}={value[:40]}")
        if tag not in ("meta",):
            self.stack.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        self.stack.pop()

    def handle_endtag(self, tag):
        if not self.stack or self.stack.pop() != tag:
            self.problems.append(f"closes {tag}")


# The tests


class Died(Exception):
    """A command that should have worked did not; what its group of tests would check is not there."""


class Tests:
    def __init__(self, program: str, scratch: Path):
        self.program, self.scratch, self.passed, self.failed = program, scratch, 0, 0

    def check(self, name: str, ok: object, detail: object = "") -> None:
        self.passed, self.failed = self.passed + bool(ok), self.failed + (not ok)
        if not ok:
            print(f"FAIL {name}: {str(detail)[:2000]}", flush=True)

    def same(self, name: str, found: object, expected: object) -> None:
        near = abs(found - expected) < 1e-9 if isinstance(expected, float) else found == expected
        self.check(name, near, f"found {found}, expected {expected}")

    def call(self, *arguments: object, most_bytes: int | None = None):
        def limit() -> None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, most_bytes))

        return subprocess.run([self.program, *map(str, arguments)], capture_output=True, text=True, timeout=TIMEOUT,
                              preexec_fn=limit if most_bytes is not None else None)

    def run(self, *arguments: object) -> dict:
        """A command that works, says nothing on stderr, and prints JSON."""
        result = self.call(*arguments, "--json")
        if result.returncode or result.stderr:
            self.check(" ".join(map(str, arguments)), False, (result.returncode, result.stderr))
            raise Died
        return json.loads(result.stdout)

    def group(self, test: Callable[..., None], *arguments: object) -> None:
        """A command that dies fails its own group; the others are run."""
        try:
            test(*arguments)
        except (Died, OSError, KeyError, ValueError, subprocess.TimeoutExpired) as error:
            self.check(f"{test.__name__}: all of it", False, repr(error))

    def refused(self, name: str, pieces: list[str], *arguments: object, code: int = 1) -> None:
        result = self.call(*arguments)
        missing = [piece for piece in pieces if piece not in result.stderr]
        self.check(name, result.returncode == code and not missing and not result.stdout and result.stderr.startswith("janus-plan: error: "),
                   (result.returncode, missing, result.stderr))

    # What is measured is what is there.

    def measures(self, name: str, report: dict, placement: dict, active: dict[int, list[set[int]]]) -> None:
        self.same(f"{name}: layers", [layer["layer"] for layer in report["layers"]], [*active])
        for layer in report["layers"]:
            number, held = layer["layer"], placement["layers"][layer["layer"]]
            steps, hosts = active[number], hosts_of(held)
            a_max = sorted(least_maximum(step, hosts, len(held)) for step in steps)
            expected = {"active": sum(map(len, steps)) / len(steps), "limit": sum(-(-len(s) // len(held)) for s in steps) / len(steps),
                        "a_max": sum(a_max) / len(steps), "p99": float(a_max[(len(a_max) - 1) * 99 // 100]), "worst": float(a_max[-1])}
            for key, value in expected.items():
                if key in layer:
                    self.same(f"{name}: layer {number}: {key}", float(layer[key]), float(value))
            if "load" in layer:
                self.same(f"{name}: layer {number}: summed load", float(sum(layer["load"])), expected["active"])

    def recorded_steps(self, run: Run, trace: Path) -> None:
        experts = {number: e for number, e, _ in run.layers}
        for policy in ("ours", "paper", "eplb", "contiguous", "random"):
            file = self.scratch / f"run-{policy}.json"
            report = self.run("place", "--trace", trace, "--instances", 5, "--slots", 70, "--policy", policy, "--work", 200000, "-o", file)
            placement = json.loads(file.read_text())
            self.same(f"place {policy}: sound", unsound(placement, experts, [70] * 5), "")
            self.measures(f"place {policy}", report, placement, {number: run.active(l) for l, (number, *_) in enumerate(run.layers)})
            replay = self.run("replay", "--trace", trace, "--placement", file)
            self.measures(f"replay {policy}", replay, placement, {number: run.active(l) for l, (number, *_) in enumerate(run.layers)})
            greedy = self.run("replay", "--trace", trace, "--placement", file, "--greedy")
            self.check(f"replay {policy}: greedy is no better", greedy["a_max"] >= replay["a_max"] - 1e-9, (greedy["a_max"], replay["a_max"]))
        for phase, keep in {"decode": lambda row: not row[2], "prefill": lambda row: row[2]}.items():
            replay = self.run("replay", "--trace", trace, "--placement", file, "--phase", phase, "--layers", 2)
            self.measures(f"replay of {phase} rows", replay, placement, {2: run.active(1, keep)})
        last = self.run("replay", "--trace", trace, "--placement", file, "--steps", 7)
        self.measures("replay of the last steps", last, placement, {number: run.active(l)[-7:] for l, (number, *_) in enumerate(run.layers)})

    def drawn_steps(self, generator: random.Random) -> None:
        """Sequences of one row, as many as a batch takes: every step is all of them."""
        single = Sequences(generator, {"all": 24}, 1)
        trace, file = single.write(self.scratch / "single"), self.scratch / "single.json"
        active = {layer: [set().union(*(row[l] for row in single.rows))] * 10 for l, layer in enumerate(single.layers)}
        report = self.run("place", "--trace", trace, "--instances", 3, "--slots", "7,6,7", "--batch", 24, "--steps", 10, "--pin", "15@2,3@0", "-o", file)
        placement = json.loads(file.read_text())
        self.same("drawn: sound", unsound(placement, {1: 16, 3: 16}, [7, 6, 7]), "")
        self.measures("drawn", report, placement, active)
        self.check("pinned", all(15 in placement["layers"][l][2] and 3 in placement["layers"][l][0] for l in (1, 3)), placement)
        self.same("the model's name", placement.get("model"), "toy")
        dead = self.run("place", "--trace", trace, "--instances", 3, "--slots", 10, "--batch", 24, "--steps", 10, "--dead", 1, "-o", file)
        placement = json.loads(file.read_text())
        self.check("dead: nothing there", all(e == -1 for layer in placement["layers"] for e in layer[1]), placement)
        self.check("dead: the limit is that of two instances", dead["limit"] == sum(-(-len(a[0]) // 2) for a in active.values()) / 2, dead["limit"])

    def means(self, sequences: Sequences, trace: Path, generator: random.Random) -> None:
        """Distinct experts of drawn batches, against batches drawn here."""
        file = self.scratch / "means.json"
        report = self.run("place", "--trace", trace, "--instances", 4, "--slots", 5, "--batch", 6, "--steps", 3000, "--work", 0, "-o", file)
        replay = self.run("replay", "--trace", trace, "--placement", file, "--batch", 6, "--steps", 3000)
        for l, layer in enumerate(sequences.layers):
            counts = []
            for _ in range(3000):
                rows = [start + generator.randrange(length) for start, length, _ in generator.sample(sequences.table, 6)]
                counts.append(len(set().union(*(sequences.rows[r][l] for r in rows))))
            mean = sum(counts) / 3000
            error = (sum((c - mean) ** 2 for c in counts) / 3000 / 3000) ** 0.5
            for name, of in (("place", report), ("replay", replay)):
                self.check(f"{name}: distinct experts of layer {layer}", abs(of["layers"][l]["active"] - mean) < 6 * error,
                           (of["layers"][l]["active"], mean, error))
        self.check("place and replay draw different batches", report["layers"][0]["active"] != replay["layers"][0]["active"])

    def moving(self, trace: Path) -> None:
        """From the placement of one domain to another's: a move is made where it pays, and what does not move keeps its slot."""
        law, code = self.scratch / "from.json", self.scratch / "to.json"
        common = ("place", "--trace", trace, "--instances", 4, "--slots", 5, "--batch", 6, "--steps", 500, "--work", 200000)
        self.run(*common, "--domain", "law", "-o", law)
        before = json.loads(law.read_text())["layers"]

        def move(*more: object) -> tuple[dict, list]:
            report = self.run(*common, "--domain", "code", "--current", law, "-o", code, *more)
            self.same("moving: sound", unsound(json.loads(code.read_text()), {1: 16, 3: 16}, [5] * 4), "")
            after = json.loads(code.read_text())["layers"]
            changed = sum(a != b and a not in held for was, now in zip(before, after) for held, new in zip(was, now)
                          for a, b in zip(new, held))
            self.same(f"moving {more}: what the file says", report["moves"]["replicas"], changed)
            return report["moves"], after

        free, _ = move("--price", 0)
        paid, _ = move()
        self.check("moving pays", 0 < paid["replicas"] < free["replicas"] and paid["a_max_after"] < paid["a_max_before"] - 0.1, (free, paid))
        dear, after = move("--price", 1e12)
        self.check("too dear", dear["replicas"] == 0 and dear["kept_layers"] == 2 and after == before, dear)
        short, after = move("--horizon", 1)
        self.check("too short", short["replicas"] == 0 and after == before, short)
        some, after = move("--layers", 3)
        self.check("a layer that is not fitted stays", some["replicas"] > 0 and after[1] == before[1], some)
        self.refused("moving: other instances", ["from.json", "4 instances", "expected 5"], *common[:3], "--instances", 5, *common[5:],
                     "--current", law)
        self.refused("moving: by another policy", ["eplb", "expected ours"], *common, "--policy", "eplb", "--current", law, code=2)

    def compare(self, trace: Path) -> None:
        page = self.scratch / "compare.html"
        common = ("compare", "--trace", trace, "--instances", 4, "--slots", 5, "--steps", 60, "--fit-steps", 300, "--work", 200000)
        arguments = (*common, "--batch", "4,8,12", "--seeds", 2, "--html", page)
        report = self.run(*arguments)
        self.same("compare: cells", [(c["fit"], c["test"], c["batch"]) for c in report["cells"]],
                  [("even sequences", "odd sequences", b) for b in (4, 8, 12)])
        for cell in report["cells"]:
            policies = cell["policies"]
            self.same("compare: policies", [*policies], ["ours", "paper", "paper-greedy", "eplb", "contiguous", "random"])
            self.check("compare: none below the limit", all(p["a_max"] >= cell["limit"] - 1e-9 for p in policies.values()), cell["limit"])
            self.check("compare: ours is not beaten", all(p["difference"] > -p["interval"] - 0.05 for p in policies.values()), policies)
            self.check("compare: the exact scheduler is no worse", policies["paper"]["a_max"] <= policies["paper-greedy"]["a_max"] + 1e-9)
            for p in policies.values():
                self.same("compare: difference", p["difference"], p["a_max"] - policies["ours"]["a_max"])
                self.same("compare: ranked loads", float(p["ranked"][0]), p["a_max"])
        text = page.read_text()
        problems = Page(text)
        self.check("compare: the page", not problems.problems, problems.problems)
        self.check("compare: plots", problems.count.get("svg") == 6 and problems.count.get("image") == 2, problems.count)
        again = self.call(*arguments, "--json", "--threads", 1)
        self.check("compare: the same with one thread", json.loads(again.stdout) == report and page.read_text() == text)
        by_domain = self.run(*common, "--batch", 8, "--seeds", 1, "--by", "domain", "--policy", "ours,contiguous", "--layers", 3)
        self.same("compare by domain: cells", [(c["fit"], c["test"]) for c in by_domain["cells"]], [*itertools.product(("law", "code"), repeat=2)])
        result = self.call(*common, "--batch", 8, "--seeds", 1, "--policy", "contiguous")
        self.check("compare: a table", result.returncode == 0 and not result.stderr and "contiguous" in result.stdout, result)

    def rebalance(self, trace: Path) -> None:
        file, page, expert = self.scratch / "law.json", self.scratch / "shift.html", 1000
        self.run("place", "--trace", trace, "--domain", "law", "--instances", 4, "--slots", 5, "--batch", 6, "--work", 200000, "-o", file)
        arguments = ("replay", "--trace", trace, "--placement", file, "--batch", 6, "--serve", "law:200,code:600", "--expert-bytes", expert,
                     "--fit-steps", 500, "--html", page)
        report = self.run(*arguments, "--rebalance=auto,budget=500")
        steps, done = report["steps"], report["rebalance"]
        self.same("rebalance: steps", len(steps), 800)
        self.check("rebalance: the budget", max(s["bytes"] for s in steps) <= 500 and done["bytes"] == done["moves"] * expert > 0, done)
        self.same("rebalance: all bytes", sum(s["bytes"] for s in steps), done["bytes"])
        self.check("rebalance: nothing before the traffic changes", all(s["rebalanced"] == s["stays"] for s in steps[:200]))
        self.check("rebalance: an epoch ends after all its bytes", all(sum(s["bytes"] for s in steps[:i]) >= expert * steps[i]["epoch"] for i in range(800)))
        settled = report["settled"][0]
        self.check("rebalance: back near the fitted placement", settled["rebalanced"] < 1.03 * settled["fitted"], settled)
        self.check("rebalance: better than staying", settled["rebalanced"] < settled["stays"] - 0.1, settled)
        problems = Page(page.read_text())
        self.check("rebalance: the page", not problems.problems and problems.count.get("svg") == 2, (problems.problems, problems.count))
        off = self.run(*arguments, "--rebalance=off")
        self.check("rebalance: off moves nothing", off["rebalance"]["moves"] == 0 and all(s["rebalanced"] == s["stays"] for s in off["steps"]))
        self.check("rebalance: the same steps", [s["stays"] for s in off["steps"]] == [s["stays"] for s in steps])
        shifts = self.run("compare", "--trace", trace, "--instances", 4, "--slots", 5, "--batch", "6,4", "--steps", 20, "--fit-steps", 200, "--seeds", 1,
                          "--work", 100000, "--fit", "law", "--test", "law,code", "--rebalance=auto", "--html", page)["shifts"]
        self.check("compare: a curve for each pair", len(shifts) == 1 and len(shifts[0]["steps"]) == 900)
        problems = Page(page.read_text())
        self.check("compare: the page of two splits, two batches and a shift", not problems.problems and problems.count.get("svg") == 9,
                   (problems.problems, problems.count))

    # Bad input

    def damaged(self, trace: Path, run: Path) -> None:
        place = ("--instances", 4, "--slots", 5, "--batch", 4)

        def version(source: Path, name: str, changes: dict[str, bytes | None]) -> Path:
            folder = self.scratch / name
            folder.mkdir()
            for file in source.iterdir():
                content = changes.get(file.name, file.read_bytes())
                if content is not None:
                    (folder / file.name).write_bytes(content)
            return folder

        topk, meta = gzip.decompress((trace / "topk.npy.gz").read_bytes()), json.loads((trace / "meta.json").read_text())
        cases: dict[str, tuple[Path, dict, list[str]]] = {
            "no directory": (self.scratch, {}, ["meta.json", "No such file", "--record-routing"]),
            "cut gzip": (trace, {"topk.npy.gz": (trace / "topk.npy.gz").read_bytes()[:-100]}, ["topk.npy.gz", "cut off", "expected more"]),
            "empty gzip": (trace, {"topk.npy.gz": b""}, ["topk.npy.gz", "empty file", "expected gzip"]),
            "no gzip": (trace, {"topk.npy.gz": topk}, ["topk.npy.gz", "damaged gzip"]),
            "wrong shape": (trace, {"topk.npy.gz": gzip.compress(topk[:-6])}, ["topk.npy.gz", "tokens, expected"]),
            "wrong type": (trace, {"topk.npy.gz": gzip.compress(npy((1, 2, 3), bytes(24), "<i8"))}, ["'<i8'", "uint8"]),
            "another shape than meta.json": (trace, {"meta.json": json.dumps({**meta, "tokens": 3}).encode()}, ["tokens", "expected 3", "meta.json"]),
            "an id out of range": (trace, {"meta.json": json.dumps({**meta, "experts": 15}).encode()}, ["found expert 15", "expected 0 to 14"]),
            "a table of other rows": (trace, {"seqs.tsv": b"start\tlen\n0\t999999\n"}, ["seqs.tsv:2", "999999"]),
            "no sequences": (trace, {"seqs.tsv": b"start\tlen\n"}, ["seqs.tsv", "no sequence"]),
            "no array": (trace, {"topk.npy.gz": None}, ["topk.npy.gz", "No such file"]),
            "deep meta.json": (trace, {"meta.json": b"[" * 100000}, ["meta.json", "no JSON object"]),
            "cut records": (run, {"routing.gz": gzip.compress(gzip.decompress((run / "routing.gz").read_bytes())[:-1])}, ["routing.gz", "found", "expected"]),
            "more records": (run, {"routing.gz": gzip.compress(gzip.decompress((run / "routing.gz").read_bytes()) * 2)}, ["routing.gz", "expected"]),
            "not ended": (run, {"meta.json": None}, ["meta.json", "--record-routing"]),
        }
        for name, (source, changes, pieces) in cases.items():
            folder = version(source, name, changes) if changes else self.scratch / "nowhere"
            self.refused(f"trace: {name}", pieces, "place", "--trace", folder, *place)

    def bad_placements(self, trace: Path) -> None:
        file, layers = self.scratch / "bad.json", [[[*range(8)], [*range(8, 16)]]] * 4

        def refused(name: str, pieces: list[str], text: object, **more: object) -> None:
            content = text if isinstance(text, str) else json.dumps({"format": "janus-placement", "version": 1, "layers": text, **more})
            file.write_text(content)
            self.refused(f"placement: {name}", [str(file), *pieces], "replay", "--trace", trace, "--placement", file, "--batch", 4)

        def changed(layer: int, instance: int, held: list) -> list:
            copy = json.loads(json.dumps([[[], []], layers[0], [[], []], layers[0]]))
            copy[layer][instance] = held
            return copy

        good = changed(1, 0, layers[0][0])
        file.write_text(json.dumps({"format": "janus-placement", "version": 1, "layers": good}))
        self.check("placement: the good one", self.run("replay", "--trace", trace, "--placement", file, "--batch", 4))
        refused("no JSON", ["no JSON object", "docs/placement-file.md"], "{")
        refused("deep", ["no JSON object"], "[" * 100000 + "]" * 100000)
        refused("a huge number", ["layer 1 instance 0", "99999999999", "expert id or -1"], changed(1, 0, [99999999999]))
        refused("an expert lost", ["layer 1", "expert 7 is on no instance"], changed(1, 0, [*range(7)]))
        refused("an expert twice", ["layer 3", "instance 1", "expert 15 twice"], changed(3, 1, [*range(8, 16), 15]))
        refused("an unknown expert", ["layer 1", "expert 16", "expected 0 to 15"], changed(1, 0, [*range(8), 16]))
        refused("an unknown instance", ["layer 3", "3 instances", "expected 2"], [*good[:3], [*good[3], []]])
        refused("fewer layers", ["found 2 layers", "at least 4", "another model"], good[:2])
        refused("experts in a layer without", ["layer 0"], [layers[0], *good[1:]])
        refused("another model's name", ["'other'", "'toy'", "another model"], good, model="other")
        refused("no instances", ["0 instances"], [[]] * 4)
        file.unlink()
        self.refused("placement: missing", [str(file), "No such file"], "replay", "--trace", trace, "--placement", file, "--batch", 4)

    def usage(self, trace: Path, run: Path) -> None:
        common, file = ("--trace", trace, "--instances", 4, "--slots", 5), self.scratch / "any.json"
        for pieces, arguments in {
            "no command|place, replay or compare": (),
            "\"plan\"|place, replay or compare": ("plan",),
            "--slot|did you mean --slots": ("place", "--slot", 3),
            "--rebalance|belongs to replay and compare": ("place", "--rebalance=auto"),
            "expected --trace": ("place", "--instances", 4, "--slots", 5),
            "--instances N and --slots C": ("place", "--trace", trace),
            "\"0\"|a number from 1 to": ("place", *common, "--batch", 0),
            "\"x\"|a number": ("place", *common, "--batch", "x"),
            "needs a value": ("place", "--trace"),
            "takes no value": ("compare", "--json=1"),
            "expected one of ours": ("compare", *common, "--batch", 4, "--policy", "best"),
            "2 numbers, expected one": ("place", *common, "--batch", "4,8"),
            "3 numbers|each of 4": ("place", "--trace", trace, "--instances", 4, "--slots", "5,5,5", "--batch", 4),
            "instance 4, expected 0 to 3": ("place", *common, "--batch", 4, "--dead", 4),
            "--test without --fit": ("compare", *common, "--batch", 4, "--test", "law"),
            "DOMAIN:STEPS": ("replay", "--trace", trace, "--placement", file, "--batch", 4, "--serve", "law"),
            "off, auto or every=N": ("replay", "--trace", trace, "--placement", file, "--batch", 4, "--rebalance=maybe"),
            "expected --placement": ("replay", "--trace", trace),
            "expected an option": ("place", "placement.json"),
        }.items():
            self.refused(f"usage: {pieces}", pieces.split("|"), *arguments, code=2)
        for pieces, arguments in {
            "version 1|--batch": ("place", *common),
            "found 80 sequences|at least 81": ("place", *common, "--batch", 81),
            "'poetry'|law, code": ("place", *common, "--batch", 4, "--domain", "poetry"),
            "layer 2|from 1 to 3": ("place", *common, "--batch", 4, "--layers", "1,2"),
            "expected at least 16|more slots": ("place", "--trace", trace, "--instances", 3, "--slots", 5, "--batch", 4),
            "expert 16|0 to 15": ("place", *common, "--batch", 4, "--pin", "16@0"),
            "no names of domains": ("compare", "--trace", run, "--instances", 4, "--slots", 80, "--batch", 4, "--by", "domain"),
            "a batch of 41": ("compare", *common, "--batch", 41),
            "nowhere/p.json|No such file": ("place", *common, "--batch", 4, "-o", self.scratch / "nowhere" / "p.json"),
            "Is a directory": ("place", *common, "--batch", 4, "-o", self.scratch),
        }.items():
            self.refused(f"value: {pieces}", pieces.split("|"), *arguments)
        for arguments in (("--help",), ("place", "--help"), ("replay", "-h"), ("compare", "--help")):
            result = self.call(*arguments)
            self.check(f"{arguments}", result.returncode == 0 and "Exit code" in result.stdout and not result.stderr, result)

    def outputs(self, trace: Path) -> None:
        folder = self.scratch / "outputs"
        folder.mkdir()
        place = ("place", "--trace", trace, "--instances", 4, "--slots", 5, "--batch", 4, "--steps", 50, "--work", 1000, "-o", folder / "p.json")
        compare = ("compare", "--trace", trace, "--instances", 4, "--slots", 5, "--batch", 4, "--steps", 5, "--fit-steps", 50, "--seeds", 1,
                   "--work", 1000, "--html", folder / "r.html")
        for name, arguments in {"p.json": place, "r.html": compare}.items():
            for most in (0, 100):
                result = self.call(*arguments, most_bytes=most)
                self.check(f"{name} ends at {most} bytes: exit 1, nothing left", result.returncode == 1 and name in result.stderr
                           and not result.stdout and not list(folder.iterdir()), (result, list(folder.iterdir())))
            (folder / name).write_text("before")
            result = self.call(*arguments, most_bytes=100)
            self.check(f"{name}: what was there stays", result.returncode == 1 and (folder / name).read_text() == "before", result)
            result = self.call(*arguments)
            self.check(f"{name}: whole", result.returncode == 0 and (folder / name).stat().st_size > 100, result)
            (folder / name).unlink()
        with open("/dev/full", "wb") as full:
            result = subprocess.run([self.program, *map(str, place)], stdout=full, stderr=subprocess.PIPE, text=True, timeout=TIMEOUT)
        self.check("stdout on a full disk", result.returncode == 1 and "could not be written" in result.stderr, result)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("janus_plan")
    parser.add_argument("--seed", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        generator, tests = random.Random(options.seed), Tests(options.janus_plan, Path(directory))
        tests.check("the reference", check_reference(generator))
        sequences, run = Sequences(generator, {"law": 40, "code": 40}, 12), Run(generator, 60)
        trace, recorded = sequences.write(tests.scratch / "trace"), run.write(tests.scratch / "run")
        tests.group(tests.recorded_steps, run, recorded)
        tests.group(tests.drawn_steps, generator)
        tests.group(tests.means, sequences, trace, generator)
        for test in (tests.moving, tests.compare, tests.rebalance, tests.bad_placements, tests.outputs):
            tests.group(test, trace)
        for test in (tests.damaged, tests.usage):
            tests.group(test, trace, recorded)
    print(f"seed {options.seed}; {tests.passed} passed, {tests.failed} failed")
    return 1 if tests.failed or not tests.passed else 0


if __name__ == "__main__":
    sys.exit(main())
