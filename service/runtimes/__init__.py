"""What executes a model: one runtime a module, named as the setting RUNTIME names it.

Each module offers `load`, `precisions` and `describe`, as `Runtime` describes them, and is imported
only when a model needs it.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, cast

from numpy.typing import NDArray

from service.errors import InvalidExport, InvalidInput
from service.machine.devices import Device
from service.manifest import Manifest, Signature, TensorSpec

# On import OpenVINO reports its use to its makers where this package is found: None hides it.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # as documented

RuntimeName = Literal["openvino", "tensorflow"]
Precision = Literal["float32", "bfloat16", "int8"]
"""The arithmetic; `int8` is a conversion of its own, which few exports carry."""
Tensors = Mapping[str, NDArray[Any]]
Function = Callable[[Tensors], Tensors]
"""A signature as a function: tensors by name in, tensors by name out. One thread at a time.

Raises InvalidInput where its inputs are not what the signature takes, and InferenceFailed where
the runtime fails.
"""
Program = Mapping[str, Function]
"""A loaded export: its functions by signature. The last reference frees its memory."""


@dataclass(frozen=True, slots=True)
class Placement:
    """Where and how to load an export."""

    device: Device
    precision: Precision
    threads: int
    """Threads of one inference; 0 leaves the choice to the runtime."""
    lanes: int = 1
    """Runs of texts side by side, at most, where `threads` leaves it open; see `lanes`."""


def lanes(function: Function) -> Sequence[Function]:
    """A function and those that run beside it, each to be called on a thread of its own."""
    beside: Sequence[Function] = getattr(function, "beside", ())
    return (function, *beside)


class Runtime(Protocol):
    """What each module of this package offers."""

    def load(
        self, export: Path, signatures: Mapping[str, Signature], placement: Placement
    ) -> Program:
        """Load the export's `signatures`.

        Raises:
            InvalidExport: the folder cannot be loaded, or the placement is not possible here.
        """
        ...

    def precisions(self, device: Device) -> tuple[Precision, ...]:
        """The precisions that run natively on `device`, the fastest first."""
        ...

    def describe(self, export: Path, threads: int) -> Manifest:
        """The manifest of an export that has none: its signatures as they are.

        Raises:
            InvalidExport: the folder cannot be loaded, or the runtime needs a manifest.
        """
        ...


def is_installed(name: RuntimeName) -> bool:
    """Whether the runtime's package is there, without importing it."""
    return importlib.util.find_spec(name) is not None


def get(name: RuntimeName) -> Runtime:
    """The runtime `name`, imported on first use.

    Raises:
        InvalidExport: its package is there but does not work on this machine.
    """
    try:
        return cast(Runtime, importlib.import_module(f"service.runtimes.{name}"))
    except ImportError as error:
        raise InvalidExport(f"the runtime '{name}' cannot be imported: {error}") from error


def check(tensors: Tensors, specs: Mapping[str, TensorSpec], *, shapes: bool = True) -> None:
    """Refuse tensors that are not what a signature says: a runtime would cast them silently.

    Raises:
        InvalidInput: one is missing, unknown, or of another type or shape.
    """
    if tensors.keys() != specs.keys():
        expected, given = ", ".join(specs), ", ".join(tensors) or "none"
        raise InvalidInput(f"the tensors are {expected}; got {given}")
    for name, spec in specs.items():
        array = tensors[name]
        if not (_has_type(array, spec) and (not shapes or _has_shape(array, spec))):
            raise InvalidInput(
                f"the tensor '{name}' is {_readable(spec.dtype, spec.shape)}; "
                f"got {_readable(str(array.dtype), array.shape)}",
                param=name,
            )


def _has_type(array: NDArray[Any], spec: TensorSpec) -> bool:
    return array.dtype.kind in "OSU" if spec.dtype == "string" else array.dtype == spec.dtype


def _has_shape(array: NDArray[Any], spec: TensorSpec) -> bool:
    if spec.shape is None:
        return True
    return len(array.shape) == len(spec.shape) and all(
        wanted in (None, size) for size, wanted in zip(array.shape, spec.shape, strict=True)
    )


def _readable(dtype: str, shape: tuple[int | None, ...] | None) -> str:
    if shape is None:
        return f"{dtype} of any shape"
    return f"{dtype} [{', '.join('any' if axis is None else str(axis) for axis in shape)}]"
