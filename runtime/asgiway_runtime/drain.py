"""Close a release's WebSockets evenly when it is told to leave.

Engines end WebSockets in six different ways at a stop (1012, 1011, 1006, cut, hang); this ends them in one way under
all of them: a file `drain` in the release's runtime directory, holding a number of seconds, is the order, and the
sockets of each process get a proper close frame spread over that time, so that clients come back in a trickle.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[dict[str, Any], Receive, Send], Awaitable[None]]

POLL_SECONDS = 0.5


class Connection:
    """One WebSocket of this process."""

    def __init__(self, send: Send) -> None:
        """Remember how to speak to the client."""
        self._send = send
        self.accepted = False
        self.closed = False

    async def send(self, message: Message) -> None:
        """Pass the application's message on, unless the client was already sent away."""
        if self.closed:
            return
        if message["type"] == "websocket.accept":
            self.accepted = True
        elif message["type"] == "websocket.close":
            self.closed = True
        await self._send(message)

    async def leave(self, code: int) -> None:
        """Send the client away; a socket that is being closed anyway is left alone."""
        if self.accepted and not self.closed:
            self.closed = True
            # the client may be gone in this very moment, and engines name that differently
            with contextlib.suppress(Exception):
                await self._send({"type": "websocket.close", "code": code, "reason": "service restart"})


class Drain:
    """An ASGI application around another one."""

    def __init__(self, application: Application, order: Path, close_code: int) -> None:
        """Wrap `application`; `order` is the file to look for, `close_code` what clients get."""
        self._application = application
        self._order = order
        self._code = close_code
        self._connections: set[Connection] = set()
        self._watcher: asyncio.Task[None] | None = None

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """Serve one connection; everything but WebSockets passes straight through."""
        if scope["type"] != "websocket":
            await self._application(scope, receive, send)
            return
        if self._watcher is None:
            self._watcher = asyncio.create_task(self._watch())
        connection = Connection(send)
        self._connections.add(connection)
        try:
            await self._application(scope, receive, connection.send)
        finally:
            self._connections.discard(connection)

    async def _watch(self) -> None:
        while not (seconds := self._ordered()):
            await asyncio.sleep(POLL_SECONDS)
        await self._leave(seconds)
        while True:  # whoever still finds the way here is sent on at once
            await asyncio.sleep(POLL_SECONDS)
            await self._leave(0)

    def _ordered(self) -> float | None:
        """Return the seconds that the order gives, at least 0.1, or None."""
        try:
            return max(float(self._order.read_text() or 0), 0.1)
        except (OSError, ValueError):
            return None

    async def _leave(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        start, connections = loop.time(), list(self._connections)
        for number, connection in enumerate(connections):
            await asyncio.sleep(max(0.0, start + seconds * number / len(connections) - loop.time()))
            await connection.leave(self._code)
