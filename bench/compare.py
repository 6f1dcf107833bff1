# SPDX-License-Identifier: Apache-2.0
"""compare.py BUILD-DIRECTORY - the project beside what it is compared with, in one run. Called by bench/run."""

import glob
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
PHOTOS = "/usr/share/backgrounds/mate/nature/*.jpg"
ITEMS = 1_000_000
STAGES = (3, 4, 5)
PYTHON_ITEMS = {"processes": 30_000, "threads": 60_000}
PHOTO_COUNT = 400
ROUNDS = 5
PROCESSES = 2


class Run:
    """A program that has run: its output and the CPU seconds of it and all the children it has waited for."""

    def __init__(self, *command):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        if done.returncode != 0:
            sys.exit(f"{' '.join(command[:3])} ended with {done.returncode}:\n{done.stderr}")
        self.out = done.stdout
        self.cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def kakehi(build, config, text):
    """Runs a config and returns the run and what it said at its end."""
    with open(config, "w", encoding="utf-8") as file:
        file.write(text)
    run = Run(f"{build}/kakehi", "run", "--json", config)
    end = [json.loads(line) for line in run.out.splitlines() if line.startswith('{"event":"end"')][-1]
    return run, end


def compare_items(build, work):
    """The three stages of 3, 4 and 5 workers that books show for Python's queues; no stage does anything."""
    text = (
        "pipeline: bench\nmemory: 64MiB\n"
        f"source: {{ use: generate, with: {{ count: {ITEMS} }} }}\nstages:\n"
        + "".join(f"  - {{ name: pass{workers}, use: pass, workers: {workers} }}\n" for workers in STAGES)
    )
    names = " -> ".join(f"{workers} x pass" for workers in STAGES)
    print(f"generate -> {names}, items a second ({ITEMS:,} items; Python: fewer), {ROUNDS} rounds")
    print(f"  {'kakehi':>12} {'Python processes':>18} {'Python threads':>16}")
    for _ in range(ROUNDS):
        _, end = kakehi(build, f"{work}/items.yaml", text)
        if end["done"] != ITEMS:
            sys.exit(f"{end['done']} items arrived")
        python = {
            kind: float(Run(sys.executable, f"{HERE}/python_pipeline.py", kind, str(count), *map(str, STAGES)).out)
            for kind, count in PYTHON_ITEMS.items()
        }
        print(f"  {ITEMS / end['seconds']:>12,.0f} {python['processes']:>18,.0f} {python['threads']:>16,.0f}", flush=True)


def link_photos(directory):
    """Many photographs out of few: symbolic links."""
    originals = sorted(glob.glob(PHOTOS))
    if not originals:
        sys.exit(f"no photographs at {PHOTOS}")
    os.makedirs(directory)
    for i in range(PHOTO_COUNT):
        os.symlink(originals[i % len(originals)], f"{directory}/{i:04}.jpg")
    return sorted(glob.glob(f"{directory}/*.jpg"))


def compare_photos(build, work):
    files = link_photos(f"{work}/photos")
    text = (
        "pipeline: bench\nmemory: 256MiB\n"
        f"source: {{ use: files, with: {{ paths: {work}/photos, content: true, max_bytes: 4MiB }} }}\n"
        "stages:\n"
        f"  - {{ name: thumb, use: resize, workers: {PROCESSES}, with: {{ width: 256, height: 256 }} }}\n"
        f"  - {{ name: store, use: upload, with: {{ to: \"{work}/kakehi/{{name}}.jpg\" }} }}\n"
    )
    print(f"\n{PHOTO_COUNT} photographs, resize -> folder, CPU milliseconds a photograph, {ROUNDS} pairs")
    print(f"  {'kakehi':>8} {'plain loop':>11} {'ratio':>7}")
    ratios = []
    for _ in range(ROUNDS):
        for name in ("kakehi", "plain"):
            shutil.rmtree(f"{work}/{name}", ignore_errors=True)
            os.makedirs(f"{work}/{name}")
        plain = Run(f"{build}/bench/bench-plain", str(PROCESSES), f"{build}/stages", f"{work}/plain", *files)
        ours, _ = kakehi(build, f"{work}/photos.yaml", text)
        made = [len(os.listdir(f"{work}/{name}")) for name in ("kakehi", "plain")]
        if made != [PHOTO_COUNT, PHOTO_COUNT]:
            sys.exit(f"files made: {made}")
        ratios.append(ours.cpu / plain.cpu)
        print(
            f"  {1000 * ours.cpu / PHOTO_COUNT:>8.2f} {1000 * plain.cpu / PHOTO_COUNT:>11.2f} {ratios[-1]:>7.3f}",
            flush=True,
        )
    print(f"  median of the ratios: {statistics.median(ratios):.3f}")


def main():
    build = os.path.abspath(sys.argv[1])
    work = f"{build}/bench/work"
    shutil.rmtree(work, ignore_errors=True)
    os.makedirs(work)
    compare_items(build, work)
    compare_photos(build, work)


if __name__ == "__main__":
    main()
