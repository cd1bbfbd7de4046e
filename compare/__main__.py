"""For `python DIRECTORY`: nothing has to be on PYTHONPATH."""

from __future__ import annotations

import sys

from asgiway_compare.__main__ import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
