"""Django's own applications, for a project that lacks asgi.py or wsgi.py: `asgiway_runtime.plain:asgi` and `:wsgi`.

They are what `startproject` writes into those files, so nothing of Channels is in them.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any


def __getattr__(name: str) -> Any:
    """Make the application that is asked for; only one of them is ever needed in a process."""
    if name in ("asgi", "wsgi"):
        return getattr(import_module(f"django.core.{name}"), f"get_{name}_application")()
    raise AttributeError(f"module {__name__} has no attribute {name}")
