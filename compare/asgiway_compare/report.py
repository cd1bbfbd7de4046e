"""Writes the report: a page, Markdown and JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from asgiway_compare import figures, page, text


def write(plan: Mapping[str, Any], turns: Sequence[Mapping[str, Any]], to: Path) -> str:
    """Write the files, and return what a terminal gets."""
    analysis = figures.analyse(plan, turns)
    files = {"page": to / "compare.html", "table": to / "compare.md", "data": to / "compare.json"}
    to.mkdir(parents=True, exist_ok=True)
    files["page"].write_text(page.render(plan, analysis), "utf-8")
    files["table"].write_text(text.markdown(plan, analysis), "utf-8")
    files["data"].write_text(json.dumps(figures.as_data(plan, turns, analysis), indent=2) + "\n", "utf-8")
    return text.summary(analysis, [f"{name}: {path}" for name, path in files.items()])
