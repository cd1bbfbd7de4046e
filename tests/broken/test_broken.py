"""Releases that cannot live: visitors notice nothing, the deploy says why, and nothing of the release remains."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest
from breakages import BEFORE_THE_SWITCH, Breakage, bad_for_visitors_only
from deploying import Run, Site, copy_of_sample, remains, wait_for, wrong
from visitors import Visitors, calm_visitors

pytestmark = pytest.mark.timeout(1800)
GATE_SECONDS = 15
QUICK = ("drain_seconds=2", "drain_limit=6")
FAILED_LOG = re.compile(r"failed-([0-9a-f]{12})\.log")


def deploy(site: Site, app: Path, bound: float, *more: str) -> tuple[int, Run]:
    """Deploy a copy of the sample app, each time under a name of its own."""
    marked = json.dumps({"app_env": {"MARK": uuid4().hex}})
    words = (f"app_path={app}", marked, "server=hybrid", f"gate_seconds={GATE_SECONDS}", *QUICK, *more)
    return site.attempt("deploy", *words, limit=bound)


def message(run: Run) -> str:
    """Return the deploy's last words: from the failure to the recap."""
    before, found, after = run.output.rpartition("Stopped at: ")
    assert found, f"it does not say where it stopped:\n{before[-3000:]}"
    return after.partition("PLAY RECAP")[0]


@contextmanager
def visited(site: Site) -> Iterator[Visitors]:
    """Visitors who must not notice anything."""
    with calm_visitors(site.url) as visitors:
        yield visitors
    failed = visitors.seen.failed
    assert not failed, f"{len(failed)} of {visitors.seen.requests} failed: {failed[:5]}"
    assert not visitors.seen.closes, f"{len(visitors.seen.closes)} WebSockets were closed"


def check_nothing_remains(site: Site, run: Run, live: str, cause: tuple[str, ...]) -> None:
    """The old release serves as before, and of the new one its kept log is all there is."""
    text = message(run)
    for piece in cause:
        assert piece in text, f"the message does not name {piece!r}:\n{text}"
    assert "run the same command again; ./asgiway status" in text, f"no next command:\n{text}"
    assert re.search(rf"Release {live} of {site.app} is live (as before|again)", text), text
    assert site.health()["release"] == live
    found = FAILED_LOG.search(text)
    assert found, f"no kept log is named:\n{text}"
    state = site.state()
    assert found[0] in state["failed_logs"]
    log = site.on_host("cat", f"/var/log/{site.app}/{found[0]}")
    assert cause[-1] in log, f"the kept log does not hold {cause[-1]!r}:\n{log}"
    assert remains(state, found[1]) == []
    assert wrong(state, live) == []


@pytest.mark.parametrize(
    "breakage",
    [pytest.param(one, id=one.name, marks=[pytest.mark.core] * one.core) for one in BEFORE_THE_SWITCH],
)
def test_a_broken_release_never_meets_a_visitor(site: Site, tmp_path: Path, breakage: Breakage) -> None:
    live = site.health()["release"]
    app = copy_of_sample(tmp_path / "app")
    breakage.apply(app)
    with visited(site):
        code, run = deploy(site, app, breakage.bound)
    assert code != 0, f"a broken release went live:\n{run.output[-3000:]}"
    check_nothing_remains(site, run, live, breakage.cause)


