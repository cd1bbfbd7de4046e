"""The report as plain text."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Any

WIDTH = 110
SHOWN_ALIKE = 5  # places of one finding that are listed; the page has all


def summary(report: dict[str, Any]) -> str:
    """Return how many of each there are, in words."""
    counts = report["summary"]
    parts = [f"{counts[name] or 'no'} {name}{'s' * (counts[name] != 1)}" for name in ("error", "warning", "note")]
    return f"{parts[0]}, {parts[1]}, {parts[2]}"


def place(finding: dict[str, Any]) -> str:
    """Return where a finding is."""
    return f"{finding['file']}:{finding['line']}" if finding["line"] else str(finding["file"])


def render(report: dict[str, Any]) -> str:
    """Return the text."""
    return "\n".join(line.rstrip() for line in _lines(report)) + "\n"


def _lines(report: dict[str, Any]) -> Iterator[str]:
    project = report["project"]
    versions = ", ".join(f"{name} {version}" for name, version in project["versions"].items())
    yield f"{project['name'] or project['settings']}: {summary(report)}"
    yield f"  Python {project['python']}, {versions}"
    yield ""
    yield from _verdict(report["verdict"])
    for severity in ("error", "warning", "note"):
        group = [one for one in report["findings"] if one["severity"] == severity]
        for title in dict.fromkeys((one["id"], one["title"]) for one in group):
            yield ""
            yield from _kind(severity, [one for one in group if one["id"] == title[0]])
    yield ""
    yield from _inventory(report)


def _wrapped(text: str, indent: str, first: str = "") -> Iterator[str]:
    yield from textwrap.wrap(
        text,
        WIDTH,
        initial_indent=first or indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _verdict(verdict: dict[str, Any]) -> Iterator[str]:
    then = f", then server={verdict['later']}" if verdict["later"] else ""
    yield f"Verdict: server={verdict['server']}{then}"
    yield from _wrapped(verdict["reason"], "  ")
    if verdict["workers"]:
        yield "  " + ", ".join(f"{kind}_workers={number}" for kind, number in verdict["workers"].items())
    if verdict["routes"]:
        yield f"  app_asgi_routes: [{', '.join(verdict['routes'])}]"
    for sentence in verdict["announced"]:
        yield from _wrapped(sentence, "    ", "  - ")
    if verdict["auto"] != verdict["routes"] or verdict["auto_announced"] != verdict["announced"]:
        yield f"  app_asgi_routes: auto would be {', '.join(verdict['auto']) or 'nothing'}"
        for sentence in verdict["auto_announced"]:
            yield from _wrapped(sentence, "    ", "  - ")
    if verdict["budget"]:
        yield from _wrapped(verdict["budget"], "  ")


def _kind(severity: str, found: list[dict[str, Any]]) -> Iterator[str]:
    one = found[0]
    yield f"{severity.upper()} {one['id']}: {one['title']}"
    for each in found[:SHOWN_ALIKE]:
        yield f"  {place(each)}  {each['what']}"
    if len(found) > SHOWN_ALIKE:
        yield f"  and {len(found) - SHOWN_ALIKE} more"
    yield from _wrapped(f"why: {one['why']}", "       ", "  ")
    yield from _wrapped(f"fix: {one['fix']}", "       ", "  ")
    yield f"  {one['link']}"


def _inventory(report: dict[str, Any]) -> Iterator[str]:
    views = report["views"]
    own = [view for view in views if view["where"]]
    asynchronous = [view for view in views if view["asgi"]]
    streams = sum(view["stream"] == "async" for view in views)
    async_views = sum(view["kind"] == "async" for view in views)
    yield f"Views: {len(views)}, {len(own)} of them the project's own; {async_views} async, {streams} async streams"
    for view in asynchronous[:20]:
        paths = ", ".join(view["paths"][:3]) + (" ..." if len(view["paths"]) > 3 else "")
        yield f"  {paths}  {view['view'].rpartition('.')[2]}{' (stream)' if view['stream'] else ''}  {view['where']}"
    if len(asynchronous) > 20:
        yield f"  and {len(asynchronous) - 20} more"
    yield f"WebSocket routes: {len(report['websockets']) or 'none'}"
    for one in report["websockets"]:
        yield f"  {one['path']}  {one['consumer']}  {one['where']}"
    layers = report["middleware"]
    blocking = sum(not one["async"] for one in layers)
    yield f"Middlewares: {len(layers)}, {blocking} sync-only. A request under ASGI has for them"
    yield f"  {report['switches']} changes between loop and thread, and {_threads(layers)} short runs in a thread"
    for skipped in report["skipped"]:
        yield f"Not looked at: {skipped}"


def _threads(layers: list[dict[str, Any]]) -> int:
    return sum(one["hops"] for one in layers if one["async"])
