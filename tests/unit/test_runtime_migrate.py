"""Migrations against a running release, run as the deploy runs them: in a process with the sample site's Django.

The verdicts are held against the truth: after each migration the models of before do what a running release does.
"""

from __future__ import annotations

import json
import re
import sqlite3
import subprocess
import time
from pathlib import Path

import pytest
import tools
from migration_cases import BASE, BREAKS, HARMLESS, LATER, MAY_BREAK, SAID

SETTINGS = """
import os
from pathlib import Path

SECRET_KEY = "theirs"
USE_TZ = True
INSTALLED_APPS = [path.parent.parent.name for path in sorted(Path(__file__).parent.glob("*/migrations/0001_base.py"))]
MIDDLEWARE = []
DATABASES = {
    name: {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": Path(__file__).parent / f"{name}.sqlite3",
        "OPTIONS": {"timeout": 30, "transaction_mode": "IMMEDIATE", "init_command": "PRAGMA synchronous=OFF"},
    }
    for name in ("default", "other")
}
"""

# What a running release does with its models: prints for each app which error it met.
RELEASE = """
import json
import django
from django.db import connection, DatabaseError, transaction
from django.db.migrations.loader import MigrationLoader
from django.apps import apps as installed

django.setup()
loader, met = MigrationLoader(connection), {}
for app in installed.get_app_configs():
    models = loader.project_state([(app.label, "0001_base")]).apps
    Customer, Tag, Event, Order = (models.get_model(app.label, name) for name in ("Customer", "Tag", "Event", "Order"))
    try:
        with transaction.atomic():
            for number in range(2):
                order = Order.objects.create(customer=Customer.objects.create(name="x"), note=f"n{number}", code="c")
                order.tags.add(Tag.objects.create())
                Event.objects.create(place="here", year=2000)
                order.amount = number
                order.save()
            assert [list(order.tags.all()) != [] for order in Order.objects.all()] == [True, True]
            list(Event.objects.all())
            Customer.objects.all().delete()
            transaction.set_rollback(True)
        met[app.label] = ""
    except DatabaseError as error:
        met[app.label] = str(error)
print(json.dumps(met))
"""


# An app that writes down for which database post_migrate was sent.
SIGNALS = """
from pathlib import Path
from django.db.models.signals import post_migrate


def note(sender, using, **_):
    with (Path(__file__).parent.parent / "sent").open("a") as sent:
        sent.write(f"{using}\\n")


post_migrate.connect(note)
"""


