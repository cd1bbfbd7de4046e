"""What a Django project's files say about it, read as text: nothing of the project is ever imported."""

from __future__ import annotations

import ast
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ansible_collections.asgiway.django.plugins.plugin_utils import dependencies
from ansible_collections.asgiway.django.plugins.plugin_utils.dependencies import ProjectError, read

CHANNELS_REDIS = ("channels-redis",)
POSTGRESQL_DRIVERS = ("psycopg", "psycopg2", "psycopg2-binary")
POOLING_DRIVERS = ("psycopg",)  # Django has a pool for no other
Roots = tuple[Path, ...]  # directories that Python looks into
DEPTH = 8  # of `from .base import *` chains


def inspect(
    path: str,
    settings: str = "",
    wsgi: str = "",
    asgi: str = "",
    requirements: str = "",
    subdirectory: str = "",
    extras: Sequence[str] = (),
    groups: Sequence[str] = (),
    packages: Sequence[str] = (),
    files: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Discover how a project is started and what it needs.

    Args:
        path: the source's directory.
        settings: the settings module, when the user named one.
        wsgi: module:name (or module) of the WSGI callable, when the user named one.
        asgi: the same for ASGI.
        requirements: the file of the dependencies, when the user named one.
        subdirectory: the project's directory in the source, the one that holds manage.py.
        extras: of the project, that the user chose.
        groups: of dependencies, that the user chose.
        packages: requirements that the user adds to the project's own.
        files: that the user lays into the source, {path in it: file}.

    Returns:
        settings (module), manage (bool: whether there is a manage.py), wsgi and asgi (module:name, or "" when there
        is none), requirements (the kind: a lock's name, requirements, pyproject or none), requirements_file and
        requirements_directory (relative, or ""), requirements_id (of what they say, see `dependencies.identity`),
        channels_redis and psycopg (bool: whether it asks for that package, or an older psycopg), psycopg_pools (bool:
        whether for one that Django has a pool for), subdirectory, and import_directories (relative: the project's, and
        its src/ when the settings are in there).

    Raises:
        ProjectError: when the files do not say enough; the sentence names the word that would.
    """
    source = Path(path).expanduser()
    root = source / subdirectory
    try:
        if not root.is_dir():
            raise ProjectError(f"app_path {root} is not a directory")
        settings = settings or _settings_of_manage(root)
        roots = (root,) if _top((root,), settings) or not _top((root / "src",), settings) else (root, root / "src")
        found = dependencies.find(source, subdirectory, requirements)
        dependencies.check_choice(found, extras, groups)
        with _laid(files or {}) as laid:
            seen = (*(laid / one.relative_to(source) for one in roots), *roots)
            _require_module(seen, settings, f"app_settings={settings}")
            manage = any((one / "manage.py").is_file() for one in (laid / subdirectory, root))
            callables = {
                "wsgi": _callable(seen, "wsgi", wsgi, settings),
                "asgi": _callable(seen, "asgi", asgi, settings),
            }
        return {
            "settings": settings,
            "manage": manage,
            **callables,
            "subdirectory": subdirectory,
            "import_directories": ["/".join(one.relative_to(source).parts) for one in roots],
            "requirements": found.kind,
            "requirements_file": found.file,
            "requirements_directory": found.directory,
            "requirements_id": dependencies.identity(found, packages, files),
            "channels_redis": dependencies.asks_for(CHANNELS_REDIS, found, extras, groups, packages),
            "psycopg": dependencies.asks_for(POSTGRESQL_DRIVERS, found, extras, groups, packages),
            "psycopg_pools": dependencies.asks_for(POOLING_DRIVERS, found, extras, groups, packages),
        }
    except (OSError, RecursionError) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise ProjectError(f"the project in {root} cannot be read ({reason})") from error


def require(project: dict[str, Any], interface: str, engine: str) -> None:
    """Check that a project has what an engine serves.

    Args:
        project: a result of `inspect`.
        interface: wsgi or asgi.
        engine: the name for the message.

    Raises:
        ProjectError: when it has no such callable.
    """
    if not project[interface]:
        raise ProjectError(
            f"{engine} speaks {interface.upper()} and the project has no {interface}.py beside its settings"
            f" ({project['settings']}); add one, name the callable, or take Django's plain one:"
            f" -e app_{interface}=asgiway_runtime.plain:{interface}"
        )


@contextmanager
def _laid(files: Mapping[str, str]) -> Iterator[Path]:
    """Yield a directory in which files have the places that they are to have in the source."""
    with tempfile.TemporaryDirectory() as made:
        for inside, file in files.items():
            place = Path(made, inside)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.symlink_to(file)
        yield Path(made)


# --- settings, WSGI, ASGI -------------------------------------------------------------------------------------------


def _settings_of_manage(root: Path) -> str:
    manage = root / "manage.py"
    if not manage.is_file():
        raise ProjectError(f"{root} has no manage.py; give the directory that holds it, or app_settings=<module>")
    found = list(dict.fromkeys(_settings_names(read(manage))))
    if len(found) == 1:
        return found[0]
    if found:
        raise ProjectError(
            f"{manage} names several settings modules ({', '.join(found)}); choose: -e app_settings={found[0]}"
        )
    raise ProjectError(f"{manage} does not name its settings module as text; give it: -e app_settings=<module>")


def _settings_names(text: str) -> Iterator[str]:
    """Yield the modules that a manage.py gives DJANGO_SETTINGS_MODULE, by setdefault() first, else in any other way."""
    tree = _parse(text)
    if tree is None:  # Python 2, or newer than ours
        yield from re.findall(r"""^[^#\n]*DJANGO_SETTINGS_MODULE['"]\]?\s*[,=]\s*['"]([\w.]+)['"]""", text, re.M)
        return
    defaults: list[str] = []
    others: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            values = [_text(argument) for argument in [*node.args, *(keyword.value for keyword in node.keywords)]]
            if "DJANGO_SETTINGS_MODULE" in values[:1] and len(values) > 1 and values[1]:
                name = node.func.attr if isinstance(node.func, ast.Attribute) else ""
                (defaults if name == "setdefault" else others).append(values[1])
        elif (
            isinstance(node, ast.Assign)
            and isinstance(target := node.targets[0], ast.Subscript)
            and _text(target.slice) == "DJANGO_SETTINGS_MODULE"
        ):
            others.append(_text(node.value))
    yield from filter(None, defaults or others)


def _callable(roots: Roots, kind: str, given: str, settings: str) -> str:
    if given:
        module, _, name = given.partition(":")
        _require_module(roots, module, f"app_{kind}={given}")
        return f"{module}:{name or 'application'}"
    named = _setting(roots, settings, f"{kind.upper()}_APPLICATION")
    module, _, name = named.rpartition(".")
    if module and (_module_file(roots, module) or not _top(roots, module)):
        return f"{module}:{name}"
    parts = settings.split(".")[:-1]
    for length in range(len(parts), -1, -1):
        module = ".".join([*parts[:length], kind])
        if _module_file(roots, module):
            return f"{module}:application"
    # an installed package: what its name suggests is imported on the host before anything of it goes live
    return "" if _top(roots, settings) else ".".join([*_package(parts), kind]) + ":application"


def _package(parts: list[str]) -> list[str]:
    """Return what stands before settings, as in shop.settings.live."""
    return parts[: parts.index("settings")] if "settings" in parts[1:] else parts


def _setting(roots: Roots, module: str, name: str, depth: int = DEPTH) -> str:
    """Return a setting that is written as text, in the module or in what it imports with *; the last one counts."""
    file = _module_file(roots, module)
    tree = _parse(read(file)) if file else None
    value = ""
    for node in tree.body if tree else []:
        if isinstance(node, ast.ImportFrom) and depth and any(alias.name == "*" for alias in node.names):
            package = module.split(".") if file and file.name == "__init__.py" else module.split(".")[:-1]
            base = package[: len(package) - node.level + 1] if node.level else []
            other = ".".join([*base, *([node.module] if node.module else [])])
            value = _setting(roots, other, name, depth - 1) or value
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(isinstance(target, ast.Name) and target.id == name for target in targets):
                value = _text(node.value)
    return value


def _module_file(roots: Roots, module: str) -> Path | None:
    if not re.fullmatch(r"\w+(\.\w+)*", module):
        return None
    for root in roots:
        base = root.joinpath(*module.split("."))
        for file in (base.with_name(base.name + ".py"), base / "__init__.py"):
            if file.is_file():
                return file
    return None


def _top(roots: Roots, module: str) -> bool:
    """Tell whether a module's first part is of the project; the rest of the world is not ours to judge."""
    tops = [root / module.split(".")[0] for root in roots]
    return any(top.is_dir() or top.with_name(top.name + ".py").is_file() for top in tops)


def _require_module(roots: Roots, module: str, subject: str) -> None:
    if _top(roots, module) and not _module_file(roots, module):
        raise ProjectError(f"{subject}: no module named {module} in {roots[-1]} (no {module.replace('.', '/')}.py)")


# --- text -----------------------------------------------------------------------------------------------------------


def _parse(text: str) -> ast.Module | None:
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _text(node: ast.expr | None) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""
