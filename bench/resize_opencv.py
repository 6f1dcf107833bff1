# SPDX-License-Identifier: Apache-2.0
"""resize_opencv.py PROCESSES FILE... - the loop of bench-resize in Python with OpenCV, as img2dataset has it: decode,
INTER_AREA, encode with quality 90. Prints "count seconds cpu-seconds". Exits with 3 if there is no OpenCV."""

import multiprocessing
import sys
import time

try:
    import cv2
    import numpy
except ImportError:
    sys.exit(3)

SIDE = 256
QUALITY = 90
ROUNDS = 3


def thumbnail(data):
    image = cv2.imdecode(numpy.frombuffer(data, numpy.uint8), cv2.IMREAD_COLOR)
    height, width = image.shape[:2]
    scale = SIDE / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1]


def work(files, results):
    cv2.setNumThreads(1)
    pictures = []
    for path in files:
        with open(path, "rb") as file:
            pictures.append(file.read())
    thumbnail(pictures[0])
    wall, cpu = time.monotonic(), time.process_time()
    for _ in range(ROUNDS):
        for picture in pictures:
            thumbnail(picture)
    results.put((time.monotonic() - wall, time.process_time() - cpu))


def main():
    count, files = int(sys.argv[1]), sys.argv[2:]
    results = multiprocessing.SimpleQueue()
    workers = [multiprocessing.Process(target=work, args=(files[i::count], results)) for i in range(count)]
    for worker in workers:
        worker.start()
    times = [results.get() for _ in workers]
    for worker in workers:
        worker.join()
    print(len(files) * ROUNDS, max(time[0] for time in times), sum(time[1] for time in times))


if __name__ == "__main__":
    main()
