"""Foreign SavedModels like those TensorFlow Serving's own tests serve, made with our own code.

TensorFlow 1's are written with its builder: graphs with named signatures, some of which take
serialized `tf.Example`s to classify or regress.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow_serving.apis import prediction_log_pb2

v1 = tf.compat.v1


def write_half_plus(folder: Path, offset: float, *, also_for_training: bool = False) -> None:
    """Write a TensorFlow 1 SavedModel of y = x / 2 + offset, to predict, classify and regress.

    `serving_default` takes x (any, 1); `regress_x_to_y` and `classify_x_to_y` take examples with a
    feature x; `regress_x2_to_y3` gives x2 / 2 + 3, x2 being 0 where an example has none. With
    `also_for_training` the first of two graphs is one to train, which has no signatures.
    """
    with v1.Graph().as_default(), v1.Session() as session:
        slope = v1.get_variable("slope", initializer=0.5, use_resource=False)
        examples = v1.placeholder(tf.string, [None], name="tf_example")
        features = v1.parse_example(
            examples,
            {
                "x": v1.FixedLenFeature([1], tf.float32),
                "x2": v1.FixedLenFeature([1], tf.float32, [0.0]),
            },
        )
        x = tf.identity(features["x"], name="x")
        y = tf.add(slope * x, offset, name="y")
        y3 = tf.add(slope * features["x2"], 3.0, name="y3")
        labels = tf.fill(tf.shape(y), "half plus")
        session.run(v1.global_variables_initializer())
        builder = v1.saved_model.Builder(str(folder))
        signatures = {
            "serving_default": v1.saved_model.predict_signature_def({"x": x}, {"y": y}),
            "regress_x_to_y": v1.saved_model.regression_signature_def(examples, y),
            "regress_x2_to_y3": v1.saved_model.regression_signature_def(examples, y3),
            "classify_x_to_y": v1.saved_model.classification_signature_def(examples, labels, y),
            "classify_scores": v1.saved_model.classification_signature_def(examples, None, y),
        }
        if also_for_training:
            builder.add_meta_graph_and_variables(session, ["train"])
            builder.add_meta_graph(["serve", "gpu"], signature_def_map=signatures)
        else:
            builder.add_meta_graph_and_variables(session, ["serve"], signatures)
        builder.save()


def write_counter(folder: Path) -> None:
    """Write a TensorFlow 1 SavedModel with state, kept in a reference variable.

    `get_counter`, `incr_counter`, `incr_counter_by` (delta) and `reset_counter` give the count.
    """
    with v1.Graph().as_default(), v1.Session() as session:
        count = v1.get_variable("count", initializer=0.0, use_resource=False)
        delta = v1.placeholder(tf.float32, [], name="delta")
        outputs = {
            "get_counter": count,
            "incr_counter": v1.assign_add(count, 1.0),
            "incr_counter_by": v1.assign_add(count, delta),
            "reset_counter": v1.assign(count, 0.0),
        }
        info = v1.saved_model.build_tensor_info
        signatures = {
            name: v1.saved_model.build_signature_def(
                {"delta": info(delta)} if name == "incr_counter_by" else {},
                {"output": info(output)},
                "tensorflow/serving/predict",
            )
            for name, output in outputs.items()
        }
        session.run(v1.global_variables_initializer())
        builder = v1.saved_model.Builder(str(folder))
        builder.add_meta_graph_and_variables(session, ["serve"], signatures)
        builder.save()


def write_with_slots(folder: Path) -> None:
    """Write y = x·w, w = (2, 3), with the slots of an optimizer, as Keras 2's `model.save` does.

    TensorFlow's loader of objects refuses it where Keras 2 is not installed.
    """
    module = tf.Module()
    module.optimizer = tf.Module()
    module.w = tf.Variable([[2.0], [3.0]], name="w")
    module.optimizer.m = tf.Variable([[0.0], [0.0]], name="w/m")

    @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32, name="x")])
    def product(x: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"y": x @ module.w}

    tf.saved_model.save(module, str(folder), signatures=product)
    file = folder / "saved_model.pb"
    saved = saved_model_pb2.SavedModel.FromString(file.read_bytes())
    nodes = saved.meta_graphs[0].object_graph_def.nodes
    children = {child.local_name: child.node_id for child in nodes[0].children}
    optimizer = nodes[children["optimizer"]]
    slots = {child.local_name: child.node_id for child in optimizer.children}
    optimizer.user_object.identifier = "optimizer"
    optimizer.slot_variables.add(
        original_variable_node_id=children["w"],
        slot_name="m",
        slot_variable_node_id=slots["m"],
    )
    file.write_bytes(saved.SerializeToString())


def write_keras_module(folder: Path) -> None:
    """Write y = 2x as people save a Keras 3 model by hand: a module that has the model.

    Its checkpoint restores copies of the variables that its graph reads.
    """
    model = keras.Sequential([keras.layers.Input((2,)), keras.layers.Dense(2, name="twice")])
    model.set_weights([2 * np.eye(2, dtype=np.float32), np.zeros(2, np.float32)])
    module = tf.Module()
    module.model = model

    @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32, name="x")])
    def twice(x: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"y": model(x)}

    tf.saved_model.save(module, str(folder), signatures=twice)


def write_strings(folder: Path) -> None:
    """Write a TensorFlow 2 SavedModel that gives strings back, as text and as bytes."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="s")])
    def identity(s: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"s": tf.identity(s), "s_bytes": tf.identity(s)}

    _save(folder, serving_default=identity)


