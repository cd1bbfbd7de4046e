"""Files of the user's that are laid into the source: how they are named, found, and count for the release."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.asgiway.django.plugins.plugin_utils import laid_files, project, source_tree

Make = Callable[[dict[str, str]], Path]
MANAGE = "import os\nos.environ.setdefault('DJANGO_SETTINGS_MODULE', 'shop.settings')\n"


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ({"../live.py": "live.py"}, "app_files.../live.py is no place in the source;"),
        (
            {"shop/../../live.py": "live.py"},
            "app_files.shop/../../live.py is no place in the source; a key must be a path such as",
        ),
        ({"/etc/live.py": "live.py"}, "app_files./etc/live.py is no place in the source;"),
        ({"shop/": "live.py"}, "app_files.shop/ is no place in the source;"),
        ({7: "live.py"}, "app_files.7 is no place in the source;"),
        ({"shop/live.py": ""}, "app_files.shop/live.py is "),
        ({"shop/live.py": ["live.py"]}, "app_files.shop/live.py is "),
    ],
)
def test_what_leads_out_of_the_source_is_refused(value: dict[Any, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match="app_files") as caught:
        laid_files.check_entries(value, "app_files")
    assert str(caught.value).startswith(sentence), caught.value


def test_files_are_found_from_where_the_command_is_typed(tmp_path: Path) -> None:
    (tmp_path / "live.py").touch()
    given = {"shop/live.py": "live.py", "shop/gone.py": "gone.py"}
    found, errors = laid_files.find(given, "app_files", str(tmp_path), lambda path: Path(path).read_text())
    assert found == {inside: str(tmp_path / file) for inside, file in given.items()}
    assert errors == [f"app_files.shop/gone.py: {tmp_path}/gone.py cannot be read: No such file or directory"]


def test_links_in_a_circle_are_named(tmp_path: Path) -> None:
    (tmp_path / "a.py").symlink_to("b.py")
    (tmp_path / "b.py").symlink_to("a.py")
    _, (error,) = laid_files.find({"a.py": "a.py"}, "app_files", str(tmp_path), lambda path: Path(path).read_text())
    assert error.startswith("app_files.a.py: ")
    assert "in a circle" in error or "symbolic links" in error


def test_a_vault_that_cannot_be_opened_is_named_without_its_text(tmp_path: Path) -> None:
    def read(path: str) -> str:
        raise ValueError(f"secret in {path}")

    _, (error,) = laid_files.find({"live.py": "live.py"}, "app_files", str(tmp_path), read)
    assert error.endswith("cannot be read: it is in a vault that cannot be opened")


def test_they_count_for_the_release(make: Make) -> None:
    root = make({"src/manage.py": MANAGE, "live.py": "A = 1\n", "other.py": "A = 2\n"})
    names = [
        source_tree.identity({"src": root / "src"}, laid=laid)
        for laid in ({}, {"a.py": root / "live.py"}, {"a.py": root / "other.py"}, {"b.py": root / "live.py"})
    ]
    assert len(set(names)) == 4
    assert names[0] == source_tree.identity({"src": root / "src"})


def test_settings_that_are_laid_in_are_found(make: Make) -> None:
    root = make({"code/manage.py": MANAGE, "code/shop/settings.py": "", "code/shop/wsgi.py": "", "mine/live.py": ""})
    with pytest.raises(ValueError, match=r"no module named shop\.live"):
        project.inspect(str(root / "code"), "shop.live")
    laid = {"shop/live.py": str(root / "mine/live.py"), "shop/asgi.py": str(root / "mine/live.py")}
    found = project.inspect(str(root / "code"), "shop.live", files=laid)
    assert [found[name] for name in ("settings", "wsgi", "asgi")] == [
        "shop.live", "shop.wsgi:application", "shop.asgi:application",
    ]  # fmt: skip
    assert found["import_directories"] == [""]
