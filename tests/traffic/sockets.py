"""Visitors with WebSockets: most echo, some follow the balance; all come back when they are closed."""

from __future__ import annotations

import asyncio
import json
import random
import time
import uuid
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import httpx
from seen import Reader, Seen, Socket
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

LIMIT = 30.0  # seconds for one answer
AWAY = (0.2, 1.0)  # seconds that a client waits before it comes back
SILENCE = 5.0  # seconds after which a follower asks whether anybody is there
AT_ONCE = 50  # handshakes that one driver has under way


class Sockets:
    """The WebSockets of one run."""

    def __init__(self, url: str, seen: Seen, echoes: int, followers: int, echo_every: float) -> None:
        """Plan `echoes` sockets that echo every `echo_every` seconds, and `followers` of the balance."""
        self._ws = url.replace("http", "ws", 1)
        self._url = url
        self._seen = seen
        self._echo_every = echo_every
        self._door = asyncio.Semaphore(AT_ONCE)
        self._counts = (echoes, followers)

    def lives(self, client: httpx.AsyncClient, last: int) -> list[Coroutine[Any, Any, None]]:
        """Return the life of each; followers go on after number `last`, under a WSGI server with `client`."""
        echoes, followers = self._counts
        runs = []
        for _ in range(echoes):
            runs.append(self._keep_open(self._socket(), lambda: "/ws/echo/", self._echo, self._wait))
        for _ in range(followers):
            reader = Reader(last)
            self._seen.readers.append(reader)
            runs.append(self._keep_open(self._socket(), *self._following(client, reader)))
        return runs

    def _socket(self) -> Socket:
        self._seen.sockets.append(Socket())
        return self._seen.sockets[-1]

    async def _keep_open(
        self,
        socket: Socket,
        path: Callable[[], str],
        use: Callable[[ClientConnection], Awaitable[None]],
        otherwise: Callable[[], Awaitable[None]],
    ) -> None:
        """Open it, use it, note how it ends, come back; `otherwise` is done while the site has no WebSockets."""
        while True:
            try:
                async with self._door:
                    connection = await connect(
                        self._ws + path(),
                        ping_interval=None,
                        proxy=None,
                        compression=None,
                        open_timeout=LIMIT,
                        close_timeout=2,
                    )
                socket.up()
                async with connection:
                    await use(connection)
            except ConnectionClosed as closed:
                socket.closes.append((time.monotonic(), closed.rcvd.code if closed.rcvd else 1006))
            except InvalidStatus as error:
                if error.response.status_code == 501:
                    self._seen.unavailable += 1
                    socket.refused = True
                    await otherwise()
                    continue
                self._seen.failed.append(f"socket: {error.response.status_code}")
            except (OSError, TimeoutError, InvalidHandshake) as error:
                self._seen.failed.append(f"socket: {error!r}")
            finally:
                socket.is_open, socket.tried = False, True
            await asyncio.sleep(random.uniform(*AWAY))

    async def _echo(self, connection: ClientConnection) -> None:
        await asyncio.sleep(random.uniform(0, self._echo_every))  # not all in step
        while True:
            text = str(uuid.uuid4())
            await connection.send(text)
            async with asyncio.timeout(LIMIT):
                answer = await connection.recv()
            if answer != text:
                self._seen.failed.append(f"echo: {answer!r} instead of {text}")
            pause = random.uniform(0.75, 1.25) * self._echo_every
            try:
                async with asyncio.timeout(pause):  # listening, so that a close is noticed when it comes
                    self._seen.failed.append(f"echo: unasked {await connection.recv()!r}")
            except TimeoutError:
                pass

    async def _wait(self) -> None:
        await asyncio.sleep(random.uniform(2, 6))

    def _following(
        self, client: httpx.AsyncClient, reader: Reader
    ) -> tuple[Callable[[], str], Callable[[ClientConnection], Awaitable[None]], Callable[[], Awaitable[None]]]:
        """Return where a follower connects, what it does there, and what it does while there are no WebSockets."""

        async def follow(connection: ClientConnection) -> None:
            while True:
                try:
                    async with asyncio.timeout(SILENCE):
                        message = json.loads(await connection.recv())
                    if "seq" in message:
                        reader.take(message["seq"])
                except TimeoutError:  # a host that went away says nothing; only asking it shows that
                    await connection.send('{"ping": 1}')

        async def poll() -> None:
            """Like the page's live.js, but with a pause: each poll costs a thread of the server."""
            end = time.monotonic() + 5
            while time.monotonic() < end:
                begun = time.monotonic()
                try:
                    answer = await client.get("/poll/balance/", params={"since": reader.last})
                    if answer.status_code == 200:
                        self._seen.answer("poll", begun)
                        for entry in answer.json()["entries"]:
                            reader.take(entry["seq"])
                    else:
                        self._seen.failed.append(f"poll: {answer.status_code}")
                except httpx.HTTPError as error:
                    self._seen.failed.append(f"poll: {error!r}")
                await asyncio.sleep(random.uniform(0.4, 0.8))

        return lambda: f"/ws/balance/?since={reader.last}", follow, poll
