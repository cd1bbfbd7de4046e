"""The doctor on whole projects: the planted hazards, the sample site, and what cannot start."""

from __future__ import annotations

import html.parser
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tools
from asgiway_doctor import page, text, versions
from asgiway_doctor.__main__ import failed
from asgiway_doctor.catalogue import KINDS, SEVERITIES
from asgiway_doctor.code import BLOCKING
from asgiway_doctor.source import Place

HAZARDS = tools.ROOT / "tests/doctor/hazards"
SAMPLE = tools.ROOT / "sample_app"
Found = set[tuple[str, str, int]]


def run(project: Path, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the doctor with a Python that has Django and Channels."""
    argv: list[str | Path] = [tools.django_python(), "-m", "asgiway_doctor", project, "--settings", "config.settings"]
    return subprocess.run(
        [*argv, *options],
        env={
            "PATH": "/usr/bin:/bin",
            "PYTHONPATH": str(tools.ROOT / "doctor"),
            "PYTHONDONTWRITEBYTECODE": "1",
            **environment,
        },
        cwd=project,  # as the playbook does it
        capture_output=True,
        text=True,
    )


def examine(project: Path, directory: Path, *options: str, **environment: str) -> dict[str, Any]:
    both = [] if "--asgi" in options else ["--asgi", "config.asgi:application", "--wsgi", "config.wsgi:application"]
    out = directory / "report.json"
    done = run(project, *both, *options, "--json", str(out), **environment)
    assert done.returncode == 0, done.stderr + done.stdout
    report: dict[str, Any] = json.loads(out.read_text())
    return report


def found(report: dict[str, Any]) -> Found:
    return {(one["id"], one["file"], one["line"]) for one in report["findings"]}


def planted(project: Path) -> Found:
    """Return what the comments `# hazard: id` of a project say."""
    return {
        (kind, str(path.relative_to(project)), number)
        for path in project.rglob("*.py")
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if (match := re.search(r"# hazard: (.+)", line))
        for kind in match[1].split(", ")
    }


@pytest.fixture(scope="module")
def hazards(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return examine(HAZARDS, tmp_path_factory.mktemp("hazards"))


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    environment = {"SECRET_KEY": "x", "REDIS_URL": "redis://127.0.0.1:6379/0"}
    return examine(SAMPLE, tmp_path_factory.mktemp("sample"), **environment)


def test_the_twelve_hazards_are_found_at_their_lines_and_nothing_else(hazards: dict[str, Any]) -> None:
    wanted = planted(HAZARDS)
    assert len(wanted) == 12
    assert found(hazards) == wanted


def test_the_sample_site_has_no_finding_at_all(sample: dict[str, Any]) -> None:
    assert sample["findings"] == []
    assert sample["skipped"] == []


def test_the_sample_sites_routes_are_those_written_by_hand(sample: dict[str, Any]) -> None:
    assert set(sample["verdict"]["routes"]) == {"/ws/", "/events/"}
    assert sample["verdict"]["announced"] == []


def test_the_sample_site_should_have_both(sample: dict[str, Any]) -> None:
    assert (sample["verdict"]["server"], sample["verdict"]["later"]) == ("hybrid", "")


def test_with_errors_wsgi_comes_first(hazards: dict[str, Any]) -> None:
    assert (hazards["verdict"]["server"], hazards["verdict"]["later"]) == ("gunicorn", "hybrid")


def test_the_exit_code_says_what_was_found_and_nothing_of_a_project_is_changed(tmp_path: Path) -> None:
    project = tmp_path / "project"
    shutil.copytree(HAZARDS, project)
    before = {path: path.stat().st_mtime_ns for path in project.rglob("*")}
    done = run(project, "--asgi", "config.asgi:application", "--fail-on", "error")
    assert done.returncode == 1, done.stderr
    assert {path: path.stat().st_mtime_ns for path in project.rglob("*")} == before


@pytest.mark.parametrize(
    ("errors", "warnings", "fails"), [(0, 0, []), (0, 1, ["warning"]), (1, 0, ["error", "warning"])]
)
def test_what_makes_it_fail(errors: int, warnings: int, fails: list[str]) -> None:
    report = {"summary": {"error": errors, "warning": warnings, "note": 9}}
    assert [name for name in ("never", "error", "warning") if failed(report, name)] == fails


def from_path(source: Path) -> dict[str, str]:
    return {"app_path": str(source / "backend"), "app_subdirectory": ""}


def from_repository(source: Path) -> dict[str, str]:
    """With a lock, too: what a deploy installs, the doctor does."""
    (source / "backend/requirements.txt").rename(source / "backend/requirements.in")
    lock = ["uv", "pip", "compile", "-q", "--format", "pylock.toml", "-o", "pylock.toml", "requirements.in"]
    subprocess.run(lock, cwd=source / "backend", check=True, timeout=120)
    who = ["-c", "user.name=x", "-c", "user.email=x@example.com"]
    for words in (["init", "-q"], ["add", "."], [*who, "commit", "-qm", "x"]):
        subprocess.run(["git", *words], cwd=source, check=True)
    return {"app_repo": str(source), "app_subdirectory": "backend"}


@pytest.mark.parametrize("where", [from_path, from_repository])
def test_the_playbook_reports_fails_where_it_should_and_leaves_the_project_alone(
    tmp_path: Path, where: Callable[[Path], dict[str, str]]
) -> None:
    project = tmp_path / "source"
    shutil.copytree(HAZARDS, project / "backend")
    source = where(project)
    before = {path: path.stat().st_mtime_ns for path in project.rglob("*")}
    words = {
        **source,
        "app_name": "hazards",
        "doctor_report": str(tmp_path / "out"),
        "fail_on": "error",
    }
    done = subprocess.run(
        [Path(sys.executable).parent / "ansible-playbook", "playbooks/doctor.yml", "-e", json.dumps(words)],
        cwd=tools.ROOT,
        env={
            "UV_CACHE_DIR": str(Path("~/.cache/uv").expanduser()),
            **os.environ,
            "XDG_CACHE_HOME": str(tmp_path / "cache"),
        },
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2, done.stdout + done.stderr
    assert "hazards: 8 errors, 4 warnings, no notes; fail_on is error" in done.stdout
    assert found(json.loads((tmp_path / "out/hazards.json").read_text())) == planted(HAZARDS)
    assert "<title>hazards: from WSGI to ASGI</title>" in (tmp_path / "out/hazards.html").read_text()
    assert {path: path.stat().st_mtime_ns for path in project.rglob("*")} == before


# --- projects of the tests' own

MANAGE = """
SECRET_KEY = "x"
ALLOWED_HOSTS = ["shop.example.com"]
INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions", "shop"]
ROOT_URLCONF = "config.urls"
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "/nonexistent/db"}}
"""
ASGI = """
import os
from django.core.asgi import get_asgi_application
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
application = get_asgi_application()
"""


def write(directory: Path, files: dict[str, str]) -> Path:
    """Write a small project."""
    project = directory / "project"
    every = {
        "config/__init__.py": "",
        "shop/__init__.py": "",
        "config/settings.py": MANAGE,
        "config/urls.py": "urlpatterns = []\n",
        "config/asgi.py": ASGI,
        "config/wsgi.py": ASGI.replace("asgi", "wsgi"),
        **files,
    }
    for name, content in every.items():
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(content)
    return project


CHANNELS = """
from channels.routing import ProtocolTypeRouter, URLRouter
from channels.security.websocket import AllowedHostsOriginValidator
from django.urls import path, re_path
from shop.consumers import Chat, Live
application = ProtocolTypeRouter({  # hazard: no-http
    "lifespan": application,  # hazard: lifespan
    "websocket": AllowedHostsOriginValidator(URLRouter([  # hazard: any-host
        path("/ws/chat/", Chat.as_asgi()),
        path("ws/live/", Live),
    ])),
})
"""
PROJECTS: dict[str, dict[str, str]] = {
    "settings": {
        "config/settings.py": MANAGE.replace(
            "}}", ', "OPTIONS": {"pool": True},\n"CONN_MAX_AGE": None,  # hazard: pool-and-age\n}}'
        )
        + """
