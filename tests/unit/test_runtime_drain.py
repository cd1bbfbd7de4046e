"""A release's WebSockets and event streams are sent away evenly, whatever the application is doing."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from asgiway_runtime import drain
from asgiway_runtime.drain import Drain, Message, Receive, Send

CODE = 1012
SECONDS = 1.2


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drain, "POLL_SECONDS", 0.01)


class Client:
    """The engine's side of one connection: what the client gets, and when."""

    def __init__(self, application: Drain, kind: str = "websocket", broken: bool = False) -> None:
        self.inbox: asyncio.Queue[Message] = asyncio.Queue()
        self.got: list[Message] = []
        self.left_at = 0.0
        self.closed = asyncio.Event()
        self.broken = broken
        self.task = asyncio.create_task(application({"type": kind}, self.inbox.get, self._send))

    async def _send(self, message: Message) -> None:
        if self.broken and message["type"] == "websocket.close":
            raise OSError("the client is gone")
        self.got.append(message)
        if message["type"] == "websocket.close":
            self.left_at = asyncio.get_running_loop().time()
            self.closed.set()
            # as every engine does once the close frame is out
            await self.inbox.put({"type": "websocket.disconnect", "code": message.get("code", 1000)})
        if message["type"] == "http.response.body" and not message.get("more_body"):
            self.closed.set()
            await self.inbox.put({"type": "http.disconnect"})

    def types(self) -> list[str]:
        return [message["type"].removeprefix("websocket.") for message in self.got]


async def echo(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """Accept, echo, and say one thing more after the client left, as a consumer's group message may."""
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] != "websocket.disconnect":
        await send({"type": "websocket.send", "text": message["text"]})
    await send({"type": "websocket.send", "text": "too late"})


