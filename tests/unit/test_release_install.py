"""What a build runs for each kind of dependencies: the role's own tasks, templated by Ansible."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar

ROLE = Path(__file__).resolve().parents[2] / "roles/release"
LOADER = DataLoader()
HOME = "/srv/shop/releases/0123456789ab"
BUILD = [f"{HOME}/launch", "-l", "/run/lock/shop.busy", f"{HOME}/build.env", "/opt/asgiway/bin/uv"]
PYTHON = ["--quiet", "--python", f"{HOME}/venv/bin/python", "--compile-bytecode"]
ENGINE = ["gunicorn>=23"]
CHECK = "Collect the static files, and check the release with its own Python"
COMMANDS = [
    "npm ci",
    {"run": "a b", "when": "after_static"},
    {"run": "c", "when": "after_static"},
    {"run": "d", "when": "before_migrate"},
    {"run": "e", "when": "after_migrate"},
]


def read(name: str) -> Any:
    return LOADER.load_from_file(str(ROLE / name), trusted_as_template=True)


def run(file: str, task: str, kind: str, venv: str = "", **chosen: Any) -> dict[str, Any]:
    """Return the options of a task's command; {} when it is skipped."""
    (found,) = [each for each in read(f"tasks/{file}.yml") if each["name"] == task]
    requirements = {"kind": kind, "path": "", "directory": "", "extras": [], "groups": []} | chosen
    variables = read("vars/main.yml") | {
        "release_root": "/srv/shop",
        "release_id": "0123456789ab",
        "release_user": "shop",
        "release_busy_file": "/run/lock/shop.busy",
        "release_tools_dir": "/opt/asgiway",
        "release_python": "/usr/bin/python3",
        "release_venv": venv,
        "release_directory": "backend",
        "release_packages": ENGINE,
        "release_requirements": requirements,
        "__release_command": "npm run 'all'",
    }
    templar = Templar(loader=LOADER, variables=variables | found.get("vars", {}))
    if "when" in found and not templar.evaluate_conditional(found["when"]):
        return {}
    command = found.get("ansible.builtin.command", {})
    return (
        {"argv": templar.template(command["argv"]), "chdir": templar.template(command.get("chdir", ""))}
        if command
        else {"": 1}
    )


@pytest.mark.parametrize(
    ("kind", "chosen", "expected"),
    [
        ("none", {}, ["pip", "install", *PYTHON, "django", *ENGINE]),
        ("requirements", {"path": "r/live.txt"}, ["pip", "install", *PYTHON, "-r", f"{HOME}/src/r/live.txt", *ENGINE]),
        (
            "pyproject",
            {"path": "pyproject.toml", "extras": ["a", "b"], "groups": ["live"]},
            [
                *("pip", "install", *PYTHON, "-r", f"{HOME}/src/pyproject.toml"),
                *("--extra=a", "--extra=b", "--group=live", *ENGINE),
            ],
        ),
        ("uv.lock", {"groups": ["live"]}, ["sync", "--frozen", *PYTHON, "--no-dev", "--group=live"]),
        ("uv.lock", {"groups": ["dev"], "extras": ["a"]}, ["sync", "--frozen", *PYTHON, "--extra=a", "--group=dev"]),
        (
            "pylock.toml",
            {"path": "pylock.toml", "extras": ["a"]},
            ["pip", "install", *PYTHON, "--preview-features", "pylock", "-r", f"{HOME}/src/pylock.toml", "--extra=a"],
        ),
        ("poetry.lock", {"groups": ["live"]}, ["pip", "install", *PYTHON, "-r", "-", *ENGINE]),
        ("Pipfile.lock", {}, ["pip", "install", *PYTHON, "-r", "-", *ENGINE]),
        (
            "wheel",
            {"path": "s-1-py3-none-any.whl", "extras": ["a", "b"]},
            ["pip", "install", *PYTHON, f"{HOME}/src/s-1-py3-none-any.whl[a,b]", *ENGINE],
        ),
    ],
)
def test_the_projects_packages(kind: str, chosen: dict[str, Any], expected: list[str]) -> None:
    done = run("build_packages", "Install the project's packages", kind, directory="backend", **chosen)
    assert done == {"argv": [*BUILD, *expected], "chdir": f"{HOME}/src/backend"}


