"""This service with a process on every core."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Final

from benchmarks.peers.lutrin import PEER as ONE_PROCESS

_CORES: Final = os.cpu_count() or 1

PEER = replace(
    ONE_PROCESS,
    title=f"Lutrin, {_CORES} workers",
    environment={**ONE_PROCESS.environment, "WORKERS": str(_CORES), "INDEXES": "off"},
    takes=lambda task: _CORES > 1,
)
