"""The project's directory on the controller."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.asgiway.django.plugins.plugin_utils.declaration import COMMAND, WordsError
from ansible_collections.asgiway.django.plugins.plugin_utils.local_path import absolute
from ansible_collections.asgiway.django.plugins.plugin_utils.values import show


def check_path(value: str, start: str, settings: str = "", command: str = COMMAND, subdirectory: str = "") -> str:
    """Return the source's directory as an absolute path.

    Args:
        value: as the user wrote it; ~ and a path relative to `start` are fine.
        start: the directory that the command was started in.
        settings: app_settings; with it manage.py is not needed.
        command: the command that messages suggest.
        subdirectory: the project's directory in it.

    Raises:
        WordsError: when there is no such directory, or no manage.py in it.
    """
    hint = f"Try: {command} -e app_path=DIRECTORY"
    if not value.strip():
        raise WordsError(f"app_path is empty; give the project's directory. {hint}")
    try:
        path = absolute(value, start)
        if not path.exists():
            raise WordsError(f"app_path {show(str(path))} does not exist on this machine. {hint}")
        if not path.is_dir():
            raise WordsError(
                f"app_path {show(str(path))} is a file; give its directory. Try: {command} -e app_path={path.parent}"
            )
        check_project(path, f"app_path {show(str(path))}", settings, command, subdirectory, "app_path")
    except (OSError, RuntimeError, ValueError) as error:
        if isinstance(error, WordsError):
            raise
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise WordsError(f"app_path {show(value)} cannot be read ({reason}). {hint}") from error
    return str(path)


def check_project(
    path: Path, subject: str, settings: str = "", command: str = COMMAND, subdirectory: str = "", word: str = ""
) -> None:
    """Check that a source has a project in it.

    Args:
        path: the source's directory.
        subject: what it is called in a sentence.
        settings: app_settings; with it manage.py is not needed.
        command: the command that messages suggest.
        subdirectory: app_subdirectory.
        word: app_path, where that can name a directory in it; else app_subdirectory does.

    Raises:
        WordsError: when there is no such subdirectory, or no manage.py in it.
    """
    if not (path / subdirectory).is_dir():
        raise WordsError(f"app_subdirectory is {show(subdirectory)}, and {subject} has no such directory")
    if settings or (path / subdirectory / "manage.py").is_file():
        return
    below = sorted(found.parent for found in (*path.glob("*/manage.py"), *path.glob("*/*/manage.py")))
    nested = ""
    if len(below) == 1:
        said = f"app_path={below[0]}" if word and not subdirectory else f"app_subdirectory={below[0].relative_to(path)}"
        nested = f" Try: {command} -e {said}"
    where = f" in {show(subdirectory)}" if subdirectory else ""
    raise WordsError(
        f"{subject} has no manage.py{where}; give the directory that holds it, or app_settings=<module>.{nested}"
    )