MIDDLEWARE = ["django.contrib.sessions.middleware.SessionMiddleware"]
SESSION_ENGINE = "django.contrib.sessions.backends.cache"  # hazard: local-session
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}  # hazard: local-cache
MEDIA_ROOT = __file__.rpartition("/config/")[0] + "/media"  # hazard: media-in-source
""",
        "shop/models.py": "from django.db import models\n\nclass Photo(models.Model):\n    file = models.FileField()\n",
        "config/wsgi.py": ASGI.replace("asgi", "wsgi")
        + "\n\nclass Wrapper:\n    def __init__(self, inner):\n        pass\n\n"
        "application = Wrapper(application)  # hazard: wsgi-wrapper\n",
    },
    "channels": {
        "config/settings.py": MANAGE.replace("shop.example.com", "*"),
        "config/asgi.py": ASGI + CHANNELS,
        "shop/consumers.py": """
from channels.generic.websocket import AsyncWebsocketConsumer


class Chat(AsyncWebsocketConsumer):  # hazard: route-slash, no-layer, group-never-left
    async def connect(self):
        await self.channel_layer.group_add("x", self.channel_name)


class Live(AsyncWebsocketConsumer):  # hazard: no-as-asgi
    pass
""",
    },
    "views": {
        "config/urls.py": "from django.urls import path\nfrom shop import views\nurlpatterns = ["
        "path('a/', views.a), path('b/', views.B.as_view()), path('c/', views.c), path('d/', views.d)]\n",
        "shop/views.py": """
