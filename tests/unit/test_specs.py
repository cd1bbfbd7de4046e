"""Roles keep one shape: what they declare is what they have, and they know only themselves."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jinja2
import jinja2.meta
import jinja2.nodes
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
PLAYBOOKS = ROOT / "playbooks"
ROLES = sorted(path.name for path in (ROOT / "roles").iterdir() if path.is_dir())
# what Ansible itself brings into an expression
MAGIC = {"omit", "playbook_dir", "role_path", "lookup", "query", "now", "range", "dict", "namespace"}
BARE_EXPRESSIONS = {"when", "until", "changed_when", "failed_when", "that"}
# a registry stands in its own file only; its declaration names that file
REGISTRY = re.compile(r"_(default|base)$")


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


def defaults(role: str) -> dict[str, Any]:
    """Return the variables of defaults/main.yml and defaults/main/*.yml."""
    directory = ROOT / "roles" / role / "defaults"
    found: dict[str, Any] = {}
    for path in [directory / "main.yml", *sorted((directory / "main").glob("*.yml"))]:
        if path.exists():
            found |= load(path)
    return found


def options(role: str) -> dict[str, dict[str, Any]]:
    """Return the declared variables of all entry points."""
    entries = load(ROOT / "roles" / role / "meta" / "argument_specs.yml")["argument_specs"]
    return {name: option for entry in entries.values() for name, option in entry["options"].items()}


@pytest.mark.parametrize("role", ROLES)
def test_every_default_is_declared_and_every_declaration_has_its_default(role: str) -> None:
    declared = {name for name, option in options(role).items() if not option.get("required")}
    assert declared == set(defaults(role)) - {name for name, option in options(role).items() if option.get("required")}


@pytest.mark.parametrize("role", ROLES)
def test_declared_values_are_the_roles_own(role: str) -> None:
    values = defaults(role)
    declared = {name: option["default"] for name, option in options(role).items() if "default" in option}
    assert declared == {name: values[name] for name in declared}
    silent = {name for name, option in options(role).items() if "default" not in option and not option.get("required")}
    assert all(REGISTRY.search(name) for name in silent), silent


@pytest.mark.parametrize("role", ROLES)
def test_every_variable_is_explained_and_typed(role: str) -> None:
    assert [
        name for name, option in options(role).items() if not option.get("description") or "type" not in option
    ] == []


@pytest.mark.parametrize("role", ROLES)
def test_a_role_has_its_files(role: str) -> None:
    wanted = ["README.md", "meta/main.yml", "meta/argument_specs.yml", "tasks/main.yml", "defaults"]
    assert [name for name in wanted if not (ROOT / "roles" / role / name).exists()] == []


def expressions(value: Any, key: str = "") -> Iterator[str]:
    """Yield every text of a task file that Ansible would template."""
    if isinstance(value, dict):
        for name, part in value.items():
            yield from expressions(part, str(name))
    elif isinstance(value, list):
        for part in value:
            yield from expressions(part, key)
    elif isinstance(value, str):
        yield "{{ " + value + " }}" if key in BARE_EXPRESSIONS else value


def variables(text: str) -> set[str]:
    """Return the variables that a template reads and does not set itself."""
    environment = jinja2.Environment()  # only parses
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # a regular expression's \d in Jinja's quotes
        tree = environment.parse(text)
    environment.filters.update({node.name: str for node in tree.find_all(jinja2.nodes.Filter)})
    environment.tests.update({node.name: callable for node in tree.find_all(jinja2.nodes.Test)})
    return jinja2.meta.find_undeclared_variables(tree)


def foreign(role: str, path: Path) -> set[str]:
    """Return the variables of a file that are neither the role's nor Ansible's."""
    texts = [path.read_text()] if path.suffix == ".j2" else expressions(load(path))
    names = set().union(*(variables(text) for text in texts))
    own = re.compile(rf"(__)?{role}_\w+|ansible_\w+")
    return {name for name in names if not own.fullmatch(name)} - MAGIC


@pytest.mark.parametrize("role", ROLES)
def test_a_role_reads_only_its_own_variables(role: str) -> None:
    directory = ROOT / "roles" / role
    files = [
        path
        for part in ("tasks", "handlers", "vars", "defaults", "templates")
        for path in (directory / part).rglob("*")
        if path.is_file()
    ]
    strangers = {str(path.relative_to(directory)): foreign(role, path) for path in files}
    assert {path: names for path, names in strangers.items() if names} == {}


def test_a_foreign_variable_would_be_found(tmp_path: Path) -> None:
    task = {"name": "x", "ansible.builtin.debug": {"msg": "{{ host_app }}"}, "when": "server == 'x'"}
    (tmp_path / "main.yml").write_text(yaml.safe_dump([task]))
    assert foreign("nginx", tmp_path / "main.yml") == {"host_app", "server"}


def test_no_variable_of_a_role_is_unused() -> None:
    unused = []
    for role in ROLES:
        directory = ROOT / "roles" / role
        files = [*directory.rglob("*.yml"), *directory.rglob("*.j2"), *(ROOT / "playbooks").rglob("*.yml")]
        # its own default and its declaration are no use of it
        text = "\n".join(
            re.sub(r"^\s*[a-z_]+:", "", line)
            for path in files
            if path.name != "argument_specs.yml"
            for line in path.read_text().splitlines()
            if not line.lstrip().startswith("#")
        )
        unused += [name for name in defaults(role) if not re.search(rf"\b{name}\b", text)]
    assert unused == []


def test_no_task_template_or_playbook_names_an_engine() -> None:
    engines = load(ROOT / "roles/app_server/defaults/main/engines.yml")["app_server_engines_default"]
    files = [
        *(ROOT / "roles").glob("*/tasks/*.yml"),
        *(ROOT / "roles").glob("*/handlers/*.yml"),
        *(ROOT / "roles").glob("*/vars/*.yml"),
        *(ROOT / "templates").rglob("*.j2"),
        *(path for path in (ROOT / "playbooks").rglob("*") if path.is_file()),
    ]
    named = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in files
        for number, line in enumerate(path.read_text().splitlines(), 1)
        # an example of a command is no decision
        if re.search(rf"\b({'|'.join(engines)})\b", re.sub(r"server=\S+", "", line))
    ]
    assert named == []


SET_DEFAULT = re.compile(r"\{% set (\w+) = \1 \| default\((.+)\) %\}")


def test_what_a_template_assumes_alone_is_the_roles_default() -> None:
    environment = jinja2.Environment()
    wrong = []
    for path in sorted((ROOT / "templates").glob("*/*.j2")):
        role = path.parent.name
        known = {f"{role}_app": "demo"}
        for name, expression in SET_DEFAULT.findall(path.read_text()):
            assumed = environment.compile_expression(expression)(**known)
            default = defaults(role)[name]
            if isinstance(default, str):
                default = environment.from_string(default).render(**known)
            if assumed != default:
                wrong.append(f"{path.name}: {name} is {assumed!r} there and {default!r} in the role")
    assert wrong == []


