#!/usr/bin/env python3
"""What the transport counts is what docs/transfers.md says, exactly.

  counters.py JANUS_COMPILE JANUS_RUN TRANSFERS_MD MODEL_DIR...

Reads the tables of docs/transfers.md, computes their symbols from the map of instances to nodes and from what
--record-routing wrote, by counting instances, rows and pairs one by one, and compares the sums over layers and steps
with `traffic` of --stats=json: messages and bytes of every phase on every link class. Also checks that the recorded
schedule is one (a replica of the placement, a_max as reported), that `auto` chose by the rule of the document, and that
what --rebalance copied is what lies elsewhere than before.
Nothing here comes from the runtime's own evaluation of these expressions. Closes with 'N passed, N failed'.
"""

import gzip
import itertools
import json
import random
import re
import struct
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

SPLITS = ((1, 1), (2, 1), (1, 6), (3, 2), (2, 5), (4, 7))
SCHEMES = ("direct", "case1", "case2", "auto")
HEADINGS = {"Dispatch, gate on the expert side": "dispatch-expert", "Dispatch, gate on the attention side": "dispatch-attention",
            "Exchange of expert ids, gate on the attention side": "exchange", "Return": "return"}
MOVES = "Moves of experts"
NO_ONE = 65535


class Document:
    """The tables of docs/transfers.md: for a kind of transfer and a scheme, (link, counted as, messages, bytes)."""

    def __init__(self, path: Path):
        text = path.read_text()
        self.phases: dict[str, dict[str, list]] = {kind: {} for kind in HEADINGS.values()}
        self.moves: list = []  # (counted as, messages, bytes)
        kind = heading = None
        for line in text.splitlines():
            if line.startswith("#"):
                heading = line.lstrip("# ")
                kind = HEADINGS.get(heading)
            elif heading == MOVES and line.startswith("| ") and not line.startswith("| counted"):
                counted, _, messages, size = (cell.strip() for cell in line.strip("|\n").split("|"))
                self.moves.append((counted, compiled(messages), compiled(size)))
            elif kind and line.startswith("| ") and not line.startswith("| scheme"):
                scheme, _, link, counted, messages, size = (cell.strip() for cell in line.strip("|\n").split("|"))
                self.phases[kind].setdefault(scheme, []).append((link, counted, compiled(messages), compiled(size)))
        self.profile = json.loads(re.search(r"```json\n(.*?)```", text, re.S).group(1))["links"]
        assert all(self.phases.values()) and self.moves, "docs/transfers.md: a table is missing"


def compiled(cell: str):
    text = cell.strip("`")
    assert re.fullmatch(r"[\w+\-*() ]+", text), f"docs/transfers.md: {cell} is no expression"
    return compile(text, f"docs/transfers.md: {text}", "eval")


def value(expression, symbols: dict[str, int]) -> int:
    return eval(expression, {"__builtins__": {}}, symbols)


class Map:
    """Instances on nodes, with leaders and homes as the document defines them."""

    def __init__(self, attention: list[int], expert: list[int]):
        self.attention, self.expert = attention, expert
        self.attention_nodes, self.expert_nodes = sorted(set(attention)), sorted(set(expert))

    def __str__(self) -> str:
        return ";".join(f"{kind}{i}@{node}" for kind, nodes in (("a", self.attention), ("e", self.expert)) for i, node in enumerate(nodes))

    def attention_leads(self, i: int) -> bool:
        return all(self.attention[o] != self.attention[i] for o in range(i))

    def expert_leads(self, j: int) -> bool:
        return all(self.expert[o] != self.expert[j] for o in range(j))

    def home(self, node: int) -> int:
        return self.expert_nodes[self.attention_nodes.index(node) % len(self.expert_nodes)]


