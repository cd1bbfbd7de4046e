"""From turns to figures: medians, ratios within a round, a ranking, and a verdict in words.

A ratio compares two servers in the same round, minutes apart at most, so that what disturbs the machine for longer
disturbs both. Its spread is the least and the greatest of all rounds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from statistics import median
from typing import Any

from asgiway_compare.settings import CLIENTS, ECHOES, LISTENERS, shares

LEVEL = 1.05  # a difference below that is none
RESTLESS = 0.25  # a spread of CPU per request, against its median, that is worth a warning
MIB, KIB = 2**20, 2**10
BY_PATH = "Requests, path by path"  # a group of measures

Turn = Mapping[str, Any]


@dataclass(frozen=True)
class Ratio:
    """How many times as much as another server, over the rounds."""

    median: float
    low: float
    high: float

    def __str__(self) -> str:
        """Write it with its spread."""
        return f"{self.median:.2f} ({self.low:.2f} to {self.high:.2f})"


@dataclass(frozen=True)
class Measure:
    """One thing that was measured, for the servers that have it."""

    id: str
    title: str
    unit: str
    more_is_better: bool
    values: Mapping[str, Mapping[int, float]]  # server -> round -> value
    group: str = ""
    note: str = ""

    @property
    def reference(self) -> str:
        """The server that ratios are to: the first that was named and has it."""
        return next(iter(self.values))

    def middle(self, server: str) -> float:
        """Return the median of a server's rounds."""
        return median(self.values[server].values())

    def ratio(self, server: str, to: str = "") -> Ratio | None:
        """Return its ratio to another server, the reference if none is named; None when no round has both."""
        mine, theirs = self.values.get(server, {}), self.values.get(to or self.reference, {})
        found = [mine[number] / theirs[number] for number in mine if theirs.get(number)]
        return Ratio(median(found), min(found), max(found)) if found else None


def _mean(values: Iterable[float | None]) -> float | None:
    """Return the geometric mean, so that no path counts more than another; None when one lacks."""
    found = list(values)
    if not found or any(value is None or value <= 0 for value in found):
        return None
    return float(prod(value for value in found if value is not None) ** (1 / len(found)))


Value = Callable[[Turn], float | None]


def _http(what: str, url: str) -> Value:
    """Return how to read one figure of one path from a turn."""

    def value(turn: Turn) -> float | None:
        one = turn["http"].get(url)
        if not one or not one["requests"]:
            return None
        if what == "rps":
            return float(one["requests"] / one["seconds"])
        if what in one["cpu"]:
            return float(1000 * one["cpu"][what] / one["requests"])
        return float(1000 * one[what])

    return value


def _http_mean(what: str, urls: Sequence[str]) -> Value:
    """Return how to read one figure of all paths."""
    parts = [_http(what, url) for url in urls]
    return lambda turn: _mean(part(turn) for part in parts)


def _message(kind: str, what: str) -> Value:
    """Return how to read one figure of echo or broadcast."""

    def value(turn: Turn) -> float | None:
        one = turn.get(kind)
        if not one or not one["messages"]:
            return None
        if what == "cpu":
            return float(1000 * one["cpu"]["server"] / one["messages"])
        return float(one["messages"] / one["seconds"] if what == "rate" else 1000 * one["p99"])

    return value


def _storm(what: str) -> Value:
    """Return how to read what opening many WebSockets took."""

    def value(turn: Turn) -> float | None:
        one = turn.get("storm")
        if not one or not one["opened"]:
            return None
        return float(one["bytes"] / one["opened"] / KIB if what == "bytes" else one["seconds"])

    return value


def _worker(turn: Turn) -> float:
    return float(turn["memory"]["bytes"] / turn["memory"]["workers"] / MIB)


def _start(turn: Turn) -> float:
    return float(turn["start"])


