"""What the ASGI application is made of: Channels' routers, the middlewares around them, and the consumers."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from asgiway_doctor.code import Code
from asgiway_doctor.finding import Finding
from asgiway_doctor.routes import ends, joined, literal_prefix
from asgiway_doctor.source import Place
from asgiway_doctor.urls import place_of

DEPTH = 12  # middlewares around a router; more is a loop
INSIDE = ("inner", "application", "app")  # what Channels' and most others' middlewares call it


@dataclass(frozen=True)
class Socket:
    """One WebSocket route."""

    path: str
    prefix: str | None
    exact: bool
    consumer: Any
    around: tuple[str, ...]  # the middlewares, outermost first
    place: Place | None


def protocols(application: Any) -> dict[str, Any] | None:
    """Return the protocols of a ProtocolTypeRouter, also inside of a middleware; None when there is none."""
    for _ in range(DEPTH):
        if isinstance(mapping := getattr(application, "application_mapping", None), dict):
            return mapping
        application = next((inner for name in INSIDE if (inner := getattr(application, name, None)) is not None), None)
        if application is None:
            return None
    return None


def sockets(application: Any, code: Code) -> list[Socket]:
    """Return the WebSocket routes below an application."""
    mapping = protocols(application)
    start = mapping.get("websocket") if mapping else None
    return list(_walk(start, "", "/", True, (), code, 0)) if start is not None else []


def _walk(
    application: Any, path: str, prefix: str | None, exact: bool, around: tuple[str, ...], code: Code, depth: int
) -> Iterator[Socket]:
    if depth > DEPTH:
        return
    routes = getattr(application, "routes", None)
    if isinstance(routes, (list, tuple)):
        for route in routes:
            callback = route.callback
            part, whole = literal_prefix(route.pattern)
            text = path + str(route.pattern)
            here = joined(prefix, part) if exact else prefix
            below = exact and whole and part is not None
            if getattr(callback, "routes", None):
                yield from _walk(callback, text, here, below, around, code, depth + 1)
            else:
                consumer = getattr(callback, "consumer_class", callback)
                yield Socket(
                    "/" + text, here, below and ends(route.pattern), consumer, around, place_of(consumer, code)
                )
        return
    for name in INSIDE:
        if (inside := getattr(application, name, None)) is not None:
            # a factory function (AuthMiddlewareStack) leaves its classes
            names = tuple(base.__name__ for base in type(application).__mro__ if base is not object)
            yield from _walk(inside, path, prefix, exact, (*around, *names), code, depth + 1)
            return


def findings(application: Any, asgi: str, code: Code, any_host: bool, layer: bool) -> Iterator[Finding]:
    """Yield what is wrong with the ASGI application. `layer`: a channel layer is configured."""
    module = code.project.modules.get(asgi.partition(":")[0])
    mapping = protocols(application)
    if mapping is not None:
        if "http" not in mapping:
            yield Finding(
                "no-http", line_of(module, "application"), f"ProtocolTypeRouter has {', '.join(mapping) or 'nothing'}"
            )
        if "lifespan" in mapping:
            yield Finding("lifespan", _key(module, "lifespan"), "ProtocolTypeRouter has 'lifespan'")
    found = sockets(application, code)
    bare = [socket for socket in found if not any("OriginValidator" in name for name in socket.around)]
    if bare:
        what = (
            f"{', '.join(socket.path for socket in bare[:4])}{' ...' if len(bare) > 4 else ''} without an origin check"
        )
        yield Finding("no-origin-check", _key(module, "websocket"), what)
    elif found and any_host:
        yield Finding("any-host", _key(module, "websocket"), "ALLOWED_HOSTS allows every origin")
    seen: set[Any] = set()
    for socket in found:
        if socket.path.startswith("//") or str(socket.path).startswith("/^/"):
            yield Finding("route-slash", socket.place or _key(module, "websocket"), f"the route {socket.path[1:]}")
        if inspect.isclass(socket.consumer):
            if not hasattr(socket.consumer, "as_asgi") or socket.consumer in seen:
                continue
            seen.add(socket.consumer)
            yield from _consumer(socket, code, layer)
    for route, consumer in _classes(application):
        place = place_of(consumer, code) or _key(module, "websocket")
        yield Finding("no-as-asgi", place, f"{consumer.__name__} at {route}")


def _classes(application: Any) -> Iterator[tuple[str, Any]]:
    """Yield routes whose callback is a class instead of as_asgi()."""
    mapping = protocols(application) or {}
    stack, seen = [mapping.get("websocket")], 0
    while stack and seen < 1000:
        seen += 1
        one = stack.pop()
        for route in getattr(one, "routes", None) or ():
            if inspect.isclass(route.callback):
                yield str(route.pattern), route.callback
            stack.append(route.callback)
        stack += [inner for name in INSIDE if (inner := getattr(one, name, None)) is not None]


def _consumer(socket: Socket, code: Code, layer: bool) -> Iterator[Finding]:
    from channels.consumer import SyncConsumer  # type: ignore[import-not-found]

    consumer = socket.consumer
    place = socket.place
    if place is None:
        return
    if issubclass(consumer, SyncConsumer):
        yield Finding("sync-consumer", place, f"{consumer.__name__} at {socket.path} is a {_base(consumer)}")
    text = "\n".join(
        _source(base) for base in consumer.__mro__ if code.project.definition(base.__module__, base.__qualname__)
    )
    uses = "channel_layer" in text or bool(getattr(consumer, "groups", None))
    if uses and not layer:
        yield Finding("no-layer", place, f"{consumer.__name__} uses a channel layer")
    if ".group_add(" in text and ".group_discard(" not in text and "self.groups" not in text:
        yield Finding("group-never-left", place, f"{consumer.__name__} calls group_add() and never group_discard()")


def _base(consumer: Any) -> str:
    return next((base.__name__ for base in consumer.__mro__ if base.__module__.startswith("channels.")), "SyncConsumer")


def _source(owner: Any) -> str:
    try:
        return inspect.getsource(owner)
    except (OSError, TypeError):
        return ""


def _key(module: Any, key: str) -> Place:
    """Return the line of a dictionary's key in asgi.py."""
    if module is None:
        return Place("asgi.py")
    lines = [node.lineno for node in ast.walk(module.tree) if isinstance(node, ast.Constant) and node.value == key]
    return Place(module.file, min(lines, default=1))


def line_of(module: Any, name: str) -> Place:
    """Return the last line that sets a variable of a module."""
    if module is None:
        return Place("asgi.py")
    lines = [
        node.lineno
        for node in module.tree.body
        if isinstance(node, ast.Assign)
        and any(isinstance(target, ast.Name) and target.id == name for target in node.targets)
    ]
    return Place(module.file, max(lines, default=1))