def test_one_address_cannot_hold_every_thread() -> None:
    """Two processes are the fewest that a deploy starts by itself."""
    engines = defaults("app_server")["app_server_engines_default"]
    threads = {name: entry["tuning"]["threads"] for name, entry in engines.items() if "threads" in entry["tuning"]}
    assert threads
    for name, number in threads.items():
        assert 2 * number > defaults("nginx")["nginx_requests_per_address"], name


def test_no_filter_whose_order_changes_from_run_to_run() -> None:
    """Ansible's set filters give strings in the order of their hashes: a release would get another name in each run."""
    files = [
        path for name in ("roles", "playbooks", "templates") for path in (ROOT / name).rglob("*") if path.is_file()
    ]
    named = re.compile(r"\|\s*(difference|union|intersect|symmetric_difference)\b")
    found = [f"{path.relative_to(ROOT)}: {match[0]}" for path in files for match in named.finditer(path.read_text())]
    assert found == []


def recursive(tasks: Any) -> Iterator[dict[str, Any]]:
    """Yield the options of every task that changes owners or modes of all files below a directory."""
    for task in tasks or []:
        for part in ("block", "rescue", "always"):
            yield from recursive(task.get(part))
        if task.get("ansible.builtin.file", {}).get("recurse"):
            yield task["ansible.builtin.file"]


