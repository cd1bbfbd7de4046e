"""Publish a release's static files into the root that all releases share: `publish.py FROM TO`.

Files of other releases stay, so a page of either release finds its own hashed names. Each file appears by a rename.
"""

from __future__ import annotations

import filecmp
import os
import shutil
import sys
from pathlib import Path


def publish(source: Path, target: Path) -> list[Path]:
    """Copy what is new or differs; return the written paths, relative to target."""
    written = []
    for path in sorted(source.rglob("*")):
        name = path.relative_to(source)
        there = target / name
        if path.is_dir():
            there.mkdir(parents=True, exist_ok=True)
            there.chmod(0o755)
        elif not there.exists() or not filecmp.cmp(path, there, shallow=False):
            temporary = there.with_name(f".{there.name}.{os.getpid()}")
            shutil.copyfile(path, temporary)
            temporary.chmod(0o644)
            temporary.replace(there)
            written.append(name)
    return written


if __name__ == "__main__":
    for written_name in publish(Path(sys.argv[1]), Path(sys.argv[2])):
        sys.stdout.write(f"{written_name}\n")
