"""The gate's WebSocket probe: a real handshake and a frame over a release's socket, held idle on request."""

from __future__ import annotations

import contextlib
import socket
import time
from typing import Any

from ansible_collections.asgiway.django.plugins.module_utils import unix_http
from ansible_collections.asgiway.django.plugins.module_utils.gate_checks import Outcome, Site

FRAME_SECONDS = 2.0  # wait for an echo or a first frame before asking with a protocol ping


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
    elif not frame or frame.code == 1011:  # uvicorn sends no close frame after an exception, daphne 1011
        hint = (
            "The consumer raised an exception; if it cannot take the text that the gate sends, set another "
            "websocket_message or path."
        )
    chosen = bool(frame) and frame.code in (1000, 1008, *range(3000, 5000))
    return Outcome("final", f"accepted, then closed by the application after {after:.1f} s: {code}", hint, chosen)


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
    elif status == 500:
        hint = (
            f"The application raised an exception; Channels also does so when no route matches '{site.websocket_path}'."
        )
    # an application that can answer 500 has started: unlike 502 to 504, waiting does not heal it
    return Outcome("error" if status > 500 else "final", detail, hint, 400 <= status < 500)
