"""The CPU runtime: signatures converted for OpenVINO. The service's only OpenVINO import."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import openvino
from numpy.typing import NDArray

from service.errors import InferenceFailed, InvalidExport, InvalidInput
from service.machine import cores
from service.machine.devices import Device
from service.manifest import Manifest, Signature, openvino_path
from service.runtimes import Function, Placement, Precision, Program, Tensors, check

_HINTS: Final[dict[Precision, str]] = {"float32": "f32", "bfloat16": "bf16", "int8": "f32"}
"""What is not in integers in a conversion to int8, computes in float32."""
_SMALL_S: Final = 0.002
"""A row faster than this on one thread gains nothing from more: waking them costs as much."""

_TOKENS: Final = 16


@cache
def _core() -> openvino.Core:
    return openvino.Core()


def precisions(device: Device) -> tuple[Precision, ...]:
    """bfloat16 where the CPU computes in it, and float32."""
    native = "BF16" in _core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return ("bfloat16", "float32") if native else ("float32",)


def describe(export: Path, threads: int) -> Manifest:
    """Nothing: an export that carries a conversion carries a manifest too.

    Raises:
        InvalidExport: always.
    """
    raise InvalidExport(
        "a SavedModel without a manifest runs on TensorFlow: choose RUNTIME=auto or tensorflow"
    )


def load(export: Path, signatures: Mapping[str, Signature], placement: Placement) -> Program:
    """Compile the converted `signatures` of an export for the CPU.

    Raises:
        InvalidExport: a conversion is missing or cannot be read, or the device is not a CPU.
    """
    if placement.device != Device("cpu"):
        raise InvalidExport(
            f"the runtime 'openvino' runs on 'cpu', not on '{placement.device}': "
            "choose RUNTIME=tensorflow for GPUs and for several devices"
        )
    int8 = placement.precision == "int8"
    if not int8 and placement.precision not in precisions(placement.device):
        raise InvalidExport(
            f"this CPU does not compute in {placement.precision}: choose PRECISION=float32 or auto"
        )
    return {
        name: _compile(openvino_path(export, name, int8=int8), signature, placement)
        for name, signature in signatures.items()
    }


def _compile(path: Path, signature: Signature, placement: Placement) -> Function:
    try:
        model = _core().read_model(path)
        function = _Function(_compiled(model, placement, placement.threads or 1, 1), signature)
        if placement.threads or function.row_seconds() < _SMALL_S:
            return function
        del function  # frees its copy of the weights before the next is made
        count = min(placement.lanes, cores.count()) if _is_of_texts(signature) else 1
        compiled = _compiled(model, placement, cores.share(), count)
        function = _Function(compiled, signature)
        function.beside = [_Function(compiled, signature) for _ in range(count - 1)]
        return function
    except RuntimeError as error:
        raise InvalidExport(
            f"OpenVINO cannot load {path.name}: {_reason(error)}: convert the export again, "
            "or choose RUNTIME=tensorflow"
        ) from error


def _is_of_texts(signature: Signature) -> bool:
    return signature.task != "infer" and "tokens" in signature.inputs


def _compiled(model: Any, placement: Placement, threads: int, lanes: int) -> openvino.CompiledModel:
    # The precision is always said: left open, a CPU with AMX computes in bfloat16 silently.
    config: dict[str, str | int | bool] = {
        "INFERENCE_PRECISION_HINT": _HINTS[placement.precision],
        "NUM_STREAMS": str(lanes),
        # OpenVINO would hold each run to the first cores, where it meets those of other models and
        # of other processes: two workers on two cores then did as much as one.
        "ENABLE_CPU_PINNING": False,
    }
    if threads:
        config["INFERENCE_NUM_THREADS"] = threads
    return _core().compile_model(model, "CPU", config)


class _Function:
    """One inference request of a compiled signature."""

    beside: Sequence[Function] = ()
    """Other requests of it, which may run at the same time."""

    def __init__(self, compiled: openvino.CompiledModel, signature: Signature) -> None:
        # A tensor may have several names, and two of a signature's outputs may be one tensor.
        outputs = {
            name: index for index, port in enumerate(compiled.outputs) for name in port.names
        }
        inputs = {name: port for port in compiled.inputs for name in port.names}
        fed = {name: port for name, port in inputs.items() if name in signature.inputs}
        missing = [name for name in signature.outputs if name not in outputs]
        if missing or set(fed.values()) != set(compiled.inputs):
            raise InvalidExport(
                f"the OpenVINO conversion takes {', '.join(inputs)} and gives "
                f"{', '.join(outputs)}; the manifest says {', '.join(signature.inputs)} and "
                f"{', '.join(signature.outputs)}: convert the export again"
            )
        self._request = compiled.create_infer_request()
        self._signature = signature
        self._inputs = fed
        self._batched = [
            name for name, spec in signature.inputs.items() if spec.shape and spec.shape[0] is None
        ]
        self._outputs = {name: outputs[name] for name in signature.outputs}
        self._memories: dict[str, NDArray[Any]] = {}

    def __call__(self, inputs: Tensors) -> Tensors:
        check(inputs, self._signature.inputs)
        # OpenVINO computes with tensors that do not fit together, and says nothing
        rows = {inputs[name].shape[0] for name in self._batched}
        if len(rows) > 1:
            raise InvalidInput(f"the inputs have {sorted(rows)} rows: each takes the same number")
        request = self._request
        try:
            # `infer` with a dict of arrays costs a small model's inference over again, and so does
            # a tensor that lies elsewhere than the last: inputs are copied to where they lay, and
            # outputs are copied, for the next call overwrites them.
            for name in self._inputs:
                self._memory(name, inputs[name].shape)[...] = inputs[name]
            request.infer(share_outputs=True)
            return {
                name: request.get_output_tensor(index).data.copy()
                for name, index in self._outputs.items()
            }
        except RuntimeError as error:
            raise InferenceFailed(f"OpenVINO failed: {_reason(error)}") from error

    def _memory(self, name: str, shape: tuple[int, ...]) -> NDArray[Any]:
        """Where an input of this shape is read from."""
        memory = self._memories.get(name)
        if memory is None or memory.shape != shape:
            tensor = openvino.Tensor(self._inputs[name].element_type, shape)
            self._request.set_tensor(self._inputs[name], tensor)
            memory = self._memories[name] = tensor.data
        return memory

    def row_seconds(self) -> float:
        """The shortest of three batches of one; infinite where a row of ones cannot be run."""
        try:
            row = {port: _blank(port) for port in self._inputs.values()}
            self._request.infer(row, share_inputs=True)
            return min(self._seconds(row) for _ in range(3))
        except RuntimeError:  # such as an image of 1×1, too small for the kernels
            return math.inf

    def _seconds(self, row: dict[Any, Any]) -> float:
        start = time.perf_counter()
        self._request.infer(row, share_inputs=True)
        return time.perf_counter() - start


def _blank(port: Any) -> np.ndarray[Any, Any]:
    # An axis of any size is the batch, or the tokens of a short text.
    shape = [
        axis.get_length() if axis.is_static else _TOKENS if number else 1
        for number, axis in enumerate(port.partial_shape)
    ]
    return np.zeros(shape, port.element_type.to_dtype())


def _reason(error: RuntimeError) -> str:
    """The last line of OpenVINO's message; those before it name its source files."""
    return (str(error).strip().splitlines() or [type(error).__name__])[-1].rstrip(". ")
