"""Ways in which a project breaks: each is an edit of a copy of the sample app, and what its deploy must say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from deploying import edit

# only the served processes know their engine: `check` and `migrate` run through
SERVED = 'if os.environ.get("ASGIWAY_ENGINE"):'


@dataclass(frozen=True)
class Breakage:
    """One way to break it."""

    name: str  # of the test
    apply: Callable[[Path], None]
    cause: tuple[str, ...]  # literal pieces of the cause, all of them in the deploy's last message
    bound: float  # seconds that the deploy may take
    core: bool = False


def syntax_error(app: Path) -> None:
    """The most common one."""
    with (app / "config/urls.py").open("a") as file:
        file.write("\ndef forgotten(:\n    pass\n")


def bad_import_of_a_consumer(app: Path) -> None:
    """Only asgi.py comes to it: everything that speaks WSGI is fine."""
    (app / "live/presence.py").write_text("from channels.presence import PresenceConsumer\n")
    edit(app / "live/routing.py", "from live import consumers", "from live import consumers, presence  # noqa: F401")


def pinned_engine(app: Path) -> None:
    """The project wants an engine that is older than the kit's."""
    with (app / "requirements.txt").open("a") as file:
        file.write("uvicorn==0.20.0\n")


def dependency_that_does_not_build(app: Path) -> None:
    """A package comes as source, and what it is to be linked with is not on the host."""
    package = app / "frobnicate"
    package.mkdir()
    (package / "pyproject.toml").write_text(
        '[project]\nname = "frobnicate"\nversion = "1"\n\n'
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    )
    (package / "backend.py").write_text(
        "def build_wheel(*_, **__):\n"
        '    raise SystemExit("frobnicate.c:1: fatal error: libfrobnicate.h: No such file or directory")\n'
    )
    with (app / "requirements.txt").open("a") as file:
        file.write("./frobnicate\n")


def unreachable_index(app: Path) -> None:
    """Nobody answers where the packages should come from."""
    edit(app / "requirements.txt", "channels>=", "--index-url http://127.0.0.1:9/simple/\nchannels>=")


def conflicting_migrations(app: Path) -> None:
    """Two branches were merged, and each brought a second migration."""
    for name in ("currencies", "archive"):
        (app / f"live/migrations/0002_{name}.py").write_text(
            "from django.db import migrations\n\n\n"
            "class Migration(migrations.Migration):\n"
            '    dependencies = [("live", "0001_feeds")]\n'
        )


def raising_migration(app: Path) -> None:
    """A data migration meets data that nobody thought of."""
    (app / "live/migrations/0002_currencies.py").write_text(
        "from django.db import migrations\n\n\n"
        "def convert(apps, schema_editor):\n"
        '    raise RuntimeError("entry 4711 has no currency")\n\n\n'
        "class Migration(migrations.Migration):\n"
        '    dependencies = [("live", "0001_feeds")]\n'
        "    operations = [migrations.RunPython(convert, migrations.RunPython.noop)]\n"
    )


def when_served(app: Path, *lines: str) -> None:
    """Do something at the start of every served process."""
    body = "".join(f"    {line}\n" for line in lines)
    for name in ("asgi", "wsgi"):
        with (app / f"config/{name}.py").open("a") as file:
            file.write(f"\nimport sys, time  # noqa: E401\n\n{SERVED}\n{body}")


def hang(app: Path) -> None:
    """Wait for something that never comes."""
    when_served(app, 'print("waiting for the mainframe", file=sys.stderr, flush=True)', "time.sleep(600)")


def crash_loop(app: Path) -> None:
    """End at once, again and again."""
    when_served(app, 'print("no licence for this machine", file=sys.stderr, flush=True)', "os._exit(1)")


def refused_websocket(app: Path) -> None:
    """Pages are fine, and each WebSocket is closed before it is accepted."""
    edit(
        app / "live/consumers.py",
        'groups: ClassVar[list[str]] = ["echo"]\n',
        'groups: ClassVar[list[str]] = ["echo"]\n\n    async def connect(self) -> None:\n        await self.close()\n',
    )


def raising_websocket(app: Path) -> None:
    """Pages are fine, and each WebSocket meets an exception."""
    edit(
        app / "live/consumers.py",
        'groups: ClassVar[list[str]] = ["echo"]\n',
        'groups: ClassVar[list[str]] = ["echo"]\n\n'
        "    async def connect(self) -> None:\n"
        '        raise RuntimeError("no seat left")\n',
    )


def wrong_health(app: Path) -> None:
    """The app itself says that it is not well."""
    edit(
        app / "live/views.py",
        'return JsonResponse({"status": "ok", **process(), "interface": interface_of(request)})',
        'return JsonResponse({"status": "the archive is not mounted"}, status=500)',
    )


def bad_for_visitors_only(app: Path) -> None:
    """The gate gets good answers, and whoever comes through nginx does not."""
    edit(
        app / "live/views.py",
        'return JsonResponse({"status": "ok", **process(), "interface": interface_of(request)})',
        'if not request.headers.get("User-Agent", "").startswith("asgiway-gate"):\n'
        '        return JsonResponse({"status": "bad for visitors"}, status=500)\n'
        '    return JsonResponse({"status": "ok", **process(), "interface": interface_of(request)})',
    )


BEFORE_THE_SWITCH = [
    Breakage("syntax-error", syntax_error, ("def forgotten(:", "SyntaxError"), 240, core=True),
    Breakage(
        "import-in-a-consumer", bad_import_of_a_consumer, ("No module named 'channels.presence'",), 240, core=True
    ),
    Breakage("pinned-engine", pinned_engine, ("No solution found", "uvicorn==0.20.0"), 240),
    Breakage(
        "dependency-that-does-not-build",
        dependency_that_does_not_build,
        ("Install the project's packages", "frobnicate", "libfrobnicate.h: No such file or directory"),
        240,
    ),
    Breakage("unreachable-index", unreachable_index, ("http://127.0.0.1:9/simple/", "Connection refused"), 240),
    Breakage(
        "conflicting-migrations",
        conflicting_migrations,
        ("Conflicting migrations detected", "0002_archive, 0002_currencies in live"),
        240,
    ),
    Breakage("migration", raising_migration, ("RuntimeError: entry 4711 has no currency",), 240, core=True),
    Breakage("hang", hang, ("GET /healthz over /run/", "waiting for the mainframe"), 240),
    Breakage("crash-loop", crash_loop, ("GET /healthz over /run/", "no licence for this machine"), 240, core=True),
    Breakage("refused-WebSocket", refused_websocket, ("WebSocket /ws/echo/ over /run/", "403"), 240, core=True),
    Breakage("raising-WebSocket", raising_websocket, ("WebSocket /ws/echo/ over /run/", "no seat left"), 240),
    Breakage("wrong-health", wrong_health, ("GET /healthz over /run/", "500"), 240),
]
