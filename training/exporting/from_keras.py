"""Bring your own model: anyone's `.keras` file → an export."""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path
from typing import Literal

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from service.manifest import Fit, ImageInput, Manifest, Resample
from training.errors import ExportError, UsageError
from training.exporting import goldens, keras_file, labels, signatures
from training.exporting.export import export
from training.exporting.provenance import provenance
from training.exporting.signatures import Outputs, Scaling

logger = logging.getLogger(__name__)


def export_keras_file(
    file: Path,
    *,
    name: str,
    labels_file: Path,
    models_dir: Path,
    fit: Fit = "stretch",
    resample: Resample = "bilinear",
    padding: int = 0,
    size: str | None = None,
    scaling: Scaling | None = None,
    outputs: Literal["auto"] | Outputs = "auto",
    examples: Path | None = None,
    custom_objects: str | None = None,
    description: str = "",
    license: str | None = None,
) -> Path:
    """Export a Keras classifier of images and return the folder of its new version.

    Args:
        file: a `.keras` file.
        name: the model's name.
        labels_file: the class names, one a line, in the order of the outputs.
        models_dir: the folder of all models.
        fit: how the service turns an image into the model's size.
        resample: the filter it resizes with.
        padding: grey 0–255 around images under the fit `pad`.
        size: "HxW", pixels, for a model that takes any size.
        scaling: what the model expects of pixels; None is `none`, with a warning where the model
            does not seem to scale them itself.
        outputs: what its last layer gives; `auto` judges by the layer and by the examples.
        examples: a folder of images for the goldens; None makes some.
        custom_objects: a module or `.py` file with the model's own layers.
        description: one sentence for people who choose a model.
        license: an SPDX identifier or a sentence.

    Raises:
        UsageError: an option cannot be.
        ExportError: the file, the labels, the examples and the options do not make an export.
    """
    names = labels.read(labels_file)
    model = keras_file.load(file, custom_objects)
    image = _image(keras_file.image_shape(model, _size(size)), fit, resample, padding)
    _check_labels(keras_file.num_outputs(model), names)
    scaling = _scaling(model, scaling, image)
    inputs = {"images": _golden_images(examples, image)}
    kind = _outputs(model, inputs["images"], scaling) if outputs == "auto" else outputs
    classify = signatures.classify(model, image, scaling=scaling, outputs=kind)
    answers = signatures.live(classify, inputs)
    _check_probabilities(answers["probabilities"], outputs)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    facts = {"source": file.name, "sha256": digest, "scaling": scaling, "outputs": kind}
    manifest = Manifest(
        description=description,
        signatures={"classify": signatures.classify_promise(image, len(names))},
        image=image,
        labels=names,
        provenance=provenance(facts),
        license=license,
    )
    return export(
        model,
        {"classify": classify},
        manifest,
        {"classify": (inputs, answers)},
        name=name,
        models_dir=models_dir,
    )


def _image(shape: tuple[int, int, int], fit: Fit, resample: Resample, padding: int) -> ImageInput:
    height, width, channels = shape
    options = {"fit": fit, "resample": resample, "padding": padding}
    size = {"height": height, "width": width, "channels": channels}
    try:
        return ImageInput.model_validate({**size, **options})
    except ValueError as error:
        reason = str(error).splitlines()[-2].strip().partition(" [")[0]
        raise UsageError(reason.removeprefix("Value error, ")) from error


def _size(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    height, _, width = text.lower().replace("×", "x").partition("x")
    if not (height.isdecimal() and width.isdecimal() and int(height) and int(width)):
        raise UsageError(f"--size is HxW in pixels, such as 224x224; got {text!r}")
    return int(height), int(width)


def _check_labels(num_outputs: int, names: tuple[str, ...]) -> None:
    if num_outputs == 1 and len(names) == 2:
        return  # a binary model: one score, of the second class
    if num_outputs == 1:
        raise ExportError(
            f"the model gives one score an image, so it needs 2 labels, the one of scores near 0 "
            f"first; got {len(names)}"
        )
    if num_outputs != len(names):
        raise ExportError(
            f"the model gives {num_outputs} scores an image, but there are {len(names)} labels "
            f"({names[0]!r} … {names[-1]!r}): write one for each score, in their order"
        )


def _scaling(model: keras.Model, scaling: Scaling | None, image: ImageInput) -> Scaling:
    if scaling in {"imagenet", "caffe"} and image.channels != 3:
        raise UsageError(f"the scaling {scaling!r} is of RGB images; this model's are grey")
    if scaling is None and not keras_file.scales_itself(model):
        logger.warning(
            "the model has no Rescaling or Normalization layer and is given pixels of 0–255; if it "
            "was trained on scaled ones, say how: --scaling %s",
            "|".join(signatures.SCALINGS[1:]),
        )
    return scaling or "none"


def _golden_images(examples: Path | None, image: ImageInput) -> NDArray[np.uint8]:
    if examples is not None:
        return goldens.read(examples, image)
    return goldens.made(image.height, image.width, image.channels)


def _outputs(model: keras.Model, images: NDArray[np.uint8], scaling: Scaling) -> Outputs:
    """Judge by the last layer what the scores are, and check it on images.

    Raises:
        ExportError: the layer does not tell, or the scores belie it.
    """
    activation = keras_file.final_activation(model)
    pixels = signatures.scale(tf.cast(images, tf.float32), scaling)
    scores = np.asarray(model(pixels, training=False), np.float32)
    remedy = "say which by --outputs logits or --outputs probabilities"
    looks_sure = _are_probabilities(scores)
    if scores.shape[1] == 1 and activation == "sigmoid":
        return "probabilities"
    judged = keras_file.judged_outputs(activation)
    if judged is None and activation == "sigmoid":
        raise ExportError(
            f"the last layer is a sigmoid over {scores.shape[1]} classes, so an image may be "
            "several of them at once: --outputs probabilities serves these scores as they are"
        )
    if judged is None:
        raise ExportError(
            f"the last layer's activation ({activation or 'unknown'}) does not tell whether the "
            f"scores are logits or probabilities: {remedy}"
        )
    if judged == "logits" and looks_sure and scores.shape[1] > 1:
        raise ExportError(
            "the last layer has no activation, yet its scores are between 0 and 1 and add up to 1 "
            f"for every example: {remedy}"
        )
    if judged == "probabilities" and not looks_sure:
        raise ExportError(
            "the last layer is a softmax, yet its scores do not add up to 1 for the examples "
            f"(from {scores.min():.3g} to {scores.max():.3g}): {remedy}"
        )
    return judged


def _are_probabilities(scores: NDArray[np.float32]) -> bool:
    within = bool((scores >= 0).all() and (scores <= 1 + 1e-3).all())
    return within and bool(np.allclose(scores.sum(axis=1), 1, atol=1e-2))


def _check_probabilities(probabilities: NDArray[np.float32], outputs: str) -> None:
    if probabilities.min() < -1e-3 or probabilities.max() > 1 + 1e-3:
        raise ExportError(
            f"--outputs {outputs}, but the scores go from {probabilities.min():.3g} to "
            f"{probabilities.max():.3g}, which are no probabilities: try --outputs logits"
        )