def symbols_of(nodes: Map, rows: list[int], hidden: int, k: int, served: list[list[int]]) -> dict[str, int]:
    """`served`: for each row of the step the expert instance that serves each of its k pairs."""
    m, n = range(len(nodes.attention)), range(len(nodes.expert))
    active = [i for i in m if rows[i]]
    active_nodes = {nodes.attention[i] for i in active}
    rows_on = {node: sum(rows[i] for i in m if nodes.attention[i] == node) for node in active_nodes}
    near = [(i, j) for i in active for j in n if nodes.attention[i] == nodes.expert[j]]
    gatherers = [i for i in active if not nodes.attention_leads(i)]
    same = [node for node in active_nodes if node in nodes.expert_nodes]
    at_home = [node for node in active_nodes if nodes.home(node) == node]
    node_of_row = [nodes.attention[i] for i in m for _ in range(rows[i])]
    assert len(node_of_row) == len(served) == sum(rows)
    pairs = [(r, j) for r, instances in enumerate(served) for j in instances]
    needs = {(r, j) for r, j in pairs}
    node_needs = {(r, nodes.expert[j]) for r, j in pairs}
    return {
        "n": len(n), "E": len(nodes.expert_nodes), "H": hidden, "k": k, "rows": sum(rows), "active": len(active), "A": len(active_nodes),
        "near_links": len(near), "near_rows": sum(rows[i] for i, _ in near),
        "gatherers": len(gatherers), "gather_rows": sum(rows[i] for i in gatherers),
        "same_nodes": len(same), "same_node_rows": sum(rows_on[node] for node in same),
        "home_nodes": len(at_home), "home_node_rows": sum(rows_on[node] for node in at_home),
        "near_pairs": sum(nodes.expert[j] == node_of_row[r] for r, j in pairs),
        "member_pairs": sum(not nodes.expert_leads(j) for _, j in pairs),
        "away_pairs": sum(nodes.expert[j] != nodes.home(node_of_row[r]) for r, j in pairs),
        "near_needs": sum(nodes.expert[j] == node_of_row[r] for r, j in needs),
        "far_needs": sum(nodes.expert[j] != node_of_row[r] for r, j in needs),
        "fanout_needs": sum(not nodes.expert_leads(j) for _, j in needs),
        "same_node_needs": sum(node == node_of_row[r] for r, node in node_needs),
        "other_node_needs": sum(node != node_of_row[r] for r, node in node_needs),
        "away_needs": sum(node != nodes.home(node_of_row[r]) for r, node in node_needs),
    }


class Reader:
    """Little-endian numbers out of a gzip file, to its end."""

    def __init__(self, path: Path):
        self.data, self.at = gzip.decompress(path.read_bytes()), 0

    def __bool__(self) -> bool:
        return self.at < len(self.data)

    def take(self, code: str) -> tuple:
        values = struct.unpack_from("<" + code, self.data, self.at)
        self.at += struct.calcsize("<" + code)
        return values


