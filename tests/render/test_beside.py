"""Units, programs, timers and cron's lines of what runs beside the server."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
import rendering
import tools
from rendering import RELEASE, Rendered
from test_sandbox import APP_LIMIT, exposure, lines, place

WORDS = {
    "app_processes": {
        "worker": {
            "command": "celery -A config worker -n 'w-{instance}-{release}@%h' --pool=threads",
            "instances": 2,
            "stop_seconds": 300,
            "stop_signal": "QUIT",
            "environment": {"ROLE": "worker"},
        },
        "beat": {"command": "celery -A config beat", "singleton": True},
    },
    "app_schedules": {
        "cleanup": {"command": "manage.py clean --only '$HOME 5%'", "on_calendar": "Mon..Fri 08:00"},
        "quarter": {"command": "/usr/bin/true", "on_calendar": "*:0/15", "environment": {"WHY": "often"}},
    },
}
RELEASES = f"/srv/shop/releases/{RELEASE}"
LIVE = "/srv/shop/releases/${ASGIWAY_RELEASE}"


@pytest.fixture(scope="session")
def shop(scratch: Path) -> Rendered:
    """What is rendered under systemd."""
    return rendering.render_sites(scratch, {"shop": WORDS})["shop"]


@pytest.fixture(scope="session")
def kept_by_supervisor(scratch: Path) -> Rendered:
    """What is rendered under supervisor."""
    return rendering.render_sites(scratch, {"shop": WORDS}, "supervisor")["shop"]


def test_systemd_accepts_them(shop: Rendered, tmp_path: Path) -> None:
    etc = tmp_path / "etc/systemd/system"
    system = next(path for path in (Path("/usr/lib/systemd/system"), Path("/lib/systemd/system")) if path.is_dir())
    shutil.copytree(system, tmp_path / "usr/lib/systemd/system", symlinks=True)
    etc.mkdir(parents=True)
    texts = {f"shop-schedule@{name}": text for name, text in shop.schedules.items()}
    texts |= {"shop.target": shop.files["app_server/app.target.j2"]}
    texts |= {"asgiway-shop.slice": shop.files["app_server/app.slice.j2"]}
    for name in ("worker", "beat"):
        (etc / f"shop-{RELEASE}-{name}@.service").write_text(shop.processes[name])
        (etc / f"shop-{RELEASE}-{name}@1.service").symlink_to(f"shop-{RELEASE}-{name}@.service")
    for name, text in texts.items():
        (etc / name).write_text(text)
    for text in [*shop.processes.values(), *texts.values()]:
        for program in re.findall(r"^Exec\w+=(/\S+)", text, re.MULTILINE):
            path = tmp_path / program.lstrip("/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("#!/bin/sh\n")
            path.chmod(0o755)
    names = [*texts, *(f"shop-{RELEASE}-{name}@1.service" for name in ("worker", "beat"))]
    command: list[str | Path] = [tools.systemd_analyze(), "verify", "--man=no", f"--root={tmp_path}", *names]
    done = subprocess.run(command, capture_output=True, text=True)
    assert [line for line in done.stderr.splitlines() if "shop" in line] == []
    assert done.returncode == 0, done.stderr


def test_they_are_in_the_same_box(shop: Rendered, tmp_path: Path) -> None:
    for name in ("worker", "beat"):
        place(tmp_path, f"shop-{name}@.service", shop.processes[name])
        assert exposure(tmp_path, f"shop-{name}@1.service") <= APP_LIMIT
    for name, text in shop.schedules.items():
        if name.endswith(".service"):
            place(tmp_path, f"shop-{name}", text)
            assert exposure(tmp_path, f"shop-{name}") <= APP_LIMIT
    boxes = [text.split("# sandbox")[1].split("[Install]")[0].strip() for text in shop.processes.values()]
    boxes += [text.split("# sandbox")[1].strip() for name, text in shop.schedules.items() if name.endswith(".service")]
    assert len(set(boxes)) == 1


def test_a_process_has_the_releases_name_environment_and_way_to_stop(shop: Rendered) -> None:
    keys = lines(shop.processes["worker"])
    assert keys["ExecStart"] == [f"{RELEASES}/venv/bin/celery -A config worker -n w-%i-{RELEASE}@%%h --pool=threads"]
    assert (keys["KillSignal"], keys["TimeoutStopSec"]) == (["SIGQUIT"], ["310"])
    assert keys["EnvironmentFile"] == [f"{RELEASES}/env"]
    assert keys["WorkingDirectory"] == [f"{RELEASES}/src"]
    assert keys["PartOf"] == keys["WantedBy"] == ["shop.target"]
    assert '"ROLE=worker"' in keys["Environment"]
    assert not [key for key in ("ExecStartPre", "RuntimeDirectory") if key in keys], "it has no socket"
    assert [unit for unit in shop.units if "-worker@" in unit] == [
        f"shop-{RELEASE}-worker@{number}.service" for number in (1, 2)
    ]


def test_no_visitor_reaches_them(shop: Rendered) -> None:
    assert {link["target"] for link in shop.links} == {f"/run/shop/{RELEASE}/asgi-{n}.sock" for n in (1, 2, 3)}


def test_a_timer_starts_the_live_release_and_mixes_it_with_no_other(shop: Rendered) -> None:
    service, timer = lines(shop.schedules["cleanup.service"]), lines(shop.schedules["cleanup.timer"])
    assert service["ExecStart"] == [
        f'/usr/bin/env --chdir={LIVE}/src {LIVE}/venv/bin/python manage.py clean --only "$$HOME 5%%"'
    ]
    assert service["EnvironmentFile"] == ["/srv/shop/live/env"]
    assert service["Type"] == ["oneshot"]
    assert service["Restart"] == ["no"]
    assert not service["PartOf"] + service["WantedBy"], "a restart of the target would cut it"
    assert timer["OnCalendar"] == ["Mon..Fri 08:00"]
    assert timer["Persistent"] == ["false"]
    assert timer["WantedBy"] == ["shop.target"]
    assert RELEASE not in shop.schedules["cleanup.service"] + shop.schedules["cleanup.timer"]


def test_supervisor_reads_them(kept_by_supervisor: Rendered, tmp_path: Path) -> None:
    for name, text in kept_by_supervisor.processes.items():
        (tmp_path / f"{name}.conf").write_text(text)
    main = tmp_path / "supervisord.conf"
    main.write_text(f"[supervisord]\nlogfile={tmp_path}/log\n[include]\nfiles={tmp_path}/worker.conf\n")
    done = subprocess.run(
        ["/usr/bin/python3", Path(rendering.__file__).with_name("read_programs.py"), main],
        env={**os.environ, "PYTHONPATH": str(tools.supervisor_packages()), "PYTHONWARNINGS": "ignore"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    one, two = json.loads(done.stdout)
    assert shlex.split(two["command"]) == [
        f"{RELEASES}/launch",
        "-u",
        "shop",
        f"{RELEASES}/env",
        f"{RELEASES}/venv/bin/celery",
        "-A",
        "config",
        "worker",
        "-n",
        f"w-2-{RELEASE}@%h",
        "--pool=threads",
    ]
    assert one["stopwaitsecs"] == 310
    assert one["environment"] == {"ASGIWAY_ENGINE": "worker", "ASGIWAY_INTERFACE": "process", "ROLE": "worker"}


def test_cron_runs_the_live_release(kept_by_supervisor: Rendered) -> None:
    text = kept_by_supervisor.files["app_server/schedules.cron.j2"]
    found = [line for line in text.splitlines() if line[:1] in "*0123456789"]
    run = "root flock -n /run/lock/asgiway-shop.schedule-{0} env {1}/srv/shop/live/as-app -o {2}/schedule-{0}.log"
    logs = re.search(r">>(\S+)/schedule-cleanup.log", text)[1]  # type: ignore[index]
    assert found == [
        f"0 8 * * 1,2,3,4,5 {run.format('cleanup', '', logs)} manage.py clean --only '$HOME 5\\%'"
        f" >>{logs}/schedule-cleanup.log 2>&1",
        f"0-59/15 * * * * {run.format('quarter', 'WHY=often ', logs)} /usr/bin/true >>{logs}/schedule-quarter.log 2>&1",
    ]


def test_the_script_behind_name_manage_is_one_that_sh_reads(shop: Rendered, tmp_path: Path) -> None:
    """It takes what somebody types as it is, and settles which release it is once."""
    release = tmp_path / "releases/one"
    (release / "venv/bin").mkdir(parents=True)
    (release / "src").mkdir()
    (release / "src/manage.py").write_text("")
    script = release / "as-app"
    script.write_text(shop.files["release/as-app.sh.j2"].replace('[ "$(id -u)" = 0 ]', "true"))
    launch = release / "launch"
    launch.write_text('#!/bin/sh\npwd\nprintf "<%s>" "$@"\n')
    for path in (script, launch):
        path.chmod(0o755)
    (tmp_path / "live").symlink_to("releases/one")
    (tmp_path / "shop-manage").symlink_to(tmp_path / "live/as-app")
    manage, python = tmp_path / "shop-manage", release / "venv/bin/python"
    given = ["two words", "", "$HOME", "*"]
    expected = "".join(f"<{word}>" for word in ["-u", "shop", f"{release}/env", str(python), "manage.py", *given])
    for command in ([manage, *given], [tmp_path / "live/as-app", "manage.py", *given]):
        done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=True)
        assert done.stdout == f"{release}/src\n{expected}"
    (release / "src/manage.py").unlink()
    assert "<-m><django><check>" in subprocess.run([manage, "check"], capture_output=True, text=True, check=True).stdout
    log = tmp_path / "x.log"
    log.write_bytes(b"x" * 10_000_001)
    subprocess.run([tmp_path / "live/as-app", "-o", log, "celery"], check=True, capture_output=True)
    assert not log.exists()
    assert (tmp_path / "x.log.1").exists()
