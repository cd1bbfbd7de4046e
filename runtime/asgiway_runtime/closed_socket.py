"""Leave a Unix socket that only its user and group may open, and become the server that listens there next.

`python -m asgiway_runtime.closed_socket PATH COMMAND...`: for a server that would make its socket 0666, but keeps the
mode of one that it finds (uvicorn's server.py). Nobody listens on the one that is left; the server replaces it.
"""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

MODE = 0o660


def leave(path: Path) -> None:
    """Leave a socket of that mode at the path, instead of what a killed process left there."""
    path.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))  # the file stays when the socket is closed
    path.chmod(MODE)


if __name__ == "__main__":
    leave(Path(sys.argv[1]))
    os.execv(sys.argv[2], sys.argv[2:])  # noqa: S606 - the command of the unit or program, which stands behind the path
