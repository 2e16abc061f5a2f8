"""Images to rows: what a batch is padded to, and what stands in each row."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

from service.batching.images import ImageBatches
from service.errors import InferenceFailed
from service.machine.devices import Device
from service.manifest import ImageInput, Manifest
from service.runtimes import Placement, Tensors, openvino

IMAGE = ImageInput(height=8, width=8, channels=1)


class Recorder:
    """A signature that answers the mean of each image, and keeps the sizes it was run with."""

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def __call__(self, inputs: Tensors) -> Tensors:
        images = inputs["images"]
        self.sizes.append(len(images))
        means = images.mean(axis=(1, 2, 3), dtype=np.float32)
        return {"probabilities": np.stack([means, 255 - means], axis=1)}


def test_only_sizes_that_were_warmed_are_run() -> None:
    function = Recorder()
    batches = ImageBatches(function, IMAGE, 20)
    batches.warm()
    warmed = sorted(set(function.sizes))
    assert warmed == [1, 2, 3, 4, 6, 8, 12, 16, 20]
    for count in range(1, 21):
        answers = batches([np.full((8, 8, 1), shade, np.uint8) for shade in range(count)])
        assert [float(answer[0]) for answer in map(_good, answers)] == list(range(count))
    assert set(function.sizes) == set(warmed)


def test_a_slow_model_takes_a_few_at_a_time() -> None:
    def slow(inputs: Tensors) -> Tensors:
        time.sleep(0.006 * len(inputs["images"]))
        return Recorder()(inputs)

    for function, most in ((slow, 8), (Recorder(), 20)):
        batches = ImageBatches(function, IMAGE, 20)
        batches.warm()
        assert batches.most_rows == most


def _good(answer: np.ndarray | Exception) -> np.ndarray:
    assert not isinstance(answer, Exception), answer
    return answer


def test_scores_that_are_not_numbers_are_an_error_of_their_row() -> None:
    def function(inputs: Tensors) -> Tensors:
        means = inputs["images"].mean(axis=(1, 2, 3), dtype=np.float32)
        return {"probabilities": np.stack([means, np.where(means > 200, np.nan, means)], axis=1)}

    dark, light = ImageBatches(function, IMAGE, 2)(
        [np.full((8, 8, 1), shade, np.uint8) for shade in (10, 245)]
    )
    assert _good(dark).tolist() == [10, 10]
    assert isinstance(light, InferenceFailed)


def test_padding_does_not_change_an_answer(models_dir: Path) -> None:
    export = models_dir / "shade" / "1"
    manifest = Manifest.read(export)
    assert manifest.image is not None
    placement = Placement(Device("cpu"), "float32", threads=0)
    program = openvino.load(export, manifest.signatures, placement)
    images = np.random.default_rng(3).integers(0, 256, (13, 8, 8, 1), np.uint8)
    together = ImageBatches(program["classify"], manifest.image, 32)(list(images))
    one_by_one = ImageBatches(program["classify"], manifest.image, 1)
    for image, answer in zip(images, together, strict=True):
        [alone] = one_by_one([image])
        np.testing.assert_allclose(_good(answer), _good(alone), rtol=0, atol=1e-5)
