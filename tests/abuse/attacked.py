"""The attacked site: its ordinary visitors, who sit on the host itself, and what its processes become meanwhile."""

from __future__ import annotations

import json
import shlex
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import tls_client

VISITOR = Path(__file__).with_name("visitor.py")
CROWD = Path(__file__).with_name("crowd.py")
VISITS = 200  # requests of ordinary visitors, 20 a second
SLOWER = 5.0  # how many times as long as on an idle site their slowest hundredth may take
NOISE = 0.05  # seconds that a machine without an attack varies by; below it no ratio says anything


@dataclass(frozen=True)
class Site:
    """A deployed sample app.

    Attributes:
        url: where it answers.
        ssh: the command that runs a command on its host.
        app: its name on the host.
        ca: file of the certificate authority of an https site, or nothing.
    """

    url: str
    ssh: str
    app: str
    ca: str

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        parts = urlsplit(self.url)
        return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)

    @cached_property
    def tls(self) -> ssl.SSLContext | None:
        """One context for all attackers: to read the authority 300 times over takes the processor from the site."""
        return tls_client.context(self.url, self.ca)

    def on_host(self, command: str, limit: float = 60) -> str:
        """Return what a command prints on the host."""
        done = subprocess.run([*shlex.split(self.ssh), command], capture_output=True, text=True, timeout=limit)
        assert done.returncode == 0, f"{command}: {done.stderr or done.stdout}"
        return done.stdout

    def budget(self) -> int:
        """Connections to PostgreSQL that the deploy has counted and printed, as the live release notes them."""
        noted = json.loads(self.on_host(f"cat /srv/{self.app}/live/release.json"))
        return int(noted.get("connections", 0))

    def crowd(self, path: str, visitors: int, seconds: float) -> dict[str, Any]:
        """Have a crowd ask for a path, past nginx and its bounds; return what came of it (crowd.py)."""
        command = [*shlex.split(self.ssh), "sudo", f"python3 - {self.app} {path} {visitors} {seconds}"]
        with CROWD.open() as script:
            done = subprocess.run(command, stdin=script, capture_output=True, text=True, timeout=seconds + 60)
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def processes(self) -> dict[int, int]:
        """Return pid -> resident KiB of the app's processes; what a timer starts comes and goes."""
        rows = [line.split(None, 2) for line in self.on_host(f"ps -o pid=,rss=,args= -u {self.app}").splitlines()]
        return {int(pid): int(kib) for pid, kib, args in rows if "clearsessions" not in args}

    @contextmanager
    def visitors(self) -> Iterator[list[float]]:
        """Have ordinary visitors come meanwhile; afterwards the list holds the seconds that each answer took."""
        command = [*shlex.split(self.ssh), f"python3 - {self.url}/balance/ {VISITS}"]
        seconds: list[float] = []
        with VISITOR.open() as script:
            visitor = subprocess.Popen(command, stdin=script, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            yield seconds
            out, err = visitor.communicate(timeout=120)
        finally:
            visitor.kill()
            visitor.wait()
        assert visitor.returncode == 0, err
        answers = json.loads(out)
        assert {status for status, _ in answers} == {200}, "an ordinary visitor was turned away"
        seconds += sorted(took for _, took in answers)


def slowest(seconds: list[float]) -> float:
    """Return the 99th percentile of sorted seconds."""
    return seconds[int(len(seconds) * 0.99) - 1]
