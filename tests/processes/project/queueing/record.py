"""One line for each thing that was done, in the app's data directory."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path


def record(what: str, **more: object) -> None:
    """Add a line; short ones are written at once, whoever else writes."""
    line = {"what": what, "at": time.time(), "release": os.environ["ASGIWAY_RELEASE"], "pid": os.getpid(), **more}
    path = Path(os.environ["ASGIWAY_STATE_DIR"]) / "done.jsonl"
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "w") as file:
        file.write(json.dumps(line) + "\n")
