"""Which server the project should have, with how many processes, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

WSGI, BOTH, ASGI = "gunicorn", "hybrid", "uvicorn"  # what the kit recommends of each kind: docs/servers.md
THREADS, POOL = 16, 10  # per process: of the WSGI engine, and of database_pool
PROCESS_MB = 100  # a process of a usual project, as a deploy reckons
SLOTS = 24
SPARE = 10  # connections for psql, cron and the next release's check


@dataclass
class Verdict:
    """`server` is what to deploy with now; `later` what to come to when the findings are mended."""

    server: str
    reason: str
    later: str = ""
    routes: list[str] = field(default_factory=list)
    announced: list[str] = field(default_factory=list)
    auto: list[str] = field(default_factory=list)
    auto_announced: list[str] = field(default_factory=list)
    workers: dict[str, int] = field(default_factory=dict)
    budget: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        return asdict(self)


def judge(
    counts: Mapping[str, int],
    lost: list[str],
    errors: int,
    switches: int,
    has_asgi: bool,
    has_wsgi: bool = True,
) -> Verdict:
    """Return the server.

    Args:
        counts: how many views are sync and async (their streams are in stream), and websocket routes.
        lost: streams that no prefix can route.
        errors: findings that are errors.
        switches: changes between event loop and thread that sync-only middlewares cost each request under ASGI.
        has_asgi, has_wsgi: whether there is such an application.
    """
    sync, asynchronous, streams, sockets = (counts.get(name, 0) for name in ("sync", "async", "stream", "websocket"))
    needs = [
        text
        for number, text in (
            (sockets, f"{sockets} WebSocket route{'s' * (sockets != 1)}"),
            (streams, f"{streams} event stream{'s' * (streams != 1)}"),
            (asynchronous - streams, f"{asynchronous - streams} async view{'s' * (asynchronous - streams != 1)}"),
        )
        if number > 0
    ]
    reads = ", ".join(needs)
    if not has_wsgi and not has_asgi:
        return Verdict(
            WSGI, "There is neither a WSGI nor an ASGI application that could be loaded; wsgi.py comes first."
        )
    if not needs:
        why = "Nothing in it needs ASGI: no async view, no async stream, no WebSocket route."
        why += " WSGI serves synchronous views for several times less CPU."
        wanted, reason = WSGI, f"{why} {BOTH} is ready when the first of the others comes."
        if not has_wsgi:
            wanted, reason = ASGI, "There is no WSGI application; one is the cheaper way to serve synchronous views."
    elif lost:
        wanted, reason = (
            ASGI,
            f"It has {reads}, and {lost[0]} streams at a path that no prefix can route to the ASGI side.",
        )
    elif not has_wsgi:
        wanted, reason = ASGI, f"It has {reads}, and no WSGI application."
    elif sync > asynchronous:
        wanted, reason = (
            BOTH,
            f"It has {reads} for ASGI, and {sync} synchronous views, which WSGI serves for less CPU.",
        )
    elif switches:
        wanted = BOTH
        reason = (
            f"Most of its views are async ({asynchronous} of {sync + asynchronous}), but sync-only middlewares cost"
            f" every request {switches} changes between event loop and thread; {ASGI} when those are gone."
        )
    else:
        wanted, reason = ASGI, f"It has {reads}, most of its views are async, and no middleware breaks the async chain."
    if wanted != WSGI and (errors or not has_asgi) and has_wsgi:
        first = f"{errors} error{'s' * (errors != 1)} come first" if errors else "an ASGI application comes first"
        return Verdict(WSGI, f"{first[0].upper()}{first[1:]}; until then WSGI. {reason}", later=wanted)
    return Verdict(wanted, reason)


def size(verdict: Verdict, cores: int, memory_mb: int, postgresql: bool, pool: int, maximum: int) -> None:
    """Fill in workers and the connection budget. Unknown cores (0) leave the workers to the deploy."""
    server = verdict.later or verdict.server
    kinds = {WSGI: ["wsgi"], BOTH: ["wsgi", "asgi"], ASGI: ["asgi"]}[server]
    shown = cores or 2
    fit = memory_mb // 2 // (PROCESS_MB * len(kinds)) if memory_mb else shown
    workers = max(1, min(max(2, shown), fit, SLOTS))  # as a deploy computes them
    verdict.workers, verdict.budget = dict.fromkeys(kinds, workers) if cores else {}, ""
    if not postgresql:
        return
    needed = sum(workers * (THREADS if kind == "wsgi" else pool) for kind in kinds)
    # while one release takes over from the other, both are there
    parts = " + ".join(f"{workers} x {THREADS if kind == 'wsgi' else pool} ({kind})" for kind in kinds)
    where = "this host" if cores else "a host with 2 cores"
    verdict.budget = (
        f"On {where} one release opens at most {parts} = {needed} connections to PostgreSQL, two of them, during a"
        f" deploy, {2 * needed}; max_connections is {maximum or 'unknown here (100 by default)'}."
        + (
            " That is too few: lower workers, threads or database_pool."
            if 2 * needed + SPARE > (maximum or 100)
            else ""
        )
    )
