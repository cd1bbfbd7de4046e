"""What goes to a host of a project's directory, and what makes two of them the same."""

from __future__ import annotations

import os
import tarfile
from pathlib import Path

import pytest
from ansible_collections.asgiway.django.plugins.plugin_utils import source_tree


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    for name, text in {
        "manage.py": "#!/usr/bin/env python3\n",
        "shop/settings.py": "DEBUG = True\n",
        "shop/über.txt": "ü\n",
        ".env.example": "A=1\n",
        ".git/config": "",
        ".venv/bin/python": "",
        "shop/__pycache__/settings.cpython-311.pyc": "",
        "old.pyc": "",
        "db.sqlite3": "",
        "db.sqlite3-wal": "",
        "node_modules/a/index.js": "",
    }.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    (root / "manage.py").chmod(0o755)
    (root / "link").symlink_to("shop/settings.py")
    (root / "folder").symlink_to("shop")
    (root / "dangling").symlink_to("nowhere")
    return root


def identity(project: Path) -> str:
    return source_tree.identity({"src": project})


def test_files_and_links_go_and_what_a_working_copy_collects_stays(project: Path) -> None:
    assert [str(path.relative_to(project)) for path in source_tree.files(project)] == [
        ".env.example",
        "dangling",
        "folder",
        "link",
        "manage.py",
        "shop/settings.py",
        "shop/über.txt",
    ]


def test_a_socket_or_pipe_is_no_file(project: Path) -> None:
    os.mkfifo(project / "pipe")
    assert "pipe" not in {path.name for path in source_tree.files(project)}


def test_the_identity_is_that_of_the_content(project: Path) -> None:
    before = identity(project)
    os.utime(project / "manage.py", (1, 1))
    (project / ".git" / "HEAD").write_text("new")
    (project / "db.sqlite3").write_text("rows")
    assert identity(project) == before


@pytest.mark.parametrize("change", ["content", "name", "bit", "link", "kind", "more", "prefix"])
def test_every_change_that_a_host_could_see_is_another_identity(project: Path, change: str) -> None:
    before = identity(project)
    settings = project / "shop" / "settings.py"
    if change == "content":
        settings.write_text("DEBUG = False\n")
    elif change == "name":
        settings.rename(settings.with_name("other.py"))
    elif change == "bit":
        settings.chmod(0o755)
    elif change == "link":
        (project / "link").unlink()
        (project / "link").symlink_to("manage.py")
    elif change == "kind":
        (project / "link").unlink()
        (project / "link").write_text("shop/settings.py")
    elif change == "more":
        (project / "empty").touch()
    after = source_tree.identity({"other" if change == "prefix" else "src": project})
    assert after != before


def test_the_archive_holds_each_root_under_its_prefix(project: Path, tmp_path: Path) -> None:
    (tmp_path / "beside").mkdir()
    (tmp_path / "beside" / "more.py").touch()
    target = tmp_path / "cache" / "a.tar.gz"
    source_tree.archive({"src": project, "runtime": tmp_path / "beside"}, target)
    with tarfile.open(target) as tar:
        members = {member.name: member for member in tar}
        text = tar.extractfile("src/shop/über.txt")
        assert text is not None
        assert text.read() == "ü\n".encode()
    assert {"runtime/more.py", "src/manage.py", "src/folder"} < set(members)
    assert members["src/manage.py"].mode & 0o111
    assert members["src/folder"].issym()
    assert members["src/dangling"].linkname == "nowhere"
    assert {(member.uid, member.gid, member.uname, member.mtime) for member in members.values()} == {(0, 0, "", 0)}
    assert list(target.parent.iterdir()) == [target]


def test_the_same_files_make_the_same_bytes(project: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "first.tar.gz", tmp_path / "second.tar.gz"
    source_tree.archive({"src": project}, first)
    os.utime(project / "manage.py", (1, 1))
    source_tree.archive({"src": project}, second)
    assert first.read_bytes() == second.read_bytes()


def test_the_newest_archives_stay(tmp_path: Path) -> None:
    for age, name in enumerate("abc"):
        (tmp_path / f"{name}.tar.gz").touch()
        os.utime(tmp_path / f"{name}.tar.gz", (1000 - age, 1000 - age))
    (tmp_path / "other").touch()
    source_tree.prune(tmp_path, 2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.tar.gz", "b.tar.gz", "other"]
