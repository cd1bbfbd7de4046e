"""Where a project's dependencies stand, and what is chosen of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.asgiway.django.plugins.plugin_utils import dependencies, project

Make = Callable[[dict[str, str]], Path]


def asks(packages: Sequence[str], root: Path, **chosen: Any) -> bool:
    return dependencies.asks_for(packages, dependencies.find(root), **chosen)


def sentence(function: Callable[..., Any], *args: Any, **kwargs: Any) -> str:
    with pytest.raises(dependencies.ProjectError) as caught:
        function(*args, **kwargs)
    assert "\n" not in str(caught.value)
    return str(caught.value)


PYPROJECT = '[project]\nname = "shop"\ndependencies = [{}]\n'


@pytest.mark.parametrize(
    ("files", "kind", "file"),
    [
        ({"uv.lock": "", "pyproject.toml": "", "requirements.txt": ""}, "uv.lock", "uv.lock"),
        ({"uv.lock": "", "requirements.txt": ""}, "requirements", "requirements.txt"),
        ({"pylock.toml": "", "poetry.lock": "", "pyproject.toml": ""}, "pylock.toml", "pylock.toml"),
        ({"poetry.lock": "", "pyproject.toml": PYPROJECT, "requirements.txt": ""}, "poetry.lock", "poetry.lock"),
        ({"poetry.lock": "", "requirements.txt": ""}, "requirements", "requirements.txt"),
        ({"Pipfile": "", "Pipfile.lock": "{}", "requirements.txt": ""}, "Pipfile.lock", "Pipfile.lock"),
        (
            {"requirements/base.txt": "", "requirements/production.txt": ""},
            "requirements",
            "requirements/production.txt",
        ),
        ({"requirements/base.txt": "", "pyproject.toml": PYPROJECT}, "requirements", "requirements/base.txt"),
        ({"pyproject.toml": PYPROJECT.format("")}, "pyproject", "pyproject.toml"),
        ({"pyproject.toml": "[tool.ruff]\n"}, "none", ""),
        ({"pyproject.toml": "project = 1\n"}, "none", ""),
        ({}, "none", ""),
    ],
)
def test_the_source_of_requirements(make: Make, files: dict[str, str], kind: str, file: str) -> None:
    found = dependencies.find(make(files))
    assert (found.kind, found.file, found.directory) == (kind, file, "")


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"requirements.txt": "channels-redis==4.3\n"}, True),
        ({"requirements.txt": "Channels_Redis >= 4\n"}, True),
        ({"requirements.txt": "django\nchannels.redis[cryptography]~=4.0 ; python_version>'3'\n"}, True),
        (
            {
                "requirements.txt": "-r deep/more.txt\n",
                "deep/more.txt": "-r ../last.txt\n",
                "last.txt": "channels_redis",
            },
            True,
        ),
        ({"requirements.txt": "--requirement=more.txt\n", "more.txt": "channels_redis"}, True),
        ({"requirements.txt": "-r requirements.txt\nchannels[daphne]\n"}, False),
        ({"requirements.txt": "-r gone.txt\n"}, False),
        ({"requirements.txt": "-c more.txt\n", "more.txt": "channels-redis==4"}, False),
        ({"requirements.txt": "channels\nredis\n# channels-redis\ndjango  # no channels-redis\n"}, False),
        ({"requirements.txt": "my-channels-redis\nchannels-redis-extra\nchannels-rediss\n"}, False),
        ({"requirements.txt": "git+https://github.com/django/channels_redis@main\n"}, True),
        ({"pyproject.toml": PYPROJECT.format('"django", "channels_redis>=4"')}, True),
        ({"pyproject.toml": PYPROJECT.format('"django"') + "# channels-redis\n"}, False),
        ({"uv.lock": '[[package]]\nname = "channels-redis"\n', "pyproject.toml": ""}, True),
        ({"uv.lock": '[[package]]\nname = "channels"\n', "pyproject.toml": ""}, False),
        ({"pylock.toml": '[[packages]]\nname = "channels-redis"\n'}, True),
        ({"poetry.lock": '[[package]]\nname = "channels-redis"\n', "pyproject.toml": ""}, True),
        ({"Pipfile.lock": '{"default": {"Channels_Redis": {}}, "develop": {}}'}, True),
        ({"Pipfile.lock": '{"default": {}, "develop": {"channels-redis": {}}}'}, False),
        ({"Pipfile.lock": "[]"}, False),
    ],
)
def test_channels_redis(make: Make, files: dict[str, str], expected: bool) -> None:
    assert asks(project.CHANNELS_REDIS, make(files)) is expected


def test_what_the_user_installs_beside_it_counts(make: Make) -> None:
    root = make({"requirements.txt": "django\n"})
    assert asks(project.CHANNELS_REDIS, root, beside=["channels[daphne]", "Channels_Redis>=4"])
    assert not asks(project.CHANNELS_REDIS, root, beside=["channels[daphne]", "channels-redis-extra"])


@pytest.mark.parametrize(
    ("files", "expected", "pools"),
    [
        ({"requirements.txt": "psycopg[binary]>=3.2\n"}, True, True),
        ({"requirements.txt": "psycopg2-binary\n"}, True, False),
        ({"requirements.txt": "psycopg-pool\n"}, False, False),
        (
            {"pyproject.toml": PYPROJECT.format('"django", "psycopg2>=2.9"'), "uv.lock": 'name = "psycopg2"\n'},
            *(True, False),
        ),
        ({"pyproject.toml": PYPROJECT.format('"django"'), "uv.lock": 'name = "psycopg-pool"\n'}, False, False),
    ],
)
def test_a_driver_for_postgresql(make: Make, files: dict[str, str], expected: bool, pools: bool) -> None:
    assert asks(project.POSTGRESQL_DRIVERS, make(files)) is expected
    assert asks(project.POOLING_DRIVERS, make(files)) is pools


MEMBER = {"uv.lock": "", "pyproject.toml": "", "site/manage.py": ""}


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ({"site/requirements.txt": "", "uv.lock": "", "pyproject.toml": ""}, "requirements site/requirements.txt site"),
        ({"requirements.txt": ""}, "requirements requirements.txt "),
        (MEMBER, "uv.lock uv.lock "),
        ({**MEMBER, "site/pyproject.toml": ""}, "uv.lock uv.lock site"),  # a member of a workspace
    ],
)
def test_a_project_in_a_subdirectory(make: Make, files: dict[str, str], found: str) -> None:
    result = dependencies.find(make(files), "site")
    assert f"{result.kind} {result.file} {result.directory}" == found


@pytest.mark.parametrize(
    ("named", "found"),
    [
        ("requirements/live.txt", "requirements requirements/live.txt "),
        ("site/req.in", "requirements site/req.in site"),
        ("site/pyproject.toml", "pyproject site/pyproject.toml site"),
        ("pylock.live.toml", "pylock.toml pylock.live.toml "),
    ],
)
def test_a_named_file_wins(make: Make, named: str, found: str) -> None:
    result = dependencies.find(make({"uv.lock": "", "pyproject.toml": "", named: ""}), "site", named)
    assert f"{result.kind} {result.file} {result.directory}" == found


def test_what_cannot_be_installed_is_a_sentence(make: Make) -> None:
    root = make({"Pipfile": ""})
    assert sentence(dependencies.find, root) == f"{root}/Pipfile has no Pipfile.lock beside it; make one: pipenv lock"
    assert (
        sentence(dependencies.find, root, "", "gone.txt")
        == f"app_requirements is gone.txt, and {root} has no such file"
    )
    assert sentence(dependencies.find, root, "", "Pipfile") == (
        "app_requirements is Pipfile, which states no versions; name its lock, Pipfile.lock"
    )
    make({"Pipfile.lock": "{"})
    assert sentence(asks, ["x"], root).startswith(f"{root}/Pipfile.lock is not valid JSON: ")
    (root / "Pipfile.lock").unlink()
    (root / "Pipfile").unlink()
    make({"pyproject.toml": "[tool.poetry]\n"})
    assert sentence(dependencies.find, root) == f"{root} has no poetry.lock; make one: poetry lock"
    make({"pyproject.toml": "[project\n"})
    assert sentence(dependencies.find, root).startswith(f"{root}/pyproject.toml is not valid TOML: ")


CHOICES = """
[project]
name = "shop"
[project.optional-dependencies]
Live_Site = ["psycopg>=3"]
[dependency-groups]
prod = ["channels-redis", {include-group = "dev"}]
dev = []
"""
POETRY = "[tool.poetry.group.prod.dependencies]\n[tool.poetry.extras]\nlive = []\n"


@pytest.mark.parametrize(
    ("files", "extras", "groups"),
    [
        ({"pyproject.toml": CHOICES}, ["live-site"], ["prod", "dev"]),
        ({"pyproject.toml": CHOICES, "uv.lock": ""}, ["live-site"], ["prod"]),
        ({"pylock.toml": 'extras = ["live"]\ndependency-groups = ["prod"]\n'}, ["live"], ["prod"]),
        ({"pyproject.toml": POETRY, "poetry.lock": ""}, ["live"], ["prod"]),
        ({"Pipfile.lock": '{"_meta": {}, "default": {}, "develop": {}, "prod": {}}'}, [], ["prod", "dev-packages"]),
    ],
)
def test_extras_and_groups_that_are_there(
    make: Make, files: dict[str, str], extras: list[str], groups: list[str]
) -> None:
    found = dependencies.find(make(files))
    dependencies.check_choice(found, extras, groups)
    assert "app_extras holds gone; " in sentence(dependencies.check_choice, found, ["gone"], [])
    assert "app_dependency_groups holds _meta; " in sentence(dependencies.check_choice, found, [], ["_meta"])


def test_an_extra_that_is_not_there_names_those_that_are(make: Make) -> None:
    root = make({"pyproject.toml": CHOICES, "r/requirements.txt": ""})
    assert sentence(dependencies.check_choice, dependencies.find(root), [], ["production"]) == (
        "app_dependency_groups holds production; pyproject.toml has: dev, prod"
    )
    assert sentence(dependencies.check_choice, dependencies.find(root / "r"), ["live"], []) == (
        "app_extras holds live; requirements.txt has none, so leave it out"
    )
    assert sentence(project.inspect, str(root), "installed.settings", extras=["no"]) == (
        "app_extras holds no; pyproject.toml has: Live_Site"
    )


def test_what_is_chosen_is_asked_for(make: Make) -> None:
    root = make({"pyproject.toml": CHOICES})
    assert not asks(project.POSTGRESQL_DRIVERS, root)
    assert asks(project.POSTGRESQL_DRIVERS, root, extras=["live.site"])
    assert not asks(project.CHANNELS_REDIS, root)
    assert asks(project.CHANNELS_REDIS, root, groups=["prod"])
    lock = make({"Pipfile.lock": '{"default": {}, "prod": {"channels-redis": {}}}'})
    (lock / "pyproject.toml").unlink()
    assert asks(project.CHANNELS_REDIS, lock, groups=["prod"])
