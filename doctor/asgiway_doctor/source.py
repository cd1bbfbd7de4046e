"""The project's own files, as text: modules, functions, classes and what their names mean. Nothing is imported."""

from __future__ import annotations

import ast
import fnmatch
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef
# not of the website: others' code, tests, migrations and commands, which run alone
SKIPPED_DIRECTORIES = (
    "venv",
    "env",
    "node_modules",
    "site-packages",
    "__pycache__",
    "migrations",
    "tests",
    "test",
    "commands",
)
SKIPPED_FILES = ("test_*.py", "tests.py", "conftest.py", "setup.py", "manage.py", "noxfile.py")
COLLECTIONS = {"set()", "dict()", "list()", "defaultdict()", "deque()", "OrderedDict()", "Counter()"}
DEPTH = 8  # of `from .base import *` chains


@dataclass(frozen=True, order=True)
class Place:
    """A file, relative to the project, and a line of it; 0 is the file as a whole."""

    file: str
    line: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


@dataclass
class Module:
    """One file and its names."""

    name: str
    file: str
    tree: ast.Module
    names: dict[str, str] = field(default_factory=dict)  # a name at its top -> what it is, with its module
    values: dict[str, str] = field(default_factory=dict)  # a variable at its top -> the expression that made it
    collections: set[str] = field(default_factory=set)  # variables at its top that hold a list, a set or a dictionary
    functions: dict[str, Function] = field(default_factory=dict)  # name, or Class.name
    classes: dict[str, ast.ClassDef] = field(default_factory=dict)


class Project:
    """All modules below a directory."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        # a package that is the project by itself: its modules are called by its name
        self.package: list[str] = []
        self.top = self.root
        while (self.top / "__init__.py").exists():
            self.package.insert(0, self.top.name)
            self.top = self.top.parent
        self.modules: dict[str, Module] = {}
        self.unreadable: list[Place] = []
        for path in files(self.root):
            self._read(path)

    def _read(self, path: Path) -> None:
        file = str(path.relative_to(self.root))
        parts = self.package + list(path.relative_to(self.root).with_suffix("").parts)
        if parts[-1] == "__init__" and len(parts) > 1:
            parts.pop()
        if parts[0] == "src" and len(parts) > 1:
            parts.pop(0)
        try:
            tree = ast.parse(path.read_text(encoding="utf-8-sig", errors="replace"))
        except (SyntaxError, ValueError, RecursionError) as error:
            self.unreadable.append(Place(file, getattr(error, "lineno", 0) or 0))
            return
        module = Module(".".join(parts), file, tree)
        _fill(module, package=path.name == "__init__.py")
        self.modules[module.name] = module

    def relative(self, path: str) -> str:
        """Return a file's name within the project; '' when it lies elsewhere."""
        if path.startswith("<"):  # <frozen os>, <string>
            return ""
        try:
            inside = Path(path).resolve().relative_to(self.root)
        except (ValueError, OSError):
            return ""
        return "" if "site-packages" in inside.parts else str(inside)

    def by_file(self, file: str) -> Module | None:
        """Return the module of a file that is named relative to the project."""
        return next((module for module in self.modules.values() if module.file == file), None)

    def find(self, dotted: str, depth: int = DEPTH) -> tuple[Module, str] | None:
        """Return the module that defines a dotted name, and the rest of the name; re-exports are followed."""
        parts = dotted.split(".")
        for cut in range(len(parts) - 1, 0, -1):
            module = self.modules.get(".".join(parts[:cut]))
            if module is None:
                continue
            first = parts[cut]
            if first in module.functions or first in module.classes or first in module.values:
                return module, ".".join(parts[cut:])
            target = module.names.get(first)
            if target and target != dotted and depth:
                return self.find(".".join([target, *parts[cut + 1 :]]), depth - 1)
            return None
        return None

    def function(self, dotted: str) -> tuple[Module, str, Function] | None:
        """Return the function that a dotted name stands for; for a method, also one of a base class."""
        found = self.find(dotted)
        if not found:
            return None
        module, name = found
        if name in module.functions:
            return module, name, module.functions[name]
        owner, _, method = name.rpartition(".")
        if owner in module.classes and method:
            for base in module.classes[owner].bases:
                resolved = dotted_name(base, module)
                if resolved and resolved != f"{module.name}.{owner}":
                    inherited = self.function(f"{resolved}.{method}")
                    if inherited:
                        return inherited
        return None

    def bases(self, module: Module, name: str, depth: int = DEPTH) -> Iterator[str]:
        """Yield the dotted names of all base classes that can be followed."""
        if depth <= 0 or name not in module.classes:
            return
        for base in module.classes[name].bases:
            dotted = dotted_name(base, module)
            if dotted:
                yield dotted
                found = self.find(dotted)
                if found:
                    yield from self.bases(found[0], found[1], depth - 1)

    def definition(self, module_name: str, qualname: str) -> Place | None:
        """Return where a function or class of the project is defined; the line is that of its def or class."""
        module = self.modules.get(module_name)
        if module is None:
            return None
        node = module.functions.get(qualname) or module.classes.get(qualname)
        return Place(module.file, node.lineno) if node else None


