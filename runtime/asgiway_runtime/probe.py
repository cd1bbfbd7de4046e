"""Answer the gate from inside a release: `python -m asgiway_runtime.probe`, one JSON object in the last line.

asgiway_runtime.check answers the same, so that a release that was just built is not started once more for it.

release         the release that answers
channel_layer   a message went through the project's own settings; what it went through
websocket_path  a path of the project's Channels routing that needs no parameters, '' when there is none
fingerprint     a checksum of what is loaded to answer it: where it is the same, an idle WebSocket fares the same
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import re
import sys
from collections.abc import Iterator
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from asgiway_runtime.loading import from_environment

LAYER_SECONDS = 10
DEPTH = 12  # middlewares around a router; more is a loop
LITERAL = re.compile(r"[A-Za-z0-9_/-]*")


def literal(pattern: Any) -> str | None:
    """Return the text that a path() or re_path() pattern stands for, None when it has parameters or choices."""
    text = str(pattern)
    if hasattr(pattern, "_regex"):
        text = text.removeprefix("^").removesuffix("$").removesuffix(r"\Z")
    return text if LITERAL.fullmatch(text) else None


def websocket_paths(application: Any, prefix: str = "/", depth: int = 0) -> Iterator[str]:
    """Yield the paths without parameters that Channels' routers below an application answer."""
    if depth > DEPTH:
        return
    if isinstance(mapping := getattr(application, "application_mapping", None), dict):
        yield from websocket_paths(mapping.get("websocket"), prefix, depth + 1)
    elif isinstance(routes := getattr(application, "routes", None), (list, tuple)):
        for route in routes:
            part = literal(getattr(route, "pattern", "<"))
            if part is None:
                continue
            if getattr(route.callback, "routes", None):
                yield from websocket_paths(route.callback, prefix + part, depth + 1)
            else:
                yield prefix + part
    else:
        for name in ("inner", "application", "app"):  # what Channels' and most others' middlewares call it
            if (inside := getattr(application, name, None)) is not None:
                yield from websocket_paths(inside, prefix, depth + 1)
                return


def fingerprint() -> str:
    """Return a SHA-256 (hex) of Python, the packages, the layers, the runtime and the loaded files of the source.

    Two releases with the same one differ in nothing that was imported with the ASGI application: in templates, for
    instance, or in views that are imported with the first request.
    """
    from django.conf import settings

    source = Path(os.environ["ASGIWAY_SOURCE_DIR"])
    loaded = [getattr(module, "__file__", None) for module in [*sys.modules.values()]]
    files = {Path(file) for file in loaded if file and Path(file).is_relative_to(source) and Path(file).is_file()}
    parts = [
        sys.version,
        sorted(f"{one.name} {one.version}" for one in distributions()),
        # an object in there is shown with its address, so that no two releases are taken for the same
        repr(getattr(settings, "CHANNEL_LAYERS", {})).replace(os.environ.get("ASGIWAY_RELEASE", "-"), ""),
        {file.name: _checksum(file) for file in Path(__file__).parent.glob("*.py")},
        {str(file.relative_to(source)): _checksum(file) for file in files},
    ]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _checksum(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def channel_layer() -> str:
    """Send a message to ourselves through the project's own settings."""
    try:
        from channels.layers import get_channel_layer  # type: ignore[import-not-found]
    except ModuleNotFoundError:
        return "no channels"
    layer = get_channel_layer()
    if layer is None:
        return "no channel layer"

    async def round_trip() -> None:
        channel = await layer.new_channel("asgiway.check")
        await layer.send(channel, {"type": "asgiway.check"})
        message: dict[str, Any] = await layer.receive(channel)
        if message["type"] != "asgiway.check":
            raise RuntimeError(f"the channel layer gave back {message!r}")

    asyncio.run(asyncio.wait_for(round_trip(), LAYER_SECONDS))
    return f"{type(layer).__name__} passed a message on"


def answer() -> str:
    """Return what the gate asks for, as JSON; an error of the project's goes out as its traceback."""
    import django

    django.setup()
    found = {"release": os.environ.get("ASGIWAY_RELEASE", ""), "channel_layer": channel_layer()}
    found |= {"websocket_path": "", "fingerprint": ""}
    if os.environ.get("ASGIWAY_ASGI"):
        found["websocket_path"] = next(websocket_paths(from_environment("ASGIWAY_ASGI", "application")), "")
        found["fingerprint"] = fingerprint()
    return json.dumps(found)


if __name__ == "__main__":
    sys.stdout.write(f"{answer()}\n")
