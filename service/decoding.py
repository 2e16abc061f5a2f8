"""Large pictures are decoded by threads of their own, so that the event loop keeps answering."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from service.classification import Pixels
from service.errors import Overloaded, ServiceError
from service.images import Picture
from service.manifest import ImageInput

_SMALL_PIXELS: Final = 128 * 128
"""Pictures up to this are decoded with their batch: handing them to a thread costs more."""


class Decoders:
    """A pool of one thread a core, and a bound on the pictures that wait for it."""

    def __init__(self, max_waiting: int) -> None:
        self._max_waiting = max_waiting
        self._waiting = 0
        self._threads = ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="decode")

    async def rows(
        self, pictures: Sequence[Picture], image: ImageInput
    ) -> Sequence[Picture | Pixels | Exception]:
        """The pictures with the large ones decoded; an error stands for one that cannot be.

        Raises:
            Overloaded: too many pictures wait to be decoded.
        """
        large = sum(picture.pixels > _SMALL_PIXELS for picture in pictures)
        if not large:
            return pictures
        if self._waiting + large > self._max_waiting:
            raise Overloaded(f"{self._waiting} pictures wait to be decoded: try again in a moment")
        self._waiting += large
        try:
            return await asyncio.gather(*(self._row(picture, image) for picture in pictures))
        finally:
            self._waiting -= large

    async def _row(self, picture: Picture, image: ImageInput) -> Picture | Pixels | Exception:
        if picture.pixels <= _SMALL_PIXELS:
            return picture
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._threads, picture.decode, image)
        except ServiceError as error:
            return error

    def close(self) -> None:
        """End the threads once they are idle; the event loop does not wait for them."""
        self._threads.shutdown(wait=False)
