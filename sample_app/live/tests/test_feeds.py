"""Numbers without gaps, keys stored once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from unittest import mock

from django.db import connection
from django.test import TransactionTestCase

from live import feeds


def deposit(key: str = "") -> bool:
    """Deposit 1 in a thread of its own, with a connection of its own."""
    try:
        return feeds.append(feeds.BALANCE, {}, amount=1, key=key)[1]
    finally:
        connection.close()


class FeedTests(TransactionTestCase):
    """With real transactions, because the numbering depends on them."""

    def test_concurrent_deposits_are_numbered_without_gaps(self) -> None:
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda _: deposit(), range(40)))
        got = feeds.after(feeds.BALANCE, 0)
        self.assertEqual([entry["seq"] for entry in got], list(range(1, 41)))
        self.assertEqual([entry["balance"] for entry in got], list(range(1, 41)))

    def test_a_key_sent_at_the_same_time_is_stored_once_and_each_sending_is_counted(self) -> None:
        with ThreadPoolExecutor(8) as pool:
            new = list(pool.map(lambda _: deposit("same"), range(16)))
        self.assertEqual(new.count(True), 1)
        (entry,) = feeds.Entry.objects.filter(feed_id=feeds.BALANCE)
        self.assertEqual((entry.seq, entry.posts), (1, 16))

    def test_a_deposit_is_stored_although_the_channel_layer_is_away(self) -> None:
        away = mock.patch("live.feeds.get_channel_layer", side_effect=OSError("away"))
        with away, self.assertLogs("django.db.backends.base", "ERROR"):
            self.assertTrue(deposit())
        self.assertEqual(feeds.newest(feeds.BALANCE), 1)

    def test_a_long_absence_is_caught_up_in_batches(self) -> None:
        for _ in range(5):
            deposit()
        with mock.patch("live.feeds.BATCH", 2):
            self.assertEqual([e["seq"] for e in feeds.after(feeds.BALANCE, 0)], [1, 2])
            self.assertEqual([e["seq"] for e in feeds.after(feeds.BALANCE, 2)], [3, 4])
