"""What is free is given back, cycles and all."""

from __future__ import annotations

import subprocess
import sys

from training.exporting import memory

SCRIPT = """
import psutil
from training.exporting import memory

class Ring: pass

def resident():
    return psutil.Process().memory_info().rss

memory.trim()
before = resident()
blocks = [bytearray(b"x" * 100_000) for _ in range(2_000)]  # too small to be mapped alone
ring = Ring()
ring.ring, ring.blocks = ring, blocks[:-1]  # the last one keeps the heap's end
kept = blocks[-1]
del blocks, ring
assert resident() - before > 150_000_000, resident() - before
memory.trim()
assert resident() - before < 50_000_000, resident() - before
"""


def test_memory_comes_back() -> None:
    if sys.platform != "linux":
        memory.trim()  # harmless
        return
    result = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
