"""The project's WSGI application, with the client's address where a Unix socket hides it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from asgiway_runtime.loading import from_environment

UNKNOWN = ("", "0.0.0.0")  # noqa: S104 - what engines write there (gunicorn, granian; uwsgi)
_project = from_environment("ASGIWAY_WSGI", "application")


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Serve the project; over a Unix socket REMOTE_ADDR says nothing, and nginx alone writes X-Forwarded-For."""
    if environ.get("REMOTE_ADDR", "") in UNKNOWN:
        environ["REMOTE_ADDR"] = environ.get("HTTP_X_FORWARDED_FOR", "")
    answer: Iterable[bytes] = _project(environ, start_response)
    return answer
