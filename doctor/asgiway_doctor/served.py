"""What `app_asgi_routes: auto` sends to the ASGI server: directories, and single paths where a directory is too much.

A deploy runs it with a new release's Python, settings and environment, as `python -B doctor --routes`. What becomes of
the answer is in docs/decisions/0014. An explicit list has prefixes (routes.compute); this knows whole paths, too.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from importlib import import_module
from pathlib import Path as File
from typing import Any

from asgiway_doctor import channels, urls
from asgiway_doctor.code import Code, Facts
from asgiway_doctor.routes import ALLOWED, Path, gathered
from asgiway_doctor.source import Project

LEVELS = 6  # of directories that nginx looks for; plugins/plugin_utils/routes.py takes no more
LONGEST, LONG = 200, 2000  # of a name between two /, and of a path; a file is called so
MOST = 1000
WHOLE = "the whole site"


@dataclass
class Served:
    """Everything below these directories, exactly these paths, and a sentence for what one would not expect."""

    below: list[str] = field(default_factory=list)
    exactly: list[str] = field(default_factory=list)
    announced: list[str] = field(default_factory=list)


def serve(paths: Iterable[Path], script: str = "") -> Served:
    """Return where a request has to go to ASGI so that it is answered rightly.

    An async view works under both, so one that no directory or path can name stays with WSGI. A stream works under ASGI
    alone; it takes along the nearest directory that can be named, in the end the whole site: ASGI serves everything.

    Args:
        paths: all of the site's, for WSGI and for ASGI.
        script: FORCE_SCRIPT_NAME; an ASGI server's requests may come with it and without it.
    """
    every = list(paths)
    below: dict[str, None] = {}
    exactly: dict[str, None] = {}
    said: dict[str, None] = {}
    groups: dict[str | None, list[Path]] = {}
    for path in every:
        if path.asgi:
            groups.setdefault(path.prefix, []).append(path)
    for prefix, group in groups.items():
        why = _unfit(prefix)
        if not why and all(path.exact for path in group) and _alone(prefix or "", group, every):
            exactly[prefix or ""] = None
            continue
        why = why or _no_directory(prefix or "")
        taken = [] if why else [one for one in every if not one.asgi and (one.prefix or "").startswith(prefix or "")]
        streams = [path for path in group if path.stream]
        others = [path for path in group if not path.stream and not path.websocket]
        if why:
            for path in streams:
                directory = _nearest(prefix)
                below[directory] = None
                said[f"{path.text} streams, and {why}: {_named(directory)} goes to the ASGI server"] = None
            for path in others:
                said[f"{path.text} stays with WSGI, where it works, too: {why}"] = None
        elif streams or not taken or (others and len(taken) <= len(group)):
            below[prefix or ""] = None
            if len(taken) >= len(group):
                names = ", ".join(path.text for path in taken[:3]) + (" ..." if len(taken) > 3 else "")
                said[f"{prefix} also takes {names} to the ASGI server, where it works, too"] = None
        else:
            why = f"{prefix} would take {len(taken)} of its paths along"
            for path in others:
                said[f"{path.text} stays with WSGI, where it works, too: {why}"] = None
    return _under(script, _fewest(list(below), list(exactly), every), list(said))


def _unfit(prefix: str | None) -> str:
    """Return why neither a path nor a directory of that name can be told."""
    if prefix is None:
        return "its pattern may match anywhere in a path"
    parts = prefix.split("/")[1:]
    if not ALLOWED.fullmatch(prefix) or "" in parts[:-1] or not {".", ".."}.isdisjoint(parts):
        return f"{prefix} has characters that a route does not"
    return f"{prefix[:40]}... is too long for a route" if max(map(len, parts)) > LONGEST or len(prefix) > LONG else ""


def _no_directory(prefix: str) -> str:
    """Return why everything below it cannot be told."""
    if prefix == "/":
        return "its path may begin with anything"
    if not prefix.endswith("/"):
        return f"{prefix} is only the beginning of a name"
    return f"{prefix} is deeper than {LEVELS} directories" if prefix.count("/") > LEVELS + 1 else ""


def _alone(prefix: str, group: Sequence[Path], every: Sequence[Path]) -> bool:
    """Tell whether a whole path is better told by itself than as a directory."""
    here = [one for one in every if not one.asgi and one.prefix is not None]
    if any(one.exact and one.prefix == prefix for one in here):  # the page that a WebSocket of the same path belongs to
        return not all(path.websocket for path in group)
    return bool(_no_directory(prefix)) or any((one.prefix or "").startswith(prefix) for one in here)


def _nearest(prefix: str | None) -> str:
    """Return the deepest directory above a path that can be told."""
    directory = "/"
    for part in (prefix or "").split("/")[1:-1][:LEVELS]:
        if _unfit(f"{directory}{part}/"):
            break
        directory += f"{part}/"
    return directory


def _named(directory: str) -> str:
    return WHOLE if directory == "/" else f"everything below {directory}"


def _fewest(below: list[str], exactly: list[str], every: list[Path]) -> Served:
    """Several of one directory become the directory, as in a list by hand."""
    if "/" in below:
        return Served(["/"])
    found = gathered(sorted({*below, *exactly} - {"/"}), every)
    kept = sorted({*below, *(one for one in found if one.endswith("/") and one not in exactly)})
    kept = [one for one in kept if not any(one != other and one.startswith(other) for other in kept)]
    return Served(kept, sorted(one for one in exactly if not one.startswith(tuple(kept))))


def _under(script: str, found: Served, said: list[str]) -> Served:
    found.announced = said
    script = script.rstrip("/")
    if script and found.below + found.exactly and found.below != ["/"]:
        if _unfit(f"{script}/") or any(_no_directory(script + one) for one in found.below):
            why = f"FORCE_SCRIPT_NAME {script} cannot be part of a route"
            return Served(["/"], [], [*said, f"{why}: {WHOLE} goes to the ASGI server"])
        found.below += [script + one for one in found.below]
        found.exactly += [script + one for one in found.exactly]
    if len(found.below) + len(found.exactly) > MOST:
        count = len(found.below) + len(found.exactly)
        return Served(["/"], [], [*said, f"{count} routes are more than {MOST}: {WHOLE} goes to the ASGI server"])
    return found


def paths_of(views: Iterable[urls.View], sockets: Iterable[channels.Socket]) -> list[Path]:
    """Return all paths of a site."""
    plain = [Path(view.path, view.prefix, view.needs_asgi, view.stream == "async", view.exact) for view in views]
    return plain + [Path(one.path, one.prefix, True, exact=one.exact, websocket=True) for one in sockets]


def load(name: str) -> Any:
    """Return what module:name stands for."""
    module, _, attribute = name.partition(":")
    return getattr(import_module(module), attribute or "application")


def look(source: str, asgi: str) -> Served:
    """Return the routes of the project whose settings the environment names. It can be imported: that was checked."""
    import django  # type: ignore[import-not-found]
    from django.conf import settings  # type: ignore[import-not-found]

    django.setup()
    code = Code(Project(File(source)), Facts())
    sockets = channels.sockets(load(asgi), code) if asgi else []
    return serve(paths_of(urls.views(code), sockets), settings.FORCE_SCRIPT_NAME or "")


def told(find: Callable[[], Served]) -> str:
    """Return the routes as a line of JSON; of a project that is too strange for us, the whole site."""
    with contextlib.redirect_stdout(io.StringIO()):
        try:
            found = find()
        except (Exception, SystemExit) as error:
            why = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
            found = Served(["/"], [], [f"{WHOLE} goes to the ASGI server, for its routes cannot be read: {why}"])
    return json.dumps(asdict(found))


def main(source: str, asgi: str) -> None:
    """Print the line as the very last one: what the project does at its exit is not waited for."""
    line = told(lambda: look(source, asgi))
    sys.stdout.write(f"\n{line}\n")
    sys.stdout.flush()
    os._exit(0)
