#!/usr/bin/env python3
"""Write the tables of the documentation from the data that the kit runs on.

tests/generate_docs.py           rewrites what stands between the markers <!-- table: NAME --> and <!-- end of table -->
tests/generate_docs.py --check   changes nothing; names what would change and exits with 1
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.asgiway.django.plugins.plugin_utils import guide
from ansible_collections.asgiway.django.plugins.plugin_utils.declaration import Word
from traffic.seen import Figures

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "doctor"))

from asgiway_doctor.catalogue import KINDS, SEVERITIES  # noqa: E402

MARKED = re.compile(r"(<!-- table: (\S+) -->\n).*?(<!-- end of table -->)", re.S)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table; a | inside of a cell is escaped."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)


def _load(path: str) -> Any:
    return yaml.safe_load((ROOT / path).read_text())


def _value(option: Mapping[str, Any]) -> str:
    """Return an option's default as YAML in one line."""
    if option.get("required"):
        return "required"
    if "default" not in option:
        return ""
    value = option["default"]
    text = value if isinstance(value, str) and value else json.dumps(value)
    return f"`{text}`"


def _kind(option: Mapping[str, Any]) -> str:
    if "choices" in option:
        return ", ".join(str(choice) for choice in option["choices"])
    elements = option.get("elements")
    return f"list of {elements}" if elements else str(option["type"])


def variables(role: str) -> str:
    """Return a role's variables with type, default and meaning."""
    entries = _load(f"roles/{role}/meta/argument_specs.yml")["argument_specs"].values()
    options = {name: option for entry in entries for name, option in entry["options"].items()}
    return table(
        ["variable", "type", "default", "meaning"],
        ([f"`{name}`", _kind(option), _value(option), option["description"]] for name, option in options.items()),
    )


def header(path: Path) -> dict[str, str]:
    """Return the parts of a template's first comment (Purpose, Inputs, perhaps Outside of the kit).

    Raises:
        ValueError: when it has no such comment.
    """
    found = re.search(r"\{#-? (Purpose:.*?)-?#\}", path.read_text(), re.S)
    if not found:
        raise ValueError(f"{path} has no comment with Purpose: and Inputs:")
    parts = re.split(r"(Purpose|Inputs|Outside of the kit):\s*", " ".join(found[1].split()))
    return {name: text.strip() for name, text in zip(parts[1::2], parts[2::2], strict=True)}


def templates() -> str:
    """Return all templates with purpose and inputs."""
    rows = []
    for path in sorted((ROOT / "templates").glob("*/*.j2")):
        parts = header(path)
        name = path.relative_to(ROOT / "templates").as_posix()
        rows.append([f"[{name}]({name})", parts["Purpose"], parts["Inputs"], parts.get("Outside of the kit", "")])
    return table(["file", "purpose", "inputs", "outside of the kit"], rows)


def _registry() -> tuple[dict[str, Any], dict[str, str]]:
    registry = _load("roles/app_server/defaults/main/engines.yml")
    return registry["app_server_engines_default"], registry["app_server_aliases_default"]


def servers() -> str:
    """Return what `server=` accepts: aliases, engines and the rule for pairs."""
    engines, aliases = _registry()

    def answers(names: Sequence[str]) -> list[str]:
        http, last = engines[names[0]], engines[names[-1]]
        websockets = names[-1] if last["interface"] == "asgi" else "no (501)"
        return [f"{names[0]} ({http['interface'].upper()})", websockets]

    rows = [[f"`{alias}`", *answers(names.split("+")), f"The same as `{names}`"] for alias, names in aliases.items()]
    rows += [[f"`{name}`", *answers([name]), engine["about"]] for name, engine in engines.items()]
    rows.append(["`A+B`", "A, a WSGI engine", "B, an ASGI engine", "Any pair of them; the async routes go to B"])
    return table(["`server=`", "pages", "WebSockets", ""], rows)


def engines() -> str:
    """Return what each engine is."""
    rows = []
    for name, engine in _registry()[0].items():
        facts, websockets = engine["facts"], engine["interface"] == "asgi"
        rows.append(
            [
                f"[{name}](#{name})",
                engine["interface"].upper(),
                "yes" if websockets else "no",
                "one per unit" if engine["scale"] == "instances" else "forked by one unit",
                f"{engine['close_code']} / {facts['stop']}" if websockets else "",
                facts["pings"],
                facts["message_limit"],
                facts["http2"],
                f"{facts['memory']} MiB",
                f"{facts['memory_websocket']} KiB" if websockets else "",
                facts["choose"],
            ]
        )
    head = ["engine", "interface", "WebSockets", "processes", "closes with, drained / stopped", "pings"]
    return table([*head, "largest message", "HTTP/2", "a process", "a WebSocket", "choose it when"], rows)


def paragraphs() -> str:
    """Return a section for each engine: what it is, how it is configured, and what to know of it."""
    parts = []
    for name, engine in _registry()[0].items():
        packages = ", ".join(f"`{package}`" for package in engine["packages"])
        numbers = "".join(f", `{word}` {number}" for word, number in engine["tuning"].items())
        parts.append(
            f"### {name}\n\n[{engine['about']}]({engine['docs']}). {engine['facts']['text']}\n\n"
            f"Packages {packages}; {engine['grace']} s for requests in flight at a stop{numbers}.\n"
        )
    return "\n" + "\n".join(parts) + "\n"


