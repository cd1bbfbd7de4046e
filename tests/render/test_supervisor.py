"""The rendered programs, as supervisor itself reads them."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
import tools
from rendering import ENGINES, RELEASE, SECRET, WORDS, Rendered

HERE = Path(__file__).resolve().parent
Programs = dict[str, list[dict[str, Any]]]


@pytest.fixture(scope="session")
def known() -> dict[str, Programs]:
    """Server -> what supervisor has read already."""
    return {}


@pytest.fixture
def read(programs: Rendered, tmp_path: Path, known: dict[str, Programs]) -> Programs:
    """Return program -> its processes."""
    if programs.server in known:
        return known[programs.server]
    parts = [*programs.processes.values()]
    others = ("nginx/nginx", "redis/redis", "firewall/firewall")
    parts += [programs.files[f"{name}.supervisor.conf.j2"] for name in others]
    for number, text in enumerate(parts):
        (tmp_path / f"{number}.conf").write_text(text)
    main = tmp_path / "supervisord.conf"
    main.write_text(f"[supervisord]\nlogfile={tmp_path}/log\n[include]\nfiles={tmp_path}/[0-9].conf\n")
    done = subprocess.run(
        ["/usr/bin/python3", HERE / "read_programs.py", main],
        env={**os.environ, "PYTHONPATH": str(tools.supervisor_packages()), "PYTHONWARNINGS": "ignore"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    result: Programs = {}
    for process in json.loads(done.stdout):
        result.setdefault(process["group"], []).append(process)
    known[programs.server] = result
    return result


def of_groups(programs: Rendered, read: Programs) -> list[tuple[dict[str, Any], list[dict[str, Any]]]]:
    """Return each group with its processes."""
    return [(group, read[f"shop-{RELEASE}-{group['name']}"]) for group in programs.groups]


def test_supervisor_accepts_the_programs_and_knows_each_of_them(programs: Rendered, read: Programs) -> None:
    ours = {f"shop-{RELEASE}-{group['name']}" for group in programs.groups}
    assert set(read) == ours | {"nginx", "shop-redis", "asgiway-firewall"}


def test_three_workers_are_three_processes(programs: Rendered, read: Programs) -> None:
    for _, processes in of_groups(programs, read):
        forked = re.search(r"--(?:workers|processes)[= ]([1-9]\d*)", processes[0]["command"])
        assert len(processes) * (int(forked.group(1)) if forked else 1) == WORDS["workers"]


def test_the_launch_script_gets_every_word_of_the_engines_command(programs: Rendered, read: Programs) -> None:
    release = f"/srv/shop/releases/{RELEASE}"
    for group, processes in of_groups(programs, read):
        for number, process in enumerate(processes, start=1):
            run = f"/run/shop/{RELEASE}"
            socket = f"{run}/{group['name']}-{number}.sock"
            launch = [f"{release}/launch", "-u", "shop", "-d", run, "-s", socket, f"{release}/env"]
            engine = [word.replace("@RELEASE@", RELEASE).replace("{instance}", str(number)) for word in group["argv"]]
            assert shlex.split(process["command"]) == launch + engine
            assert any(socket in word for word in engine)


def test_the_command_line_has_no_unfilled_placeholder(programs: Rendered, read: Programs) -> None:
    for _, processes in of_groups(programs, read):
        for process in processes:
            assert not re.search(r"\{\w+\}|%\(|@RELEASE@|\bNone\b|Undefined", process["command"])


def test_each_process_has_a_name_and_a_log_of_its_own(programs: Rendered, read: Programs) -> None:
    for group, processes in of_groups(programs, read):
        program = f"shop-{RELEASE}-{group['name']}"
        assert [process["name"] for process in processes] == [f"{program}-{n + 1}" for n in range(len(processes))]
        assert len({process["stdout_logfile"] for process in processes}) == len(processes)


def test_no_secret_is_in_a_file_that_everybody_may_read(programs: Rendered) -> None:
    for text in [*programs.processes.values(), *programs.files.values()]:
        assert SECRET not in text
        assert "PAYMENT_KEY" not in text


def test_a_process_knows_its_engine_and_its_directory(programs: Rendered, read: Programs) -> None:
    for group, processes in of_groups(programs, read):
        for process in processes:
            assert process["directory"] == f"/srv/shop/releases/{RELEASE}/src"
            assert process["environment"] == {
                "ASGIWAY_ENGINE": group["engine"],
                "ASGIWAY_INTERFACE": group["interface"],
                "ASGIWAY_CLOSE_CODE": str(ENGINES[group["engine"]]["close_code"]),
                "ASGIWAY_RUNTIME_DIR": f"/run/shop/{RELEASE}",
                **ENGINES[group["engine"]]["environment"],
            }


def test_a_stop_waits_longer_than_the_engine_does(programs: Rendered, read: Programs) -> None:
    for group, processes in of_groups(programs, read):
        assert all(process["stopwaitsecs"] > ENGINES[group["engine"]]["grace"] for process in processes)


def test_a_stop_asks_the_engine_and_ends_with_all_of_it(programs: Rendered, read: Programs) -> None:
    for group, processes in of_groups(programs, read):
        asked = signal.Signals[f"SIG{ENGINES[group['engine']]['stop_signal']}"]
        for process in processes:
            # as KillMode=mixed: the engine's main process tells its workers, and what is left is killed with it
            assert (process["stopsignal"], process["stopasgroup"], process["killasgroup"]) == (asked, False, True)


def test_everything_starts_at_boot_and_after_a_crash(read: Programs) -> None:
    for name, processes in read.items():
        for process in processes:
            assert process["autostart"] is True
            # loading the firewall's rules is done when it is done
            assert process["autorestart"] == (False if name == "asgiway-firewall" else "RestartUnconditionally")


def test_the_firewall_is_there_before_anything_listens(read: Programs) -> None:
    first = read["asgiway-firewall"][0]["priority"]
    others = [process for name, processes in read.items() if name != "asgiway-firewall" for process in processes]
    assert others and all(first < process["priority"] for process in others)


def test_a_crash_loop_never_ends_in_a_process_that_stays_down(programs: Rendered, read: Programs) -> None:
    for _, processes in of_groups(programs, read):
        assert all(process["startretries"] >= 100_000 for process in processes)


def test_redis_starts_before_the_app(programs: Rendered, read: Programs) -> None:
    for _, processes in of_groups(programs, read):
        assert all(read["shop-redis"][0]["priority"] < process["priority"] for process in processes)
