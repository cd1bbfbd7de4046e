"""Many files, directories and links in one call."""

from __future__ import annotations

import grp
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.basic import AnsibleModule
from ansible_collections.asgiway.django.plugins.modules import files

RunModule = Callable[..., dict[str, Any]]

WANTED = [
    {"name": "src", "state": "directory", "mode": "0750"},
    {"name": "env", "mode": "0600"},
    {"name": "http/1.sock", "state": "link", "target": "/run/shop/asgi-1.sock"},
]

SECRETS = {"env": "URL=redis://shop:hunter2-and-more@host\nKEY=hunter2-and-more\n"}


def names(result: dict[str, Any], root: Path) -> list[str]:
    return [str(Path(path).relative_to(root)) for path in result["paths"]]


def test_all_of_it_is_made_and_a_second_call_touches_nothing(run_module: RunModule, tmp_path: Path) -> None:
    root = tmp_path / "release"
    result = run_module(files.main, directory=str(root), files=WANTED, secrets=SECRETS)
    assert (result["changed"], names(result, root)) == (True, ["src", "env", "http/1.sock"])
    assert [oct((root / name).stat().st_mode & 0o777) for name in ("", "src", "env", "http")] == [
        "0o755",
        "0o750",
        "0o600",
        "0o755",
    ]
    assert (root / "env").read_text() == SECRETS["env"]
    assert str((root / "http/1.sock").readlink()) == "/run/shop/asgi-1.sock"
    written = (root / "env").stat().st_mtime_ns
    result = run_module(files.main, directory=str(root), files=WANTED, secrets=SECRETS)
    assert (result["changed"], result["paths"], (root / "env").stat().st_mtime_ns) == (False, [], written)
    assert sorted(path.name for path in root.iterdir()) == ["env", "http", "src"]


def test_what_differs_is_named_and_put_right(run_module: RunModule, tmp_path: Path) -> None:
    run_module(files.main, directory=str(tmp_path), files=WANTED, secrets=SECRETS)
    (tmp_path / "env").chmod(0o644)
    (tmp_path / "http/1.sock").unlink()
    (tmp_path / "http/1.sock").symlink_to("/elsewhere")
    result = run_module(files.main, directory=str(tmp_path), files=WANTED, secrets=SECRETS)
    assert names(result, tmp_path) == ["env", "http/1.sock"]
    assert (tmp_path / "env").stat().st_mode & 0o777 == 0o600
    assert str((tmp_path / "http/1.sock").readlink()) == "/run/shop/asgi-1.sock"


