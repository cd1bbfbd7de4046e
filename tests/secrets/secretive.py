"""A site whose secrets are known to who tests it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from deploying import Run, Site

PLANTED = {"app_env": "planted-in-app-env-5d41402abc4b", "build_env": "planted-in-build-env-2a76b9719d91"}
QUICK = ("server=hybrid", "drain_seconds=2", "drain_limit=6")
SCAN = Path(__file__).parent / "scan.py"


class Secretive(Site):
    """A site whose changes have planted secrets, and are told in full."""

    def __init__(self, config: pytest.Config, work: Path) -> None:
        """Make every run show all that it can."""
        super().__init__(config, work)
        self._command += ["-vvv", "--diff"]
        self.outputs: dict[str, str] = {}

    def tell(self, playbook: str, *words: str) -> Run:
        """Change it with the planted secrets, and keep what was printed."""
        # the words of a command line are the user's own affair; a vault or a file is the way for secrets
        file = self._work / "planted.json"
        build = {
            "SSL_CERT_FILE": "/etc/ssl/certs/ca-certificates.crt",
            "UV_INDEX_INTERNAL_USERNAME": "deploy",
            "UV_INDEX_INTERNAL_PASSWORD": PLANTED["build_env"],
        }
        file.write_text(json.dumps({"app_env": {"PAYMENT_KEY": PLANTED["app_env"]}, "build_env": build}))
        code, run = self.attempt(playbook, *QUICK, f"@{file}", *words)
        assert code == 0, f"{playbook} {' '.join(words)} ended with {code}:\n{run.output[-4000:]}"
        self.outputs[f"{playbook} {' '.join(words)}"] = run.output
        return run

    def scan(self) -> list[str]:
        """Return where secrets can be found on the host, and how many were looked for."""
        script = f"PLANTED = {PLANTED!r}\n" + SCAN.read_text().replace("from __future__ import annotations\n", "")
        return self.on_host("python3", "-", self.app, given=script, limit=300).splitlines()

    def secrets(self) -> list[str]:
        """Return the values of all secrets: planted, generated, and those from before a rotation."""
        files = self.on_host("sh", "-c", f"cat /etc/asgiway/{self.app}/secret_key* /etc/asgiway/{self.app}/redis_*")
        return [*PLANTED.values(), *files.split()]

    def redis(self, password: str) -> str:
        """Return what Redis says to the app's user with this password."""
        socket = f"/run/{self.app}-redis/redis.sock"
        return self.on_host("redis-cli", "-s", socket, given=f"AUTH {self.app} {password}\n").strip()
