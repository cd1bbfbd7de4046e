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


def same(root: Path, **options: Any) -> str:
    return dependencies.identity(dependencies.find(root, options.pop("subdirectory", "")), **options)


PINNED = "django==5.2.8 \\\n    --hash=sha256:ab12\nchannels[daphne]>=4 ; python_version > '3'  # ./not\n"
LOCKS = {
    "uv.lock": ('source = { virtual = "." }\n', 'source = { editable = "." }\n'),
    "pylock.toml": ('[[packages]]\nname = "django"\n', '[[packages]]\n[packages.directory]\npath = "."\n'),
    "poetry.lock": ('[[package]]\nname = "django"\n', '[package.source]\ntype = "directory"\nurl = "libs/money"\n'),
    "Pipfile.lock": ('{"default": {"django": {}}}', '{"default": {"money": {"path": "./libs/money"}}}'),
    "pyproject.toml": (PYPROJECT.format('"django"'), PYPROJECT.format('"money @ file:libs/money"')),
}


@pytest.mark.parametrize("lock", LOCKS)
def test_the_same_lock_means_the_same_packages_unless_one_lies_in_the_source(make: Make, lock: str) -> None:
    beside = {} if lock == "pyproject.toml" else {"pyproject.toml": PYPROJECT.format("")}
    away, inside = LOCKS[lock]
    first = same(make({**beside, lock: away, "shop/views.py": "1"}))
    assert len(first) == 64
    assert same(make({**beside, lock: away, "shop/views.py": "2"})) == first
    assert same(make({**beside, lock: away.replace("django", "djangoo") + "\n"})) != first
    assert same(make({**beside, lock: inside})) == ""


def test_what_is_read_with_a_lock_counts(make: Make) -> None:
    files = {"uv.lock": "", "pyproject.toml": PYPROJECT.format("")}
    assert same(make(files)) != same(make({**files, "pyproject.toml": "[tool.uv]\ndefault-groups = []\n"}))


def test_a_project_whose_dependencies_are_worked_out_has_packages_of_its_own(make: Make) -> None:
    assert same(make({"pyproject.toml": '[project]\nname = "shop"\ndynamic = ["version",\n  "dependencies"]\n'})) == ""
    assert same(make({"pyproject.toml": '[project]\nname = "shop"\ndynamic = ["version"]\n'})) != ""


def test_included_requirements_count_and_so_do_files_of_the_users(make: Make, tmp_path: Path) -> None:
    files = {
        "requirements/production.txt": "-r base.txt\n-c ../pins.txt\ngunicorn",
        "requirements/base.txt": PINNED,
        "pins.txt": "",
    }
    first = same(make(files))
    assert first
    assert same(make({**files, "requirements/base.txt": PINNED + "redis"})) != first
    assert same(make({**files, "pins.txt": "redis<8"})) != first
    make(files)
    (tmp_path / "mine.txt").write_text("redis")
    assert same(tmp_path, laid={"requirements/base.txt": str(tmp_path / "mine.txt")}) not in ("", first)
    (tmp_path / "pins.txt").unlink()
    assert same(tmp_path) == ""
    assert same(make({"requirements.txt": "-r requirements.txt"})) == ""


@pytest.mark.parametrize(
    ("line", "shared"),
    [
        ("django>=5 ; sys_platform == 'linux'", True),
        ("--extra-index-url https://${TOKEN}@pypi.example.com/simple/", True),
        ("--index-url=https://pypi.example.com/simple/", True),
        ("shop-core @ git+https://github.com/shop/core@v1", True),
        ("https://example.com/money-1.0-py3-none-any.whl", True),
        ("-e .", False),
        ("--editable=git+https://github.com/shop/core", False),
        (".", False),
        (".[postgres]", False),
        ("libs/money", False),
        ("money-1.0-py3-none-any.whl", False),
        ("money @ file:///srv/money", False),
        ("money @ git+file:///srv/money", False),
        ("--find-links=wheels/", False),
        ("-f ./wheels", False),
    ],
)
def test_a_line_that_leads_into_the_source_means_packages_of_its_own(make: Make, line: str, shared: bool) -> None:
    assert bool(same(make({"requirements.txt": f"django\n{line}\n"}))) is shared
    assert bool(same(make({"requirements.txt": "django\n"}), packages=[line])) is shared


def test_without_requirements_the_packages_are_those_of_every_such_project(make: Make) -> None:
    assert same(make({"manage.py": "1"})) == same(make({"manage.py": "2"})) != ""
