"""What two words, or a word and the server, say of each other."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from ansible_collections.asgiway.django.plugins.plugin_utils.declaration import COMMAND, Spec, Word
from ansible_collections.asgiway.django.plugins.plugin_utils.server_word import Servers
from ansible_collections.asgiway.django.plugins.plugin_utils.values import show


def check_pairs(spec: Spec, words: Mapping[str, Any], given: Collection[str]) -> list[str]:
    """Return a sentence for each pair of words that cannot both be meant.

    Args:
        spec: the declaration.
        words: the words in their types; None where one has no value or a wrong one.
        given: the words that somebody said; a default contradicts nobody.
    """
    errors = []
    limit, seconds = words.get("drain_limit"), words.get("drain_seconds")
    if "drain_limit" in given and limit is not None and seconds is not None and limit < seconds:
        errors.append(
            f"drain_limit is {limit} and drain_seconds is {seconds}; a drain lasts drain_seconds at least, so"
            f" drain_limit must be {seconds} or more. Or lower drain_seconds"
        )
    ports: dict[int, str] = {}
    for name in spec.words:
        if name == "https_port" and words.get("tls") in (None, "none"):
            continue  # nobody listens there
        if re.fullmatch(r"https?\w*_port", name) and words.get(name) is not None:
            first = ports.setdefault(words[name], name)
            if first != name:
                errors.append(f"{first} and {name} are both {words[name]}; nginx needs a port for each")
    media = words.get("app_media_url")
    if media and media in ("/static/", *(words.get("app_asgi_routes") or [])):
        other = "where the static files are" if media == "/static/" else "one of app_asgi_routes"
        errors.append(f"app_media_url is {media}, which is {other}; nginx needs a path for each")
    if words.get("database") == "postgresql" and words.get("database_url"):
        errors.append(
            "database is postgresql, which is a database on this host, and database_url names another; leave one out"
        )
    # who says that there is no firewall here knows it, and may leave the list in an inventory
    if words.get("firewall_allow") and "manage_firewall" not in given:
        errors.append(
            "firewall_allow has no effect as long as nobody says manage_firewall=true, and every port is open; say it,"
            " or leave firewall_allow out"
        )
    names = [*([words["app_domain"]] if words.get("app_domain") else []), *(words.get("app_domain_aliases") or [])]
    folded = [name.lower() for name in names]
    errors += [
        f"app_domain_aliases holds {show(name)}, which is said already by it or by app_domain; leave it out"
        for number, name in enumerate(names)
        if folded.index(name.lower()) != number
    ]
    return errors


def check_slots(words: Mapping[str, Any], values: Mapping[str, Any]) -> list[str]:
    """Return a sentence for each number of processes above the app_server_slots that somebody set."""
    slots = values.get("app_server_slots")
    return [
        f"{name} is {words[name]} and app_server_slots is {slots}; each process needs a slot, so {name} must be"
        f" {slots} or less"
        for name in ("workers", "wsgi_workers", "asgi_workers")
        if slots is not None and (words.get(name) or 0) > slots
    ]


def check_effect(
    spec: Spec,
    extra: Collection[str],
    inventory: Collection[str],
    engines: Sequence[str],
    servers: Servers,
    command: str = COMMAND,
) -> tuple[list[str], list[str]]:
    """Return errors and warnings for words that have no effect.

    A word of another command is an error with -e. One that the server cannot follow is a warning, for an inventory
    stays when the server is changed, and so does a script; in an inventory a word of the project (app_...) is not even
    that.
    """
    errors, warnings = [], []
    for name, word in spec.words.items():
        where = extra if name in extra else inventory
        if name not in where:
            continue
        why = _idle(word, engines, servers, command)
        if why and name in extra and word.only:
            errors.append(f"{name} has no effect here: {why}. Leave it out")
        elif why and name in extra:
            warnings.append(f"{name} has no effect here: {why}")
        elif why and not name.startswith("app_") and not word.only:
            warnings.append(f"{name} in the inventory has no effect: {why}")
    return errors, warnings


def _idle(word: Word, engines: Sequence[str], servers: Servers, command: str) -> str:
    """Return why a word has no effect, or ''."""
    if word.only and command.split()[-1:] != [word.only]:
        return f"it only counts for ./asgiway {word.only}"
    if not engines or not word.needs:
        return ""
    together = "+".join(engines)
    if word.needs == "tuning":
        able = sorted(name for name, numbers in servers.tuning.items() if word.name in numbers)
        if not servers.tuning or any(word.name in servers.tuning.get(engine, ()) for engine in engines):
            return ""
        return f"{together} cannot be told; these can: {', '.join(able)}" if able else f"{together} cannot be told"
    if any(servers.interfaces[engine] == word.needs for engine in engines):
        return ""
    lacks = "nothing in it speaks ASGI" if word.needs == "asgi" else "nothing in it speaks WSGI"
    return f"the server is {together}, and {lacks}"
