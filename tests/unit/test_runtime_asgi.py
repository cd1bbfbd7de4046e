"""The project's ASGI application behind a Unix socket: the client's address."""

from __future__ import annotations

import asyncio
import importlib
import sys
from pathlib import Path
from typing import Any

import pytest

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
def test_the_client_has_its_address_over_a_unix_socket(
    scope: dict[str, Any], client: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "theirs_asgi.py").write_text(
        "seen = []\nasync def application(scope, receive, send):\n    seen.append(scope.get('client'))\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "theirs_asgi", raising=False)
    monkeypatch.delitem(sys.modules, "asgiway_runtime.asgi", raising=False)
    monkeypatch.setenv("ASGIWAY_ASGI", "theirs_asgi:application")
    given = dict(scope)

    async def nothing(*_: Any) -> dict[str, Any]:
        return {}

    asyncio.run(importlib.import_module("asgiway_runtime.asgi").application(scope, nothing, nothing))
    assert importlib.import_module("theirs_asgi").seen == [client]
    assert scope == given, "the engine's own scope was changed"
