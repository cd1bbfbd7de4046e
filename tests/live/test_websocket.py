"""WebSockets: echo, idling, rooms across processes, and who may connect."""

from __future__ import annotations

import json
import time
import uuid
from contextlib import ExitStack

import pytest
from live_site import WS_LIMIT, Site, receive_json
from websockets.sync.client import ClientConnection

IDLE = 15.0  # seconds; a channel layer whose reads time out ends an idle connection after 5


@pytest.mark.needs_websockets
def test_echo_answers_text_with_text_and_binary_with_binary(site: Site) -> None:
    with site.websocket("/ws/echo/") as socket:
        for message in ("hello", "\N{SNOWMAN}" * 1000, b"\x00\xff" * 1000):
            socket.send(message)
            assert socket.recv(timeout=WS_LIMIT) == message


@pytest.mark.needs_websockets
def test_an_idle_connection_stays_open(site: Site) -> None:
    with site.websocket("/ws/echo/") as socket:
        socket.send("before")
        assert socket.recv(timeout=WS_LIMIT) == "before"
        with pytest.raises(TimeoutError):  # anything else, above all ConnectionClosed, is the failure
            socket.recv(timeout=IDLE)
        socket.send("after")
        assert socket.recv(timeout=WS_LIMIT) == "after"


@pytest.mark.needs_websockets
def test_a_page_of_the_site_itself_may_connect(site: Site) -> None:
    with site.websocket("/ws/echo/", origin=site.url) as socket:
        socket.send("hello")
        assert socket.recv(timeout=WS_LIMIT) == "hello"


@pytest.mark.needs_websockets
@pytest.mark.parametrize("origin", ["http://evil.example", "null"])
def test_a_page_of_another_site_is_refused(site: Site, origin: str) -> None:
    status, _ = site.refusal("/ws/echo/", origin=origin)
    assert status == 403


@pytest.mark.needs_websockets
def test_the_expected_engine_answers_websockets(site: Site) -> None:
    with site.websocket("/ws/chat/live-suite/") as socket:
        socket.send(json.dumps({"message": "who are you?"}))
        assert receive_json(socket)["server"] == (site.ws_engine or "any") or not site.ws_engine


@pytest.mark.needs_websockets
def test_the_chat_knows_the_visitor_that_the_page_named(site: Site) -> None:
    """One session under two engines: made over HTTP, read over the WebSocket."""
    room = f"live-{uuid.uuid4().hex[:12]}"
    page = site.get(f"/chat/{room}/").text
    cookie = f"sessionid={site.client.cookies['sessionid']}"
    with site.websocket(f"/ws/chat/{room}/", additional_headers={"Cookie": cookie}) as socket:
        socket.send(json.dumps({"message": "me"}))
        name = receive_json(socket)["name"]
    assert name.startswith("visitor-")
    assert name in page


def join(site: Site, stack: ExitStack, room: str) -> tuple[ClientConnection, int]:
    """Return a client in the room and the process it sits on, learnt from a message of its own."""
    socket = stack.enter_context(site.websocket(f"/ws/chat/{room}/"))
    word = uuid.uuid4().hex
    socket.send(json.dumps({"message": word}))
    while (got := receive_json(socket))["message"] != word:
        pass
    assert got["received_by"] == got["delivered_by"], "one connection, two processes"
    return socket, got["delivered_by"]


def heard(socket: ClientConnection, word: str) -> dict[str, object]:
    """Return the message with that word, passing over earlier ones."""
    end = time.monotonic() + WS_LIMIT
    while time.monotonic() < end:
        got: dict[str, object] = receive_json(socket)
        if got["message"] == word:
            return got
    raise AssertionError(f"{word} did not arrive")


@pytest.mark.needs_websockets
def test_two_clients_on_different_processes_hear_each_other(site: Site) -> None:
    if site.workers == 1:
        pytest.skip("one process only")
    room = f"live-{uuid.uuid4().hex[:12]}"
    with ExitStack() as stack:
        seats: dict[int, ClientConnection] = {}
        for _ in range(40):
            socket, pid = join(site, stack, room)
            seats.setdefault(pid, socket)
            if len(seats) == 2:
                break
        assert len(seats) == 2, f"40 connections, all on process {list(seats)}; run more than one worker"
        (one, anna), (two, bert) = seats.items()
        for sender, pid in ((anna, one), (bert, two)):
            word = uuid.uuid4().hex
            sender.send(json.dumps({"message": word}))
            for listener, sits_on in ((anna, one), (bert, two)):
                got = heard(listener, word)
                assert (got["received_by"], got["delivered_by"]) == (pid, sits_on)


@pytest.mark.needs_websockets
def test_as_many_processes_hold_websockets_as_were_asked_for(site: Site) -> None:
    if site.workers is None:
        pytest.skip("no --workers given")
    room = f"live-{uuid.uuid4().hex[:12]}"
    with ExitStack() as stack:
        pids = {join(site, stack, room)[1] for _ in range(12 * site.workers)}
    assert len(pids) == site.workers, f"{len(pids)} processes: {sorted(pids)}"


@pytest.mark.without_websockets
@pytest.mark.behind_nginx
@pytest.mark.parametrize("path", ["/ws/echo/", "/ws/chat/lobby/"])
def test_without_an_asgi_server_a_handshake_gets_a_501_that_says_why(site: Site, path: str) -> None:
    status, text = site.refusal(path)
    assert status == 501, text
    assert "websocket" in text.lower(), text
    assert "<html" not in text.lower(), "one sentence, not nginx's page"


@pytest.mark.without_websockets
@pytest.mark.parametrize("path", ["/balance/", "/chat/lobby/", "/notifications/"])
def test_without_an_asgi_server_pages_say_that_they_poll(site: Site, path: str) -> None:
    assert "updates come by polling" in site.get(path).text
