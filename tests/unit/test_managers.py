"""What systemctl and supervisorctl print."""

from __future__ import annotations

import pytest
from ansible_collections.asgiway.django.plugins.module_utils import managers


def test_units_are_told_apart_by_their_id_and_a_value_may_hold_an_equals_sign() -> None:
    output = "Id=a.service\nDescription=x=y\n\nId=b.timer\nResult=\n\nnothing of use\n"
    assert managers.units(output) == {
        "a.service": {"Id": "a.service", "Description": "x=y"},
        "b.timer": {"Id": "b.timer", "Result": ""},
    }
    assert managers.units("") == {}


def test_a_message_is_no_program() -> None:
    output = "unix:///run/supervisor.sock no such file\nshop:shop-1  RUNNING   pid 9, uptime 0:00:05\nidle  STOPPED\n"
    assert managers.programs(output) == {"shop:shop-1": "RUNNING   pid 9, uptime 0:00:05", "idle": "STOPPED"}


@pytest.mark.parametrize(
    ("said", "pid", "seconds"),
    [
        ("RUNNING   pid 9, uptime 0:01:05", 9, 65),
        ("RUNNING   pid 41, uptime 1 day, 0:01:02", 41, 86462),
        ("RUNNING   pid 41, uptime 12 days, 1:00:00", 41, 1040400),
        ("FATAL     Exited too quickly (process log may have details)", 0, 0),
    ],
)
def test_how_long_a_process_has_been_up(said: str, pid: int, seconds: int) -> None:
    assert managers.uptime(said) == (pid, seconds)
