"""WebSockets: many at once, echoes, and a broadcast."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from asgiway_compare.cost import since
from asgiway_compare.load import Site
from asgiway_compare.settings import ECHOES, LISTENERS

LIMIT = 20.0  # seconds for one answer
SETTLED = 1.0  # seconds for a message before a broadcast begins
TRIES = 5
AT_ONCE = 5  # handshakes under way, where opening is not what is measured

Used = Callable[[], dict[str, float]]


def percentile(values: list[float], part: float) -> float:
    """Return the value that this part (0 to 1) of the values does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]


async def open_one(site: Site, path: str) -> ClientConnection:
    """Return an open socket, without compression or pings of its own."""
    return await connect(
        f"ws://{site.host}{path}",
        host=site.address,
        port=site.port,
        origin=f"http://{site.host}",  # type: ignore[arg-type]
        proxy=None,
        compression=None,
        ping_interval=None,
        max_queue=None,
        open_timeout=LIMIT,
        close_timeout=2,
    )


async def open_many(
    site: Site, path: str, count: int, at_once: int = AT_ONCE
) -> tuple[list[ClientConnection], list[float]]:
    """Open that many, so many at the same moment; return those that opened, and when each was open."""
    begun = time.monotonic()
    times: list[float] = []
    door = asyncio.Semaphore(at_once)

    async def one() -> ClientConnection | None:
        try:
            async with door:
                opened = await open_one(site, path)
        except (OSError, TimeoutError, InvalidHandshake):
            return None
        times.append(time.monotonic() - begun)
        return opened

    found = await asyncio.gather(*(one() for _ in range(count)))
    return [socket for socket in found if socket], times


async def close_all(sockets: list[ClientConnection]) -> None:
    """Close them."""
    await asyncio.gather(*(socket.close() for socket in sockets), return_exceptions=True)


async def storm(site: Site, path: str, count: int, weigh: Callable[[], int]) -> dict[str, Any]:
    """Open many at once, and weigh the server before and with them (bytes)."""
    before = weigh()
    sockets, times = await open_many(site, path, count, at_once=count)
    if not sockets:
        return {"asked": count, "opened": 0, "seconds": 0.0, "p50": 0.0, "bytes": 0}
    after = await asyncio.to_thread(weigh)
    await close_all(sockets)
    return {
        "asked": count,
        "opened": len(sockets),
        "seconds": max(times),
        "p50": percentile(times, 0.5),
        "bytes": max(0, after - before),
    }


async def answer_to(socket: ClientConnection, mark: str, limit: float = 0.0) -> None:
    """Wait for a message that holds the mark; others are somebody else's."""
    async with asyncio.timeout(limit or LIMIT):
        while True:
            message = await socket.recv()
            if mark in (message if isinstance(message, str) else message.decode(errors="replace")):
                return


def marked(message: str, number: int) -> tuple[str, str]:
    """Return a message and its mark; the space behind keeps 1 from being found in 10."""
    mark = f"compare {number:09d}"
    return message.replace("compare %n", mark), mark


async def echo(site: Site, path: str, message: str, seconds: float, used: Used = dict) -> dict[str, Any]:
    """Send and wait for the answer, over and over, on several sockets; `used` tells the CPU so far."""
    sockets, _ = await open_many(site, path, ECHOES)
    before = used()
    numbers = itertools.count()
    times: list[float] = []
    lost = ECHOES - len(sockets)
    begun = time.monotonic()

    async def one(socket: ClientConnection) -> None:
        nonlocal lost
        try:
            while time.monotonic() < begun + seconds:
                text, mark = marked(message, next(numbers))
                sent = time.monotonic()
                await socket.send(text)
                await answer_to(socket, mark)
                times.append(time.monotonic() - sent)
        except (ConnectionClosed, TimeoutError):
            lost += 1

    await asyncio.gather(*(one(socket) for socket in sockets))
    passed = time.monotonic() - begun
    cpu = since(before, used())
    await close_all(sockets)
    return {**figures(times, passed, lost), "cpu": cpu}


async def settle(sockets: list[ClientConnection], message: str) -> None:
    """Send until all get it: a site may accept a socket before it has joined the others."""

    async def one(socket: ClientConnection, mark: str) -> bool:
        try:
            await answer_to(socket, mark, SETTLED)
        except (ConnectionClosed, TimeoutError):
            return False
        return True

    for number in range(TRIES if sockets else 0):
        text, mark = marked(message, 10**8 + number)
        await sockets[0].send(text)
        if all(await asyncio.gather(*(one(socket, mark) for socket in sockets))):
            return


async def broadcast(
    site: Site, path: str, message: str, seconds: float, used: Used = dict, listeners: int = LISTENERS
) -> dict[str, Any]:
    """Let one of many send, wait until all have it, and again; `used` tells the CPU so far."""
    sockets, _ = await open_many(site, path, listeners)
    with suppress(ConnectionClosed):
        await settle(sockets, message)
    before = used()
    times: list[float] = []
    lost = listeners - len(sockets)
    ended = False
    begun = time.monotonic()

    async def one(socket: ClientConnection, mark: str, sent: float) -> bool:
        try:
            await answer_to(socket, mark)
        except (ConnectionClosed, TimeoutError):
            return False
        times.append(time.monotonic() - sent)
        return True

    for number in itertools.count():
        if time.monotonic() >= begun + seconds or ended or not sockets:
            break
        text, mark = marked(message, number)
        sent = time.monotonic()
        try:
            await sockets[0].send(text)
        except ConnectionClosed:
            lost += 1
            break
        got = await asyncio.gather(*(one(socket, mark, sent) for socket in sockets))
        lost += got.count(False)
        ended = not all(got)  # the next message would be waited for in vain
    passed = time.monotonic() - begun
    cpu = since(before, used())
    await close_all(sockets)
    return {**figures(times, passed, lost), "cpu": cpu}


def figures(times: list[float], seconds: float, lost: int) -> dict[str, Any]:
    """Return rate and delays of answers; a path that answers nobody has none."""
    if not times:
        return {"messages": 0, "seconds": seconds, "p50": 0.0, "p99": 0.0, "lost": lost}
    return {
        "messages": len(times),
        "seconds": seconds,
        "p50": percentile(times, 0.5),
        "p99": percentile(times, 0.99),
        "lost": lost,
    }
