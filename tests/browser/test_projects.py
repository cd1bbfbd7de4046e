"""What others' tools make, deployed unchanged with the words of docs/projects.md, and used by somebody with a browser.

Under gunicorn, then under hybrid: the move that the kit is for. On a name and ports of its own, beside the sample app.
"""

from __future__ import annotations

import base64
import json
import re
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import tools
import yaml
from deploying import Site
from playwright.sync_api import Browser, ConsoleMessage, Page, Response, Route

pytestmark = pytest.mark.timeout(1800)
DOCUMENT = tools.ROOT / "docs/projects.md"
# what the throwaway hosts' inventory says of the sample app
NOT_THE_SAMPLES = {
    "app_domain_aliases": [],
    "app_health_path": "",
    "app_websocket_path": "",
    "app_asgi_routes": ["/ws/"],
}
PORTS = {"http_port": 8090, "https_port": 8453}
PACKAGES = {"django-admin": "django", "wagtail": "wagtail"}
USER = (
    "from django.contrib.auth import get_user_model as m; m().objects.create_superuser('eve', 'eve@example.com', {!r})"
)
PICTURE = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC"
)


def documented(command: str) -> dict[str, Any]:
    """Return the words that the document gives for what a command makes."""
    text = DOCUMENT.read_text(encoding="utf-8")
    (words,) = re.findall(rf"^## [^\n]*`{command}`\n(?:(?!^## ).)*?```yaml\n(.*?)```", text, re.M | re.S)
    found: dict[str, Any] = yaml.safe_load(words)
    return found


class Project:
    """A site that was made a moment ago, and its first user."""

    def __init__(self, command: str, config: pytest.Config, work: Path) -> None:
        """Let the tool make it."""
        self.tool = command.split()[0]
        self.words = documented(command)
        venv = work / "venv"
        subprocess.run([sys.executable, "-m", "venv", venv], check=True)
        subprocess.run([venv / "bin/pip", "install", "-q", PACKAGES[self.tool]], check=True)
        subprocess.run([venv / "bin" / self.tool, *command.split()[1:], "mysite"], cwd=work, check=True)
        self.site = Site(config, work, self.words["app_name"])
        self.host = str(urlsplit(self.site.url).hostname)
        self.url = f"https://{self.host}:{PORTS['https_port']}"
        self.path = work / "mysite"
        self.password = secrets.token_hex(12)

    def deploy(self, server: str) -> None:
        """Deploy it as documented, but for the name, which is nobody's here, and the certificate."""
        here = {"app_path": str(self.path), "app_domain": self.host, "tls": "selfsigned", "server": server, **PORTS}
        self.site.change("deploy", json.dumps({**NOT_THE_SAMPLES, **self.words, **here}))

    def manage(self, *arguments: str) -> str:
        """Run its manage.py on the host."""
        return self.site.on_host(f"{self.site.app}-manage", *arguments)


@pytest.fixture(scope="module", params=["django-admin startproject", "wagtail start"])
def project(request: pytest.FixtureRequest, url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """Return a project on the host of the site that `url` names."""
    project = Project(request.param, request.config, tmp_path_factory.mktemp("project"))
    yield project
    project.site.change("remove")


@contextmanager
def visit(browser: Browser, url: str) -> Iterator[Page]:
    """Give a visitor's page, on which nothing may go wrong, and everything of the site's own must be there."""
    wrong: list[str] = []
    page = browser.new_page(ignore_https_errors=True)

    def elsewhere(route: Route) -> None:
        """Wagtail asks others for its newest version and for portraits; here nobody else is reached."""
        route.fulfill(body="{}", headers={"Access-Control-Allow-Origin": "*"})

    def console(said: ConsoleMessage) -> None:
        # neither tool makes a favicon
        if said.type == "error" and not said.location["url"].endswith("/favicon.ico"):
            wrong.append(f"{page.url}: {said.text} ({said.location['url']})")

    def answered(answer: Response) -> None:
        if answer.status >= 400:
            wrong.append(f"{answer.status} {answer.url}")

    page.route(lambda asked: not asked.startswith(url), elsewhere)
    page.on("console", console)
    page.on("response", answered)
    page.on("pageerror", lambda error: wrong.append(f"{page.url}: {error}"))
    page.on("requestfailed", lambda asked: wrong.append(f"{asked.url}: {asked.failure}"))
    yield page
    page.close()
    assert not wrong, wrong


@pytest.mark.parametrize("server", ["gunicorn", "hybrid"])
def test_it_is_used_in_a_browser(project: Project, browser: Browser, server: str) -> None:
    project.deploy(server)
    if server == "gunicorn":  # kept by the move
        project.manage("shell", "-v0", "-c", USER.format(project.password))
    with visit(browser, project.url) as page:
        page.goto(f"{project.url}/admin/")
        page.fill("[name=username]", "eve")
        page.fill("[name=password]", project.password)
        page.click("[type=submit]")
        page.wait_for_load_state("networkidle")
        assert page.title().startswith(("Site administration", "Dashboard")), page.title()
        styled = "[...document.styleSheets].filter(s => s.cssRules.length).length"
        assert page.evaluate(styled) > 0, "no style sheet came"
        {"django-admin": see_users, "wagtail": see_front_and_upload}[project.tool](page, project.url)
    assert project.manage("shell", "-v0", "-c", "from django.conf import settings as s; print(s.DEBUG)") == "False\n"


def see_users(page: Page, url: str) -> None:
    page.goto(f"{url}/admin/auth/user/")
    assert page.locator("#result_list tbody tr").count() == 1


def see_front_and_upload(page: Page, url: str) -> None:
    page.goto(url)
    assert page.locator("h1").first.inner_text() == "Welcome to your new Wagtail site!"
    page.goto(f"{url}/admin/images/add/")
    page.set_input_files("input[type=file]", {"name": "one.png", "mimeType": "image/png", "buffer": PICTURE})
    page.fill("[name=title]", "one pixel")
    page.locator("form [type=submit]").last.click()
    page.wait_for_load_state("networkidle")
    assert page.url == f"{url}/admin/images/"
    shown = page.locator("img[src^='/media/images/one']").first
    assert shown.evaluate("e => e.naturalWidth") == 1
