"""The comparison: what turns amount to, what processes cost, what the report says, and the load against real sites."""

from __future__ import annotations

import asyncio
import html.parser
import http.server
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
import tools
from asgiway_compare import cost, figures, load, page, report, settings, sockets, text
from asgiway_compare.figures import Measure
from compared import CPU, PLAN, turns
from websockets.asyncio.server import ServerConnection, serve


def found(name: str, cpu: dict[str, list[float]] | None = None) -> Measure:
    return next(one for one in figures.measures(PLAN, turns(cpu)) if one.id == name)


def spread(measure: Measure, server: str) -> tuple[float, float, float]:
    ratio = measure.ratio(server)
    assert ratio
    return ratio.median, ratio.low, ratio.high


# ratios and their spread


def test_a_ratio_is_of_the_same_round_and_has_its_spread() -> None:
    # the machine was half as fast in the second round, for both
    cpu = {"wsgi": [0.5, 1.0, 0.5], "asgi": [1.0, 2.0, 1.1], "dear": [2.0, 4.0, 2.0]}
    measure = found("http-server", cpu)
    assert spread(measure, "dear") == pytest.approx((4.0, 4.0, 4.0))
    assert spread(measure, "asgi") == pytest.approx((2.0, 2.0, 2.2))
    assert str(measure.ratio("asgi")) == "2.00 (2.00 to 2.20)"
    assert measure.middle("asgi") == pytest.approx(1.1)


def test_every_path_counts_the_same() -> None:
    seen = turns()
    for turn in seen:
        used = {"server": CPU[turn["server"]][turn["round"] - 1] * 100, "nginx": 0.1, "redis": 0.0}
        turn["http"] = {**turn["http"], "/articles/": {**turn["http"]["/articles/"], "cpu": used}}
    (measure,) = (one for one in figures.measures(PLAN, seen) if one.id == "http-server")
    assert measure.middle("wsgi") == pytest.approx(0.52 * 10)  # the geometric mean of 1 and 100


def test_what_a_server_does_not_speak_is_no_figure_of_it() -> None:
    measure = found("echo-cpu")
    assert list(measure.values) == ["asgi", "dear"]
    assert measure.reference == "asgi"
    assert spread(measure, "dear") == pytest.approx((2.0, 2.2 / 1.21, 2.0))


def test_figures_of_turns() -> None:
    assert found("http-rps").middle("wsgi") == pytest.approx(1000)
    assert found("http-p99").middle("wsgi") == pytest.approx(40)
    assert found("memory").middle("wsgi") == pytest.approx(30)
    assert found("socket").middle("asgi") == pytest.approx(64)
    assert found("broadcast-rate").middle("asgi") == pytest.approx(500)
    assert found("storm").middle("asgi") == pytest.approx(0.4)
    assert found("start").middle("wsgi") == pytest.approx(1.0)
    assert found("http-nginx").middle("wsgi") == pytest.approx(0.1)


# ranking and verdict


@pytest.mark.parametrize(
    ("asgi", "order"),
    [
        ([1.00, 1.21, 1.04], [["wsgi"], ["asgi"], ["dear"]]),
        ([0.52, 0.57, 0.54], [["wsgi", "asgi"], ["dear"]]),  # always worse, by less than a twentieth
        ([0.60, 0.54, 0.62], [["wsgi", "asgi"], ["dear"]]),  # better in one of the rounds
        ([0.30, 0.33, 0.31], [["asgi"], ["wsgi"], ["dear"]]),
        ([0.49, 0.54, 0.51], [["wsgi", "asgi"], ["dear"]]),  # level, whoever was a bit ahead: in the order of `servers`
    ],
)
def test_the_ranking_puts_together_what_no_round_tells_apart(asgi: list[float], order: list[list[str]]) -> None:
    assert figures.ranking(found("http-server", {**CPU, "asgi": asgi})) == order


