"""The check of a release, run as the deploy runs it: a process of its own, with the sample site's Django."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import tools

APP = """
from django.apps import AppConfig
from django.core.checks import Error, register


class Config(AppConfig):
    name = "shop"

    def ready(self):
        register(lambda **_: [Error("this cannot work")], deploy={deploy})
"""


def check(project: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the check of a project whose settings are theirs.py."""
    environment = {
        "PATH": "/usr/bin:/bin",
        "PYTHONPATH": f"{project}:{tools.ROOT / 'runtime'}",
        "PYTHONDONTWRITEBYTECODE": "1",
        "DJANGO_SETTINGS_MODULE": "theirs",
        **variables,
    }
    argv: list[str | Path] = [tools.django_python(), "-m", "asgiway_runtime.check"]
    return subprocess.run(argv, env=environment, capture_output=True, text=True)


@pytest.mark.parametrize(("deploy", "code"), [(True, 0), (False, 1)], ids=["advice", "error"])
def test_what_only_the_deploy_checks_find_is_advice(tmp_path: Path, deploy: bool, code: int) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop/__init__.py").touch()
    (tmp_path / "shop/apps.py").write_text(APP.replace("{deploy}", str(deploy)))
    (tmp_path / "theirs.py").write_text(
        "SECRET_KEY = 'theirs'\nINSTALLED_APPS = ['shop.apps.Config']\nMIDDLEWARE = []\n"
    )
    done = check(tmp_path)
    assert done.returncode == code, done.stderr
    assert "this cannot work" in (done.stderr if code else done.stdout)


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("SECRET_KEY_FALLBACKS = os.environ['SECRET_KEY_FALLBACKS'].split(',')", 0),
        ("SECRET_KEY_FALLBACKS = []", 1),
        ("SECRET_KEY = 'theirs'", 0),
    ],
    ids=["read", "left", "own"],
)
def test_settings_that_would_log_everybody_out_are_refused(tmp_path: Path, line: str, code: int) -> None:
    (tmp_path / "theirs.py").write_text(f"import os\nSECRET_KEY = os.environ['SECRET_KEY']\n{line}\n")
    done = check(tmp_path, SECRET_KEY="new", SECRET_KEY_FALLBACKS="old,older")
    assert done.returncode == code, done.stderr
    assert ("everybody would be logged out" in done.stderr) == bool(code)
    assert "older" not in done.stdout + done.stderr


VIEWS = (
    "from django.http import HttpResponse\nfrom django.urls import include, path, re_path\n"
    "from django.views.static import serve\n\ndef view(request, **_):\n    return HttpResponse()\n\n"
)
STORED = "STORAGES = {{'default': {{'BACKEND': 'django.core.files.storage.FileSystemStorage', 'OPTIONS': {{{}}}}}}}\n"


@pytest.mark.parametrize(
    ("settings", "urls", "variables", "said"),
    [
        ("", "path('', view)", {}, "uploads: /srv/shop/media is shown below /media/"),
        ("MEDIA_URL = '/files/'", "path('', view)", {}, "Try: -e app_media_url=/files/"),
        ("MEDIA_URL = 'https://files.example.com/'", "path('', view)", {}, "Try: -e app_media_url= (empty)"),
        ("MEDIA_URL = '/files/'", "path('', view)", {"ASGIWAY_MEDIA_URL": ""}, "uploads: nginx shows none"),
        ("MEDIA_ROOT = '/mnt'", "path('media/<path:name>', view)", {}, "uploads: nginx shows none"),
        ("STORAGES = {'default': {'BACKEND': 'django.core.files.storage.InMemoryStorage'}}\nMEDIA_URL = '/f/'",
         "path('', view)", {}, "uploads: nginx shows none"),
        (STORED.format("'location': '/srv/shop/media', 'base_url': '/files/'"), "path('', view)", {},
         "Try: -e app_media_url=/files/"),
        (STORED.format("'location': '/mnt'"), "path('media/<path:name>', view)", {}, "uploads: nginx shows none"),
        (STORED.format("'location': '/srv/shop/media'") + "MEDIA_ROOT = '/mnt'", "path('media/<path:name>', view)", {},
         "the project answers media/<path:name> with a view of its own"),
        ("FILE_UPLOAD_PERMISSIONS = 0o600", "path('', view)", {}, "FILE_UPLOAD_PERMISSIONS is 0o600, and nginx"),
        ("FILE_UPLOAD_PERMISSIONS = None", "path('', view)", {}, "is None, and nginx"),
        ("FILE_UPLOAD_DIRECTORY_PERMISSIONS = 0o700", "path('', view)", {}, "Try: 0o750 there"),
        ("FILE_UPLOAD_PERMISSIONS = 0o600", "path('', view)", {"ASGIWAY_MEDIA_URL": ""}, "uploads: nginx shows none"),
        ("", "path('media/<path:name>', view)", {}, "the project answers media/<path:name> with a view of its own"),
        ("", "path('media/', include([re_path(r'^private/(.*)$', view)]))", {}, "answers media/private/(.*)$ with"),
        ("", r"re_path(r'^media\/(.*)$', view)", {}, "the project answers media/(.*)$ with"),
        ("", "re_path(r'^media/(?P<path>.*)$', serve, {'document_root': '/x'})", {}, "is shown below /media/"),
        ("", "re_path(r'^(?P<path>.*)$', view)", {}, "is shown below /media/"),
    ],
)  # fmt: skip
def test_uploads_that_nobody_could_see_or_everybody_would_are_refused(
    tmp_path: Path, settings: str, urls: str, variables: dict[str, str], said: str
) -> None:
    (tmp_path / "theirs.py").write_text(
        "SECRET_KEY = 'theirs'\nMEDIA_ROOT = '/srv/shop/media'\nMEDIA_URL = '/media/'\nROOT_URLCONF = 'urls'\n"
        + settings
    )
    (tmp_path / "urls.py").write_text(f"{VIEWS}urlpatterns = [{urls}]\n")
    done = check(tmp_path, **{"ASGIWAY_MEDIA_ROOT": "/srv/shop/media", "ASGIWAY_MEDIA_URL": "/media/", **variables})
    assert said in (done.stderr if done.returncode else done.stdout), done.stderr
    assert done.returncode == (0 if said.startswith("uploads") or "is shown" in said else 1)
