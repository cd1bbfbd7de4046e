"""Who runs when one release's background processes take the place of another's, seen by pretended managers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.asgiway.django.plugins.module_utils import processes
from ansible_collections.asgiway.django.plugins.module_utils.processes import Refusal, Supervisor, Systemd
from ansible_collections.asgiway.django.plugins.modules import hand_over
from pretended_managers import NEW, OLD, FakeSupervisor, FakeSystemd, pretended_systemd, unit

TRUE = "/bin/true"


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeSystemd:
    """A host on which the old release has two workers and a beat, up for a long time and for the next boot."""
    fake = pretended_systemd(tmp_path, monkeypatch)
    for name in (unit(OLD, "worker"), unit(OLD, "worker", 2), unit(OLD, "beat")):
        fake.active[name] = "active"
        fake.since[name] = 1.0
        (fake.wants / name).symlink_to("/dev/null")
    return fake


def run(fake: Any, manager: Any = Systemd, **params: Any) -> dict[str, Any]:
    return hand_over.hand_over(
        manager("shop", Path("/nowhere"), fake, "/nowhere"),
        {
            "release": NEW,
            "groups": [
                {"name": "worker", "instances": 2, "singleton": False, "argv": [TRUE]},
                {"name": "beat", "instances": 1, "singleton": True, "argv": [TRUE]},
            ],
            "others": [
                {"release": OLD, "name": "worker", "instances": 2, "singleton": False},
                {"release": OLD, "name": "beat", "instances": 1, "singleton": True},
            ],
            "programs": [],
            "settle": 0.05,
            "patience": 5,
            "wait": False,
            **params,
        },
    )


def test_workers_overlap_and_singletons_do_not(fake: FakeSystemd) -> None:
    fake.busy = {unit(OLD, "worker"), unit(OLD, "beat")}
    result = run(fake)
    news = [unit(NEW, "worker"), unit(NEW, "worker", 2)]
    olds = [unit(OLD, "worker"), unit(OLD, "worker", 2)]
    assert fake.calls == [
        f"enable --quiet {' '.join(news)}",
        f"start {' '.join(news)}",
        f"disable --quiet {unit(OLD, 'beat')}",
        f"stop {unit(OLD, 'beat')}",
        f"enable --quiet {unit(NEW, 'beat')}",
        f"start {unit(NEW, 'beat')}",
        f"disable --quiet {' '.join(olds)}",
        f"stop --no-block {' '.join(olds)}",
    ]
    assert result["busy"] == [unit(OLD, "worker")]
    assert result["changed"]
    assert {path.name for path in fake.wants.iterdir()} == {*news, unit(NEW, "beat")}


def test_the_second_time_nothing_changes_even_while_an_old_one_still_works(fake: FakeSystemd) -> None:
    fake.busy = {unit(OLD, "worker")}
    run(fake)
    fake.calls.clear()
    result = run(fake)
    assert fake.calls == []
    assert not result["changed"]
    assert result["busy"] == [unit(OLD, "worker")]


def test_a_worker_that_was_stopped_is_started_again(fake: FakeSystemd) -> None:
    run(fake)
    fake.calls.clear()
    fake.active[unit(NEW, "worker", 2)] = "inactive"
    assert run(fake)["started"] == [unit(NEW, "worker", 2)]
    assert fake.calls == [f"start {unit(NEW, 'worker', 2)}"]


def test_one_that_dies_ends_it_before_the_old_ones_are_told(fake: FakeSystemd) -> None:
    fake.dies = {unit(NEW, "worker", 2)}
    with pytest.raises(Refusal, match="does not stay up") as refused:
        run(fake)
    assert "ImportError: no module named tasks" in str(refused.value)
    assert not [call for call in fake.calls if call.startswith(("stop", "disable"))]


def test_one_that_is_down_again_ends_it_too(fake: FakeSystemd) -> None:
    fake.ends = {unit(NEW, "worker")}
    with pytest.raises(Refusal, match="does not stay up"):
        run(fake)


def test_one_that_never_comes_up_ends_it_in_time(fake: FakeSystemd) -> None:
    with pytest.raises(Refusal, match="has not been up for 30 s within 0 s"):
        run(fake, settle=30, patience=0)


def test_a_program_that_is_not_there_is_named_before_anything_starts(fake: FakeSystemd) -> None:
    with pytest.raises(Refusal, match="/srv/shop/bin/celery is not there"):
        run(fake, programs=["/srv/shop/bin/celery"])
    assert fake.calls == []


def test_on_the_way_back_one_that_still_works_is_started_when_it_has_ended(fake: FakeSystemd) -> None:
    fake.busy = {unit(OLD, "worker")}
    run(fake)
    back = {"release": OLD, "others": [{"release": NEW, "name": "worker", "instances": 2}]}
    only = [{"name": "worker", "instances": 2, "singleton": False, "argv": [TRUE]}]
    fake.calls.clear()
    assert unit(OLD, "worker") in run(fake, groups=only, **back)["started"]
    assert f"start --no-block {unit(OLD, 'worker')}" in fake.calls
    fake.calls.clear()
    assert not run(fake, groups=only, **back)["changed"], "it is queued already"
    assert fake.calls == []


def test_the_next_release_takes_back_what_was_to_be_started(fake: FakeSystemd) -> None:
    fake.jobs = {unit(OLD, "worker")}
    fake.active[unit(OLD, "worker")] = "deactivating"
    run(fake)
    assert fake.jobs == set()


def test_a_removed_app_waits_for_all(fake: FakeSystemd) -> None:
    fake.busy = {unit(OLD, "worker")}
    result = run(fake, release="", groups=[], wait=True)
    assert result["busy"] == []
    assert not [name for name, state in fake.active.items() if state != "inactive"]


def test_under_supervisor_a_worker_is_told_without_waiting_and_forgotten_when_it_has_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = FakeSupervisor()
    old, new = (f"shop-{release}-worker" for release in (OLD, NEW))
    fake.status = {
        f"{old}:{old}-1": "RUNNING   pid 7, uptime 1 day, 0:00:09",
        "nginx": "RUNNING  pid 1, uptime 0:01:00",
    }
    fake.busy = {f"{old}:{old}-1"}
    monkeypatch.setattr(processes, "CONF", tmp_path)
    monkeypatch.setattr(processes, "POLL", 0.01)
    monkeypatch.setattr(processes.subprocess, "Popen", lambda command, **_: fake(command))
    (tmp_path / f"{old}.conf").symlink_to("/dev/null")
    groups = [{"name": "worker", "instances": 1, "singleton": False, "argv": [TRUE]}]
    others = [{"release": OLD, "name": "worker", "instances": 1}]
    result = run(fake, Supervisor, groups=groups, others=others)
    assert (result["started"], result["told"]) == ([f"{new}:{new}-1"], [f"{old}:{old}-1"])
    assert result["busy"] == [f"{old}:{old}-1"]
    assert [path.name for path in tmp_path.iterdir()] == [f"{new}.conf"]
    assert fake.calls == ["reread", f"add {new}", f"start {new}:*", f"stop {old}:*"]
    fake.calls.clear()
    assert not run(fake, Supervisor, groups=groups, others=others)["changed"]
    assert fake.calls == []
    fake.status[f"{old}:{old}-1"] = "STOPPED"
    run(fake, Supervisor, groups=groups, others=others)
    assert fake.calls == [f"remove {old}"]
    with pytest.raises(Refusal, match="still finishes what it had begun"):
        fake.status[f"{new}:{new}-1"] = "STOPPING"
        run(fake, Supervisor, groups=groups, others=[])