def measures(plan: Mapping[str, Any], turns: Sequence[Turn]) -> list[Measure]:
    """Return all that the turns hold."""
    urls = plan["urls"]
    every = "over all paths, each counting the same" if len(urls) > 1 else urls[0]
    requests = (
        ("server", "CPU per request", "ms", False),
        ("rps", "Requests per second", "/s", True),
        ("p50", "Half of the answers within", "ms", False),
        ("p99", "99 of 100 answers within", "ms", False),
    )
    # id, title, unit, whether more is better, how to read it, group, note
    wanted: list[tuple[str, str, str, bool, Value, str, str]] = [
        (f"http-{what}", title, unit, more, _http_mean(what, urls), "Requests", every)
        for what, title, unit, more in (*requests, ("nginx", "nginx's CPU per request", "ms", False))
    ]
    if len(urls) > 1:
        wanted += [
            (f"http-{what}-{url}", f"{title}: {url}", unit, more, _http(what, url), BY_PATH, "")
            for what, title, unit, more in requests
            for url in urls
        ]
    pss = "all its processes, shared pages counted once (PSS), by the number of workers"
    wanted += [
        ("memory", "Memory per worker", "MiB", False, _worker, "Memory", pss),
        ("socket", "Memory per WebSocket", "KiB", False, _storm("bytes"), "Memory", f"{plan['sockets']} idle ones"),
    ]
    for kind, title, note in (
        ("echo", "Echo", "each socket sends and waits for the answer"),
        ("broadcast", "Broadcast", "one sends, all get it, and again"),
    ):
        wanted += [
            (f"{kind}-cpu", f"{title}: CPU per message", "ms", False, _message(kind, "cpu"), "WebSockets", note),
            (f"{kind}-rate", f"{title}: messages per second", "/s", True, _message(kind, "rate"), "WebSockets", note),
            (f"{kind}-p99", f"{title}: 99 of 100 within", "ms", False, _message(kind, "p99"), "WebSockets", note),
        ]
    storm = f"{plan['sockets']} at the same moment, until all are open"
    start = "from the process manager's start to the first 200 through nginx"
    wanted += [
        ("storm", "Connect storm", "s", False, _storm("seconds"), "WebSockets", storm),
        ("start", "Time to start", "s", False, _start, "Start", start),
    ]
    found = []
    for name, title, unit, more, read, group, note in wanted:
        values: dict[str, dict[int, float]] = {}
        for server in (app["server"] for app in plan["apps"]):
            read_out = {turn["round"]: read(turn) for turn in turns if turn["server"] == server}
            if known := {number: value for number, value in read_out.items() if value is not None}:
                values[server] = known
        if values:
            found.append(Measure(name, title, unit, more, values, group, note))
    return found


def ranking(measure: Measure) -> list[list[str]]:
    """Return the servers, the best first; those that are level stand together, in the order in which they were named.

    Two are level when the one was not worse than the other in every round, or by less than a twentieth in the median.
    """

    def worse(server: str, best: str) -> bool:
        ratio = measure.ratio(server, best)
        if ratio is None:
            return True
        least, middle = (1 / ratio.high, 1 / ratio.median) if measure.more_is_better else (ratio.low, ratio.median)
        return least > 1 and middle >= LEVEL

    named = list(measure.values)
    ordered = sorted(named, key=measure.middle, reverse=measure.more_is_better)
    groups: list[list[str]] = []
    for server in ordered:
        if groups and not worse(server, groups[-1][0]):
            groups[-1].append(server)
        else:
            groups.append([server])
    return [sorted(group, key=named.index) for group in groups]


