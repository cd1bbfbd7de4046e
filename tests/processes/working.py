"""The sample app with background processes, and the record of what they did."""

from __future__ import annotations

import json
import shutil
from functools import cached_property
from pathlib import Path
from typing import Any
from uuid import uuid4

from deploying import Run, Site, edit, wait_for

PROJECT = Path(__file__).parent / "project"
BROKER_PORT = 6399
CELERY = "celery -A queueing"
PROCESSES = {
    "worker": {
        "command": f"{CELERY} worker -l info -c 10 -n worker-{{instance}}-{{release}}@%h -Q celery",
        "stop_seconds": 900,
    },
    "beat": {"command": f"{CELERY} beat -s /tmp/beat", "singleton": True, "stop_seconds": 20},
}
Line = dict[str, Any]


class Workers:
    """A site with workers.

    Attributes:
        site: it.
        project: its source, which a deploy takes.
    """

    def __init__(self, site: Site, project: Path) -> None:
        """Add the queue to the project."""
        self.site, self.project = site, project
        shutil.copytree(PROJECT, project, dirs_exist_ok=True)
        edit(project / "config/settings.py", '    "live",\n', '    "live",\n    "queueing",\n')
        with (project / "requirements.txt").open("a") as file:
            file.write("celery>=5.4,<6\nredis\npackaging\n")

    def begin(self) -> None:
        """Run a broker on the host, of nobody's but this test's."""
        options = [f"--port {BROKER_PORT}", "--bind 127.0.0.1", "--save ''", "--daemonize yes", "--dir /tmp"]
        self.site.on_host("sh", "-c", f"redis-cli -p {BROKER_PORT} ping || redis-server {' '.join(options)}")

    def end(self) -> None:
        """Put the sample app back, and stop the broker."""
        self.site.change("deploy")
        self.site.on_host("redis-cli", "-p", str(BROKER_PORT), "shutdown", "nosave")

    def deploy(self, playbook: str = "deploy", **words: Any) -> Run:
        """Deploy the project with its processes, or with others."""
        return self.site.change(playbook, *self.words(**words))

    @cached_property
    def period(self) -> int:
        """Seconds from one due time to the next: cron knows minutes only."""
        return 10 if self.systemd else 60

    @cached_property
    def systemd(self) -> bool:
        """Whether systemd runs on the host."""
        return bool(self.site.on_host("sh", "-c", "test -d /run/systemd/system && echo yes || :").strip())

    def words(self, **words: Any) -> tuple[str, ...]:
        """Return what -e is given."""
        said = {
            "app_path": str(self.project),
            "app_env": {"CELERY_BROKER_URL": f"redis://127.0.0.1:{BROKER_PORT}/0"},
            "app_processes": PROCESSES,
            "app_schedules": {
                "note": {"command": "manage.py note due", "on_calendar": "*:*:0/10" if self.systemd else "minutely"}
            },
            **words,
        }
        return (json.dumps(said),)

    def change_code(self) -> None:
        """Make the next deploy a new release."""
        (self.project / "queueing/changed.py").write_text(f'"""{uuid4().hex}."""\n')

    def ask(self, task: str, key: str, *more: str, limit: float = 60) -> None:
        """Put tasks into the queue, through the command that an administrator would type."""
        self.site.on_host(f"{self.site.app}-manage", "ask", task, key, *more, limit=limit)

    def touch(self, name: str) -> None:
        """Make a file in the app's data directory that a task or a command looks for."""
        path = f"/var/lib/{self.site.app}/{name}"
        self.site.on_host("install", "-o", self.site.app, "-m", "600", "/dev/null", path)

    def forget(self) -> None:
        """Empty the record."""
        self.site.on_host("rm", "-f", f"/var/lib/{self.site.app}/done.jsonl")

    def lines(self, what: str, **more: Any) -> list[Line]:
        """Return what was recorded."""
        text = self.site.on_host("sh", "-c", f"cat /var/lib/{self.site.app}/done.jsonl 2>/dev/null || :")
        found = [json.loads(line) for line in text.splitlines()]
        return [line for line in found if line["what"] == what and more.items() <= line.items()]

    def wait(self, what: str, limit: float = 60, **more: Any) -> Line:
        """Wait for a line and return it."""
        wait_for(f"{what} {more}", lambda: bool(self.lines(what, **more)), limit)
        return self.lines(what, **more)[0]
