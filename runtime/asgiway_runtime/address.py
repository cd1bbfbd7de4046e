"""The client's address, where an engine knows none because nginx reached it over a Unix socket."""

from __future__ import annotations

from typing import Any

from asgiway_runtime.drain import Application, Receive, Send


def with_address(application: Application) -> Application:
    """Return the application with `client` in its scopes: nginx alone writes X-Forwarded-For, one address."""

    async def addressed(scope: dict[str, Any], receive: Receive, send: Send) -> None:
        client = scope.get("client")
        if (not client or not client[0]) and scope["type"] in ("http", "websocket"):
            address = next((value for name, value in scope["headers"] if name.lower() == b"x-forwarded-for"), b"")
            if address:
                scope = {**scope, "client": (address.decode("latin-1"), 0)}
        await application(scope, receive, send)

    return addressed
