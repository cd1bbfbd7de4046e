"""The report."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


def write(plan: Mapping[str, Any], results: Sequence[Mapping[str, Any]], to: Path) -> str:
    """Write it."""
    to.mkdir(parents=True, exist_ok=True)
    (to / "compare.json").write_text(json.dumps({"plan": plan, "turns": results}, indent=2) + "\n", "utf-8")
    return "written\n"
