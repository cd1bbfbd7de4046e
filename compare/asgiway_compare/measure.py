"""One turn of one server: restart, weigh, load. Servers take turns, so that what disturbs the machine disturbs all."""

from __future__ import annotations

import asyncio
import json
import pwd
import resource
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from asgiway_compare import cost, life, sockets
from asgiway_compare.load import Site
from asgiway_compare.settings import shares

WARM = 20  # requests of each path for each worker
CALM = 20.0  # seconds that a start may take until all processes are up


def turn(plan: Mapping[str, Any], name: str, number: int) -> dict[str, Any]:
    """Return what was measured."""
    app = next(one for one in plan["apps"] if one["name"] == name)
    user = pwd.getpwnam(name).pw_uid
    site = Site(plan["domain"], app["port"])
    path = plan["websocket"] if app["websockets"] else ""
    seconds = shares(plan)
    result: dict[str, Any] = {"server": app["server"], "name": name, "round": number, "http": {}}
    if number == 1:
        result["stop"] = asyncio.run(life.stop_with_visitors(app["stop"], site, plan["slow"], path))
    else:
        life.command(app["stop"])
    result["start"] = life.start(app["start"], site, plan["urls"][0])
    for url in plan["urls"]:
        site.warm(url, WARM * app["workers"])
    result["calm"] = cost.wait_for_calm(user, CALM)
    result["memory"] = {"bytes": cost.memory(user), "workers": app["workers"]}
    if path:
        count = plan["sockets"]
        result["storm"] = asyncio.run(sockets.storm(site, path, count, lambda: cost.memory(user)))
        cost.wait_for_calm(user, CALM)
    for url in plan["urls"]:
        before = cost.cpu(user)
        seen = site.load(url, int(seconds["url"]))
        result["http"][url] = {**seen, "cpu": cost.since(before, cost.cpu(user))}
    for kind, place, use in (("echo", path, sockets.echo), ("broadcast", plan["broadcast"], sockets.broadcast)):
        if app["websockets"] and place:
            part = seconds["websocket" if kind == "echo" else kind]
            result[kind] = asyncio.run(use(site, place, plan["message"], part, lambda: cost.cpu(user)))
    return result


def line(result: Mapping[str, Any], rounds: int) -> str:
    """Say in one line what came out."""
    asked = sum(one["requests"] for one in result["http"].values())
    took = sum(one["seconds"] for one in result["http"].values())
    used = sum(one["cpu"]["server"] for one in result["http"].values())
    parts = [f"{asked / took:.0f} requests/s, {1000 * used / max(1, asked):.2f} ms CPU each"]
    for kind in ("echo", "broadcast"):
        if kind in result:
            parts.append(f"{kind} {result[kind]['messages'] / result[kind]['seconds']:.0f}/s")
    return f"{result['server']}, round {result['round']} of {rounds}: {'; '.join(parts)}"


def main(plan_file: Path, name: str, number: int, to: Path) -> str:
    """Measure one turn, add it to the results, and return the line about it."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    plan = json.loads(plan_file.read_text("utf-8"))
    result = turn(plan, name, number)
    with to.open("a", encoding="utf-8") as results:
        results.write(json.dumps(result) + "\n")
    return line(result, plan["rounds"])
