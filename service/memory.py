"""The memory of the service, as the operating system counts it, and giving back what is free."""

from __future__ import annotations

import ctypes
import gc
import re
from functools import cache
from pathlib import Path
from typing import Any, Final

import psutil

_SHARE: Final = re.compile(r"^Pss:\s+(\d+) kB", re.MULTILINE)


def resident_bytes(pid: int | None = None) -> int:
    """The resident memory of a process, of this one if left out, and of its children, in bytes.

    Of what children share, such as a library's code, each counts its part, where the system tells.
    """
    process = psutil.Process(pid)
    return int(process.memory_info().rss) + sum(map(_share, process.children()))


def trim() -> None:
    """Collect garbage and give free memory back to the operating system, where glibc can."""
    gc.collect()
    if (glibc := _glibc()) is not None:
        glibc.malloc_trim(0)


def _share(child: psutil.Process) -> int:
    try:
        if child.status() == psutil.STATUS_ZOMBIE:  # it is giving all of it back
            return 0
        found = _SHARE.search(Path(f"/proc/{child.pid}/smaps_rollup").read_text("ascii"))
        if found is not None:
            return int(found[1]) * 1024
    except psutil.Error:  # it ended meanwhile
        return 0
    except OSError:  # not Linux, or not ours to read
        pass
    return _resident(child)


def _resident(child: psutil.Process) -> int:
    try:
        return int(child.memory_info().rss)
    except psutil.Error:
        return 0


@cache
def _glibc() -> Any | None:
    try:
        library = ctypes.CDLL("libc.so.6")
        return library if hasattr(library, "malloc_trim") else None
    except OSError:  # musl, macOS or Windows: their allocators have no such call
        return None
