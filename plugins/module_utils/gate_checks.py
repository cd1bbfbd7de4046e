"""What the gate's probes share: their words, and how attempts become a verdict.

One attempt returns an Outcome; `repeat` turns attempts into a verdict: so many good ones in a row, or a
refusal as soon as more waiting cannot help. Rules 4 and 5 of the pitfall list: real Host and
X-Forwarded-Proto, no redirects followed, several good answers, one real WebSocket, held idle.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

REQUEST_SECONDS = 10.0  # one request or handshake may take this long; a warm worker needs milliseconds
ERROR_SECONDS = 10.0  # errors without any good answer for this long end the gate
FINAL_IN_A_ROW = 3  # answers that waiting does not heal (4xx, redirect, wrong release)
DEAD = re.compile(r"(?:^|[\s=])(failed|inactive|FATAL|EXITED|STOPPED|UNKNOWN)(?=\s|$)", re.MULTILINE)
RESTARTS = re.compile(r"^NRestarts=(\d+)", re.MULTILINE)
RESTARTS_MAX = 3  # this many restarts while the gate waits are a crash loop


@dataclass(frozen=True)
class Outcome:
    """One attempt. kind: good | wait (nobody there yet) | error (may heal) | final (will not heal).

    chosen: the application itself said no (a 4xx, a close code of its own); nobody may have vouched for the path.
    """

    kind: str
    detail: str
    hint: str = ""
    chosen: bool = False


@dataclass
class Check:
    """One line of the gate's result; seconds is how long the verdict took, proof what spares a later gate the same."""

    name: str
    ok: bool
    detail: str
    seconds: float
    proof: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return the check as plain data for the module's result."""
        return asdict(self)


class Refused(Exception):
    """The release did not pass: which check, what came back, what it usually means."""

    def __init__(self, check: Check, hint: str = "") -> None:
        super().__init__(f"gate: {check.name}: {check.detail}" + (f"\n{hint}" if hint else ""))
        self.check = check


@dataclass(frozen=True)
class Site:
    """How a visitor's request looks when nginx passes it on, and what a good answer is."""

    host: str
    scheme: str
    health_path: str
    release: str
    websocket_path: str
    websocket_message: str

    def headers(self) -> dict[str, str]:
        """Return the headers that nginx sets, without Host."""
        named = re.search(r":(\d+)$", self.host)
        return {
            "X-Forwarded-Proto": self.scheme,
            "X-Forwarded-For": "127.0.0.1",
            "X-Real-IP": "127.0.0.1",
            # over a Unix socket an ASGI application has no port of its own: request.get_port() would be "None"
            "X-Forwarded-Port": named[1] if named else {"https": "443"}.get(self.scheme, "80"),
        }


def dead(output: str) -> str:
    """Return the line of a process manager's state output that says a process is gone, or ''."""
    for line in output.splitlines():
        if DEAD.search(line):
            return line.strip()
    for found in RESTARTS.finditer(output):
        if int(found[1]) >= RESTARTS_MAX:
            return f"restarted {found[1]} times"
    return ""


def repeat(
    name: str,
    attempt: Callable[[float], Outcome],
    consecutive: int,
    deadline: float,
    crashed: Callable[[], str],
) -> Check:
    """Attempt until `consecutive` good outcomes in a row; raise Refused when that cannot come any more.

    deadline is a time.monotonic() value; crashed() returns '' or why the processes are known to be dead.
    """
    started = time.monotonic()
    good = final = 0
    error_since = 0.0
    last = Outcome("wait", "never tried")

    def refuse(why: str) -> Refused:
        took = round(time.monotonic() - started, 2)
        return Refused(Check(name, False, last.detail + (f" ({why})" if why else ""), took), last.hint)

    while True:
        left = deadline - time.monotonic()
        if left <= 0:
            raise refuse(f"gave up after {time.monotonic() - started:.0f} s")
        last = attempt(max(0.5, min(REQUEST_SECONDS, left)))
        now = time.monotonic()
        if last.kind == "good":
            good, final, error_since = good + 1, 0, 0.0
            if good >= consecutive:
                detail = last.detail + (f", {good} times in a row" if good > 1 else "")
                return Check(name, True, detail, round(now - started, 2))
            continue
        good = 0
        final = final + 1 if last.kind == "final" else 0
        if final >= FINAL_IN_A_ROW:
            raise refuse(f"{final} times in a row")
        error_since = (error_since or now) if last.kind == "error" else 0.0
        if error_since and now - error_since >= ERROR_SECONDS:
            raise refuse(f"for {now - error_since:.0f} s")
        # an error, too: a master process may listen while its workers crash
        if last.kind != "final" and (why := crashed()):
            raise refuse(f"the process is gone: {why}")
        time.sleep(min(0.2, max(0.0, deadline - now)))
