"""The README's section "Only the templates" works as it is printed, without this collection."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import site_snippets
import yaml
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

HERE = Path(__file__).parent
NAME = "shop.example.com"

Play = Callable[..., str]


@dataclass(frozen=True)
class Site:
    """Where the site answers."""

    address: str

    def get(self, path: str, **headers: str) -> httpx.Response:
        """Return the answer to a GET under the site's name."""
        return httpx.get(f"http://{self.address}{path}", headers={"Host": NAME, **headers}, timeout=20, trust_env=False)

    def wait(self) -> None:
        """Return when the app answers; until it is loaded, which systemd cannot know, nginx says 502."""
        end = time.monotonic() + 30
        while (answer := self.get("/healthz")).status_code != 200:
            assert time.monotonic() < end, f"{answer.status_code}\n{answer.text}"
            time.sleep(0.1)

    def websocket(self, path: str) -> ClientConnection:
        """Return an open WebSocket."""
        raw = socket.create_connection((self.address, 80), timeout=20)
        return connect(f"ws://{NAME}{path}", sock=raw, origin=Origin(f"http://{NAME}"), open_timeout=20)


@pytest.fixture(scope="module")
def play(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Play:
    """Return a function that runs a playbook on the host with nothing but ansible-core's own modules."""
    inventories = [str(Path(path).resolve()) for path in pytestconfig.getoption("inventory")]
    empty = tmp_path_factory.mktemp("no-collections")
    (empty / "ansible.cfg").touch()
    environment = {
        **os.environ,
        "ANSIBLE_CONFIG": str(empty / "ansible.cfg"),
        "ANSIBLE_COLLECTIONS_PATH": str(empty),
        "ANSIBLE_COLLECTIONS_SCAN_SYS_PATH": "false",
        "ANSIBLE_PIPELINING": "true",
        "ANSIBLE_LOCALHOST_WARNING": "false",
    }

    def run(program: str, *arguments: str, cwd: Path = HERE) -> str:
        options = [option for path in inventories for option in ("--inventory", path)]
        done = subprocess.run(
            [str(Path(sys.executable).parent / program), *options, *arguments],
            cwd=cwd,
            env=environment,
            capture_output=True,
            text=True,
            timeout=280,
        )
        assert done.returncode == 0, f"{program} {arguments}\n{done.stdout[-6000:]}\n{done.stderr[-2000:]}"
        return done.stdout

    return run


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an empty repository, filled by the README's cp commands and files."""
    work = tmp_path_factory.mktemp("work")
    (work / "asgiway").symlink_to(site_snippets.ROOT)
    own = work / "shop-ops"
    (own / "group_vars" / "all").mkdir(parents=True)
    for command in site_snippets.commands():
        subprocess.run(["/bin/sh", "-ec", command], cwd=own, check=True)
    for name, text in site_snippets.files().items():
        (own / name).write_text(text)
    (work / "asgiway").unlink()  # from here on there is no kit
    return own


@pytest.fixture(scope="module")
def site(
    play: Play, repository: Path, pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    """Place a project on the host, then the site by the README's playbook."""
    host = pytestconfig.getoption("host")
    archive = tmp_path_factory.mktemp("project") / "project.tar"
    with tarfile.open(archive, "w") as tar:
        tar.add(site_snippets.ROOT / "sample_app", arcname=".", filter=_source_only)
    try:
        play("ansible-playbook", "--limit", host, "-e", f"project_archive={archive}", str(HERE / "place_project.yml"))
        play("ansible-playbook", "--limit", host, "site.yml", cwd=repository)
        placed = Site(json.loads(play("ansible-inventory", "--host", host))["ansible_host"])
        placed.wait()
        yield placed
    finally:
        play("ansible-playbook", "--limit", host, str(HERE / "remove_project.yml"))


def _source_only(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    return None if re.search(r"__pycache__|sqlite3|staticfiles", member.name) else member


def test_the_playbook_has_ten_lines_and_names_no_collection_but_ansibles_own() -> None:
    text = site_snippets.files()["site.yml"]
    modules = {key for task in yaml.safe_load(text)[0]["tasks"] for key in task if "." in key}
    assert len(text.splitlines()) == 10
    assert modules and all(module.startswith("ansible.builtin.") for module in modules)


def test_only_files_were_copied(repository: Path) -> None:
    assert not [path for path in repository.rglob("*") if path.is_symlink()]
    assert (repository / "templates" / "app_server" / "app@.service.j2").is_file()


def test_http_is_answered_by_the_asgi_server(site: Site) -> None:
    answer = site.get("/healthz")
    assert answer.status_code == 200, answer.text
    assert answer.json()["interface"] == "asgi"


def test_pages_name_static_files_that_come_from_disk_for_a_year(site: Site) -> None:
    page = site.get("/")
    link = re.search(r'href="(/static/[^"]+\.css)"', page.text)
    assert link, page.text[:2000]
    answer = site.get(link[1])
    assert answer.status_code == 200
    assert "immutable" in answer.headers["cache-control"]


def test_a_websocket_echoes(site: Site) -> None:
    with site.websocket("/ws/echo/") as client:
        client.send("hello")
        assert client.recv(timeout=10) == "hello"


def test_two_members_of_a_room_see_each_other(site: Site) -> None:
    with site.websocket("/ws/chat/lobby/") as one, site.websocket("/ws/chat/lobby/") as two:
        two.send(json.dumps({"message": "anybody?"}))
        for _ in range(20):
            if json.loads(one.recv(timeout=10)).get("message") == "anybody?":
                break
        else:
            pytest.fail("the message did not arrive")


def test_an_upgrade_to_something_else_is_not_passed_on(site: Site) -> None:
    answer = site.get("/healthz", Connection="Upgrade", Upgrade="h2c")
    assert answer.status_code == 200


def test_the_sites_processes_return_after_a_restart_of_the_target(
    site: Site, play: Play, pytestconfig: pytest.Config
) -> None:
    play(
        "ansible", pytestconfig.getoption("host"), "--become",
        "-m", "ansible.builtin.systemd_service", "-a", "name=shop.target state=restarted",
    )  # fmt: skip
    site.wait()