import functools
from asgiref.sync import async_to_sync
from django.contrib.auth.mixins import LoginRequiredMixin
from django.views import View
from django.views.decorators.cache import never_cache


def timed(view):
    @functools.wraps(view)
    def inner(request):
        return view(request)

    return inner


@timed
async def a(request):  # hazard: sync-decorator
    pass


class B(LoginRequiredMixin, View):  # hazard: auth-mixin
    async def get(self, request):
        pass


@never_cache
async def c(request):
    pass


@async_to_sync
async def d(request):
    pass
""",
    },
    "middleware": {
        "config/settings.py": MANAGE + "MIDDLEWARE = [\n    'shop.nothing.Middleware',  # hazard: middleware-fails\n]\n"
    },
    "does not start": {
        "config/settings.py": MANAGE + "import os\nNAME = os.environ['SHOP_NAME']  # hazard: setup-fails\n"
    },
    "urls": {"config/urls.py": "import nothing_there  # hazard: urls-fail\nurlpatterns = []\n"},
    "asgi": {"config/asgi.py": "raise RuntimeError('x')  # hazard: asgi-fails\n"},
}


@pytest.mark.parametrize("files", PROJECTS.values(), ids=PROJECTS)
def test_what_is_planted_is_found_at_its_line_and_nothing_else(tmp_path: Path, files: dict[str, str]) -> None:
    project = write(tmp_path, files)
    assert found(examine(project, tmp_path)) == planted(project)


def test_of_a_project_that_does_not_start_the_verdict_says_so(tmp_path: Path) -> None:
    verdict = examine(write(tmp_path, PROJECTS["does not start"]), tmp_path)["verdict"]
    assert verdict["reason"].startswith("The project could not be looked at as a whole")


def test_without_an_asgi_application_that_is_a_note(tmp_path: Path) -> None:
    report = examine(write(tmp_path, {}), tmp_path, "--asgi", "", "--wsgi", "config.wsgi:application")
    assert found(report) == {("no-asgi", "config/settings.py", 0)}
    assert report["verdict"]["server"] == "gunicorn"


def test_a_project_that_is_an_installed_package_is_read(tmp_path: Path) -> None:
    code = "import time\n\n\nasync def page(request):\n    time.sleep(1)  # hazard: blocking-sleep\n"
    installed = write(tmp_path, {"config/views.py": code}).rename(tmp_path / "site-packages")
    only = tmp_path / "talks"
    only.mkdir()
    (only / "requirements.txt").write_text("config==1\n")
    path = f"{tools.ROOT / 'doctor'}:{installed}"
    report = examine(only, tmp_path, PYTHONPATH=path)
    assert found(report) == planted(installed / "config") != set()


def test_the_budget_is_that_of_the_postgresql_that_a_deploy_brings(tmp_path: Path) -> None:
    project = write(tmp_path, {})
    assert examine(project, tmp_path)["verdict"]["budget"] == ""
    budget = examine(project, tmp_path, "--postgresql", "--max-connections", "150")["verdict"]["budget"]
    assert budget.endswith("max_connections is 150.")


def test_a_layer_of_a_new_redis_is_patient_or_found(tmp_path: Path) -> None:
    layers = """
