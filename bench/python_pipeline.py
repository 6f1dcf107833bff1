# SPDX-License-Identifier: Apache-2.0
"""python_pipeline.py processes|threads WORKERS ITEMS - what people write in Python for `generate -> pass -> discard`.

A source puts numbers into a bounded queue, WORKERS workers take them and hand them on, a sink takes them; each end is
a sentinel. Prints items per second, from before the first item to after the last.
"""

import multiprocessing
import queue
import sys
import threading
import time


def pass_on(incoming, outgoing):
    for item in iter(incoming.get, None):
        outgoing.put(item)
    outgoing.put(None)


def generate(outgoing, count, workers):
    for item in range(count):
        outgoing.put(item)
    for _ in range(workers):
        outgoing.put(None)


def run(kind, workers, count):
    if kind == "processes":
        incoming, outgoing = multiprocessing.Queue(1024), multiprocessing.Queue(1024)
        start = multiprocessing.Process
    else:
        incoming, outgoing = queue.Queue(1024), queue.Queue(1024)
        start = threading.Thread
    tasks = [start(target=pass_on, args=(incoming, outgoing)) for _ in range(workers)]
    tasks.append(start(target=generate, args=(incoming, count, workers)))
    for task in tasks:
        task.start()
    begin = time.monotonic()
    seen = ended = 0
    while ended < workers:
        if outgoing.get() is None:
            ended += 1
        else:
            seen += 1
    seconds = time.monotonic() - begin
    for task in tasks:
        task.join()
    assert seen == count
    return count / seconds


if __name__ == "__main__":
    print(f"{run(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])):.0f}")
