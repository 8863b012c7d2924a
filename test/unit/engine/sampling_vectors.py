#!/usr/bin/env python3
"""Computes every test vector of docs/sampling.md with NumPy, from the text of that document and not from the runtime.

  sampling_vectors.py docs/sampling.md
"""

import re
import sys
from pathlib import Path

import numpy as np

MASK = 0xFFFFFFFF


def philox(counter: list[int], key: list[int]) -> list[int]:
    c, k = list(counter), list(key)
    for _ in range(10):
        a, b = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(b >> 32) ^ c[1] ^ k[0], b & MASK, (a >> 32) ^ c[3] ^ k[1], a & MASK]
        k = [(k[0] + 0x9E3779B9) & MASK, (k[1] + 0xBB67AE85) & MASK]
    return c


def uniform(seed: int, index: int) -> float:
    words = philox([index & MASK, index >> 32, 0, 0], [seed & MASK, seed >> 32])
    return ((words[0] << 32 | words[1]) >> 11) * 2.0**-53


def logits_of(text: str) -> np.ndarray:
    if text == "hash(256)":
        i = np.arange(256)
        return (((i * 37) % 101) / 16 - 3).astype(np.float32)
    return np.array([float(x) for x in text.split()], np.float32)


def choose(logits: np.ndarray, temperature: float, top_k: int, top_p: float, seed: int, index: int) -> int:
    real = np.where(np.isnan(logits), -np.inf, logits.astype(np.float64))
    if temperature == 0:
        return int(np.argmax(real))  # NumPy gives the first of equal ones
    order = np.lexsort((np.arange(len(real)), -real))
    order = order[: top_k or len(order)]
    with np.errstate(invalid="ignore"):
        difference = np.where(real[order] == real[order[0]], 0.0, real[order] - real[order[0]])
    weights = np.exp(difference / np.float64(np.float32(temperature)))
    weights[np.isnan(logits[order])] = 0
    if top_p < 1:
        enough = np.cumsum(weights) >= np.float64(np.float32(top_p)) * weights.sum()
        kept = int(np.argmax(enough)) + 1
        order, weights = order[:kept], weights[:kept]
    by_id = np.argsort(order)
    order, sums = order[by_id], np.cumsum(weights[by_id])
    return int(order[np.searchsorted(sums, uniform(seed, index) * sums[-1], side="right")])


def tables(text: str) -> dict[str, list[list[str]]]:
    """The cells of the table rows below each heading, without the head."""
    found: dict[str, list[list[str]]] = {}
    heading, row = "", 0
    for line in text.splitlines():
        if line.startswith("#"):
            heading = line.lstrip("# ")
        row = row + 1 if line.startswith("|") else 0
        if row > 2:
            found.setdefault(heading, []).append([c.strip().strip("`") for c in line.strip("|").split("|")])
    return found


def main() -> int:
    rows = tables(Path(sys.argv[1]).read_text())
    passed = failed = 0

    def check(what: list[str], found: object, expected: object) -> None:
        nonlocal passed, failed
        passed, failed = passed + (found == expected), failed + (found != expected)
        if found != expected:
            print(f"FAIL {what}: the document says {found}, expected {expected}")

    for counter, key, output in rows["Philox 4x32-10"]:
        words = [[int(w, 16) for w in cell.split()] for cell in (counter, key, output)]
        check([counter, key], words[2], philox(words[0], words[1]))
    for seed, index, value in rows["The number of a token"]:
        check([seed, index], float(value), uniform(int(seed), int(index)))
    for row in rows["Tokens"]:
        logits, temperature, top_k, top_p, seed, index, token = row
        check(row, int(token), choose(logits_of(logits), float(temperature), int(top_k), float(top_p), int(seed), int(index)))
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or passed < 30 else 0


if __name__ == "__main__":
    sys.exit(main())
