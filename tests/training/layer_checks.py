"""What every layer of ours must do, checked by one shared body."""

from __future__ import annotations

import inspect
import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

Arrays = tuple[NDArray[Any], ...]


def check_layer(make: Callable[[], keras.Layer], *inputs: NDArray[Any], train: bool = True) -> None:
    """Check all that is asked of a layer.

    - its output's shape is what `compute_output_shape` says, for an unknown batch size too;
    - each argument is an attribute and part of `get_config`, which is JSON and makes the same layer
      again: with the same weights, the same output;
    - saved inside a `.keras` file, it reloads by its registered name and by `custom_objects`;
    - in mixed_bfloat16 it keeps its weights in float32 and stays near its float32 output.

    Args:
        make: builds the layer anew; it takes its dtype from the global policy.
        inputs: what the layer is called with, one array for each positional argument, batch first.
            Give no layer an input on which rounding decides (a tie under a maximum).
        train: also check that gradients reach every trainable weight and every float input.
    """
    layer = _built(make, inputs)
    outputs = layer(*inputs)
    _check_shapes(layer, inputs, outputs)
    _check_config(layer, inputs, outputs)
    _check_file(layer, inputs, outputs)
    if train:
        _check_gradients(layer, inputs)
    _check_mixed_precision(make, layer, inputs, outputs)


def _built(make: Callable[[], keras.Layer], inputs: Arrays) -> keras.Layer:
    """The layer with weights off their initial values, so that no two play the same part."""
    keras.utils.set_random_seed(0)
    layer = make()
    layer(*inputs)
    random = np.random.default_rng(1)
    for weight in layer.weights:
        noise = random.uniform(0, 0.2, weight.shape)  # of one sign: a variance stays positive
        weight.assign(np.asarray(weight) + noise.astype(weight.dtype))
    return layer


def _check_shapes(layer: keras.Layer, inputs: Arrays, outputs: Any) -> None:
    shapes = layer.compute_output_shape(*(array.shape for array in inputs))
    assert _flat_shapes(shapes) == [tuple(output.shape) for output in keras.tree.flatten(outputs)]

    model = _model(layer, inputs)
    shapes = layer.compute_output_shape(*((None, *array.shape[1:]) for array in inputs))
    assert _flat_shapes(shapes) == [tuple(output.shape) for output in model.outputs]
    assert all(output.shape[0] is None for output in model.outputs)
    _assert_close(model(list(inputs)), outputs)


def _check_config(layer: keras.Layer, inputs: Arrays, outputs: Any) -> None:
    config = layer.get_config()
    json.dumps(keras.saving.serialize_keras_object(layer))
    for name, parameter in inspect.signature(type(layer)).parameters.items():
        if parameter.kind not in {parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL}:
            assert name in config, f"get_config leaves out the argument {name}"
            assert hasattr(layer, name), f"the argument {name} is no attribute"

    twin = type(layer).from_config(config)
    assert twin.get_config() == config
    twin(*inputs)
    twin.set_weights(layer.get_weights())
    _assert_close(twin(*inputs), outputs)


def _check_file(layer: keras.Layer, inputs: Arrays, outputs: Any) -> None:
    cls = type(layer)
    registered = keras.saving.get_registered_name(cls)
    assert registered == f"lutrin>{cls.__name__}", f"registered as {registered}"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        _model(layer, inputs).save(path)
        _assert_close(keras.models.load_model(path)(list(inputs)), outputs)
        with unregistered(cls) as custom_objects:
            again = keras.models.load_model(path, custom_objects=custom_objects)
        _assert_close(again(list(inputs)), outputs)


def _check_gradients(layer: keras.Layer, inputs: Arrays) -> None:
    random = np.random.default_rng(2)
    tensors = [tf.convert_to_tensor(array) for array in inputs]
    floats = [tensor for tensor in tensors if tensor.dtype.is_floating]
    with tf.GradientTape() as tape:
        tape.watch(floats)
        outputs = [y for y in keras.tree.flatten(layer(*tensors, training=True)) if _is_float(y)]
        # a plain sum is blind to much: that of a normalised row is constant
        pulls = [random.normal(size=output.shape).astype(np.float32) for output in outputs]
        total = tf.add_n([tf.reduce_sum(y * pull) for y, pull in zip(outputs, pulls, strict=True)])
    names = [weight.path for weight in layer.trainable_weights] + ["input"] * len(floats)
    sources = [weight.value for weight in layer.trainable_weights] + floats
    gradients = tape.gradient(total, sources)
    for name, gradient in zip(names, gradients, strict=True):
        assert gradient is not None, f"no gradient reaches {name}"
        assert np.isfinite(tf.convert_to_tensor(gradient).numpy()).all(), f"gradient of {name}"
    assert any(np.any(tf.convert_to_tensor(gradient).numpy()) for gradient in gradients)


def _check_mixed_precision(
    make: Callable[[], keras.Layer], layer: keras.Layer, inputs: Arrays, outputs: Any
) -> None:
    with _policy("mixed_bfloat16"):
        mixed = _built(make, inputs)
    mixed.set_weights(layer.get_weights())
    assert all(weight.dtype == "float32" for weight in mixed.weights if _is_float(weight))
    for found, expected in zip(
        keras.tree.flatten(mixed(*inputs)), keras.tree.flatten(outputs), strict=True
    ):
        if _is_float(expected):
            assert keras.backend.standardize_dtype(found.dtype) == "bfloat16"
            wanted = np.asarray(expected)
            largest = max(1e-3, float(np.abs(wanted).max(initial=0)))
            error = np.abs(np.asarray(keras.ops.cast(found, "float32")) - wanted).max(initial=0)
            assert error <= 0.05 * largest, f"bfloat16 is off by {error} of {largest}"


def _model(layer: keras.Layer, inputs: Arrays) -> keras.Model:
    symbols = [keras.Input(array.shape[1:], dtype=array.dtype.name) for array in inputs]
    return keras.Model(symbols, layer(*symbols))


def _flat_shapes(shapes: Any) -> list[tuple[int | None, ...]]:
    if all(size is None or isinstance(size, int) for size in shapes):
        return [tuple(shapes)]
    values = shapes.values() if isinstance(shapes, dict) else shapes
    return [shape for each in values for shape in _flat_shapes(each)]


def _is_float(tensor: Any) -> bool:
    return "float" in keras.backend.standardize_dtype(tensor.dtype)


def _assert_close(found: Any, expected: Any) -> None:
    pairs = zip(keras.tree.flatten(found), keras.tree.flatten(expected), strict=True)
    for one, other in pairs:
        np.testing.assert_allclose(np.asarray(one), np.asarray(other), rtol=1e-5, atol=1e-5)


@contextmanager
def _policy(name: str) -> Iterator[None]:
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


@contextmanager
def unregistered(*classes: type) -> Iterator[dict[str, type]]:
    """Classes as in a process that never registered them, and the `custom_objects` that name them.

    Keras looks them up by the name in the file, which has the package: `lutrin>Dense`.
    """
    registry = keras.saving.get_custom_objects()
    names = {keras.saving.get_registered_name(cls): cls for cls in classes}
    for name in names:
        del registry[name]
    try:
        yield names
    finally:
        registry.update(names)
