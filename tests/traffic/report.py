"""The figures of the runs, for the documentation."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

from changes import Site
from seen import Figures


class Report:
    """The figures of the runs, kept in a file from run to run."""

    def __init__(self, path: Path | None) -> None:
        """Write to `path`, if any."""
        self._path = path
        self.runs: list[dict[str, Any]] = []

    def add(self, what: str, server: str, site: Site, figures: Figures, **more: Any) -> None:
        """Keep the figures of a run; an older one of the same kind goes."""
        run = {
            "what": what,
            "server": server,
            "manager": site.manager(),
            "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
            "drain_seconds": site.drain_seconds,
            "versions": site.versions(server),
            **more,
            "figures": figures.as_dict(),
        }
        self.runs.append(run)
        if not self._path:
            return

        def key(run: dict[str, Any]) -> tuple[str, ...]:
            return run["what"], run["server"], run["manager"], run["versions"]["Debian"].partition(".")[0]

        old = json.loads(self._path.read_text())["runs"] if self._path.exists() else []
        kept = [other for other in old if key(other) != key(run)] + [run]
        self._path.write_text(json.dumps({"runs": sorted(kept, key=key)}, indent=1) + "\n")
