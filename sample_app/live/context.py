"""Who answers: which interface, program, release and process."""

from __future__ import annotations

import os
from typing import Any

from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest


def interface_of(request: HttpRequest) -> str:
    """Return 'asgi' or 'wsgi', told from the class that Django's handler made."""
    return "asgi" if isinstance(request, ASGIRequest) else "wsgi"


def process() -> dict[str, Any]:
    """Return the program, release and process id; 'dev' where nobody deployed the project."""
    return {
        "release": os.environ.get("ASGIWAY_RELEASE") or "dev",
        "server": os.environ.get("ASGIWAY_ENGINE") or "dev",
        "pid": os.getpid(),
    }


def served_by(request: HttpRequest) -> dict[str, Any]:
    """Give every template `served_by` (template context processor)."""
    return {"served_by": {**process(), "interface": interface_of(request)}}