def _and(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def sentence(measure: Measure, what: str) -> str:
    """Say who is best and how many times as much the others need, or how little of it they manage."""
    groups = ranking(measure)
    best = groups[0]
    if len(groups) == 1:
        return f"{what}: {_and(best)} are level." if len(best) > 1 else f"{what}: only {best[0]} was measured."
    others = []
    for server in (server for group in groups[1:] for server in group):
        ratio = measure.ratio(server, best[0])
        others.append(f"{server} {ratio}" if ratio else f"{server} cannot be compared")
    level = " (level)" if len(best) > 1 else ""
    most = "most" if measure.more_is_better else "least"
    return f"{what}: {_and(best)}{level}, the {most}; {', '.join(others)} times that."


def verdict(plan: Mapping[str, Any], found: Sequence[Measure], turns: Sequence[Turn]) -> list[str]:
    """Return what was found, in sentences; the figure that other load disturbs least comes first."""
    by_id = {measure.id: measure for measure in found}
    said = []
    for name, what in (
        ("http-server", "CPU per request"),
        ("memory", "Memory per worker"),
        ("echo-cpu", "CPU per echo over a WebSocket"),
        ("broadcast-cpu", "CPU per message of a broadcast"),
        ("socket", "Memory per idle WebSocket"),
    ):
        if name in by_id:
            said.append(sentence(by_id[name], what))
    silent = [app["server"] for app in plan["apps"] if not app["websockets"]]
    speaking = [app["server"] for app in plan["apps"] if app["websockets"]]
    if silent:
        said.append(f"{_and(silent)}: no WebSockets, as {'they speak' if len(silent) > 1 else 'it speaks'} WSGI alone.")
    cheapest = by_id.get("http-server")
    if cheapest and silent and speaking:
        for group in ranking(cheapest):
            able = [server for server in group if server in speaking]
            if able:
                need = "need" if len(able) > 1 else "needs"
                said.append(f"Of those that speak WebSocket, {_and(able)} {need} the least CPU per request.")
                break
    return said


def warnings(plan: Mapping[str, Any], found: Sequence[Measure], turns: Sequence[Turn]) -> list[str]:
    """Return what makes the figures doubtful."""
    said = []
    for app in plan["apps"]:
        server = app["server"]
        mine = [turn for turn in turns if turn["server"] == server]
        asked = sum(one["requests"] for turn in mine for one in turn["http"].values())
        failed = sum(one["failed"] for turn in mine for one in turn["http"].values())
        if failed:
            said.append(f"{server}: {failed} of {asked} requests failed; its figures are those of the others.")
        shut = sum(turn["storm"]["asked"] - turn["storm"]["opened"] for turn in mine if "storm" in turn)
        if shut:
            said.append(f"{server}: {shut} WebSockets did not open in the connect storms.")
        lost = sum(turn[kind]["lost"] for turn in mine for kind in ("echo", "broadcast") if kind in turn)
        if lost:
            said.append(f"{server}: {lost} times a WebSocket gave no answer, or ended.")
        if not all(turn["calm"] for turn in mine):
            said.append(f"{server}: its processes were still busy by themselves when the load began.")
    for measure in found:
        if measure.id == "http-server":
            for server, values in measure.values.items():
                spread = (max(values.values()) - min(values.values())) / measure.middle(server)
                if spread > RESTLESS:
                    said.append(
                        f"{server}: its CPU per request differs by {spread:.0%} between the rounds. Something else"
                        " worked on the machine, or the rounds were short: a longer duration tells more."
                    )
    return said


def measured(plan: Mapping[str, Any]) -> list[str]:
    """Return what was done, in sentences."""
    seconds = shares(plan)
    said = [
        f"{len(plan['apps'])} servers in {plan['rounds']} rounds, one after the other in each, restarted before each"
        f" turn; {plan['duration']} seconds of load in all.",
        f"GET {', '.join(plan['urls'])} with {CLIENTS} connections, {seconds['url']} s of each in a turn, through nginx"
        " on the host's own address.",
    ]
    if plan["websocket"]:
        said.append(
            f"WebSockets on {plan['websocket']}: {plan['sockets']} at once, and {ECHOES} that echo for"
            f" {seconds['websocket']:.1f} s."
        )
    if plan["broadcast"]:
        said.append(f"A broadcast to {LISTENERS} WebSockets on {plan['broadcast']}, for {seconds['broadcast']:.1f} s.")
    return said


def unmeasured(plan: Mapping[str, Any]) -> list[str]:
    """Return what these figures say nothing about."""
    said = [
        "A network between visitors and the host, TLS, and static files: what nginx does is the same for all of them.",
        f"The most that a server can do: the load was made on the host itself and took its share of {plan['cores']}"
        " cores. Requests per second are therefore lower than with visitors elsewhere; CPU per request is not.",
        "Other pages than the ones above, POST, uploads, event streams, and views that wait for something slow.",
        "Hours: leaks of memory, and what thousands of WebSockets do over a day.",
        f"Another number of workers: each had what a deploy gives it ({', '.join(_workers(plan))}).",
    ]
    if not plan["websocket"]:
        said.append("WebSockets: neither compare_websocket nor app_websocket_path names a path.")
    if not plan["broadcast"]:
        said.append("Broadcasts: compare_broadcast names no path.")
    if not plan["slow"]:
        said.append("A request that is under way when its server is stopped: compare_slow names no path.")
    said.append(
        "A deploy: there the release closes its WebSockets itself, in time, before the process manager stops it."
    )
    return said


def _workers(plan: Mapping[str, Any]) -> list[str]:
    return [f"{app['server']} {app['workers']}" for app in plan["apps"]]


def stops(plan: Mapping[str, Any], turns: Sequence[Turn]) -> list[dict[str, str]]:
    """Return what became of visitors when the process manager stopped each server, as words."""
    rows = []
    for app in plan["apps"]:
        seen = next((turn["stop"] for turn in turns if turn["server"] == app["server"] and "stop" in turn), None)
        if seen is None:
            continue
        slow = {None: "not asked", 200: "answered", 0: "cut off"}.get(seen["slow"], f"answered {seen['slow']}")
        socket = "none"
        if app["websockets"] and plan["websocket"]:
            code = seen["close_code"]
            socket = "not closed" if code is None else f"closed with {code} after {seen['closed_after']:.1f} s"
        rows.append({"server": app["server"], "slow": slow, "socket": socket, "seconds": f"{seen['seconds']:.1f} s"})
    return rows


def analyse(plan: Mapping[str, Any], turns: Sequence[Turn]) -> dict[str, Any]:
    """Return everything that the report shows."""
    found = measures(plan, turns)
    order = next((ranking(measure) for measure in found if measure.id == "http-server"), [])
    return {
        "measures": found,
        "ranking": order,
        "verdict": verdict(plan, found, turns),
        "warnings": warnings(plan, found, turns),
        "measured": measured(plan),
        "unmeasured": unmeasured(plan),
        "stops": stops(plan, turns),
    }


def as_data(plan: Mapping[str, Any], turns: Sequence[Turn], analysis: Mapping[str, Any]) -> dict[str, Any]:
    """Return it as plain data, for JSON."""
    data = []
    for measure in analysis["measures"]:
        servers = {}
        for server, values in measure.values.items():
            ratio = measure.ratio(server)
            servers[server] = {
                "rounds": list(values.values()),
                "median": measure.middle(server),
                "ratio": vars(ratio) if ratio else None,
            }
        about = {key: getattr(measure, key) for key in ("id", "title", "unit", "more_is_better", "note", "reference")}
        data.append({**about, "servers": servers})
    rest = {key: value for key, value in analysis.items() if key != "measures"}
    return {"plan": plan, **rest, "measures": data, "turns": list(turns)}
