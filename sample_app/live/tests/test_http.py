"""The HTTP views, under WSGI (Client) and ASGI (AsyncClient)."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from unittest import mock

from asgiref.sync import sync_to_async
from django.db import connection
from django.test import AsyncClient, Client, TestCase, TransactionTestCase

from live import feeds
from live.tests.base import plain_static


@plain_static
class PageTests(TestCase):
    """What a reader sees, and what stops a wrong request."""

    def test_pages_answer(self) -> None:
        for path in ("/", "/balance/", "/notifications/", "/chat/lobby/"):
            with self.subTest(path=path):
                self.assertContains(self.client.get(path), "live/live.js")

    def test_a_page_under_wsgi_says_that_it_polls(self) -> None:
        self.assertContains(self.client.get("/balance/"), "updates come by polling")

    async def test_a_page_under_asgi_says_that_it_uses_a_websocket(self) -> None:
        answer = await self.async_client.get("/balance/")
        self.assertContains(answer, "updates come over a WebSocket")
        self.assertNotContains(answer, "polling")

    def test_an_unknown_address_and_an_impossible_room_are_not_found(self) -> None:
        for path in ("/nothing/", "/chat/a.b/", f"/chat/{'x' * 51}/"):
            self.assertContains(self.client.get(path), "Django found no page", status_code=404)

    def test_a_message_of_a_visitor_is_shown_as_text(self) -> None:
        self.client.post("/chat/tea/send/", {"message": "<script>alert(1)</script>"})
        self.assertContains(self.client.get("/chat/tea/"), "&lt;script&gt;alert(1)")

    def test_a_foreign_host_is_refused(self) -> None:
        self.assertEqual(self.client.get("/healthz", headers={"host": "evil.example"}).status_code, 400)

    async def test_healthz_names_release_program_interface_and_process(self) -> None:
        with mock.patch.dict("os.environ", ASGIWAY_RELEASE="0123456789ab", ASGIWAY_ENGINE="some"):
            wsgi = await sync_to_async(self.client.get)("/healthz")
            asgi = await self.async_client.get("/healthz")
        self.assertEqual(wsgi.json(), asgi.json() | {"interface": "wsgi"})
        self.assertEqual(asgi.json()["interface"], "asgi")
        self.assertEqual(asgi.json()["release"], "0123456789ab")
        self.assertEqual(asgi.json()["server"], "some")

    def test_whoami_believes_the_scheme_of_the_proxy(self) -> None:
        got = self.client.get("/whoami/", headers={"x-forwarded-proto": "https"}).json()
        self.assertEqual((got["scheme"], got["is_secure"]), ("https", True))
        self.assertEqual((got["url"], got["home"]), ("https://testserver:80/whoami/", "/balance/"))

    def test_slow_is_bounded(self) -> None:
        for seconds in ("31", "-1", "nan", "x"):
            self.assertEqual(self.client.get("/slow/", {"seconds": seconds}).status_code, 400)
        self.assertEqual(self.client.get("/slow/", {"seconds": "0"}).json()["slept"], 0)


class DepositTests(TestCase):
    """Writing."""

    def test_a_deposit_without_csrf_token_is_refused(self) -> None:
        browser = Client(enforce_csrf_checks=True)
        with self.assertLogs("django.security.csrf", "WARNING"):
            self.assertEqual(browser.post("/balance/deposit/", {"amount": 5}).status_code, 403)
        self.assertEqual(feeds.newest(feeds.BALANCE), 0)

    @plain_static
    def test_a_deposit_with_the_token_of_the_page_is_stored(self) -> None:
        browser = Client(enforce_csrf_checks=True)
        token = browser.get("/balance/").context["csrf_token"]
        answer = browser.post("/balance/deposit/", {"amount": 5, "csrfmiddlewaretoken": str(token)})
        self.assertEqual((answer.status_code, answer.json()["balance"]), (201, 5))

    def test_a_form_without_javascript_returns_to_its_page(self) -> None:
        answer = self.client.post("/balance/deposit/", {"amount": 5}, headers={"accept": "text/html,*/*"})
        self.assertRedirects(answer, "/balance/", fetch_redirect_response=False)

    def test_a_repeated_key_is_stored_once_and_counted(self) -> None:
        answers = [self.client.post("/balance/deposit/", {"amount": 5, "key": "k"}) for _ in range(2)]
        self.assertEqual([a.status_code for a in answers], [201, 200])
        self.assertEqual([a.json()["new"] for a in answers], [True, False])
        self.assertEqual([a.json()["seq"] for a in answers], [1, 1])
        self.assertEqual(self.client.get("/balance/entries/?key=k").json(), {"key": "k", "rows": 1, "posts": 2})
        self.assertEqual(self.client.get("/balance/entries/?key=z").json(), {"key": "z", "rows": 0, "posts": 0})

    def test_wrong_values_are_refused(self) -> None:
        for data in ({}, {"amount": 0}, {"amount": "5.5"}, {"amount": 1_000_001}, {"amount": 1, "key": "x" * 101}):
            with self.subTest(data=data):
                self.assertEqual(self.client.post("/balance/deposit/", data).status_code, 400)


class ReadingAlongTests(TransactionTestCase):
    """Long-polling and server-sent events."""

    def test_a_poll_without_number_answers_at_once_with_the_present_balance(self) -> None:
        self.assertEqual(self.client.get("/poll/balance/").json()["entries"][0]["balance"], 0)

    def test_a_poll_waits_for_a_deposit(self) -> None:
        def later() -> None:
            feeds.append(feeds.BALANCE, {}, amount=5)
            connection.close()

        timer = threading.Timer(0.3, later)
        timer.start()
        began = time.monotonic()
        got = self.client.get("/poll/balance/?since=0").json()
        timer.join()
        self.assertGreater(time.monotonic() - began, 0.2)
        self.assertEqual([entry["seq"] for entry in got["entries"]], [1])

    def test_a_poll_is_bounded(self) -> None:
        with mock.patch.dict("live.views.POLL_WAIT", wsgi=0.1):
            self.assertEqual(self.client.get("/poll/balance/?since=0").json(), {"seq": 0, "entries": []})

    def test_events_under_wsgi_are_501_and_name_the_polling_address(self) -> None:
        self.assertContains(self.client.get("/events/balance/"), "long-polling: /poll/balance/", status_code=501)

    async def read_events(self, count: int, path: str, **headers: str) -> list[dict]:
        """Return the first entries of a stream, waiting at most 5 s."""
        answer = await AsyncClient().get(path, headers=headers)
        self.assertEqual(answer["Content-Type"], "text/event-stream")
        self.assertEqual(answer["X-Accel-Buffering"], "no")
        got: list[dict] = []
        async with asyncio.timeout(5):
            async for part in answer:
                got += [json.loads(line[6:]) for line in part.decode().splitlines() if line.startswith("data: ")]
                if len(got) >= count:
                    return got
        return got

    async def test_events_begin_at_once_and_follow_deposits(self) -> None:
        reading = asyncio.create_task(self.read_events(2, "/events/balance/"))
        await asyncio.sleep(0.2)
        await sync_to_async(feeds.append)(feeds.BALANCE, {}, amount=5)
        self.assertEqual([entry["balance"] for entry in await reading], [0, 5])

    async def test_events_go_on_after_the_last_number(self) -> None:
        for _ in range(3):
            await sync_to_async(feeds.append)(feeds.BALANCE, {}, amount=1)
        by_query = await self.read_events(1, "/events/balance/?since=2")
        by_header = await self.read_events(2, "/events/balance/?since=0", **{"last-event-id": "1"})
        self.assertEqual([entry["seq"] for entry in by_query], [3])
        self.assertEqual([entry["seq"] for entry in by_header], [2, 3])

    async def test_an_idle_stream_beats_and_ends(self) -> None:
        with mock.patch.multiple("live.views", HEARTBEAT=0.0, STREAM_LIFE=0.6):
            answer = await AsyncClient().get("/events/balance/?since=0")
            parts = [part.decode() async for part in answer]
        self.assertIn(": heartbeat\n\n", parts)
