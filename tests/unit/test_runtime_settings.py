"""What a deployed project's settings become, read in a process of its own by the sample site's Django."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tools

Overlay = Callable[..., dict[str, Any]]
LAYER = "channels_redis.core.RedisChannelLayer"


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """The environment of a release's processes, as far as settings read it."""
    return {
        "PATH": "/usr/bin:/bin",
        "PYTHONPATH": f"{tmp_path}:{tools.ROOT / 'runtime'}",
        "PYTHONDONTWRITEBYTECODE": "1",
        "DJANGO_SETTINGS_MODULE": "asgiway_runtime.settings",
        "ASGIWAY_SETTINGS": "theirs",
        "ASGIWAY_MEDIA_ROOT": "/srv/shop/media",
        "ASGIWAY_MEDIA_URL": "/media/",
        "ASGIWAY_SOURCE_DIR": "/srv/shop/releases/r/src",
        "ASGIWAY_STATE_DIR": "/var/lib/shop",
        "ASGIWAY_STATIC_ROOT": "/srv/shop/releases/r/static",
        "ASGIWAY_HOSTS": "shop.example.com,www.shop.example.com",
        "SECRET_KEY": "from-the-host",
    }


@pytest.fixture
def overlay(tmp_path: Path, environment: dict[str, str]) -> Overlay:
    """Return a function: settings module's text and variables to the settings that Django ends up with."""

    def read(theirs: str, **variables: str) -> dict[str, Any]:
        (tmp_path / "theirs.py").write_text(theirs)
        code = (
            "import json; from django.conf import settings as s;"
            "print(json.dumps({name: getattr(s, name) for name in dir(s) if name.isupper()}, default=str))"
        )
        done = subprocess.run(
            [tools.django_python(), "-c", code], env={**environment, **variables}, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        result: dict[str, Any] = json.loads(done.stdout)
        return result

    return read


URL = "postgresql://shop:s%40fe@db.example.com:6432/shop%20db"


def test_a_database_elsewhere_is_reached_over_tls_with_a_pool_under_asgi(overlay: Overlay, tmp_path: Path) -> None:
    for driver in ("psycopg", "psycopg_pool"):
        (tmp_path / f"{driver}.py").touch()
    found = overlay("", ASGIWAY_DATABASE_URL=URL, ASGIWAY_DATABASE_POOL="7", ASGIWAY_INTERFACE="asgi")
    default = found["DATABASES"]["default"]
    assert default["ENGINE"] == "django.db.backends.postgresql"
    assert [default[name] for name in ("NAME", "USER", "PASSWORD", "HOST", "PORT", "CONN_MAX_AGE")] == [
        "shop db", "shop", "s@fe", "db.example.com", "6432", 0,
    ]  # fmt: skip
    assert default["OPTIONS"] == {
        "sslmode": "verify-full",
        "sslrootcert": "/etc/ssl/certs/ca-certificates.crt",
        "pool": {"min_size": 1, "max_size": 7},
    }


@pytest.mark.parametrize(
    "modules",
    [
        {"psycopg_pool": "", "psycopg2": ""},
        {"psycopg": ""},
        {"psycopg_pool": "", "psycopg": "", "django/__init__": "VERSION = (4, 2, 29, 'final', 0)"},
    ],
)
def test_what_django_cannot_pool_gets_no_pool(
    environment: dict[str, str], tmp_path: Path, modules: dict[str, str]
) -> None:
    for name, text in {"theirs": "", **modules}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / f"{name}.py").write_text(text)
    variables = {"ASGIWAY_DATABASE_URL": URL, "ASGIWAY_DATABASE_POOL": "7", "ASGIWAY_INTERFACE": "asgi"}
    code = "from asgiway_runtime.settings import DATABASES as d; print('pool' in d['default']['OPTIONS'])"
    done = subprocess.run(
        [tools.django_python(), "-c", code], env={**environment, **variables}, capture_output=True, text=True
    )
    assert (done.stdout, done.stderr) == ("False\n", "")


