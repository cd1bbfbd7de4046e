"""Which views the URL configuration leads to, by Django's own resolver: async, sync, streaming, and where they are."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from asgiway_doctor.code import Code
from asgiway_doctor.finding import Finding
from asgiway_doctor.routes import ends, joined, literal_prefixes
from asgiway_doctor.source import Place


@dataclass(frozen=True)
class View:
    """One path of the site. `prefix` is its literal beginning, None when it has none that can be told."""

    path: str
    prefix: str | None
    exact: bool  # the prefix is the whole path
    name: str
    kind: str  # async or sync
    stream: str  # async, sync or ""
    place: Place | None  # None: not the project's own code

    @property
    def needs_asgi(self) -> bool:
        """An async view runs under WSGI, too, in a loop of its own; here it is to get what it was written for."""
        return self.kind == "async" or self.stream == "async"


def is_coroutine(function: Any) -> bool:
    """Tell whether Django would await it."""
    try:
        from asgiref.sync import iscoroutinefunction  # type: ignore[import-not-found]
    except ImportError:  # asgiref before 3.7
        from asyncio import iscoroutinefunction
    return bool(iscoroutinefunction(function))


def place_of(function: Any, code: Code) -> Place | None:
    """Return where a function or class of the project is defined."""
    module, name = getattr(function, "__module__", "") or "", getattr(function, "__qualname__", "") or ""
    found = code.project.definition(module, name)
    if found:
        return found
    made = getattr(function, "__code__", None)
    file = code.project.relative(made.co_filename) if made else ""
    return Place(file, made.co_firstlineno) if made and file else None


def views(code: Code, resolver: Any = None) -> list[View]:
    """Return all views, the paths of translated patterns once for each language."""
    from django.conf import settings  # type: ignore[import-not-found]
    from django.urls import get_resolver  # type: ignore[import-not-found]
    from django.utils import translation  # type: ignore[import-not-found]

    resolver = resolver or get_resolver()
    languages = (
        [language for language, _ in settings.LANGUAGES] if settings.USE_I18N and _is_translated(resolver) else []
    )
    found: dict[tuple[str, str | None, str], View] = {}
    for language in languages or [translation.get_language()]:
        with translation.override(language):
            for view in _walk(resolver, "", "/", True, code):
                found.setdefault((view.path, view.prefix, view.name), view)
    return list(found.values())


def _is_translated(resolver: Any) -> bool:
    from django.urls import LocalePrefixPattern

    for entry in resolver.url_patterns:
        raw = getattr(entry.pattern, "_route", None) or getattr(entry.pattern, "_regex", None)
        if isinstance(entry.pattern, LocalePrefixPattern) or (raw is not None and not isinstance(raw, str)):
            return True
        if hasattr(entry, "url_patterns") and _is_translated(entry):
            return True
    return False


def _walk(resolver: Any, path: str, prefix: str | None, exact: bool, code: Code) -> Iterator[View]:
    """`prefix` is None below a pattern that begins with anything; `exact` while every part so far is literal."""
    for entry in resolver.url_patterns:
        text = str(entry.pattern)
        for part, whole in literal_prefixes(entry.pattern):
            here = joined(prefix, part) if exact else prefix
            below = exact and whole and part is not None
            if hasattr(entry, "url_patterns"):
                yield from _walk(entry, path + text, here, below, code)
            else:
                yield _view(entry, path + text, here, below and ends(entry.pattern), code)


def unwrapped(callback: Callable[..., Any]) -> Any:
    """Return the class or function that somebody wrote."""
    if (owner := getattr(callback, "view_class", None) or getattr(callback, "cls", None)) is not None:
        return owner
    while hasattr(callback, "func"):  # functools.partial
        callback = callback.func
    return inspect.unwrap(callback)


def _view(entry: Any, path: str, prefix: str | None, exact: bool, code: Code) -> View:
    callback = entry.callback
    written = unwrapped(callback)
    stream = ""
    for function in _handlers(written):
        name = getattr(function, "__qualname__", "")  # an object that can be called has none
        module = code.project.modules.get(getattr(function, "__module__", ""))
        node = module.functions.get(name) if module else None
        if module and node:
            stream = code.streams(module, name, node) or stream
    name = f"{getattr(written, '__module__', '')}.{getattr(written, '__qualname__', type(written).__name__)}"
    kind = "async" if is_coroutine(callback) else "sync"
    return View("/" + path, prefix, exact, name, kind, stream, place_of(written, code))


def _handlers(written: Any) -> list[Any]:
    if not inspect.isclass(written):
        return [written]
    names = ("get", "post", "dispatch", "render_to_response")
    return [function for name in names if inspect.isfunction(function := getattr(written, name, None))]


def findings(resolver: Any, code: Code) -> Iterator[Finding]:
    """Yield what is wrong with how views are wrapped."""
    seen = set()
    for callback in callbacks(resolver):
        written = unwrapped(callback)
        place = place_of(written, code)
        if place is None or place in seen:
            continue
        seen.add(place)
        if inspect.isclass(written):
            mixins = [base.__name__ for base in written.__mro__ if base.__module__ == "django.contrib.auth.mixins"]
            if mixins and is_coroutine(callback):
                yield Finding("auth-mixin", place, f"{written.__name__} has async handlers and is a {mixins[0]}")
        elif is_coroutine(written) and not is_coroutine(callback) and type(callback).__name__ != "AsyncToSync":
            yield Finding("sync-decorator", place, f"async {written.__name__}() is what a synchronous function returns")


def callbacks(resolver: Any) -> Iterator[Any]:
    """Yield all views as the URL configuration holds them."""
    for entry in resolver.url_patterns:
        if hasattr(entry, "url_patterns"):
            yield from callbacks(entry)
        else:
            yield entry.callback
