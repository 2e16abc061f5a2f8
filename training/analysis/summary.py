"""What a model is made of: layers, output shapes, parameters, FLOPs, seen while it runs once.

The model is traced into a graph with a batch of one, and every layer's operations are counted
where they arise. So the layers inside a layer, ours included, are seen, and what is computed is
what is counted, however a layer writes it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import prod
from typing import Any

import keras
import tensorflow as tf

from training.analysis.flops import flops


@dataclass
class Part:
    """A layer or another operation of a model."""

    name: str
    kind: str
    """The name of its class."""
    parameters: int
    """Numbers in its weights, those of the layers inside it among them."""
    output_shapes: list[tuple[int, ...]] = field(default_factory=list)
    """Of its first call, with a batch of one."""
    flops: int = 0
    """Of all its calls for one example, those of the layers inside it among them."""
    parts: list[Part] = field(default_factory=list)
    """The layers inside it, in the order of their first calls."""

    def walk(self, depth: int, level: int = 0) -> Iterator[tuple[int, Part]]:
        """The parts inside it down to `depth` levels, each with its level, from 0."""
        if level < depth:
            for part in self.parts:
                yield level, part
                yield from part.walk(depth, level + 1)


@dataclass(frozen=True)
class Summary:
    """A model's parts and its size."""

    whole: Part
    inputs: Mapping[str, tuple[int, ...]]
    """The shape of each input, with a batch of one."""
    trainable: int
    """Numbers that learn; a shared weight counts once."""
    frozen: int
    """Numbers that do not, such as moving averages."""


def weightless(build: Callable[[], keras.Model]) -> keras.Model:
    """Build a model without making its weights: gigabytes of random numbers for the large ones."""
    with keras.StatelessScope(initialize_variables=False):
        return build()


def summarize(model: keras.Model, *, length: int) -> Summary:
    """Look at a functional model.

    Args:
        model: its weights may be missing.
        length: stands for every unknown axis but the batch, such as the tokens of a text.

    Raises:
        TrainingError: FLOPs hide in a loop.
    """
    inputs = {
        tensor.name: (1, *(size or length for size in tensor.shape[1:])) for tensor in model.inputs
    }
    recorder = _Recorder()
    with tf.Graph().as_default(), keras.StatelessScope(_zeros(model), initialize_variables=False):
        arguments = [
            tf.compat.v1.placeholder(tensor.dtype, inputs[tensor.name]) for tensor in model.inputs
        ]
        structure = getattr(model, "input", model.inputs[0])  # Keras' sequences do not tell it
        with recorder.watching():
            model(tf.nest.pack_sequence_as(structure, arguments), training=False)
    (whole,) = recorder.root.parts
    return Summary(
        whole, inputs, _numbers(model.trainable_weights), _numbers(model.non_trainable_weights)
    )


def _zeros(model: keras.Model) -> list[tuple[Any, Any]]:
    """Zeros in the graph for every variable, whether it has a value or not."""
    return [(variable, tf.zeros(variable.shape, variable.dtype)) for variable in model.variables]


def _numbers(weights: list[Any]) -> int:
    return sum(prod(weight.shape) for weight in weights)


class _Recorder:
    """Notes every call of a Keras operation and the TensorFlow operations that it adds."""

    def __init__(self) -> None:
        self.root = Part("", "", 0)
        self._stack = [self.root]
        self._parts: dict[tuple[int, int], Part] = {}  # by place and operation
        self._counted = 0  # operations of the graph that were seen

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Note what is called meanwhile."""
        call = keras.Operation.__call__

        def noted(operation: Any, *args: Any, **kwargs: Any) -> Any:
            if not isinstance(operation, keras.Layer) and len(self._stack) > 2:
                return call(operation, *args, **kwargs)  # a detail of the layer that calls it
            with self._inside(operation) as part:
                outputs = call(operation, *args, **kwargs)
            if not part.output_shapes:
                part.output_shapes = [tuple(each.shape) for each in tf.nest.flatten(outputs)]
            return outputs

        keras.Operation.__call__ = noted
        eager = tf.config.functions_run_eagerly()
        tf.config.run_functions_eagerly(True)  # Keras compiles grouped convolutions: seen inlined
        try:
            yield
        finally:
            keras.Operation.__call__ = call
            tf.config.run_functions_eagerly(eager)

    @contextmanager
    def _inside(self, operation: Any) -> Iterator[Part]:
        self._count()  # what was added since belongs to the layer around this one
        around = self._stack[-1]
        key = id(around), id(operation)
        if key not in self._parts:
            weights = getattr(operation, "weights", [])
            part = Part(operation.name, type(operation).__name__, _numbers(weights))
            self._parts[key] = part
            around.parts.append(part)
        self._stack.append(self._parts[key])
        yield self._parts[key]
        self._count()
        self._stack.pop()

    def _count(self) -> None:
        operations = tf.compat.v1.get_default_graph().get_operations()
        total = sum(flops(operation) for operation in operations[self._counted :])
        self._counted = len(operations)
        for part in self._stack:
            part.flops += total