class Trace:
    """docs/routing-trace.md, version 2."""

    def __init__(self, folder: Path):
        meta = json.loads((folder / "meta.json").read_text())
        assert (meta["format"], meta["version"]) == ("janus-routing", 2), meta
        self.layers = meta["layers"]
        assert [layer["layer"] for layer in self.layers] == [*range(len(self.layers))], "a model of MoE layers only"
        self.ids, self.serving, self.sources = {}, {}, {}  # by step, layer; by step, layer; by step
        routing, schedule = Reader(folder / "routing.gz"), Reader(folder / "schedule.gz")
        while routing:
            step, rows, layers = routing.take("QII")
            assert layers == len(self.layers), layers
            self.sources[step] = [*zip(routing.take(f"{rows}I"), routing.take(f"{rows}I"), routing.take(f"{rows}B"))]
            for layer, of in enumerate(self.layers):
                self.ids[step, layer] = routing.take(f"{rows * of['k']}{'H' if of['experts'] > 256 else 'B'}")
        while schedule:
            step, layer, experts = schedule.take("QII")
            self.serving[step, layer] = schedule.take(f"{experts}H")
        self.steps = []  # (step, scheme, rows by attention instance)
        for line in (folder / "steps.tsv").read_text().splitlines()[1:]:
            step, scheme, rows = line.split("\t")
            self.steps.append((int(step), scheme, [int(r) for r in rows.split(",")]))
        self.meta = meta

    def check_sources(self, prompts: list[int]) -> str:
        """Of every request: its prompt in order, then its new tokens one a step."""
        if (self.meta["steps"], self.meta["rows"], self.meta["dropped_steps"]) != (len(self.steps), sum(sum(r) for *_, r in self.steps), 0):
            return f"meta.json counts {self.meta}"
        next_position: Counter = Counter()
        for step, _, rows in self.steps:
            if len(self.sources[step]) != sum(rows):
                return f"step {step}: {len(self.sources[step])} sources of {sum(rows)} rows"
            for source, position, prefill in self.sources[step]:
                if not 1 <= source <= len(prompts):
                    return f"step {step}: request {source}, expected 1 to {len(prompts)}"
                if position != next_position[source] or prefill != (position < prompts[source - 1]):
                    return f"step {step}: request {source} at {position}, phase {prefill}, expected {next_position[source]}"
                next_position[source] += 1
        return ""

    def check_schedule(self, stats: dict, before: dict | None = None) -> str:
        """What is wrong with the recorded schedule, or nothing. `before`: the placement that steps began with, if another."""
        expected = {(step, layer) for step, _, _ in self.steps for layer in range(len(self.layers))}
        if set(self.ids) != expected or set(self.serving) != expected:
            return f"{len(self.ids)} and {len(self.serving)} records, expected {len(expected)} (step, layer)"
        worst, total = [0] * len(self.layers), [0] * len(self.layers)
        for (step, layer), by in self.serving.items():
            activated = set(self.ids[step, layer])
            if {e for e, instance in enumerate(by) if instance != NO_ONE} != activated:
                return f"step {step}, layer {layer}: the schedule is not of the activated experts"
            placements = [stats["placement"]] + ([before] if before else [])
            if not any(all(e in placement["layers"][layer][by[e]] for e in activated) for placement in placements):
                return f"step {step}, layer {layer}: an expert is served where it has no replica"
            load = max(Counter(by[e] for e in activated).values())
            worst[layer], total[layer] = max(worst[layer], load), total[layer] + load
        for layer, of in enumerate(stats["layers"]):
            if of["a_max"]["worst"] != worst[layer] or abs(of["a_max"]["mean"] - total[layer] / len(self.steps)) > 1e-9:
                return f"layer {layer}: a_max {of['a_max']}, recorded worst {worst[layer]}, mean {total[layer] / len(self.steps)}"
        return ""


def kinds_of(gate: str) -> tuple[str, ...]:
    return ("dispatch-expert", "return") if gate == "expert" else ("dispatch-attention", "exchange", "return")


def expected_traffic(document: Document, trace: Trace, nodes: Map, gate: str, hidden: int) -> Counter:
    """(phase, link, 'messages' or 'bytes') -> amount, of everything but the bytes of control messages."""
    traffic: Counter = Counter()
    for step, scheme, rows in trace.steps:
        traffic["step", "control", "messages"] += len(nodes.attention) + len(nodes.expert)
        traffic["result", "control", "messages"] += sum(r > 0 for r in rows)
        for layer, of in enumerate(trace.layers):
            ids, by, k = trace.ids[step, layer], trace.serving[step, layer], of["k"]
            served = [[by[e] for e in ids[at:at + k]] for at in range(0, len(ids), k)]
            symbols = symbols_of(nodes, rows, hidden, k, served)
            for kind in kinds_of(gate):
                for link, counted, messages, size in document.phases[kind]["direct" if kind == "exchange" else scheme]:
                    traffic[counted, link, "messages"] += value(messages, symbols)
                    traffic[counted, link, "bytes"] += value(size, symbols)
    return +traffic  # zeros dropped


