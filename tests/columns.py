#!/usr/bin/env python3
"""The servers of the matrix, from the registry; as JSON for the workflow's matrix when it is run."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import yaml

REGISTRY = Path(__file__).parents[1] / "roles/app_server/defaults/main/engines.yml"
# what people run, and each engine that has something of its own in a pair
PAIRS = ("gunicorn+daphne", "gunicorn+uvicorn", "uwsgi+uvicorn", "granian_wsgi+granian", "gunicorn_sync+hypercorn")


def speaks_websocket(server: str) -> bool:
    """Say whether a server word has an ASGI engine in it; one that the registry does not know counts as such."""
    registry = yaml.safe_load(REGISTRY.read_text())
    names = registry["app_server_aliases_default"].get(server, server).split("+")
    known = [registry["app_server_engines_default"].get(name, {}).get("interface", "asgi") for name in names]
    return "asgi" in known


def columns() -> list[str]:
    """Return every engine, and some pairs."""
    return [*yaml.safe_load(REGISTRY.read_text())["app_server_engines_default"], *PAIRS]


if __name__ == "__main__":
    sys.stdout.write(json.dumps(columns()) + "\n")
