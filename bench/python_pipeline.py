# SPDX-License-Identifier: Apache-2.0
"""python_pipeline.py processes|threads ITEMS WORKERS... - what people write in Python for a pipeline of queues.

A source puts numbers into a bounded queue; each stage has WORKERS workers that take and hand on; each end is a
sentinel for every worker. Prints items per second, from before the first item to after the last.
"""

import multiprocessing
import queue
import sys
import threading
import time


def pass_on(incoming, outgoing):
    for item in iter(incoming.get, None):
        outgoing.put(item)


def feed(outgoing, count):
    for item in range(count):
        outgoing.put(item)


def run(kind, count, stages):
    make, start = {
        "processes": (multiprocessing.Queue, multiprocessing.Process),
        "threads": (queue.Queue, threading.Thread),
    }[kind]
    queues = [make(1024) for _ in range(len(stages) + 1)]
    crews = [
        [start(target=pass_on, args=(queues[i], queues[i + 1])) for _ in range(workers)]
        for i, workers in enumerate(stages)
    ]
    source = start(target=feed, args=(queues[0], count))
    for task in [source] + sum(crews, []):
        task.start()
    begin = time.monotonic()
    sink = threading.Thread(target=lambda: [queues[-1].get() for _ in range(count)])
    sink.start()
    source.join()
    for i, crew in enumerate(crews):
        for _ in crew:
            queues[i].put(None)
        for task in crew:
            task.join()
    sink.join()
    return count / (time.monotonic() - begin)


if __name__ == "__main__":
    print(f"{run(sys.argv[1], int(sys.argv[2]), [int(n) for n in sys.argv[3:]]):.0f}")
