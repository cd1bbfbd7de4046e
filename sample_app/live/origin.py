"""Which WebSocket handshakes are accepted, judged by their Origin header."""

from __future__ import annotations

from typing import Any
from urllib.parse import ParseResult

from channels.security.websocket import OriginValidator
from django.conf import settings


class OwnOriginOrNone(OriginValidator):
    """Accept an Origin of ALLOWED_HOSTS, and a handshake that has no Origin at all.

    Channels' AllowedHostsOriginValidator also refuses a missing Origin. Browsers always send one,
    so a foreign page still cannot use a visitor's cookies; only command-line clients come without.
    """

    def valid_origin(self, parsed_origin: ParseResult | None) -> bool:
        """Return whether the handshake may go on; None means that no Origin header came."""
        return parsed_origin is None or super().valid_origin(parsed_origin)


def own_origin_or_none(application: Any) -> OwnOriginOrNone:
    """Wrap an ASGI application with the check against ALLOWED_HOSTS."""
    return OwnOriginOrNone(application, settings.ALLOWED_HOSTS)
