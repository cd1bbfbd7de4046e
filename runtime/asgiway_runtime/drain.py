"""Send a release's WebSockets and event streams away when it is told to leave.

Engines end WebSockets in six different ways at a stop (1012, 1011, 1006, cut, hang); this ends them in one way under
all of them. A file `drain` in the release's runtime directory is the order. It holds one or two numbers of seconds:

    SECONDS         WebSockets get a close frame, spread evenly over this time, so that clients come back in a trickle
    LIMIT           event streams (text/event-stream) may end by themselves for two thirds of this time; those still
                    open are ended after an event, spread evenly over the rest. Without it streams are left alone

Each process answers the order with a file `drain.PID` beside it: how many there were, and how many are left.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any, Protocol

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[dict[str, Any], Receive, Send], Awaitable[None]]

POLL_SECONDS = 0.5
REASON = "service restart"
# streams get most of their time to end by themselves, and all are gone before the bound cuts them off
STREAMS_FROM, STREAMS_TO = 2 / 3, 0.95


class Left(OSError):
    """What an application gets that sends on a stream which was ended: ASGI's sign for a client that is gone."""


class Connection(Protocol):
    """What can be asked to leave."""

    async def leave(self) -> None:
        """Say goodbye in the way of its kind."""


class Crowd:
    """The open connections of one kind."""

    def __init__(self) -> None:
        """Begin with none."""
        self.inside: set[Connection] = set()
        self.ever = 0

    def enter(self, one: Connection) -> None:
        """Take one in."""
        self.inside.add(one)
        self.ever += 1


class Socket:
    """One WebSocket of this process."""

    def __init__(self, receive: Receive, send: Send, code: int) -> None:
        """Remember how to speak to the client."""
        self._receive = receive
        self._send = send
        self._code = code
        self._waiting: asyncio.Task[Any] | None = None
        self._leaving = False
        self._closed = False
        self._told = False
        self._accepted = False

    async def receive(self) -> Message:
        """Pass the client's message on; to one that was sent away, say once that the client is gone."""
        if self._leaving and not self._told:
            return await self._goodbye()
        self._waiting = task = asyncio.current_task()
        try:
            return await self._receive()
        except asyncio.CancelledError:
            # ours alone when nobody else cancelled the task as well
            if not self._leaving or self._told or task is None or task.uncancel():
                raise
            return await self._goodbye()
        finally:
            self._waiting = None

    async def send(self, message: Message) -> None:
        """Pass the application's message on, unless the client was already sent away."""
        if self._closed:
            return
        if message["type"] == "websocket.accept":
            self._accepted = True
        elif message["type"] == "websocket.close":
            self._closed = True
        await self._send(message)

    async def leave(self) -> None:
        """Send the client away; a socket that is being closed anyway is left alone."""
        if not self._accepted or self._closed or self._leaving:
            return
        self._leaving = True
        if self._waiting is None:
            await self._close()
        else:
            # granian never sends while a receive is pending, so that one is called off, and the task it ran in sends
            # the close. Costs nothing per message, unlike a task of ours around each receive
            self._waiting.cancel()

    async def _goodbye(self) -> Message:
        await self._close()
        self._told = True
        return {"type": "websocket.disconnect", "code": self._code, "reason": REASON}

    async def _close(self) -> None:
        if not self._closed:
            self._closed = True
            # the client may be gone in this very moment, and engines name that differently
            with contextlib.suppress(Exception):
                await self._send({"type": "websocket.close", "code": self._code, "reason": REASON})


class Response:
    """One HTTP response; it counts as an open connection once it turns out to be an event stream."""

    def __init__(self, send: Send, streams: Crowd) -> None:
        """Remember how to speak to the client, and where open streams are counted."""
        self._send = send
        self._streams = streams
        self._is_stream = False
        self._sending = False
        self._leaving = False
        self.ended = False

    async def send(self, message: Message) -> None:
        """Pass the application's message on; Left when the stream was ended."""
        if message["type"] == "http.response.start" and is_event_stream(message.get("headers", ())):
            self._is_stream = True
            self._streams.enter(self)
        if not self._is_stream:
            await self._send(message)
            return
        if self.ended:
            raise Left("the stream was ended: its release is being replaced")
        self.ended = message["type"] == "http.response.body" and not message.get("more_body", False)
        self._sending = True
        try:
            await self._send(message)
        finally:
            self._sending = False
        if self._leaving:
            await self._end()

    async def leave(self) -> None:
        """End the stream after the part that is on its way: the client sees a whole response, and comes back."""
        self._leaving = True
        if not self._sending:
            await self._end()

    async def _end(self) -> None:
        if not self.ended:
            self.ended = True
            with contextlib.suppress(Exception):
                await self._send({"type": "http.response.body", "body": b"", "more_body": False})


