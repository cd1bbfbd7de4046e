"""The report as one HTML file: no script, no network, readable on a phone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

from asgiway_doctor.text import place, summary

STYLE = """
:root { color-scheme: light dark; --error: #b3261e; --warning: #8a5a00; --note: #3b5b92; --line: #8884; --soft: #8881; }
@media (prefers-color-scheme: dark) { :root { --error: #ff8a80; --warning: #ffc266; --note: #9dbcf2; } }
* { box-sizing: border-box; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 0 auto; padding: 1rem; overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; margin: 0; } h2 { font-size: 1.2rem; margin: 2rem 0 .5rem; }
code, .place { font: .875em/1.4 ui-monospace, monospace; }
.box { border: 1px solid var(--line); border-radius: .5rem; padding: .75rem 1rem; margin: .75rem 0; }
.verdict { border-width: 2px; } .verdict p { margin: .5rem 0; }
summary { cursor: pointer; font-weight: 600; } summary .id { font-weight: 400; opacity: .75; }
.error > summary .severity { color: var(--error); } .warning > summary .severity { color: var(--warning); }
.note > summary .severity { color: var(--note); }
ul { padding-left: 1.1rem; margin: .5rem 0; } li { margin: .25rem 0; } .place { display: block; opacity: .9; }
dl { margin: .5rem 0 0; } dt { font-weight: 600; margin-top: .5rem; } dd { margin: 0; }
table { border-collapse: collapse; width: 100%; } td, th { text-align: left; vertical-align: top; padding: .25rem .5rem;
border-bottom: 1px solid var(--line); } .wide { overflow-x: auto; }
@media (max-width: 40rem) { thead { display: none; } tr, td { display: block; border: 0; padding: 0; }
tr { border-bottom: 1px solid var(--line); padding: .4rem 0; }
td::before { content: attr(data-head) ": "; opacity: .75; } }
footer { opacity: .75; margin-top: 2rem; font-size: .875rem; }
"""


def render(report: dict[str, Any]) -> str:
    """Return the page."""
    project = report["project"]
    name = escape(project["name"] or project["settings"])
    versions = " · ".join(escape(f"{package} {version}") for package, version in project["versions"].items())
    body = [
        f"<h1>{name}: from WSGI to ASGI</h1>",
        f"<p>{escape(summary(report).capitalize())}.</p>",
        _verdict(report["verdict"]),
        *_findings(report["findings"]),
        *_inventory(report),
        f"<footer>asgiway doctor · settings <code>{escape(project['settings'])}</code>"
        f" · Python {escape(project['python'])} · {versions}</footer>",
    ]
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<link rel="icon" href="data:,">\n'  # without it browsers ask for a favicon
        f"<title>{name}: from WSGI to ASGI</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        + "\n".join(body)
        + "\n</body>\n</html>\n"
    )


def _verdict(verdict: dict[str, Any]) -> str:
    then = f", then <code>server={escape(verdict['later'])}</code>" if verdict["later"] else ""
    parts = [
        f"<h2>Verdict: <code>server={escape(verdict['server'])}</code>{then}</h2>",
        f"<p>{escape(verdict['reason'])}</p>",
    ]
    if verdict["workers"]:
        workers = ", ".join(f"{kind}_workers={number}" for kind, number in verdict["workers"].items())
        parts.append(f"<p><code>{escape(workers)}</code></p>")
    if verdict["routes"]:
        parts.append(f"<p><code>app_asgi_routes: [{escape(', '.join(verdict['routes']))}]</code></p>")
    parts.append(_list(verdict["announced"]))
    if verdict["auto"] != verdict["routes"] or verdict["auto_announced"] != verdict["announced"]:
        auto = escape(", ".join(verdict["auto"]) or "nothing")
        parts.append(f"<p><code>app_asgi_routes: auto</code> would be <code>{auto}</code></p>")
        parts.append(_list(verdict["auto_announced"]))
    if verdict["budget"]:
        parts.append(f"<p>{escape(verdict['budget'])}</p>")
    return f'<section class="box verdict">{"".join(parts)}</section>'


def _list(items: Iterable[str]) -> str:
    made = "".join(f"<li>{escape(item)}</li>" for item in items)
    return f"<ul>{made}</ul>" if made else ""


def _findings(findings: list[dict[str, Any]]) -> list[str]:
    parts = ["<h2>Findings</h2>"] if findings else ["<h2>Findings</h2><p>None.</p>"]
    for severity, kind in dict.fromkeys((one["severity"], one["id"]) for one in findings):
        group = [one for one in findings if (one["severity"], one["id"]) == (severity, kind)]
        one = group[0]
        places = "".join(
            f'<li>{escape(each["what"])}<span class="place">{escape(place(each))}</span></li>' for each in group
        )
        opened = " open" if severity == "error" else ""
        head = f'<span class="severity">{severity}</span> {escape(one["title"])}'
        parts.append(
            f'<details class="box {severity}"{opened}><summary>{head}'
            f' <span class="id">{escape(kind)}, {len(group)}</span></summary><ul>{places}</ul>'
            f"<dl><dt>Why it matters</dt><dd>{escape(one['why'])}</dd>"
            f"<dt>What to do</dt><dd>{escape(one['fix'])}</dd></dl>"
            f'<p><a href="{escape(one["link"])}" rel="noreferrer">{escape(one["link"])}</a></p></details>'
        )
    return parts


def _inventory(report: dict[str, Any]) -> list[str]:
    views = [
        (
            ", ".join(view["paths"][:8]),
            view["view"].rpartition(".")[2],
            view["kind"] + (", stream" if view["stream"] else ""),
            view["where"],
        )
        for view in report["views"]
        if view["where"] or view["asgi"]
    ]
    others = len(report["views"]) - len(views)
    sockets = [(one["path"], one["consumer"], one["where"]) for one in report["websockets"]]
    layers = [(one["name"], "yes" if one["async"] else "no", str(one["hops"])) for one in report["middleware"]]
    return [
        _table("WebSocket routes", ("path", "consumer", "where"), sockets),
        _table(f"Views of the project; {others} more of packages", ("paths", "view", "kind", "where"), views),
        _table("Middlewares", ("name", "async", "hops under ASGI"), layers),
        _list(f"Not looked at: {one}" for one in report["skipped"]),
    ]


def _table(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    if not rows:
        return ""
    made = ""
    for row in rows:
        cells = (f'<td data-head="{escape(name)}">{escape(cell)}</td>' for name, cell in zip(head, row, strict=True))
        made += f"<tr>{''.join(cells)}</tr>"
    heads = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    return (
        f'<details class="box"><summary>{escape(title)} <span class="id">{len(rows)}</span></summary>'
        f'<div class="wide"><table><thead><tr>{heads}</tr></thead><tbody>{made}</tbody></table></div></details>'
    )
