"""The secret: written once, kept for ever, never readable by others."""

from __future__ import annotations

import os
import string
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.asgiway.django.plugins.modules import secret

RunModule = Callable[..., dict[str, Any]]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "shop" / "secret_key"


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o7777


def test_a_new_secret_is_random_and_closed(run_module: RunModule, path: Path) -> None:
    first = run_module(secret.main, path=str(path))
    other = run_module(secret.main, path=str(path.with_name("other")))
    assert first["changed"] is True
    assert len(first["value"]) == 50
    assert set(first["value"]) <= set(string.ascii_letters + string.digits)
    assert first["value"] != other["value"]
    assert path.read_text() == first["value"] + "\n"
    assert (mode(path), mode(path.parent)) == (0o600, 0o700)
    assert sorted(entry.name for entry in path.parent.iterdir()) == ["other", "secret_key"]


def test_a_wide_umask_does_not_open_it(run_module: RunModule, path: Path) -> None:
    before = os.umask(0)
    try:
        run_module(secret.main, path=str(path))
    finally:
        os.umask(before)
    assert (mode(path), mode(path.parent)) == (0o600, 0o700)


def test_an_existing_one_stays(run_module: RunModule, path: Path) -> None:
    value = run_module(secret.main, path=str(path))["value"]
    again = run_module(secret.main, path=str(path), length=20)
    assert (again["changed"], again["value"]) == (False, value)


def test_a_wrong_mode_is_repaired(run_module: RunModule, path: Path) -> None:
    value = run_module(secret.main, path=str(path))["value"]
    path.chmod(0o644)
    checked = run_module(secret.main, _check=True, path=str(path))
    assert (checked["changed"], mode(path)) == (True, 0o644)
    again = run_module(secret.main, path=str(path))
    assert (again["changed"], again["value"], mode(path)) == (True, value, 0o600)


def test_another_run_that_was_first_wins(path: Path) -> None:
    path.parent.mkdir()
    path.write_text("theirs-was-there-first\n")
    assert secret.write_new(path, "ours") == "theirs-was-there-first"
    assert [entry.name for entry in path.parent.iterdir()] == ["secret_key"]


@pytest.mark.parametrize("content", ["", " \n"])
def test_an_empty_file_is_refused_and_kept(run_module: RunModule, path: Path, content: str) -> None:
    path.parent.mkdir()
    path.write_text(content)
    result = run_module(secret.main, path=str(path))
    assert result["failed"]
    assert f"{path} is empty" in result["msg"]
    assert path.read_text() == content


def test_a_directory_is_refused(run_module: RunModule, path: Path) -> None:
    path.mkdir(parents=True)
    assert "is not a file" in run_module(secret.main, path=str(path))["msg"]


def test_check_mode_on_a_fresh_host_has_a_throw_away_value(run_module: RunModule, path: Path) -> None:
    result = run_module(secret.main, _check=True, path=str(path), owner="nobody-yet")
    assert (result["changed"], len(result["value"])) == (True, 50)
    assert not path.parent.exists()


@pytest.mark.parametrize("options", [{"length": 8}, {"chars": "ab"}])
def test_a_weak_secret_is_refused(run_module: RunModule, path: Path, options: dict[str, Any]) -> None:
    assert run_module(secret.main, path=str(path), **options)["failed"]
    assert not path.exists()
