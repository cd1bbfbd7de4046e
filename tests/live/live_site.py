"""The running site as the tests see it: HTTP and WebSocket clients that remember what was answered."""

from __future__ import annotations

import json
import re
import socket
import uuid
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import tls_client
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect

HTTP_LIMIT = 30.0  # seconds for one answer, above the longest long-poll
WS_LIMIT = 5.0  # seconds for one WebSocket message


class Site:
    """One base URL, what is expected of it, and its last answers."""

    def __init__(
        self,
        url: str,
        *,
        server: str,
        interface_http: str | None,
        websockets: bool,
        workers: int | None,
        ca: str,
    ) -> None:
        self.url = url
        self.http_engine, self.ws_engine = engines(server)
        self.interface_http = interface_http
        self.websockets = websockets
        self.workers = workers
        self._answers: deque[str] = deque(maxlen=5)
        self._tls = tls_client.context(url, ca)
        self._websocket_tls = tls_client.websocket_context(url, ca)
        self.client = self.new_client()

    # HTTP

    def new_client(self) -> httpx.Client:
        """Return a client with cookies and connections of its own."""
        return httpx.Client(
            base_url=self.url,
            timeout=HTTP_LIMIT,
            verify=self._tls or False,  # only https has a context; loading one for http costs time
            trust_env=False,  # a proxy in the tester's environment must not answer instead of the site
            event_hooks={"response": [self._remember]},
        )

    def get(self, path: str, **options: Any) -> httpx.Response:
        """Return the answer to a GET."""
        return self.client.get(path, **options)

    def json(self, path: str, **options: Any) -> dict[str, Any]:
        """Return the JSON of an answer that must be 200."""
        answer = self.get(path, **options)
        assert answer.status_code == 200, f"{path} answered {answer.status_code}"
        data: dict[str, Any] = answer.json()
        return data

    def deposit(self, amount: int = 1, key: str = "") -> dict[str, Any]:
        """Deposit as the page's script does: with the form's token, the cookie and the page's Origin."""
        token = self.client.cookies.get("csrftoken")
        if not token:
            assert self.get("/balance/").status_code == 200, "no balance page"
            token = self.client.cookies["csrftoken"]
        answer = self.client.post(
            "/balance/deposit/",
            data={"amount": amount, "key": key or str(uuid.uuid4())},
            headers={"X-CSRFToken": token, "Origin": self.url, "Referer": f"{self.url}/balance/"},
        )
        assert answer.status_code == 201, f"deposit answered {answer.status_code}"
        data: dict[str, Any] = answer.json()
        return data

    @contextmanager
    def events(self, path: str) -> Iterator[Iterator[dict[str, Any]]]:
        """Yield the entries of a server-sent event stream as they come."""
        with self.client.stream("GET", path, timeout=WS_LIMIT) as answer:
            assert answer.status_code == 200, f"{path} answered {answer.status_code}"
            assert answer.headers["content-type"].startswith("text/event-stream")
            yield (json.loads(line[6:]) for line in answer.iter_lines() if line.startswith("data: "))

    def raw(self, request: str) -> tuple[int, str]:
        """Send these very bytes; return status (0: closed without an answer) and the rest of the answer.

        {host} in it is the site's name and port; what no HTTP client would send is what this is for.
        """
        url = httpx.URL(self.url)
        tls = url.scheme == "https"
        with socket.create_connection((url.host, url.port or (443 if tls else 80)), timeout=HTTP_LIMIT) as plain:
            wire = self._tls.wrap_socket(plain, server_hostname=url.host) if self._tls else plain
            wire.sendall(request.replace("{host}", url.netloc.decode()).encode("latin-1"))
            answer = b""
            while piece := _receive(wire):
                answer += piece
            if wire is not plain:
                wire.close()
        head, _, rest = answer.decode("latin-1").partition("\r\n")
        status = int(head.split()[1]) if head.startswith("HTTP/") else 0
        self._note(repr(request), status, {}, rest)
        return status, rest

    # WebSocket

    def websocket(self, path: str, **options: Any) -> ClientConnection:
        """Return an open WebSocket. Without pings of its own: only the site keeps it alive."""
        uri = self.url.replace("http", "ws", 1) + path
        try:
            connection: ClientConnection = connect(
                uri,
                ssl=self._websocket_tls,
                proxy=None,
                ping_interval=None,
                open_timeout=10,
                close_timeout=2,
                max_queue=None,  # a client that reads little must still see the close
                legacy=True,  # connect now, not at `with`
                **options,
            )
            return connection
        except InvalidStatus as refusal:
            self._note(
                f"WebSocket {path}",
                refusal.response.status_code,
                refusal.response.headers,
                (refusal.response.body or b"").decode(errors="replace"),
            )
            raise

    def refusal(self, path: str, **options: Any) -> tuple[int, str]:
        """Return status and text of a WebSocket handshake that must be refused."""
        try:
            self.websocket(path, **options).close()
        except InvalidStatus as error:
            return error.response.status_code, (error.response.body or b"").decode(errors="replace")
        raise AssertionError(f"{path} with {options} was accepted")

    # What was answered

    def forget(self) -> None:
        """Become a new visitor: no cookies, no connections, no memory."""
        self.client.close()
        self.client = self.new_client()
        self._answers.clear()

    def close(self) -> None:
        """Close the connections."""
        self.client.close()

    def story(self) -> str:
        """Return the last answers as text."""
        return "\n\n".join(self._answers) or "(none)"

    def _remember(self, answer: httpx.Response) -> None:
        """Keep an answer; a stream's body is left to its reader."""
        streamed = answer.headers.get("content-type", "").startswith("text/event-stream")
        body = "(stream)" if streamed else answer.read().decode(errors="replace")
        self._note(f"{answer.request.method} {answer.request.url}", answer.status_code, answer.headers, body)

    def _note(self, what: str, status: int, headers: Any, body: str) -> None:
        lines = [f"{what} -> {status}", *(f"  {name}: {value}" for name, value in headers.items()), body[:1500]]
        self._answers.append("\n".join(lines))


def _receive(wire: socket.socket) -> bytes:
    """Return the next bytes; none when the other side closed, in whatever way."""
    try:
        return wire.recv(65536)
    except ConnectionError:
        return b""


def engines(server: str) -> tuple[str, str]:
    """Return the engine that answers HTTP and the one that answers WebSockets, '' for "do not check"."""
    http, _, ws = ("gunicorn+uvicorn" if server == "hybrid" else server).partition("+")
    return http, ws or http


def receive_json(socket: ClientConnection) -> dict[str, Any]:
    """Return the next message, waiting a bounded time."""
    data: dict[str, Any] = json.loads(socket.recv(timeout=WS_LIMIT))
    return data


def hashed_static(page: str) -> list[str]:
    """Return the addresses of static files with a content hash in their names."""
    return re.findall(r'["\'](/static/[^"\']+\.[0-9a-f]{12}\.(?:css|js))["\']', page)
