"""Images → themselves: an autoencoder learns to restore what it has squeezed through its code."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import keras
import matplotlib as mpl
import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure
from numpy.typing import NDArray

from service.manifest import ImageInput, Signature, TensorSpec
from training import catalogue
from training.analysis import plots
from training.data import pipeline
from training.data.augmentation import Augmentation
from training.datasets import Dataset
from training.exporting import goldens
from training.exporting.export import Function
from training.objectives.losses import Huber
from training.objectives.metrics import HuberMetric
from training.recipe import Recipe
from training.tasks import Answer, Served, Serving

SHOWN: Final = 12
"""Test images in the figure."""


class Reconstruction:
    """A run that learns to restore a data set's images; their labels are not used.

    Args:
        recipe: names an architecture from float32 (B, H, W, C), 0–255, to (B, H, W, C), 0–1.
        dataset: the images.
        threshold: of Huber's loss, in shares of white: a greater error pulls no harder.
    """

    def __init__(self, recipe: Recipe, dataset: Dataset, *, threshold: float = 1.0) -> None:
        self.recipe = recipe
        self.dataset = dataset
        self.threshold = threshold
        self.train, self.validation = pipeline.training_and_validation(
            (dataset.train.images,), (dataset.test.images,), recipe
        )
        self.augmentation = Augmentation(**recipe.group("augmentation"))  # type: ignore[arg-type] # checked when overridden

    @property
    def steps(self) -> int:
        """Batches of one epoch."""
        return pipeline.steps_of(self.train, self.recipe.batch_size)

    def build(self) -> keras.Model:
        """The recipe's architecture for the data set's images.

        Raises:
            ValueError: the architecture cannot take such images.
        """
        build = catalogue.get("architecture", self.recipe.architecture)
        return build(self.dataset.image_shape, **self.recipe.arguments)

    def training_batches(self, epoch: pipeline.Epoch) -> tf.data.Dataset:
        """Batches of (images float32 (B, H, W, C), 0–255, augmented; the same, 0–1)."""
        return pipeline.training_batches(
            self.train,
            self._augmented,
            batch_size=self.recipe.batch_size,
            seed=self.recipe.seed,
            epoch=epoch,
        )

    def validation_batches(self) -> tf.data.Dataset:
        """The same of the validation images, not augmented."""
        return pipeline.evaluation_batches(self.validation, _twice)

    def loss(self) -> keras.losses.Loss:
        """Huber's, of pixels in shares of white."""
        return Huber(self.threshold)

    def metrics(self) -> list[keras.metrics.Metric]:
        """`huber`, streamed, and `mse`, the mean squared error."""
        return [HuberMetric(self.threshold), keras.metrics.MeanSquaredError(name="mse")]

    def evaluate(self, model: keras.Model, folder: Path) -> dict[str, float]:
        """Errors on the test images; the first of them and their restorations as a figure."""
        images = self.dataset.test.images
        batches = pipeline.evaluation_batches((images,), lambda rows: (tf.cast(rows, tf.float32),))
        restored = model.predict(batches, verbose=0)
        measures = measure(images, restored, self.threshold)
        save_reconstructions(
            folder / "reconstructions.png", images[:SHOWN], restored[:SHOWN], measures["test_psnr"]
        )
        return measures

    def remeasure(self, answers: Mapping[str, Answer]) -> dict[str, float]:
        """The same errors of an export's `reconstruct`."""
        images = self.dataset.test.images
        restored = answers["reconstruct"](images=images)["reconstructions"]
        return measure(images, restored, self.threshold)

    def serving(self, model: keras.Model) -> Serving:
        """One signature, `reconstruct`: `images` uint8 (B, H, W, C) → `reconstructions`, 0–1."""
        height, width, channels = self.dataset.image_shape
        image = ImageInput.model_validate(
            {
                "height": height,
                "width": width,
                "channels": channels,
                "fit": self.recipe.fit,
                "resample": self.recipe.resample,
            }
        )
        shape = (None, height, width, channels)
        promise = Signature(
            task="infer",
            inputs={"images": TensorSpec(dtype="uint8", shape=shape)},
            outputs={"reconstructions": TensorSpec(dtype="float32", shape=shape)},
        )
        inputs = {"images": goldens.made(height, width, channels)}
        served = Served(reconstruct(model, self.dataset.image_shape), promise, inputs)
        return Serving(signatures={"reconstruct": served}, image=image)

    def _augmented(self, images: tf.Tensor, seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        inputs, targets = _twice(images)
        if not self.augmentation.active:
            return inputs, targets
        augmented = self.augmentation(inputs, seed)
        return augmented, augmented / 255.0


def _twice(images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """What goes in, 0–255, and what is to come out, 0–1."""
    pixels = tf.cast(images, tf.float32)
    return pixels, pixels / 255.0


def reconstruct(model: keras.Model, image_shape: tuple[int, int, int]) -> Function:
    """The signature: `images` uint8 (B, H, W, C) → `reconstructions` float32 (B, H, W, C), 0–1.

    Not rounded to uint8: a rounding that tips over by another runtime's last bit would be an error
    of one, and no golden would hold.
    """

    @tf.function(input_signature=[tf.TensorSpec([None, *image_shape], tf.uint8, name="images")])
    def function(images: tf.Tensor) -> dict[str, tf.Tensor]:
        restored = model(tf.cast(images, tf.float32), training=False)
        return {"reconstructions": tf.cast(restored, tf.float32)}

    return function  # type: ignore[no-any-return] # TensorFlow ships no types


def measure(
    images: NDArray[np.uint8], restored: NDArray[np.float32], threshold: float
) -> dict[str, float]:
    """How near the restored pixels, 0–1, are to the images, 0–255; both (N, H, W, C).

    Returns:
        `test_mse`, the mean squared error; `test_huber`, the mean of Huber's loss; `test_psnr`,
        the mean over the images of 10·log₁₀(1 / their mean squared error), dB.
    """
    huber = HuberMetric(threshold)
    errors = np.empty(len(images))
    for start in range(0, len(images), pipeline.EVALUATION_BATCH_SIZE):
        rows = slice(start, start + pipeline.EVALUATION_BATCH_SIZE)
        pixels = images[rows].astype(np.float32) / 255
        huber.update_state(pixels, restored[rows])
        errors[rows] = np.mean((restored[rows] - pixels) ** 2, axis=(1, 2, 3))
    ratios = 10 * np.log10(1 / np.maximum(errors, 1e-10))  # an image restored exactly has 100 dB
    return {
        "test_mse": round(float(errors.mean()), 6),
        "test_huber": round(float(huber.result()), 6),
        "test_psnr": round(float(ratios.mean()), 3),
    }


def save_reconstructions(
    path: Path, images: NDArray[np.uint8], restored: NDArray[np.float32], psnr: float
) -> None:
    """Images above, their restorations below.

    Args:
        path: the PNG file to write.
        images: uint8 (N, H, W, C).
        restored: float32 (N, H, W, C), 0–1.
        psnr: the mean over all test images, dB.
    """
    with mpl.rc_context(plots.STYLE):
        figure = Figure(figsize=(1.1 * len(images), 2.9))
        figure.suptitle(
            f"Test images and their reconstructions: {psnr:.1f} dB",
            x=0.01,
            ha="left",
            weight="bold",
        )
        grid = figure.subplots(2, len(images), squeeze=False)
        rows: Any = (images / 255, restored)
        for axes, image in zip(grid.flat, [each for row in rows for each in row], strict=True):
            axes.imshow(image.squeeze(), cmap="gray", vmin=0, vmax=1)
            axes.axis("off")
        figure.savefig(path)


TASK: Final = Reconstruction
