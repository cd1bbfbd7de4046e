"""The gate against real servers on Unix sockets: what passes, what is refused, and how fast."""

from __future__ import annotations

import http
import json
import os
import socketserver
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.asgiway.django.plugins.module_utils import gate_checks, gate_websocket
from ansible_collections.asgiway.django.plugins.modules import gate
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, unix_serve

RELEASE = "3f9c2a41b07d"
Reply = tuple[int, dict[str, str], str]
RunModule = Callable[..., dict[str, Any]]


class UnixServer(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True


@contextmanager
def http_server(path: Path, reply: Callable[[Any], Reply]) -> Iterator[list[dict[str, str]]]:
    """Serve reply(handler) on a socket; yield the list of the requests' headers, with 'path'."""
    seen: list[dict[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            seen.append({"path": self.path, **{name.lower(): value for name, value in self.headers.items()}})
            status, headers, body = reply(self)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body.encode())))
            self.end_headers()
            self.wfile.write(body.encode())

        def address_string(self) -> str:
            return "unix"

        def log_message(self, format: str, *args: Any) -> None:
            """Stay silent."""

    with UnixServer(str(path), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield seen
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def ws_server(path: Path, handler: Callable[[ServerConnection], None], **options: Any) -> Iterator[None]:
    """Serve WebSockets on a socket."""
    with unix_serve(handler, str(path), **options) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


def healthy(_: Any) -> Reply:
    return 200, {"Content-Type": "application/json"}, json.dumps({"status": "ok", "release": RELEASE})


def always(status: int, body: str = "", **headers: str) -> Callable[[Any], Reply]:
    return lambda _: (status, headers, body)


def echo(connection: ServerConnection) -> None:
    for message in connection:
        connection.send(message)


@pytest.fixture
def sock(socket_dir: Path) -> Path:
    return socket_dir / "asgi-1.sock"


@pytest.fixture
def ask(run_module: RunModule, sock: Path) -> RunModule:
    """Run the gate over the one HTTP socket."""

    def run(**options: Any) -> dict[str, Any]:
        defaults = {"http_sockets": [str(sock)], "host": "shop.test", "health_path": "/healthz", "timeout": 5}
        return run_module(gate.main, **{**defaults, "release": RELEASE, **options})

    return run


@pytest.fixture
def ask_ws(run_module: RunModule, sock: Path) -> RunModule:
    """Run the gate over the one WebSocket socket."""

    def run(**options: Any) -> dict[str, Any]:
        defaults = {"ws_sockets": [str(sock)], "host": "shop.test", "websocket_path": "/ws/echo/", "timeout": 5}
        return run_module(gate.main, **{**defaults, "idle_seconds": 0, **options})

    return run


# HTTP


def test_good_answers_pass_with_the_headers_of_a_visitor(ask: RunModule, sock: Path) -> None:
    with http_server(sock, healthy) as seen:
        result = ask(scheme="https")
    assert not result.get("failed"), result
    assert result["changed"] is False
    assert [(check["name"], check["ok"]) for check in result["checks"]] == [(f"GET /healthz over {sock}", True)]
    assert len(seen) == 3
    assert {request["host"] for request in seen} == {"shop.test"}
    assert {request["x-forwarded-proto"] for request in seen} == {"https"}
    assert {request["path"] for request in seen} == {"/healthz"}


def test_every_socket_is_asked(ask: RunModule, sock: Path) -> None:
    other = sock.with_name("asgi-2.sock")
    with http_server(sock, healthy), http_server(other, always(404, "nothing here")):
        result = ask(http_sockets=[str(sock), str(other)])
    assert result["failed"]
    assert f"gate: GET /healthz over {other}: status 404: nothing here" in result["msg"]
    assert [check["ok"] for check in result["checks"]] == [True, False]


def test_a_bad_answer_starts_the_count_anew(ask: RunModule, sock: Path) -> None:
    replies = iter([200, 200, 500, 200, 200, 200])
    with http_server(sock, lambda _: (next(replies), {}, "")) as seen:
        result = ask()
    assert not result.get("failed"), result
    assert len(seen) == 6


def test_errors_end_the_gate_before_its_bound(
    ask: RunModule, sock: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate_checks, "ERROR_SECONDS", 0.5)
    log = tmp_path / "app.log"
    log.write_text("".join(f"line {number}\n" for number in range(100)) + "NameError: name 'oops'\n")
    started = time.monotonic()
    with http_server(sock, always(500, "<h1>Server Error (500)</h1>" + "x" * 999)):
        result = ask(timeout=60, log_files=[str(log), str(tmp_path / "missing.log")])
    assert time.monotonic() - started < 5
    message = result["msg"]
    assert "status 500: <h1>Server Error (500)</h1>" in message
    assert "x" * 300 not in message
    assert "NameError: name 'oops'" in message
    assert "line 71\n" in message
    assert "line 70\n" not in message


def test_the_log_command_is_quoted(ask: RunModule, sock: Path) -> None:
    command = [sys.executable, "-c", "print('ImproperlyConfigured: no')"]
    with http_server(sock, always(404)):
        result = ask(log_command=command)
    assert "  ImproperlyConfigured: no" in result["msg"]


def test_of_many_logs_the_newest_are_quoted(ask: RunModule, sock: Path, tmp_path: Path) -> None:
    for number in range(5):
        log = tmp_path / f"{RELEASE}-asgi-{number}.log"
        log.write_text(f"written by {number}\n")
        os.utime(log, (number, number))
    with http_server(sock, always(404)):
        message = ask(log_files=[f"{tmp_path}/{RELEASE}-*.log"])["msg"]
    assert [number for number in range(5) if f"written by {number}" in message] == [2, 3, 4]


def test_another_release_is_refused(ask: RunModule, sock: Path) -> None:
    with http_server(sock, healthy):
        result = ask(release="000000000000")
    assert f"release '{RELEASE}' answered, not '000000000000'" in result["msg"]


@pytest.mark.parametrize("body", ["ok", "[1]", '{"status": "ok"}'])
def test_an_answer_without_a_release_is_good(ask: RunModule, sock: Path, body: str) -> None:
    with http_server(sock, always(200, body)):
        assert not ask().get("failed")


def test_400_names_allowed_hosts_and_the_host(ask: RunModule, sock: Path) -> None:
    with http_server(sock, always(400, "Bad Request (400)")) as seen:
        result = ask(timeout=60)
    assert len(seen) == 3, "waiting does not heal a 400"
    assert "Host 'shop.test' was sent" in result["msg"]
    assert "ALLOWED_HOSTS" in result["msg"]


@pytest.mark.parametrize(("scheme", "hint"), [("http", "no TLS"), ("https", "SECURE_PROXY_SSL_HEADER")])
def test_a_redirect_is_not_followed(ask: RunModule, sock: Path, scheme: str, hint: str) -> None:
    with http_server(sock, always(301, Location="https://shop.test/healthz")) as seen:
        result = ask(scheme=scheme)
    assert "status 301, Location: https://shop.test/healthz" in result["msg"]
    assert "SECURE_SSL_REDIRECT" in result["msg"]
    assert hint in result["msg"]
    assert {request["path"] for request in seen} == {"/healthz"}


@pytest.mark.parametrize(("status", "good"), [(200, True), (302, True), (404, True), (403, True), (400, False)])
def test_without_a_health_path_anything_that_lives_is_good(ask: RunModule, sock: Path, status: int, good: bool) -> None:
    with http_server(sock, always(status)) as seen:
        result = ask(health_path="", release="other")
    assert bool(result.get("failed")) is not good
    assert seen[0]["path"] == "/"


def test_a_socket_that_comes_later_is_waited_for(ask: RunModule, sock: Path) -> None:
    result: dict[str, Any] = {}
    asked = threading.Event()
    watched = gate.get_once

    def tell(*args: Any) -> gate_checks.Outcome:
        outcome = watched(*args)
        asked.set()
        return outcome

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gate, "get_once", tell)
        opened = threading.Event()

        def open_late() -> None:
            asked.wait(5)
            with http_server(sock, healthy):
                opened.wait(10)

        late = threading.Thread(target=open_late)
        late.start()
        try:
            result = ask(timeout=10)
        finally:
            opened.set()
            late.join()
    assert not result.get("failed"), result


