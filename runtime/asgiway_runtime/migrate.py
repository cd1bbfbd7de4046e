"""Migrate with a lock timeout: `python -m asgiway_runtime.migrate SECONDS`.

A migration that waits for a lock makes every later query of the running site wait behind it, so it gives up instead.
"""

from __future__ import annotations

import os
import sys


def main(seconds: str) -> None:
    """Run migrate; PostgreSQL gets lock_timeout through libpq's PGOPTIONS, SQLite waits by its own timeout."""
    os.environ["PGOPTIONS"] = f"{os.environ.get('PGOPTIONS', '')} -c lock_timeout={int(seconds)}s".strip()
    import django
    from django.conf import settings
    from django.core.management import call_command

    django.setup()
    if not any(database.get("ENGINE") for database in settings.DATABASES.values()):
        sys.stdout.write("no database is configured\n")
        return
    call_command("migrate", interactive=False)


if __name__ == "__main__":
    main(sys.argv[1])