def test_nobody_is_given_what_an_app_has_linked_to() -> None:
    """Ansible changes a link's target, such as /etc/passwd, unless it is told not to."""
    files = [path for name in ("roles", "playbooks") for path in (ROOT / name).rglob("tasks/*.yml")]
    found = [options for path in files for options in recursive(load(path))]
    # what the file module cannot choose by its kind, find does
    given = [line for path in files for line in path.read_text().splitlines() if "'chown'" in line]
    assert len(found) + len(given) >= 5
    assert [options["path"] for options in found if options.get("follow") is not False] == []
    assert [line for line in given if "'chown', '--no-dereference'" not in line] == []


def parts(tasks: Any) -> Iterator[dict[str, Any]]:
    """Yield every task of a file, those of blocks, too."""
    for task in tasks or []:
        yield task
        for part in ("block", "rescue", "always"):
            yield from parts(task.get(part))


def overruled(tasks: list[dict[str, Any]], facts: set[str]) -> list[str]:
    """Return the variables of imported roles that Ansible would take from a fact instead."""
    kinds = ("ansible.builtin.import_role", "ansible.builtin.import_tasks")
    return [
        f"{task['name']}: {name}"
        for task in tasks
        if any(kind in task for kind in kinds)
        for name in task.get("vars", {})
        if name in facts
    ]


def test_no_import_is_given_what_a_fact_overrules() -> None:
    """A fact counts more than the variables of an import, though not of an include: another release would go."""
    files = [path for name in ("roles", "playbooks") for path in (ROOT / name).rglob("tasks/*.yml")]
    tasks = [task for path in files for task in parts(load(path))]
    plays = [play for path in (ROOT / "playbooks").glob("*.yml") for play in load(path) if "tasks" in play]
    tasks += [task for play in plays for task in parts(play["tasks"])]
    facts = {name for task in tasks for name in task.get("ansible.builtin.set_fact", {})}
    facts |= {task["register"] for task in tasks if "register" in task}
    assert {"release_id", "__state"} <= facts
    assert overruled(tasks, facts) == []


def imported(path: Path) -> set[str]:
    """Return the roles that a playbook or a file of tasks imports, whose variables all of the play then knows."""
    found = set()
    plays = load(path)
    for task in parts(
        [task for play in plays for task in play.get("tasks", [])] if path.parent == PLAYBOOKS else plays
    ):
        role = task.get("ansible.builtin.import_role", {})
        found |= {role["name"].rpartition(".")[2]} if role else set()
        if file := task.get("ansible.builtin.import_tasks"):
            found |= imported(path.parent / file)
    return found


@pytest.mark.parametrize("playbook", ["deploy.yml", "rollback.yml"])
def test_what_a_role_is_given_from_others_is_known_in_the_play(playbook: str) -> None:
    """A role's variable in the wiring is undefined where nothing imports that role; an include is no help."""
    wiring = load(PLAYBOOKS / "roles/wiring/vars/main.yml")
    given = " ".join(str(value) for key, value in wiring.items() if key.startswith(("app_server_", "release_")))
    needed = set()
    for role in ROLES:
        extra = ROOT / "roles" / role / "vars/main.yml"
        names = {*defaults(role), *(load(extra) or {} if extra.exists() else {})} - {*wiring}
        needed |= {role} if names & {*re.findall(r"\w+", given)} else set()
    known = imported(PLAYBOOKS / playbook)
    assert {"host", "redis"} <= needed
    assert needed - known == set()
