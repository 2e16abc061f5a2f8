"""The CPU runtime: signatures converted for OpenVINO. The service's only OpenVINO import."""

from __future__ import annotations

import time
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import openvino

from service.devices import Device
from service.errors import InvalidExport
from service.manifest import openvino_path
from service.runtimes import Function, Placement, Precision, Program, Tensors

_HINTS: Final[dict[Precision, str]] = {"float32": "f32", "bfloat16": "bf16"}
_SMALL_S: Final = 0.002
"""A row faster than this on one thread gains nothing from more: waking them costs as much."""


@cache
def _core() -> openvino.Core:
    return openvino.Core()


def precisions(device: Device) -> tuple[Precision, ...]:
    """bfloat16 where the CPU computes in it, and float32."""
    native = "BF16" in _core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return ("bfloat16", "float32") if native else ("float32",)


def load(export: Path, signatures: tuple[str, ...], placement: Placement) -> Program:
    """Compile the converted `signatures` of an export for the CPU.

    Raises:
        InvalidExport: a conversion is missing or cannot be read, or the device is not a CPU.
    """
    if placement.device != Device("cpu"):
        raise InvalidExport(
            f"the runtime 'openvino' runs on 'cpu', not on '{placement.device}': "
            "choose RUNTIME=tensorflow for GPUs and for several devices"
        )
    if placement.precision not in precisions(placement.device):
        raise InvalidExport(
            f"this CPU does not compute in {placement.precision}: choose PRECISION=float32 or auto"
        )
    return {name: _compile(openvino_path(export, name), placement) for name in signatures}


def _compile(path: Path, placement: Placement) -> Function:
    try:
        model = _core().read_model(path)
        if placement.threads:
            return _Request(_core().compile_model(model, "CPU", _config(placement, None)))
        request = _Request(_core().compile_model(model, "CPU", _config(placement, 1)))
        if request.row_seconds() < _SMALL_S:
            return request
        return _Request(_core().compile_model(model, "CPU", _config(placement, 0)))
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1]
        raise InvalidExport(f"OpenVINO cannot load {path.name}: {reason}") from error


def _config(placement: Placement, threads: int | None) -> dict[str, str | int]:
    # The precision is always said: left open, a CPU with AMX computes in bfloat16 silently.
    config: dict[str, str | int] = {
        "INFERENCE_PRECISION_HINT": _HINTS[placement.precision],
        "NUM_STREAMS": "1",
    }
    wanted = placement.threads if threads is None else threads
    return config | ({"INFERENCE_NUM_THREADS": wanted} if wanted else {})


class _Request:
    """One inference request of a compiled signature."""

    def __init__(self, compiled: openvino.CompiledModel) -> None:
        self._request = compiled.create_infer_request()
        self._inputs = {name: port for port in compiled.inputs for name in port.names}
        self._outputs = {port.get_any_name(): index for index, port in enumerate(compiled.outputs)}

    def __call__(self, inputs: Tensors) -> Tensors:
        # Inputs are read where they lie, and outputs are copied before the next call overwrites
        # them.
        ports: dict[Any, Any] = {self._inputs[name]: array for name, array in inputs.items()}
        results = self._request.infer(ports, share_inputs=True)
        return {name: results[index] for name, index in self._outputs.items()}

    def row_seconds(self) -> float:
        """How long a batch of one takes once warm."""
        row = {
            port: np.zeros(
                [axis.get_length() if axis.is_static else 1 for axis in port.partial_shape],
                port.element_type.to_dtype(),
            )
            for port in self._inputs.values()
        }
        self._request.infer(row)
        start = time.perf_counter()
        self._request.infer(row)
        return time.perf_counter() - start
