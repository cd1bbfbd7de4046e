"""From paths to prefixes for nginx, and from what a project has to a server: the doctor's pure functions."""

from __future__ import annotations

import types

import pytest
import yaml
from ansible_collections.asgiway.django.plugins.plugin_utils.servers import default_workers
from asgiway_doctor import verdict as verdicts
from asgiway_doctor.routes import ALLOWED, MOST, Path, compute, ends, literal_prefix, literal_prefixes, regex_prefix
from asgiway_doctor.verdict import judge, size
from tools import ROOT


def path(text: str, kind: str = "", prefix: str | None = "") -> Path:
    """Return a path: kind has a for async, s for an async stream, w for a WebSocket."""
    literal = text.split("<")[0] if prefix == "" else prefix
    return Path(text, literal, bool(kind), stream="s" in kind, exact=literal == text, websocket="w" in kind)


@pytest.mark.parametrize(
    ("regex", "expected"),
    [
        (r"^events/$", ("events/", True)),
        (r"^events/(?P<pk>[0-9]+)/$", ("events/", False)),
        (r"\Aevents/\Z", ("events/", True)),
        (r"^a\.b/", ("a.b/", True)),
        (r"^(?:a|b)/$", ("", False)),
        (r"^items?/$", ("item", False)),
        (r"events/$", (None, False)),
        (r"(?i)^events/$", (None, False)),
        (r"(", (None, False)),
        ("", ("", True)),
    ],
)
def test_the_literal_beginning_of_a_regular_expression(regex: str, expected: tuple[str | None, bool]) -> None:
    assert regex_prefix(regex) == expected


def test_the_literal_beginning_of_a_path() -> None:
    assert literal_prefix("shop/<int:pk>/x/") == ("shop/", False)
    assert literal_prefix("shop/") == ("shop/", True)


def a_pattern(regex: str) -> types.SimpleNamespace:
    return types.SimpleNamespace(_regex=regex)


@pytest.mark.parametrize(
    ("regex", "expected"),
    [
        (r"^events/?$", [("events", True), ("events/", True)]),
        (r"^events\/?$", [("events", True), ("events/", True)]),
        (r"^events/(\d+)/?$", [("events/", False)]),
        (r"events/?$", [(None, False)]),
        (r"^events/?", [("events", False)]),
    ],
)
def test_a_slash_that_may_be_missing_makes_two_paths(regex: str, expected: list[tuple[str | None, bool]]) -> None:
    assert literal_prefixes(a_pattern(regex)) == expected


@pytest.mark.parametrize(
    ("regex", "expected"),
    [(r"^x$", True), (r"^x\Z", True), (r"^x\\$", True), (r"^x", False), (r"^x\$", False), (r"^x\\Z", False)],
)
def test_an_expression_without_an_end_is_no_whole_path(regex: str, expected: bool) -> None:
    assert ends(a_pattern(regex)) is expected


def test_a_directory_is_named_when_most_of_it_is_for_asgi() -> None:
    paths = [
        path("/events/a/", "s"),
        path("/events/b/", "s"),
        path("/events/c/"),
        path("/ws/x/", "w"),
        path("/ws/y/", "w"),
    ]
    assert compute([*paths, path("/")]).prefixes == ["/events/", "/ws/"]
    more = [path("/events/d/"), path("/events/e/")]
    assert compute([*paths, *more]).prefixes == ["/events/a/", "/events/b/", "/ws/"]


def test_one_path_of_a_directory_stays_itself() -> None:
    assert compute([path("/shop/events/", "s"), path("/")]).prefixes == ["/shop/events/"]


def test_the_whole_site_is_never_a_prefix() -> None:
    found = compute([path("/", "a"), path("/a/", "a"), path("/b/", "a")])
    assert found.prefixes == ["/a/", "/b/"]
    assert found.announced == ["/ stays with WSGI, where it works, too: its prefix / is the whole site"]


def test_a_prefix_that_holds_another_is_enough() -> None:
    assert compute([path("/a", "a"), path("/a/b/", "a")]).prefixes == ["/a"]


def test_a_stream_takes_its_neighbours_along_and_says_so() -> None:
    found = compute([path("/item/<pk>/events/", "s"), path("/item/<pk>/"), path("/")])
    assert (found.prefixes, found.lost) == (["/item/"], [])
    assert found.announced == ["/item/ also takes /item/<pk>/ to the ASGI server, where it works, too"]


def test_an_async_view_that_would_take_more_along_than_itself_stays() -> None:
    found = compute([path("/item/<pk>/fast/", "a"), path("/item/<pk>/"), path("/item/<pk>/x/")])
    assert found.prefixes == []
    assert found.announced == [
        "/item/<pk>/fast/ stays with WSGI, where it works, too: its prefix /item/ would take 2 paths of WSGI along"
    ]


def test_a_websocket_takes_nothing_along_for_its_handshake_needs_no_prefix() -> None:
    found = compute([path("/chat/<room>/ws/", "w"), path("/chat/<room>/"), path("/any/", "w", None)])
    assert (found.prefixes, found.announced) == ([], [])


