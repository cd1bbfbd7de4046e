"""The project's ASGI application under the drain, with the client's address where a Unix socket hides it."""

from __future__ import annotations

import os
from pathlib import Path

from asgiway_runtime.address import with_address
from asgiway_runtime.drain import Drain
from asgiway_runtime.loading import from_environment

application = with_address(
    Drain(
        from_environment("ASGIWAY_ASGI", "application"),
        order=Path(os.environ.get("ASGIWAY_RUNTIME_DIR", "/nonexistent")) / "drain",
        close_code=int(os.environ.get("ASGIWAY_CLOSE_CODE") or 1012),
    )
)