def test_a_socket_that_never_comes_ends_at_the_bound(ask: RunModule) -> None:
    started = time.monotonic()
    result = ask(timeout=1)
    assert 0.9 < time.monotonic() - started < 3
    assert "no socket there (gave up after 1 s)" in result["msg"]


def test_a_hung_application_is_named(ask: RunModule, sock: Path) -> None:
    released = threading.Event()

    def hang(_: Any) -> Reply:
        released.wait(10)
        return 200, {}, ""

    with http_server(sock, hang):
        result = ask(timeout=1)
        released.set()
    assert "no answer within 1 s" in result["msg"]


@pytest.mark.parametrize(
    "states",
    [
        "shop-x-asgi:shop-x-asgi-1   FATAL     Exited too quickly (process log may have details)",
        "Id=shop-x-asgi@1.service\nActiveState=failed\nNRestarts=0",
        "Id=shop-x-asgi@1.service\nActiveState=activating\nNRestarts=3",
        "active\nfailed",
    ],
)
def test_a_crash_ends_the_wait_early(ask: RunModule, states: str) -> None:
    started = time.monotonic()
    result = ask(timeout=30, alive=[sys.executable, "-c", f"print({states!r})"])
    assert time.monotonic() - started < 10
    assert "the process is gone" in result["msg"]


