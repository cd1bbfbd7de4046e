"""What ./asgiway compare needs of the words: servers to compare, and nothing that they would share with a live site."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from ansible_collections.asgiway.django.plugins.plugin_utils.declaration import Spec, WordsError
from ansible_collections.asgiway.django.plugins.plugin_utils.server_word import Servers, check_server
from ansible_collections.asgiway.django.plugins.plugin_utils.values import show

COMMAND = "./asgiway compare"
FEWEST, MOST = 2, 8
OF_THE_SITE = ("DATABASE_URL", "REDIS_URL")  # by which an environment leads to what the live site uses


def check_servers(asked: list[str], servers: Servers) -> tuple[dict[str, list[str]], list[str]]:
    """Return server -> its engines, and a sentence for each that is none or is said twice."""
    example = f" Try: {COMMAND} -e servers={','.join(_example(servers))}"
    if not FEWEST <= len(asked) <= MOST:
        said = f"servers holds {len(asked)}" if asked else "servers is not set"
        return {}, [f"{said}; a comparison has {FEWEST} to {MOST} servers.{example}"]
    found: dict[str, list[str]] = {}
    errors = []
    for name in asked:
        try:
            engines = check_server(name, servers, COMMAND)
        except WordsError as error:
            # what it says to type is the word of a deploy
            errors.append(f"servers: {re.sub(r' Try: .*', '', str(error))}{example}")
            continue
        twin = next((other for other, same in found.items() if same == engines), "")
        if twin:
            errors.append(
                f"servers holds {show(name)} twice; once is enough"
                if twin == name
                else f"servers holds {show(twin)} and {show(name)}, which are the same server; leave one out"
            )
        found[name] = engines
    return found, errors


def _example(servers: Servers) -> list[str]:
    """Return an engine of each interface."""
    by_interface = {interface: name for name, interface in sorted(servers.interfaces.items(), reverse=True)}
    return sorted(by_interface.values()) + sorted(servers.aliases)[:1]


def check_apart(spec: Spec, extra: Collection[str], said: Collection[str], values: Mapping[str, Any]) -> list[str]:
    """Return a sentence for each word or variable by which the compared sites would use what the live one uses.

    Args:
        spec: the declaration.
        extra: the names that are given with -e.
        said: the names that somebody gave, in the inventory or with -e.
        values: words and variables by name, already templated, secret ones, too; they are in no sentence.
    """
    errors = ["server has no effect here; servers says what is compared. Leave it out"] if "server" in extra else []
    for name in sorted({name for one in spec.agree for name in one} & {*said}):
        errors.append(
            f"{name} is set, and every compared site would use what it names; a comparison needs places of its own, so"
            " leave it out for this command"
        )
    own = bool(values.get("compare_database_url"))
    if values.get("database_url") and not own:
        errors.append(
            "database_url is set, and a comparison migrates and fills no database that a site uses; name a throwaway"
            f' one, from a vault or as {COMMAND} -e "compare_database_url=$URL"'
        )
    environment = values.get("app_env")
    for name in OF_THE_SITE:
        if isinstance(environment, Mapping) and name in environment and not own:
            errors.append(
                f"app_env has {name}, by which the compared sites would use what the live one uses; name a throwaway"
                f' database, as {COMMAND} -e "compare_database_url=$URL", and both are left out for the comparison'
            )
    return errors
