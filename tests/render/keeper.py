"""Give the app's user other rules while it is connected: `python keeper.py SOCKET USER PASSWORD KEEPERS RULES`.

Prints what the keeper may that it need not, and whether the user's connection was cut: nothing, when all is well.
"""

from __future__ import annotations

import sys

import redis

NEEDLESS = (
    "GET asgi:a|PUBLISH asgi.x 1|SUBSCRIBE asgi.x|ACL LIST|ACL LOAD|CONFIG GET *|CLIENT LIST|FLUSHALL|SHUTDOWN NOSAVE"
)


def main(path: str, user: str, password: str, keepers: str, rules: str) -> None:
    """Print what is not as it should be."""
    with (
        redis.Redis(unix_socket_path=path, username=user, password=password) as app,
        redis.Redis(unix_socket_path=path, username="asgiway", password=keepers) as keeper,
    ):
        waiting = app.pubsub()
        waiting.subscribe("asgi.x")
        connection = app.connection_pool.get_connection()
        keeper.execute_command("ACL", "SETUSER", user, "reset", *rules.split())
        for command in NEEDLESS.split("|"):
            try:
                keeper.execute_command(*command.split())
            except redis.exceptions.NoPermissionError:
                continue
            print(f"{command}: allowed")
        # the same two connections, for a new one would be let in by the new rules
        connection.send_command("PUBLISH", "asgi.x", "still here")
        if connection.read_response() != 1:
            print("the subscriber was cut off")
        messages = [waiting.get_message(timeout=2) for _ in range(2)]
        if [message["type"] for message in messages if message] != ["subscribe", "message"]:
            print(f"the subscriber got {messages}")


if __name__ == "__main__":
    main(*sys.argv[1:])
