"""What app_asgi_routes: auto sends to the ASGI server, of paths and of projects; and what a deploy makes of it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path as File
from typing import Any

import pytest
import tools
from ansible_collections.asgiway.django.plugins.plugin_utils import routes
from asgiway_doctor import served
from asgiway_doctor.routes import ALLOWED
from asgiway_doctor.served import LEVELS, MOST, Served, serve, told
from test_doctor import ASGI, MANAGE, SAMPLE, write
from test_doctor_routes import path

Found = tuple[list[str], list[str]]


def where(found: Served) -> Found:
    return found.below, found.exactly


def test_several_of_a_directory_become_the_directory() -> None:
    paths = [path("/events/a", "s"), path("/events/b/<x>/", "s"), path("/events/c"), path("/")]
    paths += [path("/ws/a/", "w"), path("/ws/b/<x>/", "w")]
    assert serve(paths) == Served(["/events/", "/ws/"], [], [])


def test_a_whole_path_takes_nothing_along() -> None:
    paths = [path("/", "s"), path("/items/", "a"), path("/items/<pk>/"), path("/poll", "a"), path("/pollen/")]
    assert serve(paths) == Served([], ["/", "/items/", "/poll"], [])


def test_a_stream_that_cannot_be_named_takes_its_directory_along() -> None:
    found = serve([path("/shop/größe/<pk>/", "s"), path("/shop/")])
    assert where(found) == (["/shop/"], [])
    assert found.announced == [
        "/shop/größe/<pk>/ streams, and /shop/größe/ has characters that a route does not:"
        " everything below /shop/ goes to the ASGI server"
    ]


@pytest.mark.parametrize(
    ("text", "prefix", "why"),
    [
        ("/<slug>/events/", "/", "its path may begin with anything"),
        ("/events/$", None, "its pattern may match anywhere in a path"),
        ("/@<name>/events/", "/@", "/@ is only the beginning of a name"),
    ],
)
def test_in_the_end_the_whole_site_goes_there(text: str, prefix: str | None, why: str) -> None:
    found = serve([path(text, "s", prefix), path("/a/", "a"), path("/b/")])
    assert found == Served(["/"], [], [f"{text} streams, and {why}: the whole site goes to the ASGI server"])
    # an async view is served by WSGI as well
    found = serve([path(text, "a", prefix), path("/b/")])
    assert found == Served([], [], [f"{text} stays with WSGI, where it works, too: {why}"])
    assert serve([path(text, "w", prefix), path("/b/")]) == Served()


def test_an_async_view_that_would_take_more_along_than_itself_stays() -> None:
    found = serve([path("/item/<pk>/fast/", "a"), path("/item/<pk>/"), path("/item/<pk>/x/")])
    assert where(found) == ([], [])
    assert found.announced == [
        "/item/<pk>/fast/ stays with WSGI, where it works, too: /item/ would take 2 of its paths along"
    ]


def test_a_stream_takes_its_neighbours_along_and_says_so() -> None:
    found = serve([path("/item/<pk>/events/", "s"), path("/item/<pk>/"), path("/")])
    assert found == Served(["/item/"], [], ["/item/ also takes /item/<pk>/ to the ASGI server, where it works, too"])


def test_a_websocket_leaves_the_page_of_its_path_alone() -> None:
    assert serve([path("/chat/", "w"), path("/chat/"), path("/room/<x>/", "w"), path("/room/<x>/")]) == Served()


def test_deeper_than_nginx_looks() -> None:
    deep = "/" + "x/" * (LEVELS + 1)
    assert where(serve([path(f"{deep}<pk>", "s")])) == (["/" + "x/" * LEVELS], [])
    assert where(serve([path(deep, "s")])) == ([], [deep]), "a whole path has no levels"


def test_a_script_name_is_taken_with_and_without() -> None:
    paths = [path("/events/<x>", "s"), path("/poll", "a"), path("/")]
    assert where(serve(paths, "/shop/")) == (["/events/", "/shop/events/"], ["/poll", "/shop/poll"])
    assert where(serve(paths[2:], "/größe")) == ([], [])
    found = serve(paths, "/größe")
    assert found.below == ["/"]
    assert found.announced == [
        "FORCE_SCRIPT_NAME /größe cannot be part of a route: the whole site goes to the ASGI server"
    ]


def test_more_than_can_be_laid_out_is_the_whole_site() -> None:
    every = [one for number in range(MOST + 1) for one in (path(f"/{number}/x", "s"), path(f"/{number}/"))]
    found = serve(every)
    assert found.below == ["/"]
    assert found.announced[-1] == f"{MOST + 1} routes are more than {MOST}: the whole site goes to the ASGI server"


def test_what_is_too_strange_is_the_whole_site() -> None:
    def find() -> Served:
        print("something of the project's")
        raise SystemExit("no database\nthere")

    assert json.loads(told(find)) == {
        "below": ["/"],
        "exactly": [],
        "announced": [
            "the whole site goes to the ASGI server, for its routes cannot be read: SystemExit: no database there"
        ],
    }


def test_both_sides_mean_the_same() -> None:
    assert routes.PATH.pattern == ALLOWED.pattern
    assert (routes.LEVELS, routes.LONGEST, routes.WHOLE) == (served.LEVELS, served.LONGEST, served.LONG)
    assert routes.MOST >= 2 * served.MOST, "with a script name there are twice as many"
    maps = (tools.ROOT / "templates/nginx/_maps.conf.j2").read_text()
    locations = (tools.ROOT / "templates/nginx/_routes.conf.j2").read_text()
    assert maps.count(f"range(1, {LEVELS + 1})") == locations.count(f"range(1, {LEVELS + 1})") == 1


# --- whole projects

VIEWS = """
from django.http import HttpResponse, StreamingHttpResponse

