"""Where a project comes from: a git repository or an archive becomes a directory in the user's cache."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import lzma
import os
import re
import shlex
import shutil
import stat
import subprocess
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

from ansible_collections.asgiway.django.plugins.plugin_utils.declaration import COMMAND, WordsError
from ansible_collections.asgiway.django.plugins.plugin_utils.project_path import check_project
from ansible_collections.asgiway.django.plugins.plugin_utils.spelling import suggest
from ansible_collections.asgiway.django.plugins.plugin_utils.values import show

WORDS = ("app_path", "app_repo", "app_archive")
GIT_SECONDS = 600
KEEP_TREES = 10
NAMES = 6  # of branches and tags in a message
SHA = re.compile("[0-9a-f]{40}|[0-9a-f]{64}")
# what ssh says of itself, and what to type
STUMBLES = {
    "Host key verification failed": "Learn the host's key: ssh-keyscan HOST >> ~/.ssh/known_hosts",
    "UNPROTECTED PRIVATE KEY FILE": "Close the key: chmod 600 FILE",
}
BAD_ARCHIVE = (tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, RuntimeError, ValueError)


def choose(given: dict[str, Any], extra: Collection[str]) -> None:
    """Let a source that is said with -e count instead of another one in the inventory."""
    if any(given.get(word) for word in WORDS if word in extra):
        given.update((word, "") for word in WORDS if word not in extra)


def check(words: Mapping[str, Any], extra: Collection[str]) -> list[str]:
    """Return a sentence for two sources, and for what -e says of a repository that is none."""
    said = [word for word in WORDS if words.get(word)]
    both = f"{' and '.join(said)} are both set, and a project comes from one place; leave one out"
    return [both] * (len(said) > 1) + [
        f"{word} is {show(words[word])}, and there is no app_repo that it could be of; leave it out"
        for word in ("app_version", "app_repo_key")
        if word in extra and words.get(word) and not words.get("app_repo")
    ]


def fetch(words: Mapping[str, Any], start: str, key: str = "", command: str = COMMAND) -> str:
    """Return the directory of the project's source on this machine.

    Args:
        words: the checked words, one of the three sources among them.
        start: the directory that relative paths begin at.
        key: app_repo_key, opened.
        command: the command that messages suggest.

    Raises:
        WordsError: when it cannot be had, or has no project in it.
    """
    if words.get("app_path"):
        return str(words["app_path"])
    settings, subdirectory = words.get("app_settings") or "", words.get("app_subdirectory") or ""
    if words.get("app_repo"):
        repository, version = Repository(words["app_repo"], key), words.get("app_version") or ""
        tree = repository.tree(repository.commit(version))
        subject = f"app_repo {show(words['app_repo'])}" + (f" at {show(version)}" if version else "")
    else:
        archive = Path(start, os.path.expanduser(words["app_archive"]))  # noqa: PTH111  (Path's raises for ~nobody)
        tree, subject = unpack(archive), f"app_archive {show(str(archive))}"
        if archive.suffix == ".whl" and not settings:
            raise WordsError(f"{subject} is a wheel; name its settings: {command} -e app_settings=MODULE")
    check_project(tree, subject, settings, command, subdirectory)
    return str(tree)


def cache() -> Path:
    """Return the directory that all of it is kept in."""
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "asgiway"


@contextlib.contextmanager
def _draft(folder: Path, name: str) -> Iterator[Path | None]:
    """Give a directory to fill, which becomes folder/name when that ends well; None where it is there already.

    Others who want the same (a deploy checks once per host) wait meanwhile.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    target = folder / name
    with _locked(folder / f".{name}.lock"):
        if target.is_dir():
            os.utime(target)
            yield None
            return
        with tempfile.TemporaryDirectory(dir=folder, prefix=".draft-") as made:
            draft = Path(made, "tree")
            draft.mkdir()
            yield draft
            draft.rename(target)
    trees = sorted((path for path in folder.glob("[!.]*")), key=lambda path: path.stat().st_mtime, reverse=True)
    for old in trees[KEEP_TREES:]:
        shutil.rmtree(old, ignore_errors=True)


@contextlib.contextmanager
def _locked(file: Path) -> Iterator[None]:
    with file.open("a") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


