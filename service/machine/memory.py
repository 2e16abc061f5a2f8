"""The memory of the service, as the operating system counts it, and giving back what is free."""

from __future__ import annotations

import ctypes
import gc
import re
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple

import psutil

_PART: Final = re.compile(r"^Rss(Anon|Shmem|File):\s+(\d+) kB$", re.MULTILINE)


class _Resident(NamedTuple):
    """The resident memory of one process, in bytes."""

    own: int
    shared: int
    """Files, such as the code of libraries: processes that use the same hold them once."""


def resident_bytes(pid: int | None = None) -> int:
    """The resident memory of a process, of this one if left out, and of its children, in bytes.

    What the children have of files counts once: they run the same code.
    """
    process = psutil.Process(pid)
    children = [_resident(child) for child in process.children()]
    shared = max((child.shared for child in children), default=0)
    return int(process.memory_info().rss) + sum(child.own for child in children) + shared


def trim() -> None:
    """Collect garbage and give free memory back to the operating system, where glibc can."""
    gc.collect()
    if (glibc := _glibc()) is not None:
        glibc.malloc_trim(0)


def _resident(child: psutil.Process) -> _Resident:
    try:
        status = Path(f"/proc/{child.pid}/status").read_text("utf-8", errors="replace")
        parts = {name: 1024 * int(kilobytes) for name, kilobytes in _PART.findall(status)}
        return _Resident(parts.get("Anon", 0) + parts.get("Shmem", 0), parts.get("File", 0))
    except OSError:  # it ended meanwhile, or this is not Linux
        pass
    try:
        return _Resident(int(child.memory_info().rss), 0)
    except psutil.Error:
        return _Resident(0, 0)


@cache
def _glibc() -> Any | None:
    try:
        library = ctypes.CDLL("libc.so.6")
        return library if hasattr(library, "malloc_trim") else None
    except OSError:  # musl, macOS or Windows: their allocators have no such call
        return None
