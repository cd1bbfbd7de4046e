"""Publish a release's static files into the root that all releases share.

publish.py FROM TO              Files of other releases stay, so a page of either release finds its own hashed names.
                                Each file appears by a rename.
publish.py --prune RELEASES TO  Removes what no kept release has: RELEASES/*/static are all of them.
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
            if not path.with_name(f"{path.name}.gz").exists():
                there.with_name(f"{there.name}.gz").unlink(missing_ok=True)  # of another release's file of this name
    return written


def prune(releases: Path, target: Path) -> list[Path]:
    """Remove the files of releases that are gone and drafts of killed runs; return them, relative to target."""
    kept = {
        path.relative_to(static) for static in releases.glob("*/static") for path in static.rglob("*") if path.is_file()
    }
    removed = []
    for path in sorted(target.rglob("*"), reverse=True):  # a directory's files come before it
        if path.is_dir():
            if not any(path.iterdir()):
                path.rmdir()
        elif path.relative_to(target) not in kept:
            path.unlink()
            removed.append(path.relative_to(target))
    return removed


if __name__ == "__main__":
    arguments = [Path(word) for word in sys.argv[1:] if word != "--prune"]
    for name_done in (prune if "--prune" in sys.argv else publish)(*arguments):
        sys.stdout.write(f"{name_done}\n")