def moves_between(before: dict, after: dict) -> list[tuple[int, bool]]:
    """(layer, whether another instance held the expert) of every slot that has another expert than before."""
    moves = []
    for layer, (old, new) in enumerate(zip(before["layers"], after["layers"])):
        for instance, slots in enumerate(new):
            for slot, expert in enumerate(slots):
                if expert >= 0 and old[instance][slot] != expert:
                    moves.append((layer, any(expert in held for other, held in enumerate(old) if other != instance)))
    return moves


def expected_moves(document: Document, trace: Trace, stats: dict, nodes: Map) -> Counter:
    """As expected_traffic, without links: what --rebalance adds."""
    traffic: Counter = Counter()
    of, placement = stats["rebalance"], stats["placement"]
    symbols = {
        "steps": len(trace.steps), "layers": len(trace.layers), "m": len(nodes.attention), "n": len(nodes.expert),
        "reported_ids": sum(min(sum(rows), 256) * layer["k"] for _, _, rows in trace.steps for layer in trace.layers),
        "pieces": of["pieces"], "peer_pieces": of["peer_pieces"], "peer_bytes": of["peer_bytes"],
        "epochs": of["epochs"], "layer_epochs": sum(layer["epochs"] for layer in stats["layers"]),
        "slots": max(len(slots) for layer in placement["layers"] for slots in layer),
    }
    for counted, messages, size in document.moves:
        traffic[counted, "messages"] += value(messages, symbols)
        traffic[counted, "bytes"] += value(size, symbols)
    return +traffic


def counted_traffic(stats: dict) -> Counter:
    traffic: Counter = Counter()
    for phase, links in stats["traffic"].items():
        for link, amounts in links.items():
            traffic[phase, link, "messages"] = amounts["messages"]
            if phase not in ("step", "result"):
                traffic[phase, link, "bytes"] = amounts["bytes"]
    return +traffic


def scheme_by_rule(document: Document, nodes: Map, rows: int, step_rows: int, gate: str, hidden: int, k: int) -> str:
    m, n = len(nodes.attention), len(nodes.expert)
    count = min(next(1 << b for b in range(17) if rows <= 1 << b), step_rows)
    dealt = [sum(r % m == i for r in range(count)) for i in range(m)]
    symbols = symbols_of(nodes, dealt, hidden, k, [[(r * k + rank) % n for rank in range(k)] for r in range(count)])

    def seconds(scheme: str) -> float:
        total = 0.0
        for kind in ("dispatch-" + gate, "return"):
            part = 0.0
            for link, _, messages, size in document.phases[kind][scheme]:
                part += value(messages, symbols) * document.profile[link]["alpha"] + value(size, symbols) / document.profile[link]["beta"]
            total += part
        return total

    return min(SCHEMES[:3], key=seconds)  # the first of equal ones


