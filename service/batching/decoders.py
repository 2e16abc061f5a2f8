"""Images to pixels: small ones at once, large ones by threads beside the event loop.

A small image costs tens of microseconds, less than handing it to another thread. That holds for
the model's own thread too: two threads that run Python take the interpreter from each other, and
decoding there, with the batch, made a small model's throughput a third less on two cores.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from service.batching.images import Pixels
from service.errors import Overloaded, ServiceError
from service.machine import cores
from service.manifest import ImageInput
from service.preprocessing.image import EncodedImage
from service.preprocessing.png import MOST_PIXELS

T = TypeVar("T")


class Decoders:
    """A pool of threads that decode images, one a core, with a bound on the waiting images."""

    def __init__(self, max_waiting: int) -> None:
        self._max_waiting = max_waiting
        self._waiting = 0
        self._threads = ThreadPoolExecutor(cores.count(), thread_name_prefix="decode")

    async def rows(
        self, images: Sequence[EncodedImage], spec: ImageInput
    ) -> list[Pixels | Exception]:
        """The pixels of each image; an error stands for one that cannot be decoded.

        Raises:
            Overloaded: too many images wait to be decoded.
        """
        large = sum(image.pixels > MOST_PIXELS for image in images)
        if not large:
            return [_decode(image, spec) for image in images]
        if self._waiting + large > self._max_waiting:
            raise Overloaded(f"{self._waiting} images wait to be decoded: try again in a moment")
        loop = asyncio.get_running_loop()
        self._waiting += large
        try:
            return await asyncio.gather(
                *(loop.run_in_executor(self._threads, _decode, image, spec) for image in images)
            )
        finally:
            self._waiting -= large

    async def run(self, work: Callable[[], T]) -> T:
        """Run `work` on one of the threads."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def close(self) -> None:
        """End the threads once they are idle; the event loop does not wait for them."""
        self._threads.shutdown(wait=False)


def _decode(image: EncodedImage, spec: ImageInput) -> Pixels | Exception:
    try:
        return image.decode(spec)
    except ServiceError as error:
        return error
