"""Visitors of the sample app who never retry: whatever fails is counted."""

from __future__ import annotations

import asyncio
import random
import threading
import time
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
from seen import PHASES, Reader, Seen
from sockets import LIMIT, Sockets

SOCKETS = 200
FOLLOWERS = 20
SILENT = 3  # connections that send their request late
LATE = (2, 5)  # seconds after the connection
GETS_EVERY, POSTS_EVERY = 0.05, 0.2  # seconds between the requests of one visitor
SLOW, LONG = 2, 15  # seconds of a slow request, of a long one and of a stream
ECHOES_PER_SECOND = 120  # of all sockets together: the driver shares the machine with what it measures
STALL = 0.1  # seconds of lateness of the driver that are taken off a gap
START_LIMIT = 90  # seconds until everybody has been answered once


class Visitors:
    """Visitors in a thread of their own, from entering to leaving the context."""

    def __init__(self, url: str, sockets: int = SOCKETS, pace: float = 1) -> None:
        """Plan visitors of a site, `sockets` WebSockets among them; at half the pace they ask half as often."""
        self.url = url
        self._pace = pace
        self.seen = Seen()
        self._followers = min(FOLLOWERS, sockets // 3)
        self._echoes = sockets - self._followers
        self._stop = threading.Event()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._visit()))

    def __enter__(self) -> Visitors:
        """Start; returns when the first requests were answered and all sockets tried to connect."""
        self._thread.start()
        if not self._ready.wait(START_LIMIT) or not self._thread.is_alive():
            self._leave()
            raise AssertionError(f"the site does not answer everybody: {self.seen.failed[:3]}")
        self.phase("before")
        return self

    def __exit__(self, *_: object) -> None:
        """Stop, and wait for the visitors to finish what they began."""
        self._leave()

    def phase(self, name: str) -> None:
        """Say that what is asked from now on belongs to another phase."""
        assert name in PHASES
        self.seen.marks.append((time.monotonic(), name))

    def all_back(self, limit: float) -> bool:
        """Wait until every WebSocket is open, at most `limit` seconds."""
        end = time.monotonic() + limit
        while self.seen.open < len(self.seen.sockets):
            if time.monotonic() > end:
                return False
            time.sleep(0.1)
        return True

    def _leave(self) -> None:
        self._stop.set()
        self._thread.join(LIMIT * 2)
        assert not self._thread.is_alive(), "the visitors do not come to an end"

    async def _visit(self) -> None:
        """Let all loops run until the stop; whatever ends one of them before is a failure."""
        try:
            async with self._client() as poller:
                self.seen.oldest = await self._newest(poller)
                sockets = Sockets(
                    self.url,
                    self.seen,
                    self._echoes,
                    self._followers,
                    max(1.5, self._echoes / ECHOES_PER_SECOND) / self._pace,
                )
                ending = [self._fresh(), self._kept(), self._deposits(), *(self._silent() for _ in range(SILENT))]
                cut = [self._slow("slow", SLOW), self._slow("long", LONG), self._streams(), self._watch_clock()]
                cut += sockets.lives(poller, self.seen.oldest)
                short, rest = ([asyncio.create_task(life) for life in lives] for lives in (ending, cut))
                while not (self._stop.is_set() or self._everybody_was_answered()):
                    await asyncio.sleep(0.1)
                self._ready.set()
                await asyncio.gather(*short)
                await self._let_readers_end(poller)
                for task in rest:
                    task.cancel()
                for result in await asyncio.gather(*rest, return_exceptions=True):
                    if isinstance(result, Exception):
                        self.seen.failed.append(f"a visitor gave up: {result!r}")
        except Exception as error:
            self.seen.failed.append(f"the visitors gave up: {error!r}")
            raise
        finally:
            self._ready.set()

    def _everybody_was_answered(self) -> bool:
        return self.seen.requests >= 20 and all(socket.tried for socket in self.seen.sockets)

    async def _let_readers_end(self, client: httpx.AsyncClient) -> None:
        """Wait until each reader has the last number; what it lacks then is lost."""
        self.seen.newest = newest = await self._newest(client)
        end = time.monotonic() + 10
        while any(reader.last < newest for reader in self.seen.readers) and time.monotonic() < end:
            await asyncio.sleep(0.1)
        for reader in self.seen.readers:
            reader.lost += max(0, newest - reader.last)

    async def _newest(self, client: httpx.AsyncClient) -> int:
        """Return the balance's last number; this one asks again, it is no visitor."""
        for _ in range(30):
            try:
                return int((await client.get("/poll/balance/")).raise_for_status().json()["seq"])
            except httpx.HTTPError:
                await asyncio.sleep(1)
        raise RuntimeError("no answer for half a minute")

    def _client(self, **options: Any) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=self.url, timeout=LIMIT, trust_env=False, **options)

    async def _until_stopped(
        self, kind: str, ask: Callable[[], Awaitable[httpx.Response]], good: int = 200, every: float = 0.0
    ) -> None:
        while not self._stop.is_set():
            begun = time.monotonic()
            try:
                answer = await ask()
                if answer.status_code == good:
                    who = answer.json()
                    self.seen.answer(kind, begun, who.get("release", ""), who.get("server", ""))
                else:
                    self.seen.failed.append(f"{kind}: {answer.status_code} {answer.text[:100]}")
            except httpx.HTTPError as error:
                self.seen.failed.append(f"{kind}: {error!r}")
                await asyncio.sleep(0.2)  # no faster than people against a site that is down
            await asyncio.sleep(max(0.0, begun + every - time.monotonic()))

    async def _fresh(self) -> None:
        async with self._client(limits=httpx.Limits(max_keepalive_connections=0)) as client:
            await self._until_stopped("fresh", lambda: client.get("/healthz"), every=GETS_EVERY / self._pace)

    async def _kept(self) -> None:
        async with self._client() as client:
            await self._until_stopped("kept", lambda: client.get("/healthz"), every=GETS_EVERY / self._pace)

    async def _slow(self, kind: str, seconds: int) -> None:
        async with self._client() as client:
            await self._until_stopped(kind, lambda: client.get("/slow/", params={"seconds": seconds}))

    async def _deposits(self) -> None:
        async with self._client() as client:
            await client.get("/balance/")
            headers = {"X-CSRFToken": client.cookies["csrftoken"], "Origin": self.url}

            async def ask() -> httpx.Response:
                key = str(uuid.uuid4())
                self.seen.keys.append(key)
                answer = await client.post("/balance/deposit/", data={"amount": 1, "key": key}, headers=headers)
                if answer.status_code == 201:
                    self.seen.confirmed.append(key)
                return answer

            await self._until_stopped("deposit", ask, good=201, every=POSTS_EVERY / self._pace)

    async def _silent(self) -> None:
        """Connect, say nothing for some seconds, then ask."""

        async def late(event: str, _: dict[str, Any]) -> None:
            end = time.monotonic() + random.uniform(*LATE)
            while event == "connection.connect_tcp.complete" and time.monotonic() < end and not self._stop.is_set():
                await asyncio.sleep(0.1)

        async with self._client(limits=httpx.Limits(max_keepalive_connections=0)) as client:
            await self._until_stopped("silent", lambda: client.get("/healthz", extensions={"trace": late}))

    async def _streams(self) -> None:
        """Hold an event stream for LONG seconds, leave, and go on in another one after the last number."""
        reader = Reader(self.seen.oldest)
        self.seen.readers.append(reader)
        async with self._client() as client:
            while True:
                begun = time.monotonic()
                try:
                    async with client.stream("GET", "/events/balance/", params={"since": reader.last}) as answer:
                        if answer.status_code == 200:
                            await self._read(answer, reader, begun + LONG)
                            self.seen.answer("stream", begun)
                        elif answer.status_code == 501:
                            self.seen.unavailable += 1
                        else:
                            self.seen.failed.append(f"stream: {answer.status_code}")
                    if answer.status_code == 501:
                        await self._poll_once(client, reader)
                except httpx.HTTPError as error:
                    self.seen.failed.append(f"stream: {error!r}")
                    await asyncio.sleep(0.2)

    async def _read(self, answer: httpx.Response, reader: Reader, end: float) -> None:
        """Read events until `end`, or until the server ends the stream properly."""
        async for line in answer.aiter_lines():
            if line.startswith("id: "):
                reader.take(int(line.removeprefix("id: ")))
            if time.monotonic() >= end:
                return
        self.seen.streams_ended_early += 1

    async def _poll_once(self, client: httpx.AsyncClient, reader: Reader) -> None:
        """What a page does where streams are not offered."""
        await asyncio.sleep(random.uniform(0.5, 1))
        for entry in (await client.get("/poll/balance/", params={"since": reader.last})).json()["entries"]:
            reader.take(entry["seq"])

    async def _watch_clock(self) -> None:
        """Note when this loop itself hung: what it saw late then did not come late."""
        while True:
            due = time.monotonic() + 0.1
            await asyncio.sleep(0.1)
            if (now := time.monotonic()) - due > STALL:
                self.seen.stalls.append((due, now))


def calm_visitors(url: str) -> Visitors:
    """Return visitors of every kind who leave the machine to the deploy that they watch."""
    return Visitors(url, sockets=40, pace=0.25)
