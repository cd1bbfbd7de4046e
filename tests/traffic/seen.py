"""What the visitors saw, and the figures that the tests and the documentation make of it."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from typing import Any, NamedTuple

FAST = ("fresh", "kept", "deposit")  # kinds of requests that are answered at once
PHASES = ("before", "during", "after")


class Answer(NamedTuple):
    """A good answer: what kind of request, when, and which release gave it (empty: it does not say)."""

    kind: str
    begun: float
    ended: float
    release: str = ""


class Reader:
    """A reader of the numbered balance feed: each number must come once, in order."""

    def __init__(self, last: int) -> None:
        """Go on after number `last`."""
        self.last = last
        self.lost = 0
        self.doubled = 0

    def take(self, number: int) -> None:
        """Note a number that came."""
        if number <= self.last:
            self.doubled += 1
        else:
            self.lost += number - self.last - 1
            self.last = number


@dataclass
class Socket:
    """One visitor's WebSocket, and its successors."""

    tried: bool = False  # its first handshake was answered, however
    is_open: bool = False
    closes: list[tuple[float, int]] = field(default_factory=list)
    opened: list[float] = field(default_factory=list)
    away: list[float] = field(default_factory=list)  # seconds from a close to the next open
    refused: bool = False  # since the last close: the site had no WebSockets for a while

    def up(self) -> None:
        """It is open."""
        now = time.monotonic()
        if self.closes and not self.refused:
            self.away.append(now - self.closes[-1][0])
        self.opened.append(now)
        self.is_open, self.tried, self.refused = True, True, False


@dataclass(frozen=True)
class Figures:
    """The figures of one run, as the documentation shows them. Times are seconds, latencies milliseconds."""

    changes: int
    requests: int
    failed: int
    deposits: int
    deposits_lost: int
    deposits_doubled: int
    sockets: int
    closes_per_socket: list[int]  # fewest, most
    close_codes: dict[str, int]
    reconnect_p50: float
    reconnect_max: float
    reconnects_in_one_second: int
    gap: float
    slowest: float
    latency: dict[str, list[float]]  # phase: p50, p99
    long_requests: int
    streams: int
    streams_ended_early: int
    updates: int
    updates_lost: int
    updates_doubled: int
    drain: list[float]
    unavailable: int  # answers 501: a WSGI server alone has neither WebSockets nor streams
    driver_lag: float  # the longest time that the visitors themselves hung, on a busy machine

    HEAD = (
        "changes",
        "requests",
        "failed",
        "deposits lost / doubled",
        "updates lost / doubled",
        "WebSockets closed with",
        "back after, p50 / max",
        "longest gap",
        "p99 before / during",
        "drain",
    )

    def as_dict(self) -> dict[str, Any]:
        """Return the figures as JSON takes them."""
        return asdict(self)

    def cells(self) -> list[str]:
        """Return a row of a table under HEAD."""
        codes = ", ".join(f"{code}: {number}" for code, number in sorted(self.close_codes.items()))
        p99 = {phase: values[1] for phase, values in self.latency.items()}
        return [
            str(self.changes),
            f"{self.requests:,}",
            str(self.failed),
            f"{self.deposits_lost} / {self.deposits_doubled}",
            f"{self.updates_lost} / {self.updates_doubled}",
            codes or "none closed",
            f"{self.reconnect_p50:.1f} / {self.reconnect_max:.1f} s" if self.reconnect_max else "",
            f"{self.gap:.2f} s",
            f"{p99['before']:.0f} / {p99['during']:.0f} ms" if {"before", "during"} <= set(p99) else "",
            f"{max(self.drain):.0f} s" if self.drain else "",
        ]

    def row(self) -> str:
        """Return the row in Markdown."""
        return "| " + " | ".join(self.cells()) + " |"


