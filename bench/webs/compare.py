# SPDX-License-Identifier: Apache-2.0
"""compare.py BUILD-DIRECTORY - kakehi and its peers on one job: GET a photograph, 256 pixels, PUT. Called by bench/web.

All of them get the same URLs from the same nginx, in turns, and use two processes for the pictures. A row counts only
if every picture arrived and can be decoded. Times include the start and the end of each program.
"""

import glob
import os
import random
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import time
import urllib.request

import cv2

HERE = os.path.dirname(os.path.abspath(__file__))
PHOTOS = "/usr/share/backgrounds/mate/nature/*.jpg"
COUNT = 400
ROUNDS = int(os.environ.get("ROUNDS", "5"))
PORT = 18973

NGINX = """daemon off;
{user}
pid {work}/nginx.pid;
error_log {work}/nginx.log;
worker_processes 1;
events {{ worker_connections 512; }}
http {{
  access_log off;
  keepalive_requests 100000;
  client_body_temp_path {work}/body;
  proxy_temp_path {work}/proxy; fastcgi_temp_path {work}/fastcgi; uwsgi_temp_path {work}/uwsgi; scgi_temp_path {work}/scgi;
  server {{
    listen 127.0.0.1:{port};
    root {work}/www;
    client_max_body_size 64m;
    location /put/ {{ dav_methods PUT; create_full_put_path on; }}
  }}
}}
"""

KAKEHI = """pipeline: web
memory: 512MiB
source: {{ use: list, with: {{ path: {work}/urls.txt }} }}
stages:
  - {{ name: fetch, use: download, with: {{ in_flight: 16, per_host: 16, allow_networks: 127.0.0.0/8 }} }}
  - {{ name: thumb, use: resize, workers: 2, with: {{ width: 256, height: 256, quality: 90 }} }}
  - {{ name: store, use: upload, with: {{ to: "http://127.0.0.1:{port}/put/{{name}}.jpg" }} }}
"""


def make_photos(directory):
    """Photographs of 480 to 1200 pixels and about 100 KB, cut out of a few large ones; the same ones every time."""
    originals = [cv2.imread(path) for path in sorted(glob.glob(PHOTOS))]
    if not originals:
        sys.exit(f"no photographs at {PHOTOS}")
    dice = random.Random(256)
    os.makedirs(directory)
    for i in range(COUNT):
        image = originals[i % len(originals)]
        high, wide = image.shape[:2]
        cut_high, cut_wide = dice.randint(high // 2, high), dice.randint(wide // 2, wide)
        top, left = dice.randint(0, high - cut_high), dice.randint(0, wide - cut_wide)
        cut = image[top : top + cut_high, left : left + cut_wide]
        scale = dice.randint(480, 1200) / max(cut_high, cut_wide)
        small = cv2.resize(cut, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        cv2.imwrite(f"{directory}/{i:04}.jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 94])


def start_nginx(work):
    config = f"{work}/nginx.conf"
    with open(config, "w", encoding="utf-8") as file:
        file.write(NGINX.format(work=work, port=PORT, user="user root;" if os.geteuid() == 0 else ""))
    server = subprocess.Popen(["/usr/sbin/nginx", "-p", work, "-c", config, "-e", f"{work}/nginx.log"])
    for _ in range(200):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{PORT}/photos/0000.jpg").read()
            return server
        except OSError:
            time.sleep(0.05)
    server.terminate()
    sys.exit("nginx did not start")


def commands(build, work):
    """The contestants: what people use, as they use it."""
    target = f"http://127.0.0.1:{PORT}/put"
    shell = (
        f"curl -sf -o {work}/tmp/{{/}} {{}} && vipsthumbnail {work}/tmp/{{/}} -s 256x256 -o {work}/tmp/t_{{/}}[Q=90] && "
        f"curl -sf -T {work}/tmp/t_{{/}} {target}/{{/}}"
    )
    return {
        "kakehi": [f"{build}/kakehi", "run", f"{work}/web.yaml"],
        "Pool(2) + OpenCV": [sys.executable, f"{HERE}/pool.py", f"{work}/urls.txt", target],
        "img2dataset's shape": [sys.executable, f"{HERE}/shards.py", f"{work}/urls.txt", target],
        "parallel, curl, vipsthumbnail": ["parallel", "--will-cite", "-j2", "-a", f"{work}/urls.txt", shell],
    }


def check(work, name):
    """Every picture has arrived, is a picture, and has the right size."""
    made = sorted(glob.glob(f"{work}/www/put/*"))
    if len(made) != COUNT:
        sys.exit(f"{name}: {len(made)} of {COUNT} pictures arrived")
    for path in made[:: COUNT // 20]:
        image = cv2.imread(path)
        if image is None or max(image.shape[:2]) != 256:
            sys.exit(f"{name}: {path} is not a picture of 256 pixels")


def run(work, name, command):
    for directory in (f"{work}/www/put", f"{work}/tmp"):
        shutil.rmtree(directory, ignore_errors=True)
        os.makedirs(directory)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.monotonic()
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    took = time.monotonic() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 0:
        sys.exit(f"{name} ended with {done.returncode}:\n{done.stdout}")
    check(work, name)
    return COUNT / took, 1000 * (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) / COUNT


def compare(build, work):
    results = {name: [] for name in commands(build, work)}
    for _ in range(ROUNDS):
        for name, command in commands(build, work).items():
            results[name].append(run(work, name, command))
    rate = {name: statistics.median(one[0] for one in rows) for name, rows in results.items()}
    print(f"{COUNT} photographs: GET, 256 pixels, PUT; median of {ROUNDS} rounds (slowest to fastest)")
    print(f"  {'':<30} {'photos/s':>9} {'':>13} {'CPU ms each':>12} {'kakehi is':>10}")
    for name, rows in results.items():
        rates = sorted(one[0] for one in rows)
        cpu = statistics.median(one[1] for one in rows)
        span = f"({rates[0]:.0f} to {rates[-1]:.0f})"
        print(f"  {name:<30} {rate[name]:>9.0f} {span:>13} {cpu:>12.2f} {rate['kakehi'] / rate[name]:>9.2f}x")


def main():
    build = os.path.abspath(sys.argv[1])
    work = f"{build}/bench/web-work"
    shutil.rmtree(work, ignore_errors=True)
    os.makedirs(f"{work}/www/put")
    make_photos(f"{work}/www/photos")
    with open(f"{work}/urls.txt", "w", encoding="utf-8") as file:
        file.writelines(f"http://127.0.0.1:{PORT}/photos/{i:04}.jpg\n" for i in range(COUNT))
    with open(f"{work}/web.yaml", "w", encoding="utf-8") as file:
        file.write(KAKEHI.format(work=work, port=PORT))
    server = start_nginx(work)
    try:
        compare(build, work)
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait()


if __name__ == "__main__":
    main()
