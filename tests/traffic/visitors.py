"""Visitors of the sample app who never retry: whatever fails is counted."""

from __future__ import annotations

import asyncio
import random
import threading
import time
import uuid
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import httpx
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

PAUSE = 0.05  # seconds between the requests of one visitor: 20 a second
LIMIT = 20.0  # seconds for one answer
SOCKETS = 30


@dataclass
class Seen:
    """What the visitors saw."""

    requests: int = 0
    failed: list[str] = field(default_factory=list)
    servers: list[str] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    closes: list[tuple[float, int]] = field(default_factory=list)
    connected: int = 0
    longest: float = 0.0

    def server(self, name: str) -> None:
        """Note who answered, once for each change."""
        if not self.servers or self.servers[-1] != name:
            self.servers.append(name)


class Visitors:
    """Visitors in a thread of their own, from entering to leaving the context."""

    def __init__(self, url: str) -> None:
        """Remember the site."""
        self.url = url
        self.seen = Seen()
        self._stop = threading.Event()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._visit()))

    def __enter__(self) -> Visitors:
        """Start; returns when the first requests were answered and all sockets tried to connect."""
        self._thread.start()
        assert self._ready.wait(LIMIT), f"the site does not answer: {self.seen.failed[:3]}"
        return self

    def __exit__(self, *_: object) -> None:
        """Stop, and wait for the visitors to finish what they began."""
        self._stop.set()
        self._thread.join(LIMIT * 2)

    async def _visit(self) -> None:
        loops = [self._fresh, self._kept, self._slow, self._deposits]
        sockets = [asyncio.create_task(self._socket()) for _ in range(SOCKETS)]
        tasks = [asyncio.create_task(loop()) for loop in loops]
        while self.seen.requests < 20 and not self._stop.is_set():
            await asyncio.sleep(PAUSE)
        self._ready.set()
        await asyncio.gather(*tasks)
        for socket in sockets:
            socket.cancel()
        await asyncio.gather(*sockets, return_exceptions=True)

    async def _until_stopped(self, what: str, ask: Callable[[], Awaitable[httpx.Response]], good: int) -> None:
        while not self._stop.is_set():
            start = time.monotonic()
            try:
                answer = await ask()
                if answer.status_code != good:
                    self.seen.failed.append(f"{what}: {answer.status_code} {answer.text[:100]}")
                elif what != "slow" and answer.request.method == "GET":
                    self.seen.server(answer.json()["server"])
            except httpx.HTTPError as error:
                self.seen.failed.append(f"{what}: {error!r}")
            self.seen.requests += 1
            taken = time.monotonic() - start
            if what != "slow":
                self.seen.longest = max(self.seen.longest, taken)
            await asyncio.sleep(max(0.0, PAUSE - taken))

    def _client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=self.url, timeout=LIMIT, trust_env=False, verify=False)

    async def _fresh(self) -> None:
        async def ask() -> httpx.Response:
            async with self._client() as client:
                return await client.get("/healthz")

        await self._until_stopped("fresh", ask, 200)

    async def _kept(self) -> None:
        async with self._client() as client:
            await self._until_stopped("kept", lambda: client.get("/healthz"), 200)

    async def _slow(self) -> None:
        async with self._client() as client:
            await self._until_stopped("slow", lambda: client.get("/slow/?seconds=2"), 200)

    async def _deposits(self) -> None:
        async with self._client() as client:
            await client.get("/balance/")
            headers = {"X-CSRFToken": client.cookies["csrftoken"], "Origin": self.url}

            def ask() -> Awaitable[httpx.Response]:
                self.seen.keys.append(str(uuid.uuid4()))
                data: dict[str, Any] = {"amount": 1, "key": self.seen.keys[-1]}
                return client.post("/balance/deposit/", data=data, headers=headers)

            await self._until_stopped("deposit", ask, 201)

    async def _socket(self) -> None:
        uri = self.url.replace("http", "ws", 1) + "/ws/echo/"
        while not self._stop.is_set():
            with suppress(InvalidStatus):  # 501: no WebSockets under WSGI alone; come back later like the page does
                try:
                    async with connect(uri, ping_interval=None, proxy=None) as socket:
                        self.seen.connected += 1
                        while True:
                            await socket.send("here")
                            await socket.recv()
                            await asyncio.sleep(1)
                except ConnectionClosed as closed:
                    self.seen.closes.append((time.monotonic(), closed.rcvd.code if closed.rcvd else 1006))
                except OSError as error:
                    self.seen.failed.append(f"socket: {error!r}")
            await asyncio.sleep(random.uniform(0.2, 1))
