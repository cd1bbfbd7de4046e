"""Collect a release's static files: `python -m asgiway_runtime.collect`; nothing to do without staticfiles."""

from __future__ import annotations

import sys


def main() -> None:
    """Run collectstatic into the release's own STATIC_ROOT."""
    import django
    from django.apps import apps
    from django.core.management import call_command

    django.setup()
    if apps.is_installed("django.contrib.staticfiles"):
        call_command("collectstatic", interactive=False, verbosity=1)
    else:
        sys.stdout.write("django.contrib.staticfiles is not installed: no static files\n")


if __name__ == "__main__":
    main()