def test_a_crash_behind_an_open_socket_ends_the_wait_early(ask: RunModule, sock: Path) -> None:
    states = "Id=shop-x-asgi@1.service\nActiveState=active\nNRestarts=3"
    with http_server(sock, always(500)):
        result = ask(timeout=30, alive=[sys.executable, "-c", f"print({states!r})"])
    assert "status 500" in result["msg"]
    assert "the process is gone: restarted 3 times" in result["msg"]


@pytest.mark.parametrize(
    "states",
    [
        "active\nactivating",
        "shop:a BACKOFF  Exited too quickly",
        "Id=failed-shop.service\nActiveState=active\nNRestarts=1",
    ],
)
def test_states_of_living_processes(states: str) -> None:
    assert gate_checks.dead(states) == ""


def test_check_mode_asks_nobody(run_module: RunModule, sock: Path) -> None:
    result = run_module(gate.main, _check=True, http_sockets=[str(sock)], timeout=1)
    assert not result.get("failed")
    assert result["checks"] == []


def test_bad_options_are_one_sentence(ask: RunModule) -> None:
    assert "must start with /" in ask(health_path="healthz")["msg"]
    assert "at least 1" in ask(consecutive=0)["msg"]


# WebSocket


def test_an_echo_passes_with_host_and_origin(ask_ws: RunModule, sock: Path) -> None:
    seen: list[Any] = []

    def handler(connection: ServerConnection) -> None:
        assert connection.request
        seen.append(connection.request)
        echo(connection)

    with ws_server(sock, handler):
        result = ask_ws(host="shop.test:8080", scheme="https")
    assert not result.get("failed"), result
    assert result["checks"][0]["detail"] == "echo"
    headers = seen[0].headers
    assert seen[0].path == "/ws/echo/"
    assert (headers["Host"], headers["Origin"]) == ("shop.test:8080", "https://shop.test:8080")
    assert headers["X-Forwarded-Proto"] == "https"


@pytest.mark.parametrize(
    ("host", "scheme", "port"),
    [
        ("shop.test:8080", "http", "8080"),
        ("shop.test", "https", "443"),
        ("[::1]", "http", "80"),
        ("[::1]:8", "http", "8"),
    ],
)
def test_the_port_is_said_as_nginx_says_it(host: str, scheme: str, port: str) -> None:
    assert gate_checks.Site(host, scheme, "/", "", "", "").headers()["X-Forwarded-Port"] == port


def test_a_first_frame_of_any_kind_is_good(ask_ws: RunModule, sock: Path) -> None:
    def greet(connection: ServerConnection) -> None:
        connection.send(b"hello")
        connection.recv()

    with ws_server(sock, greet):
        assert ask_ws(websocket_message="")["checks"][0]["ok"]


def test_a_silent_websocket_is_good_when_it_answers_pings(
    ask_ws: RunModule, sock: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate_websocket, "FRAME_SECONDS", 0.3)

    def listen(connection: ServerConnection) -> None:
        for _ in connection:
            pass

    with ws_server(sock, listen):
        result = ask_ws()
    assert result["checks"][0]["detail"] == "silent, answers pings"


