"""The identity and the archive of a project's files on the controller."""

from __future__ import annotations

import fnmatch
import gzip
import hashlib
import os
import stat
import tarfile
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

# what a working copy collects and a site does not need; SQLite files would carry a developer's data to the host
EXCLUDE = (
    ".git",
    ".hg",
    ".svn",
    ".venv",
    "venv",
    ".tox",
    ".idea",
    ".vscode",
    "__pycache__",
    "*.pyc",
    ".mypy_cache",
    ".ruff_cache",
    ".pytest_cache",
    "node_modules",
    "*.sqlite3",
    "*.sqlite3-*",
    ".DS_Store",
)


def files(root: Path, exclude: Sequence[str] = EXCLUDE) -> Iterator[Path]:
    """Yield files and links below root, sorted, without what matches an exclude pattern by name."""
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if not _matches(name, exclude))
        links = [name for name in folders if (Path(folder) / name).is_symlink()]
        for name in sorted(names + links):
            path = Path(folder) / name
            if not _matches(name, exclude) and (path.is_symlink() or path.is_file()):
                yield path


def _matches(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatch.fnmatch(name, pattern) for pattern in patterns)


def identity(roots: dict[str, Path], exclude: Sequence[str] = EXCLUDE, laid: Mapping[str, Path] | None = None) -> str:
    """Return the SHA-256 (hex) of names, executable bits, link targets and contents of all files, those laid in too."""
    digest = hashlib.sha256()
    for prefix, root in sorted(roots.items()):
        for path in files(root, exclude):
            name = f"{prefix}/{path.relative_to(root)}"
            if path.is_symlink():
                digest.update(f"link {name}\0{path.readlink()}\0".encode())
                continue
            kind = "x" if path.stat().st_mode & stat.S_IXUSR else "f"
            content = hashlib.sha256(path.read_bytes()).hexdigest()
            digest.update(f"{kind} {name}\0{content}\0".encode())
    for name, path in sorted((laid or {}).items()):
        digest.update(f"laid {name}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\0".encode())
    return digest.hexdigest()


def archive(roots: dict[str, Path], target: Path, exclude: Sequence[str] = EXCLUDE) -> None:
    """Write a tar.gz of the roots under their prefixes, the same bytes for the same files, by an atomic rename."""
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle, temporary = tempfile.mkstemp(dir=target.parent)
    with (
        os.fdopen(handle, "wb") as raw,
        gzip.GzipFile(fileobj=raw, mode="wb", mtime=0, compresslevel=3) as zipped,
        tarfile.open(fileobj=zipped, mode="w") as tar,
    ):
        for prefix, root in sorted(roots.items()):
            for path in files(root, exclude):
                info = tar.gettarinfo(str(path), f"{prefix}/{path.relative_to(root)}")
                info.mtime, info.uid, info.gid, info.uname, info.gname = 0, 0, 0, "", ""
                if info.isreg():
                    with path.open("rb") as content:
                        tar.addfile(info, content)
                else:
                    tar.addfile(info)
    Path(temporary).replace(target)


def prune(folder: Path, keep: int) -> None:
    """Remove all but the newest `keep` archives of a folder."""
    archives = sorted(folder.glob("*.tar.gz"), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in archives[keep:]:
        path.unlink(missing_ok=True)
