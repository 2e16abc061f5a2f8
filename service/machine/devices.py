"""Where models can run: naming devices, and finding GPUs without importing a framework."""

from __future__ import annotations

import ctypes
import re
from dataclasses import dataclass
from functools import cache
from typing import Final, Literal

_DEVICE: Final = re.compile(r"(cpu|gpu)(?::([0-9]{1,4}))?")


@dataclass(frozen=True, slots=True)
class Device:
    """One processor that holds a copy of a model."""

    kind: Literal["cpu", "gpu"]
    index: int = 0

    def __str__(self) -> str:
        return f"{self.kind}:{self.index}" if self.kind == "gpu" or self.index else self.kind


def parse(text: str) -> tuple[Device, ...]:
    """Read a list of devices such as ``cpu``, ``gpu`` (the first) or ``gpu:0,gpu:1``.

    Raises:
        ValueError: a name is not a device, or stands twice.
    """
    found: list[Device] = []
    for name in text.split(","):
        match = _DEVICE.fullmatch(name.strip().lower())
        if match is None:
            raise ValueError(
                f"a device is 'cpu', 'gpu' or a list such as 'gpu:0,gpu:1'; got {text!r}"
            )
        kind: Literal["cpu", "gpu"] = "gpu" if match[1] == "gpu" else "cpu"
        found.append(Device(kind, int(match[2] or 0)))
    if len(set(found)) < len(found):
        raise ValueError(f"each device is named once; got {text!r}")
    return tuple(found)


@cache
def gpu_count() -> int:
    """How many NVIDIA GPUs this process may use, as the CUDA driver counts them.

    The driver is asked, not a framework: it takes milliseconds, knows CUDA_VISIBLE_DEVICES, and a
    machine without a driver has no GPU that could be used.
    """
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return 0
    count = ctypes.c_int(0)
    succeeded = driver.cuInit(0) == 0 and driver.cuDeviceGetCount(ctypes.byref(count)) == 0
    return count.value if succeeded else 0