def test_a_refused_handshake_is_named(ask_ws: RunModule, sock: Path) -> None:
    def refuse(connection: ServerConnection, _: Any) -> Any:
        return connection.respond(http.HTTPStatus.FORBIDDEN, "not from here")

    with ws_server(sock, echo, process_request=refuse):
        result = ask_ws()
    assert f"gate: WebSocket /ws/echo/ over {sock}: handshake answered with status 403: not from here" in result["msg"]
    assert "Origin 'http://shop.test' was sent" in result["msg"]


def test_an_http_application_without_websockets_is_refused(ask_ws: RunModule, sock: Path) -> None:
    with http_server(sock, always(404, "Not Found")):
        result = ask_ws()
    assert "status 404: Not Found" in result["msg"]
    assert "asgi.py" in result["msg"]


def test_an_exception_in_the_handshake_is_refused_soon(ask_ws: RunModule, sock: Path) -> None:
    with http_server(sock, always(500, "Internal Server Error")) as seen:
        result = ask_ws(timeout=60)
    assert "status 500: Internal Server Error" in result["msg"]
    assert "no route matches '/ws/echo/'" in result["msg"]
    assert len(seen) == 3


def test_a_connection_that_breaks_gets_the_hint_too(ask_ws: RunModule, sock: Path) -> None:
    with ws_server(sock, lambda connection: connection.socket.shutdown(2)):
        result = ask_ws()
    assert "no close frame (1006)" in result["msg"]
    assert "websocket_message" in result["msg"]


def test_a_websocket_redirect_is_not_followed(ask_ws: RunModule, sock: Path) -> None:
    with http_server(sock, always(302, Location="/ws/elsewhere/")) as seen:
        result = ask_ws()
    assert "handshake answered with status 302" in result["msg"]
    assert {request["path"] for request in seen} == {"/ws/echo/"}


def test_a_close_right_after_the_handshake_is_refused_with_its_code(ask_ws: RunModule, sock: Path) -> None:
    with ws_server(sock, lambda connection: connection.close(4003, "who are you")):
        result = ask_ws()
    assert "close code 4003 'who are you'" in result["msg"]


def test_a_consumer_that_chokes_on_the_message_gets_a_hint(ask_ws: RunModule, sock: Path) -> None:
    def choke(connection: ServerConnection) -> None:
        connection.recv()
        connection.close(1011)

    with ws_server(sock, choke):
        result = ask_ws()
    assert "close code 1011" in result["msg"]
    assert "websocket_message" in result["msg"]


def test_an_idle_websocket_is_held_and_used_again(ask_ws: RunModule, sock: Path) -> None:
    with ws_server(sock, echo):
        result = ask_ws(idle_seconds=0.5)
    idle = result["checks"][-1]
    assert idle["detail"] == "echo; after 0.5 s idle: echo"
    assert idle["seconds"] >= 0.5


def test_a_websocket_that_dies_when_idle_is_refused(ask_ws: RunModule, sock: Path) -> None:
    def impatient(connection: ServerConnection) -> None:
        try:
            while True:
                connection.send(connection.recv(timeout=1.2))
        except TimeoutError:
            connection.close(1011)
        except ConnectionClosed:
            return

    with ws_server(sock, impatient):
        result = ask_ws(idle_seconds=3)
    assert [check["ok"] for check in result["checks"]] == [True, False]
    assert "after 1.2 s: close code 1011" in result["msg"]
    assert "socket_timeout=None" in result["msg"]


def test_no_websocket_path_means_no_websocket_check(ask_ws: RunModule) -> None:
    assert ask_ws(websocket_path="")["checks"] == []


def test_a_missing_library_is_one_sentence(ask_ws: RunModule, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "has_websockets", lambda: False)
    assert "lacks the library 'websockets'" in ask_ws()["msg"]


def probe_that(prints: str, code: int = 0) -> list[str]:
    """Return a command that stands for asgiway_runtime.probe."""
    return [
        sys.executable,
        "-c",
        f"import sys; print({prints!r}, file=sys.stderr if {code} else None); sys.exit({code})",
    ]


FOUND = 'RuntimeWarning: noise\n{"channel_layer": "RedisChannelLayer passed a message on", "websocket_path": "/ws/a/"}'


