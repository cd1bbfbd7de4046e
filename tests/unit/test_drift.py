"""What a finished run left, compared with what is there now."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.asgiway.django.plugins.modules import drift

RunModule = Callable[..., dict[str, Any]]

UNITS = """\
Id=shop.service
ActiveState=active
UnitFileState=enabled
NeedDaemonReload=no

Id=nginx.service
ActiveState=inactive
UnitFileState=disabled
NeedDaemonReload=yes
"""
PROGRAMS = """\
nginx                            RUNNING   pid 9, uptime 0:10:00
shop-aaaaaaaaaaaa-asgi:1         RUNNING   pid 41, uptime 1 day, 0:01:02
shop-aaaaaaaaaaaa-asgi:2         FATAL     Exited too quickly (process log may have details)
shop-eu-aaaaaaaaaaaa-asgi:1      FATAL     Exited too quickly (process log may have details)
"""


def quiet(command: list[str]) -> str:
    raise AssertionError(f"nothing of this needs {command}")


def note(path: Path, watch: dict[str, list[str]], inputs: str = "x", at: float | None = None) -> None:
    now = drift.time.time() if at is None else at
    seen = drift.look(watch, "systemd", quiet)
    drift.write(path, {"inputs": inputs, "at": now, "watch": watch, "manager": "systemd", "seen": seen})


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A directory with what a part has: a file, a link, a directory."""
    root = tmp_path / "site"
    (root / "releases/a").mkdir(parents=True)
    (root / "site.conf").write_text("listen 80;\n")
    (root / "site.conf").chmod(0o640)
    (root / "live").symlink_to("releases/a")
    (root / "other").symlink_to("releases/b")
    return root


def watch(root: Path) -> dict[str, list[str]]:
    return {"paths": [f"{root}/site.conf", f"{root}/live", f"{root}/releases/*", f"{root}/gone"]}


def test_nothing_differs_when_nothing_was_touched(site: Path, tmp_path: Path) -> None:
    note(tmp_path / "n.json", watch(site))
    assert drift.compare(tmp_path / "n.json", "x", 7, quiet) == ([], [])


def rewrite(path: Path) -> None:
    """The same content, by somebody else."""
    path.write_text(path.read_text())
    os.utime(path, (1, 1))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda root: (root / "site.conf").write_text("listen 81;\n"), "site.conf: its content differs"),
        (lambda root: rewrite(root / "site.conf"), "site.conf: it was written again"),
        (lambda root: (root / "site.conf").chmod(0o644), "site.conf: mode 0644, was 0640"),
        (lambda root: (root / "site.conf").unlink(), "site.conf is not there any more"),
        (lambda root: (root / "gone").touch(), "gone is there now"),
        (
            lambda root: ((root / "live").unlink(), (root / "live").symlink_to("releases/b")),
            "live: target releases/b, was releases/a",
        ),
        (lambda root: (root / "releases/a").chmod(0o700), "releases/a: mode 0700, was 0755"),
    ],
)
def test_each_difference_is_named(site: Path, tmp_path: Path, change: Callable[[Path], Any], said: str) -> None:
    note(tmp_path / "n.json", watch(site))
    change(site)
    reasons, drifted = drift.compare(tmp_path / "n.json", "x", 7, quiet)
    assert reasons == drifted == [f"{site}/{said}"]


def test_a_file_more_is_found_by_its_pattern(site: Path, tmp_path: Path) -> None:
    note(tmp_path / "n.json", watch(site))
    (site / "releases/b").mkdir()
    reasons, _ = drift.compare(tmp_path / "n.json", "x", 7, quiet)
    assert reasons == [
        f"{site}/releases/*: names {site}/releases/a {site}/releases/b, was {site}/releases/a",
        f"{site}/releases/b is there now",
    ]


def test_a_link_more_is_found_at_any_depth(site: Path, tmp_path: Path) -> None:
    note(tmp_path / "n.json", {"paths": [f"{site}/releases/**"]})
    (site / "releases/a/b/c").mkdir(parents=True)
    (site / "releases/a/b/c/^^").symlink_to("/elsewhere")
    reasons, _ = drift.compare(tmp_path / "n.json", "x", 7, quiet)
    assert f"{site}/releases/a/b/c/^^ is there now" in reasons


def test_no_note_a_broken_one_and_an_old_one_are_not_trusted(site: Path, tmp_path: Path) -> None:
    path = tmp_path / "n.json"
    assert drift.compare(path, "x", 7, quiet) == ([drift.UNSEEN], [])
    note(path, watch(site), at=drift.time.time() - 8 * 86400)
    assert drift.compare(path, "x", 7, quiet) == (["the last run that looked at everything was 8 days ago"], [])
    note(path, watch(site), at=drift.time.time() + 86400)  # a clock that was set back
    assert len(drift.compare(path, "x", 7, quiet)[0]) == 1
    path.write_text('{"inputs": "x"')
    assert drift.compare(path, "x", 7, quiet) == ([drift.UNSEEN], [])