class Tests:
    def __init__(self, runner: str, document: Document, scratch: Path):
        self.runner, self.document, self.scratch = runner, document, scratch
        self.passed = self.failed = 0

    def check(self, name: str, problem: str) -> None:
        self.passed, self.failed = self.passed + (not problem), self.failed + bool(problem)
        if problem:
            print(f"FAIL {name}: {problem}", flush=True)

    def case(self, name: str, artifact: Path, hidden: int, nodes: Map, scheme: str, gate: str, options: dict[str, object],
             prompts: list[int]) -> None:
        m, n, folder = len(nodes.attention), len(nodes.expert), self.scratch / "routing"
        arguments = {"--attention": m, "--experts": n, "--nodes": nodes, "--scheme": scheme, "--gate-side": gate, "--threads": 1,
                     "--record-routing": folder, "--kv-memory": "16M", **options}
        command = [self.runner, str(artifact), "--stats=json", "--print-ids", *(str(x) for pair in arguments.items() for x in pair)]
        name = f"{name}: {' '.join(command[4:])}"
        result = subprocess.run(command, capture_output=True, text=True, timeout=300)
        if result.returncode:
            return self.check(name, f"exit code {result.returncode}: {result.stderr[-500:]}")
        stats, trace = json.loads(result.stderr), Trace(folder)
        self.check(name, trace.check_schedule(stats))
        self.check(name, trace.check_sources(prompts))
        rows = [sum(r) for _, _, r in trace.steps]
        self.check(name, "" if (stats["steps"], stats["rows"]) == (len(rows), sum(rows)) else f"steps.tsv has {len(rows)} steps, {sum(rows)} rows")
        if scheme == "auto":
            wrong = [(step, s) for (step, s, _), r in zip(trace.steps, rows)
                     if s != scheme_by_rule(self.document, nodes, r, options.get("--step-rows", 512), gate, hidden, trace.layers[0]["k"])]
        else:
            wrong = [(step, s) for step, s, _ in trace.steps if s != scheme]
        self.check(name, f"schemes of steps {wrong}" if wrong else "")
        expected, found = expected_traffic(self.document, trace, nodes, gate, hidden), counted_traffic(stats)
        self.check(name, "; ".join(f"{' '.join(key)}: found {found[key]}, expected {expected[key]}"
                                   for key in sorted({*expected, *found}) if expected[key] != found[key]))


    def moves(self, name: str, artifact: Path, nodes: Map, gate: str, source: str, options: dict[str, object]) -> None:
        """One plan that draws another placement at random, carried out while a request goes on."""
        m, n, folder = len(nodes.attention), len(nodes.expert), self.scratch / "routing"
        arguments = {"--attention": m, "--experts": n, "--nodes": nodes, "--gate-side": gate, "--threads": 1, "--kv-memory": "16M",
                     "--prompt-ids": "70,3,9,20,200,7,7,81", "--max-new-tokens": 90, "--placement": "random:5", **options}
        command = [self.runner, str(artifact), "--stats=json", "--print-ids", *(str(x) for pair in arguments.items() for x in pair)]
        moving = ["--record-routing", str(folder), "--rebalance", f"every=46,plan=random,budget=1000000,from={source}"]
        name = f"{name}: {' '.join(command[4:] + moving)}"
        still, moved = (subprocess.run(line, capture_output=True, text=True, timeout=300) for line in (command, command + moving))
        if still.returncode or moved.returncode:
            return self.check(name, f"exit code {still.returncode}, {moved.returncode}: {moved.stderr[-500:]}")
        self.check(name, "" if still.stdout == moved.stdout else "another output than without --rebalance")
        before, stats, trace = json.loads(still.stderr)["placement"], json.loads(moved.stderr), Trace(folder)
        of, layers = stats["rebalance"], stats["layers"]
        self.check(name, trace.check_schedule(stats, before))
        counts = (of["plans"], of["applied"], of["failed"], sum(layer["epochs"] > 0 for layer in layers))
        self.check(name, "" if counts == (1, 1, 0, len(layers)) else f"plans, applied, failed, layers: {counts}")
        moves = moves_between(before, stats["placement"])
        by_layer = [sum(layer == l for layer, _ in moves) for l in range(len(layers))]
        self.check(name, "" if [layer["moves"] for layer in layers] == by_layer else f"moves by layer, expected {by_layer}")
        each = [layer["moved_bytes"] // max(layer["moves"], 1) for layer in layers]
        whole = all(layer["moved_bytes"] == size * layer["moves"] for layer, size in zip(layers, each))
        total = (sum(by_layer), sum(layer["moved_bytes"] for layer in layers))
        self.check(name, "" if whole and (of["moves"], of["moved_bytes"]) == total else f"moves, bytes: expected {total}, or parts of experts")
        peers = sum(each[layer] for layer, held in moves if held) if source == "peer" else 0
        self.check(name, "" if of["peer_bytes"] == peers else f"bytes from peers: found {of['peer_bytes']}, expected {peers}")
        expected, found = expected_moves(self.document, trace, stats, nodes), Counter()
        for phase, links in stats["traffic"].items():
            for link, amounts in links.items():
                if any(phase == counted for counted, *_ in self.document.moves):
                    found += Counter({(phase, key): amounts[key] for key in ("messages", "bytes")})
                    self.check(name, "" if (link == "control") == (phase != "weights") else f"{phase} counted as {link}")
        self.check(name, "; ".join(f"{' '.join(key)}: found {found[key]}, expected {expected[key]}"
                                   for key in sorted({*expected, *found}) if expected[key] != found[key]))


def maps_of(m: int, n: int, generator: random.Random) -> list[Map]:
    """All on one node; apart; and two at random, with gaps between the node numbers, of kinds together and apart."""
    maps = [Map([0] * m, [0] * n), Map([0] * m, [1] * n)]
    for numbers in ((0, 3), (5, 1, 2)):
        maps.append(Map([generator.choice(numbers) for _ in range(m)], [generator.choice(numbers) for _ in range(n)]))
    return maps


def write_prompts(path: Path, generator: random.Random) -> list[int]:
    """Returns their lengths."""
    lines = [{"prompt_ids": [generator.randrange(1, 255) for _ in range(length)], "max_new_tokens": new}
             for length, new in ((9, 2), (1, 5), (14, 3), (4, 1), (6, 4))]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return [len(line["prompt_ids"]) for line in lines]


def main() -> int:
    compiler, runner, transfers, *models = sys.argv[1:]
    document, seed = Document(Path(transfers)), 20
    with tempfile.TemporaryDirectory() as directory:
        scratch = Path(directory)
        tests = Tests(runner, document, scratch)
        for folder in map(Path, models):
            generator = random.Random(seed)
            artifact = scratch / f"{folder.name}.janus"
            subprocess.run([compiler, folder / "model.onnx", "-o", artifact, "--gate-side=auto"], check=True)
            config = json.loads((folder / "config.json").read_text())
            experts = config.get("num_local_experts") or config["num_experts"]
            lengths = write_prompts(scratch / "prompts.jsonl", generator)
            one = {"--prompt-ids": "70,3,9,20,200,7,7,81", "--max-new-tokens": 4}
            many = {"--prompts": scratch / "prompts.jsonl", "--max-batch": 3, "--step-rows": 16, "--chunk": 7}
            cases = itertools.count()
            for m, n in SPLITS:
                for nodes in maps_of(m, n, generator):
                    for scheme, gate, requests in itertools.product(SCHEMES, ("expert", "attention"), (one, many)):
                        options = dict(requests)
                        variant = next(cases) // 2  # of two neighbours one has each kind of requests
                        if variant % 2:
                            options["--slots"] = -(-3 * experts // (2 * n))
                        if variant % 3:
                            options["--placement"] = f"random:{variant}"
                        if variant % 5 == 0:
                            options["--transport"] = f"strict:{variant}"
                        tests.case(folder.name, artifact, config["hidden_size"], nodes, scheme, gate, options,
                                   lengths if requests is many else [8])
            for (m, n), gate, source in itertools.product(((1, 1), (2, 3), (3, 2)), ("expert", "attention"), ("peer", "artifact")):
                options = {"--slots": -(-3 * experts // (2 * n))} if m == 2 else {}
                if next(cases) % 2:
                    options["--transport"] = f"strict:{m}"
                tests.moves(folder.name, artifact, maps_of(m, n, generator)[2], gate, source, options)
            print(f"{folder.name}: {next(cases)} runs", flush=True)
    print(f"seed {seed}; {tests.passed} passed, {tests.failed} failed")
    return 1 if tests.failed or not tests.passed else 0


if __name__ == "__main__":
    sys.exit(main())