def write_types(folder: Path) -> None:
    """Write a TensorFlow 2 SavedModel with a signature for each type: `x` comes back as `y`.

    `pair` takes a (any, 2) and b (any): it gives a + b and the number of rows; `scalar` takes and
    gives one number.
    """
    names = [*(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64))]
    names += ["half", "bool", "float", "double"]

    def identity(dtype: str) -> Any:
        spec = tf.TensorSpec([None], tf.as_dtype(dtype), name="x")
        return tf.function(lambda x: {"y": tf.identity(x)}, input_signature=[spec])

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, 2], tf.float32, name="a"),
            tf.TensorSpec([None], tf.int32, name="b"),
        ]
    )
    def pair(a: tf.Tensor, b: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"total": a + tf.cast(b, tf.float32)[:, None], "twice": 2 * b}

    @tf.function(input_signature=[tf.TensorSpec([], tf.float32, name="x")])
    def scalar(x: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"y": x / 2.0 + 2.0}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="x")])
    def count(x: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"count": tf.size(x), "x": tf.identity(x)}

    _save(folder, pair=pair, scalar=scalar, count=count, **{name: identity(name) for name in names})


def write_peculiar(folder: Path) -> None:
    """Write a TensorFlow 2 SavedModel of signatures that are rare, some of which JSON cannot ask.

    `complex` takes complex numbers, `ragged` gives rows of different lengths, `nothing` takes no
    input; `total` takes a tensor of any shape, without a batch axis, and gives a scalar.
    """

    @tf.function(input_signature=[tf.TensorSpec([None], tf.complex64, name="c")])
    def magnitude(c: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"y": tf.abs(c)}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="s")])
    def words(s: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"words": tf.strings.split(s)}

    @tf.function(input_signature=[])
    def nothing() -> dict[str, tf.Tensor]:
        return {"y": tf.constant([1.0])}

    @tf.function(input_signature=[tf.TensorSpec(None, tf.float32, name="x")])
    def total(x: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"y": tf.reduce_sum(x)}

    _save(folder, complex=magnitude, ragged=words, nothing=nothing, total=total)


def write_examples(folder: Path) -> None:
    """Write a TensorFlow 2 SavedModel of x / 2 + 2 for examples with a feature x.

    `regress` and `classify` answer as such signatures should; `pairs`, `total` and `flat` give
    outputs of other shapes.
    """

    def half(inputs: tf.Tensor) -> tf.Tensor:
        features = {"x": tf.io.FixedLenFeature([1], tf.float32)}
        return 0.5 * tf.io.parse_example(inputs, features)["x"] + 2.0

    def signature(name: str, change: Callable[[tf.Tensor], tf.Tensor]) -> Any:
        spec = tf.TensorSpec([None], tf.string, name="inputs")
        return tf.function(lambda inputs: {name: change(half(inputs))}, input_signature=[spec])

    _save(
        folder,
        regress=signature("outputs", tf.identity),
        classify=signature("scores", tf.identity),
        pairs=signature("outputs", lambda y: tf.concat([y, y], 1)),
        total=signature("outputs", lambda y: tf.reduce_sum(y, 0)),
        flat=signature("scores", lambda y: y[:, 0]),
    )


def write_warmup(export: Path, *logs: prediction_log_pb2.PredictionLog) -> Path:
    """Write the requests that warm an export up; gives the file."""
    path = export / "assets.extra" / "tf_serving_warmup_requests"
    path.parent.mkdir(parents=True, exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for log in logs:
            writer.write(log.SerializeToString())
    return path


def predict_log(signature: str = "", **tensors: Any) -> prediction_log_pb2.PredictionLog:
    """The record of a request to predict."""
    log = prediction_log_pb2.PredictionLog()
    request = log.predict_log.request
    request.model_spec.name = "any"
    request.model_spec.signature_name = signature
    for name, value in tensors.items():
        request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
    return log


def _save(folder: Path, **signatures: Any) -> None:
    module = tf.Module()
    for name, function in signatures.items():
        setattr(module, f"{name}_function", function)
    tf.saved_model.save(module, str(folder), signatures=signatures)
