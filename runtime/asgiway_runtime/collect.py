"""Collect a release's static files: `python -m asgiway_runtime.collect`; nothing to do without staticfiles.

--after is a command of the project's own, run at the end.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from asgiway_runtime import commands


def main(arguments: Sequence[str]) -> None:
    """Run collectstatic into the release's own STATIC_ROOT."""
    parser = argparse.ArgumentParser(prog="python -m asgiway_runtime.collect", description=__doc__)
    parser.add_argument("--after", action="append", default=[], help="a command to run at the end; may be repeated")
    given = parser.parse_args(arguments)
    import django
    from django.apps import apps
    from django.core.management import call_command

    django.setup()
    if apps.is_installed("django.contrib.staticfiles"):
        call_command("collectstatic", interactive=False, verbosity=1)
    else:
        sys.stdout.write("django.contrib.staticfiles is not installed: no static files\n")
    commands.run(given.after)


if __name__ == "__main__":
    main(sys.argv[1:])
