"""Viewers of the balance page see every deposit exactly once, whatever becomes of the site meanwhile."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx
import pytest
import tools
from playwright.sync_api import Browser, Page

VIEWERS = 2
CROWD = 12
PICTURES = tools.CACHE / "test-logs"
DEPLOY_LIMIT = 600.0  # seconds
BACK_LIMIT = 120.0  # seconds until a page is on the best transport again: it looks every 30 to 90
LOOK_EVERY = 250.0  # milliseconds
# Notes the sockets that a page opens, and when.
WATCH = """
window.opened = [];
window.sockets = [];
const Real = WebSocket;
window.WebSocket = class extends Real {
  constructor(...args) {
    super(...args);
    window.opened.push(Date.now());
    window.sockets.push(this);
  }
};
"""


class Deposits:
    """Somebody who pays in until the context is left."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._pay)
        self.paid = 0
        self.failed: list[str] = []

    def __enter__(self) -> Deposits:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stop.set()
        self._thread.join(60)

    def _pay(self) -> None:
        with httpx.Client(base_url=self._url, timeout=30, trust_env=False) as client:
            client.get("/balance/")
            headers = {"X-CSRFToken": client.cookies["csrftoken"], "Origin": self._url}
            while not self._stop.wait(0.1):
                try:
                    data = {"amount": "1", "key": str(uuid.uuid4())}
                    answer = client.post("/balance/deposit/", data=data, headers=headers)
                    self.paid += 1
                    if answer.status_code != 201:
                        self.failed.append(f"{answer.status_code} {answer.text[:100]}")
                except httpx.HTTPError as error:
                    self.failed.append(repr(error))


def change(config: pytest.Config, page: Page, *words: str) -> list[str]:
    """Deploy, and return the transports that the page went through meanwhile."""
    argv = [*shlex.split(config.getoption("run")), str(tools.ROOT / "playbooks/deploy.yml")]
    argv += [part for word in words for part in ("-e", word)]
    seen = [transport(page)]
    with subprocess.Popen(argv, cwd=tools.ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as deploy:
        reader = threading.Thread(target=lambda: said.append(deploy.communicate()[0]))
        said: list[str] = []
        reader.start()
        end = time.monotonic() + DEPLOY_LIMIT
        while reader.is_alive() and time.monotonic() < end:
            page.wait_for_timeout(LOOK_EVERY)
            if transport(page) != seen[-1]:
                seen.append(transport(page))
        if reader.is_alive():
            deploy.kill()
        reader.join(10)
    assert deploy.returncode == 0, said[0][-4000:]
    return seen


def transport(page: Page) -> str:
    return str(page.evaluate("window.liveTransport"))


def stored(url: str) -> dict[str, Any]:
    """Return the last entry of the balance."""
    answer = httpx.get(f"{url}/poll/balance/", trust_env=False).raise_for_status()
    entry: dict[str, Any] = answer.json()["entries"][-1]
    return entry


def wait_until(page: Page, what: str, seconds: float) -> None:
    page.wait_for_function(what, timeout=seconds * 1000)


def open_page(browser: Browser, url: str) -> Page:
    """Return a new visitor's balance page, connected."""
    page = browser.new_page()
    page.add_init_script(WATCH)
    page.goto(f"{url}/balance/")
    wait_until(page, "window.wsConnected", 10)
    return page


def picture(page: Page, name: str) -> Path:
    PICTURES.mkdir(parents=True, exist_ok=True)
    path = PICTURES / f"browser-{name}.png"
    page.screenshot(path=path)
    return path


@pytest.fixture(scope="module")
def viewers(pytestconfig: pytest.Config, browser: Browser, url: str) -> Iterator[list[Page]]:
    """Pages that stay open while the site is changed again and again."""
    blank = browser.new_page()
    change(pytestconfig, blank, "server=hybrid")
    blank.close()
    pages = [open_page(browser, url) for _ in range(VIEWERS)]
    yield pages
    for page in pages:
        page.close()


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("server", "expected"),
    [("hybrid", "websocket"), ("gunicorn", "polling"), ("hybrid", "websocket")],
    ids=["new release", "without websockets", "with websockets again"],
)
def test_every_deposit_is_seen_once(
    request: pytest.FixtureRequest, url: str, viewers: list[Page], server: str, expected: str
) -> None:
    before = httpx.get(f"{url}/healthz", trust_env=False).json()["release"]
    sockets = [page.evaluate("window.opened.length") for page in viewers]
    with Deposits(url) as deposits:
        turn = json.dumps({"app_env": {"TURN": str(uuid.uuid4())}})
        seen = change(request.config, viewers[0], f"server={server}", "drain_seconds=3", turn)
        for page in viewers:
            wait_until(page, f"window.liveTransport === '{expected}'", BACK_LIMIT)
        viewers[0].wait_for_timeout(1000)  # a second of deposits over what it came back to
    assert httpx.get(f"{url}/healthz", trust_env=False).json()["release"] != before
    assert not deposits.failed, deposits.failed[:5]
    last = stored(url)
    for number, page in enumerate(viewers):
        first = int(page.locator("#live").get_attribute("data-seq") or 0)
        wait_until(page, f"window.entriesSeen.at(-1) >= {last['seq']}", 30)
        picture(page, f"{request.node.callspec.id.replace(' ', '-')}-{number}")
        numbers = page.evaluate("window.entriesSeen")
        wanted = list(range(first + 1, last["seq"] + 1))
        missing, doubled = sorted(set(wanted) - set(numbers)), len(numbers) - len(set(numbers))
        assert numbers == wanted, f"missing {missing[:10]}, doubled {doubled}, after {seen}"
        assert page.locator("#balance").inner_text() == str(last["balance"])
        assert page.locator("#transport").inner_text() == expected
        assert page.locator("#entries li").count() == len(wanted)
        # it really came from somewhere else: the old release closed the socket
        assert page.evaluate("window.opened.length") > sockets[number], seen


