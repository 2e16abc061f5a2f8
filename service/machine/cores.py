"""How many of the machine's cores this process is to use: all, or its share of them as a worker."""

from __future__ import annotations

import os
from typing import Final

SHARE: Final = "LUTRIN_CORES"
"""The variable in which a worker, and the children of it, find their share; set by none but us."""


def share() -> int:
    """The cores of a worker; 0 where this process has the machine to itself."""
    return int(os.environ.get(SHARE, "0"))


def count() -> int:
    """The cores to use, at least one."""
    return share() or os.cpu_count() or 1
