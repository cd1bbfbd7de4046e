#!/usr/bin/env python3
"""The servers of the matrix, from the registry; as JSON for the workflow's matrix when it is run."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import yaml

REGISTRY = yaml.safe_load((Path(__file__).parents[1] / "roles/app_server/defaults/main/engines.yml").read_text())
ENGINES, ALIASES = REGISTRY["app_server_engines_default"], REGISTRY["app_server_aliases_default"]
# what people run, and each engine that has something of its own in a pair
PAIRS = ("gunicorn+daphne", "gunicorn+uvicorn", "uwsgi+uvicorn", "granian_wsgi+granian", "gunicorn_sync+hypercorn")


def speaks_websocket(server: str) -> bool:
    """Say whether a server word has an ASGI engine in it; one that the registry does not know counts as such."""
    return "asgi" in [ENGINES.get(name, {}).get("interface", "asgi") for name in names(server)]


def is_known(server: str) -> bool:
    """Say whether a server word is one of the registry's."""
    return all(name in ENGINES for name in names(server))


def names(server: str) -> list[str]:
    """Return the engines of a server word."""
    return str(ALIASES.get(server, server)).split("+")


def columns() -> list[str]:
    """Return every engine, and some pairs."""
    return [*ENGINES, *PAIRS]


if __name__ == "__main__":
    sys.stdout.write(json.dumps(columns()) + "\n")
