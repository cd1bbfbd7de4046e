"""What sockets.py runs on the host: `socket_driver.py BASE idle COUNT SECONDS USER`, or `BASE broadcast COUNT SECONDS`.

BASE is a WebSocket address such as ws://127.0.0.1:8080. Prints one JSON object. Weights are PSS in bytes.
"""

from __future__ import annotations

import asyncio
import json
import pwd
import sys
import time
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidHandshake, WebSocketException

AT_ONCE = 100  # handshakes under way
LIMIT = 60.0  # seconds for one handshake or one message


async def open_all(address: str, count: int) -> list[ClientConnection]:
    """Return the sockets that opened."""
    door = asyncio.Semaphore(AT_ONCE)

    async def one() -> ClientConnection | None:
        async with door:
            try:
                return await connect(
                    address, compression=None, ping_interval=None, max_queue=None, open_timeout=LIMIT, proxy=None
                )
            except (OSError, TimeoutError, InvalidHandshake):
                return None

    return [socket for socket in await asyncio.gather(*(one() for _ in range(count))) if socket]


def weigh(user: str) -> dict[str, int]:
    """Return what the processes of a user weigh, and those of nginx."""
    owner, found = pwd.getpwnam(user).pw_uid, {"app": 0, "nginx": 0}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            kind = "nginx" if (process / "comm").read_text() == "nginx\n" else "app"
            if kind == "nginx" or process.stat().st_uid == owner:
                pss = next(
                    line for line in (process / "smaps_rollup").read_text().splitlines() if line.startswith("Pss:")
                )
                found[kind] += int(pss.split()[1]) * 1024
        except (OSError, StopIteration):  # it is gone, or a thread of the kernel
            continue
    return found


async def idle(base: str, count: int, seconds: float, user: str) -> dict[str, Any]:
    """Open sockets, wait, and ask each whether it is still there."""
    address = f"{base}/ws/echo/"
    warm = await open_all(address, AT_ONCE)  # what a first socket costs once
    await asyncio.gather(*(socket.close() for socket in warm))
    before = weigh(user)
    start = time.monotonic()
    sockets = await open_all(address, count)
    opened_in = time.monotonic() - start
    after = weigh(user)
    await asyncio.sleep(seconds)

    async def lives(number: int, socket: ClientConnection) -> bool:
        try:
            async with asyncio.timeout(LIMIT):
                await socket.send(str(number))
                return await socket.recv() == str(number)
        except (TimeoutError, OSError, WebSocketException):
            return False

    answers = await asyncio.gather(*(lives(number, socket) for number, socket in enumerate(sockets)))
    await asyncio.gather(*(socket.close() for socket in sockets), return_exceptions=True)
    opened = len(sockets)
    each = {kind: (after[kind] - before[kind]) / max(1, opened) for kind in after}
    return {"opened": opened, "opened_in": opened_in, "lost": opened - sum(answers), **each}


async def broadcast(base: str, count: int, seconds: float) -> dict[str, Any]:
    """Let one of the sockets say something in a room, wait until all have heard it, and again."""
    sockets = await open_all(f"{base}/ws/chat/bench/", count)
    delays: list[float] = []
    lost = count - len(sockets)
    messages = 0

    async def hear(socket: ClientConnection, text: str, sent: float) -> int:
        try:
            async with asyncio.timeout(LIMIT):
                while json.loads(await socket.recv()).get("message") != text:
                    pass
        except (TimeoutError, OSError, WebSocketException):
            return 1
        delays.append(time.monotonic() - sent)
        return 0

    async def joined(socket: ClientConnection) -> None:
        async with asyncio.timeout(LIMIT):  # a consumer answers when it knows where its feed begins
            await socket.send('{"ping": 1}')
            while "pong" not in json.loads(await socket.recv()):
                pass

    await asyncio.gather(*(joined(socket) for socket in sockets))
    start = time.monotonic()
    while time.monotonic() < start + seconds and not lost:
        messages += 1
        text, sent = f"message {messages}", time.monotonic()
        await sockets[0].send(json.dumps({"message": text}))
        lost += sum(await asyncio.gather(*(hear(socket, text, sent) for socket in sockets)))
    passed = time.monotonic() - start
    await asyncio.gather(*(socket.close() for socket in sockets), return_exceptions=True)
    delays.sort()
    parts = {name: delays[int(part * (len(delays) - 1))] for name, part in (("p50", 0.5), ("p99", 0.99))}
    return {"messages": messages, "per_second": messages / passed, "lost": lost, **parts}


if __name__ == "__main__":
    base, what, *rest = sys.argv[1:]
    run = (
        idle(base, int(rest[0]), float(rest[1]), rest[2])
        if what == "idle"
        else broadcast(base, int(rest[0]), float(rest[1]))
    )
    sys.stdout.write(json.dumps(asyncio.run(run)) + "\n")
