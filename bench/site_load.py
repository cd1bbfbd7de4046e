"""The load of site.py and settings.py: h2load on the host, and what the kernel says of CPU time meanwhile."""

from __future__ import annotations

import re
import shlex
import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from throwaway import Host

CONNECTIONS = 64
# a template and two queries; a view that does next to nothing
PAGE, LITTLE = "/balance/", "/whoami/"


@dataclass(frozen=True)
class Target:
    """Who is asked: a base address, and a Unix socket where it is not a TCP port."""

    name: str
    base: str
    socket: str = ""


# where the kernel counts the CPU time of the site's processes, of nginx, and of the server beside
GROUPS = ("asgiway.slice/asgiway-sample.slice", "system.slice/nginx.service", "system.slice/asgiway-bench.service")
KIT = Target("the kit", "http://127.0.0.1:8080")
# the kit's file for nginx, and what sed does to it to have each request connect anew
SITE = "/etc/nginx/sites-available/sample.conf"
ANEW = "/^upstream/,/^}/{/keepalive/d}"


@dataclass(frozen=True)
class Asked:
    """What one turn has shown."""

    rate: float  # requests a second
    cpu: float  # seconds for one, of nginx and of the app's processes together
    answers: int


def spread(ratios: Sequence[float]) -> str:
    """Return the median of the rounds, with the lowest and the highest."""
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"


def ask(host: Host, target: Target, paths: Sequence[str], seconds: int, *options: str) -> Asked:
    """Return what a load of some seconds has shown; an answer that is no success ends the benchmark."""
    socket = f"--base-uri=unix:{target.socket}" if target.socket else ""
    addresses = " ".join(shlex.quote(target.base + path) for path in paths)
    load = " ".join(["h2load --h1 -t1", f"-c{CONNECTIONS} -D{seconds}", *options, socket, addresses])
    used = "cat " + " ".join(f"/sys/fs/cgroup/{path}/cpu.stat" for path in GROUPS) + " 2>/dev/null | grep usage_usec"
    text = host.run(f"{used}; {load}; {used}", limit=seconds + 60)
    answers = re.search(r"status codes: (\d+) 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx", text)
    rate = re.search(r"finished in .*?, ([\d.]+) req/s", text)
    if not answers or not rate or answers[1] == "0" or answers.group(2, 3, 4) != ("0", "0", "0"):
        sys.exit(f"{load}\n{text}")
    times = [int(number) for number in re.findall(r"usage_usec (\d+)", text)]
    cpu = sum(times[len(times) // 2 :]) - sum(times[: len(times) // 2])
    return Asked(float(rate[1]), cpu / 1e6 / int(answers[1]), int(answers[1]))
