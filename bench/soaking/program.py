# SPDX-License-Identifier: Apache-2.0
"""program.py BUILD [--seconds S] [--kills N] [--stops N] [--seed N] - `kakehi run` with pipelines made at random, whose
processes are killed and stopped at random. Called by bench/soak-program.

What each pipeline must give is worked out beforehand from its graph: the account of items, one line of the manifest for
each output, one of the errors file for each lane that failed, one dead letter for each payload that did. What the first
wrong run left is kept, and its directory named.
"""

import argparse
import collections
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

RUN_LIMIT_S = 120
GONE_LIMIT_S = 10
STOP_S = 0.05
LANES_MAX = 16
PASS, FAIL, SKIP = "pass", "fail", "skip"


class Stage:
    def __init__(self, name, use, sources, **fields):
        self.name, self.use, self.sources = name, use, sources
        self.every = fields.pop("every", 0)
        self.digit = fields.pop("digit", None)
        self.options = fields.pop("options", {})
        self.fields = fields

    def takes(self, key):
        return self.digit is None or str(self.digit) in str(key)

    def verdict(self, key):
        if self.every and key % self.every in (1, 2):
            return FAIL if key % self.every == 1 else SKIP
        return PASS

    def lines(self):
        out = {"name": self.name, "use": self.use, "from": self.sources, **self.fields}
        if self.digit is not None:
            out["when"] = f'key contains "{self.digit}"'
        if self.options:
            out["with"] = self.options
        return json.dumps(out)


class Pipeline:
    """A graph of stages: a few that work, ends behind those that nobody reads."""

    def __init__(self, draw, build):
        self.draw, self.plugins = draw, build / "tests/plugins"
        self.items = draw.choice([50, 300, 1000, 2000])
        self.size = draw.choice([1, 100, 3000])
        self.stages = []
        for _ in range(draw.randint(1, 5)):
            self.add_worker()
        self.ordered = draw.random() < 0.3 and self.add_ordered()
        for stage in list(self.stages):
            if not self.readers(stage.name):
                self.add_end(stage.name)
        while self.lanes("src") > LANES_MAX:
            for stage in self.stages:
                stage.sources = stage.sources[:1]
        self.manifest = draw.choice([None, "ndjson"])
        self.dead_letter = draw.random() < 0.5
        self.groups = draw.choice([None, None, 2, 4, 16, 64])

    def readers(self, name):
        return [s for s in self.stages if name in s.sources]

    def lanes(self, name):
        return max(1, sum(self.lanes(s.name) for s in self.readers(name)))

    def common(self):
        fields = {"workers": self.draw.choice([1, 1, 2, 3, 4])}
        if self.draw.random() < 0.6:
            fields["queue"] = self.draw.choice([2, 4, 16])
        if self.draw.random() < 0.25:
            fields["digit"] = self.draw.randrange(10)
        return fields

    def add_worker(self):
        draw, number = self.draw, len(self.stages)
        names = ["src"] + [s.name for s in self.stages]
        sources = draw.sample(names, min(len(names), draw.choice([1, 1, 1, 2])))
        options = {"max_us": draw.choice([0, 300, 2000]), "max_bytes": draw.choice([0, 0, 500, 20000, 200000])}
        fields = self.common()
        if draw.random() < 0.2:
            fields["order"] = True
        if draw.random() < 0.4:
            fields["every"] = options["every"] = draw.choice([3, 5, 10, 50])
        stage = Stage(f"s{number}", str(self.plugins / "jitter.so"), sources, options=options, **fields)
        if draw.random() < 0.15:
            stage.every, stage.options = 0, {"every": 7, "file": f"crashes{number}", "times": draw.randint(1, 4)}
            stage.use = str(self.plugins / "crash.so")
        self.stages.append(stage)

    def add_ordered(self):
        """Behind one of the stages: brought into order, checked by a stage that fails what is out of order."""
        options = {"max_us": 500, "max_bytes": self.draw.choice([0, 30000])}
        before = self.draw.choice(self.stages).name
        self.stages.append(
            Stage("mixed", str(self.plugins / "jitter.so"), [before], workers=3, order=True, options=options)
        )
        self.stages.append(Stage("check", str(self.plugins / "inorder.so"), ["mixed"]))
        return True

    def add_end(self, name):
        fields = self.common()
        end = f"end-{name}"
        if self.draw.random() < 0.5:
            self.stages.append(Stage(end, "discard", [name], **fields))
        else:
            options = {"to": f"out/{name}/{{n}}", "durability": "none"}
            self.stages.append(Stage(end, "upload", [name], options=options, **fields))

    def config(self, memory):
        lines = ["pipeline: soak", f"memory: {memory}"]
        if self.groups:
            lines.append(f"groups: {self.groups}")
        lines.append("source: " + json.dumps({"name": "src", "use": "generate", "with": {"count": self.items, "size": self.size}}))
        errors = {"file": "errors.ndjson", "attempts": 200}
        if self.dead_letter:
            errors["dead_letter"] = "dead"
        lines.append("errors: " + json.dumps(errors))
        if self.manifest:
            lines.append("manifest: " + json.dumps({"file": "manifest.ndjson", "format": self.manifest}))
        if self.ordered:
            lines.append("shared: { last: { type: value, of: int64 } }")
        lines.append("stages:")
        lines += ["  - " + stage.lines() for stage in self.stages]
        return "\n".join(lines) + "\n"

    # ---- what it must give

    def follow(self, name, key, ends):
        """What becomes of an item behind this stage, one entry of `ends` for each lane that ends."""
        readers = self.readers(name)
        if not readers:
            ends.append((PASS, key, name))
            return
        taking = [s for s in readers if s.takes(key)]
        if not taking:
            ends.append((SKIP, key, name))
        for stage in taking:
            verdict = stage.verdict(key)
            if verdict == PASS:
                self.follow(stage.name, key, ends)
            else:
                ends.append((verdict, key, stage.name))

    def expected(self):
        account, outputs, failures = collections.Counter(), collections.Counter(), collections.Counter()
        for key in range(self.items):
            ends = []
            self.follow("src", key, ends)
            kinds = {verdict for verdict, _, _ in ends}
            account["failed" if FAIL in kinds else "done" if PASS in kinds else "skipped"] += 1
            for verdict, number, name in ends:
                if verdict == PASS:
                    outputs[number, name] += 1
                elif verdict == FAIL:
                    failures[number, name] += 1
        return account, outputs, failures


