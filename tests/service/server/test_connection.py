"""An answer leaves in one piece, and long ones whole."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest
import uvicorn
from uvicorn.server import ServerState

from service.server.connection import Connection
from tests.server import Server


class Wire(asyncio.Transport):
    """Notes each piece that it is given to send."""

    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[bytes] = []
        self.closed = False

    def write(self, data: Any) -> None:
        self.pieces.append(bytes(data))

    def writelines(self, list_of_data: Any) -> None:
        self.pieces.append(b"".join(list_of_data))

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    def pause_reading(self) -> None:
        """It has been told all there is."""

    def resume_reading(self) -> None:
        """The same."""

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return ("127.0.0.1", 1) if name in {"peername", "sockname"} else default


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Answers with as many bytes as the path says, in pieces of 10,000."""
    length = int(scope["path"][1:])
    headers = [(b"content-length", b"%d" % length)]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    while length > 0:
        body = b"x" * min(10_000, length)
        length -= len(body)
        await send({"type": "http.response.body", "body": body, "more_body": length > 0})


def answered(*requests: bytes, others: int = 1, lost: bool = False) -> Wire:
    """What goes out on a connection on which these come in, beside so many of others; `lost` after
    the first turn of the event loop.
    """

    async def run() -> Wire:
        config = uvicorn.Config(app, http=Connection, lifespan="off", log_config=None)
        config.load()
        wire, state = Wire(), ServerState()
        state.tasks |= {asyncio.create_task(asyncio.sleep(5)) for _ in range(others)}
        connection = Connection(config, state, app_state={})
        connection.connection_made(cast(asyncio.Transport, wire))
        for request in requests:
            connection.data_received(request)
        await asyncio.sleep(0)
        wire.closed = lost
        for _ in range(50):
            await asyncio.sleep(0)
        connection.connection_lost(None)
        return wire  # whose loop ends here, and cancels the others

    return asyncio.run(run())


def get(length: int, more: bytes = b"") -> bytes:
    return b"GET /%d HTTP/1.1\r\nhost: x\r\n%b\r\n" % (length, more)


@pytest.mark.parametrize("others", [0, 1])
def test_head_and_body_leave_together(others: int) -> None:
    [piece] = answered(get(100), others=others).pieces
    assert piece.startswith(b"HTTP/1.1 200 OK\r\n")
    assert piece.endswith(b"\r\n\r\n" + b"x" * 100)


def test_a_long_answer_is_not_held_back() -> None:
    pieces = answered(get(200_000)).pieces
    assert len(pieces) > 2
    assert max(map(len, pieces)) < 80_000
    assert b"".join(pieces).endswith(b"\r\n\r\n" + b"x" * 200_000)


def test_an_answer_is_sent_before_its_connection_is_closed() -> None:
    wire = answered(get(100, b"connection: close\r\n"))
    assert wire.closed
    assert b"".join(wire.pieces).endswith(b"x" * 100)


def test_nothing_is_sent_to_who_has_left() -> None:
    assert answered(get(100), lost=True).pieces == []


def test_answers_keep_the_order_of_the_requests() -> None:
    assert len(answered(get(1) + get(2) + get(3)).pieces) == 3
    sent = b"".join(answered(get(1) + get(2) + get(3)).pieces)
    assert [part.split(b"\r\n\r\n")[1] for part in sent.split(b"HTTP/1.1 ")[1:]] == [
        b"x",
        b"xx",
        b"xxx",
    ]


@pytest.mark.parametrize("path", ["/openapi.json", "/health/live", "/metrics"])
def test_the_service_speaks_through_it(server: Server, path: str) -> None:
    for _ in range(3):
        answer = server.client.get(path)
        assert answer.status_code == 200
        assert len(answer.content) == int(answer.headers["content-length"])
    assert server.client.head(path).content == b""
