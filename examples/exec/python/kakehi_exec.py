# SPDX-License-Identifier: Apache-2.0
"""kakehi_exec - the framed protocol of the stage `exec` (docs/exec-protocol.md), with nothing but the standard library.

    import kakehi_exec

    def work(payload, item):                # bytes and what there is to know: item["key"], item["fields"], ...
        return payload.upper(), {"case": "upper"}

    kakehi_exec.serve(work)

`work` returns the new payload (bytes), or None to leave the item as it came, or a pair of either and a dict of fields.
It may raise Skip, or Fail(message, failure_class). Any other exception fails the item with its last line.
"""
import json
import os
import sys


class Skip(Exception):
    """By rule nobody needs this item."""


class Fail(Exception):
    """The item failed for good; the class is one of the words in `kakehi help retry`, such as "not-an-image"."""

    def __init__(self, message, failure_class="other"):
        super().__init__(message)
        self.failure_class = failure_class


def read_payload(fd, size):
    payload = bytearray(size)
    view = memoryview(payload)
    done = 0
    while done < size:
        got = os.preadv(fd, [view[done:]], done)
        if got == 0:
            raise EOFError("the payload ends early")
        done += got
    return bytes(payload)


def write_result(fd, result):
    view = memoryview(result)
    done = 0
    while done < len(view):
        done += os.pwrite(fd, view[done:], done)


def plain(text):
    """What JSON can carry: bytes of a key that are no UTF-8 come as lone surrogates, which it cannot."""
    return str(text).encode("utf-8", "replace").decode("utf-8")


def answer_for(work, item, payload_fd, result_fd):
    try:
        made = work(read_payload(payload_fd, item["size"]), item)
    except Skip:
        return {"verdict": "skip"}
    except Fail as failure:
        return {"verdict": "fail", "class": failure.failure_class, "message": plain(failure)}
    except Exception as error:  # pylint: disable=broad-except
        return {"verdict": "fail", "message": plain(f"{type(error).__name__}: {error}")}
    result, fields = made if isinstance(made, tuple) else (made, {})
    answer = {"fields": {name: plain(value) for name, value in fields.items()}}
    if result is not None:
        try:
            write_result(result_fd, result)
        except OSError:
            return {"verdict": "fail", "class": "too-large", "message": f"{len(result)} bytes are too many"}
        answer["size"] = len(result)
    return answer


def serve(work):
    """Answers until there is nobody left who asks."""
    payload_fd = int(os.environ["KAKEHI_PAYLOAD_FD"])
    result_fd = int(os.environ["KAKEHI_RESULT_FD"])
    answers = os.fdopen(os.dup(1), "w", encoding="ascii")
    os.dup2(2, 1)  # what `work` or its libraries print is no answer
    for line in sys.stdin:
        answers.write(json.dumps(answer_for(work, json.loads(line), payload_fd, result_fd)) + "\n")
        answers.flush()
