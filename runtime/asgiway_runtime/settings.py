"""Settings that a deployed project needs, laid over the project's own; the project's files stay as they are.

Used as DJANGO_SETTINGS_MODULE; ASGIWAY_SETTINGS names the project's module. `settings_overlay: false` turns it off.
"""

from __future__ import annotations

import os
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from django import VERSION

_POOL = ("psycopg", "psycopg_pool")
_FILES = ("django.core.files.storage.FileSystemStorage", "django.core.files.storage.filesystem.FileSystemStorage")
_DEFAULT_HOST = "redis://localhost:6379"  # channels_redis.utils.decode_hosts
_theirs = import_module(os.environ["ASGIWAY_SETTINGS"])
globals().update({name: getattr(_theirs, name) for name in dir(_theirs) if name.isupper()})


def _get(name: str, default: Any) -> Any:
    return getattr(_theirs, name, default)


def _venvs() -> set[Path]:
    """Where an installed project's settings believe to be: releases may share a venv, and then theirs is a link."""
    venv = Path(os.environ["ASGIWAY_SOURCE_DIR"]).with_name("venv")
    return {venv, venv.resolve()}


def _hosts() -> list[str]:
    """The project's ALLOWED_HOSTS and the site's own names."""
    hosts = list(_get("ALLOWED_HOSTS", []))
    return hosts + [host for host in os.environ.get("ASGIWAY_HOSTS", "").split(",") if host and host not in hosts]


def _databases() -> dict[str, Any]:
    """SQLite files inside the source or venv/ move to the state directory: a release is read-only, data outlives it."""
    databases = {name: dict(database) for name, database in _get("DATABASES", {}).items()}
    if url := os.environ.get("ASGIWAY_DATABASE_URL"):
        databases["default"] = _postgresql(databases.get("default", {}), url)
    source, state = Path(os.environ["ASGIWAY_SOURCE_DIR"]), Path(os.environ["ASGIWAY_STATE_DIR"])
    inside = {source, *_venvs()}
    for database in databases.values():
        path = Path(str(database.get("NAME", "")))
        if database.get("ENGINE", "").endswith("sqlite3") and (not path.is_absolute() or inside & {*path.parents}):
            database["NAME"] = str(state / path.name)
        if os.environ.get("ASGIWAY_INTERFACE") == "asgi":
            database["CONN_MAX_AGE"] = 0  # threads come and go, and each would keep its own connection
    return databases


def _as_theirs(name: str, path: str) -> str | Path:
    """A Path where theirs is one: their own code may join it with /."""
    return Path(path) if isinstance(_get(name, None), Path) else path


def _kept(place: Any, instead: str) -> str:
    """Uploads outlive a release: they leave its directory, where Django's default is, too. Any other place stays."""
    root, release = Path(str(place)), Path(os.environ["ASGIWAY_SOURCE_DIR"]).parent
    inside = not root.is_absolute() or {release, *_venvs()} & {root, *root.parents}
    return instead if inside else str(root)


def _storages() -> dict[str, Any]:
    """Storages that name a directory in the release: the default one's is for nginx to show, others' is not."""
    storages = {alias: dict(storage) for alias, storage in _theirs.STORAGES.items()}
    for alias, storage in storages.items():
        place = storage.get("OPTIONS", {}).get("location")
        # where others have a relative one, it need not be a directory: S3's is the beginning of its keys
        is_directory = storage.get("BACKEND") in _FILES or Path(str(place)).is_absolute()
        if place and is_directory and alias != "staticfiles":
            shown, own = os.environ["ASGIWAY_MEDIA_ROOT"], f"{os.environ['ASGIWAY_STATE_DIR']}/{alias}"
            instead = shown if alias == "default" else own
            storage["OPTIONS"] = {**storage["OPTIONS"], "location": _kept(place, instead)}
    return storages


