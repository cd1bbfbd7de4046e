"""The report of a comparison, as its reader sees it: on a phone and on a desk, by day and by night, without network."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import tools
from asgiway_compare import figures, report
from compared import PLAN, turns
from playwright.sync_api import Browser, Page

PICTURES = tools.CACHE / "test-logs"
PHONE, DESK = (390, 844), (1280, 900)


class Opened:
    """A page, and what it did by itself."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.said: list[str] = []
        self.asked: list[str] = []
        page.on("console", lambda message: self.said.append(message.text))
        page.on("pageerror", lambda error: self.said.append(str(error)))
        page.on("request", lambda request: self.asked.append(request.url))


@pytest.fixture(params=[(PHONE, "light"), (PHONE, "dark"), (DESK, "light"), (DESK, "dark")], ids=str)
def opened(request: pytest.FixtureRequest, browser: Browser, tmp_path: Path) -> Iterator[Opened]:
    (width, height), scheme = request.param
    report.write(PLAN, turns(), tmp_path)
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme, offline=True)
    one = Opened(context.new_page())
    file = (tmp_path / "compare.html").as_uri()
    one.page.goto(file)
    assert one.asked == [file]  # and nothing was asked meanwhile, from anywhere
    PICTURES.mkdir(parents=True, exist_ok=True)
    one.page.screenshot(path=PICTURES / f"compare-{width}-{scheme}.png", full_page=True)
    yield one
    context.close()


def test_it_says_nothing_to_the_console_and_asks_nobody(opened: Opened) -> None:
    opened.page.get_by_text("All figures").click()
    opened.page.wait_for_load_state("networkidle")
    assert opened.said == []
    assert [url for url in opened.asked if not url.startswith("file:")] == []
    assert len(opened.asked) == 1


def test_nothing_is_wider_than_the_screen(opened: Opened) -> None:
    for summary in opened.page.locator("summary").all():
        summary.click()
    assert opened.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    wide = """[...document.querySelectorAll('body *')]
              .filter(e => e.getBoundingClientRect().right > window.innerWidth + 1)
              .map(e => e.outerHTML.slice(0, 80))"""
    assert opened.page.evaluate(wide) == []


def test_the_plots_are_seen(opened: Opened) -> None:
    shown = [one for one in figures.measures(PLAN, turns()) if one.group != figures.BY_PATH]
    plots = opened.page.locator("figure svg:visible")
    assert plots.count() == len(shown) + 3
    boxes: list[Any] = [plot.bounding_box() for plot in plots.all()]
    assert all(box["width"] > 250 and box["height"] > 35 for box in boxes)
    bars = opened.page.locator("figure:visible rect.bar")
    paper = opened.page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    colours = {bar.evaluate("e => getComputedStyle(e).fill") for bar in bars.all()}
    assert len(colours) == len(PLAN["apps"])
    assert paper not in colours
    first = opened.page.locator("figure").first.locator("rect.bar")
    widths = [bar.bounding_box() for bar in first.all()]
    one, two, four = (box["width"] for box in widths if box)
    assert two / one == pytest.approx(2, rel=0.02)
    assert four / one == pytest.approx(4, rel=0.02)


def test_its_text_can_be_read(opened: Opened) -> None:
    smallest = """Math.min(...[...document.querySelectorAll('figure text')].filter(e => e.getClientRects().length)
                  .map(e => e.getBoundingClientRect().height))"""
    assert opened.page.evaluate(smallest) >= 9
    # no line of a plot is cut off by its frame
    cut = """[...document.querySelectorAll('figure svg text')].filter(e => e.getClientRects().length)
             .filter(e => e.getBoundingClientRect().right > e.ownerSVGElement.getBoundingClientRect().right + 1)
             .map(e => e.textContent)"""
    assert opened.page.evaluate(cut) == []