def test_packages_that_releases_share_are_installed_where_they_stay() -> None:
    """Programs name the Python of their first line by its path, so it must be none of a release."""
    shared = "/srv/shop/venvs/535c94a45c6e"
    made = run("build_packages", "Make the virtual environment", "requirements", venv="535c94a45c6e")
    assert made["argv"][-1] == shared
    for file, task in (
        ("build_packages", "Install the project's packages"),
        ("build_engine", "See what the lock has put there"),
        ("build_engine", "Add the engine without a change of the project's own versions"),
    ):
        argv = run(file, task, "uv.lock", venv="535c94a45c6e")["argv"]
        assert argv[argv.index("--python") + 1] == f"{shared}/bin/python"


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("poetry.lock", ["poetry", "export", "--no-ansi", "--only=main,live,x", "--extras=a"]),
        ("Pipfile.lock", ["pipenv", "requirements", "--hash", "--categories=packages,live,x"]),
    ],
)
def test_a_lock_that_uv_does_not_read_is_read_by_its_own_tool(kind: str, expected: list[str]) -> None:
    argv = run("build_packages", "Read the project's lock", kind, groups=["live", "x"], extras=["a"])["argv"]
    assert argv[: len(BUILD) + 2] == [*BUILD, "tool", "run"]
    assert argv[-len(expected) :] == expected
    assert [part for part in argv if part.startswith(expected[0]) and "==" in part], "its version is not pinned"


@pytest.mark.parametrize("kind", ["uv.lock", "pylock.toml", "requirements", "none"])
def test_only_what_needs_it_is_read_first(kind: str) -> None:
    assert run("build_packages", "Read the project's lock", kind) == {}


@pytest.mark.parametrize(
    ("kind", "alone"), [("uv.lock", True), ("pylock.toml", True), ("poetry.lock", False), ("wheel", False)]
)
def test_the_engine_comes_in_a_step_of_its_own_where_uv_takes_a_lock_alone(kind: str, alone: bool) -> None:
    assert bool(run("build_packages", "Add the engine to what a lock has put there", kind)) is alone
    argv = run("build_engine", "Add the engine without a change of the project's own versions", kind)["argv"]
    assert argv == [*BUILD, "pip", "install", *PYTHON, "-c", "-", *ENGINE]


def test_a_command_of_the_projects_runs_as_the_app_with_both_environments() -> None:
    done = run("build_commands", "Run the project's own commands", "none")
    assert done["chdir"] == f"{HOME}/src/backend"
    launch = f"{HOME}/launch"
    assert done["argv"][:8] == [*BUILD[:4], launch, "-u", "shop", f"{HOME}/env"]
    assert done["argv"][9].startswith(f"PATH={HOME}/venv/bin:")
    assert done["argv"][-1] == "npm run 'all'"


def told(place: Path, commands: list[Any], databases_own: bool) -> dict[str, list[str]]:
    """Return what the programs of the runtime are given.

    In a process of its own, for the collection's filters: Ansible's loader of collections stays in a process.
    """
    place.mkdir()
    check = next(task for task in yaml.safe_load((ROLE / "tasks/check.yml").read_text()) if task["name"] == CHECK)
    (block,) = yaml.safe_load((ROLE / "tasks/migrate.yml").read_text())
    seen = [
        {
            "name": name,
            "ansible.builtin.copy": {
                "content": f"{{{{ {name} | to_json }}}}",
                "dest": f"{place}/{name}",
                "mode": "0600",
            },
            "vars": {name: task["ansible.builtin.command"]["argv"]},
        }
        for name, task in (("check", check), ("migrate", block["block"][0]))
    ]
    variables = yaml.safe_load((ROLE / "vars/main.yml").read_text()) | {
        "__release_python": ["python"],
        "release_build_commands": commands,
        "release_migrate_lock_seconds": 5,
        "release_migrate_databases": ["default"],
        "release_databases_own": databases_own,
        "release_running": True,
        "release_breaking_migrations": "refuse",
    }
    play = {"hosts": "localhost", "connection": "local", "gather_facts": False, "vars": variables, "tasks": seen}
    (place / "play.yml").write_text(yaml.safe_dump([play]))
    subprocess.run(
        ["ansible-playbook", "-i", "localhost,", place / "play.yml"],
        env={**os.environ, "ANSIBLE_CONFIG": str(ROLE.parents[1] / "ansible.cfg")},
        check=True,
    )
    return {name: json.loads((place / name).read_text()) for name in ("check", "migrate")}


def test_programs_of_the_runtime_are_told_the_commands_around_them(tmp_path: Path) -> None:
    with_commands = told(tmp_path / "commands", COMMANDS, databases_own=False)
    check = ["python", "-m", "asgiway_runtime.check", "--collect"]
    migrate = ["python", "-m", "asgiway_runtime.migrate", "5", "--database=default"]
    assert with_commands["check"] == [*check, "--after=a b", "--after=c"], "what comes before a migration must come"
    assert with_commands["migrate"] == [*migrate, "--before=d", "--after=e", "--running", "--breaking=refuse"]
    assert told(tmp_path / "none", [], databases_own=False)["check"] == [*check, "--migrate", "5", "--database=default"]
    own = told(tmp_path / "own", [], databases_own=True)
    assert own["check"] == check, "a database must be known as the app's own before anything is written to it"
    assert own["migrate"] == [*migrate, "--own", "--running", "--breaking=refuse"]