class Project:
    """A Django project in a directory, with an app for each case."""

    def __init__(self, place: Path, *cases: str) -> None:
        self.place = place
        self.cases = cases
        (place / "theirs.py").write_text(SETTINGS)
        for case in cases:
            (place / case / "migrations").mkdir(parents=True)
            (place / case / "__init__.py").touch()
            (place / case / "migrations/__init__.py").touch()
            (place / case / "migrations/0001_base.py").write_text(BASE.replace("LABEL", case))

    def go_on(self) -> None:
        """Write what the next release brings."""
        for case in self.cases:
            text = LATER.replace("OPERATIONS", SAID[case][0]).replace("LABEL", case)
            (self.place / case / "migrations/0002_later.py").write_text(text)

    def python(self, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        environment = {
            **more,
            "PATH": "/usr/bin:/bin",
            "PYTHONPATH": f"{self.place}:{tools.ROOT / 'runtime'}",
            "PYTHONDONTWRITEBYTECODE": "1",
            "DJANGO_SETTINGS_MODULE": "theirs",
        }
        argv = [str(tools.django_python()), *arguments]
        return subprocess.run(argv, cwd=self.place, env=environment, capture_output=True, text=True, timeout=200)

    def migrate(self, *arguments: str, code: int = 0, **more: str) -> subprocess.CompletedProcess[str]:
        done = self.python("-m", "asgiway_runtime.migrate", *arguments, **more)
        assert done.returncode == code, done.stdout + done.stderr
        return done

    def applied(self, database: str = "default") -> list[str]:
        with sqlite3.connect(self.place / f"{database}.sqlite3") as connection:
            return [app for (app,) in connection.execute("SELECT app FROM django_migrations WHERE name = '0002_later'")]


def running(place: Path, *cases: str) -> Project:
    """Return a project whose first release is live, and whose next one waits."""
    project = Project(place, *cases)
    project.migrate("5")
    project.go_on()
    return project


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return running(tmp_path_factory.mktemp("cases"), *SAID)


@pytest.fixture(scope="module")
def said(everything: Project) -> dict[str, list[str]]:
    """What the check says about each case, before anything is migrated."""
    done = everything.migrate("5", "--running", code=1)
    assert everything.applied() == []
    lines = [line for line in (done.stdout + done.stderr).splitlines() if "the running release: " in line]
    return {case: [line for line in lines if f": {case}.0002_later: " in line] for case in SAID}


@pytest.fixture(scope="module")
def met(said: dict[str, list[str]], everything: Project) -> dict[str, str]:
    """What a running release meets after all of it was migrated."""
    assert set(json.loads(everything.python("-c", RELEASE).stdout).values()) == {""}, "it works before"
    everything.migrate("5", "--running", "--breaking", "allow")
    found: dict[str, str] = json.loads(everything.python("-c", RELEASE).stdout)
    return found


@pytest.mark.parametrize("case", SAID)
def test_each_operation_is_judged(said: dict[str, list[str]], case: str) -> None:
    verdict = "may break" if case in MAY_BREAK else "breaks"
    expected = [f"{verdict} the running release: {case}.0002_later: {rest}" for rest in SAID[case][1]]
    expected = [line.replace("LABEL", case) for line in expected]
    assert len(said[case]) == len(expected), said[case]
    for line, beginning in zip(said[case], expected, strict=True):
        assert line.startswith(beginning)


@pytest.mark.parametrize("case", BREAKS)
def test_what_is_said_to_break_a_release_breaks_it(met: dict[str, str], case: str) -> None:
    assert met[case]


@pytest.mark.parametrize("case", HARMLESS)
def test_what_nothing_is_said_about_breaks_no_release(met: dict[str, str], case: str) -> None:
    assert met[case] == ""


def test_a_default_that_an_insert_asks_the_database_for_must_stay(tmp_path: Path) -> None:
    project = running(tmp_path, "default_of_sqlite_lost")
    judge = """
import django
from django.db import connection
from asgiway_runtime.breaking import findings
django.setup()
connection.features.supports_default_keyword_in_insert = True  # as PostgreSQL's
print(*findings(connection))
"""
    assert ": AlterField order.total: it leaves default_of" in project.python("-c", judge).stdout


def test_a_refusal_names_each_operation_and_the_way_on_and_migrates_nothing(tmp_path: Path) -> None:
    project = running(tmp_path, "two_of_them", "python")
    done = project.migrate("5", "--running", code=1)
    assert done.stderr.splitlines()[0].startswith(
        "breaks the running release: two_of_them.0002_later: RemoveField order.note: it uses the column "
        "two_of_them_order.note; first deploy code that no longer uses it"
    )
    assert "DeleteModel event" in done.stderr.splitlines()[1]
    assert "Nothing was migrated" in done.stderr and "breaking_migrations=allow" in done.stderr
    assert "may break the running release: python.0002_later: RunPython fill" in done.stdout
    assert project.applied() == []


def test_what_is_allowed_is_announced_and_migrated(tmp_path: Path) -> None:
    project = running(tmp_path, "field_removed")
    done = project.migrate("5", "--running", "--breaking", "allow")
    assert done.stdout.startswith("breaks the running release: field_removed.0002_later: RemoveField order.note")
    assert "Applying field_removed.0002_later" in done.stdout
    assert project.applied() == ["field_removed"]


def test_what_may_break_is_announced_and_migrated(tmp_path: Path) -> None:
    project = running(tmp_path, "python")
    assert project.migrate("5", "--running").stdout.startswith("may break the running release: python.0002_later")
    assert project.applied() == ["python"]


def test_the_role_shows_what_is_announced(tmp_path: Path) -> None:
    tasks = (tools.ROOT / "roles/release/tasks/migrate.yml").read_text()
    (pattern,) = re.findall(r"select\('match', '(.*?)'\)", tasks)
    lines = (
        running(tmp_path, "field_removed", "python").migrate("5", "--running", "--breaking=allow").stdout.splitlines()
    )
    assert len([line for line in lines if re.match(pattern, line)]) == 2


def test_with_nothing_new_nothing_is_said(tmp_path: Path) -> None:
    project = Project(tmp_path, "field_removed")
    project.migrate("5")
    assert "No migrations to apply" in project.migrate("5", "--running").stdout


def check(project: Project, *arguments: str) -> str:
    """Return what the check says of migrations."""
    done = project.python("-m", "asgiway_runtime.check", "--migrate", "5", *arguments, ASGIWAY_RELEASE="0123456789ab")
    assert done.returncode == 0, done.stdout + done.stderr
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("migrations: ")]
    return line


