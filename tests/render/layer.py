"""Use a channel layer as a project does, then try what its user must not: `python layer.py SOCKET USER PASSWORD`.

Prints what was refused that both layers need, and what was allowed that nobody needs: nothing, when all is well.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import redis
from channels_redis.core import RedisChannelLayer  # type: ignore[import-not-found]
from channels_redis.pubsub import RedisPubSubChannelLayer  # type: ignore[import-not-found]

# in the layer's own keys, where any are named
NEEDLESS = """
ACL LIST|ACL SETUSER shop +@all|ACL WHOAMI|BGREWRITEAOF|BGSAVE|CLIENT KILL ID 1|CLIENT LIST|CLIENT PAUSE 1
CONFIG GET *|CONFIG SET maxmemory 0|DEBUG SLEEP 0|DUMP asgi:a|EVALSHA 0 0|FAILOVER ABORT|FLUSHALL|FLUSHDB
FUNCTION LIST|GET asgi:a|INFO|KEYS *|LASTSAVE|LATENCY LATEST|MEMORY USAGE asgi:a|MIGRATE h 1 asgi:a 0 1
MODULE LIST|MONITOR|OBJECT ENCODING asgi:a|PSYNC a 1|RANDOMKEY|REPLICAOF NO ONE|RESTORE asgi:a 0 a|ROLE|SAVE
SCAN 0|SCRIPT FLUSH|SET asgi:a 1|SHUTDOWN NOSAVE|SLOWLOG GET|SORT asgi:a|SWAPDB 0 1|SYNC
"""
# allowed commands, but not in other keys and channels
STRANGE = "ZADD other 1 a|DEL other|PUBLISH other a|SUBSCRIBE other|EVAL return(redis.call('del','other')) 0"


async def use(layer: Any) -> None:
    """Send to a channel and to a group, leave it, and take back what a consumer that died had received."""
    channel = await layer.new_channel()
    await layer.send(channel, {"type": "one"})
    assert (await layer.receive(channel))["type"] == "one"
    await layer.group_add("room", channel)
    await layer.group_send("room", {"type": "two"})
    assert (await layer.receive(channel))["type"] == "two"
    await layer.group_discard("room", channel)
    waiting = asyncio.ensure_future(layer.receive(channel))
    await asyncio.sleep(0.1)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)


async def main(path: str, user: str, password: str) -> None:
    """Print what is not as it should be."""
    address = f"unix://{user}:{password}@{path}?db=0"
    for layer in (RedisChannelLayer, RedisPubSubChannelLayer):
        try:
            await use(layer(hosts=[address]))
        except redis.ResponseError as refused:
            print(f"{layer.__name__}: {refused}")
    for command in [*NEEDLESS.strip().replace("\n", "|").split("|"), *STRANGE.split("|")]:
        with redis.from_url(address) as client:
            try:
                client.execute_command(*command.split())
            except redis.exceptions.NoPermissionError:
                continue
            except redis.ResponseError as answer:
                # from inside of a script; and of a command that redis.conf keeps from everybody
                if "can't access" not in str(answer) and "command not allowed" not in str(answer):
                    print(f"{command}: {answer}")
            else:
                print(f"{command}: allowed")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
