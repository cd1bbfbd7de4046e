"""The environment is read strictly, and static files get hashed names."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles.storage import staticfiles_storage
from django.core.management import call_command
from django.test import SimpleTestCase, override_settings


def start(**environment: str) -> subprocess.CompletedProcess[str]:
    """Import the settings in a fresh process; print what the tests look at."""
    code = "from config import settings as s; print(s.CHANNEL_LAYERS, s.ALLOWED_HOSTS, s.DEBUG)"
    keep = {key: os.environ[key] for key in ("PATH", "HOME") if key in os.environ}
    return subprocess.run(  # noqa: S603 - our own interpreter and code
        [sys.executable, "-c", code],
        cwd=settings.BASE_DIR,
        env=keep | {"SECRET_KEY": "x" * 50, "PYTHONDONTWRITEBYTECODE": "1"} | environment,
        capture_output=True,
        text=True,
        timeout=60,
    )


class SettingsTests(SimpleTestCase):
    """Every wrong value stops the start with a sentence."""

    def test_wrong_values_stop_the_start(self) -> None:
        for name, value, sentence in (
            ("DJANGO_DEBUG", "yes", "DJANGO_DEBUG must be 1 or 0"),
            ("SECRET_KEY", "", "Set SECRET_KEY"),
            ("ASGIWAY_HOSTS", "http://a.example", "ASGIWAY_HOSTS must be host names"),
            ("ASGIWAY_HOSTS", "a.example,,b.example", "ASGIWAY_HOSTS must be host names"),
            ("REDIS_URL", "localhost:6379", "REDIS_URL must begin with"),
            ("ASGIWAY_STATE_DIR", "state", "ASGIWAY_STATE_DIR must be an absolute path"),
            ("ASGIWAY_STATIC_ROOT", "static", "ASGIWAY_STATIC_ROOT must be an absolute path"),
        ):
            with self.subTest(name=name, value=value):
                done = start(**{name: value})
                self.assertNotEqual(done.returncode, 0)
                self.assertIn(f"ImproperlyConfigured: {sentence}", done.stderr)

    def test_a_wrong_redis_url_does_not_show_its_password(self) -> None:
        self.assertNotIn("hunter2", start(REDIS_URL="tcp://u:hunter2@localhost").stderr)

    def test_without_redis_the_layer_is_in_memory_and_debug_is_off(self) -> None:
        done = start()
        self.assertIn("InMemoryChannelLayer", done.stdout)
        self.assertIn("False", done.stdout)

    def test_redis_reads_have_no_time_limit(self) -> None:
        self.assertIn("'socket_timeout': None", start(REDIS_URL="unix:///run/x.sock?db=0").stdout)


class StaticTests(SimpleTestCase):
    """Names change with the content."""

    def test_collected_files_have_hashed_names(self) -> None:
        with tempfile.TemporaryDirectory() as root, override_settings(STATIC_ROOT=root):
            # Storage objects are made once; a fresh one reads the manifest of this root.
            call_command("collectstatic", interactive=False, verbosity=0)
            storage = type(staticfiles_storage._wrapped)(location=root)
            name = storage.url("live/live.js")
            self.assertRegex(name, r"^/static/live/live\.[0-9a-f]{12}\.js$")
            self.assertTrue((Path(root) / re.sub("^/static/", "", name)).is_file())
