# SPDX-License-Identifier: Apache-2.0
"""python_queue.py - Python's multiprocessing.Queue, measured as bench/ring measures the others.

python_queue.py rate PRODUCERS TAKERS BYTES BATCH SECONDS   words (BYTES 8) or payloads a second
python_queue.py latency ROUNDS                              p50 and p99 of half a round trip, nanoseconds
"""

import multiprocessing as mp
import sys
import time


def produce(queue, stop, size, batch):
    payload = bytes(size) if size > 8 else None
    number = 0
    while not stop.is_set():
        queue.put(payload if payload else [number + i for i in range(batch)] if batch > 1 else number)
        number += batch


def take(queue, counts, index, batch):
    total = 0
    while True:
        item = queue.get()
        if item is None:
            return
        if isinstance(item, bytes):
            sum(item[::4096])
        total += batch
        counts[index] = total


def rate(producers, takers, size, batch, seconds):
    # Not its feeder's buffer is to be measured, but the queue.
    queue, stop = mp.Queue(1000 if size <= 4096 else 8), mp.Event()
    counts = mp.Array("Q", takers, lock=False)
    feed = [mp.Process(target=produce, args=(queue, stop, size, batch), daemon=True) for _ in range(producers)]
    eat = [mp.Process(target=take, args=(queue, counts, i, batch), daemon=True) for i in range(takers)]
    for process in feed + eat:
        process.start()
    time.sleep(min(0.2, seconds / 4))
    before, start = sum(counts), time.monotonic()
    time.sleep(seconds)
    figure = (sum(counts) - before) / (time.monotonic() - start)
    stop.set()
    for process in feed:
        process.join()
    for _ in eat:
        queue.put(None)
    for process in eat:
        process.join()
    print(figure)


def echo(there, back):
    while True:
        item = there.get()
        if item is None:
            return
        back.put(item)


def latency(rounds):
    there, back = mp.Queue(), mp.Queue()
    other = mp.Process(target=echo, args=(there, back), daemon=True)
    other.start()
    took = []
    for i in range(rounds):
        start = time.monotonic_ns()
        there.put(i)
        back.get()
        took.append(time.monotonic_ns() - start)
    there.put(None)
    other.join()
    took.sort()
    print(took[len(took) // 2] / 2, took[len(took) * 99 // 100] / 2)


if __name__ == "__main__":
    if sys.argv[1] == "rate":
        rate(*map(int, sys.argv[2:6]), float(sys.argv[6]))
    else:
        latency(int(sys.argv[2]))