def files(root: Path) -> Iterator[Path]:
    """Yield the Python files of the project's own website, sorted."""
    for folder, folders, names in os.walk(root):
        here = Path(folder)
        folders[:] = sorted(
            name
            for name in folders
            if name not in SKIPPED_DIRECTORIES and name[0] != "." and not (here / name / "pyvenv.cfg").exists()
        )
        for name in sorted(names):
            if name.endswith(".py") and not any(fnmatch.fnmatch(name, pattern) for pattern in SKIPPED_FILES):
                yield here / name


def _fill(module: Module, package: bool) -> None:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                module.names.setdefault(
                    alias.asname or alias.name.partition(".")[0],
                    alias.name if alias.asname else alias.name.partition(".")[0],
                )
        elif isinstance(node, ast.ImportFrom):
            base = _base(module.name, node, package)
            for alias in node.names:
                module.names.setdefault(alias.asname or alias.name, f"{base}.{alias.name}".strip("."))
    _define(module, module.tree.body, "")
    for node in module.tree.body:
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        value = getattr(node, "value", None)
        if isinstance(target, ast.Name) and value is not None:
            module.values[target.id] = dotted_name(value, module) or ""
            literal = isinstance(value, (ast.Dict, ast.List, ast.Set, ast.DictComp, ast.ListComp, ast.SetComp))
            if literal or module.values[target.id].rpartition(".")[2] in COLLECTIONS:
                module.collections.add(target.id)


def _base(name: str, node: ast.ImportFrom, package: bool) -> str:
    if not node.level:
        return node.module or ""
    parts = name.split(".")
    above = parts[: len(parts) - node.level + (1 if package else 0)]
    return ".".join([*above, *([node.module] if node.module else [])])


def _define(module: Module, body: list[ast.stmt], prefix: str) -> None:
    for node in body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            module.functions[prefix + node.name] = node
            _define(module, node.body, f"{prefix}{node.name}.<locals>.")
        elif isinstance(node, ast.ClassDef):
            module.classes[prefix + node.name] = node
            _define(module, node.body, f"{prefix}{node.name}.")
        elif isinstance(node, (ast.If, ast.Try, ast.With, ast.For, ast.While, ast.AsyncWith, ast.AsyncFor)):
            for part in ("body", "orelse", "finalbody"):
                _define(module, getattr(node, part, []), prefix)
            for handler in getattr(node, "handlers", []):
                _define(module, handler.body, prefix)


def dotted_name(node: ast.expr, module: Module, local: dict[str, str] | None = None) -> str:
    """Return what an expression is called, in full: `s.get` of `s = requests.Session()` is requests.Session().get."""
    if isinstance(node, ast.Await):
        return dotted_name(node.value, module, local)
    if isinstance(node, ast.Attribute):
        inner = dotted_name(node.value, module, local)
        return f"{inner}.{node.attr}" if inner else ""
    if isinstance(node, ast.Call):
        inner = dotted_name(node.func, module, local)
        return f"{inner}()" if inner else ""
    if isinstance(node, ast.Name):
        if local and node.id in local:
            return local[node.id]
        if node.id in module.names:
            return module.names[node.id]
        if node.id in module.functions or node.id in module.classes:
            return f"{module.name}.{node.id}"
        return module.values.get(node.id) or node.id
    return ""


def setting_place(project: Project, settings: str, name: str, key: str = "", depth: int = DEPTH) -> Place | None:
    """Return where a setting is set; with a key, the line of that text below it. The last one counts."""
    module = project.modules.get(settings)
    if module is None:
        return None
    found: Place | None = None
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ImportFrom) and depth and any(alias.name == "*" for alias in node.names):
            package = module.file.endswith("__init__.py")
            found = setting_place(project, _base(module.name, node, package), name, key, depth - 1) or found
    # by line: ast.walk goes by depth
    nodes = [
        node for node in ast.walk(module.tree) if isinstance(node, ast.stmt) and not isinstance(node, ast.ClassDef)
    ]
    for node in sorted(nodes, key=lambda node: node.lineno):
        if isinstance(node, (ast.Assign, ast.AnnAssign, ast.AugAssign, ast.Expr)) and _names(node, name):
            line = _key_line(node, key) if key else node.lineno
            if line:
                found = Place(module.file, line)
    return found


def _names(node: ast.stmt, name: str) -> bool:
    """Tell whether a statement sets a setting or changes it (X = ..., X += ..., X["a"]["b"] = ..., X.insert())."""
    targets: list[ast.expr] = []
    if isinstance(node, ast.Assign):
        targets = node.targets
    elif isinstance(node, (ast.AnnAssign, ast.AugAssign)):
        targets = [node.target]
    elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        targets = [node.value.func]
    for target in targets:
        inner: ast.expr = target
        while isinstance(inner, (ast.Subscript, ast.Attribute, ast.Call)):
            inner = inner.func if isinstance(inner, ast.Call) else inner.value
        if isinstance(inner, ast.Name) and inner.id == name:
            return True
    return False


def _key_line(node: ast.stmt, key: str) -> int:
    lines = [
        part.lineno
        for part in ast.walk(node)
        if (isinstance(part, ast.Constant) and part.value == key) or (isinstance(part, ast.keyword) and part.arg == key)
    ]
    return min(lines, default=0)