async def ticks():
    yield b"x"

async def stream(request, **parts):
    return StreamingHttpResponse(ticks())

async def quick(request, **parts):
    return HttpResponse("x")

def page(request, **parts):
    return HttpResponse("x")
"""
URLS = """
from django.conf.urls.i18n import i18n_patterns
from django.urls import include, path, re_path
from django.utils.translation import gettext_lazy as _
from shop import views as v

deepest = [path("", v.page), path("live/", v.stream), path("live/<int:pk>/", v.stream)]
nested = [path("", v.page), path("deep/", include(deepest)), re_path(r"^feed/(?P<pk>[0-9]+)/$", v.stream)]
urlpatterns = [
    path("", v.page),
    path("nested/", include(nested)),
    re_path(r"^regex/(?:a|b)/$", v.stream),
    re_path(r"^once/?$", v.quick),
    re_path(r"^openend", v.quick),
    path("poll", v.quick),
    path("many/<slug:x>/", v.page),
    path("many/<slug:x>/more/", v.page),
    path("many/<slug:x>/quick/", v.quick),
    *i18n_patterns(path("news/", v.stream), path(_("about/"), v.page), prefix_default_language=False),
]
"""
ROUTING = """
from channels.routing import ProtocolTypeRouter, URLRouter
from django.urls import path, re_path

async def consumer(scope, receive, send):
    pass