# ---- processes


def children(pid):
    """The processes that this one started, and those that they did."""
    found = []
    try:
        tasks = os.listdir(f"/proc/{pid}/task")
        for task in tasks:
            found += Path(f"/proc/{pid}/task/{task}/children").read_text().split()
    except (FileNotFoundError, ProcessLookupError):
        pass
    return [int(child) for child in found]


def birth_of(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[19]
    except (FileNotFoundError, ProcessLookupError, IndexError):
        return None


def shm_files():
    return set(os.listdir("/dev/shm"))


def strike(pid, number):
    try:
        os.kill(pid, number)
        return True
    except ProcessLookupError:
        return False


class Torment:
    """Kills and stops children of a process as long as it runs. Their number is bounded by time: a run ends anyhow."""

    def __init__(self, draw, kills, stops, counts):
        self.draw, self.counts = draw, counts
        self.rate = {"kill": draw.choice([kills / 4, kills]), "stop": draw.choice([0, stops])}
        self.due = {what: self.later(what) for what in self.rate}
        self.stopped = {}
        self.seen = {}

    def later(self, what):
        rate = self.rate[what]
        return time.monotonic() + (self.draw.uniform(0, 2 / rate) if rate else 1e9)

    def let_go(self, all_of_them):
        now = time.monotonic()
        for pid, until in list(self.stopped.items()):
            if all_of_them or now >= until:
                del self.stopped[pid]
                strike(pid, signal.SIGCONT)

    def hurt(self, supervisor, hurting):
        self.let_go(not hurting)
        pids = children(supervisor)
        for pid in pids:
            if pid not in self.seen:
                self.seen[pid] = birth_of(pid)
        for what, number in (("kill", signal.SIGKILL), ("stop", signal.SIGSTOP)):
            if not pids or not hurting or time.monotonic() < self.due[what]:
                continue
            self.due[what] = self.later(what)
            pid = self.draw.choice(pids)
            self.counts[what] += strike(pid, number)
            if what == "stop":
                self.stopped[pid] = time.monotonic() + self.draw.uniform(0.001, STOP_S)

    def left_over(self):
        """Processes seen that are still there."""
        return [pid for pid, birth in self.seen.items() if birth and birth_of(pid) == birth]


# ---- one run


def lines_of(path):
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text().splitlines()]


def compare(what, expected, seen):
    if expected == seen:
        return []
    missing, more = expected - seen, seen - expected
    return [f"{what}: {sum(missing.values())} missing, {sum(more.values())} too many; as {list(missing)[:3]} {list(more)[:3]}"]


def check(pipeline, place, end, code):
    """Whatever is wrong with a run that came to its end."""
    account, outputs, failures = pipeline.expected()
    seen = {word: end[word] for word in ("done", "failed", "skipped")}
    wrong = []
    if end["in"] != pipeline.items or end["left"] != 0 or any(seen[word] != account[word] for word in seen):
        wrong.append(f"the account: expected {pipeline.items} {dict(account)}, got {end['in']} {seen} left {end['left']}")
    if code != (1 if account["failed"] else 0):
        wrong.append(f"exit status {code}")
    errors = lines_of(place / "errors.ndjson")
    wrong += compare("errors", failures, collections.Counter((int(e["key"]), e["stage"]) for e in errors))
    if pipeline.manifest:
        lines = lines_of(place / "manifest.ndjson")
        wrong += compare("manifest", outputs, collections.Counter((int(m["key"]), m["stage"]) for m in lines))
    if pipeline.dead_letter:
        letters = sorted(e["dead_letter"] for e in errors if e.get("dead_letter"))
        files = sorted(os.listdir(place / "dead"))
        if sorted(os.path.basename(letter) for letter in set(letters)) != files:
            wrong.append(f"{len(set(letters))} dead letters told, {len(files)} files")
    for stage in pipeline.stages:
        if stage.use == "upload":
            folder = place / "out" / stage.sources[0]
            files = {int(name) for name in os.listdir(folder)} if folder.exists() else set()
            if files != {key for key, name in outputs if name == stage.name}:
                wrong.append(f"{stage.name}: its files are not its outputs")
    return wrong


