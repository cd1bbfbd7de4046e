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


def beside(path: Path, kind: str) -> list[str]:
    """Return the lines of a file that belongs to the secret."""
    file = path.with_name(f"{path.name}.{kind}")
    return file.read_text().splitlines() if file.exists() else []


def test_a_rotation_keeps_what_was_before_and_is_not_made_twice(run_module: RunModule, path: Path) -> None:
    first = run_module(secret.main, path=str(path))["value"]
    rotated = run_module(secret.main, path=str(path), state="rotated")
    assert rotated["changed"] is True
    assert (rotated["value"] != first, rotated["previous"]) == (True, [first])
    assert (path.read_text().strip(), beside(path, "previous")) == (rotated["value"], [first])
    assert {mode(file) for file in path.parent.iterdir()} == {0o600}
    # the run was killed before it settled, or something else was deployed meanwhile
    assert run_module(secret.main, path=str(path))["changed"] is False
    again = run_module(secret.main, path=str(path), state="rotated")
    assert (again["changed"], again["value"], again["previous"]) == (False, rotated["value"], [first])
    assert run_module(secret.main, path=str(path), state="settled")["changed"] is True
    assert run_module(secret.main, path=str(path), state="settled")["changed"] is False
    third = run_module(secret.main, path=str(path), state="rotated")
    assert third["previous"] == [rotated["value"], first]
    assert third["value"] not in third["previous"]


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_a_rotation_that_was_killed_after_any_write_is_finished(
    run_module: RunModule, path: Path, steps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = run_module(secret.main, path=str(path))["value"]
    writes: list[Any] = []

    def write(function: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*args: Any) -> Any:
            if len(writes) == steps:
                raise KeyboardInterrupt
            writes.append(args)
            return function(*args)

        return counted

    with monkeypatch.context() as patch:
        patch.setattr(secret, "write_new", write(secret.write_new))
        patch.setattr(secret, "replace", write(secret.replace))
        killed = secret.Secret(path, dry=False)
        if steps < 3:
            with pytest.raises(KeyboardInterrupt):
                killed.rotate(50, string.ascii_letters)
        else:
            killed.rotate(50, string.ascii_letters)
    (begun,) = beside(path, "next")
    after = run_module(secret.main, path=str(path), state="rotated")
    assert (after["value"], after["previous"]) == (begun, [first])
    assert (path.read_text().strip(), beside(path, "previous")) == (begun, [first])


def test_a_dry_rotation_writes_nothing(run_module: RunModule, path: Path) -> None:
    first = run_module(secret.main, path=str(path))["value"]
    dry = run_module(secret.main, _check=True, path=str(path), state="rotated")
    assert (dry["changed"], dry["previous"], dry["value"] != first) == (True, [first], True)
    assert [file.name for file in path.parent.iterdir()] == ["secret_key"]
    assert path.read_text() == first + "\n"


def test_what_is_forgotten_counts_no_more_and_its_holders_are_named(run_module: RunModule, path: Path) -> None:
    first = run_module(secret.main, path=str(path))["value"]
    second = run_module(secret.main, path=str(path), state="rotated")["value"]
    run_module(secret.main, path=str(path), state="settled")
    texts = {
        "url": f'A="1"\nREDIS_URL="unix://shop:{first}@/run/s?db=0"\n',
        "list": f'SECRET_KEY_FALLBACKS="other,{first}"\n',
        "key": f'SECRET_KEY="{first}"\n',
        "new": f'SECRET_KEY="{second}"\nLONGER="{first}1"\nLINES="a\nb"\n',
    }
    for name, text in texts.items():
        (path.parent / name).mkdir()
        (path.parent / name / "env").write_text(text)
    used_by = [f"{path.parent}/*/env"]
    forgotten = run_module(secret.main, path=str(path), state="forgotten", used_by=used_by)
    assert (forgotten["value"], forgotten["previous"], forgotten["forgotten"]) == (second, [], [first])
    assert forgotten["holders"] == [f"{path.parent}/{name}/env" for name in ("key", "list", "url")]
    # a killed run still knows what it was about to remove
    assert run_module(secret.main, path=str(path), state="forgotten", used_by=used_by)["holders"]
    assert run_module(secret.main, path=str(path), state="settled")["forgotten"] == []
    assert run_module(secret.main, path=str(path), state="forgotten", used_by=used_by)["holders"] == []
    assert first not in "".join(file.read_text() for file in path.parent.iterdir() if file.is_file())


def test_previous_ones_stay_as_long_as_somebody_has_them(run_module: RunModule, path: Path) -> None:
    values = [run_module(secret.main, path=str(path))["value"]]
    for _ in range(2):
        values.insert(0, run_module(secret.main, path=str(path), state="rotated")["value"])
        run_module(secret.main, path=str(path), state="settled")
    env = path.parent / "env"
    env.write_text(f'REDIS_URL="unix://shop:{values[2]}@/run/s?db=0"\n')
    assert run_module(secret.main, path=str(path))["previous"] == values[1:]
    dry = run_module(secret.main, _check=True, path=str(path), used_by=[str(env)])
    assert (dry["changed"], beside(path, "previous")) == (True, values[1:])
    assert run_module(secret.main, path=str(path), used_by=[str(env)])["previous"] == [values[2]]
    env.unlink()
    assert run_module(secret.main, path=str(path), used_by=[str(env)])["previous"] == []
    assert beside(path, "previous") == []
