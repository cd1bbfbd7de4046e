"""HTTP/1.1 over a Unix socket with the standard library only: one request, one fresh connection."""

from __future__ import annotations

import http.client
import socket
import time
from dataclasses import dataclass

BODY_LIMIT = 65536  # bytes read of an answer: a health answer is small, a start page may not be


class NotYet(Exception):
    """Nobody listens on the socket (it is missing, or refuses): the process is starting, or gone."""


@dataclass(frozen=True)
class Answer:
    """What came back: status code, headers with lower-case names, at most BODY_LIMIT bytes of body."""

    status: int
    headers: dict[str, str]
    body: bytes

    def text(self, limit: int = 300) -> str:
        """Return the first characters of the body on one line."""
        return " ".join(self.body.decode("utf-8", "replace").split())[:limit]


def connect(path: str, timeout: float) -> socket.socket:
    """Connect to the Unix socket at path within timeout (seconds); raises NotYet or OSError."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.settimeout(timeout)
        sock.connect(path)
    except (FileNotFoundError, ConnectionRefusedError) as error:
        sock.close()
        raise NotYet("no socket there" if isinstance(error, FileNotFoundError) else "connection refused") from error
    except BaseException:
        sock.close()
        raise
    return sock


class _Connection(http.client.HTTPConnection):
    """An HTTPConnection whose transport is a Unix socket."""

    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path
        self._seconds = timeout

    def connect(self) -> None:
        self.sock = connect(self._path, self._seconds)


def get(path: str, target: str, headers: dict[str, str], timeout: float) -> Answer:
    """GET target over the Unix socket at path; redirects are never followed.

    timeout bounds connecting, the head of the answer and its body, each; reading the body also stops
    when the whole has lasted that long. Raises NotYet, OSError or http.client.HTTPException.
    """
    started = time.monotonic()
    connection = _Connection(path, timeout)
    try:
        connection.putrequest("GET", target, skip_host=True, skip_accept_encoding=True)
        for name, value in {**headers, "Connection": "close"}.items():
            connection.putheader(name, value)
        connection.endheaders()
        response = connection.getresponse()
        body = b""
        while len(body) < BODY_LIMIT and time.monotonic() - started < timeout:
            piece = response.read1(BODY_LIMIT - len(body))
            if not piece:
                break
            body += piece
        return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, body)
    finally:
        connection.close()
