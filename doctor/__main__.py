"""For `python DIRECTORY`: where PYTHONPATH is the project's, nothing has to be added to it."""

from __future__ import annotations

import sys

from asgiway_doctor.__main__ import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
