"""Packs the vectors of a shard: eight bits a number, beside the sixteen that are exact.

A search reads half as much of them, and looks the best few up exactly. The engine holds its
interpreter while it packs, so that is done in a process of its own, with a copy of the shard.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import Final

from service.machine import processes
from service.search.stores.shards import Shard

logger = logging.getLogger(__name__)

_FEW: Final = 20_000
"""Items that are not worth packing: a search reads them in a millisecond or two."""
_PART: Final = 0.25
"""Of all items; when more have changed they are packed again."""
_POLITE: Final = 10
"""How much others go before, as `nice` says it."""


def is_due(changed: int, count: int) -> bool:
    """Whether a shard of `count` items is to be packed, `changed` of which are not."""
    return changed > max(_FEW, _PART * count)


class Packer:
    """A process that packs the shard in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process = subprocess.Popen(  # noqa: S603 — this program itself
            [sys.executable, "-P", "-m", "service.search.stores.packing", str(folder.absolute())],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": processes.search_path()},
        )

    def wait(self) -> bool:
        """Whether it is packed, when the process has ended."""
        _, said = self._process.communicate()
        if self._process.returncode > 0:
            reason = said.decode("utf-8", "replace").strip().rpartition("\n")[2]
            logger.error("packing %s failed, and is left for later: %s", self._folder, reason)
        return self._process.returncode == 0

    def kill(self) -> None:
        """End the process."""
        self._process.kill()


def _pack(folder: Path) -> None:
    if hasattr(os, "nice"):
        os.nice(_POLITE)
    shard = Shard.load(folder)
    shard.pack()
    shard.close()


if __name__ == "__main__":
    _pack(Path(sys.argv[1]))