def test_the_check_migrates_where_nothing_is_due_and_nowhere_else(tmp_path: Path) -> None:
    """Signals go out all the same: at them a project brings its groups and permissions up to date."""
    project = Project(tmp_path, "field_removed")
    (tmp_path / "field_removed/__init__.py").write_text(SIGNALS)
    (tmp_path / "field_removed/models.py").touch()  # an app without has no signals
    both = ("--database", "default", "--database", "other")
    left = "migrations: left to asgiway_runtime.migrate"
    assert check(project) == left
    project.migrate("5")
    (tmp_path / "sent").unlink()
    assert check(project) == "migrations: nothing is due for 0123456789ab"
    assert (tmp_path / "sent").read_text() == "default\n"
    assert check(project, *both) == left, "the other one has nothing yet"
    assert (tmp_path / "sent").read_text() == "default\n"
    project.go_on()
    assert check(project) == left
    assert project.applied() == []


def test_a_database_in_trouble_is_left_to_the_migration(tmp_path: Path) -> None:
    project = Project(tmp_path, "field_removed")
    project.migrate("5")
    (tmp_path / "default.sqlite3").write_text("no database at all, in more than one line\n" * 100)
    assert check(project) == "migrations: left to asgiway_runtime.migrate"


def test_where_nothing_runs_nothing_is_refused(tmp_path: Path) -> None:
    project = running(tmp_path, "field_removed")
    assert "the running release" not in project.migrate("5").stdout
    assert project.applied() == ["field_removed"]


def test_each_named_database_is_checked_before_one_is_migrated(tmp_path: Path) -> None:
    project = Project(tmp_path, "field_removed")
    project.migrate("5", "--database", "default", "--database", "other")
    project.go_on()
    project.migrate("5")  # default has it; other is still what the running release knows
    both = ("--database", "default", "--database", "other")
    assert "RemoveField" in project.migrate("5", "--running", *both, code=1).stderr
    assert project.applied("other") == []
    project.migrate("5", "--running", "--breaking", "allow", *both)
    assert project.applied("other") == ["field_removed"]


def test_a_router_decides_what_a_database_holds(tmp_path: Path) -> None:
    project = Project(tmp_path, "field_removed")
    router = "class Router:\n    def allow_migrate(self, db, app_label, **_):\n        return db == 'default'\n"
    (tmp_path / "routing.py").write_text(router)
    (tmp_path / "theirs.py").write_text(SETTINGS + "DATABASE_ROUTERS = ['routing.Router']\n")
    project.migrate("5", "--database", "default", "--database", "other")
    project.go_on()
    assert "RemoveField" not in project.migrate("5", "--running", "--database", "other").stdout
    assert "RemoveField" in project.migrate("5", "--running", code=1).stderr


def test_a_database_that_the_project_lacks_is_named(tmp_path: Path) -> None:
    error = Project(tmp_path, "field_removed").migrate("5", "--database", "others", code=1).stderr
    assert "'others'" in error and "['default', 'other']" in error
    assert "Traceback" not in error


