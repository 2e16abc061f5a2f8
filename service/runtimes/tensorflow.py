"""The runtime of GPUs and of any SavedModel. The service's only TensorFlow import."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import Any, cast

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # TensorFlow greets on stderr otherwise

import numpy as np
import tensorflow as tf

from service.devices import Device
from service.errors import InvalidExport, InvalidInput
from service.manifest import DType, Manifest, Signature, TensorSpec
from service.runtimes import Placement, Precision, Program, Tensors


def precisions(device: Device) -> tuple[Precision, ...]:
    """float32 alone: the graph computes in the types it was exported with."""
    return ("float32",)


def load(export: Path, signatures: tuple[str, ...], placement: Placement) -> Program:
    """Load a SavedModel's `signatures` onto a device.

    Raises:
        InvalidExport: the folder is no SavedModel, lacks a signature, or the device is not there.
    """
    if placement.precision != "float32":
        raise InvalidExport(
            f"the runtime 'tensorflow' computes as the graph was exported, in float32; "
            f"got precision {placement.precision!r}: choose PRECISION=auto or RUNTIME=openvino"
        )
    device = _logical_device(placement.device)
    loaded = _read(export, device)
    missing = [name for name in signatures if name not in loaded.signatures]
    if missing:
        raise InvalidExport(
            f"the SavedModel has no signature {', '.join(missing)}; "
            f"it has {', '.join(sorted(loaded.signatures))}"
        )
    return {name: _Function(loaded, loaded.signatures[name], device) for name in signatures}


def describe(export: Path) -> Manifest:
    """The manifest of a SavedModel that has none: its signatures as they are, tensors to tensors.

    Raises:
        InvalidExport: the folder is no SavedModel or has no signatures.
    """
    loaded = _read(export, _logical_device(Device("cpu")))
    if not loaded.signatures:
        raise InvalidExport("the SavedModel has no signatures: export it with `signatures=…`")
    # TensorFlow exporters call the main signature serving_default, so it comes first.
    names = sorted(loaded.signatures, key=lambda name: (name != "serving_default", name))
    return Manifest(
        description="A SavedModel without a manifest: raw tensors in, raw tensors out.",
        signatures={name: _signature(loaded.signatures[name]) for name in names},
    )


@cache
def _configure() -> None:
    """Settings that TensorFlow takes before its first operation."""
    for gpu in tf.config.list_physical_devices("GPU"):
        tf.config.experimental.set_memory_growth(gpu, True)  # else it takes all memory at once
    # TF32 rounds float32's mantissa to 10 bits: float32 here means float32.
    tf.config.experimental.enable_tensor_float_32_execution(False)


def _logical_device(device: Device) -> str:
    _configure()
    kind = device.kind.upper()
    there = tf.config.list_logical_devices(kind)
    if device.index >= len(there):
        raise InvalidExport(
            f"TensorFlow sees {len(there)} {kind} device(s), so there is no '{device}'"
        )
    return str(there[device.index].name)


def _read(export: Path, device: str) -> Any:
    try:
        with tf.device(device):
            return tf.saved_model.load(str(export))
    except (OSError, ValueError, KeyError, RuntimeError, tf.errors.OpError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise InvalidExport(f"TensorFlow cannot load {export.name}: {reason}") from error


def _signature(function: Any) -> Signature:
    _, inputs = function.structured_input_signature
    return Signature(
        task="infer",
        inputs={name: _spec(spec) for name, spec in inputs.items()},
        outputs={name: _spec(spec) for name, spec in function.structured_outputs.items()},
    )


def _spec(spec: Any) -> TensorSpec:
    shape = None if spec.shape.rank is None else tuple(spec.shape.as_list())
    return TensorSpec(dtype=cast(DType, spec.dtype.name), shape=shape)


class _Function:
    """A signature that keeps its SavedModel alive and runs where it was loaded."""

    def __init__(self, loaded: Any, signature: Any, device: str) -> None:
        self._loaded = loaded
        self._signature = signature
        self._device = device
        self._types = {
            name: spec.dtype for name, spec in signature.structured_input_signature[1].items()
        }

    def __call__(self, inputs: Tensors) -> Tensors:
        try:
            with tf.device(self._device):
                tensors = {
                    name: tf.constant(inputs[name], dtype) for name, dtype in self._types.items()
                }
                outputs = self._signature(**tensors)
        except (KeyError, TypeError, ValueError, tf.errors.InvalidArgumentError) as error:
            raise InvalidInput(f"the model refused its inputs: {error}") from error
        return {name: np.asarray(tensor.numpy()) for name, tensor in outputs.items()}
