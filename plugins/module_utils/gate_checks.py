"""The checks of the gate: HTTP and WebSocket probes over a release's own Unix sockets.

One attempt returns an Outcome; `repeat` turns attempts into a verdict: so many good ones in a row, or a
refusal as soon as more waiting cannot help. Rules 4 and 5 of the pitfall list: real Host and
X-Forwarded-Proto, no redirects followed, several good answers, one real WebSocket, held idle.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import socket
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from ansible_collections.asgiway.django.plugins.module_utils import unix_http

REQUEST_SECONDS = 10.0  # one request or handshake may take this long; a warm worker needs milliseconds
FRAME_SECONDS = 2.0  # wait for an echo or a first frame before asking with a protocol ping
ERROR_SECONDS = 10.0  # errors without any good answer for this long end the gate
FINAL_IN_A_ROW = 3  # answers that waiting does not heal (4xx, redirect, wrong release)
DEAD = re.compile(r"(?:^|[\s=])(failed|inactive|FATAL|EXITED|STOPPED|UNKNOWN)(?=\s|$)", re.MULTILINE)
RESTARTS = re.compile(r"^NRestarts=(\d+)", re.MULTILINE)
RESTARTS_MAX = 3  # this many restarts while the gate waits are a crash loop


@dataclass(frozen=True)
class Outcome:
    """One attempt. kind: good | wait (nobody there yet) | error (may heal) | final (will not heal)."""

    kind: str
    detail: str
    hint: str = ""


@dataclass
class Check:
    """One line of the gate's result; seconds is how long the verdict took."""

    name: str
    ok: bool
    detail: str
    seconds: float

    def as_dict(self) -> dict[str, Any]:
        """Return the check as plain data for the module's result."""
        return asdict(self)


class Refused(Exception):
    """The release did not pass: which check, what came back, what it usually means."""

    def __init__(self, check: Check, hint: str = "") -> None:
        super().__init__(f"gate: {check.name}: {check.detail}" + (f"\n{hint}" if hint else ""))
        self.check = check


@dataclass(frozen=True)
class Site:
    """How a visitor's request looks when nginx passes it on, and what a good answer is."""

    host: str
    scheme: str
    health_path: str
    release: str
    websocket_path: str
    websocket_message: str

    def headers(self) -> dict[str, str]:
        """Return the headers that nginx sets, without Host."""
        return {"X-Forwarded-Proto": self.scheme, "X-Forwarded-For": "127.0.0.1", "X-Real-IP": "127.0.0.1"}


def get_once(path: str, site: Site, timeout: float) -> Outcome:
    """GET the health path (or /) once over the socket at path and judge the answer."""
    headers = {"Host": site.host, "User-Agent": "asgiway-gate", "Accept": "*/*", **site.headers()}
    try:
        answer = unix_http.get(path, site.health_path or "/", headers, timeout)
    except unix_http.NotYet as error:
        return Outcome("wait", str(error))
    except TimeoutError:
        return Outcome("error", f"no answer within {timeout:.0f} s", "The application hangs on this request.")
    except (OSError, http.client.HTTPException) as error:
        return Outcome("error", f"the connection broke: {type(error).__name__} {error}".rstrip())
    return judge(answer, site)


