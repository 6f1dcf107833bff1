#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""words.py - a standing program for the stage `exec`: the words of a text and how often each occurs, as JSON.

    use: exec
    with: { mode: standing, command: [examples/exec/python/words.py] }
"""
import collections
import json
import re

import kakehi_exec


def work(payload, item):
    if not payload:
        raise kakehi_exec.Skip()
    try:
        text = payload.decode("utf-8")
    except UnicodeDecodeError as error:
        raise kakehi_exec.Fail(f"{item['key']} is no text: {error.reason} at byte {error.start}") from None
    words = collections.Counter(re.findall(r"\w+", text.lower()))
    return json.dumps(dict(words.most_common())).encode(), {"words": sum(words.values())}


kakehi_exec.serve(work)
