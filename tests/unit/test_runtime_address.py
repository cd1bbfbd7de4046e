"""The client's address where a Unix socket hides it, for ASGI applications."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from asgiway_runtime.address import with_address

FORWARDED = [(b"host", b"example.com"), (b"x-forwarded-for", b"192.0.2.7")]


@pytest.mark.parametrize(
    ("scope", "client"),
    [
        ({"type": "http", "client": None, "headers": FORWARDED}, ("192.0.2.7", 0)),
        ({"type": "http", "headers": FORWARDED}, ("192.0.2.7", 0)),
        ({"type": "websocket", "client": ("", 0), "headers": FORWARDED}, ("192.0.2.7", 0)),
        ({"type": "http", "client": ("198.51.100.1", 5), "headers": FORWARDED}, ("198.51.100.1", 5)),
        ({"type": "http", "client": None, "headers": []}, None),
        ({"type": "lifespan"}, None),
    ],
)
def test_the_client_has_its_address_over_a_unix_socket(scope: dict[str, Any], client: Any) -> None:
    seen, given = [], dict(scope)

    async def application(scope: dict[str, Any], *_: Any) -> None:
        seen.append(scope.get("client"))

    async def nothing(*_: Any) -> dict[str, Any]:
        return {}

    asyncio.run(with_address(application)(scope, nothing, nothing))  # type: ignore[arg-type]
    assert seen == [client]
    assert scope == given, "the engine's own scope was changed"
