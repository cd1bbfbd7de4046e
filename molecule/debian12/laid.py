"""Settings beside the sample app's own: app_files lays them there."""

from config.settings import *  # type: ignore[import-not-found]  # noqa: F403  (as such modules do)

LAID = "by app_files"
