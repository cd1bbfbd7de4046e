"""How a project states its dependencies, read as text: the file, its extras and groups, the packages it asks for."""

from __future__ import annotations

import hashlib
import json
import os
import re
import tomllib
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from email.message import Message
from email.parser import Parser
from pathlib import Path
from typing import Any

# the first that exists is the one the release installs; a lock comes before what it was made from
LOCKS = ("uv.lock", "pylock.toml", "poetry.lock", "Pipfile.lock")
REQUIREMENTS = ("requirements.txt", "requirements/production.txt", "requirements/prod.txt", "requirements/base.txt")
BESIDE = {"uv.lock": "pyproject.toml", "poetry.lock": "pyproject.toml"}  # a lock is read together with this file
DEPTH = 8  # of `-r other.txt` chains
INCLUDED = re.compile(r"(?:-r|-c|--requirement|--constraint)[\s=]*(\S+)")
# Pipfile.lock's own names of its two usual categories: https://pipenv.pypa.io/en/stable/pipfile.html
PIPFILE = {"default": "packages", "develop": "dev-packages"}
# where a file states packages that lie in the source: what is installed then depends on more than the file
LOCAL = {
    "uv.lock": r'\b(?:editable|directory|path) *= *"',
    "pylock.toml": r'\bdirectory\b *[\]={]|\bpath *= *"',
    "poetry.lock": r'^type *= *"(?:directory|file)"',
    "Pipfile.lock": r'"(?:path|file|editable)" *:',
    "pyproject": r"^dynamic *=[^\]]*dependencies|\b(?:path|workspace|editable) *=|@ *(?:file:|\.)",
}


class ProjectError(ValueError):
    """A sentence for the user."""


@dataclass(frozen=True)
class Dependencies:
    """Where they stand."""

    root: Path  # of the source
    kind: str  # one of LOCKS, requirements, pyproject, wheel or none
    file: str = ""  # relative to the root
    directory: str = ""  # relative to the root: where the tool that reads the file is started

    @property
    def path(self) -> Path:
        """The file."""
        return self.root / self.file


def find(root: Path, subdirectory: str = "", named: str = "") -> Dependencies:
    """Return the file that a release installs: the named one, else the first in the project's directory or the root.

    Args:
        root: of the source.
        subdirectory: the project's directory in it.
        named: app_requirements, relative to the root.

    Raises:
        ProjectError: when the named file is not there, or is none that can be installed.
    """
    if named:
        return _named(root, subdirectory, named)
    wheels = list(root.glob("*.whl"))
    if len(wheels) == 1 and len(list(root.iterdir())) == 1:  # app_archive
        return Dependencies(root, "wheel", wheels[0].name)
    for directory in dict.fromkeys((subdirectory, "")):
        kind, name = _first(root / directory)
        if kind == "uv.lock" and (root / subdirectory / "pyproject.toml").is_file():
            return Dependencies(root, kind, _join(directory, name), subdirectory)  # it may be a member of a workspace
        if kind != "none":
            return Dependencies(root, kind, _join(directory, name), directory)
    for directory in dict.fromkeys((subdirectory, "")):
        if (root / directory / "Pipfile").is_file():
            raise ProjectError(f"{root / directory / 'Pipfile'} has no Pipfile.lock beside it; make one: pipenv lock")
        if "poetry" in _tools(root / directory):
            raise ProjectError(f"{root / directory} has no poetry.lock; make one: poetry lock")
    return Dependencies(root, "none")


def _first(folder: Path) -> tuple[str, str]:
    for name in LOCKS:
        if (folder / name).is_file() and (folder / BESIDE.get(name, name)).is_file():
            return name, name
    for name in REQUIREMENTS:
        if (folder / name).is_file():
            return "requirements", name
    if isinstance(toml(folder / "pyproject.toml").get("project"), dict):
        return "pyproject", "pyproject.toml"
    return "none", ""


def _named(root: Path, subdirectory: str, named: str) -> Dependencies:
    path = root / named
    if not path.is_file():
        raise ProjectError(f"app_requirements is {named}, and {root} has no such file")
    name = path.name
    kind = {"pyproject.toml": "pyproject"}.get(name, name if name in LOCKS else "requirements")
    if re.fullmatch(r"pylock\.[^.]+\.toml", name):
        kind = "pylock.toml"
    if name == "Pipfile":
        raise ProjectError(f"app_requirements is {named}, which states no versions; name its lock, Pipfile.lock")
    folder = "/".join(Path(named).parent.parts)
    if kind == "requirements":  # pip's relative paths begin where it is started, which is beside manage.py
        folder = subdirectory if f"{named}/".startswith(f"{subdirectory}/") else ""
    return Dependencies(root, kind, named, folder)


