"""Check a release with its own Python before anything of it starts: `python -m asgiway_runtime.check`.

With --collect it collects the release's static files first: one start of the project less. --after is a command of the
project's own, run between the two. Then it answers what the gate will ask (asgiway_runtime.probe), runs Django's checks
and imports what the processes will import. With --migrate it ends with the migration, where that has nothing to apply.
Prints one line per check; on failure the traceback, and exits with 1.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import Any

from asgiway_runtime import commands, migrate, probe


def collect() -> None:
    """Run collectstatic into the release's own STATIC_ROOT."""
    import django
    from django.apps import apps
    from django.core.management import call_command

    django.setup()
    if apps.is_installed("django.contrib.staticfiles"):
        call_command("collectstatic", interactive=False, verbosity=1)
    else:
        sys.stdout.write("django.contrib.staticfiles is not installed: no static files\n")


def applications() -> str:
    """Import asgi.py and wsgi.py as far as the server needs them."""
    names = [name for name in ("wsgi", "asgi") if os.environ.get(f"ASGIWAY_{name.upper()}")]
    for name in names:
        import_module(f"asgiway_runtime.{name}")
    return f"imported {' and '.join(names)}"


def django_checks() -> str:
    """Run the system checks: errors stop the deploy. What `--deploy` adds is advice, and is shown."""
    import django
    from django.core.management import call_command
    from django.core.management.base import SystemCheckError

    django.setup()
    call_command("check")
    try:
        call_command("check", deploy=True)
    except SystemCheckError as advice:
        # Django 6.1 calls the settings of its own startproject an error there (mail.E001)
        sys.stdout.write(f"{advice}\n")
    return f"Django {django.get_version()} checked"


def secret_keys() -> str:
    """After a rotation the project must accept what was signed before: with the settings overlay it does."""
    from django.conf import settings

    keys = [key for key in os.environ.get("SECRET_KEY_FALLBACKS", "").split(",") if key]
    ours = os.environ.get("SECRET_KEY") == settings.SECRET_KEY
    if ours and not set(keys) <= set(settings.SECRET_KEY_FALLBACKS):
        raise SystemExit(
            "secret_keys: the settings take SECRET_KEY from the environment, and not SECRET_KEY_FALLBACKS (keys with"
            " commas between them): everybody would be logged out. Read it there, or deploy with settings_overlay=true."
        )
    return f"{len(keys)} previous keys accepted"


def uploads() -> str:
    """What nginx shows of the uploads must be what the project links to, and nothing that it guards itself."""
    from django.core.files.storage import FileSystemStorage, default_storage
    from django.urls import get_resolver

    root, url = os.environ.get("ASGIWAY_MEDIA_ROOT", ""), os.environ.get("ASGIWAY_MEDIA_URL", "")
    if not url or not isinstance(default_storage, FileSystemStorage) or default_storage.location != root:
        return "nginx shows none"
    if url != default_storage.base_url:
        raise SystemExit(
            f"uploads: MEDIA_URL is {default_storage.base_url}, and nginx shows uploaded files below {url}: no visitor"
            f" would see one. {_instead(str(default_storage.base_url))}"
        )
    modes = (
        ("FILE_UPLOAD_PERMISSIONS", default_storage.file_permissions_mode, 0o040, 0o600),
        # by None it is the processes' umask, which lets the group in
        ("FILE_UPLOAD_DIRECTORY_PERMISSIONS", default_storage.directory_permissions_mode or 0o750, 0o050, 0o700),
    )
    for name, mode, needed, usual in modes:
        if ((0o600 if mode is None else mode) & needed) != needed:
            raise SystemExit(
                f"uploads: {name} is {mode if mode is None else oct(mode)}, and nginx, which has the app's group, could"
                f" not read what is uploaded. Try: {oct(usual | needed)} there, or -e app_media_url= (empty)."
            )
    own = [route for route in _routes(get_resolver().url_patterns) if route.startswith(url.lstrip("/"))]
    if own:
        raise SystemExit(
            f"uploads: the project answers {own[0]} with a view of its own, and nginx would show what lies below {url}"
            " to everybody before it is asked. If that view decides who sees them: -e app_media_url= (empty). If not,"
            " take it out of the URL configuration."
        )
    return f"{root} is shown below {url}"


def _instead(url: str) -> str:
    if url.startswith("/") and url.endswith("/") and url != "/":
        return f"Try: -e app_media_url={url}"
    return "Try: -e app_media_url= (empty), and nginx shows none"


def _routes(patterns: list[Any], before: str = "") -> Iterator[str]:
    """Yield the route of each view, but of those that only show files."""
    from django.views.static import serve

    for entry in patterns:
        route = before + str(entry.pattern).removeprefix("^").replace("\\/", "/")
        if hasattr(entry, "url_patterns"):
            yield from _routes(entry.url_patterns, route)
        elif entry.callback is not serve:
            yield route


def main(arguments: Sequence[str]) -> None:
    """Run all checks in order; the first failure ends with its traceback."""
    parser = argparse.ArgumentParser(prog="python -m asgiway_runtime.check", description=__doc__)
    parser.add_argument("--collect", action="store_true", help="collect the static files first")
    parser.add_argument("--after", action="append", default=[], help="a command to run after that; may be repeated")
    parser.add_argument("--migrate", type=int, metavar="SECONDS", help="migrate, if nothing is due; the longest wait")
    parser.add_argument(
        "--database", action="append", default=[], help="an alias for that; may be repeated; default: default"
    )
    given = parser.parse_args(arguments)
    if given.collect:
        collect()
    commands.run(given.after)
    # the answer first: what the checks import besides is not loaded with the application
    for check in (probe.answer, django_checks, secret_keys, applications, uploads):
        sys.stdout.write(f"{check.__name__}: {check()}\n")
    if given.migrate is not None:
        idle = migrate.idle(given.database, given.migrate)
        release = os.environ.get("ASGIWAY_RELEASE", "")
        sys.stdout.write(
            f"migrations: {f'nothing is due for {release}' if idle else 'left to asgiway_runtime.migrate'}\n"
        )


if __name__ == "__main__":
    main(sys.argv[1:])
