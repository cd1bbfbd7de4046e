"""Start and stop of a server: how long each takes, and what becomes of visitors meanwhile."""

from __future__ import annotations

import asyncio
import subprocess
import time
from collections.abc import Sequence
from typing import Any

from websockets.exceptions import ConnectionClosed, InvalidHandshake

from asgiway_compare import sockets
from asgiway_compare.load import Site

STOP = 120.0  # seconds, above what any process manager waits for
START = 90.0
INTO = 1.0  # seconds that the slow request has been under way when the server is stopped


def command(argv: Sequence[str]) -> float:
    """Run the process manager's command, and return how long it took (seconds)."""
    begun = time.monotonic()
    subprocess.run(argv, check=True, timeout=STOP, capture_output=True)  # noqa: S603  (from the plan, no shell)
    return time.monotonic() - begun


def start(argv: Sequence[str], site: Site, path: str) -> float:
    """Start it, and return the seconds from then to the first 200 through nginx."""
    begun = time.monotonic()
    # supervisorctl comes back seconds after the process is up
    with subprocess.Popen(  # noqa: S603  (from the plan, no shell)
        argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as starting:
        site.wait(path, START)
        seconds = time.monotonic() - begun
        if code := starting.wait(STOP):
            raise ValueError(f"{' '.join(argv)} ended with {code}")
    return seconds


async def stop_with_visitors(argv: Sequence[str], site: Site, slow: str, websocket: str) -> dict[str, Any]:
    """Stop it while a slow request and an idle WebSocket are open."""
    socket = None
    if websocket:
        try:
            socket = await sockets.open_one(site, websocket)
        except (OSError, TimeoutError, InvalidHandshake):
            socket = None
    asked = asyncio.create_task(asyncio.to_thread(site.status, slow)) if slow else None
    if asked:
        await asyncio.sleep(INTO)
    begun = time.monotonic()
    stopping = asyncio.create_task(asyncio.to_thread(command, argv))
    code = closed = None
    if socket:
        try:
            async with asyncio.timeout(STOP):
                while True:
                    await socket.recv()
        except ConnectionClosed as end:
            code, closed = (end.rcvd.code if end.rcvd else 1006), time.monotonic() - begun
        except TimeoutError:
            await socket.close()
    return {
        "seconds": await stopping,
        "slow": await asked if asked else None,
        "close_code": code,
        "closed_after": closed,
    }
