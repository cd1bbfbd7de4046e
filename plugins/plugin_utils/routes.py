"""What a release says of its routes, and the links by which nginx knows them (docs/decisions/0014)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

LEVELS = 6  # of directories that nginx looks for, see _maps.conf.j2
LONGEST, WHOLE = 200, 2000  # of a name between two /, and of a path; a file is called so
MOST = 2000
SENTENCES = 50
# nothing that a shell, a template, or nginx reads as something else, and not the ^ of the links' own names
PATH = re.compile(r"/[A-Za-z0-9._~!&()*+,=:@%/-]*")


def routes_told(text: str) -> dict[str, list[str]]:
    """Read the last line of what `doctor --routes` printed, which ran the project's code.

    Returns:
        {below, exactly, announced}: directories that end in /, whole paths, and sentences without control characters.

    Raises:
        ValueError: when it is anything else. No file of that name could then be made.
    """
    lines = str(text).strip().splitlines()
    try:
        told = json.loads(lines[-1] if lines else "")
    except ValueError as error:
        raise ValueError(
            "The project's routes cannot be read: the last line is no JSON. Name them in app_asgi_routes."
        ) from error
    lists: list[Any] = [
        told.get(key) if isinstance(told, Mapping) else None for key in ("below", "exactly", "announced")
    ]
    if not all(isinstance(one, list) and all(isinstance(item, str) for item in one) for one in lists):
        raise ValueError("The project's routes are no lists of texts. Name them in app_asgi_routes.")
    below, exactly, announced = lists
    for path in [*below, *exactly]:
        if why := _unfit(path, directory=path in below):
            raise ValueError(f"The project's route {path[:80]!r} {why}. Name the routes in app_asgi_routes.")
    if len(below) + len(exactly) > MOST:
        raise ValueError(f"The project has more than {MOST} routes for ASGI. Name them in app_asgi_routes.")
    more = [f"and {len(announced) - SENTENCES} more"] if len(announced) > SENTENCES else []
    return {"below": below, "exactly": exactly, "announced": [_plain(one) for one in announced[:SENTENCES]] + more}


def _unfit(path: str, directory: bool) -> str:
    names = path.split("/")[1:]
    if not PATH.fullmatch(path) or "" in names[:-1] or not {".", ".."}.isdisjoint(names):
        return "is no path of letters, digits and ._~!&()*+,=:@%-"
    if directory and (not path.endswith("/") or path.count("/") > LEVELS + 1):
        return f"is no directory of at most {LEVELS} levels"
    return "is too long" if max(map(len, names)) > LONGEST or len(path) > WHOLE else ""


def _plain(sentence: str) -> str:
    """Return it for a terminal, and so that no template is seen in it."""
    return re.sub(r"[^\w .,;:/<>()\[\]?*+='\"@%&^$!~|\\-]", " ", sentence)[:400]


def route_links(routes: Mapping[str, Any], target: str, also: Mapping[str, Any] | None = None) -> list[dict[str, str]]:
    """Return the links of a release's routes, relative to its directory, and of those of one that is still asked, too.

    `routes/events/^^` stands for everything below /events/, `routes/events^` for exactly /events, and `routes/^-` is
    there whenever a release knows its routes. A ^ is in no route, so that no name is taken for another. All lead to one
    ordinary file that exists: nginx asks whether that is so.
    """
    every = [routes, also or {}]
    names = [f"routes{path}^^" for one in every for path in one.get("below", ())]
    names += [f"routes{path}^" for one in every for path in one.get("exactly", ())]
    names += ["routes/^-"] if routes else []  # the last: what it says is true then
    return [{"name": name, "target": target} for name in dict.fromkeys(names)]


def routes_shown(routes: Mapping[str, Any]) -> str:
    """Return the routes in words."""
    if routes["below"] == ["/"]:
        return "the whole site"
    return ", ".join([*routes["below"], *(f"exactly {path}" for path in routes["exactly"])]) or "none"
