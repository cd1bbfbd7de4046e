"""Kill a deploy whose release has other paths for the ASGI server: the live one's are in force, whichever that is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from crashing import Crasher
from deploying import copy_of_sample, edit, wait_for

pytestmark = pytest.mark.timeout(1800)
AUTO = '{"app_asgi_routes": ["auto"]}'
PATHS = ("/early", "/late")  # the first of the release before, the second of the one that is killed


def with_async_view(work: Path, path: str) -> str:
    """Return the word for a copy of the sample app that has an async view more."""
    app = copy_of_sample(work / f"app{path.replace('/', '-')}")
    with (app / "live/views.py").open("a") as file:
        file.write(
            "\n\nasync def asked(request: HttpRequest) -> HttpResponse:\n"
            '    """Say who answers."""\n'
            '    return JsonResponse({"interface": interface_of(request)})\n'
        )
    edit(app / "config/urls.py", 'path("slow/",', f'path("{path[1:]}", views.asked),\n    path("slow/",')
    return f"app_path={app}"


def answers(url: str) -> list[str]:
    """Return who answers each path: an interface, or the status where nobody has it."""
    found = [httpx.get(url + path, trust_env=False) for path in PATHS]
    return [answer.json()["interface"] if answer.status_code == 200 else str(answer.status_code) for answer in found]


@pytest.mark.parametrize(
    "boundary",
    [
        "release : Lay the routes out where nginx looks for them#1",
        "app_server : Start the release's processes, now and at boot#1",
        "release : Publish the static files, and point live at the release#1",
    ],
)
def test_the_routes_of_a_killed_deploy_are_those_of_what_is_live(
    crasher: Crasher, unharmed: Callable[[], None], tmp_path: Path, boundary: str
) -> None:
    site, of = crasher.site, {"old": ["asgi", "404"], "new": ["404", "asgi"]}
    site.change("deploy", *crasher.words(AUTO, with_async_view(tmp_path, PATHS[0])))
    before = site.health()["release"]
    wait_for("the release before has its route", lambda: answers(site.url) == of["old"], 5)
    words = crasher.words(AUTO, with_async_view(tmp_path, PATHS[1]))
    crasher.kill_after(boundary, "deploy", *words)
    left = "old" if site.state()["live"] == before else "new"
    wait_for(f"the routes are those of the {left} release", lambda: answers(site.url) == of[left], 5)
    row = crasher.heal(f"other routes, after {boundary}", before, *words)
    assert row.live == left == ("new" if "Point live" in boundary else "old")
    wait_for("the new release has its routes", lambda: answers(site.url) == of["new"], 5)
    unharmed()
