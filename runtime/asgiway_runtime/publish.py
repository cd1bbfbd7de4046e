"""Publish a release's static files into the root that all releases share.

publish.py FROM TO              Files of other releases stay, so a page of either release finds its own hashed names.
                                Each file appears by a rename.
publish.py --prune RELEASES TO  Removes what no kept release has: RELEASES/*/static are all of them.
publish.py --live=LINK FROM TO  Does both, FROM being RELEASES/ID/static, and then lets LINK lead to that release. The
                                link comes last: whoever calls this takes a failure for a switch that was not made.
"""

from __future__ import annotations

import argparse
import filecmp
import os
import shutil
import sys
from collections.abc import Sequence
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


def point(link: Path, release: Path) -> list[Path]:
    """Let a link lead to a release, by a rename; return it when it did not."""
    target = release.relative_to(link.parent)
    if link.is_symlink() and link.readlink() == target:
        return []
    draft = link.with_name(f".{link.name}.new")
    draft.unlink(missing_ok=True)
    draft.symlink_to(target)
    draft.replace(link)
    return [link]


def main(arguments: Sequence[str]) -> None:
    """Do what was asked, and print what was changed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--prune", action="store_true")
    parser.add_argument("--live", type=Path, metavar="LINK")
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    given = parser.parse_args(arguments)
    done = (prune if given.prune else publish)(given.source, given.target)
    if given.live:
        release = given.source.parent
        done += prune(release.parent, given.target) + point(given.live, release)
    sys.stdout.write("".join(f"{path}\n" for path in done))


if __name__ == "__main__":
    main(sys.argv[1:])
