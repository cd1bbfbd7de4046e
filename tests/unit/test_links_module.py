"""Many links in one call."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ansible_collections.asgiway.django.plugins.modules import links

RunModule = Callable[..., dict[str, Any]]

WANTED = [
    {"name": "http/1.sock", "target": "/run/shop/r/asgi-1.sock"},
    {"name": "ws/1.sock", "target": "/run/shop/r/asgi-1.sock"},
]


def test_missing_links_are_made_with_their_directories(run_module: RunModule, tmp_path: Path) -> None:
    result = run_module(links.main, directory=str(tmp_path), links=WANTED)
    assert result["changed"] is True
    assert result["made"] == ["http/1.sock", "ws/1.sock"]
    assert str((tmp_path / "http/1.sock").readlink()) == "/run/shop/r/asgi-1.sock"
    # nginx passes through whatever the umask was
    assert (tmp_path / "http").stat().st_mode & 0o777 == 0o755


def test_links_that_stand_are_left_alone(run_module: RunModule, tmp_path: Path) -> None:
    run_module(links.main, directory=str(tmp_path), links=WANTED)
    result = run_module(links.main, directory=str(tmp_path), links=WANTED)
    assert (result["changed"], result["made"]) == (False, [])


def test_a_link_that_points_elsewhere_is_turned_and_a_file_replaced(run_module: RunModule, tmp_path: Path) -> None:
    for folder in ("http", "ws"):
        (tmp_path / folder).mkdir()
    (tmp_path / "http/1.sock").symlink_to("/elsewhere")
    (tmp_path / "ws/1.sock").write_text("a file")
    result = run_module(links.main, directory=str(tmp_path), links=WANTED)
    assert result["made"] == ["http/1.sock", "ws/1.sock"]
    assert {str(path.readlink()) for path in tmp_path.glob("*/*")} == {"/run/shop/r/asgi-1.sock"}


def test_what_a_killed_run_left_is_no_obstacle(run_module: RunModule, tmp_path: Path) -> None:
    (tmp_path / "http").mkdir()
    (tmp_path / "http/.1.sock.new").symlink_to("/elsewhere")
    run_module(links.main, directory=str(tmp_path), links=WANTED)
    assert [path.name for path in (tmp_path / "http").iterdir()] == ["1.sock"]


def test_check_mode_tells_and_makes_nothing(run_module: RunModule, tmp_path: Path) -> None:
    result = run_module(links.main, _check=True, directory=str(tmp_path), links=WANTED)
    assert (result["changed"], len(result["made"])) == (True, 2)
    assert list(tmp_path.iterdir()) == []


def test_a_failure_is_a_sentence_with_the_directory(run_module: RunModule, tmp_path: Path) -> None:
    (tmp_path / "http").write_text("in the way")
    result = run_module(links.main, directory=str(tmp_path), links=WANTED)
    assert result["failed"] is True
    assert result["msg"].startswith(f"cannot make the links in {tmp_path}: ")


def test_a_link_too_much_is_removed_below_one_directory_only(run_module: RunModule, tmp_path: Path) -> None:
    for name in ("ws/x/2.sock", "http/2.sock"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).symlink_to("/elsewhere")
    told = run_module(links.main, _check=True, directory=str(tmp_path), links=WANTED, alone="ws")
    assert (told["changed"], told["removed"], (tmp_path / "ws/x/2.sock").is_symlink()) == (True, ["ws/x/2.sock"], True)
    result = run_module(links.main, directory=str(tmp_path), links=WANTED, alone="ws")
    assert result["removed"] == ["ws/x/2.sock"]
    assert sorted(path.name for path in tmp_path.rglob("*.sock")) == ["1.sock", "1.sock", "2.sock"]
    assert run_module(links.main, directory=str(tmp_path), links=WANTED, alone="ws")["changed"] is False
