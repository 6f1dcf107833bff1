# SPDX-License-Identifier: Apache-2.0
"""compare.py BUILD-DIRECTORY [NAME...] - the toolkit beside Python's multiprocessing, in one run. Called by
bench/toolkit."""

import os
import statistics
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROUNDS = 5

# name, what it is, operations of ours, of Python's, and how many times faster it should be
ROWS = (
    ("queue", "queue, put and get of 64 bytes", 3_000_000, 60_000, 30),
    ("apply", "pool, apply_async and get of nothing", 1_000_000, 30_000, 30),
    ("map", "pool, map of nothing", 10_000_000, 1_000_000, 5),
    ("value", "value, incremented under its lock by two", 4_000_000, 400_000, 5),
    ("dict-get", "manager's dict, get", 5_000_000, 30_000, 100),
    ("dict-set", "manager's dict, set", 3_000_000, 30_000, 50),
    ("process", "process, start and join", 1_000, 500, 1),
    ("pipe", "pipe, 64 bytes there and back", 500_000, 50_000, 5),
    ("pipe-parked", "the same on one processor", 100_000, 50_000, 1),
)


def measure(*command):
    """Operations a second of one run."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr}")
    return float(done.stdout)


def main():
    build, names = sys.argv[1], sys.argv[2:]
    print(f"operations a second, median of {ROUNDS} rounds, ours and Python's in turn")
    print(f"  {'':42} {'kakehi':>12} {'Python':>12} {'ratio':>7} {'worst':>7} {'wanted':>7}")
    for name, text, ours, theirs, wanted in ROWS:
        if names and name not in names:
            continue
        pairs = [
            (
                measure(f"{build}/bench/bench-toolkit", name, str(ours)),
                measure(sys.executable, f"{HERE}/python.py", name, str(theirs)),
            )
            for _ in range(ROUNDS)
        ]
        kakehi, python = (statistics.median(column) for column in zip(*pairs))
        worst = min(one / other for one, other in pairs)
        print(f"  {text:42} {kakehi:12,.0f} {python:12,.0f} {kakehi / python:7.1f} {worst:7.1f} {wanted:7}", flush=True)


if __name__ == "__main__":
    main()
