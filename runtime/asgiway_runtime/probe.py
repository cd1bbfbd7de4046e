"""Answer the gate from inside a release: `python -m asgiway_runtime.probe`, one JSON object in the last line.

channel_layer   a message went through the project's own settings; what it went through
websocket_path  a path of the project's Channels routing that needs no parameters, '' when there is none
fingerprint     a checksum of what is loaded to answer it: where it is the same, an idle WebSocket fares the same
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
from collections.abc import Iterator
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from asgiway_runtime.check import channel_layer
from asgiway_runtime.loading import from_environment

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


def main() -> None:
    """Print what the gate asks for; an error of the project's goes out as its traceback."""
    import django

    django.setup()
    answer = {"channel_layer": channel_layer(), "websocket_path": "", "fingerprint": ""}
    if os.environ.get("ASGIWAY_ASGI"):
        answer["websocket_path"] = next(websocket_paths(from_environment("ASGIWAY_ASGI", "application")), "")
        answer["fingerprint"] = fingerprint()
    sys.stdout.write(f"{json.dumps(answer)}\n")


if __name__ == "__main__":
    main()
