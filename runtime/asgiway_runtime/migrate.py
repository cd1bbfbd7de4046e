"""Migrate with a bound on the wait for locks: `python -m asgiway_runtime.migrate SECONDS [--running] ...`.

A migration that waits for a lock makes every later query of the running site wait behind it, so it gives up instead.
With --running a release is serving visitors: what breaks it for certain is refused before anything is migrated, and
what may break it is announced. --before and --after are commands of the project's own, run around it. With --own only a
database that is this app's alone will do: ./asgiway compare must not migrate, or write to, the one of a site.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from asgiway_runtime import commands


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m asgiway_runtime.migrate", description=__doc__)
    parser.add_argument("seconds", type=int, help="the longest wait for a lock")
    parser.add_argument("--running", action="store_true", help="a release is serving visitors")
    parser.add_argument("--breaking", choices=["refuse", "allow"], default="refuse", help="what would break it")
    parser.add_argument("--own", action="store_true", help="refuse a database that is not this app's alone")
    parser.add_argument(
        "--database", action="append", default=[], help="an alias to migrate; may be repeated; default: default"
    )
    parser.add_argument("--before", action="append", default=[], help="a command to run first; may be repeated")
    parser.add_argument("--after", action="append", default=[], help="a command to run at the end; may be repeated")
    return parser.parse_args(arguments)


def bound_waits(database: dict[str, Any], seconds: int) -> None:
    """Bound the wait in a database's settings, where the environment cannot or would be overruled."""
    options = database.setdefault("OPTIONS", {})
    if database["ENGINE"].endswith(("sqlite3", "spatialite")):
        options["timeout"] = seconds
    elif "options" in options:  # libpq reads PGOPTIONS only without it
        options["options"] = f"{options['options']} -c lock_timeout={seconds}s"


def foreign(databases: Mapping[str, Mapping[str, Any]], environ: Mapping[str, str]) -> list[str]:
    """Return which of DATABASES are not this app's alone, as alias and what it names.

    Its own are SQLite files in its directories, and what the kit's ASGIWAY_DATABASE_URL names.
    """
    url = urlsplit(environ.get("ASGIWAY_DATABASE_URL", ""))
    host = next(iter(parse_qs(url.query).get("host", [])), url.hostname or "")
    given = (unquote(url.path.lstrip("/")), host, str(url.port or ""))
    places = [Path(environ[name]) for name in ("ASGIWAY_STATE_DIR", "ASGIWAY_SOURCE_DIR") if environ.get(name)]
    found = []
    for alias, database in databases.items():
        name = str(database.get("NAME") or "")
        if str(database["ENGINE"]).endswith(("sqlite3", "spatialite")):
            own = ":memory:" in name or any(Path(name).resolve().is_relative_to(place.resolve()) for place in places)
        else:
            said = (name, str(database.get("HOST") or ""), str(database.get("PORT") or ""))
            own = bool(url.scheme) and "postg" in str(database["ENGINE"]) and said == given
        if not own:
            where = f" at {database['HOST']}" if database.get("HOST") else ""
            found.append(f"{alias!r} is {name}{where}")
    return found


def check(aliases: Sequence[str], breaking: str) -> None:
    """Say what the unapplied migrations do to the running release; exit when that is refused."""
    from django.db import connections

    from asgiway_runtime.breaking import findings

    found = [finding for alias in aliases for finding in findings(connections[alias])]
    refused = [finding for finding in found if finding.certain and breaking == "refuse"]
    for finding in found:
        if finding not in refused:
            sys.stdout.write(f"{finding}\n")
    if refused:
        sys.exit(
            "\n".join(str(finding) for finding in refused)
            + "\nNothing was migrated. docs/operations.md shows the way in two deploys (Migrations);"
            " -e breaking_migrations=allow migrates all the same."
        )


def main(arguments: Sequence[str]) -> None:
    """Check and migrate, between the project's own commands."""
    given = _parse(arguments)
    if given.own:
        refuse_foreign()
    commands.run(given.before)
    migrate(given)
    commands.run(given.after)


def refuse_foreign() -> None:
    """Exit when a database of the settings is not this app's alone."""
    from django.conf import settings

    databases = {alias: database for alias, database in settings.DATABASES.items() if database.get("ENGINE")}
    if found := foreign(databases, os.environ):
        sys.exit(
            f"the settings lead to a database that is not this app's alone: {'; '.join(found)}. Nothing was migrated."
            ' Name a throwaway one: -e "compare_database_url=$URL", and let the settings read DATABASE_URL'
            " (settings_overlay does)"
        )


def bounded(named: Sequence[str], seconds: int) -> list[str]:
    """Bound the waits of the named databases, or of `default`; return them, none where the project has no database.

    PostgreSQL has the bound through libpq's PGOPTIONS.
    """
    os.environ["PGOPTIONS"] = f"{os.environ.get('PGOPTIONS', '')} -c lock_timeout={seconds}s".strip()
    import django
    from django.conf import settings

    django.setup()
    databases = {alias: database for alias, database in settings.DATABASES.items() if database.get("ENGINE")}
    aliases = list(named or ["default"]) if databases else []
    for alias in aliases:
        if alias not in databases:
            sys.exit(
                f"the project's settings have no database {alias!r}; migrate_databases may name: {list(databases)}"
            )
        bound_waits(databases[alias], seconds)
    return aliases


def idle(named: Sequence[str], seconds: int) -> bool:
    """Migrate where there is nothing to apply, and return whether that was so.

    Django then only sends its signals, at which a project may bring its groups and permissions up to date. An error of
    the database is for the process that migrates, which says more about it.
    """
    aliases = bounded(named, seconds)
    from django.core.management import call_command
    from django.db import Error, connections
    from django.db.migrations.executor import MigrationExecutor

    connections.close_all()  # one that the project has opened already has no bound
    try:
        for alias in aliases:
            executor = MigrationExecutor(connections[alias])
            if executor.migration_plan(executor.loader.graph.leaf_nodes()):
                return False
        for alias in aliases:
            call_command("migrate", interactive=False, database=alias, verbosity=0)
    except Error:
        return False
    return True


def migrate(given: argparse.Namespace) -> None:
    """Check and migrate."""
    aliases = bounded(given.database, given.seconds)
    if not aliases:
        sys.stdout.write("no database is configured\n")
        return
    from django.core.management import call_command
    from django.db.utils import OperationalError

    try:
        if given.running:
            check(aliases, given.breaking)
        for alias in aliases:
            call_command("migrate", interactive=False, database=alias)
    except OperationalError as error:
        if not any(words in str(error) for words in ("locked", "lock timeout")):
            raise
        sys.exit(
            f"Gave up: somebody held a lock of the database for more than {given.seconds} s ({error}). Migrations that"
            " said OK stay applied. Run the same command again; release_migrate_lock_seconds is the bound."
        )


if __name__ == "__main__":
    main(sys.argv[1:])