def test_more_is_better_turns_the_ranking_round() -> None:
    values = {"a": {1: 100.0, 2: 100.0}, "b": {1: 300.0, 2: 290.0}, "c": {1: 295.0, 2: 292.0}}
    assert figures.ranking(Measure("x", "X", "/s", True, values)) == [["b", "c"], ["a"]]


def test_the_verdict_is_in_words() -> None:
    said = figures.analyse(PLAN, turns())["verdict"]
    assert said[0] == (
        "CPU per request: wsgi, the least; asgi 2.00 (2.00 to 2.20), dear 4.00 (4.00 to 4.00) times that."
    )
    assert "Memory per worker: wsgi, asgi and dear are level." in said
    assert "wsgi: no WebSockets, as it speaks WSGI alone." in said
    assert said[-1] == "Of those that speak WebSocket, asgi needs the least CPU per request."


def test_it_is_said_what_was_not_measured() -> None:
    silent = {**PLAN, "websocket": "", "broadcast": "", "slow": ""}
    whole, without = (" ".join(figures.unmeasured(plan)) for plan in (PLAN, silent))
    assert "A network between visitors and the host, TLS" in whole
    assert "wsgi 2, asgi 2, dear 2" in whole
    for word in ("compare_websocket", "compare_broadcast", "compare_slow"):
        assert word in without
        assert word not in whole


def test_doubts_are_said() -> None:
    assert figures.warnings(PLAN, figures.measures(PLAN, turns()), turns()) == []
    seen = turns({**CPU, "dear": [2.0, 3.0, 2.0]})
    seen[0]["http"]["/"] = {**seen[0]["http"]["/"], "failed": 7}
    seen[1]["storm"] = {**seen[1]["storm"], "opened": 150}
    seen[1]["echo"] = {**seen[1]["echo"], "lost": 2}
    seen[2]["calm"] = False
    said = figures.warnings(PLAN, figures.measures(PLAN, seen), seen)
    assert [one.split(":")[0] for one in said] == ["wsgi", "asgi", "asgi", "dear", "dear"]
    for part in ("7 of 6000 requests failed", "50 WebSockets did not open", "2 times", "still busy", "differs by 50%"):
        assert part in " ".join(said)


def test_what_becomes_of_visitors_at_a_stop() -> None:
    rows = {row["server"]: row for row in figures.stops(PLAN, turns())}
    assert rows["wsgi"] == {"server": "wsgi", "slow": "answered", "socket": "none", "seconds": "2.0 s"}
    assert rows["asgi"]["socket"] == "closed with 1012 after 0.1 s"
    seen = turns()
    seen[1]["stop"] = {"seconds": 15.0, "slow": 0, "close_code": None, "closed_after": None}
    (row,) = (row for row in figures.stops(PLAN, seen) if row["server"] == "asgi")
    assert (row["slow"], row["socket"]) == ("cut off", "not closed")


def test_the_load_of_all_turns_takes_no_longer_than_duration() -> None:
    parts = settings.shares(PLAN)
    a_turn = parts["url"] * len(PLAN["urls"]) + parts["websocket"] + parts["broadcast"]
    load_in_all = a_turn * PLAN["rounds"] * len(PLAN["apps"])
    assert 0.7 * PLAN["duration"] < load_in_all <= PLAN["duration"] + 1e-9
    assert "broadcast" not in settings.shares({**PLAN, "broadcast": ""})


# the report


