"""Memory that nobody uses any more goes back to the operating system."""

from __future__ import annotations

import ctypes
import gc


def trim() -> None:
    """Collect garbage and give back what is free, where the C library can: glibc's.

    Gigabytes of weights leave holes behind, which would count as this process's for ever.
    """
    gc.collect()
    try:
        ctypes.CDLL("libc.so.6").malloc_trim(0)
    except (OSError, AttributeError):  # musl, macOS or Windows: their allocators have no such call
        return
