"""The live balance: each deposit arrives, in order and soon, on every transport."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import pytest
from live_site import Site, receive_json

SOON = 1.0  # seconds from a deposit to its arrival, and from opening a stream to its first event


@contextmanager
def meanwhile(function: Callable[[], Any]) -> Iterator[None]:
    """Call a function in another thread while the test waits for its effect; its error is the test's error."""
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(function)
        try:
            yield
        finally:
            call.result()


def present(site: Site) -> int:
    """Return the balance's last number."""
    return int(site.json("/poll/balance/")["seq"])


def test_a_deposit_needs_the_token_of_the_form(site: Site) -> None:
    before = present(site)
    answer = site.client.post("/balance/deposit/", data={"amount": 1})
    assert answer.status_code == 403
    assert present(site) == before


def test_a_deposit_is_stored_once_under_its_key(site: Site) -> None:
    key = str(uuid.uuid4())
    site.deposit(key=key)
    assert site.json("/balance/entries/", params={"key": key}) == {"key": key, "rows": 1, "posts": 1}


def test_a_waiting_poll_returns_with_the_deposit(site: Site) -> None:
    since = present(site)
    made: list[dict[str, Any]] = []

    def deposit_later() -> None:
        time.sleep(1.0)  # the waiting is what is tested
        made.append(site.deposit())

    with meanwhile(deposit_later):
        began = time.monotonic()
        entries = site.json(f"/poll/balance/?since={since}")["entries"]
        took = time.monotonic() - began
    assert [entry["seq"] for entry in entries] == [made[0]["seq"]]
    assert 0.9 < took < 1.0 + SOON, f"{took:.2f} s"


@pytest.mark.needs_websockets
def test_a_websocket_brings_deposits_in_order(site: Site) -> None:
    with site.websocket(f"/ws/balance/?since={present(site)}") as socket:
        made = [site.deposit(amount)["seq"] for amount in (1, 2, 3)]
        assert [receive_json(socket)["seq"] for _ in made] == made
    assert made == sorted(set(made))


@pytest.mark.needs_websockets
def test_a_client_that_comes_back_misses_nothing(site: Site) -> None:
    """Deposits while it is away, over every transport: no gap, nothing twice."""
    since = present(site)
    made = [site.deposit()["seq"] for _ in range(3)]
    with site.websocket(f"/ws/balance/?since={since}") as socket:
        over_websocket = [receive_json(socket)["seq"] for _ in made]
    with site.events(f"/events/balance/?since={since}") as events:
        over_sse = [next(events)["seq"] for _ in made]
    over_poll = [entry["seq"] for entry in site.json(f"/poll/balance/?since={since}")["entries"]]
    assert over_websocket == over_sse == over_poll == made == list(range(since + 1, since + 4))


@pytest.mark.needs_websockets
def test_an_event_stream_begins_at_once(site: Site) -> None:
    began = time.monotonic()
    with site.events("/events/balance/") as events:
        next(events)
        took = time.monotonic() - began
    assert took < SOON, f"first event after {took:.2f} s: something holds the stream back"


@pytest.mark.needs_websockets
def test_events_arrive_spaced_as_they_were_sent(site: Site) -> None:
    """A proxy that buffers or compresses the stream hands out all of them at its end."""
    pause = 0.8
    sent: list[tuple[int, float]] = []

    def deposits() -> None:
        for _ in range(3):
            sent.append((site.deposit()["seq"], time.monotonic()))
            time.sleep(pause)  # the spacing is what is tested

    with (
        site.events(f"/events/balance/?since={present(site)}") as events,
        meanwhile(deposits),
    ):
        came = [(next(events)["seq"], time.monotonic()) for _ in range(3)]
    assert [seq for seq, _ in came] == [seq for seq, _ in sent]
    delays = [there - here for (_, here), (_, there) in zip(sent, came, strict=True)]
    assert max(delays) < SOON, f"seconds from deposit to event: {delays}"
    assert min(b - a for (_, a), (_, b) in pairwise(came)) > pause / 3, came


@pytest.mark.needs_websockets
@pytest.mark.behind_nginx
def test_an_event_stream_is_not_compressed(site: Site) -> None:
    """Gzip would hold events until its buffer is full."""
    with site.client.stream("GET", "/events/balance/", headers={"Accept-Encoding": "gzip"}) as answer:
        assert answer.status_code == 200
        assert "content-encoding" not in answer.headers


@pytest.mark.needs_websockets
def test_the_expected_engine_answers_the_async_routes(site: Site) -> None:
    me = site.json("/events/whoami/")
    assert me["interface"] == "asgi", me
    assert me["server"] == (site.ws_engine or me["server"]), me


@pytest.mark.without_websockets
def test_without_an_asgi_server_an_event_stream_is_501_and_names_polling(site: Site) -> None:
    with site.client.stream("GET", "/events/balance/") as answer:  # an endless answer must not be read
        assert answer.status_code == 501
        assert "/poll/balance/" in answer.read().decode()