class Reader(html.parser.HTMLParser):
    """Remembers tags, and what the page would fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.fetched: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.fetched += [
            value or "" for name, value in attrs if name in ("src", "href") and not (value or "").startswith("data:")
        ]


def test_the_page_has_plots_and_fetches_nothing() -> None:
    shown = page.render(PLAN, figures.analyse(PLAN, turns()))
    reader = Reader()
    reader.feed(shown)
    assert reader.fetched == []
    assert "script" not in reader.tags
    assert "url(" not in shown
    assert reader.tags.count("svg") == reader.tags.count("figure") == len(figures.measures(PLAN, turns())) + 3
    assert shown.count('class="bar ') == sum(len(one.values) for one in figures.measures(PLAN, turns()))
    for part in ("1. wsgi; 2. asgi; 3. dear", "2.00 (2.00 to 2.20)", "closed with 1012", "What was not"):
        assert part in shown


def test_names_of_the_users_are_no_markup() -> None:
    named = {**PLAN, "name": "<b>shop</b>", "urls": ["/<i>"]}
    seen = [{**turn, "http": {"/<i>": turn["http"]["/"]}} for turn in turns()]
    shown = page.render(named, figures.analyse(named, seen))
    assert "<b>shop" not in shown
    assert "<i>" not in shown.replace('<i class="s', "")


def test_the_table_is_markdown_with_ratios_and_their_spread() -> None:
    shown = text.markdown(PLAN, figures.analyse(PLAN, turns()))
    rows = [line for line in shown.splitlines() if line.startswith("| CPU per request (less")]
    assert rows == [
        "| CPU per request (less is better) | 1, which is 0.52 ms | 2.00 (2.00 to 2.20), 1.04 ms"
        " | 4.00 (4.00 to 4.00), 2.08 ms |"
    ]
    assert "| Memory per WebSocket (less is better) | does not speak it | 1, which is 64.0 KiB |" in shown


def test_the_report_is_written_as_the_playbook_calls_it(tmp_path: Path) -> None:
    given = {"plan": PLAN, "results": "\n".join(json.dumps(turn) for turn in turns())}
    done = subprocess.run(
        [sys.executable, "-B", tools.ROOT / "compare", "report", "--to", tmp_path / "new"],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        cwd="/",
        env={"PATH": os.environ["PATH"]},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("By CPU per request: 1. wsgi; 2. asgi; 3. dear\n")
    assert str(tmp_path / "new/compare.html") in done.stdout
    assert {path.name for path in (tmp_path / "new").iterdir()} == {"compare.html", "compare.md", "compare.json"}
    data = json.loads((tmp_path / "new/compare.json").read_text())
    (measure,) = (one for one in data["measures"] if one["id"] == "http-server")
    assert measure["servers"]["asgi"]["ratio"] == pytest.approx({"median": 2.0, "low": 2.0, "high": 2.2})
    assert data["turns"] == turns()


def test_a_second_report_takes_the_place_of_the_first(tmp_path: Path) -> None:
    report.write(PLAN, turns(), tmp_path)
    assert "1. asgi" in report.write(PLAN, turns({**CPU, "asgi": [0.1, 0.1, 0.1]}), tmp_path)
    assert "1. asgi" in (tmp_path / "compare.html").read_text()


# what processes cost


def process(proc: Path, number: int, name: str, user: int, ticks: tuple[int, int, int, int], pss: int) -> None:
    """Lay out a process as proc_pid_stat(5) has it."""
    directory = proc / str(number)
    directory.mkdir(parents=True)
    counted = " ".join(map(str, ticks))
    (directory / "stat").write_text(f"{number} ({name}) S 1 1 1 0 -1 4194560 5 6 7 8 {counted} 20 0 1 0 100 1 1\n")
    (directory / "status").write_text(f"Name:\t{name}\nUid:\t{user}\t{user}\t{user}\t{user}\n")
    (directory / "smaps_rollup").write_text(f"Rss: 99999 kB\nPss:    {pss} kB\nPss_Anon: 1 kB\n")


def test_the_cost_is_that_of_all_processes_of_the_user(tmp_path: Path) -> None:
    process(tmp_path, 10, "python (x) 1", 500, (100, 20, 3, 2), 1000)  # a name may hold anything
    process(tmp_path, 11, "python", 500, (200, 0, 0, 0), 2000)
    process(tmp_path, 12, "python", 501, (9000, 0, 0, 0), 4000)
    process(tmp_path, 13, "nginx", 33, (50, 0, 0, 0), 1)
    process(tmp_path, 14, "redis-server", 99, (7, 0, 0, 0), 1)
    (tmp_path / "15").mkdir()  # ends meanwhile
    (tmp_path / "uptime").write_text("1 1")
    used = cost.cpu(500, tmp_path)
    assert used == pytest.approx({"server": 325 * cost.TICK, "nginx": 50 * cost.TICK, "redis": 7 * cost.TICK})
    assert cost.memory(500, tmp_path) == 3000 * 1024
    assert cost.since(used, {**used, "server": used["server"] + 1.0, "nginx": 0.0})["nginx"] == 0.0


def test_this_process_costs_what_it_has_used(tmp_path: Path) -> None:
    # alone: of the user's others one may end meanwhile, and what it had used with it
    (tmp_path / str(os.getpid())).symlink_to(f"/proc/{os.getpid()}")
    before = cost.cpu(os.getuid(), tmp_path)
    end = os.times().user + 0.3
    while os.times().user < end:
        pass
    assert cost.since(before, cost.cpu(os.getuid(), tmp_path))["server"] >= 0.25


def test_waiting_for_calm_is_bounded_and_ends_with_calm() -> None:
    busy: Iterator[float] = iter([0.0, 1.0, 2.0, 2.0])
    assert cost.wait_for_calm(0, 30.0, lambda _: {"server": next(busy)})
    assert next(busy, None) is None
    count = iter(range(10**6))
    assert not cost.wait_for_calm(0, 0.5, lambda _: {"server": float(next(count))})


# the load


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers with what the path says; the third time with 200."""

    asked: ClassVar[list[tuple[str, str]]] = []

    def do_GET(self) -> None:
        self.asked.append((self.path, self.headers["Host"]))
        late = self.path == "/late" and len(self.asked) < 3
        self.send_response(502 if late else int(self.path.strip("/") or 200) if self.path != "/late" else 200)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def site() -> Iterator[load.Site]:
    Handler.asked = []
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield load.Site("shop.example.com", server.server_port)
        server.shutdown()
        thread.join()


