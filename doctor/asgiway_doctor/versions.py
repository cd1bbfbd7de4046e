"""Which installed packages are known to misbehave: known_bad.json."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from asgiway_doctor.finding import Finding
from asgiway_doctor.source import Place

SHOWN = ("Django", "channels", "channels-redis", "redis", "asgiref", "psycopg", "psycopg2", "psycopg2-binary")
REQUIREMENTS = ("requirements*.txt", "requirements/*.txt", "pyproject.toml", "uv.lock")
KNOWN_BAD: list[dict[str, str]] = json.loads(Path(__file__).with_name("known_bad.json").read_text("utf-8"))


def numbers(version: str) -> tuple[int, ...]:
    """Return a version's release numbers, as many as 6; what follows them (rc1) is left out."""
    found = [int(part) for part in re.findall(r"\d+", re.split(r"[^0-9.]", version.removeprefix("v"), maxsplit=1)[0])]
    return tuple((found + [0] * 6)[:6])


def installed(names: Any = SHOWN) -> dict[str, str]:
    """Return the versions of the packages that are installed."""
    found = {}
    for name in names:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def requirement(root: Path, package: str) -> Place:
    """Return the line of a project's requirements that names a package."""
    name = re.compile(rf"""^[\s"'-]*(name = ")?{re.sub("[-_.]+", "[-_.]+", package)}(?![\w.-])""", re.IGNORECASE)
    for path in (file for pattern in REQUIREMENTS for file in sorted(root.glob(pattern))):
        lines = path.read_text("utf-8", "replace").splitlines() if path.is_file() else []
        for number, line in enumerate(lines, 1):
            if name.match(line):
                return Place(str(path.relative_to(root)), number)
    return Place("the environment")


def findings(root: Path, versions: Mapping[str, str] | None = None) -> Iterator[Finding]:
    """Yield the known-bad ones among the installed packages, or among those given."""
    names = [entry["package"] for entry in KNOWN_BAD]
    here = installed(names) if versions is None else versions
    for entry in KNOWN_BAD:
        version = here.get(entry["package"], "")
        if version and numbers(entry.get("from", "0")) <= numbers(version) < numbers(entry["below"]):
            what = f"{entry['package']} {version}: {entry['what']}; take {entry['below']} or newer"
            yield Finding("known-bad-version", requirement(root, entry["package"]), what, entry["link"])
