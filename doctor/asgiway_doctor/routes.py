"""From the paths of a project to path prefixes for nginx: what `app_asgi_routes` takes."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    try:
        from re import _constants as constants  # type: ignore[attr-defined]
        from re import _parser as parser  # type: ignore[attr-defined]
    except ImportError:  # Python 3.10
        import sre_constants as constants  # type: ignore[no-redef]
        import sre_parse as parser  # type: ignore[no-redef]

ALLOWED = re.compile(r"/[A-Za-z0-9._~!&()*+,=:@%/-]*")  # as app_asgi_routes has it in playbooks/deploy.meta.yml
MOST = 50  # prefixes; more is no configuration that anybody reads


@dataclass(frozen=True)
class Path:
    """One path of the site: its literal beginning, and what it is for."""

    text: str  # as the project writes it, for messages
    prefix: str | None  # None: nothing of its beginning is certain
    asgi: bool
    stream: bool = False  # under WSGI it does not work at all
    exact: bool = False  # the prefix is the whole path
    websocket: bool = False  # a handshake goes to the ASGI server wherever it is


@dataclass
class Routes:
    """The prefixes, and what they do not say."""

    prefixes: list[str] = field(default_factory=list)
    announced: list[str] = field(default_factory=list)  # a sentence for each path that is served otherwise
    lost: list[str] = field(default_factory=list)  # streams that no prefix reaches: A+B cannot serve them


def literal_prefix(pattern: Any) -> tuple[str | None, bool]:
    """Return the text that everything a pattern of Django's matches begins with, and whether that is all of it.

    None when nothing is certain: an expression that may match anywhere in the path.
    """
    regex = getattr(pattern, "_regex", None)
    if regex is not None:
        return regex_prefix(str(regex))
    text = str(pattern)
    head = re.split(r"<", text, maxsplit=1)[0]
    return head, head == text


def literal_prefixes(pattern: Any) -> list[tuple[str | None, bool]]:
    """Return the same for each of two whole texts, where a pattern ends in a slash that may be missing: ^events/?$."""
    regex = str(getattr(pattern, "_regex", None) or "")
    if match := re.fullmatch(r"(.*?)\\?/\?\$", regex, re.DOTALL):
        text, whole = regex_prefix(match[1] + "$")
        if whole and text is not None:
            return [(text, True), (f"{text}/", True)]
    return [literal_prefix(pattern)]


def ends(pattern: Any) -> bool:
    """Tell whether nothing may follow what a view's pattern matches, as Django's path() has it by itself."""
    regex = getattr(pattern, "_regex", None)
    return regex is None or bool(re.search(r"(?<!\\)(\\\\)*(\$|\\[Zz])\Z", str(regex)))


def joined(prefix: str | None, part: str | None) -> str | None:
    """Return a literal beginning and what follows it; None when one of them is not certain."""
    return None if prefix is None or part is None else prefix + part


def regex_prefix(regex: str) -> tuple[str | None, bool]:
    """Return the same for a regular expression; without a ^ at its start it may match anywhere."""
    if not regex:
        return "", True  # re_path("") of an include
    try:
        parsed = parser.parse(regex)
    except re.error:
        return None, False
    if parsed.state.flags & re.IGNORECASE:
        return None, False
    items = list(parsed)
    if not items or items[0][0] is not constants.AT:
        return None, False
    text = ""
    for position, (kind, value) in enumerate(items):
        if kind is constants.LITERAL:
            text += chr(value)
        elif kind is constants.AT and (position == 0 or value in (constants.AT_END, constants.AT_END_STRING)):
            continue
        else:
            return text, False
    return text, True


def compute(paths: Iterable[Path]) -> Routes:
    """Return the fewest prefixes that take all paths for ASGI to it.

    A prefix is the literal beginning of a path. Several below one directory become the directory, unless most of what
    lies there is for WSGI. A stream must go to ASGI, and takes others of its prefix along; an async view that would
    take more along than itself stays with WSGI, where it works, too. What cannot be said with a prefix is announced.
    """
    every = list(paths)
    routes = Routes()
    wanted: dict[str, list[Path]] = {}
    for path in every:
        if not path.asgi:
            continue
        # a handshake needs no prefix; only plain requests beside it do
        why = _refused(path)
        if why and path.websocket:
            continue
        if why:
            _give_up(path, why, routes)
        else:
            wanted.setdefault(path.prefix or "", []).append(path)
    for prefix, group in list(wanted.items()):
        taken = [path for path in every if not path.asgi and (path.prefix or "").startswith(prefix)]
        if not taken:
            continue
        if all(path.websocket for path in group):
            del wanted[prefix]
        elif any(path.stream for path in group):
            if len(taken) >= len(group):
                names = ", ".join(path.text for path in taken[:3]) + (" ..." if len(taken) > 3 else "")
                routes.announced.append(f"{prefix} also takes {names} to the ASGI server, where it works, too")
        elif len(taken) > len(group):
            for path in group:
                _give_up(path, f"its prefix {prefix} would take {len(taken)} paths of WSGI along", routes)
            del wanted[prefix]
    found = gathered(sorted(wanted), every)
    routes.prefixes = sorted(one for one in found if not any(one != other and one.startswith(other) for other in found))
    if len(routes.prefixes) > MOST:
        count = len(routes.prefixes)
        routes.announced.append(f"{count} prefixes are more than {MOST}: none is used")
        routes.lost += [path.text for group in wanted.values() for path in group if path.stream]
        routes.prefixes = []
    return routes


def _refused(path: Path) -> str:
    if path.prefix is None:
        return "its pattern may match anywhere in a path"
    if path.prefix == "/":
        return "its prefix / is the whole site"
    if not ALLOWED.fullmatch(path.prefix):
        return f"its prefix {path.prefix} has characters that a location of the kit does not"
    return ""


def _give_up(path: Path, why: str, routes: Routes) -> None:
    if path.stream:
        routes.lost.append(path.text)
        routes.announced.append(f"{path.text} streams and cannot be routed: {why}. Serve the whole site under ASGI")
    else:
        routes.announced.append(f"{path.text} stays with WSGI, where it works, too: {why}")


def gathered(prefixes: list[str], every: list[Path]) -> set[str]:
    """Replace several prefixes of one directory by the directory, from the top down."""
    found: set[str] = set()
    for prefix in prefixes:
        parts = prefix.strip("/").split("/")
        best = prefix
        for length in range(1, len(parts) + 1):
            directory = "/" + "/".join(parts[:length]) + "/"
            if not prefix.startswith(directory) or directory == prefix:
                break
            below = [path for path in every if (path.prefix or "").startswith(directory)]
            theirs = sum(path.asgi for path in below)
            if len([one for one in prefixes if one.startswith(directory)]) > 1 and 2 * theirs > len(below):
                best = directory
                break
        found.add(best)
    return found