LAYER = "channels_redis.core.RedisChannelLayer"
CHANNEL_LAYERS = {
    "default": {"BACKEND": LAYER, "CONFIG": {"hosts": ["redis://x"]}},  # hazard: layer-timeout
    "other": {"BACKEND": LAYER, "CONFIG": {"hosts": [{"address": "redis://x", "socket_timeout": None}]}},
}
"""
    project = write(tmp_path, {"config/settings.py": MANAGE + layers})
    assert found(examine(project, tmp_path)) == planted(project)


def test_what_the_overlay_mends_is_an_error_without_it_and_found_in_a_base_module(tmp_path: Path) -> None:
    base = MANAGE.replace('"NAME"', '"CONN_MAX_AGE": 60, "NAME"')
    project = write(tmp_path, {"config/settings.py": "from .base import *\n", "config/base.py": base})
    report = examine(project, tmp_path, "--no-overlay")
    assert found(report) == {("conn-max-age", "config/base.py", 6)}
    assert [one["severity"] for one in report["findings"]] == ["error"]


@pytest.mark.parametrize(("options", "severity"), [([], "note"), (["--no-overlay"], "warning")])
def test_uploads_in_the_source_are_moved_by_the_overlay_and_what_lies_there_is_counted(
    tmp_path: Path, options: list[str], severity: str
) -> None:
    files = {name: text for name, text in PROJECTS["settings"].items() if name != "config/wsgi.py"}
    project = write(tmp_path, {**files, "media/default.png": "x", "media/deep/other.png": "x"})
    (finding,) = [one for one in examine(project, tmp_path, *options)["findings"] if one["id"] == "media-in-source"]
    assert finding["severity"] == severity
    assert finding["what"].endswith("does not take along the 2 in it") == (severity == "note")


def test_a_pool_alone_is_right(tmp_path: Path) -> None:
    files = {"config/settings.py": MANAGE.replace("}}", ', "OPTIONS": {"pool": True}, "CONN_MAX_AGE": 0}}')}
    assert found(examine(write(tmp_path, files), tmp_path)) == set()


def test_what_ruff_finds_is_added_once(tmp_path: Path) -> None:
    project = write(
        tmp_path, {"shop/views.py": "import os, time\n\n\nasync def f():\n    time.sleep(1)\n    os.spawnl(0)\n"}
    )
    lines = [("ASYNC251", 5), ("ASYNC222", 6), ("ASYNC109", 4)]
    said = [
        {"code": code, "filename": str(project / "shop/views.py"), "location": {"row": row}, "message": "x"}
        for code, row in lines
    ]
    (tmp_path / "ruff.json").write_text(json.dumps(said))
    report = examine(project, tmp_path, "--ruff", str(tmp_path / "ruff.json"))
    assert found(report) == {("blocking-sleep", "shop/views.py", 5), ("blocking-process", "shop/views.py", 6)}


def test_routes_of_includes_languages_and_regular_expressions(tmp_path: Path) -> None:
    files = {
        "config/settings.py": MANAGE + "LANGUAGES = [('en', 'E'), ('de', 'D')]\nLANGUAGE_CODE = 'en'\n",
        "config/urls.py": """
from django.conf.urls.i18n import i18n_patterns
from django.urls import include, path, re_path
from shop.views import page, live, fast

api = [path("stream/<int:pk>/", live), path("x/", page), path("y/", page)]
inner = [path("live/", live), re_path(r"^old/(?P<pk>[0-9]+)/$", page)]
urlpatterns = [
    path("", page),
    path("shop/", include([path("api/", include(api))])),
    re_path(r"^feed/(?:a|b)/$", live),
    re_path(r"anywhere/$", fast),
    path("<slug:page>/fast/", fast),
] + i18n_patterns(path("news/", include(inner)), prefix_default_language=False)
""",
        "shop/views.py": """
from django.http import HttpResponse, StreamingHttpResponse


def page(request, **kwargs):
    return HttpResponse("x")


async def fast(request, **kwargs):
    return HttpResponse("x")


async def live(request, **kwargs):
    async def events():
        yield "x"

    return StreamingHttpResponse(events())
