"""Messages over a socket: every kind of tensor arrives as it was sent, errors too."""

from __future__ import annotations

import pickle
import socket
import threading
from collections.abc import Iterator
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from numpy.typing import NDArray

from service import errors
from service.loading.isolation.channel import Channel, Reply, Run

ARRAYS: dict[str, NDArray[Any]] = {
    "scalar": np.array(1.5, np.float32),
    "empty": np.zeros((0, 3), np.int64),
    "flags": np.array([True, False]),
    "halves": np.arange(6, dtype=np.float16).reshape(2, 3),
    "brains": np.arange(6).astype(ml_dtypes.bfloat16).reshape(3, 2),
    "every other": np.arange(200_000, dtype=np.int32)[::2],
    "columns first": np.asfortranarray(np.arange(12.0).reshape(3, 4)),
    "strings": np.array([b"a\x00", "grün".encode(), b""], object),
    "large": np.arange(3 * 224 * 224, dtype=np.uint8).reshape(1, 224, 224, 3),
    "larger": np.arange(1_000_003, dtype=np.uint64),
}


@pytest.fixture
def ends() -> Iterator[tuple[Channel, Channel]]:
    """Both ends of a connection."""
    one, other = map(Channel, socket.socketpair())
    yield one, other
    one.close()
    other.close()


def _through(ends: tuple[Channel, Channel], *messages: Run | Reply) -> list[Run | Reply]:
    def send() -> None:
        for message in messages:
            ends[0].send(message)

    sender = threading.Thread(target=send)
    sender.start()
    received = [ends[1].receive() for _ in messages]
    sender.join()
    return received


@pytest.mark.parametrize("name", ARRAYS)
def test_an_array_arrives_as_it_was_sent(ends: tuple[Channel, Channel], name: str) -> None:
    [message] = _through(ends, Run("f", {"x": ARRAYS[name]}))
    assert isinstance(message, Run)
    arrived = message.inputs["x"]
    assert (arrived.dtype, arrived.shape) == (ARRAYS[name].dtype, ARRAYS[name].shape)
    np.testing.assert_array_equal(arrived, ARRAYS[name])
    assert arrived.flags.writeable


def test_messages_that_come_together_are_told_apart(ends: tuple[Channel, Channel]) -> None:
    sent = [Run(name, {"x": array, "y": ARRAYS["flags"]}) for name, array in ARRAYS.items()]
    for before, after in zip(sent, _through(ends, *sent), strict=True):
        assert isinstance(after, Run)
        assert after.signature == before.signature
        for name in ("x", "y"):
            np.testing.assert_array_equal(after.inputs[name], before.inputs[name])


def test_an_answer_is_given_and_an_error_raised(ends: tuple[Channel, Channel]) -> None:
    for reply in (
        Reply("answer", 7, []),
        Reply("error", errors.InvalidInput("too small", param="x"), []),
    ):
        ends[0].send(reply)
    assert ends[1].ask(Run("f", {})) == 7
    with pytest.raises(errors.InvalidInput, match=r"^too small$") as caught:
        ends[1].ask(Run("f", {}))
    assert caught.value.param == "x"


def test_every_error_survives_the_way() -> None:
    kinds = [errors.ServiceError]
    for kind in kinds:
        kinds += kind.__subclasses__()
        again = pickle.loads(pickle.dumps(kind("why", param="x")))  # noqa: S301
        assert (type(again), again.message, again.param) == (kind, "why", "x")


@pytest.mark.parametrize("begun", [b"", b"\x01", b"\x01" + bytes(7) + b"\xff\xff\xff" + bytes(9)])
def test_an_end_that_is_gone_is_said(begun: bytes) -> None:
    one, other = socket.socketpair()
    channel = Channel(one)
    other.sendall(begun)
    other.close()
    with pytest.raises(ConnectionError):
        channel.receive()
    with pytest.raises(ConnectionError):
        channel.send(Run("f", {"x": ARRAYS["larger"]}))
    channel.close()
