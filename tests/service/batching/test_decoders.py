"""Large images: decoded beside the event loop, bounded, each with its own answer or error."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import numpy as np
import pytest

from service.batching.decoders import Decoders
from service.errors import InvalidImage, Overloaded
from service.manifest import ImageInput
from service.preprocessing.image import EncodedImage
from tests.images import DARK, encode, image

IMAGE = ImageInput(height=8, width=8, channels=1)
LARGE = image(245, (400, 300))


def opened(data: bytes) -> EncodedImage:
    return EncodedImage.open(data, max_pixels=1_000_000)


def cut(size: int) -> bytes:
    """A noisy image without its second half."""
    whole = encode(np.random.default_rng(0).integers(0, 256, (size, size), np.uint8))
    return whole[: len(whole) // 2]


def decode(use: Callable[[Decoders], Awaitable[None]], max_waiting: int = 10) -> None:
    async def run() -> None:
        decoders = Decoders(max_waiting)
        try:
            await asyncio.wait_for(use(decoders), 30)
        finally:
            decoders.close()

    asyncio.run(run())


def test_small_images_are_decoded_at_once_and_need_no_room() -> None:
    async def use(decoders: Decoders) -> None:
        row, broken = await decoders.rows([opened(DARK), opened(cut(28))], IMAGE)
        assert isinstance(row, np.ndarray)
        assert (row == 10).all()
        assert isinstance(broken, InvalidImage)

    decode(use, max_waiting=0)


def test_large_images_are_decoded_on_other_threads_in_their_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    threads: list[threading.Thread] = []
    plain = EncodedImage.decode

    def recorded(self: EncodedImage, spec: ImageInput) -> Any:
        threads.append(threading.current_thread())
        return plain(self, spec)

    monkeypatch.setattr(EncodedImage, "decode", recorded)

    async def use(decoders: Decoders) -> None:
        small = opened(DARK)
        shades = [opened(image(shade, (200, 200))) for shade in (10, 100, 200)]
        rows = await decoders.rows([shades[0], small, *shades[1:]], IMAGE)
        for row, shade in zip(rows, (10, 10, 100, 200), strict=True):
            assert isinstance(row, np.ndarray)
            assert row.shape == (8, 8, 1)
            assert (row == shade).all()

    decode(use)
    assert len(threads) == 4
    assert threading.main_thread() not in threads


def test_a_broken_image_is_an_error_in_its_place() -> None:
    async def use(decoders: Decoders) -> None:
        good, broken = await decoders.rows([opened(LARGE), opened(LARGE[:-60])], IMAGE)
        assert isinstance(good, np.ndarray)
        assert isinstance(broken, InvalidImage)

    decode(use)


def test_too_many_are_refused_at_once_and_those_that_left_make_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    let = threading.Event()
    plain = EncodedImage.decode

    def held(self: EncodedImage, spec: ImageInput) -> Any:
        assert self.pixels == 28 * 28 or let.wait(30)
        return plain(self, spec)

    monkeypatch.setattr(EncodedImage, "decode", held)

    async def use(decoders: Decoders) -> None:
        waiting = asyncio.create_task(decoders.rows([opened(LARGE)] * 2, IMAGE))
        await asyncio.sleep(0)
        with pytest.raises(Overloaded, match="2 images wait"):
            await decoders.rows([opened(LARGE)] * 2, IMAGE)
        assert len(await decoders.rows([opened(DARK)], IMAGE)) == 1, "small ones need no room"
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        again = asyncio.create_task(decoders.rows([opened(LARGE)] * 3, IMAGE))
        await asyncio.sleep(0)
        let.set()
        assert len(await again) == 3

    try:
        decode(use, max_waiting=3)
    finally:
        let.set()
