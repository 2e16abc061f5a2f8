"""The runtime of GPUs and of any SavedModel. The service's only TensorFlow import."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Final, cast, get_args

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # TensorFlow greets on stderr otherwise

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from service.errors import InferenceFailed, InvalidExport, InvalidInput
from service.exports import saved_model
from service.machine import cores
from service.machine.devices import Device
from service.manifest import DType, Manifest, Signature, TensorSpec
from service.runtimes import Placement, Precision, Program, Tensors, check
from service.runtimes._tensorflow_graph import SavedGraph

logger = logging.getLogger(__name__)

_TRACES: Final = (" ", "\t", "Graph execution error", "Detected at node", "<stack", "Stack trace")
"""How the lines begin that trace a graph around what went wrong in it."""


def precisions(device: Device) -> tuple[Precision, ...]:
    """float32 alone: the graph computes in the types it was exported with."""
    return ("float32",)


def load(export: Path, signatures: Mapping[str, Signature], placement: Placement) -> Program:
    """Load a SavedModel's `signatures` onto a device.

    Raises:
        InvalidExport: the folder is no SavedModel, lacks a signature, or the device is not there.
    """
    if placement.precision != "float32":
        raise InvalidExport(
            f"the runtime 'tensorflow' computes as the graph was exported, in float32; "
            f"got precision {placement.precision!r}: choose PRECISION=auto or RUNTIME=openvino"
        )
    _configure(placement.threads)
    device = _logical_device(placement.device)
    graph = _read(export, device, placement.threads)
    missing = [name for name in signatures if name not in graph.signatures]
    if missing:
        raise InvalidExport(
            f"the SavedModel has no signature {', '.join(missing)}; "
            f"it has {', '.join(sorted(graph.signatures)) or 'none'}: export it again"
        )
    _check_names(graph, signatures)
    if lost := graph.uninitialized(list(signatures)):
        logger.info("%s: the checkpoint lacks %s; its objects are loaded", export, lost[0])
        return _revived(export, signatures, device)
    return {name: _GraphFunction(graph, name, signature) for name, signature in signatures.items()}


def describe(export: Path, threads: int = 0) -> Manifest:
    """The manifest of a SavedModel that has none: its signatures as they are, tensors to tensors.

    Their shapes are left to the graph, as TensorFlow Serving leaves them.

    Raises:
        InvalidExport: the folder is no SavedModel, or has no signature that requests can ask.
    """
    _configure(threads)
    graph = _read(export, _logical_device(Device("cpu")), threads)
    if not graph.signatures:
        raise InvalidExport("the SavedModel has no signatures: export it with `signatures=…`")
    signatures: dict[str, Signature] = {}
    reasons: list[str] = []
    # TensorFlow exporters call the main signature serving_default, so it comes first.
    for name in sorted(graph.signatures, key=lambda name: (name != "serving_default", name)):
        try:
            signatures[name] = _signature(graph.signatures[name])
        except ValueError as error:
            reasons.append(f"the signature {name!r} is left out: {error}")
            logger.warning("%s: %s", export, reasons[-1])
    if not signatures:
        raise InvalidExport("; ".join(reasons))
    return Manifest(
        description="A SavedModel without a manifest: raw tensors in, raw tensors out.",
        signatures=signatures,
    )


@cache
def _configure(threads: int) -> None:
    """Settings that TensorFlow takes before its first operation."""
    # TF32 rounds float32's mantissa to 10 bits: float32 here means float32.
    tf.config.experimental.enable_tensor_float_32_execution(False)
    try:
        for gpu in tf.config.list_physical_devices("GPU"):
            tf.config.experimental.set_memory_growth(gpu, True)  # else it takes all memory at once
        if threads or cores.share():
            tf.config.threading.set_intra_op_parallelism_threads(threads or cores.share())
    except RuntimeError as error:  # somebody in this process ran TensorFlow before
        logger.warning("TensorFlow keeps its own threads and GPU memory: %s", error)


def _logical_device(device: Device) -> str:
    kind = device.kind.upper()
    there = tf.config.list_logical_devices(kind)
    if device.index < len(there):
        return str(there[device.index].name)
    driven = device.kind == "gpu" and not there
    remedy = "pip install 'tensorflow[and-cuda]' brings what it needs for GPUs"
    raise InvalidExport(
        f"TensorFlow sees {len(there)} {kind} device(s), so there is no '{device}'"
        + (f"; {remedy}" if driven else "")
    )


def _read(export: Path, device: str, threads: int) -> SavedGraph:
    try:
        tags = _tags(export)
        return SavedGraph(export, tags, device, threads or cores.share())
    except Exception as error:  # its loader raises a dozen kinds
        raise InvalidExport(
            f"TensorFlow cannot load the SavedModel: {_reason(error)}: export it again"
        ) from error


def _tags(export: Path) -> list[str]:
    """The tags of the graph to serve, where a SavedModel holds several."""
    try:
        graphs = saved_model.tags(export / "saved_model.pb")
    except (OSError, ValueError):  # TensorFlow says in its own words what is wrong with the file
        return [saved_model.SERVE]
    return next((tags for tags in graphs if saved_model.SERVE in tags), graphs[0])


def _signature(definition: Any) -> Signature:
    """The signature that TensorFlow's `SignatureDef` says.

    Raises:
        ValueError: a tensor of it is of a type that requests cannot carry.
    """
    inputs, outputs = definition.inputs, definition.outputs
    return Signature(
        task="infer",
        checks_shapes=False,
        # A SavedModel keeps them in a map, whose order may differ each time that it is read.
        inputs={name: _spec(name, info) for name, info in sorted(inputs.items())},
        outputs={name: _spec(name, info) for name, info in sorted(outputs.items())},
    )


def _spec(name: str, info: Any) -> TensorSpec:
    if not info.name:  # made of several tensors
        kind = "SparseTensor" if info.HasField("coo_sparse") else "RaggedTensor"
        raise ValueError(f"the tensor {name!r} is a {kind}")
    dtype = tf.dtypes.as_dtype(info.dtype).base_dtype.name  # a variable's reference is its value
    if dtype not in get_args(DType):
        raise ValueError(f"the tensor {name!r} is {dtype}, a type that requests cannot carry")
    if info.tensor_shape.unknown_rank:
        return TensorSpec(dtype=cast(DType, dtype), shape=None)
    sizes = (axis.size for axis in info.tensor_shape.dim)
    return TensorSpec(
        dtype=cast(DType, dtype), shape=tuple(None if size < 0 else size for size in sizes)
    )


def _check_names(graph: SavedGraph, signatures: Mapping[str, Signature]) -> None:
    for name, signature in signatures.items():
        inputs, outputs = graph.signatures[name].inputs, graph.signatures[name].outputs
        if (
            inputs.keys() != signature.inputs.keys()
            or not signature.outputs.keys() <= outputs.keys()
        ):
            raise InvalidExport(
                f"the SavedModel takes {', '.join(inputs)} and gives {', '.join(outputs)}; the "
                f"manifest says {', '.join(signature.inputs)} and {', '.join(signature.outputs)}: "
                "export it again"
            )


class _GraphFunction:
    """A signature of a graph that it keeps alive."""

    def __init__(self, graph: SavedGraph, name: str, signature: Signature) -> None:
        self._graph = graph
        self._signature = signature
        definition = graph.signatures[name]
        self._run = graph.function(
            [definition.inputs[each].name for each in signature.inputs],
            [definition.outputs[each].name for each in signature.outputs],
        )

    def __call__(self, inputs: Tensors) -> Tensors:
        check(inputs, self._signature.inputs, shapes=self._signature.checks_shapes)
        with _failures():
            arrays = [_feed(inputs[name], spec) for name, spec in self._signature.inputs.items()]
            return dict(zip(self._signature.outputs, self._run(*arrays), strict=True))


def _feed(array: NDArray[Any], spec: TensorSpec) -> NDArray[Any]:
    """Strings as the graph takes them: bytes."""
    return _array(tf.constant(array, tf.string)) if spec.dtype == "string" else array


def _revived(export: Path, signatures: Mapping[str, Signature], device: str) -> Program:
    """The signatures by the objects' own loader."""
    try:
        with tf.device(device):
            loaded = tf.saved_model.load(str(export), tags=_tags(export))
    except Exception as error:  # its loader raises a dozen kinds
        raise InvalidExport(
            f"TensorFlow cannot load the SavedModel: {_reason(error)}: export it again"
        ) from error
    return {
        name: _ObjectFunction(loaded, loaded.signatures[name], signature, device)
        for name, signature in signatures.items()
    }