application = ProtocolTypeRouter({"http": application, "websocket": URLRouter([
    path("ws/", URLRouter([path("chat/<room>/", consumer), path("echo/", consumer)])),
    re_path(r"^poll$", consumer),
])})
"""
I18N = (
    "\nUSE_I18N = True\nLANGUAGE_CODE = 'en'\nLANGUAGES = [('en', 'E'), ('de', 'D'), ('pt-br', 'P')]\nMIDDLEWARE = []\n"
)


def ask(project: File, asgi: str = "config.asgi:application", **environment: str) -> subprocess.CompletedProcess[str]:
    """Ask as a deploy does; the settings are those of the environment."""
    return subprocess.run(
        [tools.django_python(), "-B", tools.ROOT / "doctor", ".", "--routes", "--asgi", asgi],
        env={
            "PATH": "/usr/bin:/bin",
            "PYTHONPATH": str(project),
            "DJANGO_SETTINGS_MODULE": "config.settings",
            **environment,
        },
        cwd=project,
        capture_output=True,
        text=True,
    )


def answer(project: File, **environment: str) -> dict[str, list[str]]:
    done = ask(project, **environment)
    assert done.returncode == 0, done.stderr
    return routes.routes_told(done.stdout)


def test_the_sample_sites_routes_are_those_written_by_hand() -> None:
    told = answer(SAMPLE, SECRET_KEY="x", REDIS_URL="redis://127.0.0.1:6379/0")
    assert told == {"below": ["/events/", "/ws/"], "exactly": [], "announced": []}


def test_nested_includes_languages_and_expressions(tmp_path: File) -> None:
    files = {
        "config/settings.py": MANAGE + I18N,
        "config/urls.py": URLS,
        "shop/views.py": VIEWS,
        "config/asgi.py": ASGI + ROUTING,
    }
    told = answer(write(tmp_path, files))
    assert told["below"] == ["/de/news/", "/nested/", "/news/", "/once/", "/pt-br/news/", "/regex/", "/ws/"]
    assert told["exactly"] == ["/once", "/poll"]
    assert told["announced"] == [
        "/^openend stays with WSGI, where it works, too: /openend is only the beginning of a name",
        "/many/<slug:x>/quick/ stays with WSGI, where it works, too: /many/ would take 2 of its paths along",
    ]


def test_a_script_name_of_the_settings(tmp_path: File) -> None:
    urls = (
        "from django.urls import path\nfrom shop.views import *\nurlpatterns = [path('x/', stream), path('', page)]\n"
    )
    files = {
        "config/settings.py": MANAGE + "\nFORCE_SCRIPT_NAME = '/shop'\n",
        "config/urls.py": urls,
        "shop/views.py": VIEWS,
    }
    assert answer(write(tmp_path, files))["below"] == ["/x/", "/shop/x/"]


def test_what_the_project_prints_and_leaves_running_does_not_matter(tmp_path: File) -> None:
    noise = (
        "import atexit, os, threading\natexit.register(print, 'bye')\nprint('hello')\nos.write(1, b'low')\n"
        "threading.Thread(target=threading.Event().wait).start()\nurlpatterns = []\n"
    )
    told = answer(write(tmp_path, {"config/urls.py": noise}))
    assert told == {"below": [], "exactly": [], "announced": []}


def test_a_project_that_cannot_be_looked_at_is_served_under_asgi(tmp_path: File) -> None:
    done = ask(write(tmp_path, {"config/urls.py": "raise RuntimeError('{{ lookup }}')\n"}))
    told = routes.routes_told(done.stdout)
    assert told["below"] == ["/"]
    assert told["announced"] == [
        "the whole site goes to the ASGI server, for its routes cannot be read: RuntimeError:    lookup   "
    ]


# --- what a deploy takes of it


def line(**keys: Any) -> str:
    return json.dumps({"below": [], "exactly": [], "announced": [], **keys})


@pytest.mark.parametrize(
    "wrong",
    ["", "hello", "[]", '{"below": []}', line(below="/x/"), line(exactly=[7]), line(announced=[{}])],
)
def test_what_is_no_list_of_routes_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match=r"The project's routes .*\. Name them in app_asgi_routes\."):
        routes.routes_told(wrong)


@pytest.mark.parametrize(
    "route",
    [
        "/a/../b/",
        "/./",
        "//",
        "/a//b/",
        "x/",
        "",
        "/x/^^",
        "/x;}/",
        '/x"/',
        "/$uri/",
        "/a b/",
        "/a\n/",
        "/{{ x }}/",
        "/größe/",
        "/" + "x" * 201 + "/",
        "/" + "x/" * 1000 + "x",
    ],
)
def test_a_route_that_is_no_plain_path_is_refused(route: str) -> None:
    for key in ("below", "exactly"):
        with pytest.raises(ValueError, match=r"The project's route .* Name the routes in app_asgi_routes\."):
            routes.routes_told(line(**{key: [route]}))


@pytest.mark.parametrize("route", ["/x", "/" + "x/" * (LEVELS + 1)])
def test_a_directory_ends_in_a_slash_and_is_not_deeper_than_nginx_looks(route: str) -> None:
    with pytest.raises(ValueError, match="is no directory of at most 6 levels"):
        routes.routes_told(line(below=[route]))
    assert routes.routes_told(line(exactly=[route]))["exactly"] == [route]


def test_a_sentence_is_plain_and_they_are_not_endless() -> None:
    told = routes.routes_told("noise\n" + line(announced=["a\x1b[31m\n{{ b }}" + "x" * 999] * 60))
    assert told["announced"][0].startswith("a [31m    b   xxx")
    assert (len(told["announced"]), len(told["announced"][0]), told["announced"][-1]) == (51, 400, "and 10 more")


def test_too_many_are_refused() -> None:
    with pytest.raises(ValueError, match="more than 2000 routes"):
        routes.routes_told(line(exactly=[f"/{number}" for number in range(routes.MOST + 1)]))


def test_the_links_of_different_routes_have_different_names() -> None:
    told = {"below": ["/", "/x/"], "exactly": ["/", "/x", "/x/"]}
    made = routes.route_links(told, "/there")
    assert [one["name"] for one in made] == [
        "routes/^^",
        "routes/x/^^",
        "routes/^",
        "routes/x^",
        "routes/x/^",
        "routes/^-",
    ]
    assert {one["target"] for one in made} == {"/there"}


def test_the_routes_of_the_release_before_count_too() -> None:
    own, before = {"below": ["/x/"], "exactly": []}, {"below": ["/x/", "/y/"], "exactly": ["/z"]}
    made = routes.route_links(own, "/there", before)
    assert [one["name"] for one in made] == ["routes/x/^^", "routes/y/^^", "routes/z^", "routes/^-"]
    # of a release that knows none of its own, so that what was listed counts beside them
    made = routes.route_links({}, "/there", before)
    assert [one["name"] for one in made] == ["routes/x/^^", "routes/y/^^", "routes/z^"]
    assert routes.route_links({}, "/there") == []


def test_in_words() -> None:
    assert routes.routes_shown({"below": ["/a/"], "exactly": ["/b"]}) == "/a/, exactly /b"
    assert routes.routes_shown({"below": [], "exactly": []}) == "none"
    assert routes.routes_shown({"below": ["/"], "exactly": []}) == "the whole site"
