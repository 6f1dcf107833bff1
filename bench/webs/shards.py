# SPDX-License-Identifier: Apache-2.0
"""shards.py URLS TARGET - the shape of img2dataset: two processes, each with sixteen threads that download (by urllib,
a connection a photograph) and one that makes the pictures as they come; here it puts them to the server as well."""

import multiprocessing
import multiprocessing.pool
import sys
import urllib.request

import cv2
from picture import Session, thumbnail

THREADS = 16


def download(url):
    with urllib.request.urlopen(url, timeout=10) as answer:
        return url, answer.read()


def work(job):
    urls, target = job
    cv2.setNumThreads(1)
    session = Session(target)
    with multiprocessing.pool.ThreadPool(THREADS) as threads:
        for url, data in threads.imap_unordered(download, urls):
            session.put(target, url, thumbnail(data))


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        urls = [line.strip() for line in file]
    shards = [(urls[i::4], sys.argv[2]) for i in range(4)]
    with multiprocessing.Pool(2) as pool:
        for _ in pool.imap_unordered(work, shards):
            pass


if __name__ == "__main__":
    main()