def judge(answer: unix_http.Answer, site: Site) -> Outcome:
    """Say whether an answer is good: 2xx and the right release, or below 500 on a site without health path."""
    status = answer.status
    came = f"status {status}" + (f": {answer.text()}" if answer.body else "")
    if status == 400:
        hint = f"Host '{site.host}' was sent: a 400 usually means that it is not in the project's ALLOWED_HOSTS."
        return Outcome("final", came, hint)
    if status >= 500:
        return Outcome("error", came)
    if not site.health_path:
        return Outcome("good", f"status {status}")
    if 300 <= status < 400:
        location = answer.headers.get("location", "")
        hint = "A health path must answer by itself."
        if location.startswith("https://") and site.scheme == "http":
            hint = (
                "A redirect to https usually means SECURE_SSL_REDIRECT: X-Forwarded-Proto: http was sent, since this "
                "site has no TLS."
            )
        elif location.startswith("https://"):
            hint = (
                "X-Forwarded-Proto: https was sent, yet the application redirects to https (SECURE_SSL_REDIRECT): "
                "set SECURE_PROXY_SSL_HEADER = ('HTTP_X_FORWARDED_PROTO', 'https')."
            )
        return Outcome("final", f"status {status}, Location: {location}", hint)
    if status >= 400:
        kind = "error" if status in (408, 425, 429) else "final"
        return Outcome(kind, came, f"The health path is '{site.health_path}'." if status == 404 else "")
    found = _release_of(answer)
    if site.release and found is not None and found != site.release:
        return Outcome(
            "final", f"release '{found}' answered, not '{site.release}'", "Another release owns this socket."
        )
    return Outcome("good", f"status {status}" + (f", release {found}" if found else ""))


def _release_of(answer: unix_http.Answer) -> str | None:
    """Return the "release" value of a JSON answer, None when there is none."""
    try:
        data = json.loads(answer.body)
    except ValueError:
        return None
    value = data.get("release") if isinstance(data, dict) else None
    return None if value is None else str(value)


def websocket_once(path: str, site: Site, timeout: float, idle: float = 0.0) -> Outcome:
    """Open one WebSocket over the socket at path, say the message, hold it idle (seconds), say it again.

    Any frame counts as an answer; a silent one must answer a protocol ping. A close is a refusal.
    Imports the websockets library, which must be in the interpreter's environment.
    """
    from websockets.client import ClientProtocol
    from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
    from websockets.sync.client import ClientConnection
    from websockets.uri import parse_uri

    sock = None
    try:
        sock = unix_http.connect(path, timeout)
        sock.settimeout(None)
        # the classes instead of unix_connect(), which follows redirects
        uri = parse_uri(f"ws://{site.host}{site.websocket_path}")
        origin: Any = f"{site.scheme}://{site.host}"
        connection = ClientConnection(sock, ClientProtocol(uri, origin=origin), close_timeout=2)
        connection.handshake(site.headers(), "asgiway-gate", timeout)
        opened = time.monotonic()
        with connection:
            try:
                first = _converse(connection, site.websocket_message)
                if not idle:
                    return Outcome("good", first)
                _stay_idle(connection, idle)
                second = _converse(connection, site.websocket_message)
                return Outcome("good", f"{first}; after {idle:g} s idle: {second}")
            except TimeoutError:
                return Outcome("error", "accepted, but no frame and no pong came back")
            except ConnectionClosed as error:
                return _closed(error, time.monotonic() - opened, idle)
    except unix_http.NotYet as error:
        return Outcome("wait", str(error))
    except InvalidStatus as error:
        return _handshake_refused(error.response, site)
    except TimeoutError:
        return Outcome("error", f"no answer to the handshake within {timeout:.0f} s")
    except (OSError, EOFError, InvalidHandshake) as error:
        cause = error.__cause__ or error
        return Outcome("error", f"the handshake failed: {type(cause).__name__} {cause}".rstrip())
    finally:
        if sock is not None:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)  # ends the library's reading thread
            sock.close()


def _converse(connection: Any, message: str) -> str:
    """Say the message and wait for any frame, or for a pong from a silent application."""
    if message:
        connection.send(message)
    try:
        frame = connection.recv(timeout=FRAME_SECONDS)
    except TimeoutError:
        if not connection.ping().wait(FRAME_SECONDS):
            # recv() raises ConnectionClosed when a close is what came instead of the pong
            connection.recv(timeout=0)
        return "silent, answers pings"
    return "echo" if frame == message else "a frame came back"


