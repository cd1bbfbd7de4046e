#!/usr/bin/env python3
"""What the runtime's wrapper costs: CPU time with and without it, interleaved in one process.

    .cache/django/*/bin/python bench/runtime_cost.py        (`./asgiway test unit` makes that environment)

Applications are called as an engine calls them, with no network: what an engine and nginx spend comes on top, so the
shares are upper bounds. The bare ones do nothing else, so that what the wrapper adds stands out of the noise.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "runtime"))

from asgiway_runtime.address import with_address  # noqa: E402 - its path is added above
from asgiway_runtime.drain import Application, Drain, Message, Receive, Send  # noqa: E402 - likewise

ROUNDS = 25
REQUESTS = 400
MESSAGES = 20_000


def django_application() -> Application:
    """Return a Django of one async view, with the middlewares of a new project."""
    import django
    from django.conf import settings
    from django.core.asgi import get_asgi_application
    from django.http import HttpRequest, JsonResponse
    from django.urls import path

    async def view(request: HttpRequest) -> JsonResponse:
        return JsonResponse({"answer": 42})

    settings.configure(
        SECRET_KEY="bench",  # noqa: S106 - nothing is signed here
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF=type("urls", (), {"urlpatterns": [path("", view)]}),
        MIDDLEWARE=["django.middleware.security.SecurityMiddleware", "django.middleware.common.CommonMiddleware"],
    )
    django.setup()
    application: Application = get_asgi_application()
    return application


async def answer(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """Answer at once."""
    await receive()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"Content-Type", b"application/json")]})
    await send({"type": "http.response.body", "body": b"{}"})


async def echo(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """Accept and echo."""
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] != "websocket.disconnect":
        await send({"type": "websocket.send", "text": message["text"]})


async def requests(application: Application) -> None:
    """Make REQUESTS requests, one after the other."""
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/",
        "raw_path": b"/",
        "query_string": b"",
        "client": None,  # as over a Unix socket
        "headers": [(b"host", b"localhost"), (b"x-forwarded-for", b"192.0.2.7")],
        "http_version": "1.1",
        "scheme": "http",
    }

    async def send(message: Message) -> None:
        """Take the answer."""

    for _ in range(REQUESTS):
        asked = False

        async def receive() -> Message:
            nonlocal asked
            if asked:
                await asyncio.Event().wait()  # a client that stays
            asked = True
            return {"type": "http.request", "body": b"", "more_body": False}

        await application(dict(scope), receive, send)


async def messages(application: Application) -> None:
    """Send MESSAGES messages over one WebSocket."""
    left = MESSAGES

    async def receive() -> Message:
        nonlocal left
        left -= 1
        await asyncio.sleep(0)  # as an engine gives way between two frames
        return {"type": "websocket.receive", "text": "x"} if left else {"type": "websocket.disconnect", "code": 1000}

    async def send(message: Message) -> None:
        """Take the echo."""

    await application({"type": "websocket", "headers": []}, receive, send)


def compare(
    load: Callable[[Application], Awaitable[None]], plain: Application, number: int
) -> tuple[float, float, str]:
    """Return microseconds per item without the wrapper, those it adds, and the spread of its share."""
    wrapped = with_address(Drain(plain, Path("/nonexistent/drain"), 1012))

    async def rounds() -> list[tuple[float, float]]:
        found = []
        for round_number in range(ROUNDS + 2):
            times = {}
            for name, application in ((0, plain), (1, wrapped))[:: 1 if round_number % 2 else -1]:
                start = time.process_time()
                await load(application)
                times[name] = (time.process_time() - start) / number * 1e6
            found.append((times[0], times[1]))
        return found[2:]

    found = asyncio.run(rounds())
    shares = statistics.quantiles([(with_it / without - 1) * 100 for without, with_it in found], n=4)
    without = statistics.median(one for one, _ in found)
    added = statistics.median(two - one for one, two in found)
    return without, added, f"{shares[1]:+.2f} % [{shares[0]:+.2f} to {shares[2]:+.2f}]"


if __name__ == "__main__":
    for label, load, application, number in (
        ("async Django request", requests, django_application(), REQUESTS),
        ("bare answer", requests, answer, REQUESTS),
        ("bare WebSocket echo", messages, echo, MESSAGES),
    ):
        without, added, share = compare(load, application, number)
        sys.stdout.write(f"{label}: {without:.1f} us without, {added:+.2f} us with the wrapper; share {share}\n")