""",
    }
    verdict = examine(write(tmp_path, files), tmp_path)["verdict"]
    assert verdict["routes"] == ["/de/news/live/", "/feed/", "/news/live/", "/shop/api/stream/"]
    assert verdict["announced"] == [
        "/anywhere/$ stays with WSGI, where it works, too: its pattern may match anywhere in a path",
        "/<slug:page>/fast/ stays with WSGI, where it works, too: its prefix / is the whole site",
    ]


# --- the report


class Parser(html.parser.HTMLParser):
    """Collects what would leave the page, and what is open at the end."""

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.opened: list[str] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        if tag in ("script", "img", "iframe", "object", "embed") or (tag == "link" and named.get("href") != "data:,"):
            self.fetched.append(tag)
        if tag not in ("meta", "link", "br"):
            self.opened.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.opened.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def read(report: dict[str, Any]) -> Parser:
    parser = Parser()
    parser.feed(page.render(report))
    parser.close()
    return parser


def test_the_page_holds_everything_and_fetches_nothing(hazards: dict[str, Any]) -> None:
    parser = read(hazards)
    assert (parser.fetched, parser.opened) == ([], [])
    shown = "".join(parser.texts)
    for one in hazards["findings"]:
        assert all(
            part in shown for part in (f"{one['file']}:{one['line']}", one["what"], one["why"], one["fix"], one["link"])
        )
    assert "width=device-width" in page.render(hazards)


def test_the_page_escapes_what_the_project_says(hazards: dict[str, Any]) -> None:
    evil = "<script>alert(1)</script>"
    report = json.loads(json.dumps(hazards))
    report["project"].update(name=evil, settings=evil)
    for one in report["findings"]:
        one.update(what=evil, file=evil)
    for one in report["views"]:
        one.update(view=evil, paths=[evil])
    assert read(report).fetched == []


def test_the_text_names_each_place_its_reason_and_its_fix(hazards: dict[str, Any]) -> None:
    said = text.render(hazards)
    flat = " ".join(said.split())
    for one in hazards["findings"]:
        assert f"{one['file']}:{one['line']}  " in said
        assert all(" ".join(part.split()) in flat for part in (one["why"], one["fix"], one["link"]))
    assert said.startswith("config.settings: 8 errors, 4 warnings, no notes\n")


# --- the catalogue


def test_every_finding_of_the_catalogue_is_planted_somewhere() -> None:
    here = Path(__file__)
    texts = [here.read_text(), here.with_name("test_doctor_code.py").read_text()]
    texts += [path.read_text() for path in HAZARDS.rglob("*.py")]
    marked = {
        kind for one in texts for match in re.findall(r"# hazard: ([a-z, -]+)", one) for kind in match.split(", ")
    }
    # these two have tests of their own
    assert set(KINDS) - {"known-bad-version", "no-asgi"} <= marked


def test_every_entry_of_the_catalogue_is_whole() -> None:
    for name, kind in KINDS.items():
        assert kind.severity in SEVERITIES, name
        assert kind.link.startswith("https://"), name
        assert all((kind.title, kind.why, kind.fix)), name
    assert {name for name, _ in BLOCKING} <= set(KINDS)


@pytest.mark.parametrize(
    ("package", "version", "bad"),
    [
        ("daphne", "4.2.1", True),
        ("daphne", "4.2.2", False),
        ("gunicorn", "25.0.3", False),
        ("gunicorn", "25.1", True),
        ("gunicorn", "26.1.0", False),
        ("Django", "4.2rc1", False),
        ("Django", "4.1.13", True),
        ("channels", "3.0.5", True),
    ],
)
def test_known_bad_versions(package: str, version: str, bad: bool) -> None:
    found = versions.findings(tools.ROOT / "docs", {package: version})
    assert [(one.id, one.place) for one in found] == [("known-bad-version", Place("the environment"))] * bad


@pytest.mark.parametrize(
    ("file", "text", "line"),
    [
        ("requirements.txt", "channels-redis\n# Channels\nChannels[daphne]>=3 # x\n", 3),
        ("requirements/base.txt", "channels==3.0.5\n", 1),
        ("pyproject.toml", '[project]\ndependencies = [\n  "channels>=3",\n]\n', 3),
        ("uv.lock", '[[package]]\nname = "channels-redis"\n[[package]]\nname = "channels"\n', 4),
    ],
)
def test_a_bad_version_is_found_where_it_is_required(tmp_path: Path, file: str, text: str, line: int) -> None:
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_text(text)
    (one,) = versions.findings(tmp_path, {"channels": "3.0.5"})
    assert one.place == Place(file, line)