def test_a_secret_is_readable_by_its_owner_alone_from_its_first_moment(
    run_module: RunModule, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    replace = Path.replace

    def look(self: Path, target: Any) -> Path:
        seen.append(self.stat().st_mode & 0o777)
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", look)
    before = os.umask(0)
    try:
        run_module(files.main, directory=str(tmp_path), files=[WANTED[1]], secrets=SECRETS)
    finally:
        os.umask(before)
    assert seen == [0o600]


def test_no_link_is_followed(run_module: RunModule, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_text("kept")
    root = tmp_path / "root"
    root.mkdir()
    (root / "env").symlink_to(outside / "kept")
    (root / "old").symlink_to(outside)
    run_module(files.main, directory=str(root), absent=["old"], files=[WANTED[1]], secrets=SECRETS)
    assert (outside / "kept").read_text() == "kept"
    assert [path.name for path in root.iterdir()] == ["env"]
    assert not (root / "env").is_symlink()


def test_what_is_to_go_goes_first_with_all_that_a_pattern_names(run_module: RunModule, tmp_path: Path) -> None:
    for name in ("shop-1-wsgi@.service", "shop-1-asgi@.service", "shop-2-wsgi@.service", "env"):
        (tmp_path / name).write_text("old")
    (tmp_path / "src").mkdir()
    (tmp_path / "src/module.py").write_text("")
    result = run_module(
        files.main,
        directory=str(tmp_path),
        absent=["shop-1-*@.service", "env", "src", "missing"],
        files=WANTED[:2],
        secrets=SECRETS,
    )
    assert names(result, tmp_path) == ["shop-1-asgi@.service", "shop-1-wsgi@.service", "env", "src", "src", "env"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["env", "shop-2-wsgi@.service", "src"]
    assert list((tmp_path / "src").iterdir()) == []


def test_an_empty_name_does_not_remove_the_directory(run_module: RunModule, tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("")
    result = run_module(files.main, directory=str(tmp_path), absent=[""])
    assert result["failed"] is True
    assert "is empty" in result["msg"]
    assert (tmp_path / "kept").exists()


def test_check_mode_tells_and_does_nothing(run_module: RunModule, tmp_path: Path) -> None:
    (tmp_path / "env").write_text("old")
    result = run_module(files.main, _check=True, directory=str(tmp_path), absent=["env"], files=WANTED, secrets=SECRETS)
    assert (result["changed"], names(result, tmp_path)) == (True, ["env", "src", "env", "http/1.sock"])
    assert [path.name for path in tmp_path.iterdir()] == ["env"]
    assert (tmp_path / "env").read_text() == "old"


def test_a_failure_is_a_sentence_that_shows_no_content(run_module: RunModule, tmp_path: Path) -> None:
    (tmp_path / "http").write_text("in the way")
    result = run_module(files.main, directory=str(tmp_path), files=WANTED, secrets=SECRETS)
    assert result["failed"] is True
    assert str(tmp_path / "http") in result["msg"]
    assert "hunter2" not in str(result)


@pytest.mark.parametrize("check", [False, True])
def test_a_diff_shows_files_and_no_secret(run_module: RunModule, tmp_path: Path, check: bool) -> None:
    (tmp_path / "unit").write_text("old\n")
    (tmp_path / "env").write_text("KEY=before\n")
    wanted = [{"name": "unit", "content": "new\n"}, WANTED[1]]
    result = run_module(files.main, _check=check, _diff=True, directory=str(tmp_path), files=wanted, secrets=SECRETS)
    path = str(tmp_path / "unit")
    assert result["diff"] == [{"before": "old\n", "after": "new\n", "before_header": path, "after_header": path}]
    assert "KEY=" not in str(result)
    assert "diff" not in run_module(files.main, directory=str(tmp_path), files=wanted, secrets=SECRETS)


def test_no_secret_is_written_into_the_hosts_log(
    run_module: RunModule, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A secret of several lines, within a list of files, was: Ansible looks for its own text in that of the list."""
    logged: list[str] = []
    monkeypatch.setattr(
        AnsibleModule, "log", lambda _self, message, log_args=None: logged.append(f"{message}{log_args}")
    )
    run_module(files.main, directory=str(tmp_path), files=WANTED, secrets=SECRETS)
    assert "'name': 'env'" in "".join(logged)
    assert "hunter2" not in "".join(logged)


@pytest.mark.parametrize(("content", "secrets"), [(None, {}), ("KEY=shown", SECRETS)])
def test_a_file_has_one_content(
    run_module: RunModule, tmp_path: Path, content: str | None, secrets: dict[str, str]
) -> None:
    result = run_module(
        files.main, directory=str(tmp_path), files=[{"name": "env", "content": content}], secrets=secrets
    )
    assert result["msg"] == "env needs content or an entry in secrets, and not both."
    assert list(tmp_path.iterdir()) == []


def test_a_line_is_added_once_to_what_is_there(run_module: RunModule, tmp_path: Path) -> None:
    history = tmp_path / "history"
    for there in ("", "1\n", "1", "1\n2\n1\n"):
        history.write_text(there)
        line = {"name": "history", "state": "line", "content": "2", "mode": "0644"}
        results = [run_module(files.main, directory=str(tmp_path), files=[line]) for _ in range(2)]
        assert [result["changed"] for result in results] == [True, False]
        assert history.read_text() == "\n".join([*there.split(), "2", ""])
        assert history.stat().st_mode & 0o777 == 0o644
    history.write_bytes(b"\xff\x00\n")
    result = run_module(files.main, _diff=True, directory=str(tmp_path), files=[line])
    assert (result["changed"], history.read_bytes()) == (True, b"\xff\x00\n2\n")
    history.unlink()
    assert run_module(files.main, _check=True, directory=str(tmp_path), files=[line])["changed"]
    assert not history.exists()


GROUP = grp.getgrgid(os.getgid()).gr_name


def packed(tmp_path: Path) -> Path:
    """An archive as the source is packed: without entries for directories."""
    tree = tmp_path / "tree"
    (tree / "src/shop").mkdir(parents=True)
    (tree / "src/shop/views.py").touch(mode=0o600)
    (tree / "src/manage.py").touch(mode=0o777)
    (tree / "src/outside").symlink_to("/etc/hostname")
    archive = tmp_path / "source.tar.gz"
    inside = [str(path.relative_to(tree)) for path in sorted(tree.rglob("*")) if not path.is_dir()]
    subprocess.run(["tar", "--create", "--gzip", "--file", archive, "--directory", tree, *inside], check=True)
    return archive


def test_an_archive_appears_whole_and_the_group_may_read_it(run_module: RunModule, tmp_path: Path) -> None:
    root, options = tmp_path / "release", {"archive": str(packed(tmp_path)), "archive_group": GROUP}
    hostname = Path("/etc/hostname").stat()
    result = run_module(files.main, directory=str(root), files=WANTED, secrets=SECRETS, **options)
    assert names(result, root) == ["src", "env", "http/1.sock", "src"]
    modes = {
        path.name: oct(path.stat().st_mode & 0o7777) for path in (root / "src").rglob("*") if path.name != "outside"
    }
    assert modes == {"shop": "0o750", "views.py": "0o640", "manage.py": "0o750"}
    assert oct((root / "src").stat().st_mode & 0o7777) == "0o750"
    assert str((root / "src/outside").readlink()) == "/etc/hostname"
    assert Path("/etc/hostname").stat() == hostname
    assert sorted(path.name for path in root.iterdir()) == ["env", "http", "src"]


def test_an_archive_does_not_mix_with_what_is_there(run_module: RunModule, tmp_path: Path) -> None:
    root, options = tmp_path / "release", {"archive": str(packed(tmp_path)), "archive_group": GROUP}
    (root / "src").mkdir(parents=True)
    (root / "src/old.py").touch()
    result = run_module(files.main, directory=str(root), **options)
    assert result["failed"], result
    assert [path.name for path in root.iterdir()] == ["src"], "something else is left"
    assert [path.name for path in (root / "src").iterdir()] == ["old.py"]


def test_an_archives_group_must_be_there(run_module: RunModule, tmp_path: Path) -> None:
    options = {"archive": str(packed(tmp_path)), "archive_group": "nobodys-group"}
    result = run_module(files.main, directory=str(tmp_path), **options)
    assert result["msg"] == "there is no group nobodys-group."
    assert run_module(files.main, _check=True, directory=str(tmp_path), **options)["changed"]


@pytest.mark.parametrize("archive", [True, False], ids=["there", "missing"])
def test_the_controllers_archive_is_taken_to_the_host(tmp_path: Path, archive: bool) -> None:
    """By the action plugin, as a task: an archive that is not there is named, and nothing is made."""
    source = packed(tmp_path) if archive else tmp_path / "missing.tar.gz"
    options = f"directory={tmp_path}/release archive={source} archive_group={GROUP}"
    done = subprocess.run(
        ["ansible", "-i", "localhost,", "-c", "local", "localhost", "-m", "asgiway.django.files", "-a", options],
        env={
            **os.environ,
            "ANSIBLE_LOCAL_TEMP": str(tmp_path / "local"),
            "ANSIBLE_REMOTE_TEMP": str(tmp_path / "remote"),
        },
        capture_output=True,
        text=True,
    )
    assert (done.returncode == 0) == archive, done.stdout + done.stderr
    assert (tmp_path / "release/src/manage.py").exists() == archive
    assert archive or "missing.tar.gz is no file of the controller's" in done.stdout
    assert not archive or not list((tmp_path / "remote").iterdir()), "the archive stays on the host"
