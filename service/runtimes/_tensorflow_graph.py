"""A SavedModel's graph in a session, as TensorFlow Serving loads it.

TensorFlow Serving runs the graph, its variables and its signatures, and never revives the Python
objects that they were made of. So it loads what the objects' own loader refuses: TensorFlow 1
with reference variables, and Keras 2 with the slots of an optimizer.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # TensorFlow greets on stderr otherwise

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from tensorflow.core.protobuf import config_pb2

v1: Final = tf.compat.v1

# Its loader of graphs is marked for removal, in favour of the loader of objects.
tf.get_logger().addFilter(lambda record: "loader_impl" not in record.getMessage())

_INITIALIZER: Final = "__saved_model_init_op"
"""The signature that TensorFlow 2 adds for its own loader."""


class SavedGraph:
    """One graph of a SavedModel, its variables restored and its tables filled."""

    def __init__(self, export: Path, tags: Sequence[str], device: str, threads: int) -> None:
        """Load the graph onto `device`; `threads` for one run, 0 for as many as TensorFlow likes.

        Raises:
            Exception: of a dozen kinds, where the folder cannot be loaded.
        """
        config = v1.ConfigProto(
            allow_soft_placement=True,
            device_count={"CPU": len(tf.config.list_logical_devices("CPU"))},
            intra_op_parallelism_threads=threads,
        )
        config.gpu_options.allow_growth = True  # else it takes all memory at once
        self._graph = tf.Graph()
        with self._graph.as_default(), tf.device(device):
            self._session = v1.Session(graph=self._graph, config=config)
            meta_graph = v1.saved_model.load(self._session, list(tags), str(export))
        self.signatures: Mapping[str, Any] = {
            name: signature
            for name, signature in meta_graph.signature_def.items()
            if name != _INITIALIZER
        }
        """TensorFlow's `SignatureDef` by name."""

    def uninitialized(self, signatures: Sequence[str]) -> list[str]:
        """The variables that signatures read and the checkpoint does not hold.

        Keras 3 makes such graphs where a module that has a Keras model is saved: the checkpoint
        restores copies of the variables. Only the objects' own loader knows which belong together.
        """
        outputs = [self.signatures[name].outputs.values() for name in signatures]
        fetched = [tensor.name for tensors in outputs for tensor in tensors if tensor.name]
        variables = [each for each in self._needed(fetched) if each.type == "VarHandleOp"]
        with self._graph.as_default():
            flags = [tf.raw_ops.VarIsInitializedOp(resource=each.outputs[0]) for each in variables]
        restored = self._session.run(flags)
        return [each.name for each, there in zip(variables, restored, strict=True) if not there]

    def _needed(self, tensors: Sequence[str]) -> list[Any]:
        """The operations that tensors are computed from, each once."""
        waiting = [self._graph.get_tensor_by_name(name).op for name in tensors]
        seen = dict.fromkeys(waiting)
        while waiting:
            operation = waiting.pop()
            sources = [*(each.op for each in operation.inputs), *operation.control_inputs]
            new = [each for each in dict.fromkeys(sources) if each not in seen]
            seen |= dict.fromkeys(new)
            waiting += new
        return list(seen)

    def function(
        self, inputs: Sequence[str], outputs: Sequence[str]
    ) -> Callable[..., list[NDArray[Any]]]:
        """A function of arrays, in the order of `inputs`; both are tensors' names in the graph.

        Unlike `Session.run` it leaves shapes to the graph, which may take more than it says.
        """
        options = config_pb2.CallableOptions(feed=inputs, fetch=outputs)
        run = self._session._make_callable_from_options(options)

        def call(*arrays: NDArray[Any]) -> list[NDArray[Any]]:
            return [np.asarray(each, _kind(each)) for each in run(*arrays)]

        return call

    def __del__(self) -> None:
        """Free the variables' memory with the last reference."""
        if (session := getattr(self, "_session", None)) is not None:
            session.close()


def _kind(value: Any) -> type | None:
    return object if isinstance(value, bytes) else None  # a scalar string, whose zeros must stay
