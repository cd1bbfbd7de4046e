"""A uv.lock that names a private index: with its password the project is deployed, and nobody reads that password."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from deploying import copy_of_sample, wait_for
from secretive import PLANTED, QUICK, Secretive

pytestmark = pytest.mark.timeout(1800)
PORT = 3141
VERSION = f"1.{int(time.time())}"  # of no earlier run, whose file uv would have in its cache
SERVER = Path(__file__).parent / "index_server.py"
PLACE, PID = "/run/asgiway-test-index.py", "/run/asgiway-test-index.pid"


@pytest.fixture(scope="module")
def index(site: Secretive) -> Iterator[str]:
    """Run the index on the host; return its address."""
    header = b"Basic " + base64.b64encode(f"deploy:{PLANTED['build_env']}".encode())
    site.on_host("tee", PLACE, given=SERVER.read_text())
    daemon = ("start-stop-daemon", "--pidfile", PID)
    run = ("--start", "--background", "--make-pidfile", "--exec", "/usr/bin/python3", "--", PLACE)
    site.on_host(*daemon, *run, str(PORT), VERSION, hashlib.sha256(header).hexdigest())
    wait_for("the index answers", lambda: f":{PORT} " in site.on_host("ss", "-Hltn"), 10)
    yield f"http://{urlsplit(site.url).hostname}:{PORT}/simple"
    site.on_host(*daemon, "--stop", "--remove-pidfile")
    site.on_host("rm", PLACE)


@pytest.fixture(scope="module")
def app(index: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the sample app that is locked with uv and needs the private package."""
    app = copy_of_sample(tmp_path_factory.mktemp("private") / "app")
    wanted = [*(app / "requirements.txt").read_text().split(), "greetings"]
    (app / "pyproject.toml").write_text(
        '[project]\nname = "sample"\nversion = "1"\nrequires-python = ">=3.11"\n'
        f"dependencies = {json.dumps(wanted)}\n\n"
        f'[[tool.uv.index]]\nname = "internal"\nurl = "{index}"\nexplicit = true\n\n'
        '[tool.uv.sources]\ngreetings = {index = "internal"}\n'
    )
    known = {"UV_INDEX_INTERNAL_USERNAME": "deploy", "UV_INDEX_INTERNAL_PASSWORD": PLANTED["build_env"]}
    lock = [str(Path(sys.executable).parent / "uv"), "lock", "-q", "--python", sys.executable]
    subprocess.run(lock, cwd=app, env={**os.environ, **known, "UV_NO_CACHE": "1"}, check=True)
    assert PLANTED["build_env"] not in (app / "uv.lock").read_text()
    return app


def test_a_wrong_password_is_refused_and_not_shown(site: Secretive, app: Path, tmp_path: Path) -> None:
    live, wrong = site.health()["release"], "wr0ng-but-as-secret-as-any"
    words = tmp_path / "words.json"
    known = {"UV_INDEX_INTERNAL_USERNAME": "deploy", "UV_INDEX_INTERNAL_PASSWORD": wrong}
    words.write_text(json.dumps({"build_env": {"SSL_CERT_FILE": "/etc/ssl/certs/ca-certificates.crt", **known}}))
    code, run = site.attempt("deploy", *QUICK, f"@{words}", f"app_path={app}")
    said = run.output.partition("Stopped at: ")[2]
    assert code and "Install the project's packages" in said and "401 Unauthorized" in said, run.output[-3000:]
    assert f"Release {live} of {site.app} is live as before" in said
    assert site.health()["release"] == live
    assert wrong not in run.output


def test_a_private_package_is_installed_and_its_password_is_nowhere(site: Secretive, app: Path) -> None:
    run = site.tell("deploy", f"app_path={app}")
    code = "import greetings; print(greetings.TEXT)"
    said = site.on_host(f"{site.app}-manage", "shell", "-v0", "-c", code)
    assert said.strip() == f"from the private index, {VERSION}"
    assert PLANTED["build_env"] not in run.output
    assert [line for line in site.scan() if line.startswith("build_env")] == []