@pytest.mark.parametrize("options", [(), ("--running",)], ids=["first", "running"])
def test_a_lock_of_sqlite_is_waited_for_no_longer_than_the_bound(tmp_path: Path, options: tuple[str, ...]) -> None:
    project = running(tmp_path, "index")
    writer = sqlite3.connect(tmp_path / "default.sqlite3", isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    start = time.monotonic()
    done = project.migrate("1", *options, code=1)
    took = time.monotonic() - start
    writer.execute("ROLLBACK")
    writer.close()
    assert 1 <= took < 15, "the project's own bound is 30 s"
    assert "held a lock of the database for more than 1 s (database is locked)" in done.stderr
    assert "Traceback" not in done.stderr
    assert project.applied() == []
    project.migrate("1", *options)


def test_another_error_of_the_database_keeps_its_traceback(tmp_path: Path) -> None:
    project = running(tmp_path, "sql")
    later = tmp_path / "sql/migrations/0002_later.py"
    later.write_text(later.read_text().replace("SELECT 1", "SELECT missing"))
    assert "no such column: missing" in project.migrate("5", "--running", code=1).stderr.splitlines()[-1]


@pytest.mark.parametrize("given", ["", "-c search_path=shop"])
def test_postgresql_is_told_by_its_environment(tmp_path: Path, given: str) -> None:
    project = Project(tmp_path)
    before = f"import os\nos.environ['PGOPTIONS'] = {given!r}\nfrom asgiway_runtime.migrate import main\n"
    after = "main(['7'])\nprint(os.environ['PGOPTIONS'])"
    (tmp_path / "theirs.py").write_text("DATABASES = {}\n")
    done = project.python("-c", before + after)
    assert done.stdout.splitlines() == ["no database is configured", f"{given} -c lock_timeout=7s".strip()]


def test_options_of_a_postgresql_database_which_libpq_prefers_get_the_bound_too(tmp_path: Path) -> None:
    from asgiway_runtime.migrate import bound_waits

    database = {"ENGINE": "django.db.backends.postgresql", "OPTIONS": {"options": "-c search_path=shop"}}
    bound_waits(database, 7)
    assert database["OPTIONS"] == {"options": "-c search_path=shop -c lock_timeout=7s"}


POSTGRESQL = {"ENGINE": "django.db.backends.postgresql", "NAME": "shop", "HOST": "db.example.com"}


@pytest.mark.parametrize(
    ("database", "own"),
    [
        ({"ENGINE": "django.db.backends.sqlite3", "NAME": "/var/lib/compare-1/db.sqlite3"}, True),
        ({"ENGINE": "django.db.backends.sqlite3", "NAME": Path("/srv/compare-1/live/src/db.sqlite3")}, True),
        ({"ENGINE": "django.db.backends.sqlite3", "NAME": "file::memory:?cache=shared"}, True),
        ({"ENGINE": "django.db.backends.sqlite3", "NAME": "/var/lib/shop/db.sqlite3"}, False),
        ({"ENGINE": "django.db.backends.sqlite3", "NAME": "/var/lib/compare-1/../shop/db.sqlite3"}, False),
        ({"ENGINE": "django.db.backends.mysql", "NAME": "compare", "HOST": "db.example.com"}, False),
        ({**POSTGRESQL, "NAME": "compare"}, True),
        (POSTGRESQL, False),
        ({**POSTGRESQL, "NAME": "compare", "HOST": "live.example.com"}, False),
        ({**POSTGRESQL, "NAME": "compare", "PORT": 5433}, False),
    ],
)
def test_which_database_is_the_apps_alone(database: dict[str, object], own: bool) -> None:
    from asgiway_runtime.migrate import foreign

    given = {
        "ASGIWAY_STATE_DIR": "/var/lib/compare-1",
        "ASGIWAY_SOURCE_DIR": "/srv/compare-1/live/src",
        "ASGIWAY_DATABASE_URL": "postgresql://shop:hunter2@db.example.com/compare",
    }
    found = foreign({"default": database}, given)
    assert found == ([] if own else [found[0]])
    assert own or str(database["NAME"]) in found[0]
    assert foreign({"default": {**POSTGRESQL, "NAME": "compare"}}, {}) != []


def test_a_database_of_the_kits_on_the_host_is_the_apps_alone() -> None:
    from asgiway_runtime.migrate import foreign

    url = "postgresql:///compare-1?host=/var/run/postgresql"
    assert (
        foreign(
            {"default": {**POSTGRESQL, "NAME": "compare-1", "HOST": "/var/run/postgresql"}},
            {"ASGIWAY_DATABASE_URL": url},
        )
        == []
    )


def test_a_foreign_database_is_refused_before_anything_is_run(tmp_path: Path) -> None:
    project = Project(tmp_path, "field_removed")
    elsewhere = {"ASGIWAY_STATE_DIR": str(tmp_path / "state")}
    error = project.migrate("5", "--own", "--before", "touch ran", code=1, **elsewhere).stderr
    assert (
        f"'default' is {tmp_path}/default.sqlite3; 'other' is {tmp_path}/other.sqlite3. Nothing was migrated." in error
    )
    assert "compare_database_url" in error
    assert "Traceback" not in error
    assert not (tmp_path / "ran").exists()
    assert not (tmp_path / "default.sqlite3").exists()
    project.migrate("5", "--own", ASGIWAY_STATE_DIR=str(tmp_path))
    assert (tmp_path / "default.sqlite3").exists()