@pytest.mark.parametrize(("theirs", "kind"), [("", "str"), ("'/x'", "str"), ("Path('/x')", "PosixPath")])
def test_the_roots_are_of_the_kind_that_their_code_knows(
    environment: dict[str, str], tmp_path: Path, theirs: str, kind: str
) -> None:
    said = theirs and f"STATIC_ROOT = MEDIA_ROOT = {theirs}"
    (tmp_path / "theirs.py").write_text(f"from pathlib import Path\n{said}\n")
    names = "MEDIA_ROOT as m, STATIC_ROOT as s"
    code = f"from asgiway_runtime.settings import {names}; print(type(m).__name__, type(s).__name__, s)"
    done = subprocess.run([tools.django_python(), "-c", code], env=environment, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == (f"{kind} {kind} /srv/shop/releases/r/static\n", "")


def test_under_wsgi_threads_keep_their_connections_and_a_url_may_say_another_sslmode(overlay: Overlay) -> None:
    found = overlay("", ASGIWAY_DATABASE_URL=URL + "?sslmode=require", ASGIWAY_INTERFACE="wsgi")
    default = found["DATABASES"]["default"]
    assert (default["OPTIONS"], default["CONN_MAX_AGE"]) == ({"sslmode": "require"}, 60)


def test_a_database_on_the_same_host_needs_no_password(overlay: Overlay) -> None:
    url = "postgresql:///shop?host=/var/run/postgresql"
    default = overlay("", ASGIWAY_DATABASE_URL=url, ASGIWAY_INTERFACE="wsgi")["DATABASES"]["default"]
    assert [default[name] for name in ("NAME", "USER", "PASSWORD", "HOST")] == ["shop", "", "", "/var/run/postgresql"]
    assert default["OPTIONS"] == {}


def test_the_projects_own_engine_and_options_stay(overlay: Overlay) -> None:
    theirs = "{'ENGINE': 'django.contrib.gis.db.backends.postgis', 'OPTIONS': {'application_name': 'shop'}}"
    found = overlay(f"DATABASES = {{'default': {theirs}}}", ASGIWAY_DATABASE_URL=URL, ASGIWAY_INTERFACE="wsgi")
    default = found["DATABASES"]["default"]
    assert (default["ENGINE"], default["OPTIONS"]["application_name"]) == (
        "django.contrib.gis.db.backends.postgis", "shop",
    )  # fmt: skip


@pytest.mark.parametrize(("interface", "age"), [("asgi", 0), ("wsgi", 600)])
def test_asgi_keeps_no_connection_for_a_thread(overlay: Overlay, interface: str, age: int) -> None:
    theirs = "{'ENGINE': 'django.db.backends.mysql', 'NAME': 'x', 'CONN_MAX_AGE': 600}"
    found = overlay(f"DATABASES = {{'other': {theirs}}}", ASGIWAY_INTERFACE=interface)
    assert found["DATABASES"]["other"]["CONN_MAX_AGE"] == age


def test_their_own_settings_are_all_there(overlay: Overlay) -> None:
    found = overlay("SHOP_NAME = 'Shop'\nSECRET_KEY = 'theirs'\n_private = 1\nTIME_ZONE = 'Europe/Vienna'\n")
    assert (found["SHOP_NAME"], found["TIME_ZONE"], found["SECRET_KEY"]) == ("Shop", "Europe/Vienna", "theirs")


@pytest.mark.parametrize("line", ["", "SECRET_KEY = ''", "SECRET_KEY = 'django-insecure-abc'"])
def test_a_key_that_is_no_secret_is_replaced(overlay: Overlay, line: str) -> None:
    assert overlay(line)["SECRET_KEY"] == "from-the-host"


@pytest.mark.parametrize("line", ["", "import os; SECRET_KEY = os.environ['SECRET_KEY']"])
def test_keys_from_before_a_rotation_still_count(overlay: Overlay, line: str) -> None:
    found = overlay(line + "\nSECRET_KEY_FALLBACKS = ['theirs', 'b']", SECRET_KEY_FALLBACKS="b,a")
    assert found["SECRET_KEY_FALLBACKS"] == ["theirs", "b", "a"]
    assert overlay(line)["SECRET_KEY_FALLBACKS"] == []


def test_the_kits_keys_do_not_join_a_key_of_their_own(overlay: Overlay) -> None:
    found = overlay("SECRET_KEY = 'theirs'\nSECRET_KEY_FALLBACKS = ['x']", SECRET_KEY_FALLBACKS="a")
    assert found["SECRET_KEY_FALLBACKS"] == ["x"]


def test_the_sites_names_join_theirs_once(overlay: Overlay) -> None:
    found = overlay("ALLOWED_HOSTS = ['old.example.com', 'shop.example.com']")
    assert found["ALLOWED_HOSTS"] == ["old.example.com", "shop.example.com", "www.shop.example.com"]
    assert overlay("", ASGIWAY_HOSTS="")["ALLOWED_HOSTS"] == []


def test_debug_is_off_whatever_they_say(overlay: Overlay) -> None:
    assert overlay("DEBUG = True")["DEBUG"] is False
    assert overlay("DEBUG = False", ASGIWAY_DEBUG="1")["DEBUG"] is True


@pytest.mark.parametrize(
    ("name", "where"),
    [
        ("'/srv/shop/releases/r/src/db.sqlite3'", "/var/lib/shop/db.sqlite3"),
        ("'db.sqlite3'", "/var/lib/shop/db.sqlite3"),
        ("__import__('pathlib').Path('/srv/shop/releases/r/src/data/db.sqlite3')", "/var/lib/shop/db.sqlite3"),
        ("'/srv/shop/releases/r/venv/lib/python3.13/site-packages/db.sqlite3'", "/var/lib/shop/db.sqlite3"),
        ("'/data/db.sqlite3'", "/data/db.sqlite3"),
        ("'/srv/shop/releases/r/src-of-another/db.sqlite3'", "/srv/shop/releases/r/src-of-another/db.sqlite3"),
    ],
)
def test_a_sqlite_file_inside_the_source_moves_to_the_state_directory(overlay: Overlay, name: str, where: str) -> None:
    found = overlay(f"DATABASES = {{'default': {{'ENGINE': 'django.db.backends.sqlite3', 'NAME': {name}}}}}")
    assert found["DATABASES"]["default"]["NAME"] == where


def test_what_is_inside_shared_packages_moves_too(overlay: Overlay, tmp_path: Path) -> None:
    """A program's first line names the shared venv itself, so an installed project's settings believe to be there."""
    release, packages = tmp_path / "releases/r", tmp_path / "venvs/535c94a45c6e/lib/python3.13/site-packages"
    (release / "src").mkdir(parents=True)
    packages.mkdir(parents=True)
    (release / "venv").symlink_to("../../venvs/535c94a45c6e")
    theirs = f"""
DATABASES = {{'default': {{'ENGINE': 'django.db.backends.sqlite3', 'NAME': '{packages}/db.sqlite3'}}}}
MEDIA_ROOT = '{packages}/media'
"""
    found = overlay(theirs, ASGIWAY_SOURCE_DIR=f"{release}/src")
    assert found["DATABASES"]["default"]["NAME"] == "/var/lib/shop/db.sqlite3"
    assert found["MEDIA_ROOT"] == "/srv/shop/media"


@pytest.mark.parametrize(
    ("line", "root"),
    [
        ("", "/srv/shop/media"),
        ("MEDIA_ROOT = ''", "/srv/shop/media"),
        ("MEDIA_ROOT = 'uploads'", "/srv/shop/media"),
        ("MEDIA_ROOT = '/srv/shop/releases/r/src/media'", "/srv/shop/media"),
        ("from pathlib import Path; MEDIA_ROOT = Path('/srv/shop/releases/r/media')", "/srv/shop/media"),
        ("MEDIA_ROOT = '/srv/shop/releases/r/venv/lib/python3.13/site-packages/media'", "/srv/shop/media"),
        ("MEDIA_ROOT = '/srv/shop/releases/r2/media'", "/srv/shop/releases/r2/media"),
        ("MEDIA_ROOT = '/mnt/files'", "/mnt/files"),
    ],
)
def test_uploads_never_lie_in_a_release(overlay: Overlay, line: str, root: str) -> None:
    assert overlay(line)["MEDIA_ROOT"] == root


FILES = "django.core.files.storage.FileSystemStorage"


@pytest.mark.parametrize(
    ("backend", "location", "where"),
    [
        (FILES, "/srv/shop/releases/r/src/uploads", "/srv/shop/media"),
        (FILES, "uploads", "/srv/shop/media"),
        ("shop.storage.Watermarked", "/srv/shop/releases/r/src/uploads", "/srv/shop/media"),
        (FILES, "/mnt/files", "/mnt/files"),
        ("storages.backends.s3.S3Storage", "uploads", "uploads"),  # the beginning of its keys
    ],
)
def test_a_storage_with_a_place_of_its_own_keeps_nothing_in_a_release(
    overlay: Overlay, backend: str, location: str, where: str
) -> None:
    storage = {"BACKEND": backend, "OPTIONS": {"location": location, "base_url": "/files/"}}
    other = {"BACKEND": FILES, "OPTIONS": {"location": "/srv/shop/releases/r/src/invoices"}}
    static = {"BACKEND": "shop.storage.Static", "OPTIONS": {"location": "/srv/shop/releases/r/src/dist"}}
    found = overlay(f"STORAGES = {{'default': {storage}, 'invoices': {other}, 'staticfiles': {static}}}")["STORAGES"]
    assert found["default"] == {"BACKEND": backend, "OPTIONS": {"location": where, "base_url": "/files/"}}
    assert found["invoices"]["OPTIONS"]["location"] == "/var/lib/shop/invoices"  # not for nginx
    assert found["staticfiles"] == static


def test_uploads_are_shown_where_nginx_has_them_unless_the_project_says_where(overlay: Overlay) -> None:
    assert overlay("")["MEDIA_URL"] == "/media/"
    assert overlay("MEDIA_URL = 'https://files.example.com/'")["MEDIA_URL"] == "https://files.example.com/"
    assert overlay("", ASGIWAY_MEDIA_URL="")["MEDIA_URL"] == "/"  # Django's own


def test_nginx_can_only_read_uploads(overlay: Overlay) -> None:
    """By None, large ones would be for the app alone: they are temporary files first."""
    assert overlay("")["FILE_UPLOAD_PERMISSIONS"] == 0o644
    assert overlay("FILE_UPLOAD_PERMISSIONS = None")["FILE_UPLOAD_PERMISSIONS"] == 0o640
    assert overlay("FILE_UPLOAD_PERMISSIONS = 0o600")["FILE_UPLOAD_PERMISSIONS"] == 0o600
    assert overlay("")["FILE_UPLOAD_DIRECTORY_PERMISSIONS"] == 0o750
    assert overlay("FILE_UPLOAD_DIRECTORY_PERMISSIONS = 0o755")["FILE_UPLOAD_DIRECTORY_PERMISSIONS"] == 0o755


def test_another_database_is_left_alone(overlay: Overlay) -> None:
    database = {"ENGINE": "django.db.backends.postgresql", "NAME": "shop"}
    assert overlay(f"DATABASES = {{'default': {database}}}")["DATABASES"]["default"]["NAME"] == "shop"


@pytest.mark.parametrize(
    ("host", "patient"),
    [
        ("'redis://localhost/0'", {"address": "redis://localhost/0", "socket_timeout": None, "max_connections": 2**31}),
        ("('localhost', 6379)", {"host": "localhost", "port": 6379, "socket_timeout": None, "max_connections": 2**31}),
        ("['localhost', 6379]", {"host": "localhost", "port": 6379, "socket_timeout": None, "max_connections": 2**31}),
        (
            "{'address': 'unix:///r.sock'}",
            {"address": "unix:///r.sock", "socket_timeout": None, "max_connections": 2**31},
        ),
        (
            "{'address': 'a', 'socket_timeout': 60, 'max_connections': 9}",
            {"address": "a", "socket_timeout": 60, "max_connections": 9},
        ),
    ],
)
def test_idle_consumers_are_not_cut_by_a_socket_timeout(overlay: Overlay, host: str, patient: dict[str, Any]) -> None:
    config = f"{{'hosts': [{host}], 'capacity': 9}}"
    found = overlay(f"CHANNEL_LAYERS = {{'default': {{'BACKEND': '{LAYER}', 'CONFIG': {config}}}}}")
    assert found["CHANNEL_LAYERS"]["default"]["CONFIG"] == {"hosts": [patient], "capacity": 9}


OWN = {"address": "unix:///run/shop/redis.sock"}


@pytest.mark.parametrize(
    ("hosts", "found"),
    [
        ("[('127.0.0.1', 6379)]", OWN),  # the tutorial of Channels
        ("['redis://localhost:6379/1']", OWN),
        ("[{'address': 'redis://[::1]:6379'}]", OWN),
        ("[{'host': 'localhost', 'port': 6379}]", OWN),
        ("[]", OWN),  # what channels_redis takes then
        ("['redis://:secret@localhost:6379']", {"address": "redis://:secret@localhost:6379"}),
        (
            "[{'host': 'localhost', 'port': 6379, 'password': 's'}]",
            {"host": "localhost", "port": 6379, "password": "s"},
        ),
        ("['redis://cache:6379']", {"address": "redis://cache:6379"}),
        ("['rediss://localhost']", {"address": "rediss://localhost"}),
        ("['unix:///run/mine.sock']", {"address": "unix:///run/mine.sock"}),
    ],
)
def test_the_apps_own_redis_takes_the_place_of_a_developers(
    overlay: Overlay, hosts: str, found: dict[str, Any]
) -> None:
    for backend, added in (
        ("core.RedisChannelLayer", {"socket_timeout": None, "max_connections": 2**31}),
        ("pubsub.RedisPubSubChannelLayer", {}),
    ):
        layers = f"{{'default': {{'BACKEND': 'channels_redis.{backend}', 'CONFIG': {{'hosts': {hosts}}}}}}}"
        read = overlay(f"CHANNEL_LAYERS = {layers}", REDIS_URL=OWN["address"])
        assert read["CHANNEL_LAYERS"]["default"]["CONFIG"]["hosts"] == [{**added, **found}]


def test_a_text_for_the_hosts_is_left_to_channels_redis(overlay: Overlay) -> None:
    layers = f"{{'default': {{'BACKEND': '{LAYER}', 'CONFIG': {{'hosts': 'redis://localhost'}}}}}}"
    found = overlay(f"CHANNEL_LAYERS = {layers}", REDIS_URL=OWN["address"])
    assert found["CHANNEL_LAYERS"]["default"]["CONFIG"]["hosts"] == "redis://localhost"


def test_without_a_redis_of_its_own_a_developers_stays(overlay: Overlay) -> None:
    layers = f"{{'default': {{'BACKEND': '{LAYER}', 'CONFIG': {{'hosts': [('127.0.0.1', 6379)]}}}}}}"
    (host,) = overlay(f"CHANNEL_LAYERS = {layers}")["CHANNEL_LAYERS"]["default"]["CONFIG"]["hosts"]
    assert host == {"host": "127.0.0.1", "port": 6379, "socket_timeout": None, "max_connections": 2**31}


def test_another_channel_layer_is_left_alone(overlay: Overlay) -> None:
    layers = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
    assert overlay(f"CHANNEL_LAYERS = {layers}")["CHANNEL_LAYERS"] == layers


def test_their_objects_are_not_changed(overlay: Overlay) -> None:
    theirs = (
        f"L = {{'default': {{'BACKEND': '{LAYER}', 'CONFIG': {{'hosts': ['redis://h']}}}}}}\n"
        "D = {'default': {'ENGINE': 'django.db.backends.sqlite3', 'NAME': 'db.sqlite3'}}\n"
        "CHANNEL_LAYERS = CHANNEL_LAYERS_AS_WRITTEN = L\nDATABASES = DATABASES_AS_WRITTEN = D\n"
    )
    found = overlay(theirs)
    assert found["CHANNEL_LAYERS_AS_WRITTEN"]["default"]["CONFIG"]["hosts"] == ["redis://h"]
    assert found["DATABASES_AS_WRITTEN"]["default"]["NAME"] == "db.sqlite3"
    assert found["DATABASES"]["default"]["NAME"] == "/var/lib/shop/db.sqlite3"


def test_nginx_is_believed_about_scheme_and_port(overlay: Overlay) -> None:
    found = overlay("")
    assert found["SECURE_PROXY_SSL_HEADER"] == ["HTTP_X_FORWARDED_PROTO", "https"]
    assert found["USE_X_FORWARDED_PORT"] is True
    theirs = overlay("SECURE_PROXY_SSL_HEADER = ('HTTP_X_SCHEME', 'https')")
    assert theirs["SECURE_PROXY_SSL_HEADER"] == ["HTTP_X_SCHEME", "https"]


SECURE = ("SESSION_COOKIE_SECURE", "CSRF_COOKIE_SECURE")


def test_plain_http_leaves_cookies_as_they_are(overlay: Overlay) -> None:
    found = overlay("")
    assert [found[name] for name in SECURE] == [False, False]
    assert found["SILENCED_SYSTEM_CHECKS"] == []


def test_over_tls_no_cookie_goes_out_in_the_clear(overlay: Overlay) -> None:
    found = overlay("", ASGIWAY_HTTPS_PORT="443")
    assert [found[name] for name in SECURE] == [True, True]
    # nginx redirects, and whether there is HSTS is for the one who deploys to say
    assert (found["SECURE_SSL_REDIRECT"], found["SECURE_HSTS_SECONDS"]) == (False, 0)


def test_over_tls_what_they_say_themselves_stays(overlay: Overlay) -> None:
    theirs = (
        "SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = False\nSECURE_HSTS_SECONDS = 7\nSILENCED_SYSTEM_CHECKS = ['a.W1']"
    )
    found = overlay(theirs, ASGIWAY_HTTPS_PORT="443", ASGIWAY_HSTS_SECONDS="300")
    assert [found[name] for name in SECURE] == [False, False]
    assert found["SECURE_HSTS_SECONDS"] == 7
    assert found["SILENCED_SYSTEM_CHECKS"][0] == "a.W1"


@pytest.mark.parametrize("seconds", ["300", "0"])
def test_the_deployment_checks_have_nothing_against_the_sample_site_over_tls(
    environment: dict[str, str], tmp_path: Path, seconds: str
) -> None:
    code = (
        "import django; django.setup(); from django.core import checks;"
        "print(sorted(m.id for m in checks.run_checks(include_deployment_checks=True) if not m.is_silenced()))"
    )
    variables = {
        "ASGIWAY_SETTINGS": "config.settings",
        "ASGIWAY_HTTPS_PORT": "443",
        "ASGIWAY_HSTS_SECONDS": seconds,
        "ASGIWAY_STATE_DIR": str(tmp_path),
        "ASGIWAY_STATIC_ROOT": str(tmp_path),
        "SECRET_KEY": "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNO",
        "PYTHONPATH": f"{tools.ROOT / 'sample_app'}:{tools.ROOT / 'runtime'}",
    }
    done = subprocess.run(
        [tools.django_python(), "-c", code], env={**environment, **variables}, capture_output=True, text=True
    )
    assert done.stdout.strip() == "[]", done.stderr


def test_static_files_are_collected_in_the_release(overlay: Overlay) -> None:
    assert overlay("STATIC_ROOT = '/elsewhere'")["STATIC_ROOT"] == "/srv/shop/releases/r/static"


def test_errors_reach_the_output_unless_they_log_themselves(overlay: Overlay) -> None:
    assert overlay("")["LOGGING"]["loggers"]["django"]["handlers"] == ["console"]
    assert overlay("LOGGING = {'version': 1}")["LOGGING"] == {"version": 1}


def test_settings_that_fail_fail_with_their_own_traceback(tmp_path: Path, environment: dict[str, str]) -> None:
    (tmp_path / "theirs.py").write_text("import not_installed_anywhere\n")
    code = "from django.conf import settings; settings.DEBUG"
    done = subprocess.run([tools.django_python(), "-c", code], env=environment, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "ModuleNotFoundError: No module named 'not_installed_anywhere'"
