"""What is read from a Django project's files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.asgiway.django.plugins.plugin_utils import dependencies, project
from hypothesis import given, settings
from hypothesis import strategies as st

MANAGE = """#!/usr/bin/env python
import os, sys
def main():
    # os.environ.setdefault("DJANGO_SETTINGS_MODULE", "old.settings")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "{}")
"""
Make = Callable[[dict[str, str]], Path]


STARTPROJECT = {
    "manage.py": MANAGE.format("shop.settings"),
    "shop/settings.py": 'WSGI_APPLICATION = "shop.wsgi.application"\n',
    "shop/wsgi.py": "",
    "shop/asgi.py": "",
}


def sentence(function: Callable[..., Any], *args: Any, **kwargs: Any) -> str:
    with pytest.raises(project.ProjectError) as caught:
        function(*args, **kwargs)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_new_project_needs_no_word(make: Make) -> None:
    assert project.inspect(str(make(STARTPROJECT))) == {
        "settings": "shop.settings",
        "manage": True,
        "wsgi": "shop.wsgi:application",
        "asgi": "shop.asgi:application",
        "subdirectory": "",
        "import_directories": [""],
        "requirements": "none",
        "requirements_file": "",
        "requirements_directory": "",
        "requirements_id": dependencies.identity(dependencies.Dependencies(Path(), "none")),
        "channels_redis": False,
        "psycopg": False,
        "psycopg_pools": False,
    }


def test_nothing_of_the_project_is_imported(make: Make) -> None:
    boom = "raise SystemExit('imported')\n"
    root = make({name: boom + text for name, text in STARTPROJECT.items()})
    assert project.inspect(str(root))["wsgi"] == "shop.wsgi:application"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('os.environ.setdefault("DJANGO_SETTINGS_MODULE", "a.b")', "a.b"),
        ("os.environ['DJANGO_SETTINGS_MODULE'] = 'a.b'", "a.b"),
        ('x = os.environ.get("DJANGO_SETTINGS_MODULE", "a.b")', "a.b"),
        (
            'if 1:\n  os.environ["DJANGO_SETTINGS_MODULE"] = "t"\nos.environ.setdefault("DJANGO_SETTINGS_MODULE", "a")',
            "a",
        ),
        ('print "old"\nos.environ.setdefault("DJANGO_SETTINGS_MODULE", "a.b")', "a.b"),
        (
            'print "old"\n# os.environ["DJANGO_SETTINGS_MODULE"] = "x"\nos.environ["DJANGO_SETTINGS_MODULE"] = "a.b"',
            "a.b",
        ),
    ],
)
def test_ways_to_name_the_settings(make: Make, text: str, expected: str) -> None:
    assert project.inspect(str(make({"manage.py": text})))["settings"] == expected


def test_settings_that_cannot_be_read(make: Make, tmp_path: Path) -> None:
    call = 'os.environ.setdefault("DJANGO_SETTINGS_MODULE", {})\n'
    assert sentence(project.inspect, str(tmp_path)) == (
        f"{tmp_path} has no manage.py; give the directory that holds it, or app_settings=<module>"
    )
    make({"manage.py": call.format("name()")})
    assert sentence(project.inspect, str(tmp_path)) == (
        f"{tmp_path}/manage.py does not name its settings module as text; give it: -e app_settings=<module>"
    )
    make({"manage.py": call.format('"a.x"') + call.format('"a.y"')})
    assert sentence(project.inspect, str(tmp_path)) == (
        f"{tmp_path}/manage.py names several settings modules (a.x, a.y); choose: -e app_settings=a.x"
    )
    assert sentence(project.inspect, str(tmp_path / "no")) == f"app_path {tmp_path}/no is not a directory"


def test_the_users_words_win(make: Make) -> None:
    root = make({**STARTPROJECT, "shop/production.py": "", "shop/other.py": ""})
    found = project.inspect(str(root), settings="shop.production", wsgi="shop.other", asgi="shop.other:app")
    assert (found["settings"], found["wsgi"], found["asgi"]) == (
        "shop.production",
        "shop.other:application",
        "shop.other:app",
    )
    assert project.inspect(str(root), settings="installed.settings")["settings"] == "installed.settings"


@pytest.mark.parametrize("given", ["", "shop.settings"])
def test_a_src_layout_in_a_subdirectory(make: Make, given: str) -> None:
    files = {name if name == "manage.py" else f"src/{name}": text for name, text in STARTPROJECT.items()}
    root = make({f".backend/{name}": text for name, text in files.items()} | {"requirements.txt": ""})
    found = project.inspect(str(root), given, subdirectory=".backend")
    assert (found["wsgi"], found["subdirectory"]) == ("shop.wsgi:application", ".backend")
    assert found["import_directories"] == [".backend", ".backend/src"]
    assert (found["requirements_file"], found["requirements_directory"]) == ("requirements.txt", "")
    assert "no module named shop.live in" in sentence(project.inspect, str(root), "shop.live", subdirectory=".backend")


@pytest.mark.parametrize(
    ("given", "wsgi"), [("pretalx.settings", "pretalx.wsgi"), ("a.b.settings.live", "a.b.wsgi"), ("conf", "wsgi")]
)
def test_an_installed_package_has_its_callables_beside_its_settings(make: Make, given: str, wsgi: str) -> None:
    found = project.inspect(str(make({"requirements.txt": "pretalx"})), given)
    assert (found["wsgi"], found["asgi"]) == (f"{wsgi}:application", f"{wsgi.replace('wsgi', 'asgi')}:application")


@pytest.mark.parametrize("word", ["settings", "wsgi", "asgi"])
def test_a_module_that_the_project_lacks(make: Make, word: str) -> None:
    root = make(STARTPROJECT)
    assert sentence(project.inspect, str(root), **{word: "shop.nothing"}) == (
        f"app_{word}=shop.nothing: no module named shop.nothing in {root} (no shop/nothing.py)"
    )


@pytest.mark.parametrize(
    ("files", "wsgi", "asgi"),
    [
        (
            {"config/settings/production.py": "", "config/wsgi.py": "", "config/asgi.py": ""},
            "config.wsgi",
            "config.asgi",
        ),
        ({"config/settings/production.py": "", "wsgi.py": ""}, "wsgi", ""),
        (
            {"config/settings/production.py": "", "config/settings/asgi.py": "", "config/asgi.py": ""},
            "",
            "config.settings.asgi",
        ),
        (
            {
                "config/settings/production.py": "from .base import *",
                "config/settings/base.py": (
                    'ASGI_APPLICATION = "config.routing.application"\nWSGI_APPLICATION: str = "x.y.app"'
                ),
                "config/routing.py": "",
            },
            "x.y:app",
            "config.routing:application",
        ),
        (
            {
                "config/settings/production.py": "from config.settings.base import *\nWSGI_APPLICATION = None",
                "config/settings/base.py": 'from .production import *\nWSGI_APPLICATION = "config.gone.application"',
                "config/wsgi.py": "",
            },
            "config.wsgi",
            "",
        ),
        (
            {
                "config/settings/production.py": 'WSGI_APPLICATION = "config.gone.application"',
                "config/wsgi.py": "",
            },
            "config.wsgi",
            "",
        ),
        ({"config/settings/production.py": "a syntax error(", "config/wsgi/__init__.py": ""}, "config.wsgi", ""),
    ],
)
def test_where_wsgi_and_asgi_are_found(make: Make, files: dict[str, str], wsgi: str, asgi: str) -> None:
    found = project.inspect(str(make({"manage.py": MANAGE.format("config.settings.production"), **files})))
    assert found["wsgi"] == (wsgi if not wsgi or ":" in wsgi else f"{wsgi}:application")
    assert found["asgi"] == (asgi if not asgi or ":" in asgi else f"{asgi}:application")


def test_a_server_needs_its_interface(make: Make) -> None:
    found = project.inspect(str(make({key: text for key, text in STARTPROJECT.items() if key != "shop/asgi.py"})))
    project.require(found, "wsgi", "gunicorn")
    assert sentence(project.require, found, "asgi", "daphne") == (
        "daphne speaks ASGI and the project has no asgi.py beside its settings (shop.settings); add one, name the"
        " callable, or take Django's plain one: -e app_asgi=asgiway_runtime.plain:asgi"
    )


def test_odd_bytes_are_no_error(make: Make) -> None:
    root = make(STARTPROJECT)
    (root / "requirements.txt").write_bytes(b"\xff\xfe\x00channels-redis\n")
    (root / "shop/settings.py").write_bytes(b"\xef\xbb\xbfWSGI_APPLICATION = 'shop.wsgi.application'\n\x00")
    assert project.inspect(str(root))["wsgi"] == "shop.wsgi:application"


@settings(max_examples=60, deadline=None, database=None)
@given(texts=st.lists(st.binary() | st.text().map(lambda text: text.encode(errors="replace")), min_size=4, max_size=4))
def test_any_files_are_read_or_refused_in_one_sentence(
    tmp_path_factory: pytest.TempPathFactory, texts: list[bytes]
) -> None:
    root = tmp_path_factory.mktemp("any")
    for name, text in zip(("manage.py", "settings.py", "requirements.txt", "pyproject.toml"), texts, strict=True):
        (root / name).write_bytes(text)
    for word in ("", "settings"):
        try:
            found = project.inspect(str(root), settings=word)
        except project.ProjectError:
            continue
        assert found["settings"]