def test_a_site_is_asked_under_its_own_name(site: load.Site) -> None:
    assert site.status("/204") == 204
    assert Handler.asked == [("/204", f"shop.example.com:{site.port}")]


def test_a_start_ends_with_the_first_200(site: load.Site) -> None:
    assert 0 < site.wait("/late", 10) < 5
    assert len(Handler.asked) == 3
    with pytest.raises(TimeoutError, match="/503 did not answer 200"):
        site.wait("/503", 0.2)


def test_a_path_that_does_not_answer_200_is_refused(site: load.Site) -> None:
    site.warm("/200", 3)
    with pytest.raises(ValueError, match="/301 answers 301; compare_urls must answer 200"):
        site.warm("/301", 3)


def test_nobody_there_is_no_answer() -> None:
    assert load.Site("localhost", 9).status("/") == 0


def test_wrk_is_read_in_seconds() -> None:
    output = (
        "Running 1s test @ http://127.0.0.1:1/\n  1 threads and 16 connections\n"
        '{"requests": 2054, "microseconds": 1004377, "p50": 7157, "p99": 21225, "status": 3, "broken": 4}\n'
    )
    assert load.read(output) == pytest.approx(
        {"requests": 2054, "seconds": 1.004377, "p50": 0.007157, "p99": 0.021225, "failed": 7}
    )


async def answer(connection: ServerConnection) -> None:
    """Echo; under /all to everybody, under /deaf to nobody, under /noise only something else."""
    path = connection.request.path if connection.request else ""
    async for message in connection:
        for other in connection.server.connections if path == "/all" else [connection]:
            if path != "/deaf":
                await other.send("somebody joined")
            if path not in ("/deaf", "/noise"):
                await other.send(message)