def smallest_memory(kakehi, pipeline, place):
    config = place / "pipeline.yaml"
    config.write_text(pipeline.config("1MiB"))
    told = subprocess.run([kakehi, "validate", config.name], cwd=place, capture_output=True, text=True, check=False)
    found = re.search(r"the smallest that works is (\w+)", told.stdout + told.stderr)
    return found.group(1) if found else None


def end_event(text):
    for line in reversed(text.splitlines()):
        if line.startswith('{"event":"end"'):
            return json.loads(line)
    return None


def wait_gone(torment, before):
    deadline = time.monotonic() + GONE_LIMIT_S
    while time.monotonic() < deadline:
        left = torment.left_over()
        shm = {name for name in shm_files() - before if "kk" in name or "kakehi" in name}
        if not left and not shm:
            return []
        time.sleep(0.05)
    return [f"left behind: processes {left}, shared memory {shm}"]


def run(kakehi, pipeline, place, torment, kill_supervisor):
    """Runs it under torment. What was wrong, and the `end` event if there was one."""
    before = shm_files()
    with open(place / "events", "wb") as out, open(place / "messages", "wb") as err:
        program = subprocess.Popen([kakehi, "run", "--json", "pipeline.yaml"], cwd=place, stdout=out, stderr=err)
    # Whoever is killed while the config is checked: a refusal, and no run.
    while program.poll() is None and (place / "events").stat().st_size == 0:
        time.sleep(0.002)
    began = time.monotonic()
    kill_at = began + torment.draw.uniform(0, 2) if kill_supervisor else None
    torment_s = torment.draw.uniform(2, 12)
    wrong, killed = [], False
    while program.poll() is None and not wrong:
        now = time.monotonic()
        torment.hurt(program.pid, now - began < torment_s)
        if kill_at and now >= kill_at:
            program.kill()
            killed = True
            break
        if now - began > RUN_LIMIT_S:
            wrong.append(f"not through after {RUN_LIMIT_S} s")
        time.sleep(0.002)
    if wrong:
        program.send_signal(signal.SIGQUIT)
        time.sleep(1)
        program.kill()
    torment.let_go(True)
    code = program.wait()
    wrong += wait_gone(torment, before)
    end = end_event((place / "events").read_text(errors="replace"))
    if killed or (wrong and end is None):
        return wrong, end
    if end is None:
        return wrong + [f"exit status {code} without an account"], None
    return wrong + check(pipeline, place, end, code), end


def main():
    parser = argparse.ArgumentParser(prog="soak-program", description="kakehi run, tormented")
    parser.add_argument("build", type=Path)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--kills", type=float, default=20, help="a second")
    parser.add_argument("--stops", type=float, default=20, help="a second")
    parser.add_argument("--seed", type=int, default=None, help="of the first pipeline; the next one has the next")
    args = parser.parse_args()
    kakehi = args.build / "kakehi"
    seed = args.seed if args.seed is not None else random.SystemRandom().randrange(1 << 30)
    counts, deadline = collections.Counter(), time.monotonic() + args.seconds
    print(f"first seed {seed}", flush=True)
    while time.monotonic() < deadline:
        draw = random.Random(seed)
        pipeline = Pipeline(draw, args.build)
        place = Path(tempfile.mkdtemp(prefix="kakehi-soak-"))
        smallest = smallest_memory(kakehi, pipeline, place)
        memory = draw.choice([smallest, "256MiB"])
        (place / "pipeline.yaml").write_text(pipeline.config(memory))
        torment = Torment(draw, args.kills, args.stops, counts)
        wrong, end = ["no smallest memory"], None
        if memory:
            wrong, end = run(kakehi, pipeline, place, torment, draw.random() < 0.08)
        counts["run"] += 1
        counts["smallest"] += memory == smallest
        if end:
            counts["item"] += end["in"]
            counts["death"] += end["deaths"]
            counts["backstop"] += sum(stage["backstops"] for stage in end["stages"])
        else:
            counts["supervisor"] += not wrong
        seed += 1
        if not wrong:
            shutil.rmtree(place)
            continue
        counts["wrong"] += 1
        print(f"seed {seed - 1} in {place}: " + "; ".join(wrong), flush=True)
    print(
        f"{counts['run']} runs ({counts['smallest']} in the smallest memory, {counts['supervisor']} whose supervisor was"
        f" killed), {counts['item']} items, {counts['kill']} kills, {counts['stop']} stops, {counts['death']} deaths,"
        f" {counts['backstop']} back-stops: {counts['wrong']} wrong"
    )
    return 1 if counts["wrong"] else 0


if __name__ == "__main__":
    sys.exit(main())