@pytest.fixture
def database(site: Site) -> Iterator[str]:
    """Give the address of a database on the host, with a wrong password."""
    site.on_host("env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "-qq", "-y", "postgresql", limit=300)
    ask = ("runuser", "-u", "postgres", "--", "psql", "-q", "-c")
    site.on_host(*ask, "CREATE ROLE locked LOGIN PASSWORD 'right'")
    yield "postgresql://locked:wr0ng-w0rd@127.0.0.1/postgres?sslmode=require"
    site.on_host(*ask, "DROP ROLE locked")


def test_a_wrong_password_of_the_database_is_named_and_not_shown(site: Site, tmp_path: Path, database: str) -> None:
    live = site.health()["release"]
    with visited(site):
        code, run = deploy(site, copy_of_sample(tmp_path / "app"), 240, json.dumps({"database_url": database}))
    assert code != 0, f"it went live without its database:\n{run.output[-3000:]}"
    check_nothing_remains(site, run, live, ('password authentication failed for user "locked"',))
    assert "wr0ng-w0rd" not in run.output


@pytest.mark.core
def test_a_good_release_goes_live_right_after_a_crash_loop(site: Site, tmp_path: Path) -> None:
    """After the tests above: the process manager counts no crashes against the app."""
    live = site.health()["release"]
    with calm_visitors(site.url) as visitors:
        code, run = deploy(site, copy_of_sample(tmp_path / "app"), 240)
    assert code == 0, run.output[-3000:]
    assert not visitors.seen.failed, visitors.seen.failed[:5]
    now = site.health()["release"]
    assert now != live
    assert wrong(site.state(), now) == []


def test_a_release_that_is_bad_for_visitors_gives_way_by_itself(site: Site, tmp_path: Path) -> None:
    """Requests that it got before the public check have failed, and no other ones."""
    live = site.health()["release"]
    app = copy_of_sample(tmp_path / "app")
    bad_for_visitors_only(app)
    with calm_visitors(site.url) as visitors:
        code, run = deploy(site, app, 240)
    assert code != 0, f"a bad release stays live:\n{run.output[-3000:]}"
    check_nothing_remains(site, run, live, ("See a new connection land on it", "500"))
    bad = [failure for failure in visitors.seen.failed if "bad for visitors" in failure]
    assert bad, "no visitor met it, so this proves nothing"
    assert len(visitors.seen.failed) == len(bad), [one for one in visitors.seen.failed if one not in bad][:5]
    print(f"{len(bad)} of {visitors.seen.requests} requests met the bad release")


@pytest.mark.core
def test_of_two_deploys_at_once_one_wins(site: Site, tmp_path: Path) -> None:
    words = [json.dumps({"app_env": {"MARK": uuid4().hex}}) for _ in range(2)]
    live = site.health()["release"]
    with calm_visitors(site.url) as visitors:
        runs = [site.start("deploy", word, "server=hybrid", *QUICK) for word in words]
        wait_for("one of them gives way", lambda: any(run.process.poll() is not None for run in runs), 120)
        assert not all(run.process.poll() is not None for run in runs), "the other one waited for the end"
        codes = [run.wait(240) for run in runs]
    assert sorted(code != 0 for code in codes) == [False, True], [run.output[-1500:] for run in runs]
    winner, loser = sorted(runs, key=lambda run: run.process.returncode != 0)
    said = loser.output
    named = rf"{site.app} is being deployed by \S+@\S+ \(pid {winner.process.pid}\) since "
    assert re.search(named, said), said[-2000:]
    assert f"./asgiway unlock -e app_name={site.app}" in said
    assert "asgiway.django.host" not in said, "it worked before it looked"
    assert not visitors.seen.failed, visitors.seen.failed[:5]
    now = site.health()["release"]
    assert now != live
    assert now in winner.output
    state = site.state()
    assert wrong(state, now) == []


@pytest.mark.core
def test_a_lock_from_elsewhere_is_respected_until_unlock(site: Site) -> None:
    """Nobody here can know whether that run is dead."""
    info = {"who": "alice", "host": "laptop", "machine": "m", "boot": "b", "pid_space": "p", "pid": "42", "start": "7"}
    lock = f"/run/asgiway/{site.app}"
    site.on_host("sh", "-c", f"mkdir -p {lock} && cat >{lock}/info.json", given=json.dumps(info))
    try:
        code, run = site.attempt("deploy", "server=hybrid", limit=60)
        assert code != 0
        assert "alice@laptop (pid 42)" in run.output
    finally:
        site.change("unlock", limit=60)
    assert site.state()["locks"] == []
    assert site.change("deploy", "server=hybrid", *QUICK).output
