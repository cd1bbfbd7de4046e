"""An ordinary visitor on the host, with a new connection for each request. URL COUNT -> [[status, seconds]]."""

from __future__ import annotations

import json
import ssl
import sys
import time
import urllib.error
import urllib.request

EVERY = 0.05  # seconds

url, count = sys.argv[1], int(sys.argv[2])
context = ssl._create_unverified_context() if url.startswith("https") else None  # what it asks is how long, not whom
answers = []
begin = time.monotonic()
for number in range(count):
    time.sleep(max(0.0, begin + number * EVERY - time.monotonic()))
    started = time.monotonic()
    try:
        with urllib.request.urlopen(url, timeout=30, context=context) as answer:
            answer.read()
            status = answer.status
    except urllib.error.HTTPError as error:
        status = error.code
    answers.append((status, time.monotonic() - started))
print(json.dumps(answers))
