"""Strict readers of the environment: a wrong value stops the start, it is never guessed at."""

from __future__ import annotations

import os
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured


def text(name: str, default: str = "") -> str:
    """Return the variable without surrounding blanks; unset and empty mean the default."""
    return os.environ.get(name, "").strip() or default


def flag(name: str) -> bool:
    """Return True for 1, False for 0 or unset; anything else is an error."""
    value = text(name, "0")
    if value not in ("0", "1"):
        raise ImproperlyConfigured(f"{name} must be 1 or 0, not {value!r}.")
    return value == "1"


def directory(name: str, default: Path) -> Path:
    """Return an absolute path; a relative one would depend on where the server was started."""
    path = Path(text(name, str(default)))
    if not path.is_absolute():
        raise ImproperlyConfigured(f"{name} must be an absolute path, not {str(path)!r}.")
    return path


def hosts(name: str, default: str) -> list[str]:
    """Return a comma-separated list of host names, as ALLOWED_HOSTS wants them."""
    values = [value.strip() for value in text(name, default).split(",")]
    for value in values:
        if not value or "/" in value or " " in value:
            raise ImproperlyConfigured(
                f"{name} must be host names separated by commas, without scheme or path; {value!r} is none."
            )
    return values


def url(name: str, schemes: tuple[str, ...]) -> str:
    """Return the URL, or '' when unset; its scheme must be one of the given ones."""
    value = text(name)
    if value and value.partition("://")[0] not in schemes:
        # the value itself is not shown: it may hold a password
        raise ImproperlyConfigured(f"{name} must begin with one of: {', '.join(s + '://' for s in schemes)}.")
    return value