async def never_accepts(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    while (await receive())["type"] != "websocket.disconnect":
        pass


@pytest.fixture
def order(tmp_path: Path) -> Path:
    return tmp_path / "drain"


def play(scenario: Callable[[], Awaitable[None]]) -> None:
    """Run a scenario, and end every task that is left."""

    async def bounded() -> None:
        async with asyncio.timeout(20):
            await scenario()

    asyncio.run(bounded())


async def accepted(clients: list[Client]) -> None:
    while not all(client.got for client in clients):
        await asyncio.sleep(0)


def test_without_an_order_messages_pass_both_ways(order: Path) -> None:
    async def scenario() -> None:
        client = Client(Drain(echo, order, CODE))
        await client.inbox.put({"type": "websocket.receive", "text": "hello"})
        await client.inbox.put({"type": "websocket.disconnect", "code": 1001})
        await client.task
        assert client.types() == ["accept", "send", "send"]
        assert client.got[1]["text"] == "hello"

    play(scenario)


def test_everybody_gets_the_code_and_a_reason_spread_over_the_time(order: Path) -> None:
    async def scenario() -> None:
        application = Drain(echo, order, CODE)
        clients = [Client(application) for _ in range(6)]
        await accepted(clients)
        start = asyncio.get_running_loop().time()
        order.write_text(str(SECONDS))
        await asyncio.gather(*(client.task for client in clients))
        closes = [client.got[1] for client in clients]
        assert closes == [{"type": "websocket.close", "code": CODE, "reason": "service restart"}] * 6
        times = sorted(client.left_at for client in clients)
        # nobody before their turn, the first soon, the last about when the time is over
        assert all(time - start >= SECONDS * number / 6 for number, time in enumerate(times)), times
        assert times[0] - start < SECONDS / 2
        assert times[5] - start < SECONDS * 2

    play(scenario)


def test_what_the_application_says_after_the_close_goes_nowhere(order: Path) -> None:
    async def scenario() -> None:
        client = Client(Drain(echo, order, CODE))
        await accepted([client])
        order.write_text("0")
        await client.task
        assert client.types() == ["accept", "close"]

    play(scenario)


def test_who_comes_during_the_drain_is_sent_on_too(order: Path) -> None:
    async def scenario() -> None:
        application = Drain(echo, order, CODE)
        first = Client(application)
        await accepted([first])
        order.write_text("0")
        await first.task
        late = Client(application)
        await late.task
        assert late.types() == ["accept", "close"]
        assert late.got[1]["code"] == CODE

    play(scenario)


def test_a_socket_that_was_not_accepted_yet_is_not_closed_twice_over(order: Path) -> None:
    async def scenario() -> None:
        application = Drain(never_accepts, order, CODE)
        waiting, other = Client(application), Client(Drain(echo, order, CODE))
        await accepted([other])
        order.write_text("0")
        await other.task
        await asyncio.sleep(0.05)  # several looks at the order; nothing is to happen
        assert waiting.got == []
        await waiting.inbox.put({"type": "websocket.disconnect", "code": 1006})
        await waiting.task

    play(scenario)


def test_a_client_that_is_gone_does_not_keep_the_others(order: Path) -> None:
    async def scenario() -> None:
        application = Drain(echo, order, CODE)
        clients = [Client(application, broken=number == 0) for number in range(3)]
        await accepted(clients)
        order.write_text("0.1")
        await asyncio.gather(*(client.closed.wait() for client in clients[1:]))
        clients[0].task.cancel()

    play(scenario)


def test_an_application_that_closes_by_itself_is_left_alone(order: Path) -> None:
    async def leaves(scope: dict[str, Any], receive: Receive, send: Send) -> None:
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.close", "code": 4000})
        await receive()

    async def scenario() -> None:
        application = Drain(leaves, order, CODE)
        client = Client(application)
        await client.closed.wait()
        order.write_text("0")
        await client.task
        assert [message.get("code") for message in client.got] == [None, 4000]

    play(scenario)


def test_requests_and_lifespan_are_untouched(order: Path) -> None:
    async def answers(scope: dict[str, Any], receive: Receive, send: Send) -> None:
        await send({"type": f"{scope['type']}.answer"})

    async def scenario() -> None:
        order.write_text("0")
        for kind in ("http", "lifespan"):
            client = Client(Drain(answers, order, CODE), kind)
            await client.task
            assert client.got == [{"type": f"{kind}.answer"}]

    play(scenario)


def test_an_application_that_fails_still_fails(order: Path) -> None:
    async def fails(scope: dict[str, Any], receive: Receive, send: Send) -> None:
        raise LookupError("theirs")

    async def scenario() -> None:
        with pytest.raises(LookupError, match="theirs"):
            await Client(Drain(fails, order, CODE)).task

    play(scenario)


def test_half_an_order_is_no_order(order: Path) -> None:
    async def scenario() -> None:
        client = Client(Drain(echo, order, CODE))
        await accepted([client])
        order.write_text("soon")
        await asyncio.sleep(0.05)  # several looks at the order; nothing is to happen
        assert client.types() == ["accept"]
        order.write_text("0")
        await client.task

    play(scenario)


def test_an_engine_that_cannot_send_while_it_receives_is_asked_in_turn(order: Path) -> None:
    """granian: a send waits until no receive is pending."""

    async def scenario() -> None:
        inbox: asyncio.Queue[Message] = asyncio.Queue()
        got: list[Message] = []
        pending = asyncio.Lock()

        async def receive() -> Message:
            async with pending:
                return await inbox.get()

        async def send(message: Message) -> None:
            async with pending:
                got.append(message)

        told: list[Message] = []

        async def listens(scope: dict[str, Any], receive: Receive, send: Send) -> None:
            await send({"type": "websocket.accept"})
            told.append(await receive())

        task = asyncio.create_task(Drain(listens, order, CODE)({"type": "websocket"}, receive, send))
        order.write_text("0")
        await task
        assert [message["type"] for message in got] == ["websocket.accept", "websocket.close"]
        assert told == [{"type": "websocket.disconnect", "code": CODE, "reason": "service restart"}]

    play(scenario)


def test_a_busy_application_hears_of_it_when_it_listens_again(order: Path) -> None:
    async def scenario() -> None:
        free = asyncio.Event()
        told: list[Message] = []

        async def busy(scope: dict[str, Any], receive: Receive, send: Send) -> None:
            await send({"type": "websocket.accept"})
            await free.wait()
            told.append(await receive())

        client = Client(Drain(busy, order, CODE))
        await accepted([client])
        order.write_text("0")
        await client.closed.wait()
        free.set()
        await client.task
        assert [message["code"] for message in told] == [CODE]

    play(scenario)


def test_a_cancellation_of_the_engines_own_stays_one(order: Path) -> None:
    async def scenario() -> None:
        client = Client(Drain(echo, order, CODE))
        await accepted([client])
        client.task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await client.task
        assert client.types() == ["accept"]

    play(scenario)


def streaming(content_type: bytes, parts: int = 0) -> drain.Application:
    """Return an application that streams `parts` parts, or goes on until its client is gone."""

    async def application(scope: dict[str, Any], receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"Content-Type", content_type)]})
        number = 0
        while not parts or number < parts:
            number += 1
            await send({"type": "http.response.body", "body": b"part", "more_body": True})
            await asyncio.sleep(0.01)
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    return application


