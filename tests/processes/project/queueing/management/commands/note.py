"""What a schedule runs, and what somebody types."""

from __future__ import annotations

import sys

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from queueing.record import record


class Command(BaseCommand):
    """manage.py note WORDS..."""

    help = "Record the words"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("words", nargs="*")

    def handle(self, *args: object, words: list[str], **options: object) -> None:
        record("note", words=words, tty=sys.stdin.isatty(), debug=settings.DEBUG)
        self.stdout.write("noted")
