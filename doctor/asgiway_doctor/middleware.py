"""Which middlewares break the async chain, counted as Django's own handler builds it."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from asgiway_doctor.code import Code
from asgiway_doctor.finding import Finding
from asgiway_doctor.source import Place, setting_place
from asgiway_doctor.urls import place_of


@dataclass(frozen=True)
class Layer:
    """One middleware. `hops`: what it adds to every request under ASGI, in changes between event loop and thread."""

    name: str
    sync: bool
    asynchronous: bool
    hops: int
    place: Place | None


def chain(names: Sequence[str], load: Any, code: Code) -> list[Layer]:
    """Return the middlewares as the settings list them.

    Django builds the chain from the inside out: what is sync-only makes the outer ones run in its thread, too.

    Raises:
        ImportError: the project's own, when one cannot be imported.
    """
    layers: list[Layer] = []
    handler_is_async = True
    for name in reversed(names):
        factory = load(name)
        can_sync, can_async = getattr(factory, "sync_capable", True), getattr(factory, "async_capable", False)
        runs_async = False if not handler_is_async and can_sync else can_async
        hops = int(runs_async != handler_is_async)
        handler_is_async = runs_async
        if runs_async and _is_mixed_in(factory):
            # MiddlewareMixin runs each of these in a thread by itself
            hops += sum(_defines(factory, method) for method in ("process_request", "process_response"))
        layers.append(Layer(name, can_sync, can_async, hops, place_of(factory, code)))
    return layers[::-1]


def _is_mixed_in(factory: Any) -> bool:
    return inspect.isclass(factory) and any(base.__name__ == "MiddlewareMixin" for base in factory.__mro__)


def _defines(factory: Any, method: str) -> bool:
    return callable(getattr(factory, method, None))


def findings(names: Sequence[str], load: Any, code: Code, settings: str) -> Iterator[Finding]:
    """Yield the sync-only middlewares: where they are written, or where the settings name them."""
    for name in names:
        named = setting_place(code.project, settings, "MIDDLEWARE", name) or Place("settings")
        try:
            factory = load(name)
        except Exception as error:
            yield Finding("middleware-fails", named, f"{name}: {type(error).__name__}: {error}")
            continue
        if not getattr(factory, "async_capable", False):
            short = name.rpartition(".")[2]
            yield Finding("sync-middleware", place_of(factory, code) or named, f"{short} has no async_capable = True")