def is_event_stream(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Say whether clients open such a response again by themselves; a download that ends early is a truncated file."""
    for name, value in headers:
        if bytes(name).lower() == b"content-type":
            return bytes(value).startswith(b"text/event-stream")
    return False


class Drain:
    """An ASGI application around another one."""

    def __init__(self, application: Application, order: Path, close_code: int) -> None:
        """Wrap `application`; `order` is the file to look for, `close_code` what WebSocket clients get."""
        self._application = application
        self._order = order
        self._code = close_code
        self._sockets = Crowd()
        self._streams = Crowd()
        self._watcher: asyncio.Task[None] | None = None
        self._leaving: set[asyncio.Task[None]] = set()

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] == "http":
            response = Response(send, self._streams)
            self._watch()
            try:
                await self._application(scope, receive, response.send)
            except Left:
                if not response.ended:  # somebody else's
                    raise
            finally:
                self._streams.inside.discard(response)
        elif scope["type"] == "websocket":
            socket = Socket(receive, send, self._code)
            self._watch()
            self._sockets.enter(socket)
            try:
                await self._application(scope, socket.receive, socket.send)
            finally:
                self._sockets.inside.discard(socket)
        else:
            await self._application(scope, receive, send)

    def _watch(self) -> None:
        """Look for the order from the first connection on: only then does the process certainly have its loop."""
        if self._watcher is None:
            self._watcher = asyncio.create_task(self._obey())

    async def _obey(self) -> None:
        while (ordered := self._ordered()) is None:
            await asyncio.sleep(POLL_SECONDS)
        seconds, limit = ordered
        async with asyncio.TaskGroup() as group:
            group.create_task(self._answer())
            group.create_task(self._send_away(self._sockets, 0.0, seconds))
            if limit is not None:
                group.create_task(self._send_away(self._streams, limit * STREAMS_FROM, limit * STREAMS_TO))

    def _ordered(self) -> tuple[float, float | None] | None:
        """Return the order's one or two numbers, or None."""
        try:
            seconds, *limit = (float(word) for word in self._order.read_text().split() or ["0"])
        except (OSError, ValueError):
            return None
        return max(seconds, 0.1), limit[0] if limit else None

    async def _send_away(self, crowd: Crowd, begin: float, end: float) -> None:
        """Let a crowd leave evenly from `begin` to `end` (seconds from now), and then whoever still finds the way."""
        loop = asyncio.get_running_loop()
        start = loop.time() + begin
        await asyncio.sleep(begin)
        there = list(crowd.inside)
        for number, one in enumerate(there):
            # somewhere in its own part of the time: several processes must not keep one beat
            turn = start + (end - begin) * (number + random.random()) / len(there)  # noqa: S311 - not a secret
            await asyncio.sleep(max(0.0, turn - loop.time()))
            self._ask(one)
        while True:
            await asyncio.sleep(POLL_SECONDS)
            for one in list(crowd.inside):
                self._ask(one)

    def _ask(self, one: Connection) -> None:
        """Ask one to leave, beside the others: a client that takes its time must not keep them waiting."""
        task = asyncio.create_task(one.leave())
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)

    async def _answer(self) -> None:
        """Tell how many there were since the order, and how many are left, whenever that changes."""
        path = self._order.with_name(f"{self._order.name}.{os.getpid()}")
        crowds = {"websockets": self._sockets, "streams": self._streams}
        before = {kind: crowd.ever - len(crowd.inside) for kind, crowd in crowds.items()}
        told: dict[str, int] = {}
        while True:
            now = {kind: crowd.ever - before[kind] for kind, crowd in crowds.items()}
            now |= {f"{kind}_left": len(crowd.inside) for kind, crowd in crowds.items()}
            if now != told:
                told = now
                draft = path.with_name(f".{path.name}")
                # a report that cannot be written must not end the drain
                with contextlib.suppress(OSError):
                    draft.write_text(json.dumps(told))
                    draft.replace(path)
            await asyncio.sleep(POLL_SECONDS)