async def against(path: str, what: Any) -> dict[str, Any]:
    async with serve(answer, "127.0.0.1", 0) as server:
        site = load.Site("shop.example.com", server.sockets[0].getsockname()[1])
        result: dict[str, Any] = await what(site, path)
        return result


def test_echoes_are_counted() -> None:
    seen = asyncio.run(against("/", lambda site, path: sockets.echo(site, path, "compare %n", 0.3)))
    assert seen["messages"] > settings.ECHOES
    assert seen["lost"] == 0
    assert 0 < seen["p50"] <= seen["p99"] < seen["seconds"]


def test_a_broadcast_reaches_all() -> None:
    seen = asyncio.run(against("/all", lambda site, path: sockets.broadcast(site, path, '{"m": "compare %n"}', 0.3)))
    assert seen["messages"] >= settings.LISTENERS
    assert seen["messages"] % settings.LISTENERS == 0
    assert seen["lost"] == 0


@pytest.mark.parametrize(("path", "use"), [("/deaf", sockets.echo), ("/noise", sockets.echo), ("/", sockets.broadcast)])
def test_answers_that_do_not_come_are_lost(path: str, use: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "LIMIT", 1.0)
    seen = asyncio.run(against(path, lambda site, path: use(site, path, "compare %n", 0.2)))
    assert seen["lost"] > 0


def test_a_storm_weighs_what_it_opened() -> None:
    weights = iter([1000, 5000])
    seen = asyncio.run(against("/", lambda site, path: sockets.storm(site, path, 20, lambda: next(weights))))
    assert (seen["asked"], seen["opened"], seen["bytes"]) == (20, 20, 4000)
    assert 0 < seen["p50"] <= seen["seconds"]


def test_a_broadcast_begins_when_all_have_joined(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "SETTLED", 0.3)
    seen: list[str] = []

    async def joining(connection: ServerConnection) -> None:
        async for message in connection:
            seen.append(str(message))
            for place, other in enumerate(list(connection.server.connections)):
                if place or len(seen) > 1:  # one has not joined when the first message comes
                    await other.send(message)

    monkeypatch.setitem(globals(), "answer", joining)
    result = asyncio.run(against("/", lambda site, path: sockets.broadcast(site, path, "compare %n", 0.3)))
    assert result["lost"] == 0
    assert result["messages"] == settings.LISTENERS * (len(seen) - 2)  # those before the beginning do not count


@pytest.mark.parametrize(("path", "use"), [("/", sockets.echo), ("/all", sockets.broadcast)])
def test_only_messages_count_as_their_cpu(path: str, use: Any) -> None:
    looks = iter([{"server": 5.0}, {"server": 7.5}])
    seen = asyncio.run(against(path, lambda site, path: use(site, path, "compare %n", 0.2, lambda: next(looks))))
    assert seen["cpu"] == {"server": 2.5}


def test_a_broadcast_goes_on_without_those_that_could_not_open(monkeypatch: pytest.MonkeyPatch) -> None:
    opened, numbers = sockets.open_one, iter(range(10**6))

    async def some(site: load.Site, path: str) -> Any:
        if next(numbers) < 3:
            raise TimeoutError
        return await opened(site, path)

    monkeypatch.setattr(sockets, "open_one", some)
    seen = asyncio.run(against("/all", lambda site, path: sockets.broadcast(site, path, "compare %n", 0.3)))
    assert seen["lost"] == 3
    assert seen["messages"] >= settings.LISTENERS - 3


def test_a_storm_where_nobody_listens_opens_none() -> None:
    seen = asyncio.run(sockets.storm(load.Site("localhost", 9), "/", 5, lambda: 0))
    assert (seen["asked"], seen["opened"]) == (5, 0)


def test_marks_are_not_found_in_each_other() -> None:
    messages = [sockets.marked("say: compare %n!", number) for number in range(120)]
    for number, (_, mark) in enumerate(messages):
        assert [place for place, (message, _) in enumerate(messages) if mark in message] == [number]