def test_the_documented_client_sees_every_deposit_once(browser: Browser, url: str) -> None:
    text = (tools.ROOT / "docs/migrate.md").read_text(encoding="utf-8")
    (client,) = re.findall(r"```js\n(.*?)```", text, re.S)
    first = stored(url)["seq"]
    page = browser.new_page()
    page.goto(f"{url}/healthz")
    page.evaluate(
        f"{WATCH} window.seen = []; {client} follow('balance', {first}, (entry) => window.seen.push(entry.seq))"
    )
    with Deposits(url) as deposits:
        for count in (1, 2):  # the second socket comes after the first was lost
            wait_until(page, f"window.opened.length === {count} && window.sockets.at(-1).readyState === 1", 10)
            seen = page.evaluate("window.seen.length")
            wait_until(page, f"window.seen.length > {seen + 5}", 30)
            page.evaluate("window.sockets.at(-1).close()")
        page.wait_for_timeout(1000)
    assert not deposits.failed, deposits.failed[:5]
    last = stored(url)["seq"]
    wait_until(page, f"window.seen.at(-1) >= {last}", 30)
    assert page.evaluate("window.seen") == list(range(first + 1, last + 1))
    page.close()


def test_a_crowd_that_is_cut_off_at_once_comes_back_spread(browser: Browser, url: str) -> None:
    pages = [open_page(browser, url) for _ in range(CROWD)]
    try:
        for page in pages:
            page.evaluate("window.opened.length = 0, window.sockets.at(-1).close()")
        for page in pages:
            wait_until(page, "window.wsConnected", 10)
        times = sorted(page.evaluate("window.opened[0]") for page in pages)
        # over three seconds; for them to fall into one by chance is rarer than once in 10,000
        assert times[-1] - times[0] > 1000, [time - times[0] for time in times]
    finally:
        for page in pages:
            page.close()
