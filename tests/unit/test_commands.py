"""The project's own commands: what may be said, when each is run, and what a failure says."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import tools
import yaml
from ansible_collections.asgiway.django.plugins.plugin_utils import commands, words

WORD = words.Word(
    "app_build_commands", "list", elements="raw", pattern=r"\S.*", meaning="a command such as npm run build"
)


def test_every_moment_is_offered_and_used() -> None:
    texts = "".join(
        path.read_text()
        for place in ("roles/release/tasks", "roles/release/vars", "playbooks/tasks")
        for path in (tools.ROOT / place).glob("*.yml")
    )
    assert set(re.findall(r"commands_at\('(\w+)'\)", texts)) == set(commands.MOMENTS)
    meta = yaml.safe_load((tools.ROOT / "playbooks/deploy.meta.yml").read_text())
    said = meta["argument_specs"]["main"]["options"]["app_build_commands"]["description"]
    assert [moment for moment in commands.MOMENTS if moment not in said] == []


def test_commands_keep_their_order_and_text_is_for_the_usual_moment() -> None:
    said = [{"run": "a", "when": "before_static"}, "b", {"run": "c", "when": "after_switch"}, {"run": "d"}]
    assert commands.commands_at(said, "before_static") == ["a", "b", "d"]
    assert commands.commands_at(said, "after_switch") == ["c"]
    assert commands.commands_at(said, "after_migrate") == []
    assert words.cast(WORD, said) == said
    with pytest.raises(ValueError, match="is no moment of a deploy"):
        commands.commands_at(said, "sometimes")


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        (
            {"run": "a", "when": "after_swich"},
            "app_build_commands holds a command with when: after_swich; did you mean after_switch? One of:"
            " before_packages, before_static, after_static, before_migrate, after_migrate, after_switch.",
        ),
        ({"run": "a", "when": ["x"]}, "app_build_commands holds a command with when: a list; one of: before_packages,"),
        ({"run": "a", "whn": "x"}, "app_build_commands holds a command with the key whn; did you mean when?"),
        ({"run": "a", "shell": 1}, "app_build_commands holds a command with the key shell; the keys are run and when."),
        (
            {"when": "after_switch"},
            "app_build_commands holds a dictionary; run must be there, and be the command as text.",
        ),
        ({"run": " a"}, "app_build_commands holds a dictionary; it must be a command such as npm run build."),
        ({"run": "a\nb"}, "app_build_commands holds a dictionary; it must be one line of text"),
        (["a"], "app_build_commands holds a list; each element must be text"),
    ],
)
def test_a_command_that_cannot_be_is_refused_with_a_sentence(entry: Any, sentence: str) -> None:
    with pytest.raises(words.WordsError) as caught:
        words.cast(WORD, ["good", entry])
    assert str(caught.value).startswith(sentence)


def deploy_step(tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a program of the runtime as a deploy does, with settings of a project without a database."""
    (tmp_path / "theirs.py").write_text("SECRET_KEY = 'theirs'\n")
    environment = {
        "PATH": "/usr/bin:/bin",
        "PYTHONPATH": f"{tmp_path}:{tools.ROOT / 'runtime'}",
        "PYTHONDONTWRITEBYTECODE": "1",
        "DJANGO_SETTINGS_MODULE": "theirs",
    }
    argv = [str(tools.django_python()), "-m", *arguments]
    return subprocess.run(argv, env=environment, cwd=tmp_path, capture_output=True, text=True)


def test_commands_run_around_the_step_with_the_releases_python_first(tmp_path: Path) -> None:
    log = "echo {} $(command -v python) >> log"
    done = deploy_step(
        tmp_path,
        "asgiway_runtime.migrate",
        "5",
        *(f"--before={log.format(name)}" for name in "ab"),
        "--after=cp log after",
    )
    assert done.returncode == 0, done.stderr
    python = Path(tools.django_python()).parent / "python"
    assert (tmp_path / "after").read_text().split() == ["a", str(python), "b", str(python)]
    done = deploy_step(tmp_path, "asgiway_runtime.check", "--collect", "--after=touch collected")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "collected").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ("asgiway_runtime.migrate", "5", "--before=echo the reason; exit 3", "--after=touch after"),
        ("asgiway_runtime.migrate", "5", "--after=echo the reason; exit 3", "--after=touch after"),
        ("asgiway_runtime.check", "--collect", "--after=echo the reason; exit 3", "--after=touch after"),
    ],
)
def test_the_first_that_fails_stops_the_step_and_its_reason_is_where_a_deploy_looks(
    tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    done = deploy_step(tmp_path, *arguments)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-2:] == ["the reason", "ended with 3: echo the reason; exit 3"]
    assert not (tmp_path / "after").exists()
