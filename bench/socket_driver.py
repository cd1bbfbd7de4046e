"""What sockets.py runs on the host, with the comparison's driver: PORT, `idle` or `broadcast`, COUNT and SECONDS.

Prints one JSON object. Weights are PSS in bytes, of the app's processes and of nginx's workers.
"""

from __future__ import annotations

import asyncio
import json
import pwd
import sys
from typing import Any

from asgiway_compare import cost, sockets
from asgiway_compare.load import Site
from websockets.exceptions import ConnectionClosed

AT_ONCE = 100  # handshakes under way
USERS = {"app": "sample", "nginx": "www-data"}


def weigh() -> dict[str, int]:
    """Return what the processes of each kind weigh."""
    return {kind: cost.memory(pwd.getpwnam(user).pw_uid) for kind, user in USERS.items()}


async def idle(site: Site, count: int, seconds: float) -> dict[str, Any]:
    """Open sockets, wait, and ask each whether it is still there."""
    warm, _ = await sockets.open_many(site, "/ws/echo/", AT_ONCE, AT_ONCE)  # what a first socket costs once
    await sockets.close_all(warm)
    before = weigh()
    opened, times = await sockets.open_many(site, "/ws/echo/", count, AT_ONCE)
    after = weigh()
    await asyncio.sleep(seconds)

    async def lives(number: int) -> bool:
        try:
            await opened[number].send(f"socket {number} ")
            await sockets.answer_to(opened[number], f"socket {number} ")
        except (ConnectionClosed, TimeoutError):
            return False
        return True

    answers = await asyncio.gather(*map(lives, range(len(opened))))
    await sockets.close_all(opened)
    each = {kind: (after[kind] - before[kind]) / max(1, len(opened)) for kind in after}
    return {"opened": len(opened), "opened_in": max(times, default=0.0), "lost": answers.count(False), **each}


async def broadcast(site: Site, count: int, seconds: float) -> dict[str, Any]:
    """Let one of the sockets say something in a room, wait until all have heard it, and again."""
    return await sockets.broadcast(site, "/ws/chat/bench/", '{"message": "compare %n"}', seconds, listeners=count)


if __name__ == "__main__":
    port, what, number, duration = sys.argv[1:]
    run = {"idle": idle, "broadcast": broadcast}[what]
    sys.stdout.write(json.dumps(asyncio.run(run(Site("127.0.0.1", int(port)), int(number), float(duration)))) + "\n")
