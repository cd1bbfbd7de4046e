"""Load over HTTP: wrk, from this host to its own nginx."""

from __future__ import annotations

import http.client
import json
import subprocess
import time
from pathlib import Path
from typing import Any

from asgiway_compare.settings import CLIENTS

ANSWER = 40.0  # seconds for one answer
SCRIPT = Path(__file__).with_name("report.lua")


class Site:
    """One of the compared sites, as its visitors name it."""

    def __init__(self, domain: str, port: int, address: str = "127.0.0.1") -> None:
        """Connect to the address; the name is only said."""
        self.address, self.port = address, port
        self.host = f"{domain}:{port}"

    def status(self, path: str, seconds: float = ANSWER) -> int:
        """Return the status of one GET, 0 when there is no answer."""
        connection = http.client.HTTPConnection(self.address, self.port, timeout=seconds)
        try:
            connection.request("GET", path, headers={"Host": self.host})
            answer = connection.getresponse()
            answer.read()
            return answer.status
        except (OSError, http.client.HTTPException):
            return 0
        finally:
            connection.close()

    def wait(self, path: str, seconds: float) -> float:
        """Return the seconds until it answers 200.

        Raises:
            TimeoutError: when it does not within that time.
        """
        begun = time.monotonic()
        while (passed := time.monotonic() - begun) < seconds:
            if self.status(path) == 200:
                return passed
            time.sleep(0.01)
        raise TimeoutError(f"{path} did not answer 200 within {passed:.0f} s of the start")

    def warm(self, path: str, times: int) -> None:
        """Ask that often, so that every process has loaded what it loads late.

        Raises:
            ValueError: when an answer is not 200.
        """
        for _ in range(times):
            status = self.status(path)
            if status != 200:
                raise ValueError(f"{path} answers {status or 'nothing'}; compare_urls must answer 200 to a GET")

    def load(self, path: str, seconds: int) -> dict[str, Any]:
        """Ask with all clients for some seconds, and return what wrk has seen."""
        argv = ["wrk", "-t1", f"-c{CLIENTS}", f"-d{seconds}s", "-s", str(SCRIPT), "-H", f"Host: {self.host}"]
        argv.append(f"http://{self.address}:{self.port}{path}")
        done = subprocess.run(  # noqa: S603  (our own arguments, no shell)
            argv, capture_output=True, text=True, timeout=seconds + ANSWER, check=True
        )
        return read(done.stdout)


def read(output: str) -> dict[str, Any]:
    """Return the last line of wrk's output, which report.lua has written, in seconds."""
    said = json.loads(output.strip().splitlines()[-1])
    return {
        "requests": said["requests"],
        "seconds": said["microseconds"] / 1e6,
        "p50": said["p50"] / 1e6,
        "p99": said["p99"] / 1e6,
        "failed": said["status"] + said["broken"],
    }
