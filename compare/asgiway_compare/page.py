"""The report as one HTML file: no script, no network, readable on a phone. It looks as the doctor's does."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from asgiway_doctor.page import STYLE

from asgiway_compare import plots
from asgiway_compare.figures import BY_PATH, Measure

OWN_STYLE = """
:root { --c0: #2563ab; --c1: #b4530a; --c2: #2e7d32; --c3: #8e24aa; --c4: #00838f; --c5: #ad1457; --c6: #6d6200;
--c7: #5d4037; }
@media (prefers-color-scheme: dark) { :root { --c0: #7db4f0; --c1: #f0a35e; --c2: #81c784; --c3: #d59be3; --c4: #5fd0dc;
--c5: #f48fb1; --c6: #d8cc57; --c7: #c8aa9e; } }
.plots { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 22rem), 1fr)); gap: .75rem; }
figure { margin: 0; border: 1px solid var(--line); border-radius: .5rem; padding: .75rem; min-width: 0; }
figcaption { font-weight: 600; } figcaption small { display: block; font-weight: 400; opacity: .75; }
svg { display: block; width: 100%; height: auto; margin-top: .5rem; }
svg text { font: 12px system-ui, sans-serif; fill: currentColor; } svg .who { font-weight: 600; }
svg .small { font-size: 10px; } .spread, .axis, .first { stroke: currentColor; fill: none; }
.first { stroke-dasharray: 3 3; opacity: .5; } .axis { opacity: .5; }
.verdict h2 { margin-top: 0; } .bar { opacity: .8; } .line { fill: none; stroke-width: 1.5; }
.legend { display: flex; flex-wrap: wrap; gap: .25rem 1rem; padding: 0; list-style: none; }
.legend i { display: inline-block; width: .75rem; height: .75rem; border-radius: 2px; margin-right: .35rem; }
""" + "".join(
    f".s{number} {{ fill: var(--c{number}); background: var(--c{number}); }}\n"
    f".l{number} {{ stroke: var(--c{number}); }}\n"
    for number in range(plots.COLOURS)
)


def render(plan: Mapping[str, Any], analysis: Mapping[str, Any]) -> str:
    """Return the page."""
    servers = [app["server"] for app in plan["apps"]]
    colours = {server: number for number, server in enumerate(servers)}
    title = escape(f"{plan['name']}: {', '.join(servers)}")
    found: list[Measure] = analysis["measures"]
    groups = list(dict.fromkeys(measure.group for measure in found if measure.group != BY_PATH))
    body = [
        f"<h1>{title}</h1>",
        f"<p>Side by side on {escape(plan['host'])}: {escape(plan['system'])}, {plan['cores']} cores,"
        f" {plan['memory']} MiB.</p>",
        _verdict(analysis),
        "<p>Bars are ratios to the server that was named first (dashed line), from the same round; the thin line"
        " reaches from the least to the greatest round. The value behind a ratio is the median of the rounds, and true"
        " for this machine only.</p>",
        *(
            f"<h2>{escape(group)}</h2>{_plots([one for one in found if one.group == group], colours)}"
            for group in groups
        ),
        "<h2>Round by round</h2>" + _rounds(found, colours, servers),
        _stops(analysis["stops"]),
        _details(found, colours),
        _table(found),
        "<h2>What was measured</h2>" + _list(analysis["measured"]),
        "<h2>What was not</h2>" + _list(analysis["unmeasured"]),
        f"<footer>asgiway compare · database: {escape(plan['database'])} · process manager: "
        f"{escape(plan['apps'][0]['manager'])} · workers: "
        + escape(", ".join(f"{app['server']} {app['workers']}" for app in plan["apps"]))
        + "</footer>",
    ]
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<link rel="icon" href="data:,">\n'  # without it browsers ask for a favicon
        f"<title>{title}</title>\n<style>{STYLE}{OWN_STYLE}</style>\n</head>\n<body>\n"
        + "\n".join(part for part in body if part)
        + "\n</body>\n</html>\n"
    )


def _verdict(analysis: Mapping[str, Any]) -> str:
    order = "; ".join(f"{number}. {' and '.join(group)}" for number, group in enumerate(analysis["ranking"], start=1))
    doubts = _list(analysis["warnings"])
    return (
        f'<section class="box verdict"><h2>By CPU per request: {escape(order)}</h2>{_list(analysis["verdict"])}'
        + (f'<p class="warning"><strong>Doubtful</strong></p>{doubts}' if doubts else "")
        + "</section>"
    )


def _list(items: Iterable[str]) -> str:
    made = "".join(f"<li>{escape(item)}</li>" for item in items)
    return f"<ul>{made}</ul>" if made else ""


def _plots(found: Iterable[Measure], colours: dict[str, int]) -> str:
    made = ""
    for measure in found:
        better = "more is better" if measure.more_is_better else "less is better"
        note = f"{better}; {measure.note}" if measure.note else better
        made += (
            f"<figure><figcaption>{escape(measure.title)}<small>{escape(note)}</small></figcaption>"
            f"{plots.bars(measure, colours)}</figure>"
        )
    return f'<div class="plots">{made}</div>'


def _rounds(found: Sequence[Measure], colours: dict[str, int], servers: Sequence[str]) -> str:
    legend = "".join(
        f'<li><i class="s{colours[server] % plots.COLOURS}"></i>{escape(server)}</li>' for server in servers
    )
    shown = [measure for measure in found if measure.id in ("http-server", "http-rps", "echo-cpu")]
    made = "".join(
        f"<figure><figcaption>{escape(measure.title)}<small>{escape(measure.unit)}</small></figcaption>"
        f"{plots.rounds(measure, colours)}</figure>"
        for measure in shown
    )
    return f'<ul class="legend">{legend}</ul><div class="plots">{made}</div>'


def _stops(rows: Sequence[Mapping[str, str]]) -> str:
    if not rows:
        return ""
    head = {
        "server": "server",
        "slow": "a request that was under way",
        "socket": "an idle WebSocket",
        "seconds": "the stop took",
    }
    return "<h2>When the process manager stops it</h2>" + _rows(
        list(head.values()), [[row[key] for key in head] for row in rows]
    )


def _details(found: Sequence[Measure], colours: dict[str, int]) -> str:
    shown = [measure for measure in found if measure.group == BY_PATH]
    if not shown:
        return ""
    return f'<details class="box"><summary>{escape(BY_PATH)}</summary>{_plots(shown, colours)}</details>'


def _table(found: Sequence[Measure]) -> str:
    rows = [[measure.title, server, plots.label(measure, server)] for measure in found for server in measure.values]
    return (
        '<details class="box"><summary>All figures</summary>'
        + _rows(["figure", "server", "ratio, least to greatest, median"], rows)
        + "</details>"
    )


def _rows(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    made = ""
    for row in rows:
        cells = (f'<td data-head="{escape(name)}">{escape(cell)}</td>' for name, cell in zip(head, row, strict=True))
        made += f"<tr>{''.join(cells)}</tr>"
    heads = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    return f'<div class="wide"><table><thead><tr>{heads}</tr></thead><tbody>{made}</tbody></table></div>'
