"""The server word: an engine, an alias, or A+B."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.asgiway.django.plugins.plugin_utils.declaration import COMMAND, WordsError
from ansible_collections.asgiway.django.plugins.plugin_utils.spelling import suggest
from ansible_collections.asgiway.django.plugins.plugin_utils.values import show


@dataclass(frozen=True)
class Servers:
    """What the registry says about the server word."""

    engines: tuple[str, ...]
    aliases: Mapping[str, str]
    interfaces: Mapping[str, str]  # engine -> wsgi | asgi
    refused: Mapping[str, str] = field(default_factory=dict)  # word -> why it is no server
    tuning: Mapping[str, frozenset[str]] = field(default_factory=dict)  # engine -> the numbers that it can be told


def parse_servers(data: Any) -> Servers:
    """Read {engines: [...], aliases, interfaces, refused, tuning: {...}} as a playbook computes it.

    Raises:
        WordsError: when the registry is incomplete.
    """
    try:
        engines = tuple(str(engine) for engine in data["engines"])
        aliases = {str(alias): str(value) for alias, value in (data.get("aliases") or {}).items()}
        interfaces = {str(engine): str(value) for engine, value in data["interfaces"].items()}
        refused = {str(word): " ".join(str(reason).split()) for word, reason in (data.get("refused") or {}).items()}
        tuning = {str(engine): frozenset(map(str, names)) for engine, names in (data.get("tuning") or {}).items()}
    except (KeyError, TypeError, AttributeError) as error:
        raise WordsError("the registry of servers cannot be read; it needs engines, aliases and interfaces") from error
    for engine in engines:
        if interfaces.get(engine) not in ("wsgi", "asgi"):
            raise WordsError(f"the registry of servers does not say whether {engine} is wsgi or asgi")
    if not engines:
        raise WordsError("the registry of servers is empty")
    return Servers(engines, aliases, interfaces, refused, tuning)


def check_server(value: str, servers: Servers, command: str = COMMAND) -> list[str]:
    """Return the engines that a server word stands for: one, or [wsgi engine, asgi engine].

    Raises:
        WordsError: when it names no server, or a pair that cannot work.
    """
    if value in servers.aliases:
        parts = servers.aliases[value].split("+")
        if any(part not in servers.engines for part in parts):
            raise WordsError(
                f"{value} stands for {servers.aliases[value]}, which the registry of servers does not hold"
            )
    else:
        parts = [part.strip() for part in value.split("+")]
    for part in parts:
        if part not in servers.engines:
            raise WordsError(_no_server(value, part, parts, servers, command))
    wsgi, asgi = _by_interface(servers)
    if len(parts) > 2:
        raise WordsError(
            f"{show(value)} has {len(parts)} parts; a server is one engine, or A+B: A for HTTP under WSGI, B for"
            f" WebSockets and async routes under ASGI.{_try_server(_pair(servers), command)}"
        )
    if len(parts) == 2:
        first, second = parts
        if servers.interfaces[first] == "asgi" and servers.interfaces[second] == "wsgi":
            raise WordsError(
                f"{value}: the part before + serves HTTP under WSGI, and {first} speaks ASGI; swap them?"
                f"{_try_server(f'{second}+{first}', command)}"
            )
        if servers.interfaces[first] == "asgi":
            other = f", or put one of {', '.join(wsgi)} before the +" if wsgi else ""
            raise WordsError(
                f"{value}: the part before + serves HTTP under WSGI, and {first} speaks ASGI; {second} alone serves"
                f" HTTP and WebSockets{other}.{_try_server(second, command)}"
            )
        if servers.interfaces[second] == "wsgi":
            need = f"put one of {', '.join(asgi)} after the +, or use" if asgi else "use"
            example = f"{first}+{_pair(servers).partition('+')[2]}" if asgi else first
            raise WordsError(
                f"{value}: nothing in it speaks WebSocket; {need} {first} alone.{_try_server(example, command)}"
            )
    return parts


def _no_server(value: str, part: str, parts: list[str], servers: Servers, command: str) -> str:
    names = sorted({*servers.engines, *servers.aliases})
    pair = _pair(servers)
    allowed = f"One of: {', '.join(names)}" + (f", or A+B such as {pair} (WSGI+ASGI)" if pair else "")
    if part in servers.aliases:
        return (
            f"{show(value)}: {part} already stands for {servers.aliases[part]} and cannot be a part of a pair."
            f"{_try_server(part, command)}"
        )
    if part in servers.refused:
        return f"{show(part)} is no server here: {servers.refused[part]}. {allowed}.{_try_server(names[0], command)}"
    subject = f"{show(part)} is not a server" if part else f"{show(value)} has no server on one side of +"
    if not value:
        subject = "server is empty"
    near = suggest(part, servers.engines if len(parts) > 1 else names, 0.7)
    if near:
        full = "+".join(near if other == part else other for other in parts)
        return f"{subject}; did you mean {near}? {allowed}.{_try_server(full, command)}"
    return f"{subject}. {allowed}.{_try_server(names[0], command)}"


def _by_interface(servers: Servers) -> tuple[list[str], list[str]]:
    names = sorted(servers.engines)
    return (
        [name for name in names if servers.interfaces[name] == "wsgi"],
        [name for name in names if servers.interfaces[name] == "asgi"],
    )


def _pair(servers: Servers) -> str:
    """Return the pair that the first alias recommends, or any."""
    named = (value for value in servers.aliases.values() if all(part in servers.engines for part in value.split("+")))
    wsgi, asgi = _by_interface(servers)
    return next((value for value in named if "+" in value), f"{wsgi[0]}+{asgi[0]}" if wsgi and asgi else "")


def _try_server(server: str, command: str) -> str:
    return f" Try: {command} -e server={server}" if server else ""
