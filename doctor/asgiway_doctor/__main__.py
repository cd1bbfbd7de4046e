"""python -m asgiway_doctor: look at a Django project with its own Python, and report what it will meet under ASGI.

The text goes to stdout. Exits with 1 when there is a finding that --fail-on names, with 2 when it was called wrongly.
With --routes it only prints what app_asgi_routes: auto is, as JSON; the settings are then those of the environment.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from asgiway_doctor import page, served, text
from asgiway_doctor.catalogue import SEVERITIES
from asgiway_doctor.examine import Examination


def parse(argv: list[str]) -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(prog="python -m asgiway_doctor", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("source", help="the project's directory; its modules must be importable")
    parser.add_argument("--settings", default="", help="the settings module")
    parser.add_argument("--asgi", default="", help="module:name of the ASGI application")
    parser.add_argument("--wsgi", default="", help="module:name of the WSGI application")
    parser.add_argument("--name", default="", help="what the report calls the project")
    parser.add_argument("--json", type=Path, help="write the report there")
    parser.add_argument("--html", type=Path, help="write a page there")
    parser.add_argument("--ruff", type=Path, help="the output of ruff check --select ASYNC --output-format json")
    parser.add_argument("--no-overlay", dest="overlay", action="store_false", help="nothing is laid over the settings")
    parser.add_argument("--cores", type=int, default=0, help="of the host; 0 is unknown")
    parser.add_argument("--memory", type=int, default=0, help="of the host, in MiB; 0 is unknown")
    parser.add_argument("--pool", type=int, default=10, help="database connections of one ASGI process")
    parser.add_argument("--postgresql", action="store_true", help="a deploy gives it a PostgreSQL, whatever it has now")
    parser.add_argument("--max-connections", type=int, default=0, help="of PostgreSQL; 0 is unknown")
    parser.add_argument("--routes", action="store_true", help="nothing but the routes for ASGI, of a deploy")
    parser.add_argument("--fail-on", default="never", choices=["error", "warning", "never"])
    options = parser.parse_args(argv)
    if not Path(options.source).is_dir():
        parser.error(f"{options.source} is not a directory")
    if not options.settings and not options.routes:
        parser.error("the following arguments are required: --settings")
    options.ruff = json.loads(options.ruff.read_text("utf-8") or "[]") if options.ruff else []
    return options


def failed(report: dict[str, Any], fail_on: str) -> bool:
    """Tell whether there is a finding that bad."""
    bad = SEVERITIES[: SEVERITIES.index(fail_on) + 1] if fail_on != "never" else ()
    return any(report["summary"][severity] for severity in bad)


def main(argv: list[str]) -> int:
    """Run."""
    options = parse(argv)
    sys.dont_write_bytecode = True
    if options.routes:
        served.main(options.source, options.asgi)
    examination = Examination(options)
    sys.path.insert(0, str(examination.project.top))
    examination.run()
    report = examination.report()
    if options.json:
        options.json.write_text(json.dumps(report, indent=2) + "\n", "utf-8")
    if options.html:
        options.html.write_text(page.render(report), "utf-8")
    sys.stdout.write(text.render(report))
    return int(failed(report, options.fail_on))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
