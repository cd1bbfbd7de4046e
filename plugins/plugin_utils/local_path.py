"""Paths on the controller, as the user writes them."""

from __future__ import annotations

import os
from pathlib import Path


def absolute(path: str, start: str) -> Path:
    """Return a path, with ~ or relative to the directory `start`, as an absolute one without links.

    Raises:
        RuntimeError: when its links lead in a circle; OSError from Python 3.13 on, if at all.
    """
    return Path(start, os.path.expanduser(path)).resolve()  # noqa: PTH111 - Path.expanduser raises for ~nobody
