"""What others change on a host is found, named and put right by the next deploy, and a deploy of nothing is short."""

from __future__ import annotations

import re

import pytest
from crashing import KEEP, Crasher
from deploying import units_of, wrong

pytestmark = pytest.mark.timeout(1800)
TASKS = 12  # that a run with nothing to do may go through
# what is done to the host, and how a deploy names it
CHANGES = {
    "chmod 0644 /etc/redis/{app}-redis.conf": "/etc/redis/{app}-redis.conf: mode 0644, was 0640",
    "rm /etc/nginx/sites-enabled/{app}.conf": "/etc/nginx/sites-enabled/{app}.conf is not there any more",
    "sed -i s/worker_connections/'worker_connections 7; #'/ {nginx}": "{nginx}: its content differs",
    "gpasswd -d www-data {app}": "the user www-data: groups",
    "touch /srv/{app}/live/bad": "/srv/{app}/releases/{live}/bad is there now",
    "{stop} {unit}": "{unit}: state inactive, was active",
}


@pytest.mark.core
def test_what_others_changed_is_named_and_put_right(crasher: Crasher) -> None:
    site = crasher.site
    words = crasher.words()
    site.change("deploy", *words)
    live = site.health()["release"]
    unit = units_of(site.state(), live)[0]["unit"]
    names = {"app": site.app, "live": live, "unit": unit, "stop": "systemctl stop", "nginx": "/etc/nginx/nginx.conf"}
    for command in CHANGES:
        site.on_host("sh", "-c", command.format(**names))
    healing = site.change("deploy", *words)
    said = re.sub(r"\s+", " ", healing.output)
    for sign in CHANGES.values():
        assert f"put right: {sign.format(**names)}" in said, f"{sign} is not named:\n{healing.output[-3000:]}"
    assert wrong(site.state(), live, KEEP) == []
    assert site.health()["release"] == live
    idle = site.change("deploy", *words)
    assert idle.changed == 0
    (tasks,) = re.findall(r"ok=(\d+)", idle.output)
    assert int(tasks) <= TASKS, idle.output[-3000:]
