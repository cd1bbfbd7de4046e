"""What the gate learns from inside a release: the channel layer, and a WebSocket path to ask."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import tools

ASGI = """
from channels.auth import AuthMiddlewareStack
from channels.generic.websocket import WebsocketConsumer
from channels.routing import ProtocolTypeRouter, URLRouter
from channels.security.websocket import AllowedHostsOriginValidator
from django.urls import path, re_path

consumer = WebsocketConsumer.as_asgi()
application = ProtocolTypeRouter({"websocket": AllowedHostsOriginValidator(AuthMiddlewareStack(URLRouter([
    re_path(r"^ws/(?P<room>\\w+)/$", consumer),
    path("ws/<int:number>/", consumer),
    path("live/", URLRouter([ROUTES])),
])))})
"""
SETTINGS = """
SECRET_KEY = "theirs"
ALLOWED_HOSTS = ["*"]
INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions"]
CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
"""


def probe(directory: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    (directory / "theirs.py").write_text(SETTINGS + environment.pop("settings", ""))
    argv: list[str | Path] = [tools.django_python(), "-m", f"asgiway_runtime.{environment.pop('program', 'probe')}"]
    return subprocess.run(
        argv,
        env={
            "PATH": "/usr/bin:/bin",
            "PYTHONPATH": f"{directory}:{tools.ROOT / 'runtime'}",
            "PYTHONDONTWRITEBYTECODE": "1",
            "DJANGO_SETTINGS_MODULE": "theirs",
            "ASGIWAY_SOURCE_DIR": str(directory),
            **environment,
        },
        capture_output=True,
        text=True,
    )


def answer(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_a_path_without_parameters_is_found_below_middlewares_and_routers(tmp_path: Path) -> None:
    for routes, path in (
        ('path("<slug:name>/", consumer), re_path(r"^all/$", consumer)', "/live/all/"),
        ('path("<slug:name>/", consumer)', ""),
    ):
        (tmp_path / "shop_asgi.py").write_text(ASGI.replace("ROUTES", routes))
        assert answer(probe(tmp_path, ASGIWAY_ASGI="shop_asgi:application"))["websocket_path"] == path


def test_without_asgi_only_the_layer_is_asked(tmp_path: Path) -> None:
    found = answer(probe(tmp_path))
    said = "InMemoryChannelLayer passed a message on"
    assert found == {"release": "", "channel_layer": said, "websocket_path": "", "fingerprint": ""}


def test_the_fingerprint_is_of_what_the_application_imports(tmp_path: Path) -> None:
    """A release may stand elsewhere and have other templates and views; another consumer or layer is another one."""
    asgi = ASGI.replace("ROUTES", "").replace("consumer = ", "import consumers; consumer = ")

    capacity = "import os; CHANNEL_LAYERS['default']['CONFIG'] = {'capacity': int(os.environ.get('CAPACITY', 1))}\n"

    def fingerprint(release: str, consumers: str = "", views: str = "", **environment: str) -> str:
        room = tmp_path / release
        room.mkdir(exist_ok=True)
        for name, text in (("shop_asgi", asgi), ("consumers", consumers), ("views", views)):
            (room / f"{name}.py").write_text(text)
        environment |= {"ASGIWAY_ASGI": "shop_asgi:application", "ASGIWAY_RELEASE": release, "settings": capacity}
        return str(answer(probe(room, **environment))["fingerprint"])

    first = fingerprint("one", "IDLE = 10")
    assert len(first) == 64
    assert fingerprint("two", "IDLE = 10", "def page(): ...") == first
    assert fingerprint("two", "IDLE = 5") != first
    assert fingerprint("two", "IDLE = 10", CAPACITY="2") != first


def test_the_check_answers_the_same(tmp_path: Path) -> None:
    """What its other checks import must not count: a release that was not built in the run is asked by the probe."""
    (tmp_path / "shop_asgi.py").write_text(ASGI.replace("ROUTES", 'path("all/", consumer)'))
    (tmp_path / "shop_wsgi.py").write_text("application = None\n")
    (tmp_path / "shop_urls.py").write_text("urlpatterns = []\n")
    settings = "ROOT_URLCONF = 'shop_urls'\n"
    variables = {"ASGIWAY_ASGI": "shop_asgi:application", "ASGIWAY_RELEASE": "0123456789ab", "settings": settings}
    expected = answer(probe(tmp_path, **variables))
    assert (expected["release"], expected["websocket_path"]) == ("0123456789ab", "/live/all/")
    done = probe(tmp_path, program="check", ASGIWAY_WSGI="shop_wsgi:application", **variables)
    assert done.returncode == 0, done.stderr
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("answer: ")]
    assert json.loads(line.removeprefix("answer: ")) == expected


@pytest.mark.parametrize("program", ["probe", "check"])
def test_a_layer_that_cannot_be_reached_says_why(tmp_path: Path, program: str) -> None:
    hosts = {"address": f"unix://{tmp_path}/nobody.sock"}
    layer = {"BACKEND": "channels_redis.core.RedisChannelLayer", "CONFIG": {"hosts": [hosts]}}
    done = probe(tmp_path, program=program, settings=f"CHANNEL_LAYERS = {{'default': {layer!r}}}\n")
    assert done.returncode == 1
    assert "nobody.sock" in done.stderr.splitlines()[-1]
