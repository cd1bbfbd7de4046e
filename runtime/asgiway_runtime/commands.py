"""Commands of the project's own between the steps of a deploy, for those steps that are programs of this package."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path


def run(commands: Iterable[str]) -> None:
    """Run them with sh and the release's programs first on the path; exit at the first that fails.

    What they print goes to stderr, where a failure's last lines are looked for.
    """
    path = f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin"
    for command in commands:
        sys.stdout.flush()
        done = subprocess.run(  # noqa: S603 - the user's own words
            ["/bin/sh", "-c", command], env={**os.environ, "PATH": path}, stdout=sys.stderr.fileno(), check=False
        )
        if done.returncode:
            sys.exit(f"ended with {done.returncode}: {command}")