def own_engine() -> str:
    """Return the worked example of an engine from an inventory."""
    return f"```yaml\n{(ROOT / 'inventories/own_engine.yml').read_text()}```\n"


def matrix() -> str:
    """Return what the matrix found, server by server."""
    rows = []
    for run in _load("docs/matrix.json")["runs"]:
        figures = Figures(**run["figures"])
        host = f"Debian {run['versions']['Debian']}, {run['manager']}"
        versions = ", ".join(f"{name} {version}" for name, version in run["versions"].items() if name != "Debian")
        rows.append([f"`{run['server']}`", host, run["date"], *figures.cells()[1:6], f"{figures.gap:.2f} s", versions])
    head = ["server", "host", "date", *Figures.HEAD[1:6], "longest gap", "versions"]
    return table(head, rows)


def _declared(word: Word) -> list[str]:
    """Return name, default, what is allowed, meaning and example of a word or a variable."""
    default = "required" if word.required else "" if word.default is None else f"`{guide.written(word.default)}`"
    example = f"`{guide.written(word.example)}`" if word.example is not None else ""
    return [f"`{word.name}`", default, word.allowed, word.description, example]


def words() -> str:
    """Return the users' words, group by group."""
    known = guide.read_guide(ROOT)
    parts = []
    for head, names in known.spec.groups.items():
        rows = [_declared(known.spec.words[name]) for name in names]
        parts.append(f"### {head}\n\n{table(['word', 'default', 'allowed', 'meaning', 'example'], rows)}")
    return "\n" + "\n".join(parts) + "\n"


def role_variables() -> str:
    """Return the variables of all roles, those that an inventory may set first."""
    known = guide.read_guide(ROOT)
    parts = []
    for role, spec in known.roles.specs.items():
        free = [_declared(word) for name, word in spec.words.items() if name not in known.roles.wired]
        wired = [
            f"`{name}`" + (f" ({', '.join(f'`{source}`' for source in sources)})" if sources else "")
            for name, sources in known.roles.wired.items()
            if name in spec.words
        ]
        shown = table(["variable", "default", "allowed", "meaning", "example"], free)
        more = f"\nSet by the playbooks: {', '.join(wired)}.\n" if wired else ""
        parts.append(f"### {role}\n\n{shown}{more}")
    return "\n" + "\n".join(parts) + "\n"


def _seen_by_visitors(wanted: Callable[[str], bool], head: str, name: Callable[[Mapping[str, Any]], str]) -> str:
    """Return kept figures of the traffic tests, of the runs whose name is wanted."""
    runs = [run for run in _load("docs/traffic.json")["runs"] if wanted(run["what"])]
    rows = ([name(run), run["manager"], *Figures(**run["figures"]).cells()] for run in runs)
    return table([head, "under", *Figures.HEAD], rows)


def traffic() -> str:
    """Return what visitors saw of deploys in a row, per server and process manager."""
    return _seen_by_visitors(lambda what: what == "deploys", "server", lambda run: f"`{run['server']}`")


def events() -> str:
    """Return what visitors saw of everything else."""
    return _seen_by_visitors(lambda what: what != "deploys", "event", lambda run: str(run["what"]))


def findings() -> str:
    """Return all that the doctor can find, the worst first."""
    order = sorted(KINDS, key=lambda name: SEVERITIES.index(KINDS[name].severity))
    rows = ([f"`{name}`", KINDS[name].severity, KINDS[name].title, KINDS[name].fix] for name in order)
    return table(["finding", "severity", "what", "fix"], rows)


TABLES: dict[str, Callable[[], str]] = {
    "templates": templates,
    "servers": servers,
    "engines": engines,
    "paragraphs": paragraphs,
    "own_engine": own_engine,
    "matrix": matrix,
    "words": words,
    "role_variables": role_variables,
    "traffic": traffic,
    "events": events,
    "findings": findings,
}


def _table(name: str) -> str:
    kind, _, role = name.partition(":")
    return variables(role) if kind == "variables" else TABLES[kind]()


def documents() -> list[Path]:
    """Return every Markdown file that may hold a table."""
    return [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("templates/*.md"), *ROOT.glob("roles/*/README.md")]


def rendered(path: Path) -> str:
    """Return a document's text with its tables as the data wants them."""
    return MARKED.sub(lambda found: found[1] + _table(found[2]) + found[3], path.read_text())


def main(arguments: Sequence[str]) -> int:
    """Rewrite the documents, or with --check only name those that differ."""
    stale = [path for path in documents() if rendered(path) != path.read_text()]
    for path in stale:
        if "--check" in arguments:
            print(f"{path.relative_to(ROOT)} differs from the data; run tests/generate_docs.py")
        else:
            path.write_text(rendered(path))
            print(f"wrote {path.relative_to(ROOT)}")
    return 1 if stale and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
