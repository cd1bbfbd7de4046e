"""What the suites' clients need to reach an https site."""

from __future__ import annotations

import ssl


def context(url: str, ca: str = "") -> ssl.SSLContext | None:
    """Return the context for an address, with the authority in the file `ca` or the system's; none for http."""
    return ssl.create_default_context(cafile=ca or None) if url.startswith("https://") else None


def websocket_context(url: str, ca: str = "") -> ssl.SSLContext | None:
    """Return the context for the threads of websockets.sync, which speaks TLS 1.2 only.

    Its reader and its writer share one SSL object. With CPython 3.11 and TLS 1.3 the handshake's request is lost when
    they meet while the server's session tickets come: 5 of 600 connections here, whose requests nginx never got; with
    TLS 1.2 none of 600, with the asyncio client none of 3000. Plain requests speak 1.3.
    """
    tls = context(url, ca)
    if tls:
        tls.maximum_version = ssl.TLSVersion.TLSv1_2
    return tls
