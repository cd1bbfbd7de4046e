"""The sizes of the load."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

CLIENTS = 16  # connections that ask one after the other
ECHOES = 20  # WebSockets that send and wait for the answer
LISTENERS = 50  # WebSockets that get a broadcast


def shares(plan: Mapping[str, Any]) -> dict[str, float]:
    """Return the seconds of one turn: of each path (whole ones, as wrk counts), of echoes and of a broadcast."""
    turn = plan["duration"] / (len(plan["apps"]) * plan["rounds"])
    url = max(1, int(turn * plan["http_share"] / len(plan["urls"])))
    rest = turn * (1 - plan["http_share"])
    parts = [name for name in ("websocket", "broadcast") if plan[name]]
    return {"url": url, **{name: rest / len(parts) for name in parts}}
