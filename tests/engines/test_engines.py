"""What each engine must do behind nginx, under the drain and at a stop."""

from __future__ import annotations

import stat
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import httpx
import pytest
from engine_process import CLIENT, HEADERS, Engine
from websockets.exceptions import ConnectionClosed

NGINX_KEEPS = 2.0  # seconds (templates/nginx/_upstreams.conf.j2)
IDLE = 6.5  # seconds; where a channel layer whose reads time out shows
SLOW = 3.0  # seconds of a request that is being answered when the end comes
DRAIN_SECONDS, DRAIN_LIMIT = 2.0, 9.0  # an event stream is ended between 6 and 8.6 s
LATE = 3.0  # seconds that a busy machine may add

pytestmark = pytest.mark.timeout(120)


def test_it_says_what_the_app_needs_to_know(engine: Engine) -> None:
    with engine.client() as client:
        me = client.get("/whoami/").raise_for_status().json()
        health = client.get("/healthz").json()
    assert (me["host"], me["remote_addr"], me["is_secure"]) == ("localhost", CLIENT, True)
    assert health["interface"] == engine.entry["interface"]


def test_nginx_may_connect_as_a_member_of_the_apps_group_and_others_may_not(engine: Engine) -> None:
    mode = engine.socket.stat().st_mode
    assert stat.S_ISSOCK(mode)
    assert mode & 0o067 == 0o060, oct(mode)


def test_an_idle_connection_is_not_closed_before_nginx_lets_go_of_it(engine: Engine) -> None:
    with closing(engine.connection()) as connection:
        for pause in (0.0, NGINX_KEEPS + 0.5):
            time.sleep(pause)  # the silence itself is what is tested
            connection.request("GET", "/healthz", headers=HEADERS)
            answer = connection.getresponse()
            assert answer.status == 200
            answer.read()
            if answer.will_close:  # then nginx keeps none, and no request can meet the close
                return


def test_a_free_thread_answers_whichever_process_it_is_in(wsgi: Engine) -> None:
    """With one thread left in two processes: a process must not take what it has no thread for."""
    threads = int(wsgi.group["tuning"].get("threads", 1))
    with ThreadPoolExecutor(2 * threads) as pool:
        requested = [pool.submit(wsgi.slow, SLOW) for _ in range(2 * threads - 1)]
        time.sleep(SLOW / 3)  # all of them are on their way
        with wsgi.client() as client:
            client.headers["Connection"] = "close"
            seconds = [client.get("/healthz").raise_for_status().elapsed.total_seconds() for _ in range(5)]
        assert not any(slow.done() for slow in requested)
        assert [slow.result() for slow in requested] == [200] * len(requested)
    assert max(seconds) < SLOW / 3, seconds


def test_echo_and_the_largest_message(asgi: Engine) -> None:
    with asgi.websocket("/ws/echo/") as socket:
        for message in ("hello", b"\x00\xff" * 1000, "x" * 500_000):
            socket.send(message)
            assert socket.recv(timeout=5) == message
        largest = asgi.group["tuning"].get("websocket_max_size")
        if largest:
            with pytest.raises(ConnectionClosed) as closed:
                socket.send("x" * (largest + 1))
                socket.recv(timeout=5)
            # a client that is still sending may meet the end before it reads the reason
            assert closed.value.rcvd is None or closed.value.rcvd.code == 1009


def test_the_drain_ends_everything_in_its_own_way(asgi: Engine) -> None:
    """An idle WebSocket gets its code, a request is answered, an event stream ends as a whole answer; then it stops."""

    def stream() -> float:
        """Return when it ended; raises when it was cut."""
        with asgi.client() as client, client.stream("GET", "/events/balance/") as answer:
            assert answer.headers["content-type"].startswith("text/event-stream")
            for _ in answer.iter_raw():
                pass
        return time.monotonic()

    with ThreadPoolExecutor() as pool, asgi.websocket("/ws/echo/") as socket:
        streamed = pool.submit(stream)
        with pytest.raises(TimeoutError):
            socket.recv(timeout=IDLE)
        socket.send("still there")
        assert socket.recv(timeout=5) == "still there"
        requested = pool.submit(asgi.slow, SLOW)
        time.sleep(0.3)  # the request is on its way
        ordered = time.monotonic()
        asgi.order_to_leave(DRAIN_SECONDS, DRAIN_LIMIT)
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(timeout=DRAIN_SECONDS + LATE)
        assert closed.value.rcvd
        assert closed.value.rcvd.code == asgi.entry["close_code"]
        assert requested.result() == 200
        assert DRAIN_LIMIT / 2 < streamed.result() - ordered < DRAIN_LIMIT + LATE
    assert asgi.stop() < (asgi.entry["grace"] + 1 if asgi.entry["facts"].get("lingers") else LATE)


def test_a_request_is_answered_when_it_is_stopped(engine: Engine) -> None:
    """Without a drain; the one engine that cannot says so in its entry."""
    with ThreadPoolExecutor() as pool:
        requested = pool.submit(engine.slow, SLOW)
        time.sleep(0.5)  # the request is on its way
        took = engine.stop()
        if engine.entry["facts"].get("cuts_requests"):
            with pytest.raises(httpx.RemoteProtocolError):
                requested.result()
        else:
            assert requested.result() == 200
    assert took < SLOW + LATE
