"""What `./asgiway help` says of words, variables of roles and commands, as plain text. No Ansible in here.

python -m ansible_collections.asgiway.django.plugins.plugin_utils.guide [WORD|COMMAND]
"""

from __future__ import annotations

import json
import re
import shutil
import sys
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.asgiway.django.plugins.plugin_utils.declaration import Spec, Word, WordsError, parse_spec
from ansible_collections.asgiway.django.plugins.plugin_utils.role_specs import Roles, read_roles
from ansible_collections.asgiway.django.plugins.plugin_utils.spelling import suggest
from ansible_collections.asgiway.django.plugins.plugin_utils.values import show

ROOT = Path(__file__).resolve().parents[2]
# commands that are no playbooks
OTHER = {"test": "The kit's own suite: ./asgiway test [TIER ...] [--server NAME]. --help lists the tiers."}
WIDEST = 110
KINDS = {
    "str": "text",
    "path": "a path",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "list": "a list",
    "dict": "a dictionary",
    "raw": "anything",
}


@dataclass(frozen=True)
class Guide:
    """All that can be asked for."""

    spec: Spec
    roles: Roles
    commands: Mapping[str, str]  # name -> what it does
    servers: Mapping[str, str]  # server word -> what it is


def read_guide(root: Path = ROOT) -> Guide:
    """Read the declarations of a checkout, or of the collection.

    Raises:
        WordsError: when they cannot be read.
    """
    spec = parse_spec(yaml.safe_load((root / "playbooks/deploy.meta.yml").read_text("utf-8")))
    roles = read_roles(str(root / "roles"), str(root / "playbooks"), spec.words)
    playbooks = {
        path.stem: _purpose(path) for path in sorted((root / "playbooks").glob("*.yml")) if "." not in path.stem
    }
    registry = yaml.safe_load((root / "roles/app_server/defaults/main/engines.yml").read_text("utf-8"))
    servers = {alias: f"the same as {names}" for alias, names in registry["app_server_aliases_default"].items()}
    servers |= {name: str(entry["about"]) for name, entry in registry["app_server_engines_default"].items()}
    servers["A+B"] = "A, an engine of WSGI, answers HTTP; B, one of ASGI, WebSockets and the async routes"
    return Guide(spec, roles, playbooks | (OTHER if (root / "tests/run").exists() else {}), servers)


def _purpose(path: Path) -> str:
    """Return what the comment at the top of a playbook says, line by line."""
    comment = re.match(r"---\n((?:#.*\n)*)", path.read_text("utf-8"))
    return re.sub(r"^# ?", "", comment[1], flags=re.M).rstrip("\n") if comment else ""


def _first(text: str) -> str:
    """Return the first sentence."""
    return re.split(r"[.:;](?:\s|$)", " ".join(text.split()))[0]


def answer(asked: str, guide: Guide, width: int) -> str:
    """Return the text about a word, a variable or a command, or about all of them when nothing is asked.

    Raises:
        WordsError: when there is no such name.
    """
    if not asked:
        return _overview(guide, width)
    both = {**guide.spec.words, **guide.roles.variables}
    new = {**guide.roles.renamed, **guide.spec.renamed}.get(asked)
    if new:
        return f"{asked} is now called {new}.\n\n" + answer(new, guide, width)
    if asked in both:
        return _about_word(both[asked], guide, width)
    if asked in guide.commands:
        return _about_command(asked, guide, width)
    roles = [role for role in guide.roles.specs if asked == role]
    if roles:
        return _list(f"Variables of the role {asked}", guide.roles.specs[asked].words.values(), width)
    near = suggest(asked, [*both, *guide.commands], 0.6)
    meant = (
        f"; did you mean {near}? Try: ./asgiway help {near}"
        if near
        else ". ./asgiway help lists all words and commands"
    )
    raise WordsError(f"{show(asked)} is neither a word, nor a variable of a role, nor a command{meant}")


