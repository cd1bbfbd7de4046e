"""A project from a git repository or an archive: what comes of it, and what is refused."""

from __future__ import annotations

import io
import os
import stat
import subprocess
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.asgiway.django.plugins.plugin_utils import dependencies, project, sources
from ansible_collections.asgiway.django.plugins.plugin_utils.words import WordsError, show
from validating import validate_words

MANAGE = 'os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")\n'


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep the user's cache and git configuration out of it."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
    (tmp_path / "gitconfig").write_text(
        "[user]\n name = A\n email = a@example.com\n[init]\n defaultBranch = trunk\n"
        '[protocol "file"]\n allow = always\n'
    )
    return tmp_path / "cache/asgiway"


def git(folder: Path, *words: str) -> str:
    return subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


def commit(folder: Path, name: str, text: str) -> str:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", name)
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Return a repository: v1 is a tag, v2 a branch, trunk the default."""
    folder = tmp_path / "shop"
    folder.mkdir()
    git(folder, "init", "-q")
    commit(folder, "manage.py", MANAGE)
    commit(folder, "version", "1")
    git(folder, "tag", "-a", "v1", "-m", "one")
    git(folder, "checkout", "-qb", "v2")
    commit(folder, "version", "2")
    git(folder, "checkout", "-q", "trunk")
    commit(folder, "version", "3")
    return folder


def fetch(**words: str) -> Path:
    return Path(sources.fetch({f"app_{name}": value for name, value in words.items()}, "/"))


def sentence(**words: str) -> str:
    with pytest.raises(WordsError) as caught:
        fetch(**words)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(("version", "content"), [("", "3"), ("v1", "1"), ("v2", "2"), ("trunk", "3")])
def test_a_version_is_a_tag_a_branch_or_the_default(repository: Path, version: str, content: str) -> None:
    tree = fetch(repo=str(repository), version=version)
    assert (tree / "version").read_text() == content
    assert not (tree / ".git").exists()


def test_a_commit_of_no_branch_and_a_short_one(repository: Path) -> None:
    git(repository, "checkout", "-q", "--detach")
    lost = commit(repository, "version", "4")
    git(repository, "update-ref", "refs/pull/1/head", lost)
    git(repository, "checkout", "-q", "trunk")
    git(repository, "config", "uploadpack.allowReachableSHA1InWant", "true")
    assert (fetch(repo=f"file://{repository}", version=lost) / "version").read_text() == "4"
    first = git(repository, "rev-parse", "v1^{commit}")
    assert (fetch(repo=str(repository), version=first[:10]) / "version").read_text() == "1"


def test_a_branch_moves_and_a_known_commit_asks_nobody(repository: Path) -> None:
    old = git(repository, "rev-parse", "HEAD")
    assert (fetch(repo=str(repository)) / "version").read_text() == "3"
    commit(repository, "version", "5")
    assert (fetch(repo=str(repository)) / "version").read_text() == "5"
    repository.rename(repository.with_name("gone"))
    assert (fetch(repo=str(repository), version=old) / "version").read_text() == "3"


def test_the_working_directory_is_not_touched(repository: Path) -> None:
    (repository / "version").write_text("mine")
    before = git(repository, "status", "--porcelain")
    assert (fetch(repo=str(repository)) / "version").read_text() == "3"
    assert git(repository, "status", "--porcelain") == before == "M version"


def test_submodules_come_with_it(repository: Path, tmp_path: Path) -> None:
    library = tmp_path / "library"
    library.mkdir()
    git(library, "init", "-q")
    commit(library, "code.py", "x = 1")
    git(repository, "submodule", "--quiet", "add", "../library", "vendor/library")
    git(repository, "commit", "-qm", "library")
    assert (fetch(repo=str(repository)) / "vendor/library/code.py").read_text() == "x = 1"


def test_what_git_cannot_do_is_a_sentence(repository: Path, socket_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = socket_dir / "gone.git"
    assert sentence(repo=str(gone)) == (
        f"app_repo {gone} cannot be read: fatal: '{gone}' does not appear to be a git repository;"
        " fatal: Could not read from remote repository"
    )
    shown = f"app_version {{}} is no branch, tag or commit of {repository}"
    assert sentence(repo=str(repository), version="v11") == shown.format("v11") + "; did you mean v1?"
    assert sentence(repo=str(repository), version="main") == shown.format("main") + "; it has: trunk, v2, v1"
    assert sentence(repo=str(repository), version="0" * 40) == shown.format("0" * 40) + "; it has: trunk, v2, v1"
    assert sentence(repo="https://127.0.0.1:1/shop.git").startswith(
        "app_repo https://127.0.0.1:1/shop.git cannot be read: fatal: unable to access "
    )
    monkeypatch.setenv("PATH", str(socket_dir))
    assert sentence(repo=str(repository)) == "app_repo needs git on this machine: apt install git"


def test_the_key_is_for_ssh(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tool = tmp_path / "bin/ssh"
    tool.parent.mkdir()
    tool.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/asked\necho "Permission denied (publickey)." >&2\nexit 255\n')
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tool.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("GIT_SSH_COMMAND", "false")
    with pytest.raises(WordsError, match=r"shop.git cannot be read: Permission denied \(publickey\); fatal: "):
        sources.fetch({"app_repo": "git@git.invalid:shop.git"}, "/", str(tmp_path / "a key"))
    asked = (tmp_path / "asked").read_text()
    assert f"-o BatchMode=yes -o IdentitiesOnly=yes -i {tmp_path}/a key" in asked


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        (
            "Host key verification failed.",
            "verification failed; fatal: .*Learn the host's key: ssh-keyscan HOST",
        ),
        (
            "@@@@@@@\n@   WARNING: UNPROTECTED PRIVATE KEY FILE!   @\n@@@@@@@\ngit@x: Permission denied (publickey).",
            r"read: WARNING: UNPROTECTED PRIVATE KEY FILE!; git@x: Permission denied \(publickey\); .* chmod 600",
        ),
    ],
)
def test_what_ssh_stumbles_over_first_has_a_command(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, sentence: str
) -> None:
    tool = tmp_path / "bin/ssh"
    tool.parent.mkdir()
    tool.write_text(f"#!/bin/sh\ncat >&2 <<'END'\n{said}\nEND\nexit 255\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tool.parent}:{os.environ['PATH']}")
    with pytest.raises(WordsError, match=sentence):
        sources.fetch({"app_repo": "git@git.invalid:shop.git"}, "/")


def test_a_source_without_a_project(repository: Path, tmp_path: Path) -> None:
    git(repository, "rm", "-q", "manage.py")
    commit(repository, "backend/manage.py", MANAGE)
    wanted = "give the directory that holds it, or app_settings=<module>."
    assert sentence(repo=str(repository), version="trunk") == (
        f"app_repo {repository} at trunk has no manage.py; {wanted} Try: ./asgiway deploy -e app_subdirectory=backend"
    )
    assert sentence(repo=str(repository), subdirectory="web") == (
        f"app_subdirectory is web, and app_repo {repository} has no such directory"
    )
    assert project.inspect(str(fetch(repo=str(repository), subdirectory="backend")), subdirectory="backend")


def test_only_the_newest_trees_stay(repository: Path, cache: Path) -> None:
    for number in range(sources.KEEP_TREES + 3):
        newest = commit(repository, "version", f"n{number}")
        fetch(repo=str(repository), version=newest)
    trees = [path for path in (cache / "trees").iterdir() if path.is_dir()]
    assert len(trees) == sources.KEEP_TREES
    assert f"n{number}" in [(tree / "version").read_text() for tree in trees]


# --- archives -------------------------------------------------------------------------------------------------------


FILES = {"shop-1.0/manage.py": MANAGE, "shop-1.0/shop/settings.py": "", "shop-1.0/bin/run": "#!/bin/sh"}


def tarred(target: Path, change: Callable[[tarfile.TarInfo], Any] = lambda _info: None) -> Path:
    mode = {".gz": "w:gz", ".xz": "w:xz", ".bz2": "w:bz2"}.get(target.suffix, "w")
    with tarfile.open(target, mode) as tar:  # type: ignore[call-overload]
        for name, text in FILES.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(text), 0o755 if "bin" in name else 0o600
            change(info)
            tar.addfile(info, io.BytesIO(text.encode()))
    return target


def zipped(target: Path, files: dict[str, str] | None = None, modes: dict[str, int] | None = None) -> Path:
    with zipfile.ZipFile(target, "w") as archive:
        for name, text in (files or FILES).items():
            info = zipfile.ZipInfo(name)
            info.external_attr = (modes or {}).get(name, 0o100755 if "bin" in name else 0o100644) << 16
            archive.writestr(info, text)
    return target


@pytest.mark.parametrize("name", ["shop.tar", "shop-1.0.tar.gz", "shop.tar.xz", "shop.tar.bz2", "shop.zip"])
def test_an_archive_is_unpacked_without_its_top_directory(tmp_path: Path, name: str) -> None:
    tree = fetch(archive=str((zipped if name.endswith("zip") else tarred)(tmp_path / name)))
    assert sorted(path.name for path in tree.iterdir()) == ["bin", "manage.py", "shop"]
    assert (tree / "manage.py").read_text() == MANAGE
    assert [(tree / path).stat().st_mode & stat.S_IXUSR for path in ("bin/run", "manage.py")] == [stat.S_IXUSR, 0]


def test_the_same_content_is_the_same_tree_and_another_is_another(tmp_path: Path) -> None:
    first = fetch(archive=str(zipped(tmp_path / "a.zip")))
    assert fetch(archive=str(zipped(tmp_path / "b.zip"))) == first
    assert fetch(archive=str(zipped(tmp_path / "a.zip", {**FILES, "shop-1.0/new": ""}))) != first


def test_links_stay_links(tmp_path: Path) -> None:
    files = {**FILES, "shop-1.0/link": "shop/settings.py"}
    tree = fetch(archive=str(zipped(tmp_path / "a.zip", files, {"shop-1.0/link": stat.S_IFLNK | 0o777})))
    assert (tree / "link").readlink() == Path("shop/settings.py")


def renamed(name: str) -> Callable[[tarfile.TarInfo], Any]:
    return lambda info: setattr(info, "name", name) if info.name.endswith("run") else None


def linked(aim: str, kind: bytes = tarfile.SYMTYPE) -> Callable[[tarfile.TarInfo], Any]:
    def change(info: tarfile.TarInfo) -> None:
        if info.name.endswith("run"):
            info.type, info.linkname, info.size = kind, aim, 0

    return change


OUTSIDE = "which would be written outside of its directory"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (renamed("../evil"), f"it holds ../evil, {OUTSIDE}"),
        (renamed("/evil"), f"it holds /evil, {OUTSIDE}"),
        (linked("../../../evil"), "it holds shop-1.0/bin/run, a link that leads outside of its directory"),
        (linked("/etc/passwd"), "it holds shop-1.0/bin/run, a link that leads outside of its directory"),
        (linked("gone", tarfile.LNKTYPE), "it holds shop-1.0/bin/run, a link to a file that it does not hold"),
        (linked("", tarfile.CHRTYPE), "it holds shop-1.0/bin/run, which is neither a file nor a directory nor a link"),
    ],
)
def test_what_would_leave_the_directory_is_refused(
    socket_dir: Path, cache: Path, change: Callable[[tarfile.TarInfo], Any], why: str
) -> None:
    archive = tarred(socket_dir / "shop.tar", change)
    assert sentence(archive=str(archive)) == f"app_archive {archive} cannot be unpacked: {why}"
    assert not (socket_dir / "evil").exists()
    assert not [path for path in (cache / "trees").iterdir() if not path.name.endswith(".lock")]


def test_nothing_is_written_through_a_link(tmp_path: Path) -> None:
    files = {"a": "b/c", "a/x": "b", "b/c/d": ""}
    archive = zipped(tmp_path / "a.zip", files, {"a": stat.S_IFLNK | 0o777, "a/x": stat.S_IFLNK | 0o777})
    assert sentence(archive=str(archive)).endswith("it holds a/x, which would be written through a link")


def test_a_bad_archive_is_a_sentence(socket_dir: Path) -> None:
    file = socket_dir / "shop.zip"
    assert sentence(archive=str(file)) == f"app_archive {file} cannot be read (No such file or directory)"
    file.write_text("<html>404</html>")
    assert "it is neither a zip nor a tar" in sentence(archive=str(file))
    whole = tarred(socket_dir / "shop.tar.gz").read_bytes()
    (socket_dir / "cut.tar.gz").write_bytes(whole[: len(whole) // 2])
    assert "cut.tar.gz cannot be unpacked: " in sentence(archive=str(socket_dir / "cut.tar.gz"))
    file.with_suffix(".whl").write_bytes(zipped(file).read_bytes())
    assert sentence(archive=str(file.with_suffix(".whl"))).endswith("it has no METADATA, so it is no wheel")


METADATA = "Name: shop\nRequires-Dist: channels-redis>=4 ; extra == 'live'\nProvides-Extra: live\n\nWords\n"


def test_a_wheel_is_installed_as_it_is(tmp_path: Path) -> None:
    wheel = zipped(tmp_path / "shop-1.0-py3-none-any.whl", {"shop-1.0.dist-info/METADATA": METADATA})
    assert sentence(archive=str(wheel)) == (
        f"app_archive {show(str(wheel))} is a wheel; name its settings: ./asgiway deploy -e app_settings=MODULE"
    )
    found = project.inspect(str(fetch(archive=str(wheel), settings="shop.settings")), "shop.settings", extras=["live"])
    assert (found["requirements"], found["requirements_file"]) == ("wheel", wheel.name)
    assert found["channels_redis"] is True
    assert found["asgi"] == "shop.asgi:application"
    with pytest.raises(dependencies.ProjectError, match=r"app_extras holds no; .* has: live$"):
        project.inspect(str(fetch(archive=str(wheel), settings="shop.settings")), "shop.settings", extras=["no"])


# --- the words ------------------------------------------------------------------------------------------------------

SITE = {"app_name": "shop", "server": "gunicorn"}
GOOD = {
    "app_repo": "https://git.example.com/a.git ssh://git@git.example.com:2222/a git@git.example.com:a file:///a /a",
    "app_version": "v2.1 feature/new-cart 0a1b2c3 1.0+debian _x",
    "app_subdirectory": "backend apps/shop.site .hidden",
}
BAD = {
    "app_repo": "https://me:hunter2@git.example.com/a ssh://git:hunter2@git.example.com/a ext::sh ssh://-oProxyCommand=x/a"
    " --upload-pack=x -x@h:a git@-h:a a/b file://h/x",
    "app_version": "-x a..b /x ~x HEAD^ a:b",
    "app_subdirectory": ".. ../a a/../b a/.. /a .",
}


@pytest.mark.parametrize(("word", "value"), [(word, value) for word in GOOD for value in GOOD[word].split()])
def test_what_may_be_said(word: str, value: str) -> None:
    assert "it must be" not in validate_words({**SITE, word: value, "app_path": "nowhere"})["msg"]


@pytest.mark.parametrize(("word", "value"), [(word, value) for word in BAD for value in BAD[word].split()])
def test_what_may_not_be_said_is_not_shown_to_git(word: str, value: str, cache: Path) -> None:
    said = validate_words({**SITE, "app_repo": "/nowhere/a.git", word: value})["msg"]
    assert said.startswith(f"{word} is ")
    assert "it must be empty or " in said
    assert "hunter2" not in said
    assert not cache.exists()


def test_one_source_is_enough_and_two_are_too_many(repository: Path) -> None:
    two = {**SITE, "app_repo": str(repository), "app_archive": "shop.zip"}
    assert validate_words(two)["msg"] == (
        "app_repo and app_archive are both set, and a project comes from one place; leave one out"
    )
    assert validate_words(SITE)["msg"] == (
        "app_path is not set, nor is app_repo or app_archive. Try: ./asgiway deploy -e app_path=~/code/shop"
    )


def test_a_source_of_the_command_line_counts_instead_of_one_in_the_inventory(repository: Path) -> None:
    (repository / "shop").mkdir()
    (repository / "shop/settings.py").touch()
    commit(repository, "shop/wsgi.py", "")
    result = validate_words({**SITE, "app_path": "nowhere"}, {"app_repo": str(repository)})
    assert (Path(result["source"]) / "version").read_text() == "3"
    assert (result["words"]["app_path"], result["project"]["settings"]) == ("", "shop.settings")


def test_a_version_without_a_repository_is_refused(repository: Path) -> None:
    commit(repository, "shop/settings.py", "")
    commit(repository, "shop/wsgi.py", "")
    site = {**SITE, "app_path": str(repository)}
    assert validate_words(site, {"app_version": "v1"})["msg"] == (
        "app_version is v1, and there is no app_repo that it could be of; leave it out"
    )
    assert "msg" not in validate_words({**site, "app_version": "v1"})  # an inventory of a repository, and -e app_path


def test_a_key_that_is_not_there(repository: Path, tmp_path: Path) -> None:
    words = {**SITE, "app_repo": str(repository), "app_repo_key": str(tmp_path / "key")}
    assert validate_words(words)["msg"] == (
        f"app_repo_key {tmp_path}/key cannot be read: there is no such file on this machine"
    )


def test_playbooks_without_the_project_fetch_nothing(repository: Path) -> None:
    result = validate_words({"app_name": "shop", "app_repo": "git@git.invalid:x"}, ignore=["server", *sources.WORDS])
    assert (result["source"], result["project"]) == ("", {})
