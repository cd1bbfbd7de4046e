"""One table of numbered entries; the balance, each chat room and the notifications are feeds in it."""

from __future__ import annotations

from django.db import models


class Feed(models.Model):
    """A named sequence; its row is the lock that numbers the entries."""

    name = models.CharField(max_length=80, primary_key=True)
    seq = models.PositiveBigIntegerField(default=0)
    total = models.BigIntegerField(default=0)


class Entry(models.Model):
    """One thing that happened: number 1, 2, 3 ... of its feed, without gaps."""

    feed = models.ForeignKey(Feed, on_delete=models.CASCADE)
    seq = models.PositiveBigIntegerField()
    data = models.JSONField()
    # A sender's own name for its request: sent twice, it is stored once and counted in `posts`.
    key = models.CharField(max_length=100, null=True)
    posts = models.PositiveIntegerField(default=1)
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["feed", "seq"], name="one_entry_per_number"),
            models.UniqueConstraint(fields=["feed", "key"], name="one_entry_per_key"),
        )
