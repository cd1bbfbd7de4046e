"""The project's directory on the controller."""

from __future__ import annotations

import os
from pathlib import Path

from ansible_collections.asgiway.django.plugins.plugin_utils.declaration import COMMAND, WordsError
from ansible_collections.asgiway.django.plugins.plugin_utils.values import show


def check_path(value: str, start: str, settings: str = "", command: str = COMMAND) -> str:
    """Return the project's directory as an absolute path.

    Args:
        value: as the user wrote it; ~ and a path relative to `start` are fine.
        start: the directory that the command was started in.
        settings: app_settings; with it manage.py is not needed.

    Raises:
        WordsError: when there is no such directory, or no manage.py in it.
    """
    hint = f"Try: {command} -e app_path=DIRECTORY"
    if not value.strip():
        raise WordsError(f"app_path is empty; give the project's directory. {hint}")
    try:
        path = Path(start, os.path.expanduser(value)).resolve()  # noqa: PTH111  (Path.expanduser raises for ~nobody)
        if not path.exists():
            raise WordsError(f"app_path {show(str(path))} does not exist on this machine. {hint}")
        if not path.is_dir():
            raise WordsError(
                f"app_path {show(str(path))} is a file; give its directory. Try: {command} -e app_path={path.parent}"
            )
        if settings or (path / "manage.py").is_file():
            return str(path)
        below = sorted(found.parent for found in (*path.glob("*/manage.py"), *path.glob("*/*/manage.py")))
    except (OSError, RuntimeError, ValueError) as error:
        if isinstance(error, WordsError):
            raise
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise WordsError(f"app_path {show(value)} cannot be read ({reason}). {hint}") from error
    nested = f" Try: {command} -e app_path={below[0]}" if len(below) == 1 else ""
    raise WordsError(
        f"app_path {show(str(path))} has no manage.py;"
        f" give the directory that holds it, or app_settings=<module>.{nested}"
    )