def test_the_release_is_asked_from_inside(ask: RunModule, sock: Path) -> None:
    with http_server(sock, healthy):
        result = ask(probe=probe_that(FOUND))
    assert result["checks"][-1]["name"] == "channel layer through the project's own settings"
    assert result["checks"][-1]["detail"] == "RedisChannelLayer passed a message on"


@pytest.mark.parametrize(
    ("prints", "code", "cause"),
    [("Traceback\nredis.exceptions.ConnectionError: refused", 1, "ConnectionError: refused"), ("{}", 0, "{}")],
)
def test_a_channel_layer_that_fails_is_refused(ask: RunModule, sock: Path, prints: str, code: int, cause: str) -> None:
    with http_server(sock, healthy):
        result = ask(probe=probe_that(prints, code))
    assert "gate: channel layer through the project's own settings: " in result["msg"]
    assert cause in result["msg"]


def closes_with(code: int) -> Callable[[ServerConnection], None]:
    return lambda connection: connection.close(code)


@pytest.mark.parametrize(
    ("handler", "passes"),
    [(echo, True), (closes_with(4401), True), (closes_with(1008), True), (closes_with(1011), False)],
)
def test_a_path_that_was_found_may_say_no_but_not_break(
    ask_ws: RunModule, sock: Path, handler: Callable[[ServerConnection], None], passes: bool
) -> None:
    with ws_server(sock, handler):
        result = ask_ws(websocket_path="", probe=probe_that(FOUND), idle_seconds=0)
    assert bool(result.get("failed")) != passes, result
    assert result["checks"][-1]["name"].startswith("WebSocket /ws/a/ over ")


def test_a_path_that_was_named_may_not_say_no(ask_ws: RunModule, sock: Path) -> None:
    with ws_server(sock, closes_with(4401)):
        assert ask_ws(probe=probe_that(FOUND), idle_seconds=0)["failed"]


def loaded(fingerprint: str) -> list[str]:
    return probe_that(json.dumps({"channel_layer": "none", "websocket_path": "", "fingerprint": fingerprint}))


def test_what_was_held_idle_is_not_held_again_until_something_differs(
    ask_ws: RunModule, sock: Path, tmp_path: Path
) -> None:
    """An idle WebSocket is cut here, so that a gate passes only where it holds none."""

    def write(release: str, text: str) -> str:
        unit = tmp_path / f"shop-{release}-asgi@.service"
        unit.write_text(f"{text} in releases/{release}\n")
        return release

    def hold(release: str, **options: Any) -> dict[str, Any]:
        files = [f"{tmp_path}/shop-{release}-*@.service"]
        asked = {"probe": loaded("same"), "idle_files": files, "idle_seconds": 0.5, **options}
        return ask_ws(release=release, **asked)

    one, other = write("000000000001", "uvicorn"), write("000000000002", "uvicorn")
    with ws_server(sock, echo):
        proof = hold(one)["idle_proof"]
        assert hold(one, probe=[])["idle_proof"] == ""
        assert hold(one, probe=loaded(""))["idle_proof"] == ""

    sock.unlink()

    def impatient(connection: ServerConnection) -> None:
        try:
            while True:
                connection.send(connection.recv(timeout=0.2))
        except TimeoutError:
            connection.close(1011)

    with ws_server(sock, impatient):
        good = hold(other, idle_proofs=["another", proof])
        assert (good["idle_proof"], good["checks"][-1]["seconds"]) == (proof, 0.0), good
        assert "proved by a release before" in good["checks"][-1]["detail"]
        assert hold(other, idle_proofs=["another"])["failed"]
        assert hold(other, idle_proofs=[proof], probe=loaded("other code"))["failed"]
        assert hold(other, idle_proofs=[proof], idle_seconds=0.6)["failed"]
        assert hold(other, idle_proofs=["", proof], probe=loaded(""))["failed"]
        answered = {"channel_layer": "asked before", "websocket_path": "", "fingerprint": "same", "release": other}
        unasked = hold(other, idle_proofs=[proof], probe=["/bin/false"], answered=answered)
        assert (unasked["idle_proof"], unasked["checks"][0]["detail"]) == (proof, "asked before"), unasked
        assert hold(other, idle_proofs=[proof], probe=["/bin/false"], answered=answered | {"release": one})["failed"]
        write(other, "uvicorn --ws-ping-timeout 0.1")
        assert hold(other, idle_proofs=[proof])["failed"]
