# SPDX-License-Identifier: Apache-2.0
"""pool.py URLS TARGET - multiprocessing.Pool of two, OpenCV, one kept-alive connection a process."""

import multiprocessing
import sys

import cv2
from picture import Session, thumbnail

session = None


def begin(target):
    global session
    cv2.setNumThreads(1)
    session = Session(target)


def work(job):
    url, target = job
    session.put(target, url, thumbnail(session.get(url)))


def main():
    target = sys.argv[2]
    with open(sys.argv[1], encoding="utf-8") as file:
        jobs = [(line.strip(), target) for line in file]
    with multiprocessing.Pool(2, begin, (target,)) as pool:
        for _ in pool.imap_unordered(work, jobs, chunksize=4):
            pass


if __name__ == "__main__":
    main()
