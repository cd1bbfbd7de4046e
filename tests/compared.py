"""Turns of a comparison as a host would have measured them, for the tests of its report."""

from __future__ import annotations

from typing import Any

URLS = ["/", "/articles/"]
PLAN: dict[str, Any] = {
    "name": "shop",
    "host": "web1",
    "domain": "shop.example.com",
    "rounds": 3,
    "duration": 60,
    "http_share": 0.6,
    "urls": URLS,
    "websocket": "/ws/echo/",
    "broadcast": "/ws/chat/",
    "message": "compare %n",
    "slow": "/slow/?seconds=3",
    "sockets": 200,
    "cores": 2,
    "memory": 4000,
    "system": "Debian 13.1",
    "database": "project",
    "apps": [
        {
            "name": f"compare-{number}",
            "server": server,
            "port": 18080 + number,
            "engines": [server],
            "manager": "systemd",
            "workers": 2,
            "websockets": websockets,
            "stop": [],
            "start": [],
        }
        for number, (server, websockets) in enumerate({"wsgi": False, "asgi": True, "dear": True}.items(), start=1)
    ],
}
# milliseconds of CPU per request, by server and round
CPU = {"wsgi": [0.50, 0.55, 0.52], "asgi": [1.00, 1.21, 1.04], "dear": [2.00, 2.20, 2.08]}


def one_turn(server: str, number: int, milliseconds: float, websockets: bool) -> dict[str, Any]:
    """Return what one turn has measured; 1,000 requests of each path in one second."""
    used = {"server": milliseconds, "nginx": 0.1, "redis": 0.0}
    asked = {"requests": 1000, "seconds": 1.0, "p50": 0.01, "p99": 0.04, "failed": 0, "cpu": used}
    turn: dict[str, Any] = {
        "server": server,
        "name": "",
        "round": number,
        "http": dict.fromkeys(PLAN["urls"], asked),
        "start": 0.5 * number,
        "calm": True,
        "memory": {"bytes": 60 * 2**20, "workers": 2},
    }
    if number == 1:
        turn["stop"] = {"seconds": 2.0, "slow": 200, "close_code": None, "closed_after": None}
    if websockets:
        messages = {"messages": 500, "seconds": 1.0, "p50": 0.01, "p99": 0.02, "lost": 0, "cpu": used}
        storm = {"asked": 200, "opened": 200, "seconds": 0.4, "p50": 0.2, "bytes": 200 * 2**16}
        turn |= {"echo": messages, "broadcast": messages, "storm": storm}
        if number == 1:
            turn["stop"] |= {"close_code": 1012, "closed_after": 0.1}
    return turn


def turns(cpu: dict[str, list[float]] | None = None) -> list[dict[str, Any]]:
    """Return all turns, in rounds, with that much CPU per request."""
    speaks = {app["server"]: app["websockets"] for app in PLAN["apps"]}
    return [
        one_turn(server, number + 1, values[number], speaks[server])
        for number in range(PLAN["rounds"])
        for server, values in (cpu or CPU).items()
    ]