def _stay_idle(connection: Any, seconds: float) -> None:
    """Let the WebSocket rest; frames the application sends by itself are read away."""
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        try:
            connection.recv(timeout=left)
        except TimeoutError:
            return


def _closed(error: Any, after: float, idle: float) -> Outcome:
    """Describe a close by the application; error is websockets' ConnectionClosed, after in seconds."""
    frame = error.rcvd
    code = "no close frame (1006)"
    if frame:
        code = f"close code {frame.code}" + (f" '{frame.reason}'" if frame.reason else "")
    hint = ""
    if idle and after > 1:
        hint = (
            "A WebSocket that dies when idle for about 5 s is what channels_redis does under redis-py 8 without "
            "socket_timeout=None in CHANNEL_LAYERS."
        )
    elif frame and frame.code == 1011:
        hint = (
            "The consumer raised an exception; if it cannot take the text that the gate sends, set another "
            "websocket_message or path."
        )
    return Outcome("final", f"accepted, then closed by the application after {after:.1f} s: {code}", hint)


def _handshake_refused(response: Any, site: Site) -> Outcome:
    """Judge a handshake answered with an HTTP status instead of 101."""
    status = int(response.status_code)
    text = " ".join((response.body or b"").decode("utf-8", "replace").split())[:300]
    detail = f"handshake answered with status {status}" + (f": {text}" if text else "")
    hint = ""
    if status in (401, 403):
        hint = (
            f"Origin '{site.scheme}://{site.host}' was sent: the origin check (ALLOWED_HOSTS), a login or the "
            "consumer refused it; the gate needs a WebSocket path that accepts everybody."
        )
    elif status == 404 or status < 400:
        hint = f"Nothing accepts a WebSocket at '{site.websocket_path}': is it routed in asgi.py?"
    return Outcome("error" if status >= 500 else "final", detail, hint)


def dead(output: str) -> str:
    """Return the line of a process manager's state output that says a process is gone, or ''."""
    for line in output.splitlines():
        if DEAD.search(line):
            return line.strip()
    for found in RESTARTS.finditer(output):
        if int(found[1]) >= RESTARTS_MAX:
            return f"restarted {found[1]} times"
    return ""


def repeat(
    name: str,
    attempt: Callable[[float], Outcome],
    consecutive: int,
    deadline: float,
    crashed: Callable[[], str],
) -> Check:
    """Attempt until `consecutive` good outcomes in a row; raise Refused when that cannot come any more.

    deadline is a time.monotonic() value; crashed() returns '' or why the processes are known to be dead.
    """
    started = time.monotonic()
    good = final = 0
    error_since = 0.0
    last = Outcome("wait", "never tried")

    def refuse(why: str) -> Refused:
        took = round(time.monotonic() - started, 2)
        return Refused(Check(name, False, last.detail + (f" ({why})" if why else ""), took), last.hint)

    while True:
        left = deadline - time.monotonic()
        if left <= 0:
            raise refuse(f"gave up after {time.monotonic() - started:.0f} s")
        last = attempt(max(0.5, min(REQUEST_SECONDS, left)))
        now = time.monotonic()
        if last.kind == "good":
            good, final, error_since = good + 1, 0, 0.0
            if good >= consecutive:
                detail = last.detail + (f", {good} times in a row" if good > 1 else "")
                return Check(name, True, detail, round(now - started, 2))
            continue
        good = 0
        final = final + 1 if last.kind == "final" else 0
        if final >= FINAL_IN_A_ROW:
            raise refuse(f"{final} times in a row")
        error_since = (error_since or now) if last.kind == "error" else 0.0
        if error_since and now - error_since >= ERROR_SECONDS:
            raise refuse(f"for {now - error_since:.0f} s")
        if last.kind == "wait" and (why := crashed()):
            raise refuse(f"the process is gone: {why}")
        time.sleep(min(0.2, max(0.0, deadline - now)))