def _join(directory: str, name: str) -> str:
    return f"{directory}/{name}" if directory else name


# --- extras and groups ----------------------------------------------------------------------------------------------


def check_choice(found: Dependencies, extras: Sequence[str], groups: Sequence[str]) -> None:
    """Check that the file knows the extras and groups that somebody chose.

    Raises:
        ProjectError: when it does not; the sentence names those that it knows.
    """
    known = dict(zip(("app_extras", "app_dependency_groups"), _known(found), strict=True))
    for word, chosen in (("app_extras", extras), ("app_dependency_groups", groups)):
        file = found.file or "a project without requirements"
        wrong = [name for name in chosen if _plain(name) not in map(_plain, known[word])]
        if wrong and known[word]:
            raise ProjectError(f"{word} holds {wrong[0]}; {file} has: {', '.join(sorted(known[word]))}")
        if wrong:
            raise ProjectError(f"{word} holds {wrong[0]}; {file} has none, so leave it out")


def _known(found: Dependencies) -> tuple[set[str], set[str]]:
    if found.kind == "wheel":
        return set(_metadata(found.path).get_all("Provides-Extra", [])), set()
    if found.kind == "Pipfile.lock":
        return set(), {PIPFILE.get(name, name) for name in _json(found.path) if not name.startswith("_")}
    if found.kind == "pylock.toml":
        lock = toml(found.path)
        return _names(lock.get("extras")), _names(lock.get("dependency-groups"))
    if found.kind in ("uv.lock", "poetry.lock", "pyproject"):
        project = toml(found.root / found.directory / "pyproject.toml")
        extras = _names(_table(project, "project").get("optional-dependencies"))
        groups = _names(project.get("dependency-groups"))
        if found.kind == "poetry.lock":
            poetry = _table(_table(project, "tool"), "poetry")
            return extras | _names(poetry.get("extras")), groups | _names(poetry.get("group"))
        return extras, groups
    return set(), set()


def _table(data: Mapping[str, Any], key: str) -> dict[str, Any]:
    value = data.get(key)
    return value if isinstance(value, dict) else {}


def _names(value: Any) -> set[str]:
    return {str(name) for name in value} if isinstance(value, (dict, list)) else set()


def _tools(folder: Path) -> set[str]:
    return _names(toml(folder / "pyproject.toml").get("tool"))


def _plain(name: str) -> str:
    """Return a name as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


# --- packages -------------------------------------------------------------------------------------------------------


def asks_for(
    packages: Sequence[str],
    found: Dependencies,
    extras: Sequence[str] = (),
    groups: Sequence[str] = (),
    beside: Sequence[str] = (),
) -> bool:
    """Tell whether the file, or a requirement `beside` it, names one of these packages (in their plain spelling)."""
    # PEP 503: any run of - _ . and any case is the same name
    names = "|".join(package.replace("-", "[-_.]+") for package in packages)
    asked = re.compile(rf"(?<![A-Za-z0-9._-])(?:{names})(?![A-Za-z0-9])(?![-_.]+[A-Za-z0-9])", re.IGNORECASE)
    if any(asked.match(line.strip()) for line in beside):
        return True
    if found.kind == "requirements":
        return any(asked.search(line) for line in _requirement_lines(found.path))
    if found.kind == "pyproject":
        return any(asked.match(line.strip()) for line in _pyproject_lines(toml(found.path), extras, groups))
    if found.kind == "wheel":
        return any(asked.match(line.strip()) for line in _metadata(found.path).get_all("Requires-Dist", []))
    if found.kind == "Pipfile.lock":
        lock = _json(found.path)
        sections = [lock.get(key) for key in ("default", *groups)]
        return any(asked.fullmatch(name) for section in sections for name in _names(section))
    if found.kind in LOCKS:
        return bool(re.search(rf'^name = "(?:{"|".join(packages)})"$', read(found.path), re.MULTILINE))
    return False


def _pyproject_lines(data: Mapping[str, Any], extras: Sequence[str], groups: Sequence[str]) -> Iterator[str]:
    project = _table(data, "project")
    tables = ((_table(project, "optional-dependencies"), extras), (_table(data, "dependency-groups"), groups))
    lists = [project.get("dependencies")]
    lists += [lines for table, chosen in tables for name, lines in table.items() if _plain(name) in map(_plain, chosen)]
    for lines in lists:
        yield from (line for line in lines if isinstance(line, str)) if isinstance(lines, list) else ()


def _requirement_lines(file: Path, depth: int = DEPTH) -> Iterator[str]:
    """Yield a requirements file's lines without comments, and those of the files it includes."""
    for raw in read(file).splitlines() if file.is_file() else []:
        line = re.sub(r"(^|\s)#.*", "", raw).strip()
        included = INCLUDED.fullmatch(line)
        if not included:
            yield line
        elif depth and not line.startswith(("-c", "--c")):
            yield from _requirement_lines(file.parent / included[1], depth - 1)


