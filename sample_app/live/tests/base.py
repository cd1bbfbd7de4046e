"""What several tests need."""

from __future__ import annotations

from channels.testing import WebsocketCommunicator
from config.asgi import application
from django.test import override_settings

ORIGIN = (b"origin", b"http://localhost:8080")

# Without collectstatic there is no manifest of hashed names; test_static.py makes one.
plain_static = override_settings(
    STORAGES={"staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}
)


def websocket(path: str, *headers: tuple[bytes, bytes]) -> WebsocketCommunicator:
    """Return a client of the whole ASGI application, routing and origin check included."""
    return WebsocketCommunicator(application, path, headers=list(headers))