# --- git ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Repository:
    """A git repository, and its bare copy in the cache."""

    url: str
    key: str = ""  # file of a private key for ssh

    @property
    def copy(self) -> Path:
        """The bare copy."""
        return cache() / "repositories" / f"{hashlib.sha256(self.url.encode()).hexdigest()[:24]}.git"

    def git(self, *words: str, folder: Path | None = None) -> str:
        """Run git without questions to anybody; return what it prints.

        Raises:
            WordsError: with git's own words.
        """
        ssh = "ssh -o BatchMode=yes" + (f" -o IdentitiesOnly=yes -i {shlex.quote(self.key)}" if self.key else "")
        environment = {name: value for name, value in os.environ.items() if name not in ("GIT_DIR", "GIT_WORK_TREE")}
        environment |= {"GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
        if self.key or "GIT_SSH_COMMAND" not in environment:
            environment["GIT_SSH_COMMAND"] = ssh
        try:
            done = subprocess.run(  # noqa: S603
                ["git", *words],  # noqa: S607
                cwd=folder or self.copy,
                env=environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=GIT_SECONDS,
                check=False,
            )
        except FileNotFoundError:
            raise WordsError("app_repo needs git on this machine: apt install git") from None
        except subprocess.TimeoutExpired:
            raise WordsError(f"app_repo {show(self.url)} did not answer in {GIT_SECONDS} s") from None
        if done.returncode:
            lines = [line.strip("@ ") for line in done.stderr.splitlines() if line.strip("@ ")]
            advice = ("Please make sure", "and the repository exists", "hint:", "Cloning into")
            said = "; ".join(line.rstrip(".") for line in lines if not line.startswith(advice))
            said += "".join(f". {advice}" for sign, advice in STUMBLES.items() if sign in said)
            raise WordsError(f"app_repo {show(self.url)} cannot be read: {said or 'git does not say why'}")
        return done.stdout.strip()

    def commit(self, version: str) -> str:
        """Fetch, and return the commit of a branch, a tag or a commit; of nothing, that of the default branch."""
        self.copy.mkdir(parents=True, exist_ok=True, mode=0o700)
        with _locked(self.copy.with_suffix(".lock")):
            self.git("init", "--quiet", "--bare")
            if SHA.fullmatch(version) and self._has(version):
                return version  # a commit never changes, so nobody needs to be asked
            refs = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*", "+HEAD:refs/asgiway/default")
            self.git("fetch", "--quiet", "--prune", "--no-tags", self.url, *refs)
            names = [f"refs/tags/{version}", f"refs/heads/{version}"] if version else ["refs/asgiway/default"]
            if re.fullmatch("[0-9a-f]{7,64}", version):
                names.append(version)
            for name in names:
                if found := self._has(name):
                    return found
            if SHA.fullmatch(version):  # of no branch, as the head of a pull request
                with contextlib.suppress(WordsError):
                    self.git("fetch", "--quiet", "--no-tags", self.url, version)
                    return self._has(version) or self._unknown(version)
            return self._unknown(version)

    def _has(self, name: str) -> str:
        with contextlib.suppress(WordsError):
            return self.git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
        return ""

    def _unknown(self, version: str) -> str:
        names = self.git("for-each-ref", "--format=%(refname:lstrip=2)", "refs/heads", "refs/tags").split()
        near = suggest(version, names, 0.6)
        also = f"; did you mean {near}?" if near else f"; it has: {', '.join(names[:NAMES])}"
        also += " ..." if not near and len(names) > NAMES else ""
        raise WordsError(f"app_version {show(version)} is no branch, tag or commit of {show(self.url)}{also}")

    def tree(self, commit: str) -> Path:
        """Return a directory with the files of a commit and of its submodules."""
        name = hashlib.sha256(f"{self.url}\0{commit}".encode()).hexdigest()[:24]
        with _draft(cache() / "trees", name) as draft:
            if draft:
                self.git("clone", "--quiet", "--shared", "--no-checkout", str(self.copy), str(draft))
                # submodules with relative addresses begin at the real one
                self.git("remote", "set-url", "origin", self.url, folder=draft)
                self.git("checkout", "--quiet", "--detach", commit, folder=draft)
                if (draft / ".gitmodules").is_file():
                    self.git("submodule", "--quiet", "update", "--init", "--recursive", folder=draft)
                shutil.rmtree(draft / ".git")
        return cache() / "trees" / name


# --- archives -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Entry:
    """One member of an archive."""

    name: str
    kind: str  # file, directory, link or other
    executable: bool
    link: str
    open: Callable[[], IO[bytes] | None]


def unpack(archive: Path) -> Path:
    """Return a directory with the files of a zip, a tar or an sdist; of a wheel, with the wheel itself.

    A directory that holds all of them, as in an sdist, is left out.

    Raises:
        WordsError: when it cannot be read, or wants to write outside of its directory.
    """
    try:
        with archive.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()[:24]
        with _draft(cache() / "trees", digest) as draft:
            if draft and archive.suffix == ".whl":
                _check_wheel(archive)
                shutil.copyfile(archive, draft / archive.name)
            elif draft:
                _extract(archive, draft)
                inside = list(draft.iterdir())
                if len(inside) == 1 and inside[0].is_dir() and not inside[0].is_symlink():
                    top = inside[0].rename(draft.parent / "top")
                    draft.rmdir()
                    top.rename(draft)
    except BAD_ARCHIVE as error:
        if isinstance(error, WordsError):
            raise
        raise WordsError(f"app_archive {show(str(archive))} cannot be unpacked: {_reason(error)}") from error
    except OSError as error:
        raise WordsError(f"app_archive {show(str(archive))} cannot be read ({error.strerror or error})") from error
    return cache() / "trees" / digest


def _reason(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _check_wheel(archive: Path) -> None:
    with zipfile.ZipFile(archive) as wheel:
        if not any(re.fullmatch(r"[^/]+\.dist-info/METADATA", name) for name in wheel.namelist()):
            raise ValueError("it has no METADATA, so it is no wheel")


def _extract(archive: Path, target: Path) -> None:
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as source:
            _write([_zip_entry(source, info) for info in source.infolist()], target)
    elif tarfile.is_tarfile(archive):
        with tarfile.open(archive) as tar:
            _write([_tar_entry(tar, member) for member in tar.getmembers()], target)
    else:
        raise ValueError("it is neither a zip nor a tar (.gz, .bz2 or .xz), nor a wheel or an sdist, which are such")


def _zip_entry(source: zipfile.ZipFile, info: zipfile.ZipInfo) -> Entry:
    mode = info.external_attr >> 16
    link = source.read(info).decode() if stat.S_ISLNK(mode) else ""
    kind = "link" if link else "directory" if info.is_dir() else "file"
    return Entry(info.filename, kind, bool(mode & stat.S_IXUSR), link, lambda: source.open(info))


def _tar_entry(tar: tarfile.TarFile, member: tarfile.TarInfo) -> Entry:
    # a hard link is read as the file that it is
    kinds = ((member.issym(), "link"), (member.isdir(), "directory"), (member.isreg() or member.islnk(), "file"))
    kind = next((kind for holds, kind in kinds if holds), "other")
    return Entry(member.name, kind, bool(member.mode & stat.S_IXUSR), member.linkname, lambda: tar.extractfile(member))


def _write(entries: list[Entry], target: Path) -> None:
    """Write the entries below target; links come last, so nothing is ever written through one."""
    base = target.resolve()
    for entry in sorted(entries, key=lambda entry: entry.kind == "link"):
        name = PurePosixPath(entry.name)
        if name.is_absolute() or ".." in name.parts or "\\" in entry.name:
            raise ValueError(f"it holds {show(entry.name)}, which would be written outside of its directory")
        path = base / name
        if path.parent.resolve() != path.parent:
            raise ValueError(f"it holds {show(entry.name)}, which would be written through a link")
        if entry.kind == "directory":
            path.mkdir(parents=True, exist_ok=True)
        elif entry.kind == "file":
            path.parent.mkdir(parents=True, exist_ok=True)
            content = None
            with contextlib.suppress(KeyError):
                content = entry.open()
            if content is None:
                raise ValueError(f"it holds {show(entry.name)}, a link to a file that it does not hold")
            with content, path.open("wb") as file:
                shutil.copyfileobj(content, file)
            path.chmod(0o755 if entry.executable else 0o644)
        elif entry.kind == "link":
            aim = Path(os.path.normpath(path.parent / entry.link))
            if PurePosixPath(entry.link).is_absolute() or base not in (aim, *aim.parents):
                raise ValueError(f"it holds {show(entry.name)}, a link that leads outside of its directory")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.symlink_to(entry.link)
        else:
            raise ValueError(f"it holds {show(entry.name)}, which is neither a file nor a directory nor a link")
