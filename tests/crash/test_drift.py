"""What others change on a host is found, named and put right by the next deploy, and a deploy of nothing is short."""

from __future__ import annotations

import re

import pytest
from crashing import KEEP, Crasher, changed_code
from deploying import units_of, wrong

pytestmark = pytest.mark.timeout(1800)
TASKS = 12  # that a run with nothing to do may go through
CODE_TASKS = 35  # and one of new code, which retires a release
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


@pytest.mark.core
def test_new_code_takes_no_more_tasks_than_a_release_needs(crasher: Crasher) -> None:
    site = crasher.site
    words = crasher.words()
    site.change("deploy", *words)
    while len(site.state()["releases"]) < KEEP:  # so that one is retired
        words = crasher.words()
        site.change("deploy", *words)
    before = site.health()["release"]
    run = site.change("deploy", *words, *changed_code(crasher, 0))
    assert site.health()["release"] != before
    assert "Remove the releases' files" in run.output, "none was retired, so this counts too few"
    assert "Install the project's packages" not in run.output, "they are those of the release before"
    (tasks,) = re.findall(r"ok=(\d+)", run.output)
    assert int(tasks) <= CODE_TASKS, run.output[-6000:]
