"""The project's ASGI application under the drain, with the client's address where a Unix socket hides it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from asgiway_runtime.drain import Drain, Receive, Send
from asgiway_runtime.loading import from_environment

_drain = Drain(
    from_environment("ASGIWAY_ASGI", "application"),
    order=Path(os.environ.get("ASGIWAY_RUNTIME_DIR", "/nonexistent")) / "drain",
    close_code=int(os.environ.get("ASGIWAY_CLOSE_CODE") or 1012),
)


async def application(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """Serve the project; over a Unix socket some engines know no client, and nginx alone writes X-Forwarded-For."""
    client = scope.get("client")
    if (not client or not client[0]) and scope["type"] in ("http", "websocket"):
        address = next((value for name, value in scope["headers"] if name.lower() == b"x-forwarded-for"), b"")
        if address:
            scope = {**scope, "client": (address.decode("latin-1"), 0)}
    await _drain(scope, receive, send)