# --- the same packages again ----------------------------------------------------------------------------------------


def identity(found: Dependencies, packages: Sequence[str] = (), laid: Mapping[str, str] | None = None) -> str:
    """Return a SHA-256 (hex) of what states the dependencies: where it is the same, the same packages will do.

    It is empty where that says too little: a package lies in the source itself, or a file is not there.

    Args:
        found: where they stand.
        packages: requirements that the user adds.
        laid: files that the user lays into the source, {path in it: file}.
    """

    def text(name: str) -> str:
        name = os.path.normpath(name)
        return read(Path((laid or {}).get(name) or found.root / name))

    try:
        texts = {found.file: text(found.file)} if found.file and found.kind != "wheel" else {}
        if found.kind == "requirements":
            texts = dict(_included(found.file, text))
        elif found.kind in BESIDE:
            beside = _join(found.directory, BESIDE[found.kind])
            texts[beside] = text(beside)
    except (OSError, RecursionError):
        return ""
    lines = [*packages, *("\n".join(texts.values()).splitlines() if found.kind == "requirements" else [])]
    local = re.search(LOCAL[found.kind], texts[found.file], re.MULTILINE) if found.kind in LOCAL else None
    if found.kind == "wheel" or local or any(map(_is_local, lines)):
        return ""
    return hashlib.sha256(json.dumps([found.kind, texts], sort_keys=True).encode()).hexdigest()


def _included(name: str, text: Callable[[str], str], depth: int = DEPTH) -> Iterator[tuple[str, str]]:
    """Yield a requirements file and all that it includes, each with its text."""
    if depth < 0:
        raise RecursionError
    content = text(name)
    yield name, content
    for line in content.splitlines():
        if included := INCLUDED.match(line.strip()):
            yield from _included(f"{Path(name).parent}/{included[1]}", text, depth - 1)


def _is_local(line: str) -> bool:
    """Tell whether a line of requirements names a file or directory rather than a package, an index or an address."""
    line = re.sub(r"(^|\s)#.*", "", line).strip()
    if INCLUDED.match(line):
        return False
    line = re.sub(r"\b([\w+.-]+)://\S+", lambda found: found[0] if found[1].endswith("file") else "", line)
    return bool(re.match(r"-e\b|--editable|\.", line) or re.search(r"/|\bfile:|\.(?:whl|zip|tar)\b", line))


# --- text -----------------------------------------------------------------------------------------------------------


def read(file: Path) -> str:
    """Return a file's text, whatever its bytes are."""
    return file.read_text(encoding="utf-8-sig", errors="replace")


def toml(file: Path) -> dict[str, Any]:
    """Return a TOML file's content, or {} when there is none.

    Raises:
        ProjectError: when it is not valid.
    """
    if not file.is_file():
        return {}
    try:
        return tomllib.loads(read(file))
    except ValueError as error:
        raise ProjectError(f"{file} is not valid TOML: {' '.join(str(error).split())}") from error


def _json(file: Path) -> dict[str, Any]:
    try:
        data = json.loads(read(file))
    except ValueError as error:
        raise ProjectError(f"{file} is not valid JSON: {' '.join(str(error).split())}") from error
    return data if isinstance(data, dict) else {}


def _metadata(wheel: Path) -> Message:
    try:
        with zipfile.ZipFile(wheel) as archive:
            name = next(name for name in archive.namelist() if re.fullmatch(r"[^/]+\.dist-info/METADATA", name))
            return Parser().parsestr(archive.read(name).decode(errors="replace"))
    except (zipfile.BadZipFile, StopIteration) as error:
        raise ProjectError(f"{wheel} is no wheel") from error