def test_a_release_is_whole_by_its_record_and_without_what_the_build_alone_needed() -> None:
    (task,) = read("tasks/whole.yml")
    variables = read("vars/main.yml") | {
        "release_root": "/srv/shop",
        "release_id": "0123456789ab",
        "release_server": "hybrid",
        "release_source": {"id": "abc"},
        "release_venv": "fedcba987654",
        "release_groups": [{"name": "wsgi"}],
        "release_connections": "4",
        "release_routes": {"prefixes": ["/ws/"]},
        "ansible_facts": {"python_version": "3.13.5"},
    }

    def whole(routes_auto: bool) -> tuple[dict[str, Any], list[str], str]:
        templar = Templar(loader=LOADER, variables=variables | {"release_routes_auto": routes_auto})
        done = templar.template(task["asgiway.django.files"])
        (file,) = done["files"]
        return json.loads(file["content"]), done["absent"], f"{done['directory']} {file['name']} {file['mode']}"

    record, absent, place = whole(routes_auto=False)
    assert place == f"/ {HOME}/release.json 0644"
    assert absent == [f"{HOME}/venv/.lock", f"{HOME}/build.env"], "it may have an index's password"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", record.pop("created"))
    assert record == {
        "id": "0123456789ab",
        "server": "hybrid",
        "source": "abc",
        "python": "3.13.5",
        "venv": "fedcba987654",
        "groups": [{"name": "wsgi"}],
        "connections": 4,
    }
    assert whole(routes_auto=True)[0]["routes"] == {"prefixes": ["/ws/"]}


def test_what_a_project_prints_is_not_taken_for_the_answer_to_the_gate() -> None:
    answer = {"release": "0123456789ab", "websocket_path": "/ws/"}
    for lines, expected in (
        (["answer: 42", f"answer: {json.dumps(answer)}", "django_checks: fine"], answer),
        (["answer: 42"], {}),
    ):
        variables = read("vars/main.yml") | {"release_checked": {"stdout_lines": lines}}
        assert Templar(loader=LOADER, variables=variables).template(variables["release_answer"]) == expected
    assert Templar(loader=LOADER, variables=read("vars/main.yml")).template(variables["release_answer"]) == {}


def test_a_command_after_the_switch_runs_as_the_app_without_the_builds_environment() -> None:
    done = run("after_switch", "Run the project's own commands after the switch", "none")
    assert done["chdir"] == f"{HOME}/src/backend"
    assert done["argv"][:6] == [*BUILD[:3], "-u", "shop", f"{HOME}/env"]
    assert done["argv"][7].startswith(f"PATH={HOME}/venv/bin:")
    assert done["argv"][-1] == "npm run 'all'"


def test_the_app_may_write_into_its_packages_directories_and_not_into_files_that_other_releases_share(
    tmp_path: Path,
) -> None:
    home, cache = tmp_path / "release", tmp_path / "cache.py"
    cache.touch()
    for path in ("src/backend/manage.py", "venv/lib/shop/locale/de.po"):
        (home / path).parent.mkdir(parents=True)
        (home / path).touch()
    (home / "venv/lib/shop/shared.py").hardlink_to(cache)
    (home / "venv/lib64").symlink_to("lib")
    (home / "src/outside").symlink_to(tmp_path)
    (home / "static").mkdir()
    argv = run("build_commands", "Lend the source and its packages' directories to the app's user", "none")["argv"]
    shown = [part.replace(HOME, str(home)) for part in argv[: argv.index("-exec")]]
    assert argv[len(shown) :] == ["-exec", "chown", "--no-dereference", "shop", "{}", "+"]
    lent = subprocess.run([*shown, "-print"], capture_output=True, text=True, check=True).stdout.split()
    assert sorted(str(Path(path).relative_to(home)) for path in lent) == [
        *("src", "src/backend", "src/backend/manage.py", "src/outside"),
        *("venv", "venv/lib", "venv/lib/shop", "venv/lib/shop/locale"),
    ]
    back = run("build_commands", "Take its packages back from the app's user", "none")["argv"]
    assert back[1:6] == [HOME, "-path", f"{HOME}/venv*", "-user", "shop"]
    assert back[6:] == ["-exec", "chown", "--no-dereference", "root:root", "{}", "+"]
