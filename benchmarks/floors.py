#!/usr/bin/env python3
"""Measures Janus against llama.cpp and against itself, and checks the floors we promise.

  benchmarks/floors.py --model DIR --gguf FILE --llama DIR [--rounds N] [--build build] [--json FILE]

--model   the folder of a bench model in f32 ONNX (Qwen3-MoE structure: hidden 1024, 16 layers, 64 experts, top 8)
--gguf    the same shapes in f32 for llama.cpp
--llama   the folder with llama-bench and llama-batched-bench

Every round runs each engine once, one after the other, so that a slow minute of the machine meets all of them; ratios
are taken within a round and their median is reported with the range. 2 threads. Decode: B rows of 8 random tokens, 16
steps with differing tokens; prefill: 512 random tokens. Weights are read once before the clock starts.
"""

import argparse
import json
import multiprocessing
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

THREADS = 2


def run(*command: object) -> str:
    result = subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=1800)
    if result.returncode:
        raise RuntimeError(f"{' '.join(map(str, command))}: exit code {result.returncode}\n{result.stdout[-1000:]}{result.stderr[-1000:]}")
    return result.stdout


def janus(bench: Path, artifact: Path, *options: object) -> dict:
    """{'decode1': tokens/s, 'decode64': ..., 'prefill': ...} of one timed round."""
    found = {}
    for line in run(bench, artifact, "--rounds", 1, *options).splitlines():
        case = json.loads(line)
        if case["case"] == "decode":
            found[f"decode{case['batch']}"] = case["tokens_per_s"]
        elif case["case"] == "prefill":
            found["prefill"] = case["tokens_per_s"]  # the last one: the first warms up
    return found


def llama(folder: Path, gguf: Path) -> dict:
    found = {}
    table = run(folder / "llama-batched-bench", "-m", gguf, "-t", THREADS, "-lm", "none", "-c", 4096, "-b", 2048, "-ub", 512, "-npp", 8, "-ntg", 16, "-npl", "1,64")
    for row in re.findall(r"^\|\s*8 \|\s*16 \|\s*(\d+) \|.*$", table, re.M):
        cells = [c.strip() for c in re.search(rf"^\|\s*8 \|\s*16 \|\s*{row} \|.*$", table, re.M).group(0).strip("|").split("|")]
        found[f"decode{row}"] = float(cells[7])
    rows = json.loads(run(folder / "llama-bench", "-m", gguf, "-lm", "none", "-t", THREADS, "-p", 512, "-n", 0, "-r", 1, "-o", "json"))
    found["prefill"] = rows[0]["avg_ts"]
    return found


def spin() -> None:
    while True:
        pass


def compile_peak(janus_compile: Path, model: Path, artifact: Path) -> tuple:
    """Peak resident bytes that are not file cache, and seconds."""
    start, peak = time.time(), 0
    process = subprocess.Popen([str(janus_compile), str(model), "-o", str(artifact)])
    while process.poll() is None:
        try:
            status = Path(f"/proc/{process.pid}/status").read_text()
            peak = max(peak, sum(int(n) for n in re.findall(r"Rss(?:Anon|Shmem):\s+(\d+)", status)))
        except OSError:
            pass
        time.sleep(0.02)
    if process.returncode:
        raise RuntimeError(f"janus-compile: exit code {process.returncode}")
    return peak * 1024, time.time() - start


def first_token(janus_run: Path, artifact: Path) -> tuple:
    """Seconds from start to the first token, and of one plain reading of the same weights."""
    start = time.time()
    for file in sorted((artifact / "weights").iterdir()):
        with open(file, "rb", buffering=0) as handle:
            buffer = bytearray(1 << 24)
            while handle.readinto(buffer):
                pass
    reading = time.time() - start
    start = time.time()
    process = subprocess.Popen([str(janus_run), str(artifact), "--prompt-ids", "1,2,3,4,5,6,7,8", "--max-new-tokens", "1", "--quiet"], stdout=subprocess.PIPE)
    process.stdout.read(1)
    seconds = time.time() - start
    process.wait()
    return seconds, reading


def cpu_model() -> str:
    info = Path("/proc/cpuinfo").read_text()
    name = re.search(r"model name\s*: (.*)", info)
    flags = info.split("flags")[1].split("\n")[0]
    return f"{name.group(1) if name else 'unknown'}, {os.cpu_count()} cores, {'AVX-512' if 'avx512f' in flags else 'AVX2' if 'avx2' in flags else 'no AVX2'}"


