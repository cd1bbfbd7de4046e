"""Look at the whole project and return the report as data. Each part that fails becomes a finding of its own."""

from __future__ import annotations

import contextlib
import io
import os
import platform
import traceback
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from asgiway_doctor import channels, middleware, urls, versions
from asgiway_doctor.code import RUFF, Code, Facts
from asgiway_doctor.finding import Finding
from asgiway_doctor.routes import Routes, compute
from asgiway_doctor.served import Served, load, paths_of, serve
from asgiway_doctor.settings import Settings, facts
from asgiway_doctor.source import Place, Project
from asgiway_doctor.verdict import WSGI, Verdict, judge, size


def home(source: Path, settings: str) -> Path:
    """Return where the project's code is: in its source, or in the installed package that has the settings."""
    top = settings.partition(".")[0]
    if any((place / top).is_dir() or (place / f"{top}.py").is_file() for place in (source, source / "src")):
        return source
    spec = find_spec(top)  # of a package's top nothing is imported
    places = [Path(place) for place in (spec and spec.submodule_search_locations) or []]
    return places[0] if places and source.resolve() not in places[0].resolve().parents else source


class Examination:
    """One run. Afterwards `report()` holds everything that the text and the page show."""

    def __init__(self, options: Any) -> None:
        self.options = options
        self.project = Project(home(Path(options.source), options.settings))
        self.found: list[Finding] = []
        self.views: list[urls.View] = []
        self.sockets: list[channels.Socket] = []
        self.layers: list[middleware.Layer] = []
        self.printed = io.StringIO()
        self.skipped = [
            f"{place}, which is no Python that {platform.python_version()} reads" for place in self.project.unreadable
        ]
        self.has_wsgi = self.has_asgi = False
        self.database: dict[str, Any] = {}

    def run(self) -> None:
        """Look at everything; what the project prints is kept out of the report."""
        with contextlib.redirect_stdout(self.printed):
            ready = self._setup()
            code = Code(self.project, self._facts() if ready else Facts())
            if ready:
                self._introspect(code)
            else:
                self.has_asgi, self.has_wsgi = bool(self.options.asgi), bool(self.options.wsgi)
        self.found += list(code.findings())
        self.found += list(versions.findings(Path(self.options.source).resolve()))
        self._merge_ruff()
        unique = {(one.id, one.place, one.what): one for one in reversed(self.found)}
        self.found = sorted(unique.values(), key=lambda one: one.order)

    def _setup(self) -> bool:
        import django  # type: ignore[import-not-found]

        os.environ["DJANGO_SETTINGS_MODULE"] = self.options.settings
        try:
            django.setup()
        except (Exception, SystemExit) as error:
            self.found.append(self._failure("setup-fails", error))
            return False
        return True

    def _facts(self) -> Facts:
        from django.conf import settings  # type: ignore[import-not-found]

        return facts(settings)

    def _introspect(self, code: Code) -> None:
        from django.conf import settings
        from django.urls import get_resolver  # type: ignore[import-not-found]
        from django.utils.module_loading import import_string  # type: ignore[import-not-found]

        self.found += middleware.findings(settings.MIDDLEWARE, import_string, code, self.options.settings)
        with contextlib.suppress(Exception):  # what cannot be imported has been said
            self.layers = middleware.chain(settings.MIDDLEWARE, import_string, code)
        resolver = self._guarded("urls-fail", lambda: _loaded(get_resolver()))
        if resolver is not None:
            self.views = self._tried("the views", lambda: urls.views(code, resolver))
            self.found += self._tried("the views' wrappers", lambda: list(urls.findings(resolver, code)))
        look = Settings(settings, self.options.settings, self.project, self.options.overlay)
        self.found += self._tried("the settings", lambda: list(look.findings(self._unfit_for_atomic(resolver))))
        self.database = settings.DATABASES.get("default", {})
        self._applications(code, settings)

    def _unfit_for_atomic(self, resolver: Any) -> list[str]:
        """Return the async views that are not excepted from ATOMIC_REQUESTS."""
        if resolver is None:
            return []
        names = []
        for callback in urls.callbacks(resolver):
            if urls.is_coroutine(callback) and not getattr(callback, "_non_atomic_requests", None):
                written = urls.unwrapped(callback)
                names.append(getattr(written, "__name__", type(written).__name__))
        return list(dict.fromkeys(names))

    def _applications(self, code: Code, settings: Any) -> None:
        self.has_wsgi, self.has_asgi = bool(self.options.wsgi), bool(self.options.asgi)
        if self.options.wsgi:
            from django.core.handlers.wsgi import WSGIHandler  # type: ignore[import-not-found]

            name = self.options.wsgi
            with contextlib.suppress(Exception):  # a WSGI that fails is no matter of ASGI
                wrapper = load(name)
                if type(wrapper) is not WSGIHandler:
                    what = f"{name} is a {type(wrapper).__module__}.{type(wrapper).__name__}"
                    self.found.append(Finding("wsgi-wrapper", self._module_place(name, "application"), what))
        if not self.options.asgi:
            self.found.append(Finding("no-asgi", self._module_place(self.options.settings), "no asgi.py was found"))
            return
        application = self._guarded("asgi-fails", lambda: load(self.options.asgi))
        if application is None:
            self.has_asgi = False
            return
        layers = getattr(settings, "CHANNEL_LAYERS", None)
        any_host = "*" in settings.ALLOWED_HOSTS
        name = self.options.asgi
        self.found += self._tried(
            "the ASGI application", lambda: list(channels.findings(application, name, code, any_host, bool(layers)))
        )
        self.sockets = self._tried("the WebSocket routes", lambda: channels.sockets(application, code))

    def _module_place(self, name: str, variable: str = "") -> Place:
        module = self.project.modules.get(name.partition(":")[0])
        if module is None:
            return Place(name)
        return channels.line_of(module, variable) if variable else Place(module.file)

    def _guarded(self, kind: str, load: Callable[[], Any]) -> Any:
        try:
            return load()
        except (Exception, SystemExit) as error:
            # Django's handlers load the middlewares: what is wrong with one has been said
            if not (kind == "asgi-fails" and any(one.id == "middleware-fails" for one in self.found)):
                self.found.append(self._failure(kind, error))
            return None

    def _tried(self, subject: str, look: Callable[[], list[Any]]) -> list[Any]:
        """Look at one part; what is too strange for us is said, and the rest of the report is still there."""
        try:
            return look()
        except Exception as error:
            place = traceback.extract_tb(error.__traceback__)[-1]
            where = f"{Path(place.filename).name}:{place.lineno}"
            self.skipped.append(f"{subject} ({type(error).__name__} in {where}: {error})")
            return []

    def _failure(self, kind: str, error: BaseException) -> Finding:
        """Say what failed, at the innermost line of the project's own code."""
        place = Place(self.options.settings)
        for frame in traceback.extract_tb(error.__traceback__):
            if file := self.project.relative(frame.filename):
                place = Place(file, frame.lineno or 0)
        text = " ".join(str(error).split())
        if isinstance(error, SyntaxError) and (file := self.project.relative(error.filename or "")):
            place = Place(file, error.lineno or 0)
        return Finding(kind, place, f"{type(error).__name__}: {text[:300]}")

    def _merge_ruff(self) -> None:
        """Add what ruff found in lines where we found nothing of the kind."""
        known = {(one.place.file, one.place.line) for one in self.found}
        for one in self.options.ruff:
            kind, file = RUFF.get(one.get("code") or ""), self.project.relative(one.get("filename", ""))
            module = self.project.by_file(file) if file else None
            line = int(one.get("location", {}).get("row", 0))
            if kind and module and (file, line) not in known:
                self.found.append(Finding(kind, Place(file, line), f"ruff {one['code']}: {one['message']}"))

    # --- the result

    def routes(self) -> Routes:
        """Return app_asgi_routes, from the views and the WebSocket routes."""
        return compute(paths_of(self.views, self.sockets))

    def served(self) -> Served:
        """Return what app_asgi_routes: auto would serve under ASGI."""
        from django.conf import settings  # type: ignore[import-not-found]

        if not self.views and not self.sockets:  # then the settings may not be there, either
            return Served()
        return serve(paths_of(self.views, self.sockets), settings.FORCE_SCRIPT_NAME or "")

    def report(self) -> dict[str, Any]:
        """Return everything as what JSON can hold."""
        counts = {name: sum(one.severity == name for one in self.found) for name in ("error", "warning", "note")}
        routes = self.routes()
        paths: dict[tuple[str, Any], list[str]] = {}
        for view in self.views:
            known = paths.setdefault((view.name, view.place), [])
            known += [view.path] if view.path not in known else []
        views = {(view.name, view.place): view for view in reversed(self.views)}
        kinds = {kind: sum(view.kind == kind for view in views.values()) for kind in ("sync", "async")}
        streams = sum(view.stream == "async" for view in views.values())
        switches = _switches(self.layers)
        verdict = judge(
            {**kinds, "stream": streams, "websocket": len(self.sockets)},
            routes.lost,
            counts["error"],
            switches,
            self.has_asgi,
            self.has_wsgi,
        )
        if any(one.id in ("setup-fails", "urls-fail") for one in self.found):
            # whatever was counted is not the project
            verdict = Verdict(
                WSGI, "The project could not be looked at as a whole; until it starts, nothing more can be said."
            )
        served = self.served()
        verdict.routes, verdict.announced = routes.prefixes, routes.announced
        verdict.auto = [*served.below, *(f"= {one}" for one in served.exactly)]
        verdict.auto_announced = served.announced
        host = self.options
        postgresql = host.postgresql or "postg" in self.database.get("ENGINE", "")
        size(verdict, host.cores, host.memory, postgresql, host.pool, host.max_connections)
        return {
            "tool": "asgiway doctor",
            "project": {
                "name": self.options.name,
                "settings": self.options.settings,
                "asgi": self.options.asgi,
                "wsgi": self.options.wsgi,
                "python": platform.python_version(),
                "versions": versions.installed(),
            },
            "summary": counts,
            "verdict": verdict.as_dict(),
            "findings": [_as_dict(one) for one in self.found],
            "views": [
                {
                    "paths": paths[view.name, view.place],
                    "view": view.name,
                    "kind": view.kind,
                    "stream": view.stream,
                    "where": str(view.place) if view.place else "",
                    "asgi": view.needs_asgi,
                }
                for view in reversed(views.values())
            ],
            "websockets": [
                {
                    "path": one.path,
                    "consumer": getattr(one.consumer, "__name__", str(one.consumer)),
                    "where": str(one.place) if one.place else "",
                }
                for one in self.sockets
            ],
            "middleware": [
                {"name": one.name, "async": one.asynchronous, "sync": one.sync, "hops": one.hops} for one in self.layers
            ],
            "switches": switches,
            "skipped": self.skipped,
        }


def _switches(layers: list[middleware.Layer]) -> int:
    """Return the changes between event loop and thread that sync-only middlewares cost a request to an async view."""
    state, switches = True, 0
    for layer in reversed(layers):
        runs = False if not state and layer.sync else layer.asynchronous
        switches += runs != state
        state = runs
    return switches + (not state)


def _loaded(resolver: Any) -> Any:
    """Import all URL modules now."""

    def visit(entry: Any) -> None:
        for inner in entry.url_patterns:
            if hasattr(inner, "url_patterns"):
                visit(inner)

    visit(resolver)
    return resolver


def _as_dict(one: Finding) -> dict[str, Any]:
    return {
        "id": one.id,
        "severity": one.severity,
        "title": one.kind.title,
        "what": one.what,
        "file": one.place.file,
        "line": one.place.line,
        "why": one.kind.why,
        "fix": one.kind.fix,
        "link": one.link or one.kind.link,
    }