def test_event_streams_end_whole_in_the_last_third(order: Path) -> None:
    async def scenario() -> None:
        application = Drain(streaming(b"text/event-stream; charset=utf-8"), order, CODE)
        clients = [Client(application, "http") for _ in range(4)]
        await accepted(clients)
        start = asyncio.get_running_loop().time()
        order.write_text("0.1 0.9")
        await asyncio.gather(*(client.task for client in clients))
        assert asyncio.get_running_loop().time() - start >= 0.6
        for client in clients:
            assert client.got[-1] == {"type": "http.response.body", "body": b"", "more_body": False}
            assert [part for part in client.got[1:-1] if not part["more_body"]] == []

    play(scenario)


def test_a_stream_that_ends_by_itself_is_left_alone(order: Path) -> None:
    async def scenario() -> None:
        client = Client(Drain(streaming(b"text/event-stream", 5), order, CODE), "http")
        order.write_text("0.1 30")
        await client.task
        assert len(client.got) == 1 + 5 + 1

    play(scenario)


def test_a_download_is_never_ended_early(order: Path) -> None:
    async def scenario() -> None:
        client = Client(Drain(streaming(b"application/zip", 60), order, CODE), "http")
        order.write_text("0.1 0.2")
        await client.task
        assert len(client.got) == 1 + 60 + 1

    play(scenario)


def test_without_a_limit_streams_are_left_alone(order: Path) -> None:
    async def scenario() -> None:
        client = Client(Drain(streaming(b"text/event-stream", 60), order, CODE), "http")
        order.write_text("0.1")
        await client.task
        assert len(client.got) == 1 + 60 + 1

    play(scenario)


def test_each_process_tells_how_many_it_had_and_has(order: Path) -> None:
    async def scenario() -> None:
        application = Drain(echo, order, CODE)
        gone = Client(application)
        await gone.inbox.put({"type": "websocket.disconnect", "code": 1001})
        await gone.task  # left before the order: not counted
        clients = [Client(application) for _ in range(3)]
        await accepted(clients)
        order.write_text("0.2 0.3")
        answer = order.with_name(f"drain.{os.getpid()}")

        def told() -> dict[str, int]:
            return json.loads(answer.read_text()) if answer.exists() else {}

        while told() != {"websockets": 3, "streams": 0, "websockets_left": 3, "streams_left": 0}:
            await asyncio.sleep(0.001)
        await asyncio.gather(*(client.task for client in clients))
        while told() != {"websockets": 3, "streams": 0, "websockets_left": 0, "streams_left": 0}:
            await asyncio.sleep(0.001)

    play(scenario)