def busy_share(before: list, after: list, seconds: float, own: float) -> float:
    """CPU time of other processes, in cores."""
    ticks = os.sysconf("SC_CLK_TCK")
    used = sum(b - a for i, (a, b) in enumerate(zip(before, after)) if i not in (3, 4)) / ticks
    return max(0.0, used - own) / seconds


def cpu_times() -> list:
    return [int(n) for n in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--gguf", type=Path, required=True)
    parser.add_argument("--llama", type=Path, required=True)
    parser.add_argument("--build", type=Path, default=Path("build"))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    a = parser.parse_args()
    bench, tools = a.build / "benchmarks/engine/janus-bench", a.build / "tools"

    figures = {key: [] for key in ("janus", "llama", "split", "busy", "threads4")}
    with tempfile.TemporaryDirectory(dir=a.build) as scratch:
        artifact = Path(scratch) / "bench.janus"
        peak, compile_s = compile_peak(tools / "janus-compile/janus-compile", a.model / "model.onnx", artifact)
        first_s, reading_s = first_token(tools / "janus-run/janus-run", artifact)
        before, start, own_before = cpu_times(), time.time(), os.times()
        for index in range(a.rounds):
            figures["llama"].append(llama(a.llama, a.gguf))
            figures["janus"].append(janus(bench, artifact, "--threads", THREADS))
            figures["split"].append(janus(bench, artifact, "--threads", THREADS, "--attention", 2, "--experts", 4, "--prefill", 0))
            other = multiprocessing.Process(target=spin, daemon=True)
            other.start()
            figures["busy"].append(janus(bench, artifact, "--threads", THREADS, "--batch", 1, "--prefill", 0))
            other.terminate()
            other.join()
            figures["threads4"].append(janus(bench, artifact, "--threads", 4, "--batch", 1, "--prefill", 0))
            print(f"round {index + 1} of {a.rounds} done", file=sys.stderr)
        own_after = os.times()
    own = (own_after.children_user + own_after.children_system) - (own_before.children_user + own_before.children_system)
    others = busy_share(before, cpu_times(), time.time() - start, own)

    floors = [
        ("decode B=1 / llama.cpp", "janus", "llama", "decode1", 0.9),
        ("decode B=64 / llama.cpp", "janus", "llama", "decode64", 1.2),
        ("prefill 512 / llama.cpp", "janus", "llama", "prefill", 1.2),
        ("2 + 4 instances / 1 + 1, B=1", "split", "janus", "decode1", 0.85),
        ("2 + 4 instances / 1 + 1, B=64", "split", "janus", "decode64", 0.85),
        ("one core busy / quiet, B=1", "busy", "janus", "decode1", 0.4),
        ("4 threads / 2 threads, B=1", "threads4", "janus", "decode1", 0.5),
    ]
    print(f"\nCPU: {cpu_model()}; other processes used {others:.2f} cores; load average {os.getloadavg()[0]:.2f}\n")
    print("| floor | tokens/s | against | ratio (range) | floor | |\n|---|---|---|---|---|---|")
    failed, table = 0, []
    for name, left, right, key, floor in floors:
        ratios = [x[key] / y[key] for x, y in zip(figures[left], figures[right])]
        ratio = statistics.median(ratios)
        median = [statistics.median(f[key] for f in figures[side]) for side in (left, right)]
        failed += ratio < floor
        table.append({"floor": name, "tokens_per_s": median[0], "against": median[1], "ratio": ratio, "low": min(ratios), "high": max(ratios), "wanted": floor})
        print(f"| {name} | {median[0]:.1f} | {median[1]:.1f} | {ratio:.2f} ({min(ratios):.2f}-{max(ratios):.2f}) | {floor} | {'ok' if ratio >= floor else 'BELOW'} |")
    print(f"| janus-compile, peak memory that is not file cache | {peak / 2**20:.0f} MiB in {compile_s:.0f} s | | | < 1536 MiB | {'ok' if peak < 1.5 * 2**30 else 'BELOW'} |")
    late = first_s - reading_s
    print(f"| janus-run, first token after | {first_s:.2f} s | {reading_s:.2f} s one reading | {late:+.2f} s | < +3 s | {'ok' if late < 3 else 'BELOW'} |")
    failed += (peak >= 1.5 * 2**30) + (late >= 3)
    if a.json:
        a.json.write_text(json.dumps({"cpu": cpu_model(), "other_cores": others, "floors": table, "compile_peak": peak, "compile_s": compile_s, "first_token_s": first_s, "reading_s": reading_s, "figures": figures}, indent=1))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
