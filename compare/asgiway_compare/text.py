"""The report as Markdown, and in the few lines that a terminal gets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from asgiway_compare.plots import label


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def markdown(plan: Mapping[str, Any], analysis: Mapping[str, Any]) -> str:
    """Return tables and verdict."""
    servers = [app["server"] for app in plan["apps"]]
    rows = [_row(["", *servers]), _row(["---"] * (len(servers) + 1))]
    for measure in analysis["measures"]:
        cells = [label(measure, server) if server in measure.values else "does not speak it" for server in servers]
        rows.append(_row([f"{measure.title} ({'more' if measure.more_is_better else 'less'} is better)", *cells]))
    stops = [
        _row(["when it is stopped", "a request under way", "an idle WebSocket", "the stop took"]),
        _row(["---"] * 4),
        *(_row([row["server"], row["slow"], row["socket"], row["seconds"]]) for row in analysis["stops"]),
    ]
    parts = [
        f"# {plan['name']}: {', '.join(servers)}",
        f"{plan['system']}, {plan['cores']} cores, {plan['memory']} MiB. Ratios are to the first, from the same"
        " round, with their spread; the value behind is the median.",
        _list(analysis["verdict"]),
        _list(f"Doubtful: {one}" for one in analysis["warnings"]),
        "\n".join(rows),
        "\n".join(stops) if analysis["stops"] else "",
        "## What was measured\n\n" + _list(analysis["measured"]),
        "## What was not\n\n" + _list(analysis["unmeasured"]),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _list(items: Iterable[str]) -> str:
    return "\n".join(f"- {item}" for item in items)


def summary(analysis: Mapping[str, Any], files: Sequence[str]) -> str:
    """Return the verdict and where the rest is."""
    order = "; ".join(f"{number}. {' and '.join(group)}" for number, group in enumerate(analysis["ranking"], start=1))
    lines = [f"By CPU per request: {order}", "", *analysis["verdict"]]
    lines += [f"Doubtful: {one}" for one in analysis["warnings"]]
    return "\n".join([*lines, "", *files]) + "\n"
