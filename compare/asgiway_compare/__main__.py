"""python -m asgiway_compare measure|report: one turn of one server on the host, or the report of all of them.

`report` reads {plan, results} as JSON from stdin, results being a text with a line of JSON for each turn.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path


def main(argv: list[str]) -> int:
    """Run; 1 with a sentence when a turn could not be measured."""
    parser = argparse.ArgumentParser(prog="python -m asgiway_compare", description=(__doc__ or "").splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    measured = commands.add_parser("measure", help="one turn of one server")
    measured.add_argument("--plan", type=Path, required=True, help="what is measured, as JSON")
    measured.add_argument("--app", required=True, help="the name of the compared site")
    measured.add_argument("--round", type=int, required=True, help="its number, from 1")
    measured.add_argument("--to", type=Path, required=True, help="the file that gets a line of JSON")
    reported = commands.add_parser("report", help="read {plan, results} from stdin and write the report")
    reported.add_argument("--to", type=Path, required=True, help="the directory that gets the report")
    options = parser.parse_args(argv)
    if options.command == "report":
        # its page looks as the doctor's does
        sys.path.append(str(Path(__file__).resolve().parents[2] / "doctor"))
        from asgiway_compare import report

        given = json.load(sys.stdin)
        results = [json.loads(line) for line in given["results"].splitlines()]
        sys.stdout.write(report.write(given["plan"], results, options.to))
        return 0
    from asgiway_compare import measure  # needs websockets, which the controller may lack

    try:
        sys.stdout.write(measure.main(options.plan, options.app, options.round, options.to) + "\n")
    except (ValueError, TimeoutError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
