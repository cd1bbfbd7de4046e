"""What the project's settings mean under ASGI."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from asgiway_doctor.catalogue import ERROR, NOTE
from asgiway_doctor.code import Facts
from asgiway_doctor.finding import Finding
from asgiway_doctor.source import Place, Project, setting_place
from asgiway_doctor.versions import installed, numbers

LOCAL_CACHES = ("locmem.LocMemCache", "dummy.DummyCache")
SLOW_CACHES = ("Redis", "Memcache", "DatabaseCache", "FileBasedCache")


def facts(settings: Any) -> Facts:
    """Return what the code alone does not say."""
    from django.apps import apps  # type: ignore[import-not-found]

    models: dict[str, set[str]] = {}
    for model in apps.get_models(include_auto_created=True):
        managers = {manager.name for manager in model._meta.managers} | {"_default_manager", "_base_manager"}
        models.setdefault(model.__name__, set()).update(managers)
    cache = settings.CACHES.get("default", {}).get("BACKEND", "")
    return Facts(
        models=models,
        lazy_user=any("AuthenticationMiddleware" in name for name in settings.MIDDLEWARE),
        database_session=settings.SESSION_ENGINE.rpartition(".")[2] in ("db", "cached_db"),
        slow_cache=any(part in cache for part in SLOW_CACHES),
    )


class Settings:
    """Look at the loaded settings, and at where they are written."""

    def __init__(self, settings: Any, module: str, project: Project, overlay: bool) -> None:
        self.settings, self.module, self.project, self.overlay = settings, module, project, overlay

    def place(self, name: str, *keys: str) -> Place:
        """Return the line of a setting, of the first of the keys that is found in it; the settings' file otherwise."""
        for key in keys:
            if found := setting_place(self.project, self.module, name, key):
                return found
        file = self.project.modules.get(self.module)
        return setting_place(self.project, self.module, name) or Place(file.file if file else self.module)

    def findings(self, async_views: list[str]) -> Iterator[Finding]:
        """Yield what the settings tell; `async_views` are those that ATOMIC_REQUESTS would break."""
        for alias, database in self.settings.DATABASES.items():
            yield from self._database(alias, database, async_views)
        yield from self._layers()
        yield from self._caches()
        yield from self._media()

    def _database(self, alias: str, database: dict[str, Any], async_views: list[str]) -> Iterator[Finding]:
        if "dummy" in database.get("ENGINE", "dummy"):
            return
        age = database.get("CONN_MAX_AGE", 0)
        pool = database.get("OPTIONS", {}).get("pool")
        if age != 0 and pool:
            yield Finding("pool-and-age", self.place("DATABASES", "CONN_MAX_AGE"), f"{alias}: CONN_MAX_AGE is {age}")
        elif age != 0:
            severity = "" if self.overlay else ERROR
            what = f"{alias}: CONN_MAX_AGE is {age}"
            yield Finding("conn-max-age", self.place("DATABASES", "CONN_MAX_AGE", "conn_max_age"), what, "", severity)
        if database.get("ATOMIC_REQUESTS") and async_views:
            names = ", ".join(async_views[:4]) + (" ..." if len(async_views) > 4 else "")
            place = self.place("DATABASES", "ATOMIC_REQUESTS")
            yield Finding("atomic-requests", place, f"{alias}: ATOMIC_REQUESTS is on, and async are {names}")

    def _layers(self) -> Iterator[Finding]:
        redis = installed(["redis"]).get("redis", "0")
        for alias, layer in (getattr(self.settings, "CHANNEL_LAYERS", None) or {}).items():
            backend = layer.get("BACKEND", "")
            if backend.endswith("InMemoryChannelLayer"):
                yield Finding("memory-layer", self.place("CHANNEL_LAYERS", backend), f"{alias}: InMemoryChannelLayer")
            hosts = layer.get("CONFIG", {}).get("hosts", [])
            patient = all(isinstance(host, dict) and "socket_timeout" in host for host in hosts)
            if backend == "channels_redis.core.RedisChannelLayer" and numbers(redis) >= (8,) and not patient:
                what = f"{alias}: redis {redis}, and no socket_timeout in hosts"
                yield Finding(
                    "layer-timeout", self.place("CHANNEL_LAYERS", "hosts"), what, "", "" if self.overlay else ERROR
                )

    def _caches(self) -> Iterator[Finding]:
        caches = self.settings.CACHES
        local = {alias for alias, cache in caches.items() if cache.get("BACKEND", "").endswith(LOCAL_CACHES)}
        engine = self.settings.SESSION_ENGINE
        sessions = getattr(self.settings, "SESSION_CACHE_ALIAS", "default")
        used = any("SessionMiddleware" in name for name in self.settings.MIDDLEWARE)
        if used and engine.endswith("sessions.backends.cache") and sessions in local:
            what = (
                f"SESSION_ENGINE is cache, and the cache {sessions} is {caches[sessions]['BACKEND'].rpartition('.')[2]}"
            )
            yield Finding("local-session", self.place("SESSION_ENGINE"), what)
        for alias in sorted(local):
            backend = caches[alias].get("BACKEND", "")
            # Django's own default is not a decision of the project's
            if backend.endswith("LocMemCache") and setting_place(self.project, self.module, "CACHES", backend):
                yield Finding("local-cache", self.place("CACHES", backend), f"{alias}: LocMemCache")

    def _media(self) -> Iterator[Finding]:
        from django.apps import apps
        from django.db.models import FileField  # type: ignore[import-not-found]

        storages = getattr(self.settings, "STORAGES", {}).get("default", {}).get("BACKEND", "")
        root = str(self.settings.MEDIA_ROOT or "")
        fields = [
            f"{model.__name__}.{field.name}"
            for model in apps.get_models()
            for field in model._meta.get_fields()
            if isinstance(field, FileField)
        ]
        inside = root and self.project.root in [Path(root).resolve(), *Path(root).resolve().parents]
        if inside and fields and storages.endswith("FileSystemStorage"):
            what = f"MEDIA_ROOT is {Path(root).name}/ of the project, and {fields[0]} stores files there"
            if self.overlay and (lying := sum(path.is_file() for path in Path(root).rglob("*"))):
                what += f"; a deploy does not take along the {lying} in it"
            yield Finding("media-in-source", self.place("MEDIA_ROOT"), what, "", NOTE if self.overlay else "")
