"""The project's ASGI application under the drain."""

from __future__ import annotations

import os
from pathlib import Path

from asgiway_runtime.drain import Drain
from asgiway_runtime.loading import from_environment

application = Drain(
    from_environment("ASGIWAY_ASGI", "application"),
    order=Path(os.environ.get("ASGIWAY_RUNTIME_DIR", "/nonexistent")) / "drain",
    close_code=int(os.environ.get("ASGIWAY_CLOSE_CODE") or 1012),
)