class _ObjectFunction:
    """A signature of a revived object that it keeps alive, run where it was loaded."""

    def __init__(self, loaded: Any, function: Any, signature: Signature, device: str) -> None:
        self._loaded = loaded
        self._function = function
        self._signature = signature
        self._device = device

    def __call__(self, inputs: Tensors) -> Tensors:
        check(inputs, self._signature.inputs, shapes=self._signature.checks_shapes)
        with _failures(), tf.device(self._device):
            tensors = {
                name: tf.constant(inputs[name], spec.dtype)
                for name, spec in self._signature.inputs.items()
            }
            outputs = self._function(**tensors)
            return {name: _array(outputs[name]) for name in self._signature.outputs}


@contextmanager
def _failures() -> Iterator[None]:
    """Tell a request that the graph refuses from a failure of TensorFlow."""
    try:
        yield
    except (TypeError, ValueError, tf.errors.InvalidArgumentError) as error:
        raise InvalidInput(f"the model refused its inputs: {_reason(error)}") from error
    except tf.errors.OpError as error:
        raise InferenceFailed(f"TensorFlow failed: {_reason(error)}") from error


def _array(tensor: Any) -> NDArray[Any]:
    value = tensor.numpy()  # a copy; a scalar of strings comes as bytes, whose zeros must stay
    return np.asarray(value, object if isinstance(value, bytes) else None)


def _reason(error: Exception) -> str:
    """The line of TensorFlow's message that says why; those around it trace its graph."""
    lines = (line.rstrip(". ") for line in str(error).splitlines())
    said = (line for line in lines if line and not line.startswith(_TRACES))
    return next(said, type(error).__name__)
