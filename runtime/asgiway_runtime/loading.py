"""Import the project's objects by their `module:name`."""

from __future__ import annotations

import os
from importlib import import_module
from typing import Any


def from_environment(variable: str, default_name: str) -> Any:
    """Return the object that an environment variable names as `package.module:name` (name has a default).

    Raises:
        RuntimeError: when the variable is not set.
        ImportError, AttributeError: the project's own, unchanged.
    """
    target = os.environ.get(variable, "")
    if not target:
        raise RuntimeError(f"{variable} is not set: nothing says which application to serve")
    module, _, name = target.partition(":")
    return getattr(import_module(module), name or default_name)
