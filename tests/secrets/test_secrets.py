"""Secrets: found nowhere but where they are meant to be, and replaced by others while visitors use the site."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
from deploying import wait_for
from secretive import PLANTED, QUICK, Secretive
from visitors import calm_visitors

pytestmark = pytest.mark.timeout(1800)


@contextmanager
def unnoticed(site: Secretive) -> Iterator[None]:
    """Nobody's request may fail, no update be lost, and nobody be logged out."""
    with httpx.Client(base_url=site.url, trust_env=False) as client, calm_visitors(site.url) as visitors:
        name = visitor(client)
        yield
        assert visitor(client) == name
        assert visitors.all_back(10)
    failed = visitors.seen.failed
    assert not failed, f"{len(failed)} of {visitors.seen.requests} failed: {failed[:5]}"


def visitor(client: httpx.Client) -> str:
    """Return the name that the chat remembers in the visitor's session, which the secret key signs."""
    found = re.search(r"visitor-\w{4}", client.get("/chat/tea/").raise_for_status().text)
    assert found
    return found[0]


def content(site: Secretive, name: str) -> list[str]:
    """Return the lines of a file of secrets, none where there is no such file."""
    text: str = site.on_host("sh", "-c", f"cat /etc/asgiway/{site.app}/{name} 2>/dev/null || true")
    return text.split()


def environment(site: Secretive, release: str) -> str:
    """Return the environment file of a release."""
    text: str = site.on_host("cat", f"/srv/{site.app}/releases/{release}/env")
    return text


def test_another_secret_key_logs_nobody_out(site: Secretive) -> None:
    before, live = content(site, "secret_key"), site.health()["release"]
    with unnoticed(site):
        site.tell("rotate", "secret=secret_key")
        assert site.health()["release"] != live
    assert content(site, "secret_key") != before
    assert content(site, "secret_key.previous")[:1] == before
    assert content(site, "secret_key.next") == []


@pytest.mark.core
def test_another_password_of_redis_cuts_nobody_off_and_a_rollback_has_its_own(site: Secretive) -> None:
    (old,), live = content(site, "redis_password"), site.health()["release"]
    started = site.on_host("pgrep", "-x", "redis-server")
    with unnoticed(site):
        site.tell("rotate", "secret=redis_password")
    (new,), rotated = content(site, "redis_password"), site.health()["release"]
    assert new != old and rotated != live
    # the kept release has the old one
    assert [site.redis(password) for password in (old, new)] == ["OK", "OK"]
    assert site.redis("neither").startswith("WRONGPASS")
    with unnoticed(site):
        site.change("rollback", f"release={live}", *QUICK[1:])
        assert site.health()["release"] == live
    assert site.on_host("pgrep", "-x", "redis-server") == started, "Redis was restarted"


def test_a_rotation_that_was_killed_is_finished_and_not_made_twice(site: Secretive) -> None:
    before = content(site, "redis_password")
    run = site.start("rotate", "secret=redis_password", *QUICK)
    wait_for("the password is another", lambda: content(site, "redis_password") != before, limit=120)
    run.kill()
    begun = content(site, "redis_password")
    site.tell("rotate", "secret=redis_password")
    assert content(site, "redis_password") == begun
    assert content(site, "redis_password.next") == []


@pytest.mark.core
def test_what_is_forgotten_counts_no_more_and_nothing_brings_it_back(site: Secretive) -> None:
    old = content(site, "redis_password.previous")
    holding = [release for release in site.state()["releases"] if any(one in environment(site, release) for one in old)]
    assert old and holding
    with unnoticed(site):
        site.tell("rotate", "secret=redis_password", "forget_previous=true")
    assert all(site.redis(password).startswith("WRONGPASS") for password in old)
    assert [site.redis(password) for password in content(site, "redis_password")] == ["OK"]
    left = site.state()["releases"]
    assert left and not set(left) & set(holding)
    assert not [one for release in left for one in old if one in environment(site, release)]
    code, run = site.attempt("rollback", f"release={holding[0]}")
    assert code and f"Release {holding[0]} is not kept on this host." in run.output


@pytest.mark.core
def test_no_secret_is_shown_or_lies_about(site: Secretive) -> None:
    assert len(site.outputs) > 0
    values = site.secrets()
    shown = [(run, value[:4]) for run, text in site.outputs.items() for value in values if value in text]
    assert shown == []
    *found, summary = site.scan()
    assert found == []
    assert int(summary.split()[-1]) >= len(PLANTED) + 3


@pytest.mark.core
@pytest.mark.parametrize(
    ("leak", "where"),
    [
        ("install -m 0644 /etc/asgiway/{app}/secret_key /etc/leak.conf~", "/etc/leak.conf~ (644)"),
        ("install -m 0600 /srv/{app}/live/env /var/tmp/leak", "app_env: /var/tmp/leak (600)"),
        (
            "tail -f /dev/null $(cat /etc/asgiway/{app}/redis_password) >/dev/null 2>&1 & echo $! >/run/leak",
            "command line",
        ),
        ("chmod 0640 /etc/asgiway/{app}/secret_key", "/secret_key (640)"),
    ],
    ids=["backup", "copy", "process", "mode"],
)
def test_a_leak_would_be_found(site: Secretive, leak: str, where: str) -> None:
    try:
        site.on_host("sh", "-c", leak.format(app=site.app))
        assert any(where in line for line in site.scan())
    finally:
        site.on_host(
            "sh", "-c", "kill $(cat /run/leak 2>/dev/null) 2>/dev/null; rm -f /run/leak /etc/leak.conf~ /var/tmp/leak"
        )
        site.on_host("chmod", "0600", f"/etc/asgiway/{site.app}/secret_key")
