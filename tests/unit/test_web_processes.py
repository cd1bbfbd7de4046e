"""The processes that serve visitors, started and stopped, seen by pretended managers."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.asgiway.django.plugins.module_utils import processes
from ansible_collections.asgiway.django.plugins.module_utils.processes import One, Refusal, Supervisor, Systemd
from ansible_collections.asgiway.django.plugins.modules import web_processes
from pretended_managers import NEW, FakeSupervisor, FakeSystemd, pretended_systemd, unit

ONES = [One(NEW, "wsgi", 1), One(NEW, "asgi", 2)]
UNITS = [unit(NEW, "wsgi"), unit(NEW, "asgi"), unit(NEW, "asgi", 2)]


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeSystemd:
    """A host on which the release's definitions were written."""
    (tmp_path / "shop.target").touch()
    return pretended_systemd(tmp_path, monkeypatch)


@pytest.fixture
def runtime(tmp_path: Path) -> Path:
    """A release's directory of sockets, with an order to drain from an earlier time."""
    runtime: Path = tmp_path / "run" / NEW
    runtime.mkdir(parents=True)
    (runtime / "drain").write_text("10 30")
    return runtime


def systemd(fake: FakeSystemd) -> Systemd:
    return Systemd("shop", Path("/nowhere"), fake, "/nowhere")


def test_all_are_started_at_once_now_and_at_boot(fake: FakeSystemd, runtime: Path) -> None:
    news = web_processes.start(systemd(fake), ONES, runtime, 5)
    assert fake.calls == [
        "enable --quiet shop.target",
        f"enable --quiet {' '.join(UNITS)}",
        f"start {' '.join(UNITS)}",
    ]
    assert not (runtime / "drain").exists(), "the release would close its new WebSockets"
    assert {*UNITS, "shop.target", str(runtime / "drain")} == {*news}
    fake.calls.clear()
    assert web_processes.start(systemd(fake), ONES, runtime, 5) == []
    assert fake.calls == []


def test_what_was_written_and_not_read_is_read_first(fake: FakeSystemd, runtime: Path) -> None:
    web_processes.start(systemd(fake), ONES, runtime, 5)
    fake.calls.clear()
    fake.unread = {"asgiway-shop.slice"}
    fake.active[UNITS[0]] = "failed"
    web_processes.start(systemd(fake), ONES, runtime, 5)
    assert fake.calls == ["daemon-reload", f"start {UNITS[0]}"]


def test_one_that_still_stops_is_waited_for(fake: FakeSystemd, runtime: Path) -> None:
    fake.active[UNITS[0]] = "deactivating"
    with pytest.raises(Refusal, match=r"has not ended within 0\.05 s"):
        web_processes.start(systemd(fake), ONES, runtime, 0.05)
    assert not [call for call in fake.calls if call.startswith("start")]


def test_a_stop_leaves_nothing_and_a_second_one_does_nothing(fake: FakeSystemd, runtime: Path) -> None:
    web_processes.start(systemd(fake), ONES, runtime, 5)
    fake.calls.clear()
    assert {*UNITS, str(runtime)} == {*web_processes.stop(systemd(fake), ONES, runtime)}
    assert fake.calls == [f"disable --quiet {' '.join(UNITS)}", f"stop {' '.join(sorted(UNITS))}"]
    assert not runtime.exists()
    fake.calls.clear()
    assert web_processes.stop(systemd(fake), ONES, runtime) == []
    assert fake.calls == []


def test_sockets_without_a_process_go_too(fake: FakeSystemd, runtime: Path) -> None:
    assert web_processes.stop(systemd(fake), [], runtime) == [str(runtime)]
    assert fake.calls == []
    assert not runtime.exists()


def test_under_supervisor_one_that_was_never_up_is_forgotten_too(
    tmp_path: Path, runtime: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "CONF", tmp_path)
    fake = FakeSupervisor()
    manager = Supervisor("shop", Path("/nowhere"), fake, "/nowhere")
    one = One(NEW, "wsgi", 1)
    program = f"shop-{NEW}-wsgi"
    assert f"{program}:{program}-1" in web_processes.start(manager, [one], runtime, 5)
    assert fake.calls == ["reread", f"add {program}", f"start {program}:*"]
    assert web_processes.start(manager, [one], runtime, 5) == []
    fake.status[f"{program}:{program}-1"] = "FATAL     can't find command"
    fake.stuck = {f"{program}:{program}-1"}
    web_processes.stop(manager, [one], runtime)
    assert fake.status == {}
    assert not (tmp_path / f"{program}.conf").is_symlink()
