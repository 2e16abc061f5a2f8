"""Images → one of K classes: cross-entropy on logits, accuracy, the signature `classify`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from service.manifest import ImageInput
from training import catalogue
from training.analysis import plots
from training.data import pipeline
from training.data.augmentation import Augmentation
from training.datasets import Dataset
from training.exporting import goldens, signatures
from training.recipe import Recipe
from training.tasks import Answer, Served, Serving, Task


class Classification:
    """A run that learns to classify a data set's images."""

    def __init__(self, recipe: Recipe, dataset: Dataset) -> None:
        self.recipe = recipe
        self.dataset = dataset
        train, test = ((split.images, split.labels) for split in (dataset.train, dataset.test))
        self.train, self.validation = pipeline.training_and_validation(train, test, recipe)
        self.augmentation = Augmentation(**recipe.group("augmentation"))  # type: ignore[arg-type] # checked when overridden

    @property
    def steps(self) -> int:
        """Batches of one epoch."""
        return pipeline.steps_of(self.train, self.recipe.batch_size)

    def build(self) -> keras.Model:
        """The recipe's architecture for the data set: float32 (B, H, W, C), 0–255 → logits (B, K).

        Raises:
            ValueError: the architecture cannot take such images.
        """
        build = catalogue.get("architecture", self.recipe.architecture)
        shape, num_classes = self.dataset.image_shape, len(self.dataset.labels)
        return build(shape, num_classes, **self.recipe.arguments)

    def training_batches(self, epoch: pipeline.Epoch) -> tf.data.Dataset:
        """Batches of (images float32 (B, H, W, C), augmented; labels float32 (B, K), one-hot)."""
        return pipeline.training_batches(
            self.train,
            self._augmented,
            batch_size=self.recipe.batch_size,
            seed=self.recipe.seed,
            epoch=epoch,
        )

    def validation_batches(self) -> tf.data.Dataset:
        """The same of the validation images, not augmented."""
        return pipeline.evaluation_batches(self.validation, self._plain)

    def loss(self) -> keras.losses.Loss:
        """Cross-entropy of the softmax, nats; targets smoothed as the recipe says."""
        return keras.losses.CategoricalCrossentropy(
            from_logits=True, label_smoothing=self.recipe.label_smoothing
        )

    def metrics(self) -> list[keras.metrics.Metric]:
        """`accuracy`, 0–1."""
        return [keras.metrics.CategoricalAccuracy(name="accuracy")]

    def evaluate(self, model: keras.Model, folder: Path) -> dict[str, float]:
        """Accuracy and cross-entropy on the test images; the confusion matrix and the mistakes."""
        test = self.dataset.test
        probabilities = predict(model, test.images)
        guesses, labels = probabilities.argmax(axis=1), self.dataset.labels
        plots.save_confusion(folder / "confusion.png", test.labels, guesses, labels)
        plots.save_mistakes(
            folder / "mistakes.png", test.images, test.labels, probabilities, labels
        )
        return measure(probabilities, test.labels)

    def remeasure(self, answers: Mapping[str, Answer]) -> dict[str, float]:
        """The same of an export's `classify`."""
        test = self.dataset.test
        return measure(answers["classify"](images=test.images)["probabilities"], test.labels)

    def serving(self, model: keras.Model) -> Serving:
        """One signature, `classify`, for images made to fit as the recipe says."""
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
        labels = self.dataset.labels
        classify = Served(
            signatures.classify(model, image),
            signatures.classify_promise(image, len(labels)),
            {"images": goldens.made(height, width, channels)},
        )
        return Serving(signatures={"classify": classify}, image=image, labels=labels)

    def _plain(self, images: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return tf.cast(images, tf.float32), tf.one_hot(labels, len(self.dataset.labels))

    def _augmented(self, images: tf.Tensor, labels: tf.Tensor, seed: tf.Tensor) -> Any:
        images, targets = self._plain(images, labels)
        return (self.augmentation(images, seed) if self.augmentation.active else images), targets


def predict(model: keras.Model, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Probabilities float32 (N, K) for images uint8 (N, H, W, C), by a model that gives logits."""
    batches = pipeline.evaluation_batches((images,), lambda rows: (tf.cast(rows, tf.float32),))
    probabilities: NDArray[np.float32] = tf.nn.softmax(model.predict(batches, verbose=0)).numpy()
    return probabilities


def measure(probabilities: NDArray[np.float32], truth: NDArray[np.int64]) -> dict[str, float]:
    """Accuracy (0–1) and mean cross-entropy (nats) on the test images, (N, K) against (N,)."""
    right = probabilities[np.arange(len(truth)), truth]
    accuracy = float(np.mean(probabilities.argmax(axis=1) == truth))
    loss = float(np.mean(-np.log(np.maximum(right, 1e-12))))
    return {"test_accuracy": round(accuracy, 6), "test_loss": round(loss, 6)}


TASK: Final[Callable[..., Task]] = Classification
