"""Ordinary visitors on the host, each with a connection of his own. URL COUNT -> [[status, seconds]]."""

from __future__ import annotations

import json
import ssl
import sys
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor

EVERY = 0.05  # seconds

url, count = sys.argv[1], int(sys.argv[2])
context = ssl._create_unverified_context() if url.startswith("https") else None  # what it asks is how long, not whom


def visit(at: float) -> tuple[int, float]:
    """Come at a time, whether or not the one before has his answer; return status and seconds."""
    time.sleep(max(0.0, at - time.monotonic()))
    started = time.monotonic()
    try:
        with urllib.request.urlopen(url, timeout=30, context=context) as answer:
            answer.read()
            return answer.status, time.monotonic() - started
    except urllib.error.HTTPError as error:
        return error.code, time.monotonic() - started


begin = time.monotonic() + EVERY
with ThreadPoolExecutor(max_workers=count) as visitors:
    print(json.dumps(list(visitors.map(visit, [begin + number * EVERY for number in range(count)]))))