@dataclass
class Seen:
    """What the visitors saw; times are of time.monotonic()."""

    answers: list[Answer] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)  # of the deposits
    confirmed: list[str] = field(default_factory=list)  # of those that were answered well
    servers: list[str] = field(default_factory=list)  # who answered, once for each change
    sockets: list[Socket] = field(default_factory=list)
    readers: list[Reader] = field(default_factory=list)
    oldest: int = 0  # the balance's last number when it began
    newest: int = 0  # and when all was over
    streams_ended_early: int = 0
    unavailable: int = 0
    stalls: list[tuple[float, float]] = field(default_factory=list)  # from when to when the visitors themselves hung
    marks: list[tuple[float, str]] = field(default_factory=list)  # when each phase began

    @property
    def requests(self) -> int:
        """Requests that were answered or failed."""
        return len(self.answers) + len(self.failed)

    @property
    def closes(self) -> list[tuple[float, int]]:
        """When a WebSocket was closed by the site, and with which code."""
        return sorted(close for socket in self.sockets for close in socket.closes)

    @property
    def open(self) -> int:
        """How many WebSockets are open now."""
        return sum(socket.is_open for socket in self.sockets)

    def answer(self, kind: str, begun: float, release: str = "", server: str = "") -> None:
        """Note a good answer that came now."""
        self.answers.append(Answer(kind, begun, time.monotonic(), release))
        if server and (not self.servers or self.servers[-1] != server):
            self.servers.append(server)

    def fast(self, phase: str = "") -> list[Answer]:
        """Return the answers of the fast loops, of one phase or all."""
        chosen = sorted((answer for answer in self.answers if answer.kind in FAST), key=lambda answer: answer.ended)
        if not phase:
            return chosen
        ends = [moment for moment, _ in self.marks[1:]] + [math.inf]
        spans = [(start, end) for (start, name), end in zip(self.marks, ends, strict=False) if name == phase]
        return [answer for answer in chosen if any(start <= answer.begun < end for start, end in spans)]

    def gap(self) -> float:
        """Return the longest time in which no fast request was answered, without what the visitors themselves hung."""
        ends = [answer.ended for answer in self.fast()]
        return max((b - a - self._hung(a, b) for a, b in pairwise(ends)), default=math.inf)

    def _hung(self, start: float, end: float) -> float:
        return sum(max(0.0, min(end, until) - max(start, since)) for since, until in self.stalls)

    def releases(self) -> dict[str, tuple[float, float]]:
        """Return first and last answer of each release, in the order of their first."""
        spans: dict[str, tuple[float, float]] = {}
        for answer in sorted(self.answers, key=lambda answer: answer.ended):
            if answer.release:
                spans[answer.release] = (spans.get(answer.release, (answer.ended,))[0], answer.ended)
        return spans

    def drains(self) -> list[float]:
        """Return, per change, the seconds from the new release's first answer to the old one's last sign of life."""
        spans = list(self.releases().values())
        ends = [start for start, _ in spans[2:]] + [math.inf]
        found = []
        for (_, old_last), (new_first, _), end in zip(spans, spans[1:], ends, strict=False):
            last_close = max((moment for moment, _ in self.closes if new_first <= moment < end), default=new_first)
            found.append(round(max(old_last, last_close) - new_first, 1))
        return found

    def figures(self, deposits_lost: int, deposits_doubled: int) -> Figures:
        """Return the figures; the site's answers about the deposits are the caller's."""
        closes = [len(socket.closes) for socket in self.sockets]
        codes = Counter(code for _, code in self.closes)
        away = [seconds for socket in self.sockets for seconds in socket.away]
        latency = {}
        for phase in PHASES:
            taken = [1000 * (answer.ended - answer.begun) for answer in self.fast(phase)]
            if taken:
                latency[phase] = [round(percentile(taken, 0.5), 1), round(percentile(taken, 0.99), 1)]
        return Figures(
            changes=len(self.releases()) - 1,
            requests=self.requests,
            failed=len(self.failed),
            deposits=len(self.keys),
            deposits_lost=deposits_lost,
            deposits_doubled=deposits_doubled,
            sockets=len(self.sockets),
            closes_per_socket=[min(closes, default=0), max(closes, default=0)],
            close_codes={str(code): number for code, number in sorted(codes.items())},
            reconnect_p50=round(percentile(away, 0.5), 2),
            reconnect_max=round(max(away, default=0.0), 2),
            reconnects_in_one_second=crowd(self.reconnects()),
            gap=round(self.gap(), 2),
            slowest=round(max((answer.ended - answer.begun for answer in self.fast()), default=math.inf), 2),
            latency=latency,
            long_requests=sum(answer.kind == "long" for answer in self.answers),
            streams=sum(answer.kind == "stream" for answer in self.answers),
            streams_ended_early=self.streams_ended_early,
            updates=self.newest - self.oldest,
            updates_lost=sum(reader.lost for reader in self.readers),
            updates_doubled=sum(reader.doubled for reader in self.readers),
            drain=self.drains(),
            unavailable=self.unavailable,
            driver_lag=round(max((until - since for since, until in self.stalls), default=0.0), 2),
        )

    def reconnects(self) -> list[float]:
        """Return the moments at which WebSockets came back."""
        return sorted(moment for socket in self.sockets for moment in socket.opened[1:])


def percentile(values: Sequence[float], part: float) -> float:
    """Return a percentile (nearest rank), 0 of nothing."""
    ranked = sorted(values)
    return ranked[max(0, math.ceil(part * len(ranked)) - 1)] if ranked else 0.0


def crowd(moments: Sequence[float]) -> int:
    """Return the most events in any one second."""
    return max((sum(start <= moment < start + 1 for moment in moments) for start in moments), default=0)