def test_another_wish_is_no_drift(site: Path, tmp_path: Path) -> None:
    note(tmp_path / "n.json", watch(site))
    assert drift.compare(tmp_path / "n.json", "y", 7, quiet) == ([drift.ASKED], [])


@pytest.mark.parametrize(
    ("inputs", "changed", "doubts"),
    [("x", False, 0), ("y", False, 0), ("x", True, 1), ("y", True, 1)],
    ids=["nothing", "another wish", "drift", "both"],
)
def test_doubts_are_what_no_wish_explains(
    run_module: RunModule, tmp_path: Path, inputs: str, changed: bool, doubts: int
) -> None:
    file = tmp_path / "site.conf"
    file.write_text("listen 80;")
    options = {"directory": str(tmp_path / "noted")}
    run_module(drift.main, **options, state="noted", inputs={"site": "x"}, watch={"paths": [str(file)]})
    if changed:
        file.chmod(0o600)
    result = run_module(drift.main, _check=True, **options, inputs={"site": inputs})
    assert len(result["doubts"]["site"]) == doubts
    assert len(result["differs"]["site"]) == doubts + (inputs != "x")
    unseen = run_module(drift.main, _check=True, directory=str(tmp_path / "other"), inputs={"site": "x"})
    assert unseen["doubts"] == {"site": [drift.UNSEEN]}


def test_units_programs_packages_and_users() -> None:
    assert drift.look_at_units(["shop.service", "nginx.service", "gone.service"], lambda _: UNITS) == {
        "shop.service": {"state": "active", "start at boot": "enabled", "file": "read"},
        "nginx.service": {"state": "inactive", "start at boot": "disabled", "file": "not read since it was written"},
        "gone.service": {},
    }
    assert drift.look_at_programs(["nginx", "shop-aaaaaaaaaaaa-asgi"], lambda _: PROGRAMS) == {
        "nginx": {"nginx": "RUNNING"},
        "shop-aaaaaaaaaaaa-asgi": {"shop-aaaaaaaaaaaa-asgi:1": "RUNNING", "shop-aaaaaaaaaaaa-asgi:2": "FATAL"},
    }
    listed = "nginx installed 1.26.3-3\nredis config-files 7.0\n"
    assert drift.look_at_packages(["nginx", "redis", "uv"], lambda _: listed) == {
        "the package nginx": {"version": "1.26.3-3"},
        "the package redis": {},
        "the package uv": {},
    }
    users = drift.look_at_users(["root", "nobody-of-that-name"])
    assert users["the user root"]["entry"].startswith("0:0:")
    assert users["the user nobody-of-that-name"] == {}
    assert (
        drift.look_at_units([], quiet) == drift.look_at_programs([], quiet) == drift.look_at_packages([], quiet) == {}
    )


def test_the_module_notes_compares_and_forgets(site: Path, tmp_path: Path, run_module: RunModule) -> None:
    place = {"directory": str(tmp_path / "noted")}
    done = run_module(drift.main, **place, state="noted", inputs={"host": "x"}, watch=watch(site))
    assert done["changed"] is False
    path = tmp_path / "noted/host.json"
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert "listen" not in path.read_text(), "the content itself is nobody's business"
    both = {"host": "x", "release": "y"}
    assert run_module(drift.main, **place, inputs=both)["differs"] == {"host": [], "release": [drift.UNSEEN]}
    (site / "site.conf").chmod(0o600)
    assert run_module(drift.main, **place, inputs=both, _check=True)["differs"]["host"]
    assert path.exists(), "a dry run forgets nothing"
    assert run_module(drift.main, **place, inputs=both)["differs"]["host"]
    assert not path.exists(), "a run that is killed from here on has not finished"
    assert json.loads(json.dumps(run_module(drift.main, **place, inputs=both)["differs"]["host"])) == [drift.UNSEEN]


def test_what_stands_is_told_where_something_differs(
    site: Path, tmp_path: Path, run_module: RunModule, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drift.app_state, "read", lambda name, manager, _: {"name": name, "manager": manager})
    place = {"directory": str(tmp_path / "noted"), "inputs": {"host": "x"}}
    asked = {**place, "app": "shop", "manager": "supervisor"}
    run_module(drift.main, **place, state="noted", watch=watch(site))
    assert "state" not in run_module(drift.main, **asked)
    (site / "site.conf").chmod(0o600)
    assert "state" not in run_module(drift.main, **place, _check=True)
    assert run_module(drift.main, **asked)["state"] == {"name": "shop", "manager": "supervisor"}


def test_a_dry_run_notes_nothing(tmp_path: Path, run_module: RunModule) -> None:
    run_module(drift.main, directory=str(tmp_path / "noted"), state="noted", inputs={"host": "x"}, _check=True)
    assert not (tmp_path / "noted").exists()
