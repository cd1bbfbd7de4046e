"""Static files of all releases share one directory; nobody ever sees half a file."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from asgiway_runtime import publish


@pytest.fixture
def release(tmp_path: Path) -> Path:
    source = tmp_path / "release"
    (source / "css" / "deep").mkdir(parents=True)
    (source / "css" / "a.0123456789ab.css").write_text("a {}")
    (source / "css" / "deep" / "b.css").write_text("b {}")
    (source / "staticfiles.json").write_text("{}")
    (source / "css" / "deep" / "b.css").chmod(0o600)
    return source


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    target = tmp_path / "shared"
    target.mkdir()
    return target


def test_a_compressed_copy_of_another_content_goes(release: Path, shared: Path) -> None:
    (release / "css/app.css").write_text("old")
    (release / "css/app.css.gz").write_text("old, compressed")
    (release / "css/same.css").write_text("same")
    (release / "css/same.css.gz").write_text("same, compressed")
    publish.publish(release, shared)
    (release / "css/app.css").write_text("new")
    (release / "css/app.css.gz").unlink()
    (release / "css/same.css.gz").unlink()
    publish.publish(release, shared)
    assert (shared / "css/app.css").read_text() == "new"
    assert not (shared / "css/app.css.gz").exists()
    assert (shared / "css/same.css.gz").exists()


def test_everything_is_copied_and_readable_for_nginx(release: Path, shared: Path) -> None:
    names = [str(name) for name in publish.publish(release, shared)]
    assert names == ["css/a.0123456789ab.css", "css/deep/b.css", "staticfiles.json"]
    assert (shared / "css/deep/b.css").read_text() == "b {}"
    assert (shared / "css/deep/b.css").stat().st_mode & 0o777 == 0o644
    assert (shared / "css/deep").stat().st_mode & 0o777 == 0o755


def test_a_second_time_writes_nothing(release: Path, shared: Path) -> None:
    publish.publish(release, shared)
    assert publish.publish(release, shared) == []


def test_only_what_differs_is_written_though_size_and_time_are_the_same(release: Path, shared: Path) -> None:
    publish.publish(release, shared)
    there = shared / "css/deep/b.css"
    before = there.stat()
    (release / "css/deep/b.css").write_text("c {}")
    os.utime(release / "css/deep/b.css", ns=(before.st_atime_ns, before.st_mtime_ns))
    assert [str(name) for name in publish.publish(release, shared)] == ["css/deep/b.css"]
    assert there.read_text() == "c {}"


def test_files_of_other_releases_stay(release: Path, shared: Path) -> None:
    (shared / "css").mkdir()
    (shared / "css" / "a.ffffffffffff.css").write_text("old {}")
    publish.publish(release, shared)
    assert (shared / "css" / "a.ffffffffffff.css").read_text() == "old {}"


def test_who_reads_the_old_file_keeps_it_whole(release: Path, shared: Path) -> None:
    publish.publish(release, shared)
    (release / "staticfiles.json").write_text('{"new": 1}')
    with (shared / "staticfiles.json").open() as reader:
        publish.publish(release, shared)
        assert reader.read() == "{}"
    assert (shared / "staticfiles.json").read_text() == '{"new": 1}'
    assert not list(shared.rglob(".*"))


def test_the_command_prints_what_it_wrote(release: Path, shared: Path) -> None:
    argv = [sys.executable, publish.__file__, str(release), str(shared)]
    first, second = (subprocess.run(argv, capture_output=True, text=True, check=True).stdout for _ in range(2))
    assert len(first.splitlines()) == 3
    assert second == ""


def test_the_link_leads_to_the_release_once_its_files_are_there(tmp_path: Path, shared: Path) -> None:
    live, static = tmp_path / "live", tmp_path / "releases/new/static"
    static.mkdir(parents=True)
    (static / "b.css").touch()
    (shared / "of_a_retired_release.css").touch()
    live.symlink_to("another")
    argv = [sys.executable, publish.__file__, f"--live={live}", str(static), str(shared)]
    first, second = (subprocess.run(argv, capture_output=True, text=True, check=True).stdout for _ in range(2))
    assert str(live.readlink()) == "releases/new"
    assert (first.split(), second) == (["b.css", "of_a_retired_release.css", str(live)], "")
    live.unlink()
    live.symlink_to("another")
    shutil.rmtree(shared)
    shared.touch()
    assert subprocess.run(argv, capture_output=True).returncode
    assert str(live.readlink()) == "another", "switched without its static files"


def test_what_no_kept_release_has_is_pruned(tmp_path: Path, shared: Path) -> None:
    for release, name in (("one", "deep/a.1.css"), ("one", "both.css"), ("two", "both.css")):
        path = tmp_path / "releases" / release / "static" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    for release in ("one", "two"):
        publish.publish(tmp_path / "releases" / release / "static", shared)
    (shared / ".b.2.css.77").write_text("a draft of a killed run")
    shutil.rmtree(tmp_path / "releases" / "one")
    argv = [sys.executable, publish.__file__, "--prune", str(tmp_path / "releases"), str(shared)]
    printed = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
    assert sorted(printed.split()) == [".b.2.css.77", "deep/a.1.css"]
    assert [path.name for path in shared.rglob("*")] == ["both.css"]
