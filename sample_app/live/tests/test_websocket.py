"""WebSockets through the whole ASGI application, with the channel layer in memory."""

from __future__ import annotations

import os

from asgiref.sync import sync_to_async
from channels.layers import get_channel_layer
from channels.testing import WebsocketCommunicator
from django.test import Client, TransactionTestCase

from live import feeds
from live.tests.base import ORIGIN, plain_static, websocket


class WebSocketTests(TransactionTestCase):
    """Each test opens its own connections and closes them."""

    async def open(self, path: str, *headers: tuple[bytes, bytes]) -> WebsocketCommunicator:
        """Return a connected client that close_all() closes."""
        client = websocket(path, *headers)
        connected, _ = await client.connect()
        self.assertTrue(connected)
        self.clients.append(client)
        return client

    def setUp(self) -> None:
        """Begin with nothing to close."""
        self.clients: list[WebsocketCommunicator] = []

    async def close_all(self) -> None:
        """Close what open() opened, in the test's own loop, which a cleanup function would not see."""
        for client in self.clients:
            await client.disconnect()

    async def test_echo_answers_text_with_text_and_binary_with_binary(self) -> None:
        client = await self.open("/ws/echo/")
        await client.send_to(text_data="hello")
        self.assertEqual(await client.receive_from(), "hello")
        await client.send_to(bytes_data=b"\x00\xff")
        self.assertEqual(await client.receive_from(), b"\x00\xff")
        await self.close_all()

    async def test_a_page_of_this_site_may_connect(self) -> None:
        await self.open("/ws/echo/", ORIGIN)
        await self.close_all()

    async def test_a_page_of_another_site_may_not_connect(self) -> None:
        for origin in (b"http://evil.example", b"http://localhost.evil.example", b"null"):
            with self.subTest(origin=origin):
                connected, _ = await websocket("/ws/echo/", (b"origin", origin)).connect()
                self.assertFalse(connected)

    async def test_two_clients_in_a_room_see_each_other_and_another_room_does_not(self) -> None:
        anna, bert, else_where = [await self.open(f"/ws/chat/{room}/") for room in ("tea", "tea", "coffee")]
        await anna.send_json_to({"message": "hello"})
        for client in (anna, bert):
            got = await client.receive_json_from()
            self.assertEqual(got["message"], "hello")
            self.assertEqual((got["received_by"], got["delivered_by"]), (os.getpid(), os.getpid()))
        self.assertTrue(await else_where.receive_nothing())
        await self.close_all()

    async def test_the_chat_knows_the_visitor_of_the_session(self) -> None:
        browser = Client()
        with plain_static:
            await sync_to_async(browser.get)("/chat/tea/")
        cookie = browser.cookies["sessionid"].value
        name = (await sync_to_async(lambda: dict(browser.session))())["visitor"]
        client = await self.open("/ws/chat/tea/", ORIGIN, (b"cookie", f"sessionid={cookie}".encode()))
        await client.send_json_to({"message": "me"})
        self.assertEqual((await client.receive_json_from())["name"], name)
        await self.close_all()

    async def test_wrong_messages_end_the_connection_with_a_code_of_ours(self) -> None:
        for text in ("{", "[]", '{"message": ""}', '{"message": 5}', '{"message": "%s"}' % ("x" * 2001)):
            with self.subTest(text=text[:20]):
                client = await self.open("/ws/chat/tea/")
                await client.send_to(text_data=text)
                self.assertEqual(await client.receive_output(), {"type": "websocket.close", "code": 4400})

    async def test_a_ping_of_the_page_is_answered(self) -> None:
        client = await self.open("/ws/notifications/")
        await client.send_json_to({"ping": 7})
        self.assertEqual(await client.receive_json_from(), {"pong": 7})
        await self.close_all()

    async def test_a_ping_heals_what_a_restarted_redis_has_forgotten(self) -> None:
        client = await self.open("/ws/notifications/")
        self.assertTrue(await client.receive_nothing())  # it has read what there is, and waits
        get_channel_layer().groups.clear()
        await sync_to_async(feeds.append)(feeds.NOTIFICATIONS, {"message": "unheard"})
        self.assertTrue(await client.receive_nothing())
        await client.send_json_to({"ping": 1})
        self.assertEqual(await client.receive_json_from(), {"pong": 1})
        self.assertEqual((await client.receive_json_from())["message"], "unheard")
        await sync_to_async(feeds.append)(feeds.NOTIFICATIONS, {"message": "heard"})
        self.assertEqual((await client.receive_json_from())["message"], "heard")
        await self.close_all()

    async def test_a_notification_reaches_an_open_page(self) -> None:
        client = await self.open("/ws/notifications/")
        await sync_to_async(Client().post)("/notifications/send/", {"message": "tea is ready"})
        self.assertEqual(await client.receive_json_from(), {"seq": 1, "message": "tea is ready"})
        await self.close_all()

    async def test_the_balance_begins_with_its_present_state_and_follows_deposits(self) -> None:
        client = await self.open("/ws/balance/")
        self.assertEqual((await client.receive_json_from())["seq"], 0)
        for amount in (5, 7):
            await sync_to_async(feeds.append)(feeds.BALANCE, {}, amount=amount)
        got = [await client.receive_json_from() for _ in range(2)]
        self.assertEqual([(g["seq"], g["balance"]) for g in got], [(1, 5), (2, 12)])
        self.assertTrue(await client.receive_nothing())
        await self.close_all()

    async def test_a_client_that_comes_back_gets_what_it_missed_and_nothing_twice(self) -> None:
        for _ in range(4):
            await sync_to_async(feeds.append)(feeds.BALANCE, {}, amount=1)
        client = await self.open("/ws/balance/?since=2")
        self.assertEqual([(await client.receive_json_from())["seq"] for _ in range(2)], [3, 4])
        self.assertTrue(await client.receive_nothing())
        await self.close_all()

    async def test_a_wrong_since_is_refused(self) -> None:
        for since in ("-1", "x", "%C2%B2"):
            with self.subTest(since=since):
                connected, _ = await websocket(f"/ws/balance/?since={since}").connect()
                self.assertFalse(connected)
