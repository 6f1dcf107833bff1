# SPDX-License-Identifier: Apache-2.0
"""picture.py - what the Python contestants do with one photograph, as img2dataset does it."""

import http.client
import urllib.parse

import cv2
import numpy


def thumbnail(data):
    """256 pixels inside, INTER_AREA, JPEG of quality 90."""
    image = cv2.imdecode(numpy.frombuffer(data, numpy.uint8), cv2.IMREAD_COLOR)
    high, wide = image.shape[:2]
    scale = 256 / max(high, wide)
    size = (max(1, round(wide * scale)), max(1, round(high * scale)))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes()


class Session:
    """One kept-alive connection to the server."""

    def __init__(self, url):
        self.connection = http.client.HTTPConnection(urllib.parse.urlsplit(url).netloc)

    def get(self, url):
        self.connection.request("GET", urllib.parse.urlsplit(url).path)
        answer = self.connection.getresponse()
        data = answer.read()
        assert answer.status == 200, answer.status
        return data

    def put(self, target, url, data):
        path = urllib.parse.urlsplit(target).path + "/" + url.rsplit("/", 1)[1]
        self.connection.request("PUT", path, body=data)
        answer = self.connection.getresponse()
        answer.read()
        assert answer.status in (201, 204), answer.status
