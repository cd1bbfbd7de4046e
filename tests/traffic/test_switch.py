"""Every change of the server while visitors use the site: nobody notices; WebSockets are asked to come back."""

from __future__ import annotations

import shlex
import subprocess
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from visitors import SOCKETS, Visitors

ROOT = Path(__file__).parents[2]
REGISTRY = yaml.safe_load((ROOT / "roles/app_server/defaults/main/engines.yml").read_text())
DRAIN_SECONDS = 6
DEPLOY_LIMIT = 600  # seconds


def engines(server: str) -> list[dict[str, Any]]:
    """Return the registry's entries of a server word, each with its name."""
    names = REGISTRY["app_server_aliases_default"].get(server, server).split("+")
    return [{"name": name, **REGISTRY["app_server_engines_default"][name]} for name in names]


def change(config: pytest.Config, playbook: str, *words: str) -> None:
    """Run a playbook against the site."""
    argv = [*shlex.split(config.getoption("run")), str(ROOT / f"playbooks/{playbook}.yml")]
    argv += [part for word in words for part in ("-e", word)]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=DEPLOY_LIMIT, check=False)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]


def health(url: str) -> dict[str, Any]:
    """Return what the site says of itself."""
    answer: dict[str, Any] = httpx.get(f"{url}/healthz", trust_env=False).raise_for_status().json()
    return answer


def check(visitors: Visitors, url: str, old: str) -> None:
    """Nothing failed, every deposit is there once, and every socket left once with the old engine's code."""
    seen = visitors.seen
    assert not seen.failed, f"{len(seen.failed)} of {seen.requests} failed: {seen.failed[:5]}"
    with httpx.Client(base_url=url, trust_env=False) as client:
        for key in seen.keys:
            stored = client.get("/balance/entries/", params={"key": key}).json()
            assert (stored["rows"], stored["posts"]) == (1, 1), f"deposit {key} is stored {stored}"
    codes = {engine["close_code"] for engine in engines(old) if engine["interface"] == "asgi"}
    if not codes:
        assert not seen.closes
        return
    assert len(seen.closes) == SOCKETS
    assert {code for _, code in seen.closes} == codes
    times = sorted(moment for moment, _ in seen.closes)
    # evenly over the time: the last leaves well after the first, and no second sees a crowd
    assert DRAIN_SECONDS * 0.6 < times[-1] - times[0] < DRAIN_SECONDS + 2
    crowd = max(sum(start <= moment < start + 1 for moment in times) for start in times)
    assert crowd <= 3 * SOCKETS / DRAIN_SECONDS


@pytest.fixture(scope="module")
def url(request: pytest.FixtureRequest) -> str:
    return str(request.config.getoption("url")).rstrip("/")


@pytest.fixture(scope="module")
def start(request: pytest.FixtureRequest, url: str) -> None:
    """A known server to begin with."""
    change(request.config, "deploy", "server=hybrid")
    assert health(url)["server"] == "gunicorn"


@pytest.mark.usefixtures("start")
@pytest.mark.parametrize(
    ("old", "new"),
    [("hybrid", "uvicorn"), ("uvicorn", "gunicorn"), ("gunicorn", "daphne"), ("daphne", "hybrid")],
    ids=lambda name: str(name),
)
def test_a_change_of_server_fails_nobody(request: pytest.FixtureRequest, url: str, old: str, new: str) -> None:
    before = health(url)["release"]
    with Visitors(url) as visitors:
        change(request.config, "deploy", f"server={new}", f"drain_seconds={DRAIN_SECONDS}")
        assert health(url)["release"] != before
        time.sleep(1)  # a second of visits on the new release alone
    # in between both answer for a moment: nginx keeps connections to the old release for up to 2 s
    assert [visitors.seen.servers[0], visitors.seen.servers[-1]] == [engines(name)[0]["name"] for name in (old, new)]
    check(visitors, url, old)


def test_a_rollback_fails_nobody(request: pytest.FixtureRequest, url: str) -> None:
    before = health(url)
    assert before["server"] == "gunicorn", "the changes before this one leave hybrid live"
    with Visitors(url) as visitors:
        change(request.config, "rollback", f"drain_seconds={DRAIN_SECONDS}")
    assert health(url)["server"] == "daphne"
    check(visitors, url, "hybrid")


def test_the_same_deploy_again_changes_nothing(request: pytest.FixtureRequest, url: str) -> None:
    before = health(url)["release"]
    with Visitors(url) as visitors:
        change(request.config, "deploy", "server=daphne")
    assert health(url)["release"] == before
    assert not visitors.seen.closes
    assert not visitors.seen.failed
