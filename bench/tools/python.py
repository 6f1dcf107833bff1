# SPDX-License-Identifier: Apache-2.0
"""python.py NAME COUNT - one measurement of Python's multiprocessing; prints operations a second."""

import multiprocessing
import os
import sys
import time

WORKERS = 2


def nothing(_=None):
    pass


def consume(queue, count):
    for _ in range(count):
        queue.get()


def timed(count, work, *args):
    """Runs work and returns how many of its `count` operations it did in a second."""
    start = time.perf_counter()
    work(*args)
    return count / (time.perf_counter() - start)


def queue(count):
    """One process puts, one gets."""
    messages, item = multiprocessing.Queue(1024), b"x" * 64
    getter = multiprocessing.Process(target=consume, args=(messages, count))
    getter.start()

    def work():
        for _ in range(count):
            messages.put(item)
        getter.join()

    return timed(count, work)


def apply_async(count):
    with multiprocessing.Pool(WORKERS) as pool:
        pool.apply(nothing)

        def work():
            for result in [pool.apply_async(nothing) for _ in range(count)]:
                result.get()

        return timed(count, work)


def map_(count):
    with multiprocessing.Pool(WORKERS) as pool:
        pool.apply(nothing)
        return timed(count, pool.map, nothing, range(count))


def increment(value, count):
    for _ in range(count):
        with value.get_lock():
            value.value += 1


def value(count):
    """Two processes count one number up under its lock."""
    number = multiprocessing.Value("q", 0)
    both = [multiprocessing.Process(target=increment, args=(number, count // 2)) for _ in range(2)]

    def work():
        for one in both:
            one.start()
        for one in both:
            one.join()

    rate = timed(count, work)
    assert number.value == count // 2 * 2
    return rate


def dict_get(count):
    with multiprocessing.Manager() as manager:
        shared = manager.dict({f"key {i}": i for i in range(100)})

        def work():
            for i in range(count):
                shared[f"key {i % 100}"]

        return timed(count, work)


def dict_set(count):
    with multiprocessing.Manager() as manager:
        shared = manager.dict()

        def work():
            for i in range(count):
                shared[f"key {i % 100}"] = i

        return timed(count, work)


def process(count):
    """Starts a process and joins it, one after the other."""
    context = multiprocessing.get_context("fork")

    def work():
        for _ in range(count):
            child = context.Process(target=nothing)
            child.start()
            child.join()

    return timed(count, work)


def echo(connection):
    try:
        while True:
            connection.send_bytes(connection.recv_bytes())
    except EOFError:
        pass


def round_trips(count):
    """64 bytes there and back."""
    here, there = multiprocessing.Pipe()
    child = multiprocessing.Process(target=echo, args=(there,))
    child.start()
    there.close()
    message = b"x" * 64

    def work():
        for _ in range(count):
            here.send_bytes(message)
            here.recv_bytes()

    rate = timed(count, work)
    here.close()
    child.terminate()
    child.join()
    return rate


def pipe_parked(count):
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    return round_trips(count)


NAMES = {
    "queue": queue,
    "apply": apply_async,
    "map": map_,
    "value": value,
    "dict-get": dict_get,
    "dict-set": dict_set,
    "process": process,
    "pipe": round_trips,
    "pipe-parked": pipe_parked,
}

if __name__ == "__main__":
    print(f"{NAMES[sys.argv[1]](int(sys.argv[2])):.0f}")
