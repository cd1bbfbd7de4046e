"""Processes beside the server and schedules: what a site may say of them, and what becomes of it."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest
import tools
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template
from ansible_collections.asgiway.django.plugins.plugin_utils import background, servers
from ansible_collections.asgiway.django.plugins.plugin_utils.calendar_times import SHORT, cron_times, parse_times

# what both systemd and the kit take, and crontab's five fields, or what cron has not
TIMES = {
    "daily": "0 0 * * *",
    "hourly": "0 * * * *",
    "minutely": "* * * * *",
    "weekly": "0 0 * * 1",
    "quarterly": "0 0 1 1,4,7,10 *",
    "yearly": "0 0 1 1 *",
    "03:30": "30 3 * * *",
    "*:0/15": "0-59/15 * * * *",
    "*:5,20..30/5": "5,20-30/5 * * * *",
    "Mon..Fri 08:00": "0 8 * * 1,2,3,4,5",
    "sat,Sunday 10:00": "0 10 * * 6,7",
    "Mon..Sun 10:00": "0 10 * * *",
    "*-*-01 04:00": "0 4 1 * *",
    "12-24": "0 0 24 12 *",
    "Mon": "0 0 * * 1",
    "08:00:30": "seconds",
    "2027-01-01 00:00": "year",
    "08:00 UTC": "UTC",
    "Mon *-*-01 08:00": "for either of them",
}
NO_TIMES = [
    "",
    "every day",
    "24:00",
    "*/5:00",
    "Fri..Mon 08:00",
    "8",
    "08:60",
    "*-13-01",
    "08:00 Europe/Berlin",
    "5..1:00",
]


@pytest.mark.parametrize(("text", "expected"), TIMES.items())
def test_cron_keeps_the_same_times_or_says_why_not(text: str, expected: str) -> None:
    if expected[0].isalpha():
        with pytest.raises(ValueError, match=expected):
            cron_times(text)
    else:
        assert cron_times(text) == expected


@pytest.mark.parametrize("text", [*TIMES, *SHORT])
def test_systemd_takes_what_the_kit_takes(text: str) -> None:
    parse_times(text)
    done = subprocess.run([tools.systemd_analyze(), "calendar", text], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("text", NO_TIMES)
def test_what_is_no_time_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match=r"Mon\.\.Fri 08:00"):
        parse_times(text)


def processes(**entry: Any) -> dict[str, Any]:
    return {"worker": {"command": "celery -A config worker", **entry}}


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ([], "app_processes is a list; it must be a dictionary"),
        ({"Worker": {}}, "an entry Worker; a name must be 1 to 20 small letters"),
        ({"asgi": {"command": "x"}}, "asgi, which is the server's own"),
        ({"worker": "celery"}, "app_processes.worker is celery; it must be a dictionary"),
        ({"worker": {}}, "app_processes.worker lacks command"),
        (processes(instance=2), "has the key instance; did you mean instances"),
        (processes(instances=0), "instances: 0; it must be a whole number from 1 to 64"),
        (processes(instances=True), "instances: true; it must be"),
        (processes(singleton="yes"), "singleton: yes; it must be true or false"),
        (processes(singleton=True, instances=2), "a singleton with 2 instances"),
        (processes(singleton=True, stop_seconds=301), "of a singleton it must be 300 or less"),
        (processes(stop_signal="KILL"), "stop_signal: KILL; it must be a name such as TERM"),
        (processes(stop_signal="SIGTERM"), "stop_signal: SIGTERM; it must be a name"),
        (processes(stop_seconds=0), "a whole number of seconds from 1 to 86400"),
        (processes(environment={"A": 'x"y'}), "environment: a dictionary; it must be"),
        (processes(connections=-1), "connections: -1; it must be"),
        (processes(command=""), "must name a program"),
        (processes(command="bin/worker x"), "has an absolute path"),
        (processes(command="A=1 celery"), "variables go into environment"),
        (processes(command="celery | tee log"), "no shell reads it"),
        (processes(command="celery 'x"), "a quote in it does not end"),
        (processes(command={"a": 1}), "it must be text or a list of words"),
        (processes(command=["celery", "a\nb"]), "one line without control characters"),
    ],
)
def test_a_process_that_cannot_work_gets_a_sentence(given: Any, sentence: str) -> None:
    with pytest.raises(ValueError) as caught:
        background.process_entries(given)
    assert sentence in str(caught.value)
    assert str(caught.value).startswith("app_processes")


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        ({"command": "x"}, "app_schedules.cleanup lacks on_calendar"),
        ({"command": "x", "on_calendar": 5}, "on_calendar: 5; it must be text"),
        ({"command": "x", "on_calendar": "every day"}, "says on_calendar: every day; every is no weekday"),
        ({"command": "x", "on_calendar": "daily", "instances": 2}, "has the key instances; the keys are command"),
        ({"command": "x", "on_calendar": "daily", "catch_up": 1}, "catch_up: 1; it must be true or false"),
    ],
)
def test_a_schedule_that_cannot_work_gets_a_sentence(entry: Any, sentence: str) -> None:
    with pytest.raises(ValueError) as caught:
        background.schedule_entries({"cleanup": entry})
    assert sentence in str(caught.value)


def test_a_command_is_split_as_a_shell_would_and_its_program_found_in_the_release() -> None:
    groups = background.background_groups(
        {
            "worker": {"command": "celery -A config worker -n 'w {instance} {release}@%h'", "instances": 2},
            "front": {"command": ["/usr/bin/node", "server.js"]},
            "runner": {"command": "manage.py runworker thumbnails"},
        },
        {},
        "/srv/shop",
    )
    venv = "/srv/shop/releases/@RELEASE@/venv/bin"
    assert [group["argv"] for group in groups] == [
        [f"{venv}/celery", "-A", "config", "worker", "-n", "w {instance} @RELEASE@@%h"],
        ["/usr/bin/node", "server.js"],
        [f"{venv}/python", "manage.py", "runworker", "thumbnails"],
    ]
    assert servers.units(groups, "shop", "0123456789ab")[:2] == [
        "shop-0123456789ab-worker@1.service",
        "shop-0123456789ab-worker@2.service",
    ]


def test_a_project_without_manage_py_has_its_commands_all_the_same() -> None:
    due = {"cleanup": {"command": "manage.py clearsessions", "on_calendar": "daily"}}
    groups = background.background_groups(processes(command="manage.py x"), due, "/srv/shop", ["-m", "django"])
    assert [group["argv"][1:] for group in groups] == [["-m", "django", "x"], ["-m", "django", "clearsessions"]]
    assert groups[1]["command"] == ["manage.py", "clearsessions"], "as-app knows by itself"


@pytest.mark.parametrize("directory", ["", "backend"])
def test_a_schedule_starts_where_its_release_says_for_a_rollback_has_no_project(directory: str) -> None:
    due = {"cleanup": {"command": "manage.py x", "on_calendar": "daily"}}
    (group,) = background.background_groups({}, due, "/srv/shop", directory=directory)
    loader = DataLoader()
    values = loader.load_from_file(str(tools.ROOT / "roles/app_server/vars/main.yml"), trusted_as_template=True)
    # the kit's own filter needs Ansible as a whole, and what it writes is tested elsewhere
    plain = values["__app_server_schedule_unit"]["command"].replace(
        "asgiway.django.command_line('systemd')", "join(' ')"
    )
    known = {"app_server_root": "/srv/shop", "__app_server_group": group}
    command = Templar(loader=loader, variables=values | known).template(trust_as_template(plain))
    where = "/".join(filter(None, ["/srv/shop/releases/${ASGIWAY_RELEASE}/src", directory]))
    assert command.split()[:2] == ["/usr/bin/env", f"--chdir={where}"]


def test_they_have_no_socket_and_a_schedule_no_process() -> None:
    groups = background.background_groups(
        processes(), {"cleanup": {"command": "x", "on_calendar": "daily"}}, "/srv/shop"
    )
    assert servers.group_sockets(groups, "0123456789ab") == []
    assert servers.socket_links(groups, "0123456789ab", 4) == []
    assert [group["instances"] for group in groups] == [1, 0]
    assert [group["name"] for group in background.of_kind(groups, "schedule")] == ["cleanup"]
    assert background.of_kind([{"name": "asgi"}], "web") == [{"name": "asgi"}], "as an earlier version recorded it"


def test_their_connections_to_the_database_count() -> None:
    web = {"workers": 2, "interface": "wsgi", "tuning": {"threads": 4}}
    groups = background.background_groups(
        processes(instances=2, connections=3), {"cleanup": {"command": "x", "on_calendar": "daily"}}, "/srv/shop"
    )
    assert servers.database_connections([web, *groups], 10) == 2 * 4 + 2 * 3 + 1


def test_cron_is_told_so_that_it_and_the_shell_leave_the_command_as_it_is() -> None:
    group = background.background_groups(
        {}, {"cleanup": {"command": "manage.py x 'a b' 50% {release}", "on_calendar": "*:0/5"}}, "/srv/shop"
    )[0]
    line = background.cron_line(group, ["run", *group["command"]], "/var/log/shop/x.log")
    assert line == "0-59/5 * * * * root run manage.py x 'a b' 50\\% '{release}' >>/var/log/shop/x.log 2>&1"


def test_what_cron_cannot_keep_is_named() -> None:
    schedules = {
        "fine": {"command": "x", "on_calendar": "daily"},
        "often": {"command": "x", "on_calendar": "*:*:0/10"},
        "late": {"command": "x", "on_calendar": "daily", "catch_up": True},
    }
    often, late = background.unkept_schedules(schedules)
    assert often == "app_schedules.often says on_calendar: *:*:0/10; cron knows no seconds"
    assert "app_schedules.late says catch_up: true" in late


def test_who_leaves_is_known_from_what_runs_and_who_is_alone_from_the_release() -> None:
    found = [
        {"release": "aaaaaaaaaaaa", "group": "worker", "instance": 1},
        {"release": "aaaaaaaaaaaa", "group": "worker", "instance": 2},
        {"release": "aaaaaaaaaaaa", "group": "beat", "instance": 1},
        {"release": "aaaaaaaaaaaa", "group": "asgi", "instance": 1},
        {"release": "bbbbbbbbbbbb", "group": "worker", "instance": 1},
        {"release": "", "group": "redis", "instance": 1},
    ]
    releases: list[dict[str, Any]] = [
        {"id": "aaaaaaaaaaaa", "info": {"groups": [{"name": "beat", "singleton": True}, {"name": "worker"}]}},
        {"id": "cccccccccccc", "info": None},
    ]
    assert background.leaving(found, releases, "bbbbbbbbbbbb") == [
        {"release": "aaaaaaaaaaaa", "name": "beat", "instances": 1, "singleton": True},
        {"release": "aaaaaaaaaaaa", "name": "worker", "instances": 2, "singleton": False},
    ]