def _overview(guide: Guide, width: int) -> str:
    parts = ["Commands: ./asgiway COMMAND [-e WORD=VALUE ...] [options of ansible-playbook]\n"]
    parts += [_entry(name, _first(text), width) for name, text in guide.commands.items()]
    for head, names in guide.spec.groups.items():
        parts.append(
            "\n"
            + _list(f"{head}: words, with -e or in the inventory", [guide.spec.words[name] for name in names], width)
        )
    parts.append(f"\nVariables of the roles: ./asgiway help ROLE, which is one of {', '.join(guide.roles.specs)}\n")
    parts.append("One of them: ./asgiway help NAME, such as ./asgiway help server\n")
    return "".join(parts)


def _list(head: str, words: Any, width: int) -> str:
    return f"{head}\n" + "".join(_entry(word.name, _first(word.description), width) for word in words)


def _entry(name: str, text: str, width: int, indent: int = 22) -> str:
    """Return a name and its text beside it, or below it where the name is too long."""
    if len(name) > indent - 4:
        return (
            f"  {name}\n"
            + textwrap.fill(text, width, initial_indent=" " * indent, subsequent_indent=" " * indent)
            + "\n"
        )
    return textwrap.fill(text, width, initial_indent=f"  {name:{indent - 2}}", subsequent_indent=" " * indent) + "\n"


def written(value: Any) -> str:
    """Write a default or an example: text as it is, anything else as JSON, which is YAML too."""
    return value if isinstance(value, str) and value else json.dumps(value)


def _about_word(word: Word, guide: Guide, width: int) -> str:
    role = next((role for role, spec in guide.roles.specs.items() if word.name in spec.words), "")
    parts = [f"{word.name}: {KINDS[word.type]}, {f'a variable of the role {role}' if role else 'a word'}\n\n"]
    parts += [textwrap.fill(word.description, width, initial_indent="  ", subsequent_indent="  ") + "\n\n"]
    # what is typed is not wrapped
    parts += [
        f"  {name:10}{text}\n" if name in ("example", "") else _entry(name, text, width, 12)
        for name, text in _facts(word, guide, role)
    ]
    if word.name == "server":
        parts += ["\n", *(_entry(name, text, width) for name, text in guide.servers.items())]
        parts.append("\n" + textwrap.fill("More about each: docs/servers.md", width, initial_indent="  ") + "\n")
    return "".join(parts)


def _facts(word: Word, guide: Guide, role: str) -> list[tuple[str, str]]:
    facts = [("default", "none, it must be given" if word.required else "")]
    if not word.required:
        facts = [
            ("default", "none" if word.default is None else "empty" if word.default == "" else written(word.default))
        ]
    allowed = "see below" if word.name == "server" else word.allowed
    facts.append(("allowed", allowed))
    if word.secret:
        facts.append(("secret", "it is never shown; keep it in a vault"))
    if word.only:
        facts.append(("only for", f"./asgiway {word.only}"))
    if word.name in guide.roles.wired:
        sources = " and ".join(guide.roles.wired[word.name])
        facts.append(
            (
                "set it",
                f"with {sources}: the playbooks make it from that" if sources else "not at all: the playbooks do",
            )
        )
        return facts
    facts.append(("set it", "with -e, or in the inventory under the same name"))
    if word.example is not None:
        typed = isinstance(word.example, (list, dict)) or (role and isinstance(word.example, bool))
        option = f"'{json.dumps({word.name: word.example})}'" if typed else f"{word.name}={written(word.example)}"
        facts.append(("example", f"./asgiway {word.only or 'deploy'} -e {option}"))
        facts.append(("", f"{word.name}: {written(word.example)}"))
    return facts


def _about_command(name: str, guide: Guide, width: int) -> str:
    text = textwrap.indent(guide.commands[name], "  ")
    only = [word.name for word in guide.spec.words.values() if word.only == name]
    more = f"\n  Words of its own: {', '.join(only)}\n" if only else ""
    usage = f"\n  ./asgiway {name} -i INVENTORY [-e WORD=VALUE ...] [options of ansible-playbook]\n"
    if "./asgiway " in guide.commands[name]:  # what types the command says it better
        usage = ""
    return f"{name}: a command\n\n{text}\n{usage}{more}"


def main(arguments: Sequence[str]) -> int:
    """Print the answer, wrapped to the terminal; 2 when there is no such name."""
    width = min(shutil.get_terminal_size((80, 24)).columns, WIDEST)
    try:
        print(answer(arguments[0] if arguments else "", read_guide(), width), end="")
    except WordsError as error:
        print(f"asgiway: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
