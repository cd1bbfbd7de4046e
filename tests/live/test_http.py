"""Who answers, and what arrives at Django."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from live_site import Site

SPOOFED = "6.6.6.6"
FORGED = {
    "X-Forwarded-For": SPOOFED,
    "X-Real-IP": SPOOFED,
    "Forwarded": f"for={SPOOFED};proto=https",
    "X-Forwarded-Proto": "https",
    "X_Forwarded_Proto": "https",
    "X-Forwarded-Host": "evil.example",
}
WHOAMI = ["/whoami/", pytest.param("/events/whoami/", id="whoami-under-the-async-prefix")]


def test_healthz_names_a_release_and_the_expected_engine_and_interface(site: Site) -> None:
    health = site.json("/healthz")
    assert health["status"] == "ok"
    assert re.fullmatch(r"[0-9a-f]{12}", health["release"]), health
    assert health["server"] == (site.http_engine or health["server"]), health
    assert health["interface"] == (site.interface_http or health["interface"]), health


@pytest.mark.parametrize("path", ["/", "/balance/", "/notifications/", "/chat/lobby/"])
def test_pages_answer(site: Site, path: str) -> None:
    answer = site.get(path)
    assert answer.status_code == 200
    assert "Release" in answer.text


def test_an_unknown_address_is_djangos_404(site: Site) -> None:
    answer = site.get("/no-such-page/")
    assert answer.status_code == 404
    assert "Django found no page" in answer.text


@pytest.mark.parametrize("path", WHOAMI)
def test_django_sees_the_host_that_the_visitor_typed(site: Site, path: str) -> None:
    me = site.json(path)
    url = httpx.URL(site.url)
    assert me["host"] == url.netloc.decode(), me
    assert me["scheme"] == url.scheme, me


@pytest.mark.behind_nginx
@pytest.mark.parametrize("path", WHOAMI)
def test_forged_forwarding_headers_are_overwritten(site: Site, path: str) -> None:
    me = site.json(path, headers=FORGED)
    assert SPOOFED not in (me["forwarded_for"] + me["remote_addr"]), me
    assert re.fullmatch(r"[0-9a-f.:]+", me["forwarded_for"]), f"one address, the visitor's: {me}"
    assert me["is_secure"] is site.url.startswith("https://"), me
    assert "evil" not in me["host"], me


@pytest.mark.parametrize("name", FORGED)
@pytest.mark.behind_nginx
def test_no_single_header_makes_a_request_secure_or_foreign(site: Site, name: str) -> None:
    me = site.json("/whoami/", headers={name: FORGED[name]})
    assert me["is_secure"] is site.url.startswith("https://"), me
    assert SPOOFED not in str(me), me
    assert "evil" not in str(me), me


@pytest.mark.behind_nginx
def test_an_unknown_host_gets_no_page(site: Site) -> None:
    try:
        answer = site.get("/", headers={"Host": "evil.example"})
    except httpx.RemoteProtocolError:
        return  # nginx's 444: closed without an answer
    assert answer.status_code == 421 or answer.status_code == 400, "the site answers for any host"


def test_as_many_processes_answer_as_were_asked_for(site: Site) -> None:
    if site.workers is None:
        pytest.skip("no --workers given")
    pids: set[int] = set()

    def one(_: int) -> int:
        with site.new_client() as client:  # a connection of its own
            return int(client.get("/slow/", params={"seconds": 0.3}).json()["pid"])

    # Slow answers side by side spread over processes that share one socket. Two rounds more than
    # are needed to see all, so that a process too many is seen as well.
    rounds = 0
    side_by_side = min(8 * site.workers, 20)  # nginx lets one address have 24
    with ThreadPoolExecutor(side_by_side) as pool:
        while (len(pids) < site.workers and rounds < 10) or rounds < 3:
            pids |= set(pool.map(one, range(side_by_side)))
            rounds += 1
    assert len(pids) == site.workers, f"{len(pids)} processes answered: {sorted(pids)}"