@pytest.mark.parametrize(
    ("prefix", "why"),
    [
        (None, "its pattern may match anywhere in a path"),
        ("/", "its prefix / is the whole site"),
        ("/größe/", "its prefix /größe/ has characters that a location of the kit does not"),
        ("/a b/", "its prefix /a b/ has characters that a location of the kit does not"),
    ],
)
def test_a_stream_that_no_prefix_reaches_is_lost_and_announced(prefix: str | None, why: str) -> None:
    found = compute([path("/x/", "s", prefix)])
    assert (found.prefixes, found.lost) == ([], ["/x/"])
    assert found.announced == [f"/x/ streams and cannot be routed: {why}. Serve the whole site under ASGI"]


def test_more_prefixes_than_anybody_reads_are_none() -> None:
    every = [one for number in range(MOST + 1) for one in (path(f"/{number}/events/", "s"), path(f"/{number}/"))]
    found = compute(every)
    assert (found.prefixes, len(found.lost)) == ([], MOST + 1)
    assert found.announced == [f"{MOST + 1} prefixes are more than {MOST}: none is used"]


def test_what_comes_out_is_what_the_word_takes() -> None:
    meta = yaml.safe_load((ROOT / "playbooks/deploy.meta.yml").read_text())["argument_specs"]["main"]
    assert meta["constraints"]["app_asgi_routes"]["pattern"] == f"auto|{ALLOWED.pattern}"


NOTHING: dict[str, int] = {"sync": 9, "async": 0, "stream": 0, "websocket": 0}


@pytest.mark.parametrize(
    ("counts", "lost", "errors", "switches", "asgi", "wsgi", "expected"),
    [
        ({}, [], 0, 0, True, True, ("gunicorn", "")),
        ({}, [], 3, 0, True, True, ("gunicorn", "")),
        ({}, [], 0, 0, True, False, ("uvicorn", "")),
        ({}, [], 0, 0, False, False, ("gunicorn", "")),
        ({"websocket": 1}, [], 0, 0, True, True, ("hybrid", "")),
        ({"websocket": 1}, [], 1, 0, True, True, ("gunicorn", "hybrid")),
        ({"async": 1}, [], 0, 0, False, True, ("gunicorn", "hybrid")),
        ({"async": 1, "stream": 1}, ["/<x>/"], 0, 0, True, True, ("uvicorn", "")),
        ({"async": 9, "sync": 2}, [], 0, 0, True, True, ("uvicorn", "")),
        ({"async": 9, "sync": 2}, [], 0, 2, True, True, ("hybrid", "")),
        ({"async": 9, "sync": 2}, [], 0, 2, True, False, ("uvicorn", "")),
    ],
)
def test_the_server(
    counts: dict[str, int],
    lost: list[str],
    errors: int,
    switches: int,
    asgi: bool,
    wsgi: bool,
    expected: tuple[str, str],
) -> None:
    verdict = judge({**NOTHING, **counts}, lost, errors, switches, asgi, wsgi)
    assert (verdict.server, verdict.later) == expected
    assert verdict.reason.endswith(".")


def test_workers_and_connections_fit_the_host() -> None:
    verdict = judge({**NOTHING, "websocket": 1}, [], 0, 0, True)
    size(verdict, 4, 8192, True, 10, 100)
    assert verdict.workers == {"wsgi": 4, "asgi": 4}
    assert "4 x 16 (wsgi) + 4 x 10 (asgi) = 104 connections" in verdict.budget
    assert verdict.budget.endswith("That is too few: lower workers, threads or database_pool.")
    size(verdict, 8, 512, True, 10, 500)
    assert verdict.workers == {"wsgi": 1, "asgi": 1}, "two engines of 100 MiB in half of the memory"
    assert verdict.budget.endswith("max_connections is 500.")
    size(verdict, 0, 0, False, 10, 0)
    assert (verdict.workers, verdict.budget) == ({}, "")


def test_what_the_verdict_assumes_is_what_a_deploy_does() -> None:
    registry = yaml.safe_load((ROOT / "roles/app_server/defaults/main/engines.yml").read_text())
    engines = registry["app_server_engines_default"]
    assert registry["app_server_aliases_default"][verdicts.BOTH] == f"{verdicts.WSGI}+{verdicts.ASGI}"
    assert engines[verdicts.WSGI]["tuning"]["threads"] == verdicts.THREADS
    words = yaml.safe_load((ROOT / "playbooks/deploy.meta.yml").read_text())["argument_specs"]["main"]["options"]
    assert words["database_pool"]["default"] == verdicts.POOL
    for cores, memory in ((1, 512), (2, 4096), (8, 1024), (64, 65536)):
        verdict = judge({**NOTHING, "websocket": 1}, [], 0, 0, True)
        size(verdict, cores, memory, False, 10, 0)
        host = {"cores": cores, "memory": memory, "slots": verdicts.SLOTS}
        assert {*verdict.workers.values()} == {default_workers(1, 2, host)}
