# SPDX-License-Identifier: Apache-2.0
"""peers.py SECONDS WORKERS KILLS STOPS - the same torment for Python's queue and pool. Called by bench/soak-peers."""

import collections
import concurrent.futures
import multiprocessing
import os
import queue
import random
import signal
import sys
import time
from concurrent.futures.process import BrokenProcessPool

HANG_S = 3.0
STOP_S = 0.030


class Torment:
    """Kills and stops processes of a list at the given rates, as long as `hurt` is called."""

    def __init__(self, kills, stops):
        self.rates = {"kill": kills, "stop": stops}
        self.next = {what: self.later(what) for what in self.rates}
        self.counts = collections.Counter()
        self.stopped = {}

    def later(self, what):
        rate = self.rates[what]
        return time.monotonic() + (random.uniform(0, 2 / rate) if rate else 1e9)

    def hurt(self, pids):
        now = time.monotonic()
        for pid, until in list(self.stopped.items()):
            if now >= until:
                del self.stopped[pid]
                self.signal(pid, signal.SIGCONT)
        if pids and now >= self.next["kill"]:
            self.next["kill"] = self.later("kill")
            self.counts["kill"] += self.signal(random.choice(pids), signal.SIGKILL)
        if pids and now >= self.next["stop"]:
            self.next["stop"] = self.later("stop")
            pid = random.choice(pids)
            if self.signal(pid, signal.SIGSTOP):
                self.counts["stop"] += 1
                self.stopped[pid] = now + random.uniform(0.001, STOP_S)

    @staticmethod
    def signal(pid, number):
        try:
            os.kill(pid, number)
            return 1
        except ProcessLookupError:
            return 0


def print_row(name, items, torment, hang, lost, doubled):
    print(
        f"{name:22} {items:12} {torment.counts['kill']:8} {torment.counts['stop']:8} {hang:>14} {lost:10} {doubled:10}",
        flush=True,
    )


def produce(channel, made, index, stopping):
    while not stopping.value:
        number = made[index]
        try:
            channel.put((index, number), timeout=0.5)
        except queue.Full:
            continue
        made[index] = number + 1


def consume(channel, marks, limit, taken, stopping):
    while True:
        try:
            index, number = channel.get(timeout=0.5)
        except queue.Empty:
            if stopping.value:
                return
            continue
        marks[index * limit + number] += 1
        taken.value += 1


def torment_queue(seconds, workers, kills, stops):
    """multiprocessing.Queue. Killed workers are replaced."""
    limit, producers = 2_000_000, workers // 2
    channel = multiprocessing.Queue(1024)
    made = multiprocessing.RawArray("q", producers)
    marks = multiprocessing.RawArray("B", limit * producers)
    taken = [multiprocessing.RawValue("q") for _ in range(workers)]
    stopping = multiprocessing.RawValue("i")

    def start(index):
        if index < producers:
            process = multiprocessing.Process(target=produce, args=(channel, made, index, stopping))
        else:
            process = multiprocessing.Process(target=consume, args=(channel, marks, limit, taken[index], stopping))
        process.start()
        return process

    crew = [start(index) for index in range(workers)]
    torment, begin = Torment(kills, stops), time.monotonic()
    moved, seen, hang = begin, 0, "never"
    while any(process.is_alive() for process in crew) and hang == "never":
        now = time.monotonic()
        stopping.value = stopping.value or now - begin > seconds
        torment.hurt([] if stopping.value else [process.pid for process in crew if process.is_alive()])
        for index, process in enumerate(crew):
            if not process.is_alive() and process.exitcode != 0:
                crew[index] = start(index)
        if sum(value.value for value in taken) != seen:
            moved, seen = now, sum(value.value for value in taken)
        if now - moved > HANG_S:
            hang = f"{moved - begin:.1f} s"
        time.sleep(0.001)
    for process in crew:
        process.kill()
        process.join()
    channel.cancel_join_thread()
    lost = sum(marks[p * limit + n] == 0 for p in range(producers) for n in range(made[p]))
    doubled = sum(marks[p * limit + n] > 1 for p in range(producers) for n in range(made[p]))
    print_row("mp.Queue", sum(made), torment, hang, lost, doubled)


def square(number):
    return number * number


def torment_pool(seconds, workers, kills, stops):
    """ProcessPoolExecutor. It does not hang: it breaks, and with it every task that was waiting."""
    torment, begin = Torment(kills, stops), time.monotonic()
    items = lost = 0
    hang = "never"
    with concurrent.futures.ProcessPoolExecutor(workers) as pool:
        pending = set()
        try:
            while time.monotonic() - begin < seconds:
                while len(pending) < 1024:
                    pending.add(pool.submit(square, items))
                    items += 1
                torment.hurt([process.pid for process in (pool._processes or {}).values()])
                done, pending = concurrent.futures.wait(pending, 0.001, concurrent.futures.FIRST_COMPLETED)
                lost += sum(future.exception() is not None for future in done)
        except BrokenProcessPool:
            hang = f"broken {time.monotonic() - begin:.1f} s"
        done, _ = concurrent.futures.wait(pending, HANG_S)
        lost += sum(future not in done or future.exception() is not None for future in pending)
    print_row("ProcessPoolExecutor", items, torment, hang, lost, 0)


def main():
    seconds, workers, kills, stops = float(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), float(sys.argv[4])
    random.seed(1)
    torment_queue(seconds, workers, kills, stops)
    torment_pool(seconds, workers, kills, stops)


if __name__ == "__main__":
    main()
