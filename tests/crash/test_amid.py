"""Kill the controller in the middle of what takes long, of a change of the site, of a rollback, of a first deploy."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from crashing import WORDS, Crasher
from deploying import Site, copy_of_sample, edit, wrong

pytestmark = pytest.mark.timeout(1800)
FIRST_PORT = 8090
MIB = 2**20

# a data migration that takes its time, outside of a transaction: other writers need not wait for it
SLOW_MIGRATION = """import time

from django.db import migrations


def work(apps, schema_editor):
    time.sleep(5)


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("live", "0001_feeds")]
    operations = [migrations.RunPython(work, migrations.RunPython.noop)]
"""


@pytest.mark.parametrize(
    ("task", "on_host"),
    [
        ("Install the project's packages", "pgrep -f '/uv pip install'"),
        ("Migrate the database", "pgrep -f asgiway_runtime.migrate"),
        ("Ask the new release whether it is good", "grep -E ' 03 +[0-9]+ /run/{app}/' /proc/net/unix | grep -v {live}"),
        ("Wait until nobody is connected", "test -e /run/{app}/{live}/drain"),
    ],
    ids=["packages", "migrate", "gate", "drain"],
)
def test_a_kill_in_the_middle_is_healed(
    crasher: Crasher, unharmed: Callable[[], None], tmp_path: Path, task: str, on_host: str
) -> None:
    app = copy_of_sample(tmp_path / "app")
    (app / f"live/migrations/0002_slow_{uuid4().hex[:6]}.py").write_text(SLOW_MIGRATION)
    words = crasher.words(f"app_path={app}")
    before = crasher.site.health()["release"]
    crasher.kill_amid(task, f"{on_host.format(app=crasher.site.app, live=before)} >/dev/null", "deploy", *words)
    crasher.heal(f"amid {task}", before, *words)
    unharmed()
    assert crasher.site.change("deploy", *words).changed == 0


@pytest.mark.parametrize(
    "boundary",
    [
        "nginx : Write the site and the refusal of unknown hosts#1",
        "nginx : Ask nginx what it thinks of them#1",
    ],
)
def test_a_site_that_was_written_and_not_read_is_read_by_the_next_run(crasher: Crasher, boundary: str) -> None:
    """A reload closes idle connections, so nobody visits here."""
    site = crasher.site
    before = site.health()["release"]
    assert upload(site, 21 * MIB) == 413, "the limit is not the usual one, so this proves nothing"
    words = (*crasher.words(), "max_body_size=22m")
    crasher.kill_after(boundary, "deploy", *words)
    try:
        crasher.heal(f"after {boundary}", before, *words)
        assert upload(site, 21 * MIB) != 413, "nginx still has the old limit"
    finally:
        site.change("deploy", *WORDS)
    assert upload(site, 21 * MIB) == 413


def upload(site: Site, size: int) -> int:
    """Return the status of a request with a large body."""
    return httpx.post(f"{site.url}/balance/deposit/", content=b"x" * size, trust_env=False, timeout=60).status_code


def test_a_redis_that_was_configured_and_not_restarted_is_restarted_by_the_next_run(crasher: Crasher) -> None:
    site = crasher.site
    before = site.health()["release"]
    words = (*crasher.words(), "redis_maxmemory=200mb")
    crasher.kill_after("redis : Write the configuration#1", "deploy", *words)
    try:
        crasher.heal("after redis : Write the configuration#1", before, *words)
    finally:
        site.change("deploy", *WORDS)


@pytest.mark.parametrize(
    "boundary",
    [
        "app_server : Ask the new release whether it is good#1",
        "release : Publish the static files, and point live at the release#1",
        "app_server : Stop the release's processes, now and at boot#1",
    ],
)
def test_a_killed_rollback_is_finished_by_the_same_one(
    crasher: Crasher, unharmed: Callable[[], None], boundary: str
) -> None:
    """And not by one more: the release that it left must not come back."""
    site = crasher.site
    target = site.health()["release"]
    site.change("deploy", *crasher.words())
    left = site.health()["release"]
    crasher.kill_after(boundary, "rollback", *WORDS, f"release={target}")
    crasher.heal(f"rollback, after {boundary}", left, *WORDS, f"release={target}", playbook="rollback")
    assert site.health()["release"] == target
    unharmed()


@pytest.mark.parametrize(
    "boundary",
    [
        "release : Publish the static files, and point live at the release#1",
        "app_server : Stop the release's processes, now and at boot#1",
    ],
)
def test_a_rollback_that_was_killed_after_the_switch_is_finished_by_another(
    crasher: Crasher, unharmed: Callable[[], None], boundary: str
) -> None:
    """Without a word for the release, too: it neither returns to what was left nor goes one further back."""
    site = crasher.site
    target = site.health()["release"]
    site.change("deploy", *crasher.words())
    left = site.health()["release"]
    crasher.kill_after(boundary, "rollback", *WORDS)
    crasher.heal(f"plain rollback, after {boundary}", left, *WORDS, playbook="rollback")
    assert site.health()["release"] == target
    unharmed()


@pytest.mark.parametrize(
    "boundary",
    [
        "See what runs of it#1",
        "app_server : Stop the release's processes, now and at boot#1",
        "Remove the releases' files, definitions and output#1",
    ],
)
def test_an_undo_that_was_killed_is_finished_by_the_next_run(
    crasher: Crasher, unharmed: Callable[[], None], tmp_path: Path, boundary: str
) -> None:
    """A release that the gate refuses, and a power cut while it is taken away again."""
    site = crasher.site
    app = copy_of_sample(tmp_path / "app")
    edit(app / "live/views.py", '{"status": "ok", **process()', '{"status": 1 / 0, **process()')
    before = site.health()["release"]
    crasher.kill_after(boundary, "deploy", *crasher.words(f"app_path={app}", "gate_seconds=5"))
    crasher.heal(f"undo, after {boundary}", before, *crasher.words())
    unharmed()


@pytest.fixture
def fresh(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Crasher]:
    """An app of another name on the same host: nothing of it is there yet, and nothing in the end."""
    site = Site(request.config, tmp_path, "newcomer")
    site.url = f"{site.url.rpartition(':')[0]}:{FIRST_PORT}"
    yield Crasher(site, tmp_path)
    site.change("remove", f"http_port={FIRST_PORT}", "keep_data=false")
    state = site.state()
    for what in ("live", "releases", "history", "running", "definitions", "sockets", "locks", "temporary"):
        assert not state[what], f"{what} is left after remove: {state[what]}"


@pytest.mark.parametrize(
    "boundary",
    [
        "host : Create the app's user#1",
        "release : Unpack the source, among what belongs beside it#1",
        "release : Publish the static files, and point live at the release#1",
    ],
)
def test_a_first_deploy_that_was_killed_is_finished_by_the_next(fresh: Crasher, boundary: str) -> None:
    site = fresh.site
    words = (*WORDS, json.dumps({"app_env": {"MARK": "first"}}), f"http_port={FIRST_PORT}")
    fresh.kill_after(boundary, "deploy", *words)
    site.change("deploy", *words)
    live = site.health()["release"]
    assert wrong(site.state(), live) == []
    assert site.change("deploy", *words).changed == 0
