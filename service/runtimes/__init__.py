"""What executes a model: one runtime a module, named as the setting RUNTIME names it.

Each module offers `load` and `precisions`, as `Runtime` describes them, and is imported only when
a model needs it.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, cast

from numpy.typing import NDArray

from service.devices import Device

RuntimeName = Literal["openvino", "tensorflow"]
Precision = Literal["float32", "bfloat16"]
Tensors = Mapping[str, NDArray[Any]]
Function = Callable[[Tensors], Tensors]
"""A signature as a function: tensors by name in, tensors by name out. One thread at a time."""
Program = Mapping[str, Function]
"""A loaded export: its functions by signature. The last reference frees its memory."""


@dataclass(frozen=True, slots=True)
class Placement:
    """Where and how to load an export."""

    device: Device
    precision: Precision
    threads: int
    """Threads of one inference; 0 leaves the choice to the runtime."""


class Runtime(Protocol):
    """What each module of this package offers."""

    def load(self, export: Path, signatures: tuple[str, ...], placement: Placement) -> Program:
        """Load the export's `signatures`.

        Raises:
            InvalidExport: the folder cannot be loaded, or the placement is not possible here.
        """
        ...

    def precisions(self, device: Device) -> tuple[Precision, ...]:
        """The precisions that run natively on `device`, the fastest first."""
        ...


def is_installed(name: RuntimeName) -> bool:
    """Whether the runtime's package is there, without importing it."""
    return importlib.util.find_spec(name) is not None


def get(name: RuntimeName) -> Runtime:
    """The runtime `name`, imported on first use."""
    return cast(Runtime, importlib.import_module(f"service.runtimes.{name}"))