def _postgresql(theirs: dict[str, Any], url: str) -> dict[str, Any]:
    """What the URL says; of a PostgreSQL of the project's own the engine (it may be PostGIS) and the options stay."""
    parts = urlsplit(url)
    if "postg" not in theirs.get("ENGINE", ""):
        theirs = {"ENGINE": "django.db.backends.postgresql", "CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True}
    query = dict(parse_qsl(parts.query))
    host = query.pop("host", parts.hostname or "")
    options = {**theirs.get("OPTIONS", {}), **query}
    if not host.startswith("/"):
        mode = options.setdefault("sslmode", "verify-full")
        if mode.startswith("verify"):  # beside an authority libpq takes `require` for verify-ca
            options.setdefault("sslrootcert", "/etc/ssl/certs/ca-certificates.crt")
    # Django pools since 5.1, and psycopg 3 alone
    if os.environ.get("ASGIWAY_INTERFACE") == "asgi" and VERSION >= (5, 1) and all(map(find_spec, _POOL)):
        options["pool"] = {"min_size": 1, "max_size": int(os.environ["ASGIWAY_DATABASE_POOL"])}
    return {
        **theirs,
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": host,
        "PORT": str(parts.port or ""),
        "OPTIONS": options,
    }


def _channel_layers() -> dict[str, Any]:
    """Layers in Redis: the app's own in the place of a developer's, and idle consumers that live.

    redis-py 8 has a socket timeout of 5 s, as long as channels_redis waits, and an idle consumer dies of it; and a pool
    of 100 connections, of which 1000 sockets that woke up at once had 500 closed. Before, neither was bounded.
    """
    layers = {name: dict(layer) for name, layer in _get("CHANNEL_LAYERS", {}).items()}
    for layer in layers.values():
        config = dict(layer.get("CONFIG", {}))
        written = config.get("hosts") or [_DEFAULT_HOST]
        # a text instead of a list is left to channels_redis, which says so
        if str(layer.get("BACKEND", "")).startswith("channels_redis.") and not isinstance(written, str):
            hosts = [_in_full(host) for host in written]
            if own := os.environ.get("REDIS_URL"):
                hosts = [{"address": own} if _is_a_developers(host) else host for host in hosts]
            if layer["BACKEND"] == "channels_redis.core.RedisChannelLayer":
                hosts = [{"socket_timeout": None, "max_connections": 2**31, **host} for host in hosts]
            layer["CONFIG"] = {**config, "hosts": hosts}
    return layers


def _in_full(host: Any) -> dict[str, Any]:
    """One of the three ways to write a host of channels_redis, as the one that can say everything."""
    if isinstance(host, str):
        return {"address": host}
    if isinstance(host, (tuple, list)):
        return {"host": host[0], "port": host[1]}
    return dict(host)


def _is_a_developers(host: dict[str, Any]) -> bool:
    """Whether it is a Redis on this machine's TCP port without a password, as tutorials and laptops have it."""
    url = urlsplit(str(host.get("address") or f"redis://{host.get('host')}"))
    local = url.scheme == "redis" and url.hostname in ("localhost", "127.0.0.1", "::1")
    return local and not (url.password or host.get("password"))


def _fallbacks() -> list[str]:
    """The project's SECRET_KEY_FALLBACKS and the environment's."""
    keys = list(_get("SECRET_KEY_FALLBACKS", []))
    return keys + [key for key in os.environ.get("SECRET_KEY_FALLBACKS", "").split(",") if key and key not in keys]


# Checks of `check --deploy` that are answered outside of the project: nginx redirects to https (W008), and HSTS is a
# word of the deploy, 0 until its owner says otherwise, as no browser forgets it (W004), for one site (W005, W021).
_ANSWERED = ["security.W004", "security.W005", "security.W008", "security.W021"]

DEBUG = os.environ.get("ASGIWAY_DEBUG") == "1"
ALLOWED_HOSTS = _hosts()
DATABASES = _databases()
STATIC_ROOT = _as_theirs("STATIC_ROOT", os.environ["ASGIWAY_STATIC_ROOT"])
MEDIA_ROOT = _as_theirs("MEDIA_ROOT", _kept(_get("MEDIA_ROOT", ""), os.environ["ASGIWAY_MEDIA_ROOT"]))
MEDIA_URL = _get("MEDIA_URL", "") or os.environ["ASGIWAY_MEDIA_URL"]
if _get("STORAGES", None):
    STORAGES = _storages()
if _get("FILE_UPLOAD_PERMISSIONS", "") is None:
    FILE_UPLOAD_PERMISSIONS = 0o640  # by None, large ones keep the 0600 of the temporary file that they were
if _get("FILE_UPLOAD_DIRECTORY_PERMISSIONS", None) is None:
    FILE_UPLOAD_DIRECTORY_PERMISSIONS = 0o750  # nginx is of the group, and only reads
USE_X_FORWARDED_PORT = True  # over a Unix socket SERVER_PORT is nonsense, and nginx always overwrites the header
if not _get("SECURE_PROXY_SSL_HEADER", None):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
if os.environ.get("ASGIWAY_HTTPS_PORT"):
    # What they set themselves stays, whatever it is. No CSRF_TRUSTED_ORIGINS: the Host header keeps its port.
    SESSION_COOKIE_SECURE = _get("SESSION_COOKIE_SECURE", True)
    CSRF_COOKIE_SECURE = _get("CSRF_COOKIE_SECURE", True)
    SECURE_HSTS_SECONDS = _get("SECURE_HSTS_SECONDS", int(os.environ.get("ASGIWAY_HSTS_SECONDS", "0")))
    SILENCED_SYSTEM_CHECKS = [*_get("SILENCED_SYSTEM_CHECKS", []), *_ANSWERED]
if _get("CHANNEL_LAYERS", None):
    CHANNEL_LAYERS = _channel_layers()
if _get("SECRET_KEY", "").startswith("django-insecure-") or not _get("SECRET_KEY", ""):
    SECRET_KEY = os.environ["SECRET_KEY"]
else:
    SECRET_KEY = _theirs.SECRET_KEY
if os.environ.get("SECRET_KEY") == SECRET_KEY:
    # what was signed with a key from before a rotation still counts
    SECRET_KEY_FALLBACKS = _fallbacks()
if not _get("LOGGING", None):
    # without DEBUG Django mails errors and prints none: the journal would stay empty
    LOGGING = {
        "version": 1,
        "disable_existing_loggers": False,
        "handlers": {"console": {"class": "logging.StreamHandler"}},
        "loggers": {"django": {"handlers": ["console"], "level": "INFO", "propagate": False}},
    }
